//! What a server sends to another: what is read is written so that the same is read again.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use mcmix_fuzz::bounded;
use mcmix_server::net::reread_message;

fuzz_target!(|input: &[u8]| {
    let message = Bytes::copy_from_slice(input);
    let read = bounded(input, 16, || reread_message(message));
    if let Ok(written) = read {
        assert!(written.len() <= input.len());
        assert_eq!(reread_message(written.clone()), Ok(written));
    }
});
