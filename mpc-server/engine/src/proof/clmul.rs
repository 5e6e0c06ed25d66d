//! Products in GF(2^128) without special instructions, in constant time.
//!
//! Bits are taken apart into four classes by their place modulo 4. In a product of integers with one
//! bit in four, up to 15 bits that meet in a place add up without reaching the next one of their class.

/// A product before reduction: the coefficients from X^0, X^64 and X^128 on, of which the middle ones
/// overlap the others.
pub(super) type Unreduced = [u128; 3];

/// Multiplies in the field.
pub(super) const fn product(a: u128, b: u128) -> u128 {
    reduce(unreduced(a, b))
}

/// Multiplies polynomials.
pub(super) const fn unreduced(a: u128, b: u128) -> Unreduced {
    let ([a0, a1], [b0, b1]) = (halves(a), halves(b));
    let low = clmul(a0, b0);
    let high = clmul(a1, b1);
    let middle = clmul(a0 ^ a1, b0 ^ b1) ^ low ^ high;
    [low, middle, high]
}

/// Reduces modulo X^128 + X^7 + X^2 + X + 1.
pub(super) const fn reduce([low, middle, high]: Unreduced) -> u128 {
    let low = low ^ middle << 64;
    let high = high ^ middle >> 64;
    // What `high` carries over X^128 once more has 7 bits.
    let over = high >> 127 ^ high >> 126 ^ high >> 121;
    let high = high ^ over;
    low ^ high ^ high << 1 ^ high << 2 ^ high << 7
}

const fn halves(a: u128) -> [u64; 2] {
    [a as u64, (a >> 64) as u64]
}

/// Multiplies polynomials of 64 coefficients.
const fn clmul(a: u64, b: u64) -> u128 {
    const CLASS: u64 = 0x1111_1111_1111_1111;
    const CLASSES: u128 = 0x1111_1111_1111_1111_1111_1111_1111_1111;
    // Of 16 bits of a class, all of both factors' could meet: the top four are multiplied apart.
    let top = a >> 60;
    let [a0, a1, a2, a3] = classes(a & (u64::MAX >> 4), CLASS);
    let [b0, b1, b2, b3] = classes(b, CLASS);
    let c0 = times(a0, b0) ^ times(a1, b3) ^ times(a2, b2) ^ times(a3, b1);
    let c1 = times(a0, b1) ^ times(a1, b0) ^ times(a2, b3) ^ times(a3, b2);
    let c2 = times(a0, b2) ^ times(a1, b1) ^ times(a2, b0) ^ times(a3, b3);
    let c3 = times(a0, b3) ^ times(a1, b2) ^ times(a2, b1) ^ times(a3, b0);
    let mut product =
        (c0 & CLASSES) ^ (c1 & CLASSES << 1) ^ (c2 & CLASSES << 2) ^ (c3 & CLASSES << 3);
    let mut bit = 0;
    while bit < 4 {
        let mask = 0_u128.wrapping_sub((top >> bit & 1) as u128);
        product ^= (b as u128) << (60 + bit) & mask;
        bit += 1;
    }
    product
}

const fn classes(a: u64, class: u64) -> [u64; 4] {
    [a & class, a & class << 1, a & class << 2, a & class << 3]
}

const fn times(a: u64, b: u64) -> u128 {
    a as u128 * b as u128
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{field::tests::product as reference, stream::Stream};

    #[test]
    fn is_the_field_s_product() {
        let words = Stream::new(&[9; 16]).bytes(64 * 16);
        let words = words
            .as_chunks::<16>()
            .0
            .iter()
            .map(|bytes| u128::from_le_bytes(*bytes));
        let mut words: Vec<_> = words.collect();
        words.extend([0, 1, 2, u128::MAX, u128::MAX << 64, u128::from(u64::MAX)]);
        words.extend((0..128).map(|bit| 1 << bit));
        for &a in &words {
            for &b in &words {
                assert_eq!(product(a, b), reference(a, b), "{a:x} {b:x}");
            }
        }
    }
}
