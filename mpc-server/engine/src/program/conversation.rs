//! Conversation in linear time (docs/protocol.md §6).
//!
//! In:      rows of (tag, role, message), replicated.   Out: replies, in wire order.
//! Cost:    18 rounds, 4·L + 304 bytes a row at all parties.    Reveals: n.
//! Secure:  one semi-honest party. Tampering is not detected here (§7).

use mcmix_shared::party::PartyId;

use super::{
    ConversationInput, JoinedRows, ROW_HEADER_BYTES, Replies, TAG_BYTES, check_len, check_rows,
};
use crate::{
    and, bytes,
    compare::is_zero,
    context::Context,
    error::Error,
    lookup::{Answers, Lookup, replace_repeated},
    open,
    permutation::Rows,
    reshare::replicate,
    route::{Half, Payload, route},
    share::{Share, Split},
    shuffle::{Column, Shuffle, Shuffled, shuffle, unshuffle},
    step::{Phase, Step},
    stream::{Purpose, Streams},
};

const P0: PartyId = PartyId::P0;
const P1: PartyId = PartyId::P1;
const P2: PartyId = PartyId::P2;
/// S1, S2, S3 of every shuffle of the matcher.
const ROLES: [PartyId; 3] = [P2, P0, P1];

/// Runs a conversation round: where exactly two rows carry a tag, one of each role, their messages
/// are swapped; every other row gets its own message back.
///
/// # Errors
/// Any [`Error`]; the round is then over.
pub fn conversation<C: JoinedRows>(
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

/// Checks the lengths of this party's input and returns the number of rows.
pub(super) fn check_input<C: JoinedRows>(input: &ConversationInput<C>) -> Result<usize, Error> {
    check_rows(input.rows)?;
    if input.message_bytes == 0 {
        return Err(Error::Input {
            what: "message",
            expected: 1,
            got: 0,
        });
    }
    let expected = input.rows * (ROW_HEADER_BYTES + input.message_bytes);
    check_len("first", input.first.len(), expected)?;
    check_len("second", input.second.len(), expected)?;
    Ok(input.rows)
}

/// Routes the messages to where the matcher says.
pub(super) fn route_messages<C: JoinedRows>(
    context: &mut Context,
    streams: &Streams,
    partners: Split,
    input: ConversationInput<C>,
) -> Result<Replies, Error> {
    let payload = Payload {
        rows: input.rows,
        row_bytes: input.message_bytes,
        silent: 0,
        addend: None,
    };
    let half = MessageHalf {
        party: context.party(),
        input,
    };
    route(context, streams, partners, payload, half)
}

/// The messages of a round: P0's half is x0 ^ x1, P2's is x2.
struct MessageHalf<C> {
    party: PartyId,
    input: ConversationInput<C>,
}

impl<C: JoinedRows> Half for MessageHalf<C> {
    fn write(&self, row: usize, out: &mut [u8]) {
        let at = row * (ROW_HEADER_BYTES + self.input.message_bytes) + ROW_HEADER_BYTES;
        out.fill(0);
        self.input.first.xor(at, out);
        if self.party == P0 {
            self.input.second.xor(at, out);
        }
    }

    fn recycle(self, context: &mut Context) {
        context.recycle(self.input.first.into_buffer());
        context.recycle(self.input.second.into_buffer());
    }
}

/// The tags and roles of this party's rows: 8 bytes each, roles spread to masks.
pub(super) fn tags_and_roles<C: JoinedRows>(
    context: &mut Context,
    input: &ConversationInput<C>,
) -> [Share; 2] {
    let row_bytes = ROW_HEADER_BYTES + input.message_bytes;
    let mut headers = context.scratch(input.rows * ROW_HEADER_BYTES);
    let [first, second] = [&input.first, &input.second].map(|component| {
        context.fill(&mut headers, ROW_HEADER_BYTES, |offset, out| {
            out.fill(0);
            for (row, out) in (offset / ROW_HEADER_BYTES..).zip(out.chunks_mut(ROW_HEADER_BYTES)) {
                component.xor(row * row_bytes, out);
            }
        });
        let mut tags = context.scratch(input.rows * TAG_BYTES);
        let mut roles = context.scratch(input.rows * TAG_BYTES);
        let out = tags
            .as_chunks_mut::<TAG_BYTES>()
            .0
            .iter_mut()
            .zip(roles.as_chunks_mut::<TAG_BYTES>().0);
        for ((tag, role), [from @ .., bit]) in out.zip(headers.as_chunks::<ROW_HEADER_BYTES>().0) {
            *tag = *from;
            *role = [(bit & 1).wrapping_neg(); TAG_BYTES];
        }
        (tags, roles)
    });
    context.recycle(headers);
    let tags = Share::new(first.0, second.0);
    let roles = Share::new(first.1, second.1);
    [tags, roles]
}

/// Finds every row's partner: an involution on the wire ids, held by (P0, P2).
fn matcher<C: JoinedRows>(
    context: &mut Context,
    streams: &Streams,
    input: &ConversationInput<C>,
) -> Result<Split, Error> {
    let rows = input.rows;
    let lists = choose_lists(context, streams, input)?;

    context.phase(Phase::ShuffleLists);
    let step = Step::new(Phase::ShuffleLists, 0);
    let [a, b] = lists;
    let shuffle_a = Shuffle::new(context, streams, step, ROLES, rows);
    let shuffle_b = Shuffle::new(context, streams, step.plus(2), ROLES, rows);
    let columns = [
        (&shuffle_a, Column::Secret(a)),
        (&shuffle_a, Column::WireIds),
        (&shuffle_b, Column::Secret(b)),
        (&shuffle_b, Column::WireIds),
    ];
    let [a, wids_a, b, wids_b] = shuffle(context, streams, step, columns)?;

    let (values, wids) = open_lists(context, streams, [a, b], [wids_a, wids_b])?;
    let answers = look_up(context, streams, rows, values)?;
    let matches = select(context, streams, rows, answers)?;

    context.phase(Phase::ShuffleMatches);
    let step = Step::new(Phase::ShuffleMatches, 0);
    let shuffle_both = Shuffle::new(context, streams, step, ROLES, 2 * rows);
    let columns = [
        (&shuffle_both, Column::Secret(matches)),
        (&shuffle_both, Column::Secret(wids)),
    ];
    let [matches, wids] = shuffle(context, streams, step, columns)?;
    let [a, b] = place(context, matches, wids, rows)?;

    context.phase(Phase::Unshuffle);
    let step = Step::new(Phase::Unshuffle, 0);
    let back = [(&shuffle_a, a), (&shuffle_b, b)];
    let [mut partners, b] = unshuffle(context, streams, step, back)?;
    if context.party() != P1 {
        bytes::xor(&mut partners.half, &b.half);
    }
    if context.party() == P0 {
        bytes::add_positions(&mut partners.half);
    }
    context.recycle(b.half);
    Ok(partners.swapped())
}

/// Round 1: a row's tag goes to list A (role 0) or B (role 1), the other gets a random value.
fn choose_lists<C: JoinedRows>(
    context: &mut Context,
    streams: &Streams,
    input: &ConversationInput<C>,
) -> Result<[Split; 2], Error> {
    context.phase(Phase::ChooseLists);
    let step = Step::new(Phase::ChooseLists, 0);
    let [tags, roles] = tags_and_roles(context, input);
    let random = Share::random(context, streams, step, tags.len());
    let mut either = tags.clone();
    either.add(&random);
    let product = and::product(&roles, &either);
    let d = and::split(
        context,
        streams,
        step.of(TAG_BYTES),
        ([P1, P0], input.rows),
        product,
    )?;
    roles.recycle(context);
    either.recycle(context);
    let lists = [tags, random].map(|values| {
        let mut list = Split::from_share(context, [P2, P0], TAG_BYTES, values);
        if context.party() != P1 {
            bytes::xor(&mut list.half, &d.half);
        }
        list
    });
    context.recycle(d.half);
    Ok(lists)
}

/// Round 3: list A to P0, list B to P1; both lists' wire ids go from (P0, P1) to (P2, P0).
fn open_lists(
    context: &mut Context,
    streams: &Streams,
    [a, b]: [Shuffled; 2],
    wids: [Shuffled; 2],
) -> Result<(Vec<u64>, Split), Error> {
    context.phase(Phase::OpenLists);
    let step = Step::new(Phase::OpenLists, 0);
    let (rows, row_bytes) = (a.0.rows, 4);
    let [wids_a, wids_b] = wids;
    let mut half = wids_a.0.half;
    half.extend_from_slice(&wids_b.0.half);
    context.recycle(wids_b.0.half);
    let mask = |peer, half: &mut [u8]| streams.with(peer, step.plus(2), Purpose::Mask).xor(0, half);
    let mut values = Vec::new();
    let mut open = |context: &mut Context, from, at: Step, mut list: Split| {
        context.recv_add(from, at.of(TAG_BYTES), &mut list.half)?;
        context.saw(at, &list.half, TAG_BYTES);
        values = list
            .half
            .as_chunks::<8>()
            .0
            .iter()
            .map(|v| u64::from_le_bytes(*v))
            .collect();
        context.recycle(list.half);
        Ok(())
    };
    match context.party() {
        P0 => {
            context.send(P1, step.plus(1).of(TAG_BYTES), &b.0.half)?;
            mask(P1, &mut half);
            open(context, P1, step, a.0)?;
            context.recycle(b.0.half);
        }
        P1 => {
            context.send(P0, step.of(TAG_BYTES), &a.0.half)?;
            mask(P0, &mut half);
            context.send(P2, step.plus(2).of(row_bytes), &half)?;
            open(context, P0, step.plus(1), b.0)?;
            context.recycle(a.0.half);
            context.recycle(half);
            half = Vec::new();
        }
        P2 => half = context.recv(P1, step.plus(2).of(row_bytes), 2 * rows * row_bytes)?,
    }
    Ok((
        values,
        Split {
            holders: [P2, P0],
            row_bytes,
            rows: 2 * rows,
            half,
        },
    ))
}

/// Rounds 4 and 5: each list is looked up in the other. Returns the fingerprints' differences and
/// the positions found, list A before list B.
fn look_up(
    context: &mut Context,
    streams: &Streams,
    rows: usize,
    mut values: Vec<u64>,
) -> Result<[Share; 2], Error> {
    context.phase(Phase::Lookup);
    let step = Step::new(Phase::Lookup, 0);
    let b_in_a = Lookup {
        step,
        owner: P0,
        querier: P1,
        helper: P2,
        rows,
    };
    let a_in_b = Lookup {
        step: step.plus(2),
        owner: P1,
        querier: P0,
        helper: P2,
        rows,
    };
    replace_repeated(streams, step, &mut values);
    let none = || Answers {
        differences: Vec::new(),
        positions: Vec::new(),
    };
    let [of_a, of_b] = match context.party() {
        P0 => {
            let answers = a_in_b.ask(context, streams, &values)?;
            b_in_a.own(context, streams, &values, 0)?;
            [answers, none()]
        }
        P1 => {
            let answers = b_in_a.ask(context, streams, &values)?;
            a_in_b.own(context, streams, &values, rows as u32)?;
            [none(), answers]
        }
        P2 => {
            let [of_a, of_b] = [a_in_b.queries(context)?, b_in_a.queries(context)?];
            [a_in_b.answer(context, of_a)?, b_in_a.answer(context, of_b)?]
        }
    };

    context.phase(Phase::ShareAnswers);
    let split = |querier, row_bytes, half| Split {
        holders: [P2, querier],
        row_bytes,
        rows,
        half,
    };
    let splits = [
        split(P0, 8, of_a.differences),
        split(P0, 4, of_a.positions),
        split(P1, 8, of_b.differences),
        split(P1, 4, of_b.positions),
    ];
    let step = Step::new(Phase::ShareAnswers, 0);
    let [
        mut differences,
        mut positions,
        more_differences,
        more_positions,
    ] = replicate(context, streams, step, splits)?;
    differences.append(context, more_differences);
    positions.append(context, more_positions);
    Ok([differences, positions])
}

/// Rounds 6 to 12: each position's partner, or itself: M = e·(p ^ self) ^ self.
fn select(
    context: &mut Context,
    streams: &Streams,
    rows: usize,
    [differences, mut positions]: [Share; 2],
) -> Result<Split, Error> {
    context.phase(Phase::CompareFingerprints);
    let step = Step::new(Phase::CompareFingerprints, 0);
    let equal = is_zero(context, streams, step, differences)?;

    context.phase(Phase::SelectPartners);
    let step = Step::new(Phase::SelectPartners, 0);
    positions.add_public(context.party(), bytes::add_positions);
    let masks = equal.spread::<4>(context, 2 * rows);
    let product = and::product(&masks, &positions);
    let mut matches = and::split(context, streams, step.of(4), ([P1, P0], 2 * rows), product)?;
    if context.party() == P0 {
        bytes::add_positions(&mut matches.half);
    }
    equal.recycle(context);
    masks.recycle(context);
    positions.recycle(context);
    Ok(matches)
}

/// Round 14: P0 and P1 open the shuffled matches and put each wire id where its partner is.
fn place(
    context: &mut Context,
    matches: Shuffled,
    wids: Shuffled,
    rows: usize,
) -> Result<[Split; 2], Error> {
    context.phase(Phase::OpenMatches);
    let matches = open::permutation(context, Step::new(Phase::OpenMatches, 0), matches)?;
    let wids = wids.0;
    let half = |part: Vec<u8>| Split {
        half: part,
        rows,
        ..wids.shape()
    };
    let Some(matches) = matches else {
        return Ok([half(Vec::new()), half(Vec::new())]);
    };
    let order = matches.inverse();
    let wid_rows = Rows::packed(&wids.half, wids.row_bytes);
    let parts = [0, rows].map(|first| {
        let mut part = context.scratch(rows * wids.row_bytes);
        order.gather(&wid_rows, first, &mut part);
        half(part)
    });
    context.recycle(wids.half);
    Ok(parts)
}
