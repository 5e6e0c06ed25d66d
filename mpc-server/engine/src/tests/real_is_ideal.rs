//! Three parties in memory compute what a trusted party would.

use proptest::prelude::*;

use crate::{
    Context, ConversationInput, Error, Replies, conversation, conversation_by_sorting, ideal,
    world::{World, reconstruct},
};

pub(super) type Program = fn(&mut Context, ConversationInput) -> Result<Replies, Error>;

/// Rows of a tag out of few, any role byte and a message: pairs, cheaters and idle rows by chance.
pub(super) fn rows(max: usize, message_bytes: usize) -> impl Strategy<Value = Vec<u8>> {
    let row = (
        prop_oneof![0..40_u64, any::<u64>()],
        any::<u8>(),
        any::<u64>(),
    );
    proptest::collection::vec(row, 1..=max).prop_map(move |rows| {
        let mut out = Vec::new();
        for (tag, role, message) in rows {
            out.extend(tag.to_le_bytes());
            out.push(role);
            out.extend(
                message
                    .to_le_bytes()
                    .into_iter()
                    .cycle()
                    .take(message_bytes),
            );
        }
        out
    })
}

pub(super) fn run(program: Program, seed: u64, rows: &[u8], message_bytes: usize) -> Vec<u8> {
    let count = rows.len() / (9 + message_bytes);
    let mut world = World::new(seed);
    let replies = world.run(rows, |context, first, second| {
        context.begin(1)?;
        program(
            context,
            ConversationInput {
                rows: count,
                message_bytes,
                first,
                second,
            },
        )
    });
    reconstruct(&replies.expect("honest parties"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn conversation_is_ideal(rows in rows(300, 24), seed: u64) {
        prop_assert_eq!(run(conversation, seed, &rows, 24), ideal::conversation(&rows, 24));
    }

    #[test]
    fn sorting_is_ideal(rows in rows(200, 24), seed: u64) {
        prop_assert_eq!(run(conversation_by_sorting, seed, &rows, 24), ideal::conversation(&rows, 24));
    }

    #[test]
    fn conversation_is_ideal_for_odd_widths(rows in rows(70, 3), seed: u64) {
        prop_assert_eq!(run(conversation, seed, &rows, 3), ideal::conversation(&rows, 3));
    }
}

#[test]
fn conversation_is_ideal_for_few_rows() {
    let row = |tag: u64, role: u8, message: u8| {
        [&tag.to_le_bytes()[..], &[role, message, message]].concat()
    };
    for rows in [
        vec![row(1, 0, 10)],
        vec![row(1, 0, 10), row(1, 1, 20)],
        vec![row(1, 0, 10), row(1, 0, 20)],
        vec![row(1, 0, 10), row(1, 1, 20), row(1, 1, 30)],
        vec![row(1, 0, 10), row(2, 1, 20), row(2, 0, 30), row(1, 3, 40)],
        vec![
            row(0, 0, 10),
            row(0, 1, 20),
            row(u64::MAX, 0, 30),
            row(u64::MAX, 255, 40),
        ],
    ] {
        let rows = rows.concat();
        for program in [conversation as Program, conversation_by_sorting] {
            assert_eq!(run(program, 5, &rows, 2), ideal::conversation(&rows, 2));
        }
    }
}
