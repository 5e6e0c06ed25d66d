//! Which of two shared words is less (docs/protocol.md §4.6).
//!
//! In:      pairs (x, y) of words of w bits, bit-sliced.    Out: n bits, verified.
//! Cost:    1 + ⌈log2 w⌉ rounds, and 1 of verification; for 64 bits 7, and 152 bits a pair and party.
//! Reveals: nothing; the outcomes may be opened, see `sort`.
//! Secure:  one party that deviates: all is verified before anything is returned.
//!
//! Two bits make a group, then groups double: `less = less_hi ^ equal_hi·less_lo`. Equality is worked
//! out one level ahead, and not for the lowest group, which needs none. Where a level has an odd number
//! of groups, its highest goes on alone, as it is.
//!
//! The groups of a level stand in such an order that the lower ones of all pairs come first, then the
//! upper ones, then the single one: bit-reversed, for 64 bits. The lowest is always the first. So the
//! operands of a level are whole ranges of what the levels before it have left. They are long enough to
//! be moved fast, since up to eight blocks of 64 pairs make a tile, plane after plane.

use mcmix_shared::party::PartyId;

use super::{COLUMN_BITS, Word, repeated, transposed};
use crate::{
    and::{self, Pending},
    bytes,
    error::Error,
    round::Round,
    share::Share,
    step::Step,
    verify::Checked,
};

/// Bytes of one bit of a block of 64 pairs.
pub(crate) const WORD_BYTES: usize = 8;
/// Blocks of a tile, but for the last one: a plane is a cache line.
pub(crate) const TILE_BLOCKS: usize = 8;
/// Bytes of one bit of a tile.
const PLANE_BYTES: usize = TILE_BLOCKS * WORD_BYTES;

/// Where the bits of words stand in tiles.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The place of each bit, the lowest first.
    places: Vec<usize>,
}

impl Layout {
    /// Lays out words of so many bits, at least three.
    pub(crate) fn new(bits: usize) -> Self {
        let mut places = vec![0; bits];
        let order = order(bits);
        // Of single bits the single one goes with the lower ones.
        let (lower, rest) = order.split_at(bits / 2);
        let (upper, single) = rest.split_at(bits / 2);
        let bits = lower.iter().chain(single).chain(upper);
        for (place, &bit) in bits.enumerate() {
            if let Some(of_bit) = places.get_mut(bit) {
                *of_bit = place;
            }
        }
        Self { places }
    }

    const fn bits(&self) -> usize {
        self.places.len()
    }

    /// Returns the bytes of a component of so many blocks of 64 pairs.
    pub(crate) const fn bytes(&self, blocks: usize) -> usize {
        2 * self.bits() * blocks * WORD_BYTES
    }

    /// Returns how many steps [`less_than`] takes, and rounds before those of the verification.
    pub(crate) const fn rounds(&self) -> u16 {
        1 + self.bits().next_power_of_two().ilog2() as u16
    }

    /// Writes up to 64 pairs (x, y) into a block of a tile: which bits are equal, then y, in both
    /// components. Words come in columns of 64 bits, the lower ones first; `same` is y if all have the
    /// same.
    #[inline]
    pub(crate) fn slice(
        &self,
        party: PartyId,
        columns: impl Iterator<Item = (impl Iterator<Item = [Word; 2]> + Clone, Option<Word>)>,
        block: usize,
        tile: [&mut [u8]; 2],
    ) {
        // Bits are equal where their sum, inverted, is set.
        let [one, two] = match party {
            PartyId::P0 => [u64::MAX, 0],
            PartyId::P1 => [0, 0],
            PartyId::P2 => [0, u64::MAX],
        };
        let [first, second] = tile.map(|component| component.as_chunks_mut::<WORD_BYTES>().0);
        let blocks = first.len() / (2 * self.bits());
        let mut write = |places: &[usize], skip: usize, column: &[Word; COLUMN_BITS]| {
            for (place, [one, two]) in places.iter().zip(column) {
                let at = (skip + place) * blocks + block;
                if let (Some(first), Some(second)) = (first.get_mut(at), second.get_mut(at)) {
                    *first = one.to_le_bytes();
                    *second = two.to_le_bytes();
                }
            }
        };
        for (places, (pairs, same)) in self.places.chunks(COLUMN_BITS).zip(columns) {
            let equals = pairs
                .clone()
                .map(|[[x0, x1], [y0, y1]]| [x0 ^ y0 ^ one, x1 ^ y1 ^ two]);
            write(places, 0, &transposed(equals));
            let y = match same {
                Some(same) => repeated(same),
                None => transposed(pairs.map(|[_, y]| y)),
            };
            write(places, self.bits(), &y);
        }
    }
}

