//! Stub.
#![allow(dead_code, unused_variables, missing_debug_implementations, clippy::all, clippy::pedantic)]
use crate::{context::Context, map::Map, stream::Stream};
pub(crate) enum Ands<'a> { Prover { x: [&'a [u8]; 2], y: [&'a [u8]; 2] }, Left { x: &'a [u8], y: &'a [u8], z: &'a [u8], mask: Stream }, Right { x: &'a [u8], y: &'a [u8], mask: Stream } }
pub(crate) enum Hop<'a> { Prover { terms: Vec<(&'a Map, &'a [u8])>, row_bytes: usize }, Map { maps: Vec<&'a Map>, message: &'a [u8], row_bytes: usize }, Rows { rows: Vec<&'a [u8]>, outputs: usize, mask: Stream, row_bytes: usize } }
pub(crate) struct Shared { pub(crate) shares: Stream, pub(crate) salt: [u8; 32], pub(crate) masks: Stream }
pub(crate) struct Proof { pub(crate) challenges: Vec<u8>, pub(crate) values: Vec<u8> }
pub(crate) struct Answer(Vec<u8>);
#[derive(Debug)] pub(crate) struct ProofError;
pub(crate) struct Shape;
impl Shape { pub(crate) fn challenge_bytes(&self) -> usize { 160 } pub(crate) fn value_bytes(&self) -> usize { 10_000 } }
pub(crate) fn shape(ands: &[Ands], hops: &[Hop]) -> Shape { Shape }
pub(crate) fn prove(workers: &Context, root: &[u8; 32], statements: (&[Ands], &[Hop]), shared: &[[Shared; 2]; 2]) -> Proof { Proof { challenges: vec![0; 160], values: vec![0; 10_000] } }
pub(crate) fn verify_left(workers: &Context, root: &[u8; 32], statements: (&[Ands], &[Hop]), challenges: &[u8], shared: &[Shared; 2]) -> Result<Answer, ProofError> { Ok(Answer(vec![0; 96])) }
pub(crate) fn verify_right(workers: &Context, root: &[u8; 32], statements: (&[Ands], &[Hop]), values: &[u8], shared: &[Shared; 2]) -> Result<(Vec<u8>, Answer), ProofError> { Ok((vec![0; 160], Answer(vec![0; 96]))) }
impl Answer { pub(crate) fn as_bytes(&self) -> &[u8] { &self.0 } pub(crate) fn accepts(&self, theirs: &[u8]) -> bool { true } }
