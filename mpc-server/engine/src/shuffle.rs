//! Oblivious shuffle and its inverse (docs/protocol.md §4.3 and §4.4; Araki et al., CCS 2021).
//!
//! In:      a batch of `Split` columns held by (S1, S2), n rows each.
//! Out:     `Shuffled` columns held by (S2, S3), the same rows in an order that nobody knows.
//! Cost:    1 round, 2 messages of n rows a column; public columns 1 message.   Reveals: n.
//! Secure:  one semi-honest party. Tampering is not detected here (§7).
//! Differs: we stop at the two-additive form; the paper re-shares at once.
//!
//! A mask between two permutations is laid on by row after the first, so that each party walks its
//! output in order: one gather and one or two passes of AES for a vector, and no temporary.

use mcmix_shared::party::PartyId;

use crate::{
    context::Context,
    error::Error,
    permutation::{Permutation, Rows},
    share::Split,
    step::Step,
    stream::{Purpose, RowMasks, Streams},
};

/// A column in shuffled order. Only such a column can be opened or sorted.
#[derive(Debug)]
pub(crate) struct Shuffled(pub(crate) Split);

/// What goes into a shuffle.
#[derive(Debug)]
pub(crate) enum Column {
    /// A secret column, held by (S1, S2).
    Secret(Split),
    /// The wire ids 0..n.
    WireIds,
    /// Another public column.
    Public { row_bytes: usize, rows: Vec<u8> },
}

/// What a party knows of a shuffle: two of its three permutations.
#[derive(Debug)]
pub(crate) enum Known {
    /// p12 and p13.
    S1 { p12: Permutation, p13: Permutation },
    /// p12 and p23.
    S2 { p12: Permutation, p23: Permutation },
    /// p13 and p23.
    S3 { p13: Permutation, p23: Permutation },
}

/// One shuffle: p12, then p13, then p23.
#[derive(Debug)]
pub(crate) struct Shuffle {
    pub(crate) roles: [PartyId; 3],
    pub(crate) rows: usize,
    pub(crate) known: Known,
}

/// The masks of one column that this party knows.
pub(crate) fn masks(
    streams: &Streams,
    peer: PartyId,
    step: Step,
    purpose: Purpose,
    row_bytes: usize,
) -> RowMasks {
    RowMasks::new(streams.with(peer, step, purpose), row_bytes)
}

impl Shuffle {
    /// Draws this party's two permutations. Local.
    pub(crate) fn new(
        context: &Context,
        streams: &Streams,
        step: Step,
        roles: [PartyId; 3],
        rows: usize,
    ) -> Self {
        let [s1, s2, s3] = roles;
        let with = |one, other| {
            let draw = |peer| {
                let stream = streams.with(peer, step, Purpose::Permutation);
                Permutation::random(&stream, rows)
            };
            context.both(|| draw(one), || draw(other))
        };
        let known = if context.party() == s1 {
            let (p12, p13) = with(s2, s3);
            Known::S1 { p12, p13 }
        } else if context.party() == s2 {
            let (p12, p23) = with(s1, s3);
            Known::S2 { p12, p23 }
        } else {
            let (p13, p23) = with(s1, s2);
            Known::S3 { p13, p23 }
        };
        Self { roles, rows, known }
    }

    /// Sends this party's messages for a column; the other half of the work is in [`Self::receive`].
    pub(crate) fn send(
        &self,
        context: &mut Context,
        streams: &Streams,
        step: Step,
        column: &Column,
    ) -> Result<(), Error> {
        match &self.known {
            Known::S1 { p12, p13 } => self.send_s1(context, streams, step, (p12, p13, column)),
            Known::S2 { p12, .. } => match column {
                Column::Secret(column) => self.send_s2(context, streams, step, (p12, column)),
                Column::WireIds | Column::Public { .. } => Ok(()),
            },
            Known::S3 { .. } => Ok(()),
        }
    }

