//! Conversation by sorting: the paper's matcher, kept as the reference (docs/protocol.md §6.7;
//! MCMix, USENIX Security 2017, §5).
//!
//! In, out:  as `conversation`.
//! Cost:     the sort's rounds and bytes instead of a lookup's.
//! Reveals:  n, and a uniformly random order.

use super::{
    ConversationInput, JoinedRows, Replies, TAG_BYTES,
    conversation::{check_input, route_messages, tags_and_roles},
    neighbours::{differences, following, not, preceding, sort_rows_with},
};
use crate::{
    and::and,
    compare::is_zero,
    context::Context,
    error::Error,
    share::{Share, Split},
    shuffle::Column,
    step::{Phase, Step},
    stream::Streams,
};
use mcmix_shared::party::PartyId;

/// Runs a conversation round as [`super::conversation`] does, at the price of a sort.
///
/// # Errors
/// Any [`Error`]; the round is then over.
pub fn conversation_by_sorting<C: JoinedRows>(
    context: &mut Context,
    input: ConversationInput<C>,
) -> Result<Replies, Error> {
    let rows = check_input(&input)?;
    let streams = context.enter()?;
    if rows == 0 {
        return Ok(Replies::none(context.party(), input.message_bytes));
    }
    let partners = matcher(context, &streams, &input)?;
    route_messages(context, &streams, partners, input)
}

fn matcher<C: JoinedRows>(
    context: &mut Context,
    streams: &Streams,
    input: &ConversationInput<C>,
) -> Result<Split, Error> {
    let [tags, roles] = tags_and_roles(context, input);
    let holders = [PartyId::P2, PartyId::P0];
    let tags = Split::from_share(context, holders, TAG_BYTES, tags);
    let roles = Column::Secret(Split::from_share(context, holders, TAG_BYTES, roles));
    let (sorted, roles) = sort_rows_with(context, streams, tags, roles)?;

    context.phase(Phase::CompareNeighbours);
    let compared = differences(context, &sorted.keys);
    let same = is_zero(
        context,
        streams,
        Step::new(Phase::CompareNeighbours, 0),
        compared,
    )?;

    // Rows i and i + 1 are joined if their tags are equal, their roles are not, and no third row
    // has the same tag.
    context.phase(Phase::Join);
    let step = Step::new(Phase::Join, 0);
    let mut differ = following_rows(&roles);
    differ.add(&roles);
    let differ = lowest_bits(&differ, same.len());
    let not_before = not(context, preceding(&same));
    let not_behind = not(context, following(&same));
    let [pairs, alone] = and(
        context,
        streams,
        step,
        &Share::concat(&same, &not_before),
        &Share::concat(&differ, &not_behind),
    )?
    .halves();
    let links = and(context, streams, step.plus(1), &pairs, &alone)?;
    sorted.join(context, streams, step.plus(2), &links)
}

/// Makes row i of the result row i + 1, the last zero. Local.
fn following_rows(rows: &Share) -> Share {
    let next = |rows: &[u8]| {
        let mut next = rows.get(TAG_BYTES..).unwrap_or_default().to_vec();
        next.resize(rows.len(), 0);
        next
    };
    Share::new(next(&rows.first), next(&rows.second))
}

/// Packs the lowest bit of each row of 8 bytes, into `bytes` bytes. Local.
fn lowest_bits(rows: &Share, bytes: usize) -> Share {
    let pack = |rows: &[u8]| {
        let mut bits: Vec<u8> = rows
            .chunks(8 * TAG_BYTES)
            .map(|rows| {
                let lowest = rows.iter().step_by(TAG_BYTES).map(|byte| byte & 1);
                (0..).zip(lowest).fold(0, |byte, (i, bit)| byte | bit << i)
            })
            .collect();
        bits.resize(bytes, 0);
        bits
    };
    Share::new(pack(&rows.first), pack(&rows.second))
}
