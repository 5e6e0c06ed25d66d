//! Verification (docs/protocol.md §7): every party proves all that it has sent since the last one, and
//! its peers verify it together, before anything is opened.
//!
//! Cost:    2 rounds, of which the first can go with the last messages that are proved ([`Round::prove`]
//!          before they are received).
//! Secure:  a message that does not follow from its sender's inputs is rejected but with a chance of
//!          2^-80; what a verifier sees is uniform (Boneh, Boyle, Corrigan-Gibbs, Gilboa, Ishai, CRYPTO
//!          2019; Boyle, Gilboa, Ishai, Nof, CCS 2019).
//!
//! The prover's weights come from a root: a hash of all that it has sent to both. So it can't choose
//! messages after weights, and neither verifier can make it use others.

use std::{sync::Arc, time::Instant};

use mcmix_shared::party::PartyId;

use crate::{
    context::Context,
    error::Error,
    hop::Known,
    proof::{self, Answer, Shared},
    round::Round,
    share::{Component, Pair, Share, third},
    step::{Phase, Step},
    stream::{Purpose, Streams},
};

/// Bytes of a hash, a root and a salt.
const HASH_BYTES: usize = 32;
/// Steps of one verification: two inner products of three provers, then its two messages.
pub(crate) const STEPS: u16 = 8;
/// The step of a proof, after those of the inner products.
pub(crate) const PROOF: u16 = 6;
/// The step of a verdict.
pub(crate) const VERDICT: u16 = 7;

/// A share that was verified, and nothing else: it can be opened. Only [`Round::verify`] makes one.
#[derive(Debug)]
pub(crate) struct Checked(Share);

impl Checked {
    /// Maps rows as [`Share::map`] does: what is made of verified shares without communication is
    /// verified, too.
    pub(crate) fn map<const A: usize, const B: usize>(
        self,
        context: &mut Context,
        row: impl Fn(&[u8; A]) -> [u8; B] + Sync,
    ) -> Self {
        Self(self.0.map(context, row))
    }

    pub(crate) fn into_share(self) -> Share {
        self.0
    }
}

/// Something that a party sent, and that it has to prove.
#[derive(Debug)]
pub(crate) enum Statement {
    Product(Product),
    Moved(Moved),
}

/// A product's operands, and what the next party sent.
#[derive(Debug)]
pub(crate) struct Product {
    pub(crate) step: Step,
    pub(crate) x: Share,
    pub(crate) y: Share,
    pub(crate) received: Component,
}

/// What a hop moved, and what the other one of the pair sent.
#[derive(Debug)]
pub(crate) struct Moved {
    pub(crate) step: Step,
    pub(crate) pair: Pair,
    pub(crate) terms: Vec<(Known, Share)>,
    pub(crate) row_bytes: usize,
    pub(crate) outputs: usize,
    pub(crate) received: Component,
}

/// All statements since the last verification.
#[derive(Debug, Default)]
pub(crate) struct Unproved {
    statements: Vec<Statement>,
    /// Verifications so far.
    phase: u16,
    proved: bool,
}

impl Unproved {
    pub(crate) fn state(&mut self, statement: Statement) -> usize {
        debug_assert!(!self.proved, "stated after its proof was made");
        self.statements.push(statement);
        self.statements.len() - 1
    }

    pub(crate) fn receive_product(&mut self, number: usize, message: &Component) {
        if let Some(Statement::Product(product)) = self.statements.get_mut(number) {
            product.received = Arc::clone(message);
        }
    }

    pub(crate) fn receive_moved(&mut self, number: usize, message: Vec<u8>) {
        if let Some(Statement::Moved(moved)) = self.statements.get_mut(number) {
            moved.received = Arc::new(message);
        }
    }
}

/// What one prover has stated, as this party has it.
struct Statements<'a> {
    ands: Vec<proof::Ands<'a>>,
    hops: Vec<proof::Hop<'a>>,
}

impl Statement {
    /// Adds what `prover` states here to its statements, as `party` has it.
    fn add_to<'a>(
        &'a self,
        statements: &mut Statements<'a>,
        streams: &Streams,
        party: PartyId,
        prover: PartyId,
    ) {
        match self {
            Self::Product(product) => statements.ands.push(product.of(streams, party, prover)),
            Self::Moved(moved) => statements.hops.extend(moved.of(streams, party, prover)),
        }
    }

    /// Gives up the memory, for others to use.
    fn recycle(self, context: &mut Context) {
        let received = match self {
            Self::Product(Product { x, y, received, .. }) => {
                x.recycle(context);
                y.recycle(context);
                received
            }
            Self::Moved(Moved {
                terms, received, ..
            }) => {
                for (_, share) in terms {
                    share.recycle(context);
                }
                received
            }
        };
        if let Ok(received) = Arc::try_unwrap(received) {
            context.recycle(received);
        }
    }
}

