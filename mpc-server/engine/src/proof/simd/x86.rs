//! With the instructions of x86-64 processors.
//!
//! Without `unsafe`: a token of `archmage` exists only where the processor has been seen to have a set
//! of instructions, and its macro `arcane` compiles a function for that set, and calls it with `unsafe`,
//! only in exchange for such a token. Loads and stores take references.

#![allow(
    clippy::wildcard_imports,
    reason = "so archmage has it, and its names say what they are"
)]

use archmage::{
    X64CryptoToken, X64V3CryptoToken, X64V4xToken, arcane, intrinsics::x86_64::*, rite,
};

use super::{Cell, Cells, Job, PICKED, Simd, WORDS, portable::Bytes};

#[arcane]
pub(super) fn with_avx512<J: Job>(token: X64V4xToken, job: &mut J) {
    job.run(token);
}

#[arcane]
pub(super) fn with_avx2<J: Job>(token: X64V3CryptoToken, job: &mut J) {
    job.run(token);
}

#[arcane]
pub(super) fn with_sse<J: Job>(token: X64CryptoToken, job: &mut J) {
    job.run(token);
}

/// X^7 + X^2 + X + 1, what X^128 reduces to.
const REDUCTION: i64 = 0b1000_0111;

impl Simd for X64V4xToken {
    type Four = __m512i;
    type Table = [[u64; 8]; 16];

    #[arcane(_self = X64V4xToken)]
    fn load(self, cells: &Cells) -> __m512i {
        _mm512_loadu_si512(cells)
    }

    #[arcane(_self = X64V4xToken)]
    fn store(self, four: __m512i) -> Cells {
        let mut cells = [0; 8];
        _mm512_storeu_si512(&mut cells, four);
        cells
    }

    #[arcane(_self = X64V4xToken)]
    fn xor(self, a: __m512i, b: __m512i) -> __m512i {
        _mm512_xor_si512(a, b)
    }

    #[arcane(_self = X64V4xToken)]
    fn and(self, a: __m512i, b: __m512i) -> __m512i {
        _mm512_and_si512(a, b)
    }

    #[arcane(_self = X64V4xToken)]
    fn add_product(
        self,
        [low, middle, high]: [__m512i; 3],
        a: __m512i,
        b: __m512i,
    ) -> [__m512i; 3] {
        const THREE: i32 = 0x96;
        let mixed = [
            _mm512_clmulepi64_epi128::<0x01>(a, b),
            _mm512_clmulepi64_epi128::<0x10>(a, b),
        ];
        [
            _mm512_xor_si512(low, _mm512_clmulepi64_epi128::<0x00>(a, b)),
            _mm512_ternarylogic_epi64::<THREE>(middle, mixed[0], mixed[1]),
            _mm512_xor_si512(high, _mm512_clmulepi64_epi128::<0x11>(a, b)),
        ]
    }

    #[arcane(_self = X64V4xToken)]
    fn reduce(self, [low, middle, high]: [__m512i; 3]) -> __m512i {
        let by = _mm512_set1_epi64(REDUCTION);
        let low = _mm512_xor_si512(low, _mm512_bslli_epi128::<8>(middle));
        let high = _mm512_xor_si512(high, _mm512_bsrli_epi128::<8>(middle));
        let upper = _mm512_clmulepi64_epi128::<0x01>(high, by);
        let low = _mm512_xor_si512(low, _mm512_bslli_epi128::<8>(upper));
        let high = _mm512_xor_si512(high, _mm512_bsrli_epi128::<8>(upper));
        _mm512_xor_si512(low, _mm512_clmulepi64_epi128::<0x00>(high, by))
    }

