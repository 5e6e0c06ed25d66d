//! The two inner products as they are computed: the same values as in the plain form.

use core::iter::zip;

use super::{
    Ands, Hop, Workers,
    field::{Element, Field as _},
    kernel::{
        Claim, Elements, Fold, FoldWords, Functional, Lookup, Route, RowWeights, SUPERBLOCK_BYTES,
        Source, Span, Sums, Values, Weigh, cell, element,
    },
    line::{dot, fold_half, fold_words, folding, halve, halvings},
    root::{HASH_BYTES, LOW_WEIGHTS, Product, Weight, Weights},
    simd::{Cell, Cells, Form, Job, WORDS},
};
use crate::map::{Map, NOTHING};

/// Digits of a bit's place in a word, and values of the level that is over them, without the first.
const DIGITS: usize = 6;
const VALUES: usize = 728;
/// Superblocks, vectors of four and rows that a thread takes at a time.
const SUPERBLOCKS: usize = 64;
const FOURS: usize = 4096;
const ROWS: usize = 1 << 14;

/// Bytes of the widest rows: two elements.
const MOST_ROW_BYTES: usize = 32;

/// Threads, and what each of them computes with.
pub(super) struct Crew<'a, W> {
    pub(super) workers: &'a W,
    pub(super) form: Form,
}

impl<'a, W: Workers> Crew<'a, W> {
    pub(super) fn new(workers: &'a W) -> Self {
        let form = workers.form();
        Self { workers, form }
    }

    fn run<J: Job>(&self, jobs: &mut [J]) {
        match jobs {
            [job] => self.form.run(job),
            jobs => {
                let form = self.form;
                self.workers.each(jobs, |job| form.run(job));
            }
        }
    }
}

/// A statement's root and its messages.
#[derive(Clone, Copy)]
pub(super) struct Statement<'a> {
    pub(super) root: &'a [u8; HASH_BYTES],
    pub(super) ands: &'a [Ands<'a>],
    pub(super) hops: &'a [Hop<'a>],
}

impl<'a> Statement<'a> {
    /// Returns the inner products that there are.
    ///
    /// # Panics
    /// If a hop is none: of other rows than of 1 to 32 bytes, or by maps that do not go to the same rows.
    pub(super) fn products(self) -> impl Iterator<Item = Inner<'a>> {
        for hop in self.hops {
            assert!(
                (1..=MOST_ROW_BYTES).contains(&hop.row_bytes()),
                "no such rows"
            );
            let terms = hop.terms();
            let mut maps = terms.iter().filter_map(|term| term.map);
            assert!(
                maps.all(|map| map.outputs() == hop.outputs()),
                "maps to other rows"
            );
        }
        let spans: Vec<_> = spans(self.ands);
        let weights = Weights(self.root);
        let ands = (!spans.is_empty()).then_some(Inner::Ands { weights, spans });
        let outputs: usize = self.hops.iter().map(Hop::outputs).sum();
        let hops = (outputs > 0).then_some(Inner::Hops {
            weights,
            hops: self.hops,
        });
        ands.into_iter().chain(hops)
    }
}

/// An inner product.
pub(super) enum Inner<'a> {
    Ands {
        weights: Weights<'a>,
        spans: Vec<Span<'a>>,
    },
    Hops {
        weights: Weights<'a>,
        hops: &'a [Hop<'a>],
    },
}