impl Product {
    fn of(&self, streams: &Streams, party: PartyId, prover: PartyId) -> proof::Ands<'_> {
        let Self { step, x, y, .. } = self;
        if prover == party {
            return proof::Ands::Prover {
                x: [x.first(), x.second()],
                y: [y.first(), y.second()],
            };
        }
        let mask = streams.with(prover, *step, Purpose::Zero);
        if prover == party.next() {
            proof::Ands::Left {
                x: x.second(),
                y: y.second(),
                z: &self.received,
                mask,
            }
        } else {
            proof::Ands::Right {
                x: x.first(),
                y: y.first(),
                mask,
            }
        }
    }
}

impl Moved {
    /// The third party of a hop states nothing.
    fn of(&self, streams: &Streams, party: PartyId, prover: PartyId) -> Option<proof::Hop<'_>> {
        let third = self.pair.third;
        let row_bytes = self.row_bytes;
        if prover == third {
            return None;
        }
        let maps = self
            .terms
            .iter()
            .filter_map(|(known, _)| known.map.as_deref());
        Some(if party == prover {
            let rows = self
                .terms
                .iter()
                .map(|(_, share)| &share.with(party, third)[..]);
            proof::Hop::Prover {
                terms: maps.zip(rows).collect(),
                row_bytes,
            }
        } else if party == third {
            let rows = self
                .terms
                .iter()
                .map(|(_, share)| &share.with(party, prover)[..]);
            proof::Hop::Rows {
                rows: rows.collect(),
                outputs: self.outputs,
                mask: streams.with(prover, self.step, Purpose::Mask),
                row_bytes,
            }
        } else {
            proof::Hop::Map {
                maps: maps.collect(),
                message: &self.received,
                row_bytes,
            }
        })
    }
}

