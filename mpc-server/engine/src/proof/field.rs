//! Fields of characteristic 2: the one that proofs are over, and small ones to measure them over.
#![expect(
    clippy::suspicious_arithmetic_impl,
    clippy::suspicious_op_assign_impl,
    reason = "in these fields a sum is an XOR"
)]

use core::{
    fmt,
    iter::Sum,
    ops::{Add, AddAssign, Mul},
};

use super::clmul;

/// A field of 2^`BITS` elements. An element is its coefficients, X^0 first.
pub(super) trait Field:
    Copy + PartialEq + fmt::Debug + Add<Output = Self> + AddAssign + Mul<Output = Self> + Sum + 'static
{
    const BITS: usize;
    /// Bytes of an element in a message.
    const BYTES: usize = Self::BITS.div_ceil(8);
    const ZERO: Self;
    const ONE: Self;

    /// Takes the low `BITS` bits.
    fn from_bits(bits: u128) -> Self;
    fn to_bits(self) -> u128;

    /// Reads elements; bits beyond an element's are ignored.
    fn read(bytes: &[u8]) -> Vec<Self> {
        let elements = bytes.chunks_exact(Self::BYTES);
        let bits = |bytes: &[u8]| {
            bytes
                .iter()
                .rev()
                .fold(0, |bits, byte| bits << 8 | u128::from(*byte))
        };
        elements.map(|bytes| Self::from_bits(bits(bytes))).collect()
    }

    /// Writes elements.
    fn write(elements: &[Self]) -> Vec<u8> {
        let bytes = elements
            .iter()
            .map(|element| element.to_bits().to_le_bytes());
        bytes
            .flat_map(|bytes| bytes.into_iter().take(Self::BYTES))
            .collect()
    }
}

/// An element of GF(2^128), X^128 + X^7 + X^2 + X + 1.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Element(pub(crate) u128);

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Element(..)")
    }
}

impl Add for Element {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

impl AddAssign for Element {
    fn add_assign(&mut self, other: Self) {
        self.0 ^= other.0;
    }
}

impl Mul for Element {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self(clmul::product(self.0, other.0))
    }
}

impl Sum for Element {
    fn sum<I: Iterator<Item = Self>>(elements: I) -> Self {
        elements.fold(Self::ZERO, Add::add)
    }
}

impl Field for Element {
    const BITS: usize = 128;
    const ZERO: Self = Self(0);
    const ONE: Self = Self(1);

    fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    fn to_bits(self) -> u128 {
        self.0
    }
}