    #[arcane(_self = X64V4xToken)]
    fn transpose(self, words: &[u64; WORDS]) -> [Cells; 64] {
        // A square of 8 by 8 bits, as a matrix, the last row first, times the unit vectors is its transpose.
        let units = _mm512_set1_epi64(0x8040_2010_0804_0201_u64.cast_signed());
        let mut rows = [[_mm512_setzero_si512(); 8]; 8];
        for (group, words) in words.as_chunks::<64>().0.iter().enumerate() {
            let planes = planes_avx512(words, &BACKWARDS);
            for (rows, plane) in rows.iter_mut().zip(planes) {
                rows[group] =
                    bytes_avx512(_mm512_gf2p8affine_epi64_epi8::<0>(units, plane), &FORWARDS);
            }
        }
        let mut out = [[0; 8]; 64];
        for (out, rows) in out.as_chunks_mut::<8>().0.iter_mut().zip(rows) {
            for (out, row) in out.iter_mut().zip(transpose_avx512(rows)) {
                _mm512_storeu_si512(out, row);
            }
        }
        out
    }

    /// For each byte of an element and each byte of a word the matrix that makes one of the other.
    fn table(self, weights: &[Cell; 64]) -> [[u64; 8]; 16] {
        let mut matrices = [[0; 8]; 16];
        for (out, matrices) in matrices.iter_mut().enumerate() {
            for (matrix, weights) in matrices.iter_mut().zip(weights.as_chunks::<8>().0) {
                // The matrix's rows, the last one first, are the bits of the element's byte.
                for (i, weight) in weights.iter().enumerate() {
                    let byte = weight[out / 8] >> (8 * (out % 8)) & 0xff;
                    for bit in 0..8 {
                        *matrix |= (byte >> bit & 1) << (8 * (7 - bit) + i);
                    }
                }
            }
        }
        matrices
    }

    #[arcane(_self = X64V4xToken)]
    fn pick(self, table: &[[u64; 8]; 16], words: &[u64; PICKED]) -> [Cells; PICKED / 4] {
        let planes = planes_avx512(words, &FORWARDS);
        let mut halves = [[_mm512_setzero_si512(); 8]; 2];
        for (half, tables) in halves.iter_mut().zip(table.as_chunks::<8>().0) {
            for (out, matrices) in half.iter_mut().zip(tables) {
                let mut sum = _mm512_setzero_si512();
                for (plane, matrix) in planes.iter().zip(matrices) {
                    let matrix = _mm512_set1_epi64(matrix.cast_signed());
                    sum = _mm512_xor_si512(sum, _mm512_gf2p8affine_epi64_epi8::<0>(*plane, matrix));
                }
                *out = sum;
            }
            *half = transpose_avx512(*half);
        }
        let first = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0);
        let second = _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4);
        let mut out = [[0; 8]; PICKED / 4];
        let [low, high] = halves;
        for (out, (low, high)) in out
            .as_chunks_mut::<2>()
            .0
            .iter_mut()
            .zip(low.into_iter().zip(high))
        {
            let (low, high) = (bytes_avx512(low, &FORWARDS), bytes_avx512(high, &FORWARDS));
            _mm512_storeu_si512(&mut out[0], _mm512_permutex2var_epi64(low, first, high));
            _mm512_storeu_si512(&mut out[1], _mm512_permutex2var_epi64(low, second, high));
        }
        out
    }
}

/// Takes 64 words apart: each byte's place is a vector.
#[rite(v4x)]
fn planes_avx512(words: &[u64; 64], order: &[u8; 64]) -> [__m512i; 8] {
    let mut planes = [_mm512_setzero_si512(); 8];
    for (plane, words) in planes.iter_mut().zip(words.as_chunks::<8>().0) {
        *plane = bytes_avx512(_mm512_loadu_si512(words), order);
    }
    transpose_avx512(planes)
}

/// Where each byte comes from when the eight bytes of eight words are transposed.
const FORWARDS: [u8; 64] = order(0);
/// The same, the last word first.
const BACKWARDS: [u8; 64] = order(7);

const fn order(first: usize) -> [u8; 64] {
    let mut order = [0; 64];
    let mut i = 0;
    while i < 64 {
        order[i] = (((i % 8) ^ first) * 8 + i / 8) as u8;
        i += 1;
    }
    order
}

#[rite(v4x)]
fn bytes_avx512(words: __m512i, order: &[u8; 64]) -> __m512i {
    _mm512_permutexvar_epi8(_mm512_loadu_si512(order), words)
}

