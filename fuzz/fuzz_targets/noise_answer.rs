//! A server's answer and its first sealed frame: whatever differs from what it wrote is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcmix_fuzz::{Change, rng, secret};
use mcmix_shared::noise::{Initiator, accept};
use mcmix_shared::party::PartyId;

const DEPLOYMENT: [u8; 32] = [5; 32];

fuzz_target!(|input: (Vec<Change>, Vec<Change>, Vec<u8>)| {
    let (to_answer, to_frame, frame) = input;
    let (client, server) = (secret(1), secret(10));
    let party = PartyId::P0;
    let (initiator, hello) = Initiator::new(
        &DEPLOYMENT,
        party,
        &client,
        &server.server_key(),
        &mut rng(),
    );
    let mut theirs = accept(&DEPLOYMENT, party, &server, &hello, &mut rng()).expect("honest");
    let mut answer = theirs.answer.clone();
    for change in &to_answer {
        change.make(&mut answer);
    }
    let transport = initiator.finish(&answer);
    assert_eq!(transport.is_ok(), answer == theirs.answer);
    let Ok(mut transport) = transport else { return };
    let Ok(sealed) = theirs.transport.seal(&frame) else {
        return;
    };
    let mut changed = sealed.clone();
    for change in &to_frame {
        change.make(&mut changed);
    }
    let opened = transport.open(&changed);
    assert_eq!(opened.is_ok(), changed == sealed);
    if let Ok(opened) = opened {
        assert_eq!(opened, frame);
    }
});
