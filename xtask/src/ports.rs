//! Free ports on loopback.

use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context as _, Result};

/// Ports that the system gives to no outgoing connection, so that a server which comes back
/// finds its port free.
const RANGE: core::ops::Range<u16> = 20_000..32_000;

/// How many ports this process has looked at. None is given twice: its address is an origin,
/// and a browser remembers what it knows of it.
static LOOKED_AT: AtomicU16 = AtomicU16::new(0);

/// Returns ports that were free a moment ago, all different.
///
/// # Errors
///
/// There are none left.
pub fn free<const N: usize>() -> Result<[u16; N]> {
    let mut ports = [0; N];
    for port in &mut ports {
        *port = candidates()
            .find(|port| is_free(*port))
            .context("no free port")?;
    }
    Ok(ports)
}

/// Returns whether a port is free to listen on.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn candidates() -> impl Iterator<Item = u16> {
    // Two processes at the same time rarely start at the same place.
    let start = process::id().wrapping_mul(97);
    core::iter::repeat_with(move || {
        let step = u32::from(LOOKED_AT.fetch_add(1, Ordering::Relaxed));
        let offset = start.wrapping_add(step) % u32::from(RANGE.end - RANGE.start);
        RANGE.start + u16::try_from(offset).unwrap_or_default()
    })
    .take(RANGE.len())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    // That a port given is still free cannot be tested: a program started at the same moment by
    // another thread holds every open socket until it is itself.

    #[test]
    fn ports_are_given_once() {
        let first: [u16; 9] = free().unwrap();
        let second: [u16; 9] = free().unwrap();
        let all: BTreeSet<u16> = first.into_iter().chain(second).collect();
        assert_eq!(all.len(), 18);
        assert!(all.iter().all(|port| RANGE.contains(port)));
    }

    #[test]
    fn a_port_that_something_has_is_not_free() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(taken.local_addr().unwrap().port()));
    }
}
