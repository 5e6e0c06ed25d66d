//! Three servers that say whatever they like to a client with a contact: the page goes on, and all that it
//! sends are frames of the lengths that any page sends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcmix_fuzz::client::{self, Page, Say};
use mcmix_fuzz::{deployment, rng};
use mcmix_shared::client::Client;

fuzz_target!(|script: Vec<Say>| {
    let records = client::stored("Ada");
    let client =
        Client::restore(deployment().clone(), records, &mut rng()).expect("it is as it was stored");
    let mut page = Page::start(client);
    for say in script.iter().take(40) {
        page.hear(say);
    }
    page.view();
});
