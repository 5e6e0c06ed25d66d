//! Two-additive to replicated (docs/protocol.md §4.2).
//!
//! In:      some `Split`s.    Out: the same values, each as a `Share`.
//! Cost:    1 round for all, 2 messages of n rows each.    Reveals: nothing.
//! Secure:  each message is masked by a stream that its receiver does not know.

use crate::{
    bytes,
    context::Context,
    error::Error,
    share::{Share, Split},
    shuffle::Shuffled,
    step::Step,
    stream::{Purpose, Streams},
};

/// Makes sharings replicated; the i-th uses step `step + i`.
pub(crate) fn replicate<const N: usize>(
    context: &mut Context,
    streams: &Streams,
    step: Step,
    splits: [Split; N],
) -> Result<[Share; N], Error> {
    let party = context.party();
    let steps = |i: usize| step.plus(i as u16);
    // P_a sends u ^ A, P_b sends v ^ B, where A and B are shared with the third party.
    let masked = split_map(splits, |i, mut split| {
        let stream = |peer| streams.with(peer, steps(i), Purpose::Mask);
        let third = split.third();
        let Some(other) = split.other(party) else {
            let [a, b] = split.holders;
            let components = [a, b].map(|peer| {
                let mut component = context.scratch(split.len());
                context.fill(&mut component, 16, |offset, chunk| {
                    chunk.fill(0);
                    stream(peer).xor(offset, chunk);
                });
                component
            });
            return Ok((split, components));
        };
        let mut mask = context.scratch(split.len());
        let stream = stream(third);
        context.fill(&mut mask, 16, |offset, chunk| {
            chunk.fill(0);
            stream.xor(offset, chunk);
        });
        bytes::xor(&mut split.half, &mask);
        context.send(other, steps(i).of(split.row_bytes), &split.half)?;
        let half = core::mem::take(&mut split.half);
        Ok((split, [half, mask]))
    })?;
    split_map(masked, |i, (split, [mut one, two])| {
        let Some(other) = split.other(party) else {
            // `one` is shared with the first holder, `two` with the second.
            let [a, _] = split.holders;
            return Ok(ordered(party.prev() == a, one, two));
        };
        context.recv_add(other, steps(i).of(split.row_bytes), &mut one)?;
        // `one` is common to both holders, `two` shared with the third party.
        Ok(ordered(party.prev() == other, one, two))
    })
}

/// A replicated vector in shuffled order. Only such a one can be sorted.
#[derive(Debug)]
pub(crate) struct ShuffledShare(pub(crate) Share);

/// Makes shuffled columns replicated, as [`replicate`] does.
pub(crate) fn replicate_shuffled<const N: usize>(
    context: &mut Context,
    streams: &Streams,
    step: Step,
    columns: [Shuffled; N],
) -> Result<[ShuffledShare; N], Error> {
    let shares = replicate(context, streams, step, columns.map(|column| column.0))?;
    Ok(shares.map(ShuffledShare))
}

/// Component i is shared with the previous party, component i+1 with the next.
const fn ordered(one_is_first: bool, one: Vec<u8>, two: Vec<u8>) -> Share {
    if one_is_first {
        Share::new(one, two)
    } else {
        Share::new(two, one)
    }
}

/// Maps an array with a function that can fail.
pub(crate) fn split_map<T, U, const N: usize>(
    from: [T; N],
    mut map: impl FnMut(usize, T) -> Result<U, Error>,
) -> Result<[U; N], Error> {
    let mut out = Vec::with_capacity(N);
    for (i, value) in from.into_iter().enumerate() {
        out.push(map(i, value)?);
    }
    let Ok(out) = <[U; N]>::try_from(out) else {
        unreachable!("as many values as came in")
    };
    Ok(out)
}
