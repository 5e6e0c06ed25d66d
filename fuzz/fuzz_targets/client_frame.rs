//! What a client sends to a server: what is read is written as it came.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcmix_fuzz::{Party, SHAPE, bounded};
use mcmix_shared::party::PartyId;
use mcmix_shared::wire::ClientFrame;

fuzz_target!(|input: (Party, &[u8])| {
    let (party, bytes) = (PartyId::from(input.0), input.1);
    let frame = bounded(bytes, 4, || ClientFrame::decode(party, SHAPE, bytes));
    if let Ok(frame) = frame {
        assert_eq!(frame.encode(), bytes);
        assert!(bytes.len() <= ClientFrame::max_bytes(party, SHAPE));
    }
});
