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
//! operands of a level are whole ranges of what the levels before it have left.

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
pub(crate) const PLANE_BYTES: usize = 8;

/// Where the bits of words stand in blocks.
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

    /// Returns the bytes of a component of a block of 64 pairs.
    pub(crate) const fn block_bytes(&self) -> usize {
        2 * self.bits() * PLANE_BYTES
    }

    /// Returns how many steps [`less_than`] takes, and rounds before those of the verification.
    pub(crate) const fn rounds(&self) -> u16 {
        1 + self.bits().next_power_of_two().ilog2() as u16
    }

    /// Makes a block of up to 64 pairs (x, y), of words in columns of 64 bits, the lower ones first:
    /// which bits are equal, then y, in both components. `same` is y if all have the same.
    #[inline]
    pub(crate) fn slice(
        &self,
        party: PartyId,
        columns: impl Iterator<Item = (impl Iterator<Item = [Word; 2]> + Clone, Option<Word>)>,
        [first, second]: [&mut [u8]; 2],
    ) {
        // Bits are equal where their sum, inverted, is set.
        let [one, two] = match party {
            PartyId::P0 => [u64::MAX, 0],
            PartyId::P1 => [0, 0],
            PartyId::P2 => [0, u64::MAX],
        };
        let half = self.bits() * PLANE_BYTES;
        let (first_equal, first_y) = first.split_at_mut(half);
        let (second_equal, second_y) = second.split_at_mut(half);
        let mut equal = [first_equal, second_equal];
        let mut y = [first_y, second_y];
        for (places, (pairs, same)) in self.places.chunks(COLUMN_BITS).zip(columns) {
            let equals = pairs
                .clone()
                .map(|[[x0, x1], [y0, y1]]| [x0 ^ y0 ^ one, x1 ^ y1 ^ two]);
            write(&mut equal, places, &transposed(equals));
            match same {
                Some(same) => write(&mut y, places, &repeated(same)),
                None => write(&mut y, places, &transposed(pairs.map(|[_, y]| y))),
            }
        }
    }
}

