//! A client's share of its rows: what is read is written as it came, and can be computed on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcmix_fuzz::{AnyProgram, Party, SHAPE, secret};
use mcmix_shared::party::PartyId;
use mcmix_shared::program::RoundId;
use mcmix_shared::share::{DealtShare, DigestKey};

fuzz_target!(|input: (Party, AnyProgram, &[u8])| {
    let (party, AnyProgram(program), bytes) = input;
    let party = PartyId::from(party);
    // A fuzzer finds no length of hundreds of bytes: it is given.
    let mut exact = bytes.to_vec();
    exact.resize(DealtShare::encoded_bytes(party, SHAPE, program), 0);
    let share = DealtShare::decode(party, SHAPE, program, &exact).expect("the length is right");
    assert_eq!(share.encode(), exact);
    assert_eq!(share.party(), party);
    let client = secret(1).client_key();
    let keys = [[2; 32], [3; 32]].map(|key| DigestKey::derive(&key, RoundId(1)));
    assert_eq!(share.digests(&client, &keys), share.digests(&client, &keys));
    let _ = (share.expand(), share.into_components());
    if bytes.len() != exact.len() {
        assert!(DealtShare::decode(party, SHAPE, program, bytes).is_err());
    }
});
