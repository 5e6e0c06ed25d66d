//! A contact's packet: what is understood of it is written so that the same is understood again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcmix_fuzz::bounded;
use mcmix_shared::hostile::reread_packet;

fuzz_target!(|packet: &[u8]| {
    if let Some(again) = bounded(packet, 64, || reread_packet(packet)) {
        assert_eq!(again.len(), packet.len());
        assert_eq!(reread_packet(&again).as_ref(), Some(&again));
    }
});