/// Puts a column's planes in their places, in both components.
#[inline]
fn write([first, second]: &mut [&mut [u8]; 2], places: &[usize], column: &[Word; COLUMN_BITS]) {
    let first = first.as_chunks_mut::<PLANE_BYTES>().0;
    let second = second.as_chunks_mut::<PLANE_BYTES>().0;
    for (&place, [one, two]) in places.iter().zip(column) {
        if let (Some(first), Some(second)) = (first.get_mut(place), second.get_mut(place)) {
            *first = one.to_le_bytes();
            *second = two.to_le_bytes();
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

/// Cuts a level into the lower groups of pairs, the upper ones, and the single one.
#[inline]
fn pairs(level: &[u8]) -> [&[u8]; 3] {
    let pairs = level.len() / PLANE_BYTES / 2;
    let (lower, rest) = level.split_at(pairs * PLANE_BYTES);
    let (upper, single) = rest.split_at(pairs * PLANE_BYTES);
    [lower, upper, single]
}

/// Cuts a level as [`pairs`] does, whose lowest group is not there.
#[inline]
fn pairs_but_lowest(level: &[u8]) -> [&[u8]; 3] {
    let pairs = (level.len() / PLANE_BYTES).div_ceil(2);
    let (lower, rest) = level.split_at(pairs.saturating_sub(1) * PLANE_BYTES);
    let (upper, single) = rest.split_at(pairs * PLANE_BYTES);
    [lower, upper, single]
}

/// Returns the operands of the equality of groups twice as large, without the lowest; and the single
/// one.
#[inline]
fn twice_as_large(equal: &[u8]) -> ([&[u8]; 2], &[u8]) {
    let [lower, upper, single] = pairs_but_lowest(equal);
    let of_lowest = PLANE_BYTES.min(upper.len());
    ([lower, upper.split_at(of_lowest).1], single)
}

/// Tells of each pair whether x is less than y; `sliced` are blocks of [`Layout::slice`].
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
        blocks: sliced.len() / layout.block_bytes(),
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

/// Two kinds of planes of each block. Of a level: the order of its groups, and the equality of the
/// groups of the next one, without the lowest. Of the input: which bits are equal, and y.
struct Planes {
    share: Share,
    first: usize,
    second: usize,
}

impl Planes {
    /// Returns both kinds, in one component of a block.
    #[inline]
    fn block(&self, component: Component, number: usize) -> [&[u8]; 2] {
        let unit = (self.first + self.second) * PLANE_BYTES;
        let block = component(&self.share).get(number * unit..(number + 1) * unit);
        let parts = block.and_then(|block| block.split_at_checked(self.first * PLANE_BYTES));
        parts.unwrap_or_default().into()
    }
}

/// Returns one of the two components of a sharing: what is linear is done to each of them.
type Component = fn(&Share) -> &[u8];
const COMPONENTS: [Component; 2] = [Share::first, Share::second];

/// What a level is made of, in one component of one block.
#[derive(Clone, Copy)]
struct Recipe<'a> {
    /// Operands of products.
    order: [&'a [u8]; 2],
    /// What is added to the products; the second may be shorter.
    plus: [&'a [u8]; 2],
    /// Operands of products.
    equality: [&'a [u8]; 2],
    /// Groups that go on alone: of the order, of the equality.
    single: [&'a [u8]; 2],
}

impl Recipe<'_> {
    /// Returns how many products there are, of the order and of the equality.
    const fn products(self) -> [usize; 2] {
        let ([order, _], [equality, _]) = (self.order, self.equality);
        [order.len() / PLANE_BYTES, equality.len() / PLANE_BYTES]
    }
}

/// The order of the lower bits of pairs, and the equality of pairs.
///
/// The upper bit of y is added: the next level, where the upper bits decide if they differ, is then
/// `equal·(less ^ y) ^ y`; the upper bits' own order would take a product more.
fn single_bits<'a>(input: &'a Planes) -> impl Fn(Component, usize) -> Recipe<'a> + Sync {
    |component, number| {
        let [equal, y] = input.block(component, number);
        let [[equal, upper_equal], [y, upper_y]] = [equal, y].map(lower_and_upper);
        let (lower_equal, single) = equal.split_at(upper_equal.len());
        let [[_, lower_equal], [_, upper_equal]] =
            [lower_equal, upper_equal].map(|planes| planes.split_at(PLANE_BYTES).into());
        Recipe {
            // Where bits differ, x is less if y is set.
            order: [equal, y],
            plus: [y, upper_y],
            equality: [lower_equal, upper_equal],
            single: [&[], single],
        }
    }
}

/// Cuts planes of single bits into those of lower bits, the single one's last, and of upper bits.
#[inline]
fn lower_and_upper(bits: &[u8]) -> [&[u8]; 2] {
    let lower = (bits.len() / PLANE_BYTES).div_ceil(2);
    bits.split_at(lower * PLANE_BYTES).into()
}

/// The order of pairs of bits, and the equality of fours.
fn pairs_of_bits<'a>(
    input: &'a Planes,
    before: &'a Planes,
) -> impl Fn(Component, usize) -> Recipe<'a> + Sync {
    |component, number| {
        let [equal, y] = input.block(component, number);
        let [[_, equal], [_, y]] = [equal, y].map(lower_and_upper);
        let [less, equal_twice] = before.block(component, number);
        let (less, single) = less.split_at(equal.len());
        let (equality, single_equal) = twice_as_large(equal_twice);
        Recipe {
            order: [equal, less],
            plus: [y, &[]],
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
        let [_, equal] = before.block(component, number);
        let [less, equal_twice] = level.block(component, number);
        let [_, equal, _] = pairs_but_lowest(equal);
        let [lower, upper, single] = pairs(less);
        let (equality, single_equal) = twice_as_large(equal_twice);
        Recipe {
            order: [equal, lower],
            plus: [upper, &[]],
            equality,
            single: [single, single_equal],
        }
    }
}

/// Puts one after the other into `out`.
#[inline]
fn put<const N: usize>(parts: [&[u8]; N], out: &mut [u8]) {
    let mut rest = out;
    for part in parts {
        let Some((out, after)) = rest.split_at_mut_checked(part.len()) else {
            return;
        };
        out.copy_from_slice(part);
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
        let [order, equality] = recipe(Share::first, 0).products();
        let unit = (order + equality) * PLANE_BYTES;
        let vector = self.step.of(unit);
        self.step = self.step.plus(1);
        let len = self.blocks * unit;
        and::multiply_written(self.round, vector, len, |offset, [x0, x1, y0, y1]| {
            for (component, (x, y)) in COMPONENTS.into_iter().zip([(x0, y0), (x1, y1)]) {
                let blocks = x.chunks_exact_mut(unit).zip(y.chunks_exact_mut(unit));
                for (number, (x, y)) in (offset / unit..).zip(blocks) {
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
        let of = recipe(Share::first, 0);
        let [order, equality] = of.products();
        let [single, single_equal] = of.single.map(|single| single.len() / PLANE_BYTES);
        let products = Planes {
            share: products,
            first: order,
            second: equality,
        };
        let (first, second) = (order + single, equality + single_equal);
        let unit = (first + second) * PLANE_BYTES;
        let share = Share::written(self.round.context, self.blocks * unit, unit, |offset, outs| {
            for (component, out) in COMPONENTS.into_iter().zip(outs) {
                for (number, out) in (offset / unit..).zip(out.chunks_exact_mut(unit)) {
                    let Recipe { plus, single, .. } = recipe(component, number);
                    let [less, equal] = products.block(component, number);
                    let [single, single_equal] = single;
                    put([less, single, equal, single_equal], out);
                    for plus in plus {
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
            let unit = layout.block_bytes();
            let len = pairs.len().div_ceil(64) * unit;
            let party = round.party();
            let sliced = Share::written(round.context, len, unit, |offset, [first, second]| {
                let pairs = pairs[offset / unit * 64..].chunks(64);
                let blocks = first.chunks_mut(unit).zip(second.chunks_mut(unit));
                for (pairs, (first, second)) in pairs.zip(blocks) {
                    let columns = (0..2).map(|i| (pairs.iter().map(move |p| [p[i], p[2 + i]]), None));
                    layout.slice(party, columns, [first, second]);
                }
            });
            let step = Step::new(Phase::Sort, 0);
            let less = less_than(&mut round, step, (&layout, sliced))?;
            open::to_all(&mut round, Step::new(Phase::OpenOrder, 0), less, PLANE_BYTES)
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
            let planes = (more - few) as usize / (64 * PLANE_BYTES);
            assert_eq!((planes, took), (products + 1, rounds), "{bits} bits");
        }
    }
}
