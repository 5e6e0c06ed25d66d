//! One set of clients for all three parties (docs/protocol.md §3).
//!
//! In:      each party's frozen submissions, in the order of their ids.
//! Out:     those that all three hold and whose components agree; and why the others are out.
//! Cost:    3 rounds; P1 and P2 send 48 bytes a client to P0, P0 a byte a client back, and each
//!          party 40 bytes to each other one.
//! Reveals: which clients submitted to whom, and whose shares do not fit together.
//! Secure:  a client can't make a round inconsistent; only its own rows are left out. A
//!          component's digest is computed by both of its holders under the key that they share:
//!          P0, which compares, knows x0 and x1, and with a plain digest of x2 it could try out
//!          whom a client dials. Before anything is computed, each two parties compare what they
//!          are about to compute on, the component that they both hold included: a party that lied
//!          until then has only kept the round from happening.

use blake2::{Blake2s256, Digest as _};
use mcmix_engine::link::MAX_FRAME_BYTES;
use mcmix_engine::{Link, LinkError, Suspects};
use mcmix_shared::identity::{ClientId, ID_BYTES};
use mcmix_shared::party::PartyId;
use mcmix_shared::program::{Program, RoundId, Turn};
use mcmix_shared::share::{DIGEST_BYTES, Digest};
use mcmix_shared::wire::MissedReason;
use rayon::prelude::*;

use crate::intake::Member;

/// Bytes of a client in a list: id, two digests.
pub const CLAIM_BYTES: usize = ID_BYTES + 2 * DIGEST_BYTES;
/// Clients that are hashed at a time.
const PART: usize = 4096;

/// Why the parties did not agree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgreeError {
    /// A link failed.
    #[error("agreeing with {peer}: {source}")]
    Link {
        /// The peer at the other end.
        peer: PartyId,
        /// What the link said.
        source: LinkError,
    },
    /// A list is longer than any round can need.
    #[error("agreeing with {peer}: expected at most {most} bytes, got {got}")]
    TooLong {
        /// The peer that sent it.
        peer: PartyId,
        /// The limit.
        most: usize,
        /// What it announced.
        got: u64,
    },
    /// A list that can't be read.
    #[error("agreeing with {peer}: {problem}")]
    Malformed {
        /// The peer that sent it.
        peer: PartyId,
        /// What is wrong.
        problem: &'static str,
    },
    /// The parties were told different things of the round, or a client that gave two of them
    /// different components was kept.
    #[error(
        "agreeing with {peer}: expected our digest of program, turn, clients and components, \
         got another"
    )]
    AnotherSet {
        /// The peer.
        peer: PartyId,
    },
}

impl AgreeError {
    /// Returns whom `me` must suspect. Of a digest that differs, the third party may have said
    /// different things to the two that compare.
    pub const fn suspects(&self, me: PartyId) -> Suspects {
        match self {
            Self::Link { peer, .. } | Self::TooLong { peer, .. } | Self::Malformed { peer, .. } => {
                Suspects::One(*peer)
            }
            Self::AnotherSet { .. } => Suspects::of_check(me),
        }
    }
}

/// What became of each member: kept, or left out for a reason.
pub type Verdicts = Vec<Result<(), MissedReason>>;

/// What a party brings to an agreement beside its submissions.
#[derive(Debug)]
pub struct Terms {
    /// This party.
    pub me: PartyId,
    /// The round.
    pub round: RoundId,
    /// Its program.
    pub program: Program,
    /// Its turn.
    pub turn: Turn,
    /// How wide the sort is: what P0 chose decides which messages there are.
    pub sort_ways: u8,
    /// Clients in one round at most.
    pub most_clients: usize,
}

/// What one party says of one client.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Claim {
    id: ClientId,
    /// Component `x_i` of party `P_i` is held by `P_{i-1}` too, `x_{i+1}` by `P_{i+1}`. Keyed: equal
    /// at the two holders of a component, random to the third party.
    digests: [Digest; 2],
}

impl Claim {
    fn of(member: &Member) -> Self {
        Self {
            id: member.client.id,
            digests: member.digests,
        }
    }

    /// Writes the claim to a place of [`CLAIM_BYTES`].
    fn write(&self, out: &mut [u8]) {
        let [first, second] = &self.digests;
        out.copy_from_slice([self.id.0, first.0, second.0].as_flattened());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (id, rest) = bytes.split_first_chunk()?;
        let (first, rest) = rest.split_first_chunk()?;
        let (second, _) = rest.split_first_chunk()?;
        Some(Self {
            id: ClientId(*id),
            digests: [Digest(*first), Digest(*second)],
        })
    }
}

