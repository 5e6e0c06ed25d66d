//! Which of two shared words is less, opened (docs/protocol.md §4.5).
//!
//! In:      pairs (x, y) of words of w bits, bit-sliced.    Out: n bits.
//! Cost:    1 + ⌈log2 w⌉ rounds; for 64 bits 7, and 152 bits a pair and party.
//! Reveals: the outcomes; see `sort`.
//! Secure:  one semi-honest party. Tampering is not detected here (§7).
//!
//! Two bits make a group, then groups double: `less = less_hi ^ equal_hi·less_lo`. Equality is worked
//! out one level ahead, and not for the lowest group, which needs none. Where a level has an odd number
//! of groups, its highest goes on alone: shared anew as products are, so that a level is one vector.
//!
//! The groups of a level stand in such an order that the lower ones of all pairs come first, then the
//! upper ones, then the single one: bit-reversed, for 64 bits. The lowest is always the first.

use mcmix_shared::party::PartyId;

use super::{COLUMN_BITS, Word, repeated, transposed};
use crate::{
    and::{opened, replicated},
    context::Context,
    error::Error,
    share::Share,
    step::Step,
    stream::Streams,
};

/// One bit of a block of 64 pairs.
type Plane = [u8; PLANE_BYTES];
const PLANE_BYTES: usize = 8;

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
        for (place, bit) in order(bits).into_iter().enumerate() {
            if let Some(of_bit) = places.get_mut(bit) {
                *of_bit = place;
            }
        }
        Self { places }
    }

    const fn bits(&self) -> usize {
        self.places.len()
    }

    /// Returns the bytes of a block of 64 pairs.
    pub(crate) const fn block_bytes(&self) -> usize {
        4 * self.bits() * PLANE_BYTES
    }

    /// Returns how many rounds, and steps, [`less_than`] takes.
    pub(crate) const fn rounds(&self) -> u16 {
        1 + self.bits().next_power_of_two().ilog2() as u16
    }

    /// Makes a block of up to 64 pairs (x, y), of words in columns of 64 bits, the lower ones first.
    /// `same` is y if all have the same.
    #[inline]
    pub(crate) fn slice(
        &self,
        party: PartyId,
        columns: impl Iterator<Item = (impl Iterator<Item = [Word; 2]> + Clone, Option<Word>)>,
        block: &mut [u8],
    ) {
        // Bits are equal where their sum, inverted, is set.
        let [one, two] = match party {
            PartyId::P0 => [u64::MAX, 0],
            PartyId::P1 => [0, 0],
            PartyId::P2 => [0, u64::MAX],
        };
        let planes = block.as_chunks_mut::<PLANE_BYTES>().0;
        let (equal, y) = planes.split_at_mut(2 * self.bits());
        for (places, (pairs, same)) in self.places.chunks(COLUMN_BITS).zip(columns) {
            let equals = pairs
                .clone()
                .map(|[[x0, x1], [y0, y1]]| [x0 ^ y0 ^ one, x1 ^ y1 ^ two]);
            write(equal, places, &transposed(equals));
            match same {
                Some(same) => write(y, places, &repeated(same)),
                None => write(y, places, &transposed(pairs.map(|[_, y]| y))),
            }
        }
    }
}

/// Puts a column's planes in their places, in both components.
#[inline]
fn write(out: &mut [Plane], places: &[usize], column: &[Word; COLUMN_BITS]) {
    let (first, second) = out.split_at_mut(out.len() / 2);
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

/// Both components of some planes of a block.
#[derive(Clone, Copy)]
struct Part<'a>([&'a [Plane]; 2]);

impl<'a> Part<'a> {
    #[inline]
    const fn len(self) -> usize {
        let Self([first, _]) = self;
        first.len()
    }

    /// Cuts off the first planes, or all that there are.
    #[inline]
    fn split(self, planes: usize) -> [Self; 2] {
        let Self([first, second]) = self;
        let at = planes.min(first.len());
        let ((a0, b0), (a1, b1)) = (first.split_at(at), second.split_at(at));
        [Self([a0, a1]), Self([b0, b1])]
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

    #[inline]
    fn words(self) -> impl Iterator<Item = Word> + 'a {
        let Self([first, second]) = self;
        let word = |(one, two): (&Plane, &Plane)| [one, two].map(|p| u64::from_le_bytes(*p));
        first.iter().zip(second).map(word)
    }
}

/// This party's summand of a product.
#[inline]
const fn product([x0, x1]: Word, [y0, y1]: Word) -> u64 {
    (x0 & (y0 ^ y1)) ^ (x1 & y0)
}

/// Adds summands to planes.
#[inline]
fn add(out: &mut [Plane], summands: impl Iterator<Item = u64>) {
    for (out, summand) in out.iter_mut().zip(summands) {
        *out = (u64::from_le_bytes(*out) ^ summand).to_le_bytes();
    }
}

