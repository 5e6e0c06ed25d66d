//! The ideal functionality: what a trusted party would compute in the clear (docs/protocol.md §5, §6).
//!
//! The oracle of the tests, and the baseline of benchmarks.

use std::collections::HashMap;

use crate::program::{
    CONVERSATION_HEAD_BYTES, DIAL_HEAD_BYTES, DIAL_INPUT_BYTES, DIAL_MESSAGE_BYTES, DialingProgram,
    ID_BYTES, TAG_BYTES,
};

/// A tag's lowest bits, which are not compared.
pub const UNCOMPARED_BITS: u32 = 2;

/// Swaps messages where exactly two rows carry a tag (62 bits of it), one of each role.
///
/// `rows` is as in [`crate::ConversationInput`], in the clear. Returns every row's message; a row
/// without a partner gets its own back.
pub fn conversation(rows: &[u8], message_bytes: usize) -> Vec<u8> {
    let row_bytes = CONVERSATION_HEAD_BYTES + message_bytes;
    let message = |i: usize| rows.get(i * row_bytes + CONVERSATION_HEAD_BYTES..(i + 1) * row_bytes);
    let mut out = Vec::with_capacity(rows.len() / row_bytes * message_bytes);
    for partner in conversation_partners(rows, message_bytes) {
        out.extend_from_slice(message(partner).unwrap_or_default());
    }
    out
}

/// Returns every row's partner, itself where it has none.
pub fn conversation_partners(rows: &[u8], message_bytes: usize) -> Vec<usize> {
    let row_bytes = CONVERSATION_HEAD_BYTES + message_bytes;
    let mut by_tag: HashMap<u64, Vec<(usize, u8)>> = HashMap::new();
    for (i, row) in rows.chunks_exact(row_bytes).enumerate() {
        let (tag, rest) = row.split_at(TAG_BYTES);
        let tag = tag
            .first_chunk()
            .map_or(0, |tag| u64::from_le_bytes(*tag) >> UNCOMPARED_BITS);
        let role = rest.first().map_or(0, |byte| byte & 1);
        by_tag.entry(tag).or_default().push((i, role));
    }
    let mut partners: Vec<usize> = (0..rows.len() / row_bytes).collect();
    for same in by_tag.values() {
        if let [(i, role), (j, other)] = **same
            && role != other
        {
            partners.swap(i, j);
        }
    }
    partners
}

/// Gives every client the message of a row that dials it, or its check row's payload where there is
/// none.
///
/// `rows` is as in [`crate::DialingInput`], in the clear; `choose` as in [`dialing_callers`].
pub fn dialing(
    program: DialingProgram,
    ids: &[[u8; ID_BYTES]],
    rows: &[u8],
    choose: impl FnMut(&[usize], &[usize]) -> (usize, usize),
) -> Vec<u8> {
    let mut out = Vec::with_capacity(ids.len() * DIAL_MESSAGE_BYTES);
    let callers = dialing_callers(program, ids, rows, choose);
    for (client, caller) in callers.into_iter().enumerate() {
        let (row, offset) = match caller {
            Some(row) => (row, DIAL_HEAD_BYTES),
            None => (client, DIAL_HEAD_BYTES + DIAL_MESSAGE_BYTES),
        };
        let at = row * DIAL_INPUT_BYTES + offset;
        out.extend_from_slice(rows.get(at..at + DIAL_MESSAGE_BYTES).unwrap_or_default());
    }
    out
}

/// Returns whose message each client gets, if somebody's.
///
/// Of all clients of one id, and in the contacts program one own pass, one gets the message of one of
/// the rows that dial them: `choose(callees, callers)` picks both. Ids are distinct unless somebody
/// made two keys of one id, so `callees` are hardly ever more than one.
pub fn dialing_callers(
    program: DialingProgram,
    ids: &[[u8; ID_BYTES]],
    rows: &[u8],
    mut choose: impl FnMut(&[usize], &[usize]) -> (usize, usize),
) -> Vec<Option<usize>> {
    type Pass = Option<[u8; ID_BYTES]>;
    let counts = |pass| match program {
        DialingProgram::Contacts => Some(pass),
        DialingProgram::Open => None,
    };
    let mut meetings: HashMap<([u8; ID_BYTES], Pass), Meeting> = HashMap::new();
    for (client, (own_id, row)) in ids.iter().zip(rows.chunks(DIAL_INPUT_BYTES)).enumerate() {
        if let [id, pass, own_pass, ..] = *row.as_chunks().0 {
            let own = meetings.entry((*own_id, counts(own_pass))).or_default();
            own.callees.push(client);
            let dialled = meetings.entry((id, counts(pass))).or_default();
            dialled.callers.push(client);
        }
    }
    let mut out = vec![None; ids.len()];
    for Meeting { callees, callers } in meetings.values() {
        if !callees.is_empty() && !callers.is_empty() {
            let (told, heard) = choose(callees, callers);
            if let Some(out) = out.get_mut(told) {
                *out = Some(heard);
            }
        }
    }
    out
}

/// Clients of one id and those who dial it.
#[derive(Default)]
struct Meeting {
    callees: Vec<usize>,
    callers: Vec<usize>,
}

/// Matches each checking callee with one of its callers, which `choose(callee, callers)` picks: the
/// paper's program.
///
/// `ids` are the rows' own ids, `callees` whom they dial. Returns every row's partner, itself where
/// it has none.
pub fn both_told_partners(
    ids: &[u64],
    callees: &[u64],
    mut choose: impl FnMut(usize, &[usize]) -> usize,
) -> Vec<usize> {
    let checks: HashMap<u64, usize> = (0..)
        .zip(ids.iter().zip(callees))
        .filter(|(_, (id, callee))| id == callee)
        .map(|(i, (id, _))| (*id, i))
        .collect();
    let mut dialled_by: HashMap<usize, Vec<usize>> = HashMap::new();
    for (i, (id, callee)) in ids.iter().zip(callees).enumerate() {
        if let Some(&row) = checks.get(callee).filter(|_| id != callee) {
            dialled_by.entry(row).or_default().push(i);
        }
    }
    let mut partners: Vec<usize> = (0..ids.len()).collect();
    for (callee, callers) in dialled_by {
        let caller = choose(callee, &callers);
        partners.swap(callee, caller);
    }
    partners
}