impl Round<'_> {
    /// What a verification's streams are numbered by: the phase, the prover and the inner product.
    const fn proof_step(&self, prover: PartyId, product: u16) -> Step {
        let phase = Step::new(Phase::Verify, self.unproved.phase.wrapping_mul(STEPS));
        phase.plus(2 * prover as u16 + product)
    }

    /// The step of the messages of a verification.
    const fn message_step(&self, message: u16) -> Step {
        let phase = Step::new(Phase::Verify, self.unproved.phase.wrapping_mul(STEPS));
        phase.plus(message)
    }

    /// What the prover shares with a verifier for each inner product.
    fn shared(&self, prover: PartyId, peer: PartyId) -> [Shared; 2] {
        [0, 1].map(|product| {
            let step = self.proof_step(prover, product);
            Shared {
                shares: self.streams.with(peer, step, Purpose::ProofShares),
                salt: self.salt(peer, step, Purpose::ChallengeSalt),
                masks: self.streams.with(peer, step, Purpose::ProofMask),
            }
        })
    }

    fn salt(&self, peer: PartyId, step: Step, purpose: Purpose) -> [u8; HASH_BYTES] {
        let mut salt = [0; HASH_BYTES];
        self.streams.with(peer, step, purpose).xor(0, &mut salt);
        salt
    }

    /// Begins to hash what is sent to both peers, and received from them, for the next verification.
    pub(crate) fn hash_anew(&mut self) {
        for peer in [self.party().prev(), self.party().next()] {
            let (sent, received) = self.message_salts(peer);
            self.context.hash_sent(peer, &sent);
            self.context.hash_received(peer, &received);
        }
    }

    /// The salts of what this party sends to a peer, and of what the peer sends to it.
    fn message_salts(&self, peer: PartyId) -> ([u8; HASH_BYTES], [u8; HASH_BYTES]) {
        let of = |prover| self.salt(peer, self.proof_step(prover, 0), Purpose::MessageSalt);
        (of(self.party()), of(peer))
    }

    fn statements(&self, prover: PartyId) -> Statements<'_> {
        let mut statements = Statements {
            ands: Vec::new(),
            hops: Vec::new(),
        };
        for statement in &self.unproved.statements {
            statement.add_to(&mut statements, &self.streams, self.party(), prover);
        }
        statements
    }

    fn root(&self, prover: PartyId, to_left: &[u8], to_right: &[u8]) -> [u8; HASH_BYTES] {
        let mut hasher = blake3::Hasher::new_derive_key("mcmix.v2 root");
        hasher.update(&self.nonce);
        hasher.update(&self.unproved.phase.to_le_bytes());
        hasher.update(&[prover as u8]);
        hasher.update(to_left);
        *hasher.update(to_right).finalize().as_bytes()
    }

    /// Proves all that this party has sent since the last verification: the first round of one.
    ///
    /// Can be called as soon as the last message is sent, before others' last ones are received.
    pub(crate) fn prove(&mut self) -> Result<(), Error> {
        let (left, right) = (self.party().prev(), self.party().next());
        let [to_left, to_right] = [left, right].map(|peer| self.context.sent_hash(peer));
        let root = self.root(self.party(), &to_left, &to_right);
        let shared = [left, right].map(|peer| self.shared(self.party(), peer));
        let began = Instant::now();
        let Statements { ands, hops } = self.statements(self.party());
        let proof = proof::prove(self.context, &root, (&ands, &hops), &shared);
        self.context.count_proof(began);
        let step = self.message_step(PROOF);
        for (peer, hash, part) in [
            (left, &to_right, &proof.challenges),
            (right, &to_left, &proof.values),
        ] {
            let message = [&hash[..], part].concat();
            self.context.send(peer, step.of(message.len()), &message)?;
        }
        self.unproved.proved = true;
        Ok(())
    }

    /// Verifies all messages since the last verification, and so the shares that were worked out with
    /// them.
    pub(crate) fn verify<const N: usize>(
        &mut self,
        shares: [Share; N],
    ) -> Result<[Checked; N], Error> {
        if !self.unproved.proved {
            self.prove()?;
        }
        let provers = [self.party().next(), self.party().prev()];
        let mut mine = Vec::new();
        for prover in provers {
            let other = third(self.party(), prover);
            let (digest, answer) = self.examine(prover)?;
            let step = self.message_step(VERDICT);
            let message = [&digest[..], answer.as_bytes()].concat();
            self.context.send(other, step.of(message.len()), &message)?;
            mine.push((digest, answer));
        }
        // Both first: whoever is refuted by one has heard the other one, too.
        let mut theirs = Vec::new();
        for (prover, (_, answer)) in provers.into_iter().zip(&mine) {
            let step = self.message_step(VERDICT);
            let len = HASH_BYTES + answer.as_bytes().len();
            let other = third(self.party(), prover);
            theirs.push(self.context.recv(other, step.of(len), len)?);
        }
        for (prover, ((digest, answer), theirs)) in
            provers.into_iter().zip(mine.iter().zip(&theirs))
        {
            let other = third(self.party(), prover);
            let step = self.message_step(VERDICT);
            let (their_digest, theirs) = theirs.split_at_checked(HASH_BYTES).unwrap_or_default();
            if their_digest != digest {
                return Err(Error::DigestMismatch {
                    prover,
                    other,
                    step,
                });
            }
            if !answer.accepts(theirs) {
                return Err(Error::ProofRejected {
                    prover,
                    other,
                    step,
                });
            }
        }
        for statement in core::mem::take(&mut self.unproved.statements) {
            statement.recycle(self.context);
        }
        self.unproved.phase = self.unproved.phase.wrapping_add(1);
        self.unproved.proved = false;
        self.hash_anew();
        Ok(shares.map(Checked))
    }

    /// Works out this party's part of a verdict, and a digest of what weights it was worked out with.
    fn examine(&mut self, prover: PartyId) -> Result<([u8; HASH_BYTES], Answer), Error> {
        let step = self.message_step(PROOF);
        let Statements { ands, hops } = self.statements(prover);
        let shape = proof::shape(&ands, &hops);
        let is_left = prover == self.party().next();
        let part = if is_left {
            shape.challenge_bytes()
        } else {
            shape.value_bytes()
        };
        let len = HASH_BYTES + part;
        let message = self.context.recv(prover, step.of(len), len)?;
        let (hash, part) = message.split_at_checked(HASH_BYTES).unwrap_or_default();
        let own = self.context.received_hash(prover);
        let root = if is_left {
            self.root(prover, &own, hash)
        } else {
            self.root(prover, hash, &own)
        };
        let shared = self.shared(prover, prover);
        let began = Instant::now();
        let Statements { ands, hops } = self.statements(prover);
        let other = third(self.party(), prover);
        let rejected = |_| Error::ProofRejected {
            prover,
            other,
            step,
        };
        let (challenges, answer) = if is_left {
            let answer = proof::verify_left(self.context, &root, (&ands, &hops), part, &shared);
            (part.to_vec(), answer.map_err(rejected)?)
        } else {
            proof::verify_right(self.context, &root, (&ands, &hops), part, &shared)
                .map_err(rejected)?
        };
        self.context.count_proof(began);
        let mut hasher = blake3::Hasher::new_derive_key("mcmix.v2 weights");
        hasher.update(&root);
        let digest = *hasher.update(&challenges).finalize().as_bytes();
        Ok((digest, answer))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{PairKeys, Settings, context::Context, link::memory};

    fn context(key: u8) -> Context {
        let keys = PairKeys {
            next: [key; 32],
            prev: [2; 32],
        };
        let [link, _, _] = memory::connect();
        let mut context = Context::new(PartyId::P0, keys, link, Settings::default());
        context.begin(1).unwrap();
        context
    }

    /// Streams of a proof are numbered by verification, prover and inner product: else the masks of two
    /// statements would meet, and tell the third party their sum.
    #[test]
    fn streams_of_proofs_never_meet() {
        let mut context = context(1);
        let mut round = context.enter().unwrap();
        let mut seen = HashSet::new();
        for phase in 0..3 {
            round.unproved.phase = phase;
            for prover in PartyId::ALL {
                for product in [0, 1] {
                    assert!(seen.insert(round.proof_step(prover, product)));
                }
            }
            assert!(
                seen.insert(round.message_step(PROOF)) && seen.insert(round.message_step(VERDICT))
            );
        }
    }

    /// Weights depend on the nonce, the verification, the prover, and on what both have received.
    #[test]
    fn roots_depend_on_all_that_was_sent() {
        let mut context = context(1);
        let mut round = context.enter().unwrap();
        let mut seen = HashSet::new();
        let mut of = |round: &Round<'_>| {
            for prover in PartyId::ALL {
                for (left, right) in [([1; 32], [2; 32]), ([3; 32], [2; 32]), ([1; 32], [4; 32])] {
                    assert!(seen.insert(round.root(prover, &left, &right)));
                }
            }
        };
        of(&round);
        round.unproved.phase = 1;
        of(&round);
        round.nonce = [9; 32];
        of(&round);
    }

    /// Hashes of messages are salted by what both ends share: the other verifier can't try guesses.
    #[test]
    fn hashes_are_salted_for_each_pair_and_prover() {
        let mut seen = HashSet::new();
        for key in [1, 3] {
            let mut context = context(key);
            let round = context.enter().unwrap();
            let (sent, received) = round.message_salts(PartyId::P1);
            assert!(seen.insert(sent) && seen.insert(received));
        }
    }

    /// The right verifier is told the hash of what the left one got: were it not salted by what these two
    /// share, it could try out what that was.
    #[test]
    fn hashes_are_no_test_of_a_guess() {
        let [k01, k12, k20] = [[1; 32], [2; 32], [3; 32]];
        let [_left, prover, right] = memory::connect();
        let keys = [(k12, k01), (k20, k12)].map(|(next, prev)| PairKeys { next, prev });
        let [of_prover, of_right] = keys;
        let new = |party, keys, link| {
            let mut context = Context::new(party, keys, link, Settings::default());
            context.begin(1).unwrap();
            context
        };
        let mut prover = new(PartyId::P1, of_prover, prover);
        let mut right = new(PartyId::P2, of_right, right);
        let (mut prover, mut right) = (prover.enter().unwrap(), right.enter().unwrap());
        // What is hashed when this is sent to P0.
        let hash = |round: &mut Round<'_>, salt, byte: u8| {
            round.context.hash_sent(PartyId::P0, &salt);
            let vector = Step::new(Phase::ShuffleLists, 0).of(1);
            let sent = round.context.send(PartyId::P0, vector, &[byte]);
            sent.unwrap();
            round.context.sent_hash(PartyId::P0)
        };
        let (salt, _) = prover.message_salts(PartyId::P0);
        let (_, known) = right.message_salts(PartyId::P1);
        for byte in [0, 1] {
            let told = hash(&mut prover, salt, byte);
            assert_ne!(told, hash(&mut right, known, byte), "a right guess");
            // With the salt it is a test, and nothing else hides what was sent.
            assert_eq!(told, hash(&mut right, salt, byte));
            assert_ne!(told, hash(&mut right, salt, byte ^ 1));
        }
    }
}
