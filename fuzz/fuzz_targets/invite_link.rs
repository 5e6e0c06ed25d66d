//! An invite link that somebody sent: what is read is written so that the same is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcmix_fuzz::{bounded, deployment};
use mcmix_shared::identity::Invite;

fuzz_target!(|link: &str| {
    let realm = deployment().realm();
    let invite = bounded(link.as_bytes(), 16, || Invite::from_link(link, &realm));
    if let Ok(invite) = invite {
        let again = invite.to_link("https://chat.example", &realm);
        assert_eq!(Invite::from_link(&again, &realm), Ok(invite));
    }
});