/// Cuts messages of products into parts.
fn spans<'a>(ands: &'a [Ands<'a>]) -> Vec<Span<'a>> {
    let mut spans = Vec::new();
    let mut number = 0;
    for message in ands {
        let superblocks = message.len().div_ceil(SUPERBLOCK_BYTES);
        for first in (0..superblocks).step_by(SUPERBLOCKS) {
            let count = SUPERBLOCKS.min(superblocks - first);
            spans.push(Span {
                message,
                first,
                count,
                number,
            });
            number += count;
        }
    }
    spans
}

impl Inner<'_> {
    pub(super) const fn product(&self) -> Product {
        match self {
            Self::Ands { .. } => Product::Ands,
            Self::Hops { .. } => Product::Hops,
        }
    }

    /// Elements of f and h once bits are folded to words.
    fn len(&self) -> usize {
        match self {
            Self::Ands { spans, .. } => WORDS * spans.iter().map(|span| span.count).sum::<usize>(),
            Self::Hops { hops, .. } => {
                let terms = hops.iter().flat_map(Hop::terms);
                terms.map(|term| term.inputs).sum()
            }
        }
    }

    /// Returns the values and the challenges of each level.
    pub(super) fn levels(&self) -> Vec<[usize; 2]> {
        let first = match self {
            Self::Ands { .. } => Some([VALUES, DIGITS]),
            Self::Hops { .. } => None,
        };
        let halvings = halvings(self.len());
        let rest = (1..=halvings).map(|level| [if level == halvings { 4 } else { 2 }, 1]);
        first.into_iter().chain(rest).collect()
    }

    /// Proves: `ask` takes each level's values and returns its challenges.
    pub(super) fn prove(
        &self,
        crew: &Crew<'_, impl Workers>,
        masks: [Element; 2],
        ask: &mut impl FnMut(Vec<Element>, usize) -> Vec<Element>,
    ) {
        let [f, h] = match self {
            Self::Ands { weights, spans } => {
                let challenges = ask(word_values(crew, *weights, spans), DIGITS);
                fold_words_of(crew, *weights, spans, &challenges)
            }
            Self::Hops { weights, hops } => row_vectors(crew, *weights, hops),
        };
        let ask = |values| ask(values, 1).first().copied().unwrap_or(Element::ZERO);
        halve_long(crew, [f, h], self.len(), masks, ask);
    }

    /// Returns this verifier's shares of f(r), h(r) and p(r), from its shares of all levels' values.
    pub(super) fn answer(
        &self,
        crew: &Crew<'_, impl Workers>,
        [u, v]: [Element; 2],
        mut values: &[Element],
        challenges: &[Element],
    ) -> [Element; 3] {
        let mut take_values = |count| {
            let (now, later) = values.split_at(count);
            values = later;
            now
        };
        let (mut claim, [f, h], rest) = match self {
            Self::Ands { weights, spans } => {
                let (first, rest) = challenges.split_at(DIGITS);
                let bits = bit_weights(*weights);
                let claim = word_claim(crew, *weights, spans, &bits);
                let claim = fold_words(claim, take_values(VALUES), &bits, first);
                (
                    claim,
                    word_functional(crew, *weights, spans, [first, rest]),
                    rest,
                )
            }
            Self::Hops { weights, hops } => {
                let (claim, functional) = row_functional(crew, *weights, hops, challenges);
                (claim, functional, challenges)
            }
        };
        for (i, &challenge) in rest.iter().enumerate() {
            let count = if i + 1 == rest.len() { 4 } else { 2 };
            claim = fold_half(claim, take_values(count), challenge);
        }
        let last = rest.last().copied().unwrap_or(Element::ZERO);
        let last = last * (last + Element::ONE);
        [f + last * u, h + last * v, claim]
    }
}

// ---- products

fn bit_weights(weights: Weights) -> Vec<Element> {
    let mut bits = weights.draw(Weight::Bit, 64);
    if let Some(first) = bits.first_mut() {
        *first = Element::ONE;
    }
    bits
}

fn add(sum: &mut [Element], part: &[Element]) {
    zip(sum, part).for_each(|(sum, &part)| *sum += part);
}

/// Returns the values of the first level, but for the first, which the claim implies.
fn word_values(crew: &Crew<'_, impl Workers>, weights: Weights, spans: &[Span]) -> Vec<Element> {
    let weights = weights.stream(Weight::Block);
    let jobs = spans.iter().map(|&span| Values {
        span,
        weights: weights.clone(),
        out: Vec::new(),
    });
    let mut jobs: Vec<_> = jobs.collect();
    crew.run(&mut jobs);
    let mut values = vec![Element::ZERO; VALUES + 1];
    for job in jobs {
        add(&mut values, &job.out);
    }
    values.split_off(1)
}

/// Returns what the first challenges make of each bit.
fn bit_cells(challenges: &[Element]) -> [Cell; 64] {
    let mut cells = [[0; 2]; 64];
    zip(&mut cells, folding(challenges)).for_each(|(cell_, weight)| *cell_ = cell(weight));
    cells
}

fn fold_words_of(
    crew: &Crew<'_, impl Workers>,
    weights: Weights,
    spans: &[Span],
    challenges: &[Element],
) -> [Vec<Cell>; 2] {
    let weights = weights.stream(Weight::Block);
    let bits = bit_cells(challenges);
    let words: usize = spans.iter().map(|span| span.count * WORDS).sum();
    let [mut f, mut h] = [(); 2].map(|()| crew.workers.memory().take(words));
    let (mut rest_f, mut rest_h) = (&mut f[..], &mut h[..]);
    let jobs = spans.iter().map(|&span| FoldWords {
        span,
        weights: weights.clone(),
        bits: &bits,
        out: [
            rest_f
                .split_off_mut(..span.count * WORDS)
                .unwrap_or_default(),
            rest_h
                .split_off_mut(..span.count * WORDS)
                .unwrap_or_default(),
        ],
    });
    let mut jobs: Vec<_> = jobs.collect();
    crew.run(&mut jobs);
    drop(jobs);
    [f, h]
}