/// Adds this party's summand of groups that go on as they are: its first component.
#[inline]
fn add_single(out: &mut [Plane], single: Part<'_>) {
    add(out, single.words().map(|[first, _]| first));
}

/// Adds this party's summands of the equality of groups twice as large as those of `equal`; the lowest
/// is in neither.
#[inline]
fn double_equality(equal: Part<'_>, out: &mut [Plane]) {
    let [lower, upper, single] = equal.pairs_but_lowest();
    let [_, upper] = upper.split(1);
    let (doubled, last) = out.split_at_mut(lower.len());
    let pairs = lower.words().zip(upper.words());
    add(doubled, pairs.map(|(lower, upper)| product(lower, upper)));
    add_single(last, single);
}

/// Tells of each pair whether x is less than y, to everybody; `pairs` are blocks of [`Layout::slice`].
///
/// # Security
/// Only for pairs of shuffled rows whose words are distinct by secret random tie-breaks.
///
/// # Errors
/// Whatever a peer sends that it must not.
pub(crate) fn less_than(
    context: &mut Context,
    streams: &Streams,
    step: Step,
    (layout, pairs): (&Layout, Vec<u8>),
) -> Result<Vec<u8>, Error> {
    let mut tree = Tree {
        blocks: pairs.len() / layout.block_bytes(),
        step,
        context,
        streams,
    };
    let input = Input {
        bits: layout.bits(),
        bytes: &pairs,
    };
    let mut before = tree.single_bits(input)?;
    let mut level = tree.pairs_of_bits(input, &before)?;
    tree.context.recycle(pairs);
    while level.groups > 2 {
        let next = tree.doubled(before, &level)?;
        before = core::mem::replace(&mut level, next);
    }
    tree.whole(before, level)
}

/// Sliced pairs.
#[derive(Clone, Copy)]
struct Input<'a> {
    bits: usize,
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    /// Returns which bits of a block are equal, and y.
    #[inline]
    fn block(self, number: usize) -> [Part<'a>; 2] {
        let planes = self.bytes.as_chunks().0;
        let block = planes.get(4 * self.bits * number..).unwrap_or_default();
        let mut components = block.chunks_exact(self.bits);
        let mut next = || components.next().unwrap_or_default();
        [(); 2].map(|()| Part([next(), next()]))
    }
}

/// What is worked out in a round. Of a block: planes of the order of groups (first, of single bits),
/// then planes of the equality of the groups of the next level, without the lowest.
struct Level {
    share: Share,
    groups: usize,
    equal: usize,
}

impl Level {
    /// Returns a block's order and equality.
    #[inline]
    fn block(&self, number: usize) -> [Part<'_>; 2] {
        let planes = self.groups + self.equal;
        let Share { first, second } = &self.share;
        let components = [first, second].map(|component| {
            let range = number * planes..(number + 1) * planes;
            component.as_chunks().0.get(range).unwrap_or_default()
        });
        Part(components).split(self.groups)
    }
}

/// Adds this party's summands of the order and the equality of groups twice as large as `level`'s,
/// whose own equality is in the level before.
#[inline]
fn double([before, level]: [&Level; 2], number: usize, [order, equality]: [&mut [Plane]; 2]) {
    let ([_, equal], [less, equal_twice]) = (before.block(number), level.block(number));
    let [_, equal, _] = equal.pairs_but_lowest();
    let [lower, upper, single] = less.pairs();
    let (doubled, last) = order.split_at_mut(lower.len());
    let pairs = lower.words().zip(upper.words()).zip(equal.words());
    let less = pairs.map(|((lower, [upper, _]), equal)| product(equal, lower) ^ upper);
    add(doubled, less);
    add_single(last, single);
    double_equality(equal_twice, equality);
}

struct Tree<'a> {
    blocks: usize,
    step: Step,
    context: &'a mut Context,
    streams: &'a Streams,
}

