//! The ideal functionality: what a trusted party would compute in the clear (docs/protocol.md §5, §6).
//!
//! The oracle of the tests, and the baseline of benchmarks.

use std::collections::HashMap;

use crate::program::{ROW_HEADER_BYTES, TAG_BYTES};

/// Swaps messages where exactly two rows carry a tag, one of each role.
///
/// `rows` is as in [`crate::ConversationInput`], in the clear. Returns every row's message; a row
/// without a partner gets its own back.
pub fn conversation(rows: &[u8], message_bytes: usize) -> Vec<u8> {
    let row_bytes = ROW_HEADER_BYTES + message_bytes;
    let message = |i: usize| rows.get(i * row_bytes + ROW_HEADER_BYTES..(i + 1) * row_bytes);
    let mut out = Vec::with_capacity(rows.len() / row_bytes * message_bytes);
    for partner in conversation_partners(rows, message_bytes) {
        out.extend_from_slice(message(partner).unwrap_or_default());
    }
    out
}

/// Returns every row's partner, itself where it has none.
pub fn conversation_partners(rows: &[u8], message_bytes: usize) -> Vec<usize> {
    let row_bytes = ROW_HEADER_BYTES + message_bytes;
    let mut by_tag: HashMap<&[u8], Vec<(usize, u8)>> = HashMap::new();
    for (i, row) in rows.chunks_exact(row_bytes).enumerate() {
        let (tag, rest) = row.split_at(TAG_BYTES);
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

/// Matches each checking callee with one of its callers, which `choose(callee, callers)` picks.
///
/// `ids` are the rows' own ids, `callees` whom they dial. Returns every row's partner, itself where
/// it has none.
pub fn dialing_partners(
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
