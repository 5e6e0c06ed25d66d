//! The first bytes that anybody can send to the peer port: what is read is written so that the same is
//! read again.
#![no_main]

use futures_util::FutureExt as _;
use libfuzzer_sys::fuzz_target;
use mcmix_fuzz::bounded;
use mcmix_server::net::reread_knock;

fuzz_target!(|bytes: &[u8]| {
    let read = |bytes| {
        let read = reread_knock(bytes).now_or_never();
        read.expect("bytes that are there are not waited for")
    };
    if let Some((written, len)) = bounded(bytes, 8, || read(bytes)) {
        assert!(written.len() <= len);
        assert_eq!(read(&written), Some((written.clone(), written.len())));
    }
});
