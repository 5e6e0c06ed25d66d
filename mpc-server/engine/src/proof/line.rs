//! The polynomials of a proof, from the values that are sent of them.
//!
//! Every fold of two values is the line `f0 + X (f0 + f1)`. Beside 0 and 1 a polynomial is given at
//! "infinity": its leading coefficient.
#![expect(
    clippy::indexing_slicing,
    reason = "a level's values have the length that its digits say"
)]

use core::iter::zip;

use super::field::Field;

/// Returns the weight that folding by `challenges` gives to each value of 2^len, the challenges' bits
/// lowest first.
pub(super) fn folding<F: Field>(challenges: &[F]) -> Vec<F> {
    challenges.iter().fold(vec![F::ONE], |weights, &r| {
        let at_1: Vec<F> = weights.iter().map(|&weight| weight * r).collect();
        let at_0 = zip(weights, &at_1).map(|(weight, &at_1)| weight + at_1);
        at_0.chain(at_1.iter().copied()).collect()
    })
}

/// Returns where the value of word `bits` stands among those of {0, 1, infinity}^digits.
pub(super) const fn point(bits: usize, digits: usize) -> usize {
    let (mut at, mut digit) = (0, digits);
    while digit > 0 {
        digit -= 1;
        at = 3 * at + (bits >> digit & 1);
    }
    at
}

/// Folds the first level of products: from its claim and the values that were sent (all but the first,
/// which the claim implies) to the claim of the next level. Linear in both.
pub(super) fn fold_words<F: Field>(claim: F, values: &[F], bit_weights: &[F], r: &[F]) -> F {
    let mut all = vec![claim];
    all.extend(values);
    // The claim is the sum over all bits, of which the first has weight 1.
    let others = bit_weights.iter().enumerate().skip(1);
    let others = others
        .map(|(bits, &weight)| weight * all[point(bits, r.len())])
        .sum();
    all[0] += others;
    for &r in r {
        let folded = all.chunks_exact(3).map(|value| {
            let [at_0, at_1, leading] = [value[0], value[1], value[2]];
            at_0 + r * (at_0 + at_1) + r * (r + F::ONE) * leading
        });
        all = folded.collect();
    }
    all[0]
}

/// Folds a halving: `values` are `p(0), c0`, in the last one `p(0), c0, c1, c2` of
/// `p = p(0) (1 + X) + p(1) X + X (X + 1) (c0 + c1 X + c2 X (X + 1))`, where `p(0) + p(1)` is the claim.
/// Linear in claim and values.
pub(super) fn fold_half<F: Field>(claim: F, values: &[F], r: F) -> F {
    let vanishing = r * (r + F::ONE);
    let at = |i: usize| values.get(i).copied().unwrap_or(F::ZERO);
    at(0) + r * claim + vanishing * (at(1) + r * at(2) + vanishing * at(3))
}

/// Halvings until one value is left; at least one, which carries the masks.
pub(super) fn halvings(len: usize) -> usize {
    len.max(2).next_power_of_two().ilog2() as usize
}

/// Folds f and h, each 2^k values, until one value is left; `ask` takes the values of each halving and
/// returns its challenge. The last fold is masked: by X (X + 1) u in f, by X (X + 1) v in h.
pub(super) fn halve<F: Field>(
    mut f: Vec<F>,
    mut h: Vec<F>,
    [u, v]: [F; 2],
    mut ask: impl FnMut(Vec<F>) -> F,
) {
    while f.len() > 1 {
        let half = f.len() / 2;
        let [(f0, df), (h0, dh)] = [&f, &h].map(|all| {
            let (at_0, at_1) = all.split_at(half);
            (
                at_0.to_vec(),
                zip(at_0, at_1).map(|(&a, &b)| a + b).collect::<Vec<F>>(),
            )
        });
        let mut values = vec![dot(&f0, &h0), dot(&df, &dh)];
        if half == 1 {
            // (f0 + X df + X (X + 1) u) (h0 + X dh + X (X + 1) v)
            values[1] += f0[0] * v + h0[0] * u;
            values.extend([df[0] * v + dh[0] * u, u * v]);
        }
        let r = ask(values);
        let fold = |at_0: &[F], d: &[F]| zip(at_0, d).map(|(&a, &d)| a + r * d).collect();
        (f, h) = (fold(&f0, &df), fold(&h0, &dh));
    }
}

/// Adds up products.
pub(super) fn dot<F: Field>(a: &[F], b: &[F]) -> F {
    zip(a, b).map(|(&a, &b)| a * b).sum()
}
