//! The programs that tests of all of them run, each in two worlds that differ in who is matched.

use crate::{Context, ConversationInput, Error, Replies, conversation, stream::Stream};

/// Worlds of a program.
pub(super) const WORLDS: usize = 2;
const MESSAGE_BYTES: usize = 8;

type Run = fn(&mut Context, usize, [Vec<u8>; 2]) -> Result<Replies, Error>;

/// A program with inputs.
pub(super) struct Program {
    pub(super) name: &'static str,
    /// Rows that are routed.
    pub(super) rows: usize,
    input: fn(usize) -> Vec<u8>,
    run: Run,
}

const PROGRAMS: [Program; 1] = [Program {
    name: "conversation",
    rows: 3,
    input: conversation_rows,
    run: |context, _, [first, second]| {
        let input = ConversationInput {
            rows: first.len() / (9 + MESSAGE_BYTES),
            message_bytes: MESSAGE_BYTES,
            first,
            second,
        };
        conversation(context, input)
    },
}];

impl Program {
    pub(super) fn named(name: &str) -> Self {
        let found = PROGRAMS.into_iter().find(|program| program.name == name);
        found.expect("a program of that name")
    }

    pub(super) fn input(&self, world: usize) -> Vec<u8> {
        (self.input)(world)
    }

    /// Runs it in a round of that number.
    pub(super) fn run(
        &self,
        context: &mut Context,
        (round, world): (u64, usize),
        shares: [Vec<u8>; 2],
    ) -> Result<Replies, Error> {
        context.begin(round)?;
        (self.run)(context, world, shares)
    }
}

/// Three rows: two are partners in world 0, nobody in world 1.
fn conversation_rows(world: usize) -> Vec<u8> {
    let tags = [[5, 5, 9], [5, 6, 9]][world];
    let row = |(number, tag): (u8, u8)| {
        let message = Stream::new(&[number; 16]).bytes(MESSAGE_BYTES);
        [&[tag; 8][..], &[number & 1], &message].concat()
    };
    (0..).zip(tags).flat_map(row).collect()
}