fn word_claim(
    crew: &Crew<'_, impl Workers>,
    weights: Weights,
    spans: &[Span],
    bits: &[Element],
) -> Element {
    let weights = weights.stream(Weight::Block);
    let jobs = spans.iter().map(|&span| Claim {
        span,
        weights: weights.clone(),
        out: Vec::new(),
    });
    let mut jobs: Vec<_> = jobs.collect();
    crew.run(&mut jobs);
    jobs.iter().map(|job| dot(&job.out, bits)).sum()
}

/// Returns this verifier's shares of f and h at the challenges.
fn word_functional(
    crew: &Crew<'_, impl Workers>,
    weights: Weights,
    spans: &[Span],
    [first, rest]: [&[Element]; 2],
) -> [Element; 2] {
    /// Digits of a word's place in its block of 128.
    const LANE_DIGITS: usize = 7;
    let bits = bit_cells(first);
    let backwards: Vec<Element> = rest.iter().rev().copied().collect();
    let (lower, upper) = backwards.split_at(LANE_DIGITS);
    let mut lanes = [[[0; 2]; 128]; 2];
    for (lane, weight) in folding(lower).into_iter().enumerate() {
        let in_f = weight * Element(1 << lane);
        for (lanes, weight) in zip(&mut lanes, [in_f, weight]) {
            zip(lanes.iter_mut().skip(lane), [weight])
                .for_each(|(lane, weight)| *lane = cell(weight));
        }
    }
    let blocks: usize = spans.iter().map(|span| span.count * WORDS / 128).sum();
    let [mut f, mut h] = [(); 2].map(|()| vec![Element::ZERO; blocks]);
    let (mut rest_f, mut rest_h) = (&mut f[..], &mut h[..]);
    let jobs = spans.iter().map(|&span| {
        let blocks = span.count * WORDS / 128;
        Functional {
            span,
            bits: &bits,
            lanes: lanes.each_ref(),
            out: [
                rest_f.split_off_mut(..blocks).unwrap_or_default(),
                rest_h.split_off_mut(..blocks).unwrap_or_default(),
            ],
        }
    });
    let mut jobs: Vec<_> = jobs.collect();
    crew.run(&mut jobs);
    drop(jobs);
    let folded = folding(upper);
    zip(&mut f, weights.draw::<Element>(Weight::Block, blocks))
        .for_each(|(f, weight)| *f = *f * weight);
    [dot(&f, &folded), dot(&h, &folded)]
}

// ---- hops

/// Weights of a hop's output rows, and of what goes beyond an element.
fn row_weights(weights: Weights, hops: &[Hop]) -> (RowWeights, Element) {
    let outputs: usize = hops.iter().map(Hop::outputs).sum();
    let low = weights.draw(Weight::Low, LOW_WEIGHTS);
    let high = weights.draw(Weight::High, outputs.div_ceil(LOW_WEIGHTS));
    let part = weights.draw(Weight::Part, 1).first().copied();
    (RowWeights::new(&low, &high), part.unwrap_or(Element::ZERO))
}

/// Cuts a number of rows into ranges.
fn ranges(rows: usize) -> impl Iterator<Item = core::ops::Range<usize>> {
    (0..rows)
        .step_by(ROWS)
        .map(move |first| first..rows.min(first + ROWS))
}

/// Returns a prover's f and h.
fn row_vectors(crew: &Crew<'_, impl Workers>, weights: Weights, hops: &[Hop]) -> [Vec<Cell>; 2] {
    let (weights, part) = row_weights(weights, hops);
    let inputs: usize = hops
        .iter()
        .flat_map(Hop::terms)
        .map(|term| term.inputs)
        .sum();
    // Whole vectors of four: zeros follow.
    let [mut f, mut h] = [(); 2].map(|()| crew.workers.memory().take(inputs.next_multiple_of(4)));
    let (mut rest_f, mut rest_h) = (&mut f[..], &mut h[..]);
    let mut base = 0;
    let mut elements = Vec::new();
    let maps = hops.iter().flat_map(Hop::terms).filter_map(|term| term.map);
    let mut maps: Vec<_> = maps.map(|map| (map, Back::default())).collect();
    crew.workers
        .each(&mut maps, |(map, back)| *back = Back::of(map));
    let mut maps = maps.into_iter();
    for hop in hops {
        let row_bytes = hop.row_bytes();
        for term in hop.terms() {
            let mut out = rest_h.split_off_mut(..term.inputs).unwrap_or_default();
            for range in ranges(term.inputs) {
                let rows = term.rows.get(range.start * row_bytes..).unwrap_or_default();
                let out = out.split_off_mut(..range.len()).unwrap_or_default();
                elements.push(Elements {
                    rows,
                    row_bytes,
                    part,
                    out,
                });
            }
            let out = rest_f.split_off_mut(..term.inputs).unwrap_or_default();
            if let Some((map, back)) = term.map.and_then(|_| maps.next()) {
                back.take(crew, map, (&weights, base), out);
            }
        }
        base += hop.outputs();
    }
    crew.run(&mut elements);
    drop(elements);
    [f, h]
}

