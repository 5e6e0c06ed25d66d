//! Proofs of what a party has sent, verified by its two peers together (docs/protocol.md §7).
//!
//! In:      a prover's products and hops since the last verification, as prover and verifiers have them;
//!          a root, which is a hash of all the messages.
//! Out:     whether all messages follow from their sender's inputs.
//! Cost:    1 message to each verifier and 1 between the two; about 14 kB to the right one.
//! Reveals: nothing: what a verifier gets is uniform, or follows from what it has.
//! Secure:  a false statement is accepted with a chance below 12 / 2^128 for each root tried.
//!
//! Boneh, Boyle, Corrigan-Gibbs, Gilboa, Ishai, CRYPTO 2019; Boyle, Gilboa, Ishai, Nof, CCS 2019.
//!
//! With the prover `P_i`, the left verifier `P_{i-1}` and the right one `P_{i+1}`, a message is one
//! equation for each of its bits or rows. Random weights make one claim of all products and one of all
//! hops, each an inner product `<f, h>` of which the verifiers have shares: `f = f_L + f_R`, `h` and the
//! claim alike. Folding by random challenges makes one value of each vector.

#![allow(
    clippy::many_single_char_names,
    clippy::similar_names,
    reason = "f, h, p, r, u and v are what the papers call them"
)]

mod clmul;
mod field;
mod inner;
mod kernel;
mod line;
mod memory;
#[cfg(test)]
mod plain;
mod root;
mod simd;
mod statement;

#[cfg(test)]
mod tests;

use core::{fmt, iter::zip};

use thiserror::Error;

use self::{
    field::{Element, Field},
    inner::{Crew, Statement},
    root::{Chain, HASH_BYTES, Product, is_special},
};
use crate::{context::Context, stream::Stream};
pub(crate) use memory::Memory;
pub(crate) use simd::Form;
pub(crate) use statement::{Ands, Hop};

/// Who computes: parts of a statement do not depend on each other.
pub(crate) trait Workers {
    /// Does the same to some things, side by side.
    fn each<T: Send>(&self, things: &mut [T], op: impl Fn(&mut T) + Sync + Send);

    /// Returns what memory to compute in.
    fn memory(&self) -> &Memory;

    /// Returns what to compute with.
    fn form(&self) -> Form {
        Form::best()
    }
}

impl Workers for Context {
    fn each<T: Send>(&self, things: &mut [T], op: impl Fn(&mut T) + Sync + Send) {
        Self::each(self, things, op);
    }

    fn memory(&self) -> &Memory {
        &self.memory
    }
}

/// What a prover shares with one verifier for one inner product: each stream a purpose of its own.
#[derive(Clone)]
pub(crate) struct Shared {
    /// The left verifier's shares of what is sent.
    pub(crate) shares: Stream,
    /// Of the challenges, with the right verifier.
    pub(crate) salt: [u8; HASH_BYTES],
    /// Of f and h in the last fold.
    pub(crate) masks: Stream,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared(..)")
    }
}

/// What a prover sends.
pub(crate) struct Proof {
    /// To the left verifier.
    pub(crate) challenges: Vec<u8>,
    /// To the right verifier.
    pub(crate) values: Vec<u8>,
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof(..)")
    }
}

/// A verifier's shares of f, h and p, at the challenges: for the other verifier.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Answer(Vec<u8>);

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer(..)")
    }
}

/// Why a verifier can't answer.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum ProofError {
    /// A proof is too short or too long.
    #[error("expected a proof of {expected} bytes, got {got}")]
    Length {
        /// What follows from the statement.
        expected: usize,
        /// The length that was sent.
        got: usize,
    },
    /// A challenge is 0 or 1.
    #[error("a proof has a challenge that is 0 or 1")]
    Challenge,
}

/// Sizes of a proof; they follow from public sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Values and challenges of each level of each inner product.
    levels: Vec<Vec<[usize; 2]>>,
}

impl Shape {
    /// Bytes to the left verifier.
    pub(crate) fn challenge_bytes(&self) -> usize {
        self.sum(|[_, challenges]| challenges) * Element::BYTES
    }

    /// Bytes to the right verifier.
    pub(crate) fn value_bytes(&self) -> usize {
        self.sum(|[values, _]| values) * Element::BYTES
    }

    fn sum(&self, of: impl Fn([usize; 2]) -> usize) -> usize {
        self.levels.iter().flatten().map(|&level| of(level)).sum()
    }
}

/// Returns the sizes of a statement's proof: the same at all parties.
pub(crate) fn shape(ands: &[Ands], hops: &[Hop]) -> Shape {
    let root = &[0; HASH_BYTES];
    let statement = Statement { root, ands, hops };
    Shape {
        levels: statement.products().map(|inner| inner.levels()).collect(),
    }
}

fn of(shared: &[Shared; 2], product: Product) -> &Shared {
    let [ands, hops] = shared;
    match product {
        Product::Ands => ands,
        Product::Hops => hops,
    }
}

/// Proves all products and hops that this party has sent, in the order of their messages; `shared` with
/// the left and with the right verifier, of products and of hops.
pub(crate) fn prove(
    workers: &impl Workers,
    root: &[u8; HASH_BYTES],
    (ands, hops): (&[Ands], &[Hop]),
    shared: &[[Shared; 2]; 2],
) -> Proof {
    prove_with(&Crew::new(workers), Statement { root, ands, hops }, shared)
}

