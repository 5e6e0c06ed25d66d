//! What the fuzz targets share.

pub mod client;
pub mod engine;

use std::alloc::System;
use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use mcmix_shared::identity::SecretKey;
use mcmix_shared::manifest::{Deployment, Server, VERSION};
use mcmix_shared::party::PartyId;
use mcmix_shared::program::Program;
use mcmix_shared::row::Shape;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng as _;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Small, so that a fuzzer reaches a whole submission.
pub const SHAPE: Shape = Shape {
    slots: 3,
    message_bytes: 128,
};

/// Runs a decoder and sees to it that it allocates at most `factor` bytes for each byte that it reads,
/// and some that do not depend on the input.
pub fn bounded<T>(input: &[u8], factor: usize, decode: impl FnOnce() -> T) -> T {
    const FIXED: usize = 16 * 1024;
    let region = Region::new(COUNTED);
    let decoded = decode();
    let allocated = region.change().bytes_allocated;
    let most = FIXED + factor * input.len();
    assert!(
        allocated <= most,
        "{allocated} bytes allocated for {} that were read",
        input.len()
    );
    decoded
}

/// A party, as a fuzzer names it.
#[derive(Clone, Copy, Debug)]
pub enum Party {
    /// The first.
    P0,
    /// The second.
    P1,
    /// The third.
    P2,
}

impl<'a> Arbitrary<'a> for Party {
    fn arbitrary(input: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(match u8::arbitrary(input)? % 3 {
            0 => Self::P0,
            1 => Self::P1,
            _ => Self::P2,
        })
    }
}

impl From<Party> for PartyId {
    fn from(party: Party) -> Self {
        match party {
            Party::P0 => Self::P0,
            Party::P1 => Self::P1,
            Party::P2 => Self::P2,
        }
    }
}

/// A program, as a fuzzer names it.
#[derive(Clone, Copy, Debug)]
pub struct AnyProgram(pub Program);

impl<'a> Arbitrary<'a> for AnyProgram {
    fn arbitrary(input: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        input.choose(&Program::ALL).copied().map(Self)
    }
}

/// Changes to bytes that were right.
#[derive(Clone, Debug, Arbitrary)]
pub enum Change {
    /// One byte is another.
    Flip {
        /// Which, from the start, around the end.
        at: u16,
        /// What is added to it, bit by bit.
        by: u8,
    },
    /// Ends earlier.
    Cut(u16),
    /// Goes on.
    Append(Vec<u8>),
    /// Is something else.
    Replace(Vec<u8>),
}

impl Change {
    /// Makes the change.
    pub fn make(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Flip { at, by } => {
                let at = usize::from(*at) % bytes.len().max(1);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= by;
                }
            }
            Self::Cut(len) => bytes.truncate((*len).into()),
            Self::Append(more) => bytes.extend_from_slice(more),
            Self::Replace(other) => bytes.clone_from(other),
        }
    }
}

/// Returns a generator that draws the same each time.
pub fn rng() -> ChaCha12Rng {
    ChaCha12Rng::seed_from_u64(1)
}

/// Returns a key that is the same each time.
pub fn secret(number: u8) -> SecretKey {
    SecretKey::from_bytes([number; 32])
}

/// Returns a deployment whose servers have the keys 10, 11 and 12.
pub fn deployment() -> &'static Deployment {
    static DEPLOYMENT: LazyLock<Deployment> = LazyLock::new(|| {
        let server = |number: u8| Server {
            url: format!("ws://127.0.0.{number}:1"),
            key: secret(number).server_key(),
        };
        Deployment {
            version: VERSION,
            name: "fuzzed".into(),
            island: 0,
            first: None,
            slots: 3,
            quick_rounds: 8,
            message_bytes: 128,
            conversation_period_ms: 1000,
            dialing_period_ms: 5000,
            servers: [10, 11, 12].map(server),
        }
    });
    &DEPLOYMENT
}
