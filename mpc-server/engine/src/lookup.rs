//! Private lookup (docs/protocol.md §4.7).
//!
//! Owner O holds n values, querier Q asks for n values, helper H answers. For each query (H, Q) get
//! a sharing of (0, where the owner has it), or of garbage if the owner has it not.
//!
//! Cost:    1 round, O to H a table of 12·(1.3 n + 88) bytes, Q to H 8 bytes a query.
//! Reveals: n; to H uniformly random bytes and distinct pseudo-random values.

pub(crate) mod table;

use mcmix_shared::party::PartyId;

use crate::{
    context::Context,
    error::Error,
    step::Step,
    stream::{Purpose, Stream, Streams},
};
use table::{CELL_BYTES, Table};

/// One direction of lookups. Its PRF key is its own: the same key in both directions would show the
/// helper which values match.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lookup {
    /// The table's step; queries use the next.
    pub(crate) step: Step,
    pub(crate) owner: PartyId,
    pub(crate) querier: PartyId,
    pub(crate) helper: PartyId,
    /// Number of values, and of queries.
    pub(crate) rows: usize,
}

/// One party's halves of the answers.
#[derive(Debug)]
pub(crate) struct Answers {
    /// 8 bytes a query: the fingerprints' difference.
    pub(crate) differences: Vec<u8>,
    /// 4 bytes a query: the position.
    pub(crate) positions: Vec<u8>,
}

/// What a value is looked up by: both halves of one pseudo-random block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    /// Names the table cells; the helper sees it of each query.
    hash: u64,
    /// Tells a match from garbage.
    fingerprint: u64,
}

impl Lookup {
    /// The owner puts its values and their positions, counted from `base`, into a masked table.
    pub(crate) fn own(
        &self,
        context: &mut Context,
        streams: &Streams,
        values: &[u64],
        base: u32,
    ) -> Result<(), Error> {
        let keys = self.keys(context, streams, self.querier, values);
        let hashes: Vec<u64> = keys.iter().map(|key| key.hash).collect();
        let cells = keys
            .iter()
            .zip(base..)
            .map(|(key, position)| cell(key.fingerprint, position));
        let Some(table) = Table::build(context, &hashes, cells) else {
            return Err(Error::NoTable { step: self.step });
        };
        let mask = streams.with(self.querier, self.step, Purpose::Mask);
        let mut cells = table.into_bytes();
        context.produce(
            &[self.helper],
            self.step.of(CELL_BYTES),
            &mut cells,
            |offset, out| {
                mask.xor(offset, out);
            },
        )?;
        Ok(())
    }

    /// The querier sends its queries and keeps its half of the answers.
    pub(crate) fn ask(
        &self,
        context: &mut Context,
        streams: &Streams,
        values: &[u64],
    ) -> Result<Answers, Error> {
        let keys = self.keys(context, streams, self.owner, values);
        let mut hashes = context.scratch(values.len() * 8);
        for (out, key) in hashes.as_chunks_mut::<8>().0.iter_mut().zip(&keys) {
            *out = key.hash.to_le_bytes();
        }
        context.send(self.helper, self.step.plus(1).of(8), &hashes)?;
        let mask = streams.with(self.owner, self.step, Purpose::Mask);
        let mut cells = context.scratch(Table::len(self.rows));
        context.fill(&mut cells, CELL_BYTES, |offset, out| {
            out.fill(0);
            mask.xor(offset, out);
        });
        let masks = Table::from_bytes(cells, self.rows);
        let mut answers = masks.answer_all(context, &hashes);
        let differences = answers.differences.as_chunks_mut::<8>().0;
        for (out, key) in differences.iter_mut().zip(&keys) {
            *out = (u64::from_le_bytes(*out) ^ key.fingerprint).to_le_bytes();
        }
        context.recycle(hashes);
        context.recycle(masks.into_bytes());
        Ok(answers)
    }

    /// The helper receives the queries, which their senders send before their tables.
    pub(crate) fn queries(&self, context: &mut Context) -> Result<Vec<u8>, Error> {
        let step = self.step.plus(1);
        let hashes = context.recv(self.querier, step.of(8), self.rows * 8)?;
        context.saw(step, &hashes, 8);
        Ok(hashes)
    }