    /// S1: X' = p13(p12(X) ^ Z12) ^ Z13, to S2.
    fn send_s1(
        &self,
        context: &mut Context,
        streams: &Streams,
        step: Step,
        (p12, p13, column): (&Permutation, &Permutation, &Column),
    ) -> Result<(), Error> {
        let [_, s2, s3] = self.roles;
        let row_bytes = column.row_bytes();
        let z12 = masks(streams, s2, step, Purpose::ShuffleMask, row_bytes);
        let z13 = masks(streams, s3, step, Purpose::ShuffleMask, row_bytes);
        let mut between = context.scratch(self.rows * row_bytes);
        match column {
            Column::Secret(column) => {
                let rows = Rows::packed(&column.half, row_bytes);
                context.fill(&mut between, row_bytes, |offset, out| {
                    p12.gather(&rows, offset / row_bytes, out);
                    z12.xor_from(offset / row_bytes, out);
                });
            }
            Column::Public { rows, .. } => {
                let rows = Rows::packed(rows, row_bytes);
                context.fill(&mut between, row_bytes, |offset, out| {
                    p12.gather(&rows, offset / row_bytes, out);
                });
            }
            Column::WireIds => context.fill(&mut between, row_bytes, |offset, out| {
                let ids = p12.part(offset / row_bytes, out.len() / row_bytes);
                for (out, id) in out.as_chunks_mut::<4>().0.iter_mut().zip(ids) {
                    *out = id.to_le_bytes();
                }
            }),
        }
        let rows = Rows::packed(&between, row_bytes);
        context.stream(
            s2,
            step.of(row_bytes),
            self.rows * row_bytes,
            |offset, out| {
                p13.gather(&rows, offset / row_bytes, out);
                z13.xor_from(offset / row_bytes, out);
            },
        )?;
        context.recycle(between);
        Ok(())
    }

    /// S2: Y' = p12(Y) ^ Z12, to S3.
    fn send_s2(
        &self,
        context: &mut Context,
        streams: &Streams,
        step: Step,
        (p12, column): (&Permutation, &Split),
    ) -> Result<(), Error> {
        let [s1, _, s3] = self.roles;
        let row_bytes = column.row_bytes;
        let z12 = masks(streams, s1, step, Purpose::ShuffleMask, row_bytes);
        let rows = Rows::packed(&column.half, row_bytes);
        context.stream(s3, step.of(row_bytes), column.len(), |offset, out| {
            p12.gather(&rows, offset / row_bytes, out);
            z12.xor_from(offset / row_bytes, out);
        })
    }

    /// Receives this party's message for a column and makes its half of the output.
    pub(crate) fn receive(
        &self,
        context: &mut Context,
        streams: &Streams,
        step: Step,
        column: Column,
    ) -> Result<Shuffled, Error> {
        let [s1, s2, s3] = self.roles;
        let row_bytes = column.row_bytes();
        let len = self.rows * row_bytes;
        let output = |peer| masks(streams, peer, step, Purpose::OutputMask, row_bytes);
        let half = match &self.known {
            Known::S1 { .. } => Vec::new(),
            // p23(X') ^ Z23
            Known::S2 { p23, .. } => {
                let got = context.recv(s1, step.of(row_bytes), len)?;
                let half = self.finish(context, p23, &output(s3), &Rows::packed(&got, row_bytes));
                context.recycle(got);
                half
            }
            // p23(p13(Y') ^ Z13) ^ Z23
            Known::S3 { p13, p23 } => {
                let z13 = masks(streams, s1, step, Purpose::ShuffleMask, row_bytes);
                let mut between = context.scratch(len);
                if let Column::Secret(_) = column {
                    let got = context.recv(s2, step.of(row_bytes), len)?;
                    let rows = Rows::packed(&got, row_bytes);
                    context.fill(&mut between, row_bytes, |offset, out| {
                        p13.gather(&rows, offset / row_bytes, out);
                        z13.xor_from(offset / row_bytes, out);
                    });
                    context.recycle(got);
                } else {
                    context.fill(&mut between, row_bytes, |offset, out| {
                        out.fill(0);
                        z13.xor_from(offset / row_bytes, out);
                    });
                }
                let half = self.finish(
                    context,
                    p23,
                    &output(s2),
                    &Rows::packed(&between, row_bytes),
                );
                context.recycle(between);
                half
            }
        };
        if let Column::Secret(column) = column {
            context.recycle(column.half);
        }
        Ok(Shuffled(Split {
            holders: [s2, s3],
            row_bytes,
            rows: self.rows,
            half,
        }))
    }

    fn finish(
        &self,
        context: &mut Context,
        p23: &Permutation,
        z23: &RowMasks,
        rows: &Rows<'_>,
    ) -> Vec<u8> {
        let row_bytes = rows.row_bytes;
        let mut half = context.scratch(self.rows * row_bytes);
        context.fill(&mut half, row_bytes, |offset, out| {
            p23.gather(rows, offset / row_bytes, out);
            z23.xor_from(offset / row_bytes, out);
        });
        half
    }