impl Tree<'_> {
    /// Makes a level of so many groups in one round: `block` adds this party's summands of a block's
    /// order and equality.
    fn level(
        &mut self,
        [groups, next_groups]: [usize; 2],
        block: impl Fn(usize, [&mut [Plane]; 2]) + Sync,
    ) -> Result<Level, Error> {
        let equal = next_groups - 1;
        let planes = groups + equal;
        let unit = planes * PLANE_BYTES;
        let step = self.step;
        self.step = step.plus(1);
        let local = |offset: usize, out: &mut [u8]| {
            let blocks = out.as_chunks_mut().0.chunks_exact_mut(planes);
            for (number, out) in (offset / unit..).zip(blocks) {
                block(number, out.split_at_mut(groups).into());
            }
        };
        let vector = (unit, self.blocks * unit);
        let share = replicated(self.context, self.streams, step, vector, local)?;
        Ok(Level {
            share,
            groups,
            equal,
        })
    }

    /// Round 1: the order of the lower bits, and the equality of pairs of bits.
    fn single_bits(&mut self, input: Input<'_>) -> Result<Level, Error> {
        let pairs = input.bits.div_ceil(2);
        self.level([pairs, pairs], |number, [order, equality]| {
            let [equal, y] = input.block(number);
            let ([lower, _, single], [lower_y, _, single_y]) = (equal.pairs(), y.pairs());
            let (of_pairs, of_single) = order.split_at_mut(lower.len());
            // Where bits differ, x is less if y is set.
            let less = |(equal, y): (Word, Word)| product(equal, y) ^ y[0];
            add(of_pairs, lower.words().zip(lower_y.words()).map(less));
            add(of_single, single.words().zip(single_y.words()).map(less));
            let [_, equal] = equal.split(1);
            double_equality(equal, equality);
        })
    }

    /// Round 2: the order of pairs of bits, which the upper bits decide where they differ; and the
    /// equality of fours.
    fn pairs_of_bits(&mut self, input: Input<'_>, before: &Level) -> Result<Level, Error> {
        let pairs = before.groups;
        self.level([pairs, pairs.div_ceil(2)], |number, [order, equality]| {
            let [equal, y] = input.block(number);
            let ([_, equal, _], [_, y, _]) = (equal.pairs(), y.pairs());
            let [lower, equal_twice] = before.block(number);
            let [lower, single] = lower.split(equal.len());
            let (of_pairs, of_single) = order.split_at_mut(equal.len());
            let pairs = lower.words().zip(y.words()).zip(equal.words());
            let less = pairs.map(|(([l0, l1], [y0, y1]), equal)| {
                // Not l ^ equal·y ^ y: that would take the upper bits' order, one product more.
                product(equal, [l0 ^ y0, l1 ^ y1]) ^ y0
            });
            add(of_pairs, less);
            add_single(of_single, single);
            double_equality(equal_twice, equality);
        })
    }

    /// The next rounds: groups twice as large as `level`'s.
    fn doubled(&mut self, before: Level, level: &Level) -> Result<Level, Error> {
        let groups = level.groups.div_ceil(2);
        let counts = [groups, groups.div_ceil(2)];
        let next = self.level(counts, |number, out| double([&before, level], number, out))?;
        before.share.recycle(self.context);
        Ok(next)
    }

    /// The last round: the order of the two groups that are left, opened.
    fn whole(self, before: Level, level: Level) -> Result<Vec<u8>, Error> {
        let Self {
            blocks,
            step,
            context,
            streams,
        } = self;
        let local = |offset: usize, out: &mut [u8]| {
            let planes = out.as_chunks_mut().0.chunks_exact_mut(1);
            for (number, plane) in (offset / PLANE_BYTES..).zip(planes) {
                double([&before, &level], number, [plane, &mut []]);
            }
        };
        let less = opened(context, streams, step, blocks * PLANE_BYTES, local)?;
        before.share.recycle(context);
        level.share.recycle(context);
        Ok(less)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{stream::Stream, world::World};

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

    /// Compares words of up to 128 bits as the parties do.
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
            let streams = context.enter()?;
            let [first, second] = [&first, &second].map(|component| {
                let halves = component.as_chunks().0.iter();
                halves.map(|half| u64::from_le_bytes(*half))
            });
            let words: Vec<Word> = first.zip(second).map(Word::from).collect();
            let pairs: Vec<&[Word]> = words.chunks(4).collect();
            let mut sliced = vec![0; pairs.len().div_ceil(64) * layout.block_bytes()];
            for (pairs, block) in pairs
                .chunks(64)
                .zip(sliced.chunks_mut(layout.block_bytes()))
            {
                let columns = (0..2).map(|i| (pairs.iter().map(move |p| [p[i], p[2 + i]]), None));
                layout.slice(context.party(), columns, block);
            }
            less_than(
                context,
                &streams,
                Step::new(crate::Phase::Sort, 0),
                (&layout, sliced),
            )
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
            assert_eq!(rounds, u32::from(Layout::new(bits).rounds()), "{bits} bits");
        }
    }

    /// 152 products for 64 bits, and not many more where words have a bit more.
    #[test]
    fn costs_what_is_said() {
        for (bits, products, rounds) in [(64, 152, 7), (65, 166, 8), (68, 169, 8), (77, 192, 8)] {
            let blocks = 64;
            let (_, took, sent) = compared(bits, &vec![[1, 2]; blocks * 64]);
            let headers = u64::from(took) * crate::context::HEADER_BYTES as u64;
            let planes = (sent - headers) as usize / (blocks * PLANE_BYTES);
            assert_eq!((planes, took), (products, rounds), "{bits} bits");
        }
    }
}
