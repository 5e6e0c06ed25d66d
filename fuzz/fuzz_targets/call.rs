//! A call: the payload that a caller wrote, and message 1 as servers may change it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcmix_fuzz::{Change, deployment, secret};
use mcmix_shared::hostile::{open_call, reread_call, seal_call};

fuzz_target!(|input: ([u8; 104], Vec<Change>)| {
    let (payload, changes) = input;
    let (caller, callee) = (secret(1), secret(2));
    let realm = deployment().realm();
    let sealed = seal_call(&caller, &realm, &callee.client_key(), &payload);
    assert_eq!(sealed.is_some(), reread_call(&payload).is_some());
    let sealed = sealed.unwrap_or_else(|| vec![0; 200]);
    let mut message = sealed.clone();
    for change in &changes {
        change.make(&mut message);
    }
    let opened = open_call(&callee, &realm, &message);
    if let Some((from, read)) = opened {
        assert_eq!(message, sealed);
        assert_eq!(from, caller.client_key());
        assert_eq!(read, payload);
    } else {
        assert!(message != sealed || sealed == vec![0; 200]);
    }
});
