//! Which of two shared words is less (docs/protocol.md §4.6).
//!
//! In:      pairs (x, y) of words of w bits, bit-sliced.    Out: n bits, verified.
//! Cost:    1 + ⌈log2 w⌉ rounds, and 1 of verification; for 64 bits 7, and 152 bits a pair and party.
//! Reveals: nothing; the outcomes may be opened, see `sort`.
//! Secure:  one party that deviates: all is verified before anything is returned.
//!
//! Two bits make a group, then groups double: `less = less_hi ^ equal_hi·less_lo`. Equality is worked
//! out one level ahead, and not for the lowest group, which needs none. Where a level has an odd number
//! of groups, its highest goes on alone: its order as it is, its equality multiplied with itself.
//!
//! The groups of a level stand in such an order that the lower ones of all pairs come first, then the
//! upper ones, then the single one: bit-reversed, for 64 bits. The lowest is always the first. So the
//! operands of a level are whole ranges of what the levels before it have left. They are long enough to
//! be moved fast, since up to eight blocks of 64 pairs make a tile, plane after plane. What is added to products
//! is not worked out before it is an operand.

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
    /// Lays out words of so many bits, at least four, an even number.
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
            // Where there is no pair, x and y differ in all bits and y is 0: x is not less, whatever
            // the others are. Else outcomes that belong to nobody would tell a bit of y.
            let lanes =
                u64::MAX.unbounded_shr(u64::BITS - pairs.clone().count().min(COLUMN_BITS) as u32);
            let equals = pairs
                .clone()
                .map(|[[x0, x1], [y0, y1]]| [x0 ^ y0 ^ one, x1 ^ y1 ^ two]);
            write(places, 0, &transposed(equals));
            let y = match same {
                Some(same) => repeated(same).map(|word| word.map(|component| component & lanes)),
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
) -> Result<Checked, Error> {
    let bits = layout.bits();
    let mut tree = Tree {
        blocks: sliced.len() / layout.bytes(1),
        input: Planes::new(sliced, [bits, bits]),
        levels: Vec::with_capacity(usize::from(layout.rounds())),
    };
    let last = step.plus(layout.rounds() - 1);
    let mut step = step;
    while step < last {
        let (products, planes) = tree.multiply(round, step)?;
        let products = products.receive(round)?;
        tree.levels.push(Planes::new(products, planes));
        step = step.plus(1);
    }
    let (products, planes) = tree.multiply(round, step)?;
    round.prove()?;
    let products = products.receive(round)?;
    tree.levels.push(Planes::new(products, planes));
    let less = tree.whole(round);
    for done in tree.levels {
        done.share.recycle(round.context);
    }
    tree.input.share.recycle(round.context);
    let [less] = round.verify([less])?;
    Ok(less)
}

/// Two kinds of planes of each tile. Of a level: products that make the order of its groups, and the
/// equality of the groups of the next one, without the lowest. Of the input: which bits are equal, and y.
struct Planes {
    share: Share,
    first: usize,
    second: usize,
}

impl Planes {
    const fn new(share: Share, [first, second]: [usize; 2]) -> Self {
        Self {
            share,
            first,
            second,
        }
    }

    /// Returns both kinds, in one component of a tile.
    #[inline]
    fn tile(&self, component: Component, number: usize) -> [Part<'_>; 2] {
        let planes = self.first + self.second;
        let unit = planes * PLANE_BYTES;
        let bytes = component(&self.share).chunks(unit).nth(number);
        let bytes = bytes.unwrap_or_default();
        let plane_bytes = bytes.len() / planes;
        Part { bytes, plane_bytes }.split(self.first)
    }

    /// Returns a level's equality, as [`Part::pairs`] cuts it.
    #[inline]
    fn equality(&self, (component, number): (Component, usize)) -> [Part<'_>; 3] {
        let [_, equality] = self.tile(component, number);
        equality.pairs()
    }
}