/// Transposes eight vectors of eight words.
#[rite(v4x)]
fn transpose_avx512([a, b, c, d, e, f, g, h]: [__m512i; 8]) -> [__m512i; 8] {
    let pairs = [[a, b], [c, d], [e, f], [g, h]];
    let mut out = [_mm512_setzero_si512(); 8];
    for odd in 0..2 {
        let mut rows = [_mm512_setzero_si512(); 4];
        for (row, pair) in rows.iter_mut().zip(pairs) {
            *row = if odd == 0 {
                _mm512_unpacklo_epi64(pair[0], pair[1])
            } else {
                _mm512_unpackhi_epi64(pair[0], pair[1])
            };
        }
        let [a, b, c, d] = rows;
        let lower = [
            _mm512_shuffle_i64x2::<0x44>(a, b),
            _mm512_shuffle_i64x2::<0x44>(c, d),
        ];
        let upper = [
            _mm512_shuffle_i64x2::<0xee>(a, b),
            _mm512_shuffle_i64x2::<0xee>(c, d),
        ];
        out[odd] = _mm512_shuffle_i64x2::<0x88>(lower[0], lower[1]);
        out[2 + odd] = _mm512_shuffle_i64x2::<0xdd>(lower[0], lower[1]);
        out[4 + odd] = _mm512_shuffle_i64x2::<0x88>(upper[0], upper[1]);
        out[6 + odd] = _mm512_shuffle_i64x2::<0xdd>(upper[0], upper[1]);
    }
    out
}

impl Simd for X64V3CryptoToken {
    type Four = [__m256i; 2];
    type Table = Bytes;

    #[arcane(_self = X64V3CryptoToken)]
    fn load(self, cells: &Cells) -> [__m256i; 2] {
        let [a, b] = [cells.first_chunk::<4>(), cells.last_chunk::<4>()];
        [a, b].map(|cells| cells.map_or(_mm256_setzero_si256(), |cells| _mm256_loadu_si256(cells)))
    }

    #[arcane(_self = X64V3CryptoToken)]
    fn store(self, [a, b]: [__m256i; 2]) -> Cells {
        let mut cells = [[0_u64; 4]; 2];
        _mm256_storeu_si256(&mut cells[0], a);
        _mm256_storeu_si256(&mut cells[1], b);
        let [[a, b, c, d], [e, f, g, h]] = cells;
        [a, b, c, d, e, f, g, h]
    }

    #[arcane(_self = X64V3CryptoToken)]
    fn xor(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        [_mm256_xor_si256(a[0], b[0]), _mm256_xor_si256(a[1], b[1])]
    }

    #[arcane(_self = X64V3CryptoToken)]
    fn and(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        [_mm256_and_si256(a[0], b[0]), _mm256_and_si256(a[1], b[1])]
    }

    #[arcane(_self = X64V3CryptoToken)]
    fn add_product(
        self,
        sum: [[__m256i; 2]; 3],
        a: [__m256i; 2],
        b: [__m256i; 2],
    ) -> [[__m256i; 2]; 3] {
        let mut sum = sum;
        for i in 0..2 {
            let mixed = [
                _mm256_clmulepi64_epi128::<0x01>(a[i], b[i]),
                _mm256_clmulepi64_epi128::<0x10>(a[i], b[i]),
            ];
            sum[0][i] = _mm256_xor_si256(sum[0][i], _mm256_clmulepi64_epi128::<0x00>(a[i], b[i]));
            sum[1][i] = _mm256_xor_si256(sum[1][i], _mm256_xor_si256(mixed[0], mixed[1]));
            sum[2][i] = _mm256_xor_si256(sum[2][i], _mm256_clmulepi64_epi128::<0x11>(a[i], b[i]));
        }
        sum
    }

    #[arcane(_self = X64V3CryptoToken)]
    fn reduce(self, [mut low, middle, mut high]: [[__m256i; 2]; 3]) -> [__m256i; 2] {
        let by = _mm256_set1_epi64x(REDUCTION);
        for i in 0..2 {
            low[i] = _mm256_xor_si256(low[i], _mm256_bslli_epi128::<8>(middle[i]));
            high[i] = _mm256_xor_si256(high[i], _mm256_bsrli_epi128::<8>(middle[i]));
            let upper = _mm256_clmulepi64_epi128::<0x01>(high[i], by);
            low[i] = _mm256_xor_si256(low[i], _mm256_bslli_epi128::<8>(upper));
            high[i] = _mm256_xor_si256(high[i], _mm256_bsrli_epi128::<8>(upper));
            low[i] = _mm256_xor_si256(low[i], _mm256_clmulepi64_epi128::<0x00>(high[i], by));
        }
        low
    }

