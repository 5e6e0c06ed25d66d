//! A client's first message: whatever differs from what the client wrote is refused.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mcmix_fuzz::{Change, rng, secret};
use mcmix_shared::noise::{Initiator, accept};
use mcmix_shared::party::PartyId;

const DEPLOYMENT: [u8; 32] = [5; 32];

static HELLO: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let server = secret(10).server_key();
    Initiator::new(&DEPLOYMENT, PartyId::P0, &secret(1), &server, &mut rng()).1
});

fuzz_target!(|changes: Vec<Change>| {
    let mut hello = HELLO.clone();
    for change in &changes {
        change.make(&mut hello);
    }
    let accepted = accept(&DEPLOYMENT, PartyId::P0, &secret(10), &hello, &mut rng());
    match accepted {
        Ok(accepted) => {
            assert_eq!(hello, *HELLO);
            assert_eq!(accepted.client, secret(1).client_key());
        }
        Err(_) => assert_ne!(hello, *HELLO),
    }
});
