//! Single blocks on made-up inputs, for benchmarks: what a round consists of, taken apart.

mod proof;

use mcmix_shared::party::PartyId;

use crate::{
    and::and,
    bytes,
    compare::is_zero,
    context::Context,
    error::Error,
    lookup::Lookup,
    reshare::{ShuffledShare, replicate_shuffled},
    route::{Packed, Payload, route},
    share::{Share, Split},
    shuffle::{Column, Shuffle, shuffle},
    sort::{Keys, sort},
    step::{Phase, Step},
    stream::{Stream, Streams},
};

pub use proof::{Instructions, Proof};

/// A block to be timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Products of 64 bits a row.
    And,
    /// Equality of 64-bit values.
    Equality,
    /// A shuffle of rows of 8 bytes.
    Shuffle,
    /// A sort of 64-bit keys.
    Sort,
    /// A lookup of as many values as there are.
    Lookup,
    /// Routing rows of 256 bytes to themselves.
    Route,
}

impl Block {
    /// All blocks.
    pub const ALL: [Self; 6] = [
        Self::And,
        Self::Equality,
        Self::Shuffle,
        Self::Sort,
        Self::Lookup,
        Self::Route,
    ];

    /// Runs the block once on `rows` rows; all three parties must.
    ///
    /// # Errors
    /// As a program.
    pub fn run(self, context: &mut Context, rows: usize) -> Result<(), Error> {
        let streams = context.enter()?;
        let step = Step::new(Phase::ChooseLists, 0);
        let random = Share::random(context, &streams, step, rows * 8);
        match self {
            Self::And => {
                let product = and(context, &streams, step, &random, &random)?;
                product.recycle(context);
                random.recycle(context);
            }
            Self::Equality => is_zero(context, &streams, step, random)?.recycle(context),
            Self::Shuffle => {
                let [shuffled] = shuffled(context, &streams, random)?;
                context.recycle(shuffled.0.half);
            }
            Self::Sort => run_sort(context, &streams, random)?,
            Self::Lookup => run_lookup(context, &streams, rows)?,
            Self::Route => run_route(context, &streams, rows)?,
        }
        Ok(())
    }
}

const P0: PartyId = PartyId::P0;
const P1: PartyId = PartyId::P1;
const P2: PartyId = PartyId::P2;

fn shuffled(
    context: &mut Context,
    streams: &Streams,
    rows: Share,
) -> Result<[crate::shuffle::Shuffled; 1], Error> {
    let step = Step::new(Phase::ShuffleRows, 0);
    let rows = Split::from_share(context, [P2, P0], 8, rows);
    let moved = Shuffle::new(context, streams, step, [P2, P0, P1], rows.rows);
    shuffle(context, streams, step, [(&moved, Column::Secret(rows))])
}

fn run_sort(context: &mut Context, streams: &Streams, random: Share) -> Result<(), Error> {
    let rows = random.len() / 8;
    let step = Step::new(Phase::ShareRows, 0);
    let columns = shuffled(context, streams, random)?;
    let [values] = replicate_shuffled(context, streams, step, columns)?;
    let ties = ShuffledShare(Share::random(context, streams, step, rows * 4));
    sort(context, streams, &Keys { values, ties })?;
    Ok(())
}

fn run_lookup(context: &mut Context, streams: &Streams, rows: usize) -> Result<(), Error> {
    let step = Step::new(Phase::Lookup, 0);
    let lookup = Lookup {
        step,
        owner: P0,
        querier: P1,
        helper: P2,
        rows,
    };
    let values: Vec<u64> = (0..rows as u64).collect();
    let answers = match context.party() {
        P0 => return lookup.own(context, streams, &values, 0),
        P1 => lookup.ask(context, streams, &values)?,
        P2 => {
            let queries = lookup.queries(context)?;
            lookup.answer(context, queries)?
        }
    };
    context.recycle(answers.differences);
    context.recycle(answers.positions);
    Ok(())
}

fn run_route(context: &mut Context, streams: &Streams, rows: usize) -> Result<(), Error> {
    const ROW_BYTES: usize = 256;
    let mut partners = Split {
        holders: [P0, P2],
        row_bytes: 4,
        rows,
        half: Vec::new(),
    };
    if context.party() != P1 {
        partners.half = context.scratch(rows * 4);
        partners.half.fill(0);
    }
    if context.party() == P0 {
        bytes::add_positions(&mut partners.half);
    }
    let half = Packed {
        row_bytes: ROW_BYTES,
        bytes: context.scratch(rows * ROW_BYTES),
    };
    let payload = Payload {
        rows,
        row_bytes: ROW_BYTES,
        silent: 0,
        addend: None,
    };
    let replies = route(context, streams, partners, payload, half)?;
    if let crate::Replies::Rows { bytes, .. } = replies {
        context.recycle(bytes);
    }
    Ok(())
}

/// XORs a pseudo-random stream into `out`: what masks cost.
pub fn prg(out: &mut [u8]) {
    Stream::new(&[1; 16]).xor(0, out);
}
