//! What the sorting programs share: joined neighbours of a sorted list become partners in wire order
//! (docs/protocol.md §5).

use crate::{
    and::and,
    bytes,
    error::Error,
    permutation::Rows,
    round::Round,
    route::{WIRE_ID_BYTES, Ways},
    share::Share,
    shuffle::{Shuffle, Shuffled, finish},
    sort::{Keys, Sorted, sort},
    step::{Phase, Step},
};

/// Bytes of a row's key.
pub(super) const KEY_BYTES: usize = 8;

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
pub(super) fn sort_rows(round: &mut Round<'_>, keys: Share) -> Result<Neighbours, Error> {
    let (shuffles, begun) = Shuffles::begin(round, keys)?;
    let columns = finish(round, STEP.plus(FINISH), shuffles.columns(begun))?;
    Neighbours::sort(round, shuffles, columns)
}

/// Shuffles rows and sorts them as [`sort_rows`] does, and takes a public column of 8 bytes a row along.
pub(super) fn sort_rows_with(
    round: &mut Round<'_>,
    keys: Share,
    column: &[u8],
) -> Result<(Neighbours, Share), Error> {
    let (shuffles, begun) = Shuffles::begin(round, keys)?;
    let column = shuffles.rows.begin_public(round, (column, KEY_BYTES));
    let [keys, ties, wids] = shuffles.columns(begun);
    let columns = [keys, ties, wids, (&shuffles.rows, column, KEY_BYTES)];
    let [keys, ties, wids, column] = finish(round, STEP.plus(FINISH), columns)?;
    let sorted = Neighbours::sort(round, shuffles, [keys, ties, wids])?;
    let column = sorted.in_order(round, column, KEY_BYTES);
    Ok((sorted, column))
}

const STEP: Step = Step::new(Phase::ShuffleRows, 0);
/// Steps, after those of the permutations of rows.
const TIES: u16 = 8;
const BEGIN: u16 = 16;
const FINISH: u16 = 24;

/// The rows' shuffle, and that of their tie-breaks.
struct Shuffles {
    rows: Shuffle,
    ties: Shuffle,
}

impl Shuffles {
    /// Draws them and moves all columns by the first permutations: keys, tie-breaks, wire ids. 1 round.
    fn begin(round: &mut Round<'_>, keys: Share) -> Result<(Self, [Share; 3]), Error> {
        round.context.phase(Phase::ShuffleRows);
        let count = keys.len() / KEY_BYTES;
        // A secret random permutation breaks ties: the order is then uniformly random whatever the
        // keys are, and each caller of a callee is as likely as any other to come next to it.
        let [rows, ties] = [0, TIES].map(|index| Shuffle::draw(round, STEP.plus(index), count));
        let ids: Vec<u8> = (0..count as u32).flat_map(u32::to_le_bytes).collect();
        let [of_ties, of_rows] =
            [&ties, &rows].map(|shuffle| shuffle.begin_public(round, (&ids, WIRE_ID_BYTES)));
        let keys = rows.begin(round, STEP.plus(BEGIN), (keys, KEY_BYTES))?;
        Ok((Self { rows, ties }, [keys, of_ties, of_rows]))
    }

    fn columns(&self, [keys, ties, wids]: [Share; 3]) -> [(&Shuffle, Share, usize); 3] {
        let Self {
            rows,
            ties: of_ties,
        } = self;
        [
            (rows, keys, KEY_BYTES),
            (of_ties, ties, WIRE_ID_BYTES),
            (rows, wids, WIRE_ID_BYTES),
        ]
    }
}

/// Makes of each row of 8 bytes and the one behind it, zeros behind the last, a row. Linear: local.
pub(super) fn with_following(
    round: &mut Round<'_>,
    rows: &Share,
    row: impl Fn(u64, u64) -> u64 + Sync,
) -> Share {
    let from = [rows.first(), rows.second()];
    Share::written(round.context, rows.len(), KEY_BYTES, |offset, outs| {
        for (out, from) in outs.into_iter().zip(from) {
            let rows = from.get(offset..).unwrap_or_default().as_chunks().0;
            let following = rows.iter().skip(1).chain([&[0; KEY_BYTES]]);
            let rows = rows.iter().zip(following);
            for (out, (this, next)) in out.as_chunks_mut().0.iter_mut().zip(rows) {
                let [this, next] = [this, next].map(|row| u64::from_le_bytes(*row));
                *out = row(this, next).to_le_bytes();
            }
        }
    })
}