/// Lists the groups of a level in the order in which they stand.
fn order(groups: usize) -> Vec<usize> {
    if groups < 2 {
        return (0..groups).collect();
    }
    let doubled = order(groups.div_ceil(2));
    // The highest group is always the last one.
    let (pairs, single) = doubled.split_at(groups / 2);
    let lower = pairs.iter().map(|group| 2 * group);
    let upper = pairs.iter().map(|group| 2 * group + 1);
    let single = single.iter().map(|group| 2 * group);
    lower.chain(upper).chain(single).collect()
}

/// Planes of one component of a tile.
#[derive(Clone, Copy, Default)]
struct Part<'a> {
    bytes: &'a [u8],
    plane_bytes: usize,
}

impl<'a> Part<'a> {
    #[inline]
    fn len(self) -> usize {
        self.bytes.len().checked_div(self.plane_bytes).unwrap_or_default()
    }

    /// Cuts off the first planes, or all that there are.
    #[inline]
    fn split(self, planes: usize) -> [Self; 2] {
        let at = (planes * self.plane_bytes).min(self.bytes.len());
        let (one, two) = self.bytes.split_at(at);
        [one, two].map(|bytes| Self { bytes, ..self })
    }

    /// Cuts a level into the lower groups of pairs, the upper ones, and the single one.
    #[inline]
    fn pairs(self) -> [Self; 3] {
        let pairs = self.len() / 2;
        let [lower, rest] = self.split(pairs);
        let [upper, single] = rest.split(pairs);
        [lower, upper, single]
    }

    /// Cuts a level as [`Self::pairs`] does, whose lowest group is not there.
    #[inline]
    fn pairs_but_lowest(self) -> [Self; 3] {
        let pairs = self.len().div_ceil(2);
        let [lower, rest] = self.split(pairs.saturating_sub(1));
        let [upper, single] = rest.split(pairs);
        [lower, upper, single]
    }

    /// Returns the operands of the equality of groups twice as large, without the lowest; and the
    /// single one.
    #[inline]
    fn twice_as_large(self) -> ([Self; 2], Self) {
        let [lower, upper, single] = self.pairs_but_lowest();
        let [_, upper] = upper.split(1);
        ([lower, upper], single)
    }

    /// Cuts single bits into lower ones, the single one last, and upper ones.
    #[inline]
    fn lower_and_upper(self) -> [Self; 2] {
        self.split(self.len().div_ceil(2))
    }
}

/// Tells of each pair whether x is less than y; `sliced` are tiles of [`Layout::slice`].
///
/// # Security
/// To be opened only for pairs of shuffled rows whose words are distinct by secret random tie-breaks.
///
/// # Errors
/// Whatever a peer sends that it must not.
pub(crate) fn less_than(
    round: &mut Round<'_>,
    step: Step,
    (layout, sliced): (&Layout, Share),
) -> Result<Checked<Share>, Error> {
    let bits = layout.bits();
    let mut tree = Tree {
        blocks: sliced.len() / layout.bytes(1),
        round,
        step,
    };
    let input = Planes {
        share: sliced,
        first: bits,
        second: bits,
    };
    let mut before = tree.level(single_bits(&input))?;
    let mut level = tree.level(pairs_of_bits(&input, &before))?;
    input.share.recycle(tree.round.context);
    while level.first > 2 {
        let next = tree.level(doubled(&before, &level))?;
        let done = core::mem::replace(&mut before, core::mem::replace(&mut level, next));
        done.share.recycle(tree.round.context);
    }
    let products = tree.multiply(doubled(&before, &level))?;
    tree.round.prove()?;
    let products = products.receive(tree.round)?;
    let less = tree.add(products, doubled(&before, &level));
    for done in [before, level] {
        done.share.recycle(tree.round.context);
    }
    tree.round.verify(less.share)
}