fn prove_with(
    crew: &Crew<'_, impl Workers>,
    statement: Statement,
    [left, right]: &[[Shared; 2]; 2],
) -> Proof {
    let (mut challenges, mut values) = (Vec::new(), Vec::new());
    for inner in statement.products() {
        let [left, right] = [left, right].map(|shared| of(shared, inner.product()));
        let count = inner.levels().iter().map(|[values, _]| values).sum();
        let mut shares = left.shares::<Element>(count).into_iter();
        let mut chain = Chain::new(statement.root, inner.product(), &right.salt);
        let [[u0, v0], [u1, v1]] = [left, right].map(Shared::masks::<Element>);
        inner.prove(crew, [u0 + u1, v0 + v1], &mut |level, count| {
            let sent: Vec<Element> = zip(level, &mut shares)
                .map(|(value, share)| value + share)
                .collect();
            let drawn = chain.next(&sent, count);
            values.extend(sent);
            challenges.extend(&drawn);
            drawn
        });
    }
    Proof {
        challenges: Element::write(&challenges),
        values: Element::write(&values),
    }
}

/// Answers as the left verifier, from the challenges that the prover has sent.
///
/// # Errors
/// If they are not as they must be: the prover's fault.
pub(crate) fn verify_left(
    workers: &impl Workers,
    root: &[u8; HASH_BYTES],
    (ands, hops): (&[Ands], &[Hop]),
    challenges: &[u8],
    shared: &[Shared; 2],
) -> Result<Answer, ProofError> {
    check_length(challenges, shape(ands, hops).challenge_bytes())?;
    let challenges = Element::read(challenges);
    if challenges.iter().any(|&r| is_special(r)) {
        return Err(ProofError::Challenge);
    }
    let statement = Statement { root, ands, hops };
    Ok(answer_left(
        &Crew::new(workers),
        statement,
        &challenges,
        shared,
    ))
}

fn answer_left(
    crew: &Crew<'_, impl Workers>,
    statement: Statement,
    mut challenges: &[Element],
    shared: &[Shared; 2],
) -> Answer {
    let mut answer = Vec::new();
    for inner in statement.products() {
        let shared = of(shared, inner.product());
        let levels = inner.levels();
        let count = |of: fn(&[usize; 2]) -> usize| levels.iter().map(of).sum();
        let (now, later) = challenges.split_at(count(|[_, challenges]| *challenges));
        challenges = later;
        let values = shared.shares(count(|[values, _]| *values));
        answer.extend(inner.answer(crew, shared.masks(), &values, now));
    }
    Answer(Element::write(&answer))
}

/// Answers as the right verifier, from the values that the prover has sent; also returns the challenges,
/// which the left verifier must have got, too.
///
/// # Errors
/// If they are not as they must be: the prover's fault.
pub(crate) fn verify_right(
    workers: &impl Workers,
    root: &[u8; HASH_BYTES],
    (ands, hops): (&[Ands], &[Hop]),
    values: &[u8],
    shared: &[Shared; 2],
) -> Result<(Vec<u8>, Answer), ProofError> {
    check_length(values, shape(ands, hops).value_bytes())?;
    let statement = Statement { root, ands, hops };
    Ok(answer_right(
        &Crew::new(workers),
        statement,
        &Element::read(values),
        shared,
    ))
}

fn answer_right(
    crew: &Crew<'_, impl Workers>,
    statement: Statement,
    mut values: &[Element],
    shared: &[Shared; 2],
) -> (Vec<u8>, Answer) {
    let (mut all, mut answer) = (Vec::new(), Vec::new());
    for inner in statement.products() {
        let shared = of(shared, inner.product());
        let mut chain = Chain::new(statement.root, inner.product(), &shared.salt);
        let (mut now, mut challenges) = (Vec::new(), Vec::new());
        for [count, drawn] in inner.levels() {
            let (level, later) = values.split_at(count);
            values = later;
            now.extend(level);
            challenges.extend(chain.next(level, drawn));
        }
        answer.extend(inner.answer(crew, shared.masks(), &now, &challenges));
        all.extend(challenges);
    }
    (Element::write(&all), Answer(Element::write(&answer)))
}

const fn check_length(got: &[u8], expected: usize) -> Result<(), ProofError> {
    let got = got.len();
    if got == expected {
        Ok(())
    } else {
        Err(ProofError::Length { expected, got })
    }
}

impl Answer {
    /// Returns what the other verifier must get.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns whether the statement is true, given the other verifier's answer.
    pub(crate) fn accepts(&self, theirs: &[u8]) -> bool {
        let sums: Vec<u8> = self.0.iter().zip(theirs).map(|(a, b)| a ^ b).collect();
        let sums = Element::read(&sums);
        let (products, _) = sums.as_chunks::<3>();
        self.0.len() == theirs.len() && products.iter().all(|&[f, h, p]| f * h == p)
    }
}

impl Shared {
    fn shares<F: Field>(&self, count: usize) -> Vec<F> {
        F::read(&self.shares.bytes(count * F::BYTES))
    }

    fn masks<F: Field>(&self) -> [F; 2] {
        let masks = F::read(&self.masks.bytes(2 * F::BYTES));
        [0, 1].map(|i| masks.get(i).copied().unwrap_or(F::ZERO))
    }
}