/// Returns one of the two components of a sharing: what is linear is done to each of them.
type Component = fn(&Share) -> &[u8];
const COMPONENTS: [Component; 2] = [Share::first, Share::second];

/// Planes of one component of a tile.
#[derive(Clone, Copy, Default)]
struct Part<'a> {
    bytes: &'a [u8],
    plane_bytes: usize,
}

impl Part<'_> {
    #[inline]
    fn len(self) -> usize {
        let planes = self.bytes.len().checked_div(self.plane_bytes);
        planes.unwrap_or_default()
    }

    /// Cuts off the first planes, or all that there are.
    #[inline]
    fn split(self, planes: usize) -> [Self; 2] {
        let at = (planes * self.plane_bytes).min(self.bytes.len());
        let (one, two) = self.bytes.split_at(at);
        [one, two].map(|bytes| Self { bytes, ..self })
    }

    #[inline]
    fn halves(self) -> [Self; 2] {
        self.split(self.len() / 2)
    }

    #[inline]
    fn but_first(self) -> Self {
        let [_, rest] = self.split(1);
        rest
    }

    /// Cuts the equality of groups but the lowest into that of the lower groups of pairs, of the upper
    /// ones, and of the single one.
    #[inline]
    fn pairs(self) -> [Self; 3] {
        let pairs = self.len().div_ceil(2);
        let [lower, rest] = self.split(pairs.saturating_sub(1));
        let [upper, single] = rest.split(pairs);
        [lower, upper, single]
    }
}

/// The levels of a comparison, as far as they are known.
struct Tree {
    blocks: usize,
    input: Planes,
    levels: Vec<Planes>,
}