/// Agrees on the clients of a round. `members` are in the order of their ids.
///
/// # Errors
/// When a link fails or a peer says what it should not; the round is then over.
pub fn agree(
    link: &mut impl Link,
    terms: &Terms,
    members: &[Member],
) -> Result<Verdicts, AgreeError> {
    let verdicts = match terms.me {
        PartyId::P0 => lead(link, terms, members)?,
        PartyId::P1 | PartyId::P2 => follow(link, members)?,
    };
    confirm(link, terms, members, &verdicts)?;
    Ok(verdicts)
}

fn follow(link: &mut impl Link, members: &[Member]) -> Result<Verdicts, AgreeError> {
    let mut list = vec![0; members.len() * CLAIM_BYTES];
    let claims = list.par_chunks_exact_mut(CLAIM_BYTES);
    claims
        .zip(members)
        .for_each(|(claim, member)| Claim::of(member).write(claim));
    send(link, PartyId::P0, &list)?;
    drop(list);
    let told = receive(link, PartyId::P0, members.len())?;
    read_verdicts(&told, members.len())
}

/// Compares with each peer what is about to be computed on. Until here P0 alone has compared
/// digests, and it may have told the two others different things, or lied to both.
fn confirm(
    link: &mut impl Link,
    terms: &Terms,
    members: &[Member],
    verdicts: &Verdicts,
) -> Result<(), AgreeError> {
    let kept: Vec<_> = members
        .iter()
        .zip(verdicts)
        .filter_map(|(member, verdict)| verdict.is_ok().then_some(member))
        .collect();
    // The first component is the previous party's, too, the second the next one's.
    let sets = [
        (terms.me.prev(), set_digest(terms, &kept, 0)),
        (terms.me.next(), set_digest(terms, &kept, 1)),
    ];
    for (peer, set) in &sets {
        send(link, *peer, set)?;
    }
    for (peer, set) in sets {
        if receive(link, peer, set.len())? != set {
            return Err(AgreeError::AnotherSet { peer });
        }
    }
    Ok(())
}

fn lead(link: &mut impl Link, terms: &Terms, members: &[Member]) -> Result<Verdicts, AgreeError> {
    let p1 = receive_claims(link, PartyId::P1, terms.most_clients)?;
    let p2 = receive_claims(link, PartyId::P2, terms.most_clients)?;
    let own: Vec<_> = members.par_iter().map(Claim::of).collect();
    let [own, for_p1, for_p2] = compare_in_parts([&own, &p1, &p2]);
    let [p0, p1, p2] = [&own, &for_p1, &for_p2].map(Vec::len);
    tracing::debug!(round = %terms.round, p0, p1, p2, "compared");
    send(link, PartyId::P1, &write_verdicts(&for_p1))?;
    send(link, PartyId::P2, &write_verdicts(&for_p2))?;
    Ok(own)
}

/// Compares the three lists, those of the ids that begin with one byte by themselves.
fn compare_in_parts(lists: [&[Claim]; 3]) -> [Verdicts; 3] {
    let parts: Vec<_> = (0..=u8::MAX)
        .into_par_iter()
        .map(|first| {
            compare(lists.map(|list| {
                let begins = |claim: &Claim| claim.id.0.first().copied().unwrap_or_default();
                let start = list.partition_point(|claim| begins(claim) < first);
                let end = list.partition_point(|claim| begins(claim) <= first);
                list.get(start..end).unwrap_or_default()
            }))
        })
        .collect();
    let mut all = lists.map(|list| Vec::with_capacity(list.len()));
    for part in parts {
        for (all, mut part) in all.iter_mut().zip(part) {
            all.append(&mut part);
        }
    }
    all
}

/// Walks three lists in step and judges every client of every list.
fn compare(lists: [&[Claim]; 3]) -> [Verdicts; 3] {
    let mut lists = lists.map(|list| list.iter().copied());
    let mut verdicts = [const { Vec::new() }; 3];
    let mut heads = lists.each_mut().map(Iterator::next);
    while let Some(id) = heads.iter().flatten().map(|claim| claim.id).min() {
        let named = heads.map(|head| head.filter(|claim| claim.id == id));
        let verdict = match named {
            [Some(p0), Some(p1), Some(p2)] => judge(&p0, &p1, &p2),
            _ => Err(MissedReason::Absent),
        };
        let all = lists.iter_mut().zip(&mut heads).zip(&mut verdicts);
        for (((list, head), verdicts), named) in all.zip(named) {
            if named.is_some() {
                *head = list.next();
                verdicts.push(verdict);
            }
        }
    }
    verdicts
}

