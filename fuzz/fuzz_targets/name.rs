//! A name that a stranger chose: short, and the same when it is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcmix_fuzz::bounded;
use mcmix_shared::identity::{MAX_NAME_BYTES, Name};

fuzz_target!(|input: (&str, &str)| {
    let read = |text: &str| bounded(text.as_bytes(), 16, || Name::new(text));
    let (Ok(one), Ok(other)) = (read(input.0), read(input.1)) else {
        return;
    };
    for name in [&one, &other] {
        assert!((1..=MAX_NAME_BYTES).contains(&name.as_str().len()));
        assert_eq!(Name::new(name.as_str()).as_ref(), Ok(name));
        assert!(name.looks_like(name));
    }
    assert_eq!(one.looks_like(&other), other.looks_like(&one));
});
