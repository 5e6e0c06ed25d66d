//! The programs that tests of all of them run, each in two worlds that differ in who is matched.

use super::{
    dialing::{self, callers},
    dialing_both_told::{id, key},
};
use crate::{
    BothToldInput, Context, ConversationInput, DialingProgram, Error, Replies, conversation,
    conversation_by_sorting, dialing_both_told, stream::Stream,
};

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

const PROGRAMS: [Program; 5] = [
    Program {
        name: "conversation",
        rows: 3,
        input: conversation_rows,
        run: |context, _, shares| conversation(context, conversation_input(shares)),
    },
    Program {
        name: "sorting",
        rows: 3,
        input: conversation_rows,
        run: |context, _, shares| conversation_by_sorting(context, conversation_input(shares)),
    },
    Program {
        name: "contacts",
        rows: 4,
        input: |world| dialing::rows(&callers(&CALLEES[world])),
        run: |context, world, shares| {
            let clients = callers(&CALLEES[world]);
            dialing::run_party(context, DialingProgram::Contacts, &clients, shares)
        },
    },
    Program {
        name: "open",
        rows: 4,
        input: |world| dialing::rows(&callers(&CALLEES[world])),
        run: |context, world, shares| {
            let clients = callers(&CALLEES[world]);
            dialing::run_party(context, DialingProgram::Open, &clients, shares)
        },
    },
    Program {
        name: "both told",
        rows: 3,
        input: |world| {
            let callees = [[id(1), id(1), 7], [8, id(0), 7]][world];
            callees.into_iter().flat_map(u64::to_le_bytes).collect()
        },
        run: |context, _, [first, second]| {
            let (ids, keys) = (0..first.len() / 8).map(|i| (id(i), key(i))).unzip();
            let input = BothToldInput {
                ids,
                keys,
                first,
                second,
            };
            dialing_both_told(context, input)
        },
    },
];

/// Whom two clients dial: one of them the other one, or both the same one, who is not there.
const CALLEES: [[usize; 2]; WORLDS] = [[1, 9], [8, 8]];

fn conversation_input([first, second]: [Vec<u8>; 2]) -> ConversationInput {
    ConversationInput {
        rows: first.len() / (9 + MESSAGE_BYTES),
        message_bytes: MESSAGE_BYTES,
        first,
        second,
    }
}

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
