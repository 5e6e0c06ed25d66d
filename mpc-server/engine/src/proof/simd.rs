//! Four elements at a time, with what the processor has: chosen when the program runs.
//!
//! Every form gives the same results; the portable one says what they are.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined would not be compiled for the instructions that were chosen"
)]
#![expect(
    clippy::indexing_slicing,
    reason = "into arrays, whose sizes are known"
)]

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "x86_64")]
use archmage::{SimdToken as _, X64CryptoToken, X64V3CryptoToken, X64V4xToken};

pub(super) use portable::Portable;

/// An element as it lies in memory.
pub(super) type Cell = [u64; 2];
/// Four elements as they lie in memory.
pub(super) type Cells = [u64; 8];
/// Words of a superblock.
pub(super) const WORDS: usize = 512;
/// Words whose bits are weighed in one go.
pub(super) const PICKED: usize = 64;

/// Arithmetic on four elements of GF(2^128).
pub(super) trait Simd: Copy {
    /// Four elements.
    type Four: Copy;
    /// Weights of a word's bits, prepared.
    type Table;

    fn load(self, cells: &Cells) -> Self::Four;
    fn store(self, four: Self::Four) -> Cells;
    fn xor(self, a: Self::Four, b: Self::Four) -> Self::Four;
    fn and(self, a: Self::Four, b: Self::Four) -> Self::Four;
    /// Adds the products of a and b, unreduced: the coefficients from X^0, X^64 and X^128 on.
    fn add_product(self, sum: [Self::Four; 3], a: Self::Four, b: Self::Four) -> [Self::Four; 3];
    fn reduce(self, sum: [Self::Four; 3]) -> Self::Four;

    /// Transposes a superblock: bit w of `out[j]` is bit j of word w.
    #[inline(always)]
    fn transpose(self, words: &[u64; WORDS]) -> [Cells; 64] {
        portable::transpose(words)
    }

    /// Prepares the weights of a word's bits.
    fn table(self, weights: &[Cell; 64]) -> Self::Table;
    /// Sums up the weights of the bits that are set, for each word.
    fn pick(self, table: &Self::Table, words: &[u64; PICKED]) -> [Cells; PICKED / 4];
}

/// Something to be computed with any [`Simd`].
pub(super) trait Job: Send {
    fn run<S: Simd>(&mut self, simd: S);
}

/// Which form computes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// AVX-512 with VPCLMULQDQ and GFNI.
    #[cfg(target_arch = "x86_64")]
    Avx512(X64V4xToken),
    /// AVX2 with VPCLMULQDQ.
    #[cfg(target_arch = "x86_64")]
    Avx2(X64V3CryptoToken),
    /// SSE with PCLMULQDQ.
    #[cfg(target_arch = "x86_64")]
    Sse(X64CryptoToken),
    /// None of these.
    Portable,
}

impl Form {
    /// Returns all forms that this processor can run, the fastest first.
    pub(crate) fn all() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        let special = [
            X64V4xToken::summon().map(Self::Avx512),
            X64V3CryptoToken::summon().map(Self::Avx2),
            X64CryptoToken::summon().map(Self::Sse),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let special = [None];
        special
            .into_iter()
            .flatten()
            .chain([Self::Portable])
            .collect()
    }

    /// Returns the fastest form that this processor can run.
    pub(super) fn best() -> Self {
        Self::all().first().copied().unwrap_or(Self::Portable)
    }

    /// Returns the form's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "AVX2",
            #[cfg(target_arch = "x86_64")]
            Self::Sse(_) => "SSE",
            Self::Portable => "portable",
        }
    }

    /// Computes.
    pub(super) fn run(self, job: &mut impl Job) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(token) => x86::with_avx512(token, job),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(token) => x86::with_avx2(token, job),
            #[cfg(target_arch = "x86_64")]
            Self::Sse(token) => x86::with_sse(token, job),
            Self::Portable => job.run(Portable),
        }
    }
}
