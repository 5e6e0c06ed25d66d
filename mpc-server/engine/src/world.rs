//! Three parties in one process: what tests, examples and benchmarks run programs in.
//!
//! Deals inputs and reconstructs replies as clients do (docs/protocol.md §2), with a seed in place
//! of randomness: nothing here is for production.

use std::thread;

use mcmix_shared::party::PartyId;

use crate::{
    context::{Context, Settings, Statistics},
    error::{Error, LinkError},
    link::{Link, memory},
    program::Replies,
    step::{Phase, Step},
    stream::{PairKeys, SEED_BYTES, Stream, xor_seed},
};

/// Three connected parties.
#[derive(Debug)]
pub struct World {
    seed: u64,
    deals: u64,
    /// `None` after a failed round, whose links are closed.
    contexts: Option<[Context; 3]>,
}

impl World {
    /// Connects three single-threaded parties in memory.
    pub fn new(seed: u64) -> Self {
        let settings = Settings {
            threads: 1,
            ..Settings::default()
        };
        Self::with_settings(seed, settings)
    }

    /// Connects three parties in memory.
    pub fn with_settings(seed: u64, settings: Settings) -> Self {
        Self::with_links(seed, settings, memory::connect())
    }

    /// Connects three parties over the given links, in party order.
    pub fn with_links<L: Link + 'static>(seed: u64, settings: Settings, links: [L; 3]) -> Self {
        let keys = [0, 1, 2].map(|i| {
            let mut key = [0; 32];
            stream(seed, 0).xor(i * 32, &mut key);
            key
        });
        Self::with_keys(seed, keys, settings, links)
    }

    /// Connects three parties with the keys of P0 and P1, of P1 and P2, and of P2 and P0. Inputs
    /// are dealt by the seed.
    ///
    /// # Panics
    /// Never: there are as many links as parties.
    pub fn with_keys<L: Link + 'static>(
        seed: u64,
        [k01, k12, k20]: [[u8; 32]; 3],
        settings: Settings,
        links: [L; 3],
    ) -> Self {
        let pairs = [(k01, k20), (k12, k01), (k20, k12)];
        let mut parties = PartyId::ALL.into_iter().zip(pairs);
        let contexts = links.map(|link| {
            let (party, (next, prev)) = parties.next().expect("three links, three parties");
            Context::new(party, PairKeys { next, prev }, link, settings)
        });
        Self {
            seed,
            deals: 0,
            contexts: Some(contexts),
        }
    }

    /// Deals `input` and runs `party` at all three, each with its two components.
    ///
    /// # Errors
    /// The first error that is not only a peer's going away.
    ///
    /// # Panics
    /// If a party's thread does.
    pub fn run<T: Send>(
        &mut self,
        input: &[u8],
        party: impl Fn(&mut Context, Vec<u8>, Vec<u8>) -> Result<T, Error> + Sync,
    ) -> Result<[T; 3], Error> {
        let results = self.run_each(input, party);
        let mut gone = None;
        for result in &results {
            match result {
                Err(
                    error @ Error::Link {
                        source: LinkError::Closed,
                        ..
                    },
                ) => {
                    gone = Some(error.clone());
                }
                Err(error) => return Err(error.clone()),
                Ok(_) => {}
            }
        }
        if let Some(error) = gone {
            return Err(error);
        }
        Ok(results.map(|result| result.expect("no error found")))
    }

    /// Like [`Self::run`], with each party's own result.
    ///
    /// # Panics
    /// If a party's thread does.
    pub fn run_each<T: Send>(
        &mut self,
        input: &[u8],
        party: impl Fn(&mut Context, Vec<u8>, Vec<u8>) -> Result<T, Error> + Sync,
    ) -> [Result<T, Error>; 3] {
        let Some(contexts) = self.contexts.take() else {
            let closed = |peer: PartyId| Error::Link {
                peer,
                step: Step::new(Phase::ChooseLists, 0),
                source: LinkError::Closed,
            };
            return PartyId::ALL.map(|p| Err(closed(p.next())));
        };
        self.deals += 1;
        let mut contexts = contexts;
        let mut shares = deal(input, self.seed, self.deals, &mut contexts).into_iter();
        let inputs = contexts.map(|context| (context, shares.next().expect("three parties")));
        let done = thread::scope(|scope| {
            let threads = inputs.map(|(mut context, (first, second))| {
                let party = &party;
                // A failed party drops its links, so that its peers do not wait for it.
                scope.spawn(move || party(&mut context, first, second).map(|t| (context, t)))
            });
            threads.map(|thread| thread.join().expect("party panicked"))
        });
        let mut kept = Vec::new();
        let results = done.map(|result| {
            result.map(|(context, value)| {
                kept.push(context);
                value
            })
        });
        self.contexts = kept.try_into().ok();
        results
    }

    /// Gives replies' memory back to the parties, for the next round.
    pub fn recycle(&mut self, replies: [Replies; 3]) {
        for (context, replies) in self.contexts.iter_mut().flatten().zip(replies) {
            if let Replies::Rows { bytes, .. } = replies {
                context.recycle(bytes);
            }
        }
    }

    /// Returns each party's counts of the last round; empty after a failed one.
    pub fn statistics(&self) -> Vec<Statistics> {
        let contexts = self.contexts.iter().flatten();
        contexts
            .map(|context| context.statistics().clone())
            .collect()
    }
}

