//! Local maths on byte strings.

/// XORs `other` into `out`; both are parts of one step's vectors and equally long.
pub(crate) fn xor(out: &mut [u8], other: &[u8]) {
    debug_assert!(
        out.len() <= other.len(),
        "vectors of one step differ in length"
    );
    out.iter_mut().zip(other).for_each(|(o, b)| *o ^= b);
}

/// XORs a row into another one, four bytes at a time.
pub(crate) fn xor_row<const N: usize>(out: &mut [u8; N], row: &[u8; N]) {
    let (words, rest) = out.as_chunks_mut::<4>();
    let (others, other_rest) = row.as_chunks::<4>();
    for (word, other) in words.iter_mut().zip(others) {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(*other)).to_ne_bytes();
    }
    xor(rest, other_rest);
}

/// Turns bits (lowest first) into masks of `N` bytes, all ones or all zeros.
///
/// `first` is the index of the first bit taken.
pub(crate) fn spread<const N: usize>(bits: &[u8], first: usize, out: &mut [u8]) {
    for (i, mask) in (first..).zip(out.as_chunks_mut::<N>().0) {
        let byte = bits.get(i / 8).copied().unwrap_or_default();
        *mask = [(byte >> (i % 8) & 1).wrapping_neg(); N];
    }
}

/// Inverts all bits.
pub(crate) fn invert(bytes: &mut [u8]) {
    for byte in bytes {
        *byte = !*byte;
    }
}

/// XORs `other`, from byte `by` on, into `out`, as far as it goes.
pub(crate) fn xor_shifted(out: &mut [u8], other: &[u8], by: usize) {
    let shifted = other.get(by..).unwrap_or_default();
    out.iter_mut().zip(shifted).for_each(|(o, b)| *o ^= b);
}
