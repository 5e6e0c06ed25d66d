//! What a browser kept of a vault, changed in whatever way: it opens as it was, or not at all.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mcmix_fuzz::{Change, rng};
use mcmix_shared::client::Record;
use mcmix_shared::vault::{Cost, Guard, VaultKey};

/// A guess that costs next to nothing.
const CHEAP: Cost = Cost {
    memory_kib: 8,
    passes: 1,
};

#[derive(Debug, Arbitrary)]
struct Input {
    name: String,
    value: Vec<u8>,
    of_record: Vec<Change>,
    of_guard: Vec<Change>,
    passphrase: Option<String>,
}

fuzz_target!(|input: Input| {
    let rng = &mut rng();
    let [key, by] = [(); 2].map(|()| VaultKey::random(rng));
    let record = Record {
        key: input.name,
        value: input.value,
    };
    let sealed = key.seal(&record, rng);
    let mut changed = sealed.clone();
    for change in &input.of_record {
        change.make(&mut changed.bytes);
    }
    match key.open(&changed) {
        Ok(opened) => assert!(changed == sealed && opened == record, "it opens changed"),
        Err(_) => assert!(changed != sealed, "it does not open"),
    }

    let guard = match &input.passphrase {
        Some(passphrase) => Guard::by_passphrase(&key, passphrase, CHEAP, rng),
        None => Guard::by_key(&key, &by, rng),
    };
    let mut bytes = guard.encode();
    for change in &input.of_guard {
        change.make(&mut bytes);
    }
    let Ok(read) = Guard::decode(&bytes) else {
        return;
    };
    // A guard that asks for much work is none for a fuzzer.
    if let Guard::Passphrase { cost, .. } = &read
        && (cost.memory_kib > CHEAP.memory_kib || cost.passes > CHEAP.passes)
    {
        return;
    }
    let opened = match &input.passphrase {
        Some(passphrase) => read.unlock(passphrase),
        None => read.open(&by),
    };
    if let Ok(opened) = opened {
        assert_eq!(opened.as_bytes(), key.as_bytes(), "another key");
    }
});
