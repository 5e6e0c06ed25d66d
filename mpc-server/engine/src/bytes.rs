//! Local maths on byte strings.

/// XORs `other` into `out`; both are parts of one step's vectors and equally long.
pub(crate) fn xor(out: &mut [u8], other: &[u8]) {
    debug_assert!(
        out.len() <= other.len(),
        "vectors of one step differ in length"
    );
    out.iter_mut().zip(other).for_each(|(o, b)| *o ^= b);
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
