//! What calls cost in each case, to be counted: `docs/protocol.md` §8.9 has the figures.
//!
//! ```text
//! valgrind --tool=callgrind --collect-atstart=no --toggle-collect='*measured*' \
//!     <test binary> --ignored --exact call::tests::cost::<case>
//! ```

use core::hint::black_box;

use super::{
    AnswerSeed, Answered, CallKind, IdleCall, MESSAGE_BYTES, Parties, REALM, ROW_BYTES, Validity,
    answer, open, place, read_answer, resume, seal, seal_to_nobody,
};
use crate::{identity::SecretKey, kdf::Secret};

/// Runs what is to be counted.
#[inline(never)]
fn measured<T>(work: impl FnOnce() -> T) -> T {
    work()
}

fn opening(message: [u8; MESSAGE_BYTES]) {
    let parties = Parties::new();
    black_box(measured(|| open(&parties.callee, &REALM, &message)));
}

#[test]
#[ignore = "counted under callgrind"]
fn open_call() {
    opening(Parties::new().seal());
}

#[test]
#[ignore = "counted under callgrind"]
fn open_withdrawn_ring() {
    let mut parties = Parties::new();
    parties.payload.kind = CallKind::Ring;
    parties.payload.validity = Validity::Withdrawn;
    opening(parties.seal());
}

#[test]
#[ignore = "counted under callgrind"]
fn open_garbage() {
    let mut parties = Parties::new();
    let (mut message, mut at) = ([0; MESSAGE_BYTES], 0);
    while at < MESSAGE_BYTES {
        let half = Secret::random(&mut parties.rng);
        let end = MESSAGE_BYTES.min(at + 32);
        message[at..end].copy_from_slice(&half.as_bytes()[..end - at]);
        at = end;
    }
    opening(message);
}

#[test]
#[ignore = "counted under callgrind"]
fn open_zeros() {
    opening([0; MESSAGE_BYTES]);
}

#[test]
#[ignore = "counted under callgrind"]
fn open_own_key_all_over() {
    let own = Parties::new().callee.client_key();
    let mut message = [0; MESSAGE_BYTES];
    for (to, from) in message.iter_mut().zip(own.as_bytes().iter().cycle()) {
        *to = *from;
    }
    opening(message);
}

#[test]
#[ignore = "counted under callgrind"]
fn open_somebody_elses() {
    let mut parties = Parties::new();
    parties.callee = SecretKey::from_bytes([5; 32]);
    opening(parties.seal());
}

#[test]
#[ignore = "counted under callgrind"]
fn open_changed_payload() {
    let mut message = Parties::new().seal();
    message[150] ^= 1;
    opening(message);
}

#[test]
#[ignore = "counted under callgrind"]
fn open_bad_version() {
    let parties = Parties::new();
    let mut payload = parties.payload.to_bytes();
    payload[0] = 9;
    opening(parties.seal_bytes(&payload));
}

#[test]
#[ignore = "counted under callgrind"]
fn seal_call() {
    let parties = Parties::new();
    let callee = parties.callee.client_key();
    black_box(measured(|| {
        seal(
            &parties.caller,
            &REALM,
            &callee,
            &parties.call,
            &parties.payload,
        )
    }));
}

#[test]
#[ignore = "counted under callgrind"]
fn seal_nobody() {
    let mut parties = Parties::new();
    black_box(measured(|| {
        seal_to_nobody(&parties.caller, &REALM, &mut parties.rng)
    }));
}

#[test]
#[ignore = "counted under callgrind"]
fn answer_with() {
    answering(Some(&resume()));
}

#[test]
#[ignore = "counted under callgrind"]
fn answer_without() {
    answering(None);
}

#[test]
#[ignore = "counted under callgrind"]
fn read_same_device() {
    let row = Parties::new().answer(Some(&resume())).row;
    assert!(reading(Some(&resume()), &row).is_some());
}

#[test]
#[ignore = "counted under callgrind"]
fn read_new_device() {
    let row = Parties::new().answer(None).row;
    assert!(reading(Some(&resume()), &row).is_some());
}

#[test]
#[ignore = "counted under callgrind"]
fn read_no_resume() {
    let row = Parties::new().answer(None).row;
    assert!(reading(None, &row).is_some());
}

#[test]
#[ignore = "counted under callgrind"]
fn read_garbage() {
    assert!(reading(Some(&resume()), &[7; ROW_BYTES]).is_none());
}

#[test]
#[ignore = "counted under callgrind"]
fn read_callees_key() {
    let callee = Parties::new().callee.client_key();
    let mut row = [7; ROW_BYTES];
    row[..32].copy_from_slice(callee.as_bytes());
    assert!(reading(Some(&resume()), &row).is_none());
}

#[test]
#[ignore = "counted under callgrind"]
fn read_idle() {
    let mut parties = Parties::new();
    let idle = IdleCall::new(&mut parties.rng);
    measured(|| idle.read_answer(&parties.callee, &REALM, &[7; ROW_BYTES]));
}

fn answering(has: Option<&Secret>) {
    let parties = Parties::new();
    let message = parties.seal();
    let seed = AnswerSeed(Secret::from_bytes([4; 32]));
    black_box(measured(|| {
        answer(
            &parties.callee,
            &REALM,
            &message,
            has,
            place(4),
            &seed,
            ROW_BYTES,
        )
    }));
}

fn reading(has: Option<&Secret>, row: &[u8]) -> Option<Answered> {
    let parties = Parties::new();
    let callee = parties.callee.client_key();
    measured(|| {
        let Parties {
            caller,
            call,
            payload,
            ..
        } = &parties;
        read_answer(caller, &REALM, &callee, call, payload, has, row)
    })
}
