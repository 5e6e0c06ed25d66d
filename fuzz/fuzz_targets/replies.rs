//! What the three servers reply to one submission: put together, or one is named.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcmix_fuzz::{AnyProgram, SHAPE};
use mcmix_shared::party::PartyId;
use mcmix_shared::program::RoundId;
use mcmix_shared::share::{combine, reply_body_bytes};

fuzz_target!(|input: (AnyProgram, bool, [Vec<u8>; 3])| {
    let (AnyProgram(program), fit, mut bodies) = input;
    let fits = PartyId::ALL.map(|party| reply_body_bytes(party, SHAPE, program));
    if fit {
        for (body, len) in bodies.iter_mut().zip(fits) {
            body.resize(len, 0);
        }
    }
    let lengths = bodies.each_ref().map(Vec::len);
    let rows = combine(
        RoundId(1),
        program,
        SHAPE,
        bodies.each_ref().map(Vec::as_slice),
    );
    assert_eq!(rows.is_ok(), lengths == fits);
    for row in rows.into_iter().flatten() {
        assert_eq!(row.message.len(), SHAPE.row_message_bytes(program));
    }
});
