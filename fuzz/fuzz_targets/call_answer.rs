//! The answer to a call, as a callee wrote it and servers may change it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcmix_fuzz::{Change, deployment, secret};
use mcmix_shared::hostile::{answer_call, read_answer, seal_call};

/// Bytes of a row's message that are the answer; what fills it up is nobody's.
const ANSWER_BYTES: usize = 49;

fuzz_target!(|input: ([u8; 104], u8, Vec<Change>)| {
    let (payload, place, changes) = input;
    let (caller, callee) = (secret(1), secret(2));
    let (realm, callees) = (deployment().realm(), callee.client_key());
    let read = |row: &[u8]| read_answer(&caller, &realm, &callees, &payload, row);
    let sealed = seal_call(&caller, &realm, &callees, &payload);
    let row = sealed.and_then(|message| answer_call(&callee, &realm, &message, place));
    let Some(row) = row else {
        return;
    };
    let offered = u32::from_le_bytes([payload[99], payload[100], payload[101], payload[102]]);
    let chosen = (offered >> place & 1 == 1).then_some(place);
    assert_eq!(read(&row), chosen);
    let mut changed = row.clone();
    for change in &changes {
        change.make(&mut changed);
    }
    if changed.get(..ANSWER_BYTES) != row.get(..ANSWER_BYTES) {
        assert_eq!(read(&changed), None);
    }
});
