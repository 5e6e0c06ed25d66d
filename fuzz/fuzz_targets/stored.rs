//! What a client stored, changed in whatever way: it starts, or says why not, and runs.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mcmix_fuzz::client::{self, Page};
use mcmix_fuzz::{Change, deployment, rng};
use mcmix_shared::client::{Client, Record};

#[derive(Debug, Arbitrary)]
struct Input {
    ada: bool,
    changes: Vec<(u8, Change)>,
    more: Vec<(String, Vec<u8>)>,
}

fuzz_target!(|input: Input| {
    let is_whole = input.changes.is_empty() && input.more.is_empty();
    let mut records = client::stored(if input.ada { "Ada" } else { "Bob" });
    for (which, change) in &input.changes {
        let which = usize::from(*which) % records.len();
        change.make(&mut records[which].value);
    }
    let more = input.more.into_iter();
    records.extend(more.map(|(key, value)| Record { key, value }));
    let restored = Client::restore(deployment().clone(), records, &mut rng());
    let Ok(client) = restored else { return };
    let mut page = Page::start(client);
    page.rounds(3);
    assert!(!is_whole || page.taken_part == 6, "a page stays away");
    page.view();
});
