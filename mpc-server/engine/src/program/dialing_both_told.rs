//! Dialing as in the paper, kept as the reference: both sides of a match are told (docs/protocol.md
//! §5.6; MCMix, USENIX Security 2017).
//!
//! In:      callee ids of 64 bits, replicated; own ids and public keys, public to the servers.
//! Out:     replies of the partner's key and a dial tag, in wire order.
//! Cost:    21 rounds and the sort's.    Reveals: n, and a uniformly random order.
//! Secure:  one party that deviates, with abort, as `dialing`.

use mcmix_shared::party::PartyId;

use super::{
    BOTH_TOLD_REPLY_BYTES, BOTH_TOLD_ROW_BYTES, BothToldInput, Replies, check_len, check_rows,
    neighbours::{differences, following, not, preceding, sort_rows_with},
};
use crate::{
    and::and,
    bytes,
    compare::{BLOCK_BYTES, is_zero},
    context::Context,
    error::Error,
    round::Round,
    route::{Packed, Payload, Ways, route},
    share::Share,
    step::{Phase, Step},
};

const P0: PartyId = PartyId::P0;
const P1: PartyId = PartyId::P1;
const P2: PartyId = PartyId::P2;
/// Bytes of a public key, and of a reply before the tag.
const KEY_BYTES: usize = 32;
const DIAL_TAG_BYTES: usize = BOTH_TOLD_REPLY_BYTES - KEY_BYTES;

/// Runs a dialing round: every callee that checks (dials its own id) and is dialled is matched with
/// one of its callers, each as likely as the others; both get the other's key and one fresh tag.
/// Every other row gets its own key and a zero tag.
///
/// # Errors
/// Any [`Error`]; the round is then over.
pub fn dialing_both_told(context: &mut Context, input: BothToldInput) -> Result<Replies, Error> {
    let BothToldInput {
        ids,
        keys,
        first,
        second,
    } = input;
    let rows = ids.len();
    check_rows(rows)?;
    check_len("keys", keys.len() * KEY_BYTES, rows * KEY_BYTES)?;
    check_len("first", first.len(), rows * BOTH_TOLD_ROW_BYTES)?;
    check_len("second", second.len(), rows * BOTH_TOLD_ROW_BYTES)?;
    let mut round = context.enter()?;
    if rows == 0 {
        return Ok(Replies::none(round.party(), BOTH_TOLD_REPLY_BYTES));
    }
    round.context.phase(Phase::OpenCoins);
    round.open_nonce()?;
    let ways = matcher(&mut round, Share::new(first, second), &ids)?;
    route_keys(&mut round, ways, &keys)
}

/// Finds every row's partner.
fn matcher(round: &mut Round<'_>, callees: Share, ids: &[u64]) -> Result<Vec<Ways>, Error> {
    let ids: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
    let (sorted, ids) = sort_rows_with(round, callees, &ids)?;

    // e_i: rows i and i + 1 dial the same id. D_i: row i dials its own.
    round.context.phase(Phase::CompareNeighbours);
    let compared = differences(round, &sorted.keys, u64::MAX);
    let compared = compared.map_components(|mut component| {
        component.resize(component.len().next_multiple_of(BLOCK_BYTES), 0);
        component
    });
    let mut own = sorted.keys.clone();
    own.add(&ids);
    let compared = Share::concat(&compared, &own);
    let bits = is_zero(round, Step::new(Phase::CompareNeighbours, 0), compared)?;
    let half = bits.len() / 2;
    let [same, checks] = bits.halves(round.context, half);

    // A checking row is joined with the row before it, or with the one behind it if it is first.
    round.context.phase(Phase::Join);
    let step = Step::new(Phase::Join, 0);
    let both = Share::concat(&same, &same);
    let neighbours = Share::concat(&following(&checks), &checks);
    let [mut links, behind] = and(round, step, both, neighbours)?.halves(round.context, half);
    let first_of_its_id = not(round, preceding(&same));
    links.add(&and(round, step.plus(1), behind, first_of_its_id)?);
    sorted.join(round, step.plus(2), &links)
}

/// Routes (own key, r) for joint random r; a reply's tag is r of both partners added.
fn route_keys(
    round: &mut Round<'_>,
    ways: Vec<Ways>,
    keys: &[[u8; KEY_BYTES]],
) -> Result<Replies, Error> {
    let rows = keys.len();
    round.context.phase(Phase::DialTag);
    let step = Step::new(Phase::DialTag, 0);
    let context = &mut *round.context;
    let random = Share::random(context, &round.streams, step, rows * DIAL_TAG_BYTES);
    let mut sum = random.first().to_vec();
    bytes::xor(&mut sum, random.second());
    // In the payload P0 holds (key, r0 ^ r1) and P2 (0, r2); for the rows' own tags P1 holds r1
    // and P2 r2 ^ r0.
    let (half, addend) = match context.party() {
        P0 => (payload_rows(context, keys, &sum), None),
        P1 => (Vec::new(), Some(payload_rows(context, &[], random.first()))),
        P2 => {
            let half = payload_rows(context, &[], random.first());
            (half, Some(payload_rows(context, &[], &sum)))
        }
    };
    context.recycle(sum);
    random.recycle(context);
    let row_bytes = BOTH_TOLD_REPLY_BYTES;
    let half = Packed {
        row_bytes,
        bytes: half,
    };
    let payload = Payload {
        rows,
        row_bytes,
        silent: 0,
        addend,
    };
    route(round, ways, payload, half)
}

/// Puts keys, zeros where there are none, and tags next to each other.
fn payload_rows(context: &mut Context, keys: &[[u8; KEY_BYTES]], tags: &[u8]) -> Vec<u8> {
    let tags = tags.as_chunks::<DIAL_TAG_BYTES>().0;
    let mut out = context.scratch(tags.len() * BOTH_TOLD_REPLY_BYTES);
    let keys = keys.iter().chain(core::iter::repeat(&[0; KEY_BYTES]));
    let rows = out.as_chunks_mut::<BOTH_TOLD_REPLY_BYTES>().0.iter_mut();
    for ((row, key), tag) in rows.zip(keys).zip(tags) {
        let (row_key, row_tag) = row.split_at_mut(KEY_BYTES);
        row_key.copy_from_slice(key);
        row_tag.copy_from_slice(tag);
    }
    out
}
