//! What the sorting programs share: joined neighbours of a sorted list become partners in wire order
//! (docs/protocol.md §5).

use mcmix_shared::party::PartyId;

use crate::{
    and, bytes,
    context::Context,
    error::Error,
    permutation::Rows,
    reshare::{ShuffledShare, replicate_shuffled},
    share::{Share, Split},
    shuffle::{Column, Shuffle, shuffle, unshuffle},
    sort::{Keys, Sorted, sort},
    step::{Phase, Step},
    stream::Streams,
};

/// S1, S2, S3.
const ROLES: [PartyId; 3] = [PartyId::P2, PartyId::P0, PartyId::P1];

/// Bytes of a row's key.
const KEY_BYTES: usize = 8;

/// Rows in sorted order.
pub(super) struct Neighbours {
    shuffle: Shuffle,
    sorted: Sorted,
    /// 8 bytes a row.
    pub(super) keys: Share,
    /// 4 bytes a row.
    wids: Share,
}

/// Shuffles rows and sorts them by key, with ties in random order.
pub(super) fn sort_rows(
    context: &mut Context,
    streams: &Streams,
    keys: Split,
) -> Result<Neighbours, Error> {
    let shuffles = Shuffles::new(context, streams, keys.rows);
    let Shuffles { rows, ties } = &shuffles;
    let columns = [
        (rows, Column::Secret(keys)),
        (ties, Column::WireIds),
        (rows, Column::WireIds),
    ];
    let columns = shuffle_and_share(context, streams, columns)?;
    Neighbours::sort(context, streams, shuffles, columns)
}

/// Shuffles rows and sorts them as [`sort_rows`] does, and takes `column` along.
pub(super) fn sort_rows_with(
    context: &mut Context,
    streams: &Streams,
    keys: Split,
    column: Column,
) -> Result<(Neighbours, Share), Error> {
    let shuffles = Shuffles::new(context, streams, keys.rows);
    let Shuffles { rows, ties } = &shuffles;
    let column_bytes = column.row_bytes();
    let columns = [
        (rows, Column::Secret(keys)),
        (ties, Column::WireIds),
        (rows, Column::WireIds),
        (rows, column),
    ];
    let [keys, ties, wids, column] = shuffle_and_share(context, streams, columns)?;
    let sorted = Neighbours::sort(context, streams, shuffles, [keys, ties, wids])?;
    let column = sorted.in_order(context, column, column_bytes);
    Ok((sorted, column))
}

/// The rows' shuffle, and that of their tie-breaks.
struct Shuffles {
    rows: Shuffle,
    ties: Shuffle,
}

impl Shuffles {
    fn new(context: &mut Context, streams: &Streams, rows: usize) -> Self {
        context.phase(Phase::ShuffleRows);
        // A secret random permutation breaks ties: the order is then uniformly random whatever the
        // keys are, and each caller of a callee is as likely as any other to come next to it.
        let [rows, ties] = [0, 1].map(|index| {
            let step = Step::new(Phase::ShuffleRows, index);
            Shuffle::new(context, streams, step, ROLES, rows)
        });
        Self { rows, ties }
    }
}

fn shuffle_and_share<const N: usize>(
    context: &mut Context,
    streams: &Streams,
    columns: [(&Shuffle, Column); N],
) -> Result<[ShuffledShare; N], Error> {
    let columns = shuffle(context, streams, Step::new(Phase::ShuffleRows, 0), columns)?;
    context.phase(Phase::ShareRows);
    replicate_shuffled(context, streams, Step::new(Phase::ShareRows, 0), columns)
}

/// Differences of neighbouring rows of 8 bytes; the last row differs from what is not there.
pub(super) fn differences(context: &Context, keys: &Share) -> Share {
    let [first, second] = [&keys.first, &keys.second].map(|rows| {
        let mut out = rows.clone();
        bytes::xor_shifted(&mut out, rows, KEY_BYTES);
        // What is not there counts as nothing at all.
        if let Some(last) = out.last_chunk_mut::<KEY_BYTES>() {
            last.fill(0);
        }
        out
    });
    let mut differences = Share::new(first, second);
    differences.add_public(context.party(), |component| {
        if let Some(last) = component.last_mut() {
            *last ^= 1;
        }
    });
    differences
}

