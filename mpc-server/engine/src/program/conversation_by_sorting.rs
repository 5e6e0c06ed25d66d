//! Conversation by sorting: the paper's matcher, kept as the reference (docs/protocol.md §6.7;
//! MCMix, USENIX Security 2017, §5).
//!
//! In, out:  as `conversation`.
//! Cost:     the sort's rounds and bytes instead of a lookup's.
//! Reveals:  n, and a uniformly random order.
//! Secure:   as `conversation`.

use super::{
    ConversationInput, JoinedRows, Replies, TAG_BYTES,
    conversation::{check_input, route_messages, tags_and_roles},
    neighbours::{differences, following, not, preceding, sort_rows, with_following},
};
use crate::{
    and::and,
    compare::is_zero,
    context::Context,
    error::Error,
    round::Round,
    route::Ways,
    share::Share,
    step::{Phase, Step},
};

/// The lowest bit of a key: the row's role. The next one is zero, and above is the tag.
const ROLE: u64 = 0b01;
const TAG: u64 = !0b11;

/// Runs a conversation round as [`super::conversation`] does, at the price of a sort.
///
/// # Errors
/// Any [`Error`]; the round is then over.
pub fn conversation_by_sorting<C: JoinedRows>(
    context: &mut Context,
    input: ConversationInput<C>,
) -> Result<Replies, Error> {
    let rows = check_input(&input)?;
    let mut round = context.enter()?;
    if rows == 0 {
        return Ok(Replies::none(round.party(), input.message_bytes));
    }
    let ways = matcher(&mut round, &input)?;
    route_messages(&mut round, ways, input)
}

fn matcher<C: JoinedRows>(
    round: &mut Round<'_>,
    input: &ConversationInput<C>,
) -> Result<Vec<Ways>, Error> {
    round.context.phase(Phase::OpenCoins);
    round.open_nonce()?;
    let [tags, roles] = tags_and_roles(round.context, input);
    let keys = tags.zip::<TAG_BYTES, TAG_BYTES, TAG_BYTES>(round.context, &roles, |tag, role| {
        let [tag, role] = [tag, role].map(|bytes| u64::from_le_bytes(*bytes));
        (tag & TAG | role & ROLE).to_le_bytes()
    });
    let sorted = sort_rows(round, keys)?;

    round.context.phase(Phase::CompareNeighbours);
    let compared = differences(round, &sorted.keys, TAG);
    let same = is_zero(round, Step::new(Phase::CompareNeighbours, 0), compared)?;

    // Rows i and i + 1 are joined if their tags are equal, their roles are not, and no third row
    // has the same tag.
    round.context.phase(Phase::Join);
    let step = Step::new(Phase::Join, 0);
    let differ = with_following(round, &sorted.keys, |row, following| row ^ following);
    let differ = lowest_bits(&differ, same.len());
    let not_before = not(round, preceding(&same));
    let not_behind = not(round, following(&same));
    let half = same.len();
    let [pairs, alone] = and(
        round,
        step,
        Share::concat(&same, &not_before),
        Share::concat(&differ, &not_behind),
    )?
    .halves(round.context, half);
    let links = and(round, step.plus(1), pairs, alone)?;
    sorted.join(round, step.plus(2), &links)
}

/// Packs the lowest bit of each row of 8 bytes, into `bytes` bytes. Local.
fn lowest_bits(rows: &Share, bytes: usize) -> Share {
    rows.clone().map_components(|rows| {
        let mut bits: Vec<u8> = rows
            .chunks(8 * TAG_BYTES)
            .map(|rows| {
                let lowest = rows.iter().step_by(TAG_BYTES).map(|byte| byte & 1);
                (0..).zip(lowest).fold(0, |byte, (i, bit)| byte | bit << i)
            })
            .collect();
        bits.resize(bytes, 0);
        bits
    })
}