/// Differences of neighbouring rows, in some of their bits; the last row differs from what is not
/// there.
pub(super) fn differences(round: &mut Round<'_>, keys: &Share, bits: u64) -> Share {
    let differences = with_following(round, keys, |row, following| (row ^ following) & bits);
    let rows = keys.len() / KEY_BYTES;
    // What is not there counts as nothing at all.
    let mut differences = differences.map_components(|mut component| {
        component.truncate((rows - 1) * KEY_BYTES);
        component.resize(rows * KEY_BYTES, 0);
        component
    });
    differences.add_public(round.party(), |component| {
        if let Some(last) = component.last_mut() {
            *last ^= 1;
        }
    });
    differences
}

/// Makes bit i of the result bit i + 1 of `bits`. Local.
pub(super) fn following(bits: &Share) -> Share {
    bits.clone().map_components(|bytes| {
        let nexts = bytes.iter().skip(1).chain(&[0]);
        let pairs = bytes.iter().zip(nexts);
        pairs.map(|(byte, next)| byte >> 1 | next << 7).collect()
    })
}

/// Makes bit i of the result bit i - 1 of `bits`, bit 0 zero. Local.
pub(super) fn preceding(bits: &Share) -> Share {
    bits.clone().map_components(|bytes| {
        let previous = [0].iter().chain(&bytes);
        let pairs = bytes.iter().zip(previous);
        pairs
            .map(|(byte, previous)| byte << 1 | previous >> 7)
            .collect()
    })
}

/// Inverts all bits. Local.
pub(super) fn not(round: &Round<'_>, mut bits: Share) -> Share {
    bits.add_public(round.party(), |component| {
        bytes::invert(component);
    });
    bits
}

impl Neighbours {
    fn sort(
        round: &mut Round<'_>,
        shuffles: Shuffles,
        [values, ties, wids]: [Shuffled; 3],
    ) -> Result<Self, Error> {
        let keys = Keys { values, ties };
        let mut this = Self {
            shuffle: shuffles.rows,
            sorted: sort(round, &keys)?,
            keys: Share::default(),
            wids: Share::default(),
        };
        this.keys = this.in_order(round, keys.values, KEY_BYTES);
        this.wids = this.in_order(round, wids, WIRE_ID_BYTES);
        keys.ties.into_share().recycle(round.context);
        Ok(this)
    }

    /// Puts a shuffled column into the order. Local.
    fn in_order(&self, round: &mut Round<'_>, column: Shuffled, row_bytes: usize) -> Share {
        let column = column.into_share();
        let (len, from) = (column.len(), [column.first(), column.second()]);
        let Sorted(order) = &self.sorted;
        let share = Share::written(round.context, len, row_bytes, |offset, outs| {
            let order = order.get(offset / row_bytes..).unwrap_or_default();
            for (out, from) in outs.into_iter().zip(from) {
                Rows::packed(from, row_bytes).gather(order, out);
            }
        });
        column.recycle(round.context);
        share
    }

    /// Joins rows i and i + 1 of the order where bit i of `links` is set: of every row the way to its
    /// partner, none where it has none. Links must be disjoint.
    pub(super) fn join(
        self,
        round: &mut Round<'_>,
        step: Step,
        links: &Share,
    ) -> Result<Vec<Ways>, Error> {
        let Sorted(order) = &self.sorted;
        let masks = links.spread::<WIRE_ID_BYTES>(round.context, order.len());
        let steps = self.wids.map_components(|wids| {
            let mut steps = wids.clone();
            bytes::xor_shifted(&mut steps, &wids, WIRE_ID_BYTES);
            steps
        });
        let joined = and(round, step, masks, steps)?;
        // The way to a row's partner: the link behind it or the one before it. The order is public.
        let ways = joined.map_components(|links| {
            let mut ways = vec![0; links.len()];
            let links = links.as_chunks::<WIRE_ID_BYTES>().0;
            let befores = [[0; WIRE_ID_BYTES]].iter().chain(links);
            let places = ways.as_chunks_mut::<WIRE_ID_BYTES>().0;
            for ((&at, link), before) in order.iter().zip(links).zip(befores) {
                if let Some(place) = places.get_mut(at as usize) {
                    place.copy_from_slice(link);
                    bytes::xor(place, before);
                }
            }
            ways
        });
        round.context.phase(Phase::ReturnPartners);
        let step = Step::new(Phase::ReturnPartners, 0);
        let share = self.shuffle.back(round, step, (ways, WIRE_ID_BYTES))?;
        Ok(vec![Ways {
            share,
            order: self.shuffle.first,
        }])
    }
}
