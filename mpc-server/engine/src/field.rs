//! Products with public elements of GF(2^128), X^128 + X^7 + X^2 + X + 1 (docs/protocol.md §5).
//!
//! An element is its coefficients, X^0 first: the lowest bit of the first byte. Multiplying by a
//! public element is linear, hence local on shares.
#![expect(
    clippy::indexing_slicing,
    reason = "a byte is below 256, and the tables have as many entries"
)]

use core::fmt;

/// Bytes of an element.
pub(crate) const ELEMENT_BYTES: usize = 16;
/// X^128 less its leading term.
const REDUCTION: u128 = 0b1000_0111;
/// Coefficients of a product that [`Multiplier::upper`] returns.
pub(crate) const UPPER_BITS: u32 = 64;

/// A public factor, ready to be multiplied with many elements.
pub(crate) struct Multiplier(Vec<[u64; 256]>);

impl fmt::Debug for Multiplier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Multiplier(..)")
    }
}

impl Multiplier {
    /// Tabulates the factor's products with all bytes at all places.
    pub(crate) fn new(factor: [u8; ELEMENT_BYTES]) -> Self {
        let mut tables = vec![[0; 256]; ELEMENT_BYTES];
        let mut shifted = u128::from_le_bytes(factor);
        for table in &mut tables {
            for bit in 0..8 {
                let upper = (shifted >> (128 - UPPER_BITS)) as u64;
                for low in 0..1 << bit {
                    table[low | 1 << bit] = table[low] ^ upper;
                }
                shifted = times_x(shifted);
            }
        }
        Self(tables)
    }

    /// Returns the coefficients of X^64 to X^127 of the product.
    pub(crate) fn upper(&self, element: &[u8; ELEMENT_BYTES]) -> u64 {
        let places = self.0.iter().zip(element);
        places.fold(0, |sum, (table, &byte)| sum ^ table[usize::from(byte)])
    }
}

const fn times_x(element: u128) -> u128 {
    (element << 1) ^ ((element >> 127) * REDUCTION)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::stream::Stream;

    /// The product, coefficient by coefficient.
    pub(crate) fn product(a: u128, b: u128) -> u128 {
        let mut sum = 0;
        let mut shifted = a;
        for bit in 0..128 {
            sum ^= shifted * (b >> bit & 1);
            shifted = times_x(shifted);
        }
        sum
    }

    /// The inverse, by Fermat.
    pub(crate) fn inverse(a: u128) -> u128 {
        let squares =
            core::iter::successors(Some(product(a, a)), |&power| Some(product(power, power)));
        squares.take(127).fold(1, product)
    }

    /// GHASH multiplies in this field, with its bits reversed: test case 2 of GCM's submission to NIST.
    #[test]
    fn is_the_field_of_ghash() {
        let reversed = u128::reverse_bits;
        let h = 0x66e9_4bd4_ef8a_2c3b_884c_fa59_ca34_2b2e;
        let x = 0x0388_dace_60b6_a392_f328_c2b9_71b2_fe78;
        let expected = 0x5e2e_c746_9170_6288_2c85_b068_5353_deb7;
        assert_eq!(product(reversed(h), reversed(x)), reversed(expected));
    }

    #[test]
    fn tables_give_the_product() {
        let words = Stream::new(&[4; 16]).bytes(100 * ELEMENT_BYTES);
        let mut words = words.as_chunks::<ELEMENT_BYTES>().0.to_vec();
        words.extend([[0; 16], [255; 16], 1_u128.to_le_bytes()]);
        words.extend((0..128).map(|bit| (1_u128 << bit).to_le_bytes()));
        for factor in &words {
            let multiplier = Multiplier::new(*factor);
            for word in &words {
                let [a, b] = [factor, word].map(|bytes| u128::from_le_bytes(*bytes));
                assert_eq!(multiplier.upper(word), (product(a, b) >> 64) as u64);
            }
        }
    }
}
