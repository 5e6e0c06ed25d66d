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

macro_rules! cases {
    ($($name:ident $work:block)*) => {
        $(#[test]
        #[ignore = "counted under callgrind"]
        fn $name() $work)*
    };
}

cases! {
    open_call { opening(Parties::new().seal()); }
    open_withdrawn_ring {
        let mut parties = Parties::new();
        parties.payload.kind = CallKind::Ring;
        parties.payload.validity = Validity::Withdrawn;
        opening(parties.seal());
    }
    open_garbage {
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
    open_zeros { opening([0; MESSAGE_BYTES]); }
    open_somebody_elses {
        let mut parties = Parties::new();
        parties.callee = SecretKey::from_bytes([5; 32]);
        opening(parties.seal());
    }
    open_changed_payload {
        let mut message = Parties::new().seal();
        message[150] ^= 1;
        opening(message);
    }
    open_bad_version {
        let parties = Parties::new();
        let mut payload = parties.payload.to_bytes();
        payload[0] = 9;
        opening(parties.seal_bytes(&payload));
    }
    seal_call {
        let parties = Parties::new();
        let callee = parties.callee.client_key();
        black_box(measured(|| {
            seal(&parties.caller, &REALM, &callee, &parties.call, &parties.payload)
        }));
    }
    seal_nobody {
        let mut parties = Parties::new();
        black_box(measured(|| seal_to_nobody(&parties.caller, &REALM, &mut parties.rng)));
    }
    answer_with { answering(Some(&resume())); }
    answer_without { answering(None); }
    answer_idle {
        let mut parties = Parties::new();
        let idle = IdleCall::new(&parties.callee, &REALM, &mut parties.rng);
        measured(|| idle.answer(&parties.callee, &REALM, ROW_BYTES));
    }
    read_same_device {
        let row = Parties::new().answer(Some(&resume())).row;
        assert!(reading(Some(&resume()), &row).is_some());
    }
    read_new_device {
        let row = Parties::new().answer(None).row;
        assert!(reading(Some(&resume()), &row).is_some());
    }
    read_no_resume {
        let row = Parties::new().answer(None).row;
        assert!(reading(None, &row).is_some());
    }
    read_garbage { assert!(reading(Some(&resume()), &[7; ROW_BYTES]).is_none()); }
    read_idle {
        let mut parties = Parties::new();
        let idle = IdleCall::new(&parties.callee, &REALM, &mut parties.rng);
        measured(|| idle.read_answer(&parties.callee, &REALM, &[7; ROW_BYTES]));
    }
}

fn answering(has: Option<&Secret>) {
    let parties = Parties::new();
    let message = parties.seal();
    let seed = AnswerSeed::from_bytes([4; 32]);
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