    /// The helper answers the queries from the masked table.
    pub(crate) fn answer(&self, context: &mut Context, hashes: Vec<u8>) -> Result<Answers, Error> {
        let cells = context.recv(self.owner, self.step.of(CELL_BYTES), Table::len(self.rows))?;
        context.saw(self.step, &cells, CELL_BYTES);
        let table = Table::from_bytes(cells, self.rows);
        let answers = table.answer_all(context, &hashes);
        context.recycle(hashes);
        context.recycle(table.into_bytes());
        Ok(answers)
    }

    /// PRF of each value, with the key that owner and querier share.
    fn keys(
        &self,
        context: &Context,
        streams: &Streams,
        peer: PartyId,
        values: &[u64],
    ) -> Vec<Key> {
        let step = context.lookup_step(self.step);
        pseudo_random(&streams.with(peer, step, Purpose::Lookup), values)
    }
}

fn pseudo_random(prf: &Stream, values: &[u64]) -> Vec<Key> {
    const AT_ONCE: usize = 256;
    let mut keys = Vec::with_capacity(values.len());
    let mut blocks = [[0; 16]; AT_ONCE];
    for group in values.chunks(AT_ONCE) {
        for (block, value) in blocks.iter_mut().zip(group) {
            *block = u128::from(*value).to_le_bytes();
        }
        prf.encrypt(&mut blocks);
        keys.extend(blocks.iter().take(group.len()).map(|block| {
            let both = u128::from_le_bytes(*block);
            Key {
                hash: both as u64,
                fingerprint: (both >> 64) as u64,
            }
        }));
    }
    keys
}

fn cell(fingerprint: u64, position: u32) -> [u8; CELL_BYTES] {
    let mut cell = [0; CELL_BYTES];
    let bytes = fingerprint
        .to_le_bytes()
        .into_iter()
        .chain(position.to_le_bytes());
    cell.iter_mut().zip(bytes).for_each(|(c, b)| *c = b);
    cell
}

/// Replaces every value that occurs more than once by fresh random values, so that it matches
/// nobody. Only cheating clients make that happen.
pub(crate) fn replace_repeated(streams: &Streams, step: Step, values: &mut [u64]) {
    const EMPTY: u32 = u32::MAX;
    let prf = streams.own(step, Purpose::Lookup);
    let keys = pseudo_random(&prf, values);
    let slots = (2 * values.len()).next_power_of_two().max(2);
    let shift = 64 - slots.ilog2();
    let mut table = vec![EMPTY; slots];
    let mut repeated = Vec::new();
    for (i, key) in (0_u32..).zip(&keys) {
        let mut slot = (key.hash >> shift) as usize;
        while let Some(found) = table.get_mut(slot) {
            if *found == EMPTY {
                *found = i;
                break;
            }
            if keys.get(*found as usize) == Some(key) {
                repeated.extend([*found, i]);
                break;
            }
            slot = (slot + 1) % slots;
        }
    }
    repeated.sort_unstable();
    repeated.dedup();
    let fresh = streams
        .own(step, Purpose::Replacement)
        .bytes(repeated.len() * 8);
    for (i, fresh) in repeated.iter().zip(fresh.as_chunks::<8>().0) {
        if let Some(value) = values.get_mut(*i as usize) {
            *value = u64::from_le_bytes(*fresh);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::replace_repeated;
    use crate::{
        step::{Phase, Step},
        stream::{PairKeys, Streams},
    };
    use mcmix_shared::party::PartyId;

    fn replaced(next: u8, prev: u8, round: u64) -> Vec<u64> {
        let keys = PairKeys {
            next: [next; 32],
            prev: [prev; 32],
        };
        let streams = Streams::new(PartyId::P0, keys, round);
        let mut values = vec![7, 1, 7, 2, 7, 3, 1];
        replace_repeated(&streams, Step::new(Phase::Lookup, 0), &mut values);
        values
    }

    /// A value that replaces a repeated one is nobody else's: neither peer has both keys.
    #[test]
    fn what_replaces_repeated_values_takes_both_keys_and_the_round() {
        let values = replaced(1, 2, 1);
        assert_eq!((values[3], values[5]), (2, 3));
        let mut fresh = [0, 1, 2, 4, 6].map(|at| values[at]).to_vec();
        for other in [replaced(1, 3, 1), replaced(3, 2, 1), replaced(1, 2, 2)] {
            fresh.extend([0, 1, 2, 4, 6].map(|at| other[at]));
        }
        fresh.sort_unstable();
        fresh.dedup();
        assert_eq!(fresh.len(), 20, "all different");
        assert!(!fresh.contains(&7) && !fresh.contains(&1));
    }
}
