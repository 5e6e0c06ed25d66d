//! Opening: each function names who learns what (docs/protocol.md §4.3).
//!
//! Cost: 1 round, one message of n rows to each party that learns the values.

use blake2::{Blake2s256, Digest as _};

use crate::{
    bytes, context::Context, error::Error, permutation::Permutation, share::Share,
    shuffle::Shuffled, step::Step, stream::Streams,
};

/// Bytes of a coin's hash.
const HASH_BYTES: usize = 32;

/// Draws `len` public random bytes, which nobody knows before: the sum of three pairwise streams. What
/// a party lacks of it comes from one of its holders, its hash from the other. 1 round.
///
/// To be called when everything is fixed that must not depend on the coin.
pub(crate) fn coin(
    context: &mut Context,
    streams: &Streams,
    step: Step,
    len: usize,
) -> Result<Vec<u8>, Error> {
    let party = context.party();
    let coin = Share::random(context, streams, step, len);
    let digest = |component: &[u8]| {
        let hash = Blake2s256::new_with_prefix(b"mcmix.v2 coin");
        <[u8; HASH_BYTES]>::from(hash.chain_update(component).finalize())
    };
    // The previous party lacks this one's second component, the next one its first.
    context.send(party.prev(), step.of(len), &coin.second)?;
    let hash = step.plus(1).of(HASH_BYTES);
    context.send(party.next(), hash, &digest(&coin.first))?;
    let mut sum = context.recv(party.next(), step.of(len), len)?;
    let expected = context.recv(party.prev(), hash, HASH_BYTES)?;
    if expected != digest(&sum) {
        return Err(Error::HashMismatch {
            peer: party.next(),
            other: party.prev(),
            step,
        });
    }
    bytes::xor(&mut sum, &coin.first);
    bytes::xor(&mut sum, &coin.second);
    context.saw(step, &sum, len);
    Ok(sum)
}

/// Opens shuffled permutations to both of their holders, which no one else learns.
///
/// # Security
/// Only for lists whose order a fresh shuffle has made uniformly random.
pub(crate) fn permutation(
    context: &mut Context,
    step: Step,
    list: Shuffled,
) -> Result<Option<Permutation>, Error> {
    let mut list = list.0;
    let Some(other) = list.other(context.party()) else {
        return Ok(None);
    };
    context.send(other, step.of(list.row_bytes), &list.half)?;
    context.recv_add(other, step.of(list.row_bytes), &mut list.half)?;
    context.saw(step, &list.half, list.row_bytes);
    let permutation = Permutation::from_opened(&list.half);
    context.recycle(list.half);
    match permutation {
        Some(permutation) => Ok(Some(permutation)),
        None => Err(Error::NotAPermutation { peer: other, step }),
    }
}