/// Two kinds of planes of each tile. Of a level: the order of its groups, and the equality of the
/// groups of the next one, without the lowest. Of the input: which bits are equal, and y.
struct Planes {
    share: Share,
    first: usize,
    second: usize,
}

impl Planes {
    /// Returns both kinds, in one component of a tile.
    #[inline]
    fn tile(&self, component: Component, number: usize) -> [Part<'_>; 2] {
        let planes = self.first + self.second;
        let unit = planes * PLANE_BYTES;
        let bytes = component(&self.share).chunks(unit).nth(number).unwrap_or_default();
        let plane_bytes = bytes.len() / planes;
        Part { bytes, plane_bytes }.split(self.first)
    }
}

/// Returns one of the two components of a sharing: what is linear is done to each of them.
type Component = fn(&Share) -> &[u8];
const COMPONENTS: [Component; 2] = [Share::first, Share::second];

/// What a level is made of, in one component of one tile.
#[derive(Clone, Copy)]
struct Recipe<'a> {
    /// Operands of products.
    order: [Part<'a>; 2],
    /// What is added to the products; the second may be shorter.
    plus: [Part<'a>; 2],
    /// Operands of products.
    equality: [Part<'a>; 2],
    /// Groups that go on alone: of the order, of the equality.
    single: [Part<'a>; 2],
}

/// The order of the lower bits of pairs, and the equality of pairs.
///
/// The upper bit of y is added: the next level, where the upper bits decide if they differ, is then
/// `equal·(less ^ y) ^ y`; the upper bits' own order would take a product more.
fn single_bits<'a>(input: &'a Planes) -> impl Fn(Component, usize) -> Recipe<'a> + Sync {
    |component, number| {
        let [equal, y] = input.tile(component, number);
        let [[equal, upper_equal], [y, upper_y]] = [equal, y].map(Part::lower_and_upper);
        let [lower_equal, single] = equal.split(upper_equal.len());
        let equality = [lower_equal, upper_equal].map(|planes| {
            let [_, but_lowest] = planes.split(1);
            but_lowest
        });
        Recipe {
            // Where bits differ, x is less if y is set.
            order: [equal, y],
            plus: [y, upper_y],
            equality,
            single: [Part::default(), single],
        }
    }
}

/// The order of pairs of bits, and the equality of fours.
fn pairs_of_bits<'a>(
    input: &'a Planes,
    before: &'a Planes,
) -> impl Fn(Component, usize) -> Recipe<'a> + Sync {
    |component, number| {
        let [equal, y] = input.tile(component, number);
        let [[_, equal], [_, y]] = [equal, y].map(Part::lower_and_upper);
        let [less, equal_twice] = before.tile(component, number);
        let [less, single] = less.split(equal.len());
        let (equality, single_equal) = equal_twice.twice_as_large();
        Recipe {
            order: [equal, less],
            plus: [y, Part::default()],
            equality,
            single: [single, single_equal],
        }
    }
}

/// The order and the equality of groups twice as large as those of `level`, whose own equality is in
/// the level before.
fn doubled<'a>(
    before: &'a Planes,
    level: &'a Planes,
) -> impl Fn(Component, usize) -> Recipe<'a> + Sync {
    |component, number| {
        let [_, equal] = before.tile(component, number);
        let [less, equal_twice] = level.tile(component, number);
        let [_, equal, _] = equal.pairs_but_lowest();
        let [lower, upper, single] = less.pairs();
        let (equality, single_equal) = equal_twice.twice_as_large();
        Recipe {
            order: [equal, lower],
            plus: [upper, Part::default()],
            equality,
            single: [single, single_equal],
        }
    }
}