    /// Sends this party's messages of the inverse, for a column held by (S2, S3).
    pub(crate) fn send_back(
        &self,
        context: &mut Context,
        streams: &Streams,
        step: Step,
        column: &Split,
    ) -> Result<(), Error> {
        let [s1, s2, s3] = self.roles;
        let row_bytes = column.row_bytes;
        let masks = |peer, purpose| masks(streams, peer, step, purpose, row_bytes);
        let rows = Rows::packed(&column.half, row_bytes);
        match &self.known {
            Known::S1 { .. } => Ok(()),
            // X' = p23^-1(X) ^ Z23, to S1.
            Known::S2 { p23, .. } => {
                let (back, z23) = (p23.inverse(), masks(s3, Purpose::OutputMask));
                context.stream(s1, step.of(row_bytes), column.len(), |offset, out| {
                    back.gather(&rows, offset / row_bytes, out);
                    z23.xor_from(offset / row_bytes, out);
                })
            }
            // Y' = p13^-1(p23^-1(Y) ^ Z23) ^ Z13, to S2.
            Known::S3 { p13, p23 } => {
                let z23 = masks(s2, Purpose::OutputMask);
                let z13 = masks(s1, Purpose::ShuffleMask);
                let mut between = context.scratch(column.len());
                let back = p23.inverse();
                context.fill(&mut between, row_bytes, |offset, out| {
                    back.gather(&rows, offset / row_bytes, out);
                    z23.xor_from(offset / row_bytes, out);
                });
                let rows = Rows::packed(&between, row_bytes);
                let back = p13.inverse();
                context.stream(s2, step.of(row_bytes), column.len(), |offset, out| {
                    back.gather(&rows, offset / row_bytes, out);
                    z13.xor_from(offset / row_bytes, out);
                })?;
                context.recycle(between);
                Ok(())
            }
        }
    }

    /// Receives this party's message of the inverse: a column in wire order, held by (S1, S2).
    pub(crate) fn receive_back(
        &self,
        context: &mut Context,
        streams: &Streams,
        step: Step,
        column: Split,
    ) -> Result<Split, Error> {
        let [s1, s2, s3] = self.roles;
        let Split {
            row_bytes, rows, ..
        } = column;
        let len = column.len();
        let mut half = Vec::new();
        match &self.known {
            // p12^-1(p13^-1(X') ^ Z13)
            Known::S1 { p12, p13 } => {
                let z13 = masks(streams, s3, step, Purpose::ShuffleMask, row_bytes);
                let got = context.recv(s2, step.of(row_bytes), len)?;
                let mut between = context.scratch(len);
                let back = p13.inverse();
                context.fill(&mut between, row_bytes, |offset, out| {
                    back.gather(&Rows::packed(&got, row_bytes), offset / row_bytes, out);
                    z13.xor_from(offset / row_bytes, out);
                });
                let back = p12.inverse();
                half = got;
                context.fill(&mut half, row_bytes, |offset, out| {
                    back.gather(&Rows::packed(&between, row_bytes), offset / row_bytes, out);
                });
                context.recycle(between);
            }
            // p12^-1(Y')
            Known::S2 { p12, .. } => {
                let got = context.recv(s3, step.of(row_bytes), len)?;
                let back = p12.inverse();
                half = context.scratch(len);
                context.fill(&mut half, row_bytes, |offset, out| {
                    back.gather(&Rows::packed(&got, row_bytes), offset / row_bytes, out);
                });
                context.recycle(got);
            }
            Known::S3 { .. } => {}
        }
        context.recycle(column.half);
        Ok(Split {
            holders: [s1, s2],
            row_bytes,
            rows,
            half,
        })
    }
}

impl Column {
    pub(crate) const fn row_bytes(&self) -> usize {
        match self {
            Self::Secret(column) => column.row_bytes,
            Self::WireIds => 4,
            Self::Public { row_bytes, .. } => *row_bytes,
        }
    }
}

/// Shuffles columns of some batches in one round; each batch has a shuffle of its own.
///
/// The i-th column of all uses step `step + i`.
pub(crate) fn shuffle<const N: usize>(
    context: &mut Context,
    streams: &Streams,
    step: Step,
    columns: [(&Shuffle, Column); N],
) -> Result<[Shuffled; N], Error> {
    for (i, (shuffle, column)) in columns.iter().enumerate() {
        shuffle.send(context, streams, step.plus(i as u16), column)?;
    }
    crate::reshare::split_map(columns, |i, (shuffle, column)| {
        shuffle.receive(context, streams, step.plus(i as u16), column)
    })
}

/// Moves columns back to the order before their shuffles, in one round.
pub(crate) fn unshuffle<const N: usize>(
    context: &mut Context,
    streams: &Streams,
    step: Step,
    columns: [(&Shuffle, Split); N],
) -> Result<[Split; N], Error> {
    for (i, (shuffle, column)) in columns.iter().enumerate() {
        shuffle.send_back(context, streams, step.plus(i as u16), column)?;
    }
    crate::reshare::split_map(columns, |i, (shuffle, column)| {
        shuffle.receive_back(context, streams, step.plus(i as u16), column)
    })
}
