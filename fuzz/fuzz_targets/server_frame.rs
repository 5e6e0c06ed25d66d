//! What a server sends to a client: what is read is written as it came.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcmix_fuzz::{Party, SHAPE, bounded};
use mcmix_shared::wire::ServerFrame;

fuzz_target!(|input: (Party, &[u8])| {
    let (party, bytes) = (input.0.into(), input.1);
    let frame = bounded(bytes, 4, || ServerFrame::decode(party, SHAPE, bytes));
    if let Ok(frame) = frame {
        assert_eq!(frame.encode(), bytes);
    }
});
