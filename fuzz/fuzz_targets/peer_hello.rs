//! How a server introduces itself to another: what is read is written so that the same is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcmix_fuzz::{Party, bounded};
use mcmix_server::net::reread_hello;
use mcmix_shared::party::PartyId;

const DEPLOYMENT: [u8; 32] = [5; 32];

fuzz_target!(|input: (Party, &[u8])| {
    let (peer, bytes) = (PartyId::from(input.0), input.1);
    let read = bounded(bytes, 4, || reread_hello(bytes, peer, DEPLOYMENT));
    if let Ok(written) = read {
        assert!(written.len() <= bytes.len());
        assert_eq!(reread_hello(&written, peer, DEPLOYMENT), Ok(written));
    }
});
