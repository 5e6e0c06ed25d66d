//! Opening: each function names who learns what (docs/protocol.md §4.3).
//!
//! Cost: 1 round, one message of n rows to each party that learns the values.

use crate::{
    context::Context, error::Error, permutation::Permutation, shuffle::Shuffled, step::Step,
};

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
