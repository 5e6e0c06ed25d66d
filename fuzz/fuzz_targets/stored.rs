//! What a client stored, changed in whatever way: it starts, or says why not, and runs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcmix_fuzz::client::{self, Page};
use mcmix_fuzz::{Change, deployment, rng};
use mcmix_shared::client::{Client, Record};

fuzz_target!(|input: (bool, Vec<(u8, Change)>, Vec<(String, Vec<u8>)>)| {
    let (ada, changes, more) = input;
    let mut records = client::stored(if ada { "Ada" } else { "Bob" });
    for (which, change) in &changes {
        let which = usize::from(*which) % records.len();
        change.make(&mut records[which].value);
    }
    records.extend(more.into_iter().map(|(key, value)| Record { key, value }));
    let Ok(client) = Client::restore(deployment().clone(), records, &mut rng()) else {
        return;
    };
    let mut page = Page::start(client);
    page.rounds(3);
    page.view();
});