/// Puts one after the other into `out`.
#[inline]
fn put<const N: usize>(parts: [Part<'_>; N], out: &mut [u8]) {
    let mut rest = out;
    for Part { bytes, .. } in parts {
        let Some((out, after)) = rest.split_at_mut_checked(bytes.len()) else {
            return;
        };
        out.copy_from_slice(bytes);
        rest = after;
    }
}

struct Tree<'a, 'b> {
    round: &'a mut Round<'b>,
    step: Step,
    blocks: usize,
}

impl Tree<'_, '_> {
    /// Makes a level. 1 round.
    fn level<'a>(
        &mut self,
        recipe: impl Fn(Component, usize) -> Recipe<'a> + Sync,
    ) -> Result<Planes, Error> {
        let products = self.multiply(&recipe)?.receive(self.round)?;
        Ok(self.add(products, recipe))
    }

    /// Sends this party's summands of a level's products.
    fn multiply<'a>(
        &mut self,
        recipe: impl Fn(Component, usize) -> Recipe<'a> + Sync,
    ) -> Result<Pending, Error> {
        let Recipe {
            order: [order, _],
            equality: [equality, _],
            ..
        } = recipe(Share::first, 0);
        let planes = order.len() + equality.len();
        let unit = planes * PLANE_BYTES;
        let vector = self.step.of(unit);
        self.step = self.step.plus(1);
        let len = planes * self.blocks * WORD_BYTES;
        and::multiply_written(self.round, vector, len, |offset, [x0, x1, y0, y1]| {
            for (component, (x, y)) in COMPONENTS.into_iter().zip([(x0, y0), (x1, y1)]) {
                let tiles = x.chunks_mut(unit).zip(y.chunks_mut(unit));
                for (number, (x, y)) in (offset / unit..).zip(tiles) {
                    let Recipe {
                        order, equality, ..
                    } = recipe(component, number);
                    let ([order_x, order_y], [equality_x, equality_y]) = (order, equality);
                    put([order_x, equality_x], x);
                    put([order_y, equality_y], y);
                }
            }
        })
    }

    /// Makes a level of its products. Local.
    fn add<'a>(
        &mut self,
        products: Share,
        recipe: impl Fn(Component, usize) -> Recipe<'a> + Sync,
    ) -> Planes {
        let Recipe {
            order: [order, _],
            equality: [equality, _],
            single: [single, single_equal],
            ..
        } = recipe(Share::first, 0);
        let products = Planes {
            share: products,
            first: order.len(),
            second: equality.len(),
        };
        let first = order.len() + single.len();
        let second = equality.len() + single_equal.len();
        let unit = (first + second) * PLANE_BYTES;
        let len = (first + second) * self.blocks * WORD_BYTES;
        let share = Share::written(self.round.context, len, unit, |offset, outs| {
            for (component, out) in COMPONENTS.into_iter().zip(outs) {
                for (number, out) in (offset / unit..).zip(out.chunks_mut(unit)) {
                    let Recipe { plus, single, .. } = recipe(component, number);
                    let [less, equal] = products.tile(component, number);
                    let [single, single_equal] = single;
                    put([less, single, equal, single_equal], out);
                    for Part { bytes: plus, .. } in plus {
                        bytes::xor(out.split_at_mut(plus.len()).0, plus);
                    }
                }
            }
        });
        products.share.recycle(self.round.context);
        Planes {
            share,
            first,
            second,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{open, step::Phase, stream::Stream, world::World};

    /// At every level the lower groups of pairs, then the upper ones, then the single one.
    #[test]
    fn places_are_in_halves_at_every_level() {
        assert_eq!(order(5), [0, 2, 1, 3, 4]);
        let reversed = (0..64_u8).map(|i| usize::from(i.reverse_bits() >> 2));
        assert_eq!(order(64), reversed.collect::<Vec<_>>());
        for groups in 3..130 {
            let (groups, doubled) = (order(groups), order(groups.div_ceil(2)));
            let pairs = groups.len() / 2;
            for (i, group) in doubled.iter().enumerate().take(pairs) {
                assert_eq!((groups[i], groups[pairs + i]), (2 * group, 2 * group + 1));
            }
            assert_eq!(groups.first(), Some(&0));
            assert_eq!(groups.iter().max(), groups.last());
        }
    }

    /// Compares words of up to 128 bits as the parties do. Returns the outcomes, the rounds, and the
    /// bytes that a party sends to the one before.
    fn compared(bits: usize, pairs: &[[u128; 2]]) -> (Vec<bool>, u32, u64) {
        let layout = Layout::new(bits);
        let input: Vec<u8> = pairs
            .iter()
            .flatten()
            .flat_map(|w| w.to_le_bytes())
            .collect();
        let mut world = World::new(bits as u64);
        let outcomes = world.run(&input, |context, first, second| {
            context.begin(1)?;
            let mut round = context.enter()?;
            let [first, second] = [&first, &second].map(|component| {
                let halves = component.as_chunks().0.iter();
                halves.map(|half| u64::from_le_bytes(*half))
            });
            let words: Vec<Word> = first.zip(second).map(Word::from).collect();
            let pairs: Vec<&[Word]> = words.chunks(4).collect();
            let blocks = pairs.len().div_ceil(64);
            let (party, unit) = (round.party(), layout.bytes(TILE_BLOCKS));
            let sliced = Share::written(round.context, layout.bytes(blocks), unit, |offset, outs| {
                let [first, second] = outs;
                let tiles = first.chunks_mut(unit).zip(second.chunks_mut(unit));
                let pairs = pairs[offset / unit * TILE_BLOCKS * 64..].chunks(TILE_BLOCKS * 64);
                for ((first, second), pairs) in tiles.zip(pairs) {
                    for (block, pairs) in pairs.chunks(64).enumerate() {
                        let pair = |i| pairs.iter().map(move |p| [p[i], p[2 + i]]);
                        let columns = (0..2).map(|i| (pair(i), None));
                        layout.slice(party, columns, block, [&mut *first, &mut *second]);
                    }
                }
            });
            let step = Step::new(Phase::Sort, 0);
            let less = less_than(&mut round, step, (&layout, sliced))?;
            open::to_all(&mut round, Step::new(Phase::OpenOrder, 0), less, WORD_BYTES)
        });
        let [outcomes, other, another] = outcomes.expect("honest parties");
        assert!(outcomes == other && outcomes == another);
        let outcome = |i: usize| outcomes[i / 8] >> (i % 8) & 1 == 1;
        let statistics = &world.statistics()[0];
        (
            (0..pairs.len()).map(outcome).collect(),
            statistics.rounds,
            statistics.sent_to_prev,
        )
    }

    /// Of any width, for words that differ anywhere.
    #[test]
    fn tells_which_is_less() {
        for bits in (3..=128).filter(|bits| *bits < 9 || bits % 7 == 1 || *bits > 60 && *bits < 80)
        {
            let mask = u128::MAX >> (128 - bits);
            let random = Stream::new(&[bits as u8; 16]).bytes(100 * 16);
            let words = random
                .as_chunks()
                .0
                .iter()
                .map(|w| u128::from_le_bytes(*w) & mask);
            let words: Vec<u128> = words.collect();
            let mut pairs: Vec<[u128; 2]> = words.array_windows().copied().collect();
            for (bit, &word) in (0..bits).zip(words.iter().cycle()) {
                pairs.extend([[word, word ^ 1 << bit], [word ^ 1 << bit, word]]);
            }
            pairs.extend([[0, mask], [mask, 0], [5 & mask, 5 & mask]]);
            let (outcomes, rounds, _) = compared(bits, &pairs);
            for ([x, y], less) in pairs.into_iter().zip(outcomes) {
                assert_eq!(less, x < y, "{bits} bits: {x:x} and {y:x}");
            }
            let before = u32::from(Layout::new(bits).rounds());
            assert_eq!(rounds, before + 2, "{bits} bits: one to verify, one to open");
        }
    }

    /// 152 products for 64 bits, and not many more where words have a bit more; beside these the
    /// outcomes are sent.
    #[test]
    fn costs_what_is_said() {
        for (bits, products, rounds) in [(64, 152, 9), (65, 154, 10), (68, 161, 10), (77, 184, 10)] {
            let [(_, took, few), (_, _, more)] =
                [64, 128].map(|blocks| compared(bits, &vec![[1, 2]; blocks * 64]));
            let planes = (more - few) as usize / (64 * WORD_BYTES);
            assert_eq!((planes, took), (products + 1, rounds), "{bits} bits");
        }
    }
}
