//! Keys, safety numbers and fingerprints as people paste them: what is read is written so that the same
//! is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcmix_server::keys::Fingerprint;
use mcmix_shared::identity::{ClientKey, SafetyNumber, SecretKey, ServerKey};

fuzz_target!(|text: &str| {
    if let Ok(number) = text.parse::<SafetyNumber>() {
        assert_eq!(number.to_code().parse(), Ok(number));
        assert_eq!(number.to_string().parse(), Ok(number));
    }
    if let Ok(key) = ClientKey::from_text(text) {
        assert_eq!(key.to_text(), text.trim());
    }
    if let Ok(key) = ServerKey::from_text(text) {
        assert_eq!(key.to_text(), text.trim());
    }
    if let Ok(key) = SecretKey::from_text(text) {
        assert_eq!(key.to_text().as_str(), text.trim());
    }
    if let Ok(fingerprint) = text.parse::<Fingerprint>() {
        assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
    }
});