fn stream(seed: u64, purpose: u64) -> Stream {
    let mut key = [0; SEED_BYTES];
    let bytes = seed.to_le_bytes().into_iter().chain(purpose.to_le_bytes());
    key.iter_mut().zip(bytes).for_each(|(k, b)| *k = b);
    Stream::new(&key)
}

/// Splits `input` into each party's pair of components, in the parties' recycled memory.
fn deal(
    input: &[u8],
    seed: u64,
    purpose: u64,
    contexts: &mut [Context; 3],
) -> [(Vec<u8>, Vec<u8>); 3] {
    let stream = stream(seed, purpose);
    let component = |index: usize, mut out: Vec<u8>| {
        let offset = input.len().next_multiple_of(16) * (index % 2);
        if index == 2 {
            out.copy_from_slice(input);
            stream.xor(0, &mut out);
            stream.xor(input.len().next_multiple_of(16), &mut out);
        } else {
            out.fill(0);
            stream.xor(offset, &mut out);
        }
        out
    };
    let [p0, p1, p2] = contexts;
    [(p0, 0, 1), (p1, 1, 2), (p2, 2, 0)].map(|(context, first, second)| {
        let (one, two) = (context.scratch(input.len()), context.scratch(input.len()));
        (component(first, one), component(second, two))
    })
}

/// Puts the three parties' replies together, as clients do.
///
/// # Panics
/// If the parties' parts do not fit, which honest ones' do.
pub fn reconstruct(replies: &[Replies; 3]) -> Vec<u8> {
    let [
        Replies::Seeds(seeds),
        Replies::Rows {
            row_bytes,
            bytes: y2,
            seeds: y1,
        },
        Replies::Rows {
            bytes: copy,
            seeds: y0,
            ..
        },
    ] = replies
    else {
        unreachable!("P0 returns seeds, P1 and P2 rows");
    };
    assert_eq!(y2, copy, "P1 and P2 differ in y2");
    assert_eq!(
        y2.len(),
        seeds.len() * row_bytes,
        "replies differ in length"
    );
    assert!(
        seeds.iter().map(|row| &row.y0).eq(y0) && seeds.iter().map(|row| &row.y1).eq(y1),
        "P1 or P2 differs from P0 in a seed"
    );
    let mut rows = y2.clone();
    for (row, seeds) in rows.chunks_exact_mut((*row_bytes).max(1)).zip(seeds) {
        xor_seed(&seeds.y0, row);
        xor_seed(&seeds.y1, row);
    }
    rows
}
