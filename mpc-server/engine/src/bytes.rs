//! Local maths on byte strings: XOR, AND, bits spread to masks.

/// XORs `other` into `out`, up to the shorter of the two.
pub(crate) fn xor(out: &mut [u8], other: &[u8]) {
    out.iter_mut().zip(other).for_each(|(o, b)| *o ^= b);
}

/// Reads `out.len()` and the other's length into one check: local vectors of one step agree.
pub(crate) fn assert_len(got: usize, expected: usize) {
    assert_eq!(got, expected, "vectors of one step differ in length");
}
