//! Further connections of one link.
//!
//! One connection is enciphered by one thread at a time, which bounds what a link carries. On a
//! machine with many cores whoever dialled makes some more to the same peer, the link's *strands*.
//! Each takes a frame when it is free; the peer puts frames back in order by their numbers
//! ([`super::inbox`]). Controls go over the first strand alone. A link ends with any of them.

use std::num::NonZero;

/// The most strands of a link.
pub(super) const MOST: usize = 4;
/// Cores that are worth one more.
const CORES_EACH: usize = 4;
/// Where a link's first strand is asked for.
const FIRST: &str = "/peer";
/// Where further ones are, followed by the link.
const FURTHER: &str = "/strand/";

/// Returns how many strands a link has that this machine dials.
pub fn strands() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    (cores / CORES_EACH).clamp(1, MOST)
}

/// Names a link to its two ends, which alone know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LinkId(pub(super) u128);

/// What a connection is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A new link's first strand.
    Link,
    /// A further one of a link.
    Strand(LinkId),
}

impl Purpose {
    /// Returns where a connection for it is asked for.
    pub(super) fn address(self) -> String {
        let path = match self {
            Self::Link => FIRST.to_owned(),
            Self::Strand(LinkId(id)) => format!("{FURTHER}{id:032x}"),
        };
        format!("ws://mcmix-party{path}")
    }

    /// Reads the path of such an address.
    pub(super) fn read(path: &str) -> Option<Self> {
        if path == FIRST {
            return Some(Self::Link);
        }
        let id = path.strip_prefix(FURTHER).filter(|id| id.len() == 32)?;
        let id = u128::from_str_radix(id, 16).ok()?;
        Some(Self::Strand(LinkId(id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_survive_the_wire() {
        for purpose in [
            Purpose::Link,
            Purpose::Strand(LinkId(7)),
            Purpose::Strand(LinkId(u128::MAX)),
        ] {
            let address = purpose.address();
            let path = address.strip_prefix("ws://mcmix-party").unwrap();
            assert_eq!(Purpose::read(path), Some(purpose));
        }
        for other in [
            "",
            "/",
            "/peer/",
            "/strand/",
            "/strand/7",
            &"/strand/+".repeat(4),
        ] {
            assert_eq!(Purpose::read(other), None, "{other}");
        }
    }
}