    fn table(self, weights: &[Cell; 64]) -> Bytes {
        Bytes::new(weights)
    }

    #[arcane(_self = X64V3CryptoToken)]
    fn pick(self, table: &Bytes, words: &[u64; PICKED]) -> [Cells; PICKED / 4] {
        table.pick(words)
    }
}

impl Simd for X64CryptoToken {
    type Four = [__m128i; 4];
    type Table = Bytes;

    #[arcane(_self = X64CryptoToken)]
    fn load(self, cells: &Cells) -> [__m128i; 4] {
        let mut four = [_mm_setzero_si128(); 4];
        for (part, cell) in four.iter_mut().zip(cells.as_chunks::<2>().0) {
            *part = _mm_loadu_si128(cell);
        }
        four
    }

    #[arcane(_self = X64CryptoToken)]
    fn store(self, four: [__m128i; 4]) -> Cells {
        let mut cells = [0; 8];
        for (part, cell) in four.into_iter().zip(cells.as_chunks_mut::<2>().0) {
            _mm_storeu_si128(cell, part);
        }
        cells
    }

    #[arcane(_self = X64CryptoToken)]
    fn xor(self, a: [__m128i; 4], b: [__m128i; 4]) -> [__m128i; 4] {
        let mut a = a;
        for i in 0..4 {
            a[i] = _mm_xor_si128(a[i], b[i]);
        }
        a
    }

    #[arcane(_self = X64CryptoToken)]
    fn and(self, a: [__m128i; 4], b: [__m128i; 4]) -> [__m128i; 4] {
        let mut a = a;
        for i in 0..4 {
            a[i] = _mm_and_si128(a[i], b[i]);
        }
        a
    }

    #[arcane(_self = X64CryptoToken)]
    fn add_product(
        self,
        sum: [[__m128i; 4]; 3],
        a: [__m128i; 4],
        b: [__m128i; 4],
    ) -> [[__m128i; 4]; 3] {
        let mut sum = sum;
        for i in 0..4 {
            let mixed = [
                _mm_clmulepi64_si128::<0x01>(a[i], b[i]),
                _mm_clmulepi64_si128::<0x10>(a[i], b[i]),
            ];
            sum[0][i] = _mm_xor_si128(sum[0][i], _mm_clmulepi64_si128::<0x00>(a[i], b[i]));
            sum[1][i] = _mm_xor_si128(sum[1][i], _mm_xor_si128(mixed[0], mixed[1]));
            sum[2][i] = _mm_xor_si128(sum[2][i], _mm_clmulepi64_si128::<0x11>(a[i], b[i]));
        }
        sum
    }

    #[arcane(_self = X64CryptoToken)]
    fn reduce(self, [mut low, middle, mut high]: [[__m128i; 4]; 3]) -> [__m128i; 4] {
        let by = _mm_set1_epi64x(REDUCTION);
        for i in 0..4 {
            low[i] = _mm_xor_si128(low[i], _mm_bslli_si128::<8>(middle[i]));
            high[i] = _mm_xor_si128(high[i], _mm_bsrli_si128::<8>(middle[i]));
            let upper = _mm_clmulepi64_si128::<0x01>(high[i], by);
            low[i] = _mm_xor_si128(low[i], _mm_bslli_si128::<8>(upper));
            high[i] = _mm_xor_si128(high[i], _mm_bsrli_si128::<8>(upper));
            low[i] = _mm_xor_si128(low[i], _mm_clmulepi64_si128::<0x00>(high[i], by));
        }
        low
    }

    fn table(self, weights: &[Cell; 64]) -> Bytes {
        Bytes::new(weights)
    }

    #[arcane(_self = X64CryptoToken)]
    fn pick(self, table: &Bytes, words: &[u64; PICKED]) -> [Cells; PICKED / 4] {
        table.pick(words)
    }
}
