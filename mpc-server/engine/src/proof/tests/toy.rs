//! Fields so small that chances can be counted.
#![allow(
    clippy::suspicious_arithmetic_impl,
    clippy::suspicious_op_assign_impl,
    reason = "in these fields a sum is an XOR"
)]

use core::{
    iter::Sum,
    ops::{Add, AddAssign, Mul},
};

use crate::proof::field::Field;

/// An element of GF(2^`BITS`), modulo the polynomial with the lower coefficients `LOWER`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Toy<const BITS: usize, const LOWER: u32>(pub(super) u32);

/// X^2 + X + 1.
pub(super) type Four = Toy<2, 0b11>;
/// X^8 + X^4 + X^3 + X + 1.
pub(super) type Byte = Toy<8, 0b1_1011>;

impl<const BITS: usize, const LOWER: u32> Toy<BITS, LOWER> {
    /// Takes the power that inverts.
    pub(super) fn inverse(self) -> Self {
        (0..(1 << BITS) - 2).fold(Self(1), |power, _| power * self)
    }
}

impl<const BITS: usize, const LOWER: u32> Add for Toy<BITS, LOWER> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

impl<const BITS: usize, const LOWER: u32> AddAssign for Toy<BITS, LOWER> {
    fn add_assign(&mut self, other: Self) {
        self.0 ^= other.0;
    }
}

impl<const BITS: usize, const LOWER: u32> Mul for Toy<BITS, LOWER> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let times_x = |a: u32| ((a << 1) ^ ((a >> (BITS - 1) & 1) * LOWER)) & ((1 << BITS) - 1);
        let steps = (0..BITS).scan(self.0, |shifted, bit| {
            let now = *shifted;
            *shifted = times_x(now);
            Some(now * (other.0 >> bit & 1))
        });
        Self(steps.fold(0, |sum, step| sum ^ step))
    }
}

impl<const BITS: usize, const LOWER: u32> Sum for Toy<BITS, LOWER> {
    fn sum<I: Iterator<Item = Self>>(elements: I) -> Self {
        elements.fold(Self(0), Add::add)
    }
}

impl<const BITS: usize, const LOWER: u32> Field for Toy<BITS, LOWER> {
    const BITS: usize = BITS;
    const ZERO: Self = Self(0);
    const ONE: Self = Self(1);

    fn from_bits(bits: u128) -> Self {
        Self(bits as u32 & ((1 << BITS) - 1))
    }

    fn to_bits(self) -> u128 {
        self.0.into()
    }
}

#[test]
fn toys_are_fields() {
    for a in 1..256 {
        assert_eq!(Byte { 0: a } * Toy(a).inverse(), Toy(1));
        assert_eq!(Four { 0: a % 3 + 1 } * Toy(a % 3 + 1).inverse(), Toy(1));
    }
    // FIPS 197, section 4.2.
    assert_eq!(Byte { 0: 0x57 } * Toy(0x83), Toy(0xc1));
}