/// The second component of each party is the first of the next.
fn judge(p0: &Claim, p1: &Claim, p2: &Claim) -> Result<(), MissedReason> {
    let ([p0_first, p0_second], [p1_first, p1_second], [p2_first, p2_second]) =
        (p0.digests, p1.digests, p2.digests);
    if p0_second == p1_first && p1_second == p2_first && p2_second == p0_first {
        Ok(())
    } else {
        Err(MissedReason::Mismatch)
    }
}

/// Receives a party's list and makes sure that it can be walked.
fn receive_claims(
    link: &mut impl Link,
    peer: PartyId,
    most_clients: usize,
) -> Result<Vec<Claim>, AgreeError> {
    let list = receive(link, peer, most_clients.saturating_mul(CLAIM_BYTES))?;
    let malformed = |problem| AgreeError::Malformed { peer, problem };
    if !list.len().is_multiple_of(CLAIM_BYTES) {
        return Err(malformed("a list that ends inside a client"));
    }
    let claims = list.par_chunks_exact(CLAIM_BYTES);
    let claims: Vec<_> = claims.filter_map(Claim::read).collect();
    if claims.is_sorted_by(|a, b| a.id < b.id) {
        Ok(claims)
    } else {
        Err(malformed("a list out of order or with a client twice"))
    }
}

fn write_verdicts(verdicts: &Verdicts) -> Vec<u8> {
    let code = |verdict: &Result<(), MissedReason>| verdict.map_or_else(MissedReason::code, |()| 0);
    verdicts.iter().map(code).collect()
}

fn read_verdicts(bytes: &[u8], expected: usize) -> Result<Verdicts, AgreeError> {
    let malformed = |problem| AgreeError::Malformed {
        peer: PartyId::P0,
        problem,
    };
    if bytes.len() != expected {
        return Err(malformed("verdicts on fewer clients than we named"));
    }
    let verdict = |&code: &u8| match code {
        0 => Ok(Ok(())),
        code => MissedReason::from_code(code)
            .map(Err)
            .ok_or_else(|| malformed("a verdict that there is not")),
    };
    bytes.iter().map(verdict).collect()
}

/// Over everything that two parties must have in common about the round: of each client the key
/// and the digest of the component that both hold, a part of the clients at a time.
fn set_digest(terms: &Terms, kept: &[&Member], component: usize) -> Vec<u8> {
    let parts: Vec<[u8; 32]> = kept
        .par_chunks(PART)
        .map(|part| {
            let mut hash = Blake2s256::new().chain_update(b"mcmix.v2 part of a set");
            for member in part {
                hash.update(member.client.key.as_bytes());
                let digest = member.digests.get(component);
                hash.update(digest.map_or([0; DIGEST_BYTES], |digest| digest.0));
            }
            hash.finalize().into()
        })
        .collect();
    Blake2s256::new()
        .chain_update(b"mcmix.v2 set")
        .chain_update(terms.round.0.to_le_bytes())
        .chain_update([terms.program.code()])
        .chain_update(terms.turn.0.to_le_bytes())
        .chain_update([terms.sort_ways])
        .chain_update((kept.len() as u64).to_le_bytes())
        .chain_update(parts.as_flattened())
        .finalize()
        .to_vec()
}

/// Sends a list as its length and as many frames as it takes.
fn send(link: &mut impl Link, to: PartyId, list: &[u8]) -> Result<(), AgreeError> {
    let mut put = |frame: Vec<u8>| {
        link.send(to, frame)
            .map_err(|source| AgreeError::Link { peer: to, source })
    };
    put((list.len() as u64).to_le_bytes().to_vec())?;
    list.chunks(MAX_FRAME_BYTES)
        .try_for_each(|chunk| put(chunk.to_vec()))
}

fn receive(link: &mut impl Link, peer: PartyId, most: usize) -> Result<Vec<u8>, AgreeError> {
    let mut get = || {
        link.recv(peer)
            .map_err(|source| AgreeError::Link { peer, source })
    };
    let malformed = |problem| AgreeError::Malformed { peer, problem };
    let length = <[u8; 8]>::try_from(get()?).map_err(|_| malformed("a list without its length"))?;
    let got = u64::from_le_bytes(length);
    let length = usize::try_from(got)
        .ok()
        .filter(|&length| length <= most)
        .ok_or(AgreeError::TooLong { peer, most, got })?;
    let mut list = Vec::with_capacity(length);
    while list.len() < length {
        let frame = get()?;
        if frame.is_empty() || frame.len() > length - list.len() {
            return Err(malformed("a list of another length than announced"));
        }
        list.extend_from_slice(&frame);
    }
    Ok(list)
}

#[cfg(test)]
mod tests;