/// Makes bit i of the result bit i + 1 of `bits`. Local.
pub(super) fn following(bits: &Share) -> Share {
    shift(bits, |bytes| {
        let nexts = bytes.iter().skip(1).chain(&[0]);
        bytes
            .iter()
            .zip(nexts)
            .map(|(byte, next)| byte >> 1 | next << 7)
            .collect()
    })
}

/// Makes bit i of the result bit i - 1 of `bits`, bit 0 zero. Local.
pub(super) fn preceding(bits: &Share) -> Share {
    shift(bits, |bytes| {
        let previous = [0].iter().chain(bytes);
        bytes
            .iter()
            .zip(previous)
            .map(|(byte, previous)| byte << 1 | previous >> 7)
            .collect()
    })
}

fn shift(bits: &Share, shift: impl Fn(&[u8]) -> Vec<u8>) -> Share {
    Share::new(shift(&bits.first), shift(&bits.second))
}

/// Inverts all bits. Local.
pub(super) fn not(context: &Context, mut bits: Share) -> Share {
    bits.add_public(context.party(), |component| {
        bytes::invert(component);
    });
    bits
}

impl Neighbours {
    fn sort(
        context: &mut Context,
        streams: &Streams,
        shuffles: Shuffles,
        [values, mut ties, wids]: [ShuffledShare; 3],
    ) -> Result<Self, Error> {
        context.break_no_ties(&mut ties);
        context.phase(Phase::Sort);
        let keys = Keys { values, ties };
        let mut this = Self {
            shuffle: shuffles.rows,
            sorted: sort(context, streams, &keys)?,
            keys: Share::default(),
            wids: Share::default(),
        };
        this.keys = this.in_order(context, keys.values, KEY_BYTES);
        this.wids = this.in_order(context, wids, 4);
        keys.ties.0.recycle(context);
        Ok(this)
    }

    /// Puts a shuffled column into the order. Local.
    fn in_order(
        &self,
        context: &mut Context,
        ShuffledShare(share): ShuffledShare,
        row_bytes: usize,
    ) -> Share {
        let [first, second] = [&share.first, &share.second].map(|rows| {
            let mut out = context.scratch(rows.len());
            Rows::packed(rows, row_bytes).gather(&self.sorted.0, &mut out);
            out
        });
        share.recycle(context);
        Share::new(first, second)
    }

    /// Joins rows i and i + 1 of the order where bit i of `links` is set: every row's partner, itself
    /// where it has none, in wire order, held by (P0, P2). Links must be disjoint.
    pub(super) fn join(
        self,
        context: &mut Context,
        streams: &Streams,
        step: Step,
        links: &Share,
    ) -> Result<Split, Error> {
        let rows = self.sorted.0.len();
        let [s1, s2, s3] = ROLES;
        let masks = links.spread::<4>(context, rows);
        let [first, second] = [&self.wids.first, &self.wids.second].map(|wids| {
            let mut steps = wids.clone();
            bytes::xor_shifted(&mut steps, wids, 4);
            steps
        });
        let steps = Share::new(first, second);
        let product = and::product(&masks, &steps);
        let joined = and::split(context, streams, step.of(4), ([s1, s3], rows), product)?;
        debug_assert_eq!(joined.holders, [s2, s3]);
        // The way to a row's partner: the link behind it or the one before it.
        let mut ways = joined.shape();
        if context.party() != s1 {
            ways.half = context.scratch(rows * 4);
            let links = joined.half.as_chunks::<4>().0;
            let befores = [[0; 4]].iter().chain(links);
            let places = ways.half.as_chunks_mut::<4>().0;
            for ((&at, link), before) in self.sorted.0.iter().zip(links).zip(befores) {
                if let Some(place) = places.get_mut(at as usize) {
                    place.copy_from_slice(link);
                    bytes::xor(place, before);
                }
            }
        }
        context.recycle(joined.half);
        masks.recycle(context);
        context.phase(Phase::Unshuffle);
        let step = Step::new(Phase::Unshuffle, 0);
        let [mut partners] = unshuffle(context, streams, step, [(&self.shuffle, ways)])?;
        if context.party() == s2 {
            bytes::add_positions(&mut partners.half);
        }
        Ok(partners.swapped())
    }
}