/// What is multiplied at a level, in one component of one tile.
struct Operands<'a> {
    /// The equality of upper groups, with the order of lower ones.
    equal: Part<'a>,
    /// For the equality: of lower groups, and of the single one.
    lower: [Part<'a>; 2],
    /// Of upper groups, and of the single one, which is so multiplied with itself.
    upper: [Part<'a>; 2],
}

impl Tree {
    /// Sends this party's summands of the next level's products; also returns how many there are, of
    /// the order and of the equality.
    fn multiply(&self, round: &mut Round<'_>, step: Step) -> Result<(Pending, [usize; 2]), Error> {
        let Operands { equal, lower, .. } = self.operands(Share::first, 0);
        let planes = [equal.len(), lower.map(Part::len).iter().sum()];
        let count: usize = planes.iter().sum();
        let unit = count * PLANE_BYTES;
        let len = count * self.blocks * WORD_BYTES;
        let write = |offset: usize, [x0, x1, y0, y1]: [&mut [u8]; 4]| {
            for (component, (x, y)) in COMPONENTS.into_iter().zip([(x0, y0), (x1, y1)]) {
                let tiles = x.chunks_mut(unit).zip(y.chunks_mut(unit));
                for (number, tile) in (offset / unit..).zip(tiles) {
                    self.write(component, number, tile.into());
                }
            }
        };
        let pending = and::multiply_written(round, step.of(unit), len, write)?;
        Ok((pending, planes))
    }

    /// Writes the operands of the next level, in one component of one tile.
    #[inline]
    fn write(&self, component: Component, number: usize, [x, y]: [&mut [u8]; 2]) {
        let Operands {
            equal,
            lower,
            upper,
        } = self.operands(component, number);
        let (equal_out, x) = x.split_at_mut(equal.bytes.len());
        equal_out.copy_from_slice(equal.bytes);
        put(lower, x);
        let (order_out, y) = y.split_at_mut(equal.bytes.len());
        order_out.fill(0);
        self.add_order(component, number, order_out);
        put(upper, y);
    }

    #[inline]
    fn operands(&self, component: Component, number: usize) -> Operands<'_> {
        let [bits, _] = self.input.tile(component, number);
        let [lower, upper] = bits.halves();
        let tile = (component, number);
        let (equal, last) = match &self.levels[..] {
            [] => {
                let none = Part::default();
                return Operands {
                    equal: lower,
                    lower: [lower.but_first(), none],
                    upper: [upper.but_first(), none],
                };
            }
            [last] => (upper, last),
            [.., before, last] => {
                let [_, upper, _] = before.equality(tile);
                (upper, last)
            }
        };
        let [lower, upper, single] = last.equality(tile);
        Operands {
            equal,
            lower: [lower, single],
            upper: [upper.but_first(), single],
        }
    }

    /// XORs the order of the last level's groups into `out`, as far as there is room: the products of
    /// that level, and the order of the groups of the level before, but for the lower ones.
    ///
    /// Where single bits differ, x is less if y is set. So it is of upper bits; the order of lower ones
    /// has that added, since `less ^ y` is what the next level multiplies: of pairs of bits the order is
    /// `equal·(less ^ y) ^ y`.
    #[inline]
    fn add_order(&self, component: Component, number: usize, out: &mut [u8]) {
        let mut add = |Part { bytes, .. }: Part<'_>| {
            let len = bytes.len().min(out.len());
            bytes::xor(out.split_at_mut(len).0, bytes);
        };
        let [_, y] = self.input.tile(component, number);
        let [lower, upper] = y.halves();
        match &self.levels[..] {
            [] => add(lower),
            [bits] => {
                let [products, _] = bits.tile(component, number);
                [products, lower, upper].into_iter().for_each(add);
            }
            [_, levels @ ..] => {
                // Groups that have been lower ones since.
                let (mut gone, mut before) = (0, 0);
                for level in levels.iter().rev() {
                    before = gone;
                    let [products, _] = level.tile(component, number);
                    let [_, products] = products.split(gone);
                    add(products);
                    gone += level.first;
                }
                let [_, upper] = upper.split(before);
                add(upper);
            }
        }
    }

    /// Returns the order of the only group that is left. Local.
    fn whole(&self, round: &mut Round<'_>) -> Share {
        let len = self.blocks * WORD_BYTES;
        Share::written(round.context, len, PLANE_BYTES, |offset, outs| {
            for (component, out) in COMPONENTS.into_iter().zip(outs) {
                let tiles = out.chunks_mut(PLANE_BYTES);
                for (number, out) in (offset / PLANE_BYTES..).zip(tiles) {
                    out.fill(0);
                    self.add_order(component, number, out);
                }
            }
        })
    }
}

/// Puts one after the other into `out`.
#[inline]
fn put(parts: [Part<'_>; 2], out: &mut [u8]) {
    let [Part { bytes: one, .. }, Part { bytes: two, .. }] = parts;
    let (first, second) = out.split_at_mut(one.len());
    first.copy_from_slice(one);
    second.copy_from_slice(two);
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
            let sliced =
                Share::written(round.context, layout.bytes(blocks), unit, |offset, outs| {
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
        for bits in (4..=128)
            .step_by(2)
            .filter(|bits| *bits < 20 || bits % 14 == 2 || *bits > 60 && *bits < 80)
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
            assert_eq!(
                rounds,
                before + 2,
                "{bits} bits: one to verify, one to open"
            );
        }
    }

    /// 152 products for 64 bits, and not many more where words have a bit more; beside these the
    /// outcomes are sent.
    #[test]
    fn costs_what_is_said() {
        for (bits, products, rounds) in [(64, 152, 9), (66, 161, 10), (68, 165, 10), (76, 184, 10)]
        {
            let [(_, took, few), (_, _, more)] =
                [64, 128].map(|blocks| compared(bits, &vec![[1, 2]; blocks * 64]));
            let planes = (more - few) as usize / (64 * WORD_BYTES);
            assert_eq!((planes, took), (products + 1, rounds), "{bits} bits");
        }
    }
}