/// The way back through a gather: for each input the first output that it goes to, and apart from that
/// all further outputs with their input. A scatter's list is its own way back.
#[derive(Default)]
struct Back {
    first: Vec<u32>,
    further: Vec<[u32; 2]>,
}

impl Back {
    fn of(map: &Map) -> Self {
        let Map::Gather { from, inputs } = map else {
            return Self::default();
        };
        let mut first = vec![NOTHING; *inputs];
        let mut further = Vec::new();
        for (output, &input) in (0..).zip(from) {
            match first.get_mut(input as usize) {
                Some(first) if *first == NOTHING => *first = output,
                Some(_) => further.push([output, input]),
                None => {}
            }
        }
        Self { first, further }
    }

    /// Takes the weights of output rows, numbered from `base` on, back through the map.
    fn take(
        self,
        crew: &Crew<'_, impl Workers>,
        map: &Map,
        (weights, base): (&RowWeights, usize),
        out: &mut [Cell],
    ) {
        let rows = map.outputs();
        if let Map::Scatter { to, .. } = map {
            return look_up(crew, to, rows, (weights, base), out);
        }
        let Self { first, further } = self;
        look_up(crew, &first, rows, (weights, base), out);
        let mut added = vec![[0; 2]; further.len()];
        let outputs: Vec<u32> = further.iter().map(|[output, _]| *output).collect();
        look_up(crew, &outputs, rows, (weights, base), &mut added);
        for ([_, input], [low, high]) in zip(further, added) {
            if let Some(sum) = out.get_mut(input as usize) {
                *sum = [sum[0] ^ low, sum[1] ^ high];
            }
        }
    }
}

fn look_up(
    crew: &Crew<'_, impl Workers>,
    list: &[u32],
    rows: usize,
    (weights, base): (&RowWeights, usize),
    out: &mut [Cell],
) {
    let parts = zip(list.chunks(ROWS), out.chunks_mut(ROWS));
    let jobs = parts.map(|(list, out)| Lookup {
        list,
        rows,
        base,
        weights,
        out,
    });
    crew.run(&mut jobs.collect::<Vec<_>>());
}

/// Returns this verifier's share of the claim, and of f and h at the challenges.
fn row_functional(
    crew: &Crew<'_, impl Workers>,
    weights: Weights,
    hops: &[Hop],
    challenges: &[Element],
) -> (Element, [Element; 2]) {
    let (weights, part) = row_weights(weights, hops);
    let backwards: Vec<Element> = challenges.iter().rev().copied().collect();
    let lower = backwards.len().min(LOW_WEIGHTS.ilog2() as usize);
    let (lower, upper) = backwards.split_at(lower);
    let folded = RowWeights::new(&folding(lower), &folding(upper));
    let (mut claims, mut rows, mut routes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut first_output, mut first_input) = (0, 0);
    for hop in hops {
        let row_bytes = hop.row_bytes();
        let weigh = |source, range, base, weights| Weigh {
            source,
            row_bytes,
            range,
            base,
            weights,
            part,
            out: Element::ZERO,
        };
        let source = Source::Claim(hop);
        claims.extend(
            ranges(hop.outputs()).map(|range| weigh(source, range, first_output, &weights)),
        );
        for term in hop.terms() {
            let source = Source::Rows(term.rows);
            if !term.rows.is_empty() {
                rows.extend(
                    ranges(term.inputs).map(|range| weigh(source, range, first_input, &folded)),
                );
            }
            let (outputs, inputs) = ((&weights, first_output), (&folded, first_input));
            let route = match term.map {
                Some(Map::Gather {
                    from,
                    inputs: count,
                }) => Some((from, outputs, inputs, *count)),
                Some(Map::Scatter { to, outputs: count }) => Some((to, inputs, outputs, *count)),
                None => None,
            };
            if let Some((list, places, listed, count)) = route {
                let parts = (0..).step_by(ROWS).zip(list.chunks(ROWS));
                routes.extend(parts.map(|(first, list)| Route {
                    list,
                    first,
                    places,
                    listed,
                    rows: count,
                    out: Element::ZERO,
                }));
            }
            first_input += term.inputs;
        }
        first_output += hop.outputs();
    }
    crew.run(&mut claims);
    crew.run(&mut rows);
    crew.run(&mut routes);
    let sum = |jobs: &[Weigh]| jobs.iter().map(|job| job.out).sum();
    (
        sum(&claims),
        [routes.iter().map(|job| job.out).sum(), sum(&rows)],
    )
}

