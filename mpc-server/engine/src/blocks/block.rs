//! What three parties do together.

use crate::{
    and::and,
    compare::is_zero,
    context::Context,
    error::Error,
    hop::{self, Known, hop},
    program::Replies,
    round::Round,
    route::{Packed, Payload, Ways, route},
    share::{Pair, Share},
    shuffle::Shuffled,
    sort::{Keys, sort},
    step::{Phase, Step},
};

/// A block to be timed: what is sent is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Products of 64 bits a row.
    And,
    /// Equality of 64-bit values.
    Equality,
    /// A hop of rows of 8 bytes.
    Hop,
    /// A sort of 64-bit keys.
    Sort,
    /// Routing rows of 256 bytes to themselves.
    Route,
}

impl Block {
    /// All blocks.
    pub const ALL: [Self; 5] = [
        Self::And,
        Self::Equality,
        Self::Hop,
        Self::Sort,
        Self::Route,
    ];

    /// Runs the block once on `rows` rows; all three parties must.
    ///
    /// # Errors
    /// As a program.
    pub fn run(self, context: &mut Context, rows: usize) -> Result<(), Error> {
        let mut round = context.enter()?;
        let step = Step::new(Phase::ChooseLists, 0);
        let mut random = |index, row_bytes| {
            let step = step.plus(index);
            Share::random(round.context, &round.streams, step, rows * row_bytes)
        };
        let (values, ties) = (random(0, 8), random(1, 4));
        round.open_nonce()?;
        let round = &mut round;
        let out = match self {
            Self::And => and(round, step, values.clone(), values)?,
            Self::Equality => is_zero(round, step, values)?,
            Self::Hop => {
                let drawn = hop::draw(round, step, Pair::P01, rows);
                let known = Known::permutation(Pair::P01, drawn.as_ref(), rows);
                hop(round, step, vec![(&known, values)], 8)?
            }
            Self::Sort => {
                let [values, ties] = [values, ties].map(Shuffled::made_up);
                sort(round, &Keys { values, ties })?;
                return Ok(());
            }
            Self::Route => return run_route(round, rows),
        };
        let [] = round.verify([])?;
        out.recycle(context);
        Ok(())
    }
}

fn run_route(round: &mut Round<'_>, rows: usize) -> Result<(), Error> {
    const ROW_BYTES: usize = 256;
    let nowhere = Ways {
        share: Share::known(round.context, Pair::P20, None, rows * 4),
        order: None,
    };
    let half = Packed {
        row_bytes: ROW_BYTES,
        bytes: round.context.scratch(rows * ROW_BYTES),
    };
    let payload = Payload {
        rows,
        row_bytes: ROW_BYTES,
        silent: 0,
        addend: None,
    };
    let replies = route(round, vec![nowhere], payload, half)?;
    if let Replies::Rows { bytes, .. } = replies {
        round.context.recycle(bytes);
    }
    Ok(())
}