// ---- both

/// Folds f and h, of which `len` elements are not zero, until one is left.
fn halve_long(
    crew: &Crew<'_, impl Workers>,
    [mut f, mut h]: [Vec<Cell>; 2],
    len: usize,
    masks: [Element; 2],
    mut ask: impl FnMut(Vec<Element>) -> Element,
) {
    /// Below that, one element after the other.
    const SHORT: usize = 16;
    let mut len = 1 << halvings(len);
    let (mut values, mut all) = ([Element::ZERO; 2], [fours(&mut f), fours(&mut h)]);
    if len >= SHORT {
        values = first_sums(crew, all.each_ref().map(|all| &**all), len / 8);
    }
    while len >= SHORT {
        let challenge = ask(values.to_vec());
        values = fold(crew, &mut all, len / 16, challenge);
        len /= 2;
        all = all.map(|all| all.split_at_mut(all.len().min(len / 4)).0);
    }
    let [last_f, last_h] = all.map(|all| {
        let cells = all.as_flattened().as_chunks::<2>().0.iter().take(len);
        let mut elements: Vec<Element> = cells.map(|&cell| element(cell)).collect();
        elements.resize(len, Element::ZERO);
        elements
    });
    crew.workers.memory().keep([f, h]);
    halve(last_f, last_h, masks, ask);
}

fn fours(cells: &mut [Cell]) -> &mut [Cells] {
    cells.as_flattened_mut().as_chunks_mut::<8>().0
}

fn first_sums(crew: &Crew<'_, impl Workers>, all: [&[Cells]; 2], half: usize) -> [Element; 2] {
    let [(f0, f1), (h0, h1)] = all.map(|all| all.split_at(half));
    let uppers = f1
        .chunks(FOURS)
        .zip(h1.chunks(FOURS))
        .map(Some)
        .chain(core::iter::repeat(None));
    let lowers = f0.chunks(FOURS).zip(h0.chunks(FOURS));
    let jobs = lowers.zip(uppers).map(|((f0, h0), upper)| {
        let (f1, h1) = upper.unwrap_or_default();
        Sums {
            lower: [f0, h0],
            upper: [f1, h1],
            out: [Element::ZERO; 2],
        }
    });
    let mut jobs: Vec<_> = jobs.collect();
    crew.run(&mut jobs);
    sum_pairs(jobs.iter().map(|job| job.out))
}

fn sum_pairs(pairs: impl Iterator<Item = [Element; 2]>) -> [Element; 2] {
    pairs.fold([Element::ZERO; 2], |[a, b], [c, d]| [a + c, b + d])
}

/// Folds, and returns the values of the next halving.
fn fold(
    crew: &Crew<'_, impl Workers>,
    all: &mut [&mut [Cells]; 2],
    quarter: usize,
    challenge: Element,
) -> [Element; 2] {
    let mut parts = all.each_mut().map(|all| {
        let (lower, upper) = all.split_at_mut(2 * quarter);
        let (q0, q1) = lower.split_at_mut(quarter);
        let (q2, q3) = upper.split_at_mut(quarter.min(upper.len()));
        let upper = [&*q2, &*q3].map(|upper| upper.chunks(FOURS));
        (q0.chunks_mut(FOURS), q1.chunks_mut(FOURS), upper)
    });
    let mut jobs = Vec::new();
    let [f, h] = &mut parts;
    while let (Some(f0), Some(f1), Some(h0), Some(h1)) =
        (f.0.next(), f.1.next(), h.0.next(), h.1.next())
    {
        let uppers = [&mut f.2, &mut h.2];
        let upper =
            uppers.map(|upper| upper.each_mut().map(|part| part.next().unwrap_or_default()));
        jobs.push(Fold {
            challenge,
            lower: [[f0, f1], [h0, h1]],
            upper,
            out: [Element::ZERO; 2],
        });
    }
    crew.run(&mut jobs);
    sum_pairs(jobs.iter().map(|job| job.out))
}
