//! What servers tell each other of clients' submissions: public, a function of what the receiver
//! holds, or uniformly random to it, whatever was dealt (docs/protocol.md §3).
//!
//! Submissions go in as clients deal them and come out of the links as frames, so that a new
//! message can't be forgotten. What a party holds is fixed, the key that it lacks is drawn anew in
//! each run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Instant;

use mcmix_shared::program::Turn;
use mcmix_shared::wire::Submit;

use super::*;
use crate::intake::{Batch, Collector, OpenRound};

/// Runs before one party.
const RUNS: u16 = 256;
/// Deviations of a fair coin's count of ones, of 10,000 bits.
const DEVIATIONS: f64 = 8.0;
const ROUNDS: [RoundId; 2] = [RoundId(7), RoundId(8)];

/// How a client's shares fit together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    All,
    /// P1 and P2 were dealt different heads.
    NotTheHeads,
    /// P2 was dealt nothing.
    NotAll,
}

/// Two clients that dealt the very same, and two that are left out.
const CLIENTS: [(u8, Fit); 4] = [
    (1, Fit::All),
    (2, Fit::All),
    (3, Fit::NotTheHeads),
    (4, Fit::NotAll),
];

/// The clients.
static WHO: LazyLock<BTreeMap<u8, Client>> = LazyLock::new(|| {
    let who = CLIENTS.map(|(client, _)| {
        let key = SecretKey::from_bytes([client; 32]).client_key();
        (client, Client::new(key, &[0; 32]))
    });
    who.into()
});

fn id(client: u8) -> ClientId {
    WHO[&client].id
}

/// The clients in the order of their ids.
fn in_order() -> Vec<(u8, Fit)> {
    let mut clients = CLIENTS.to_vec();
    clients.sort_by_key(|(client, _)| id(*client));
    clients
}

/// What a party is dealt. Components that the viewer lacks are made of the secret.
fn share(party: PartyId, viewer: PartyId, fit: Fit, secret: u8) -> DealtShare {
    // Component x_i is held by P_i and by the one before it.
    let lacking = viewer.prev();
    let fill = |component: PartyId| {
        let held = [0xa0, 0xb1, 0xc2][component.index()];
        if component == lacking { secret } else { held }
    };
    let [x0, x1, x2] = PartyId::ALL.map(fill);
    let program = Program::Open;
    let mut heads = vec![x2; SHAPE.heads_bytes(program)];
    let mut whole = vec![secret; SHAPE.submission_bytes(program)];
    whole[..heads.len()].fill(x2);
    if fit == Fit::NotTheHeads {
        heads[0] ^= 1;
    }
    let bytes = match party {
        PartyId::P0 => [[x0; 16], [x1; 16]].concat(),
        PartyId::P1 => [&[x1; 16], &heads[..]].concat(),
        PartyId::P2 => [&whole[..], &[x0; 16], &[secret; 16]].concat(),
    };
    DealtShare::decode(party, SHAPE, program, &bytes).unwrap()
}

/// The keys of all three parties, with the run's own one between the two that are not the viewer.
fn keys(viewer: PartyId, run: u16) -> [[u8; 32]; 3] {
    let mut keys = KEYS;
    keys[viewer.next().index()] = Blake2s256::digest(run.to_le_bytes()).into();
    keys
}

/// Lets clients hand in to a party and returns what it brings to the agreement.
fn collect(
    me: PartyId,
    viewer: PartyId,
    keys: &[[u8; 32]; 3],
    round: RoundId,
    secret: u8,
) -> Batch {
    let collector = Collector::new(me, SHAPE, 100);
    let open = OpenRound {
        round,
        program: Program::Open,
        turn: Turn(1),
        closes_at: Instant::now(),
    };
    collector.open(open, digest_keys(keys, me, round));
    for (client, fit) in CLIENTS {
        if fit == Fit::NotAll && me == PartyId::P2 {
            continue;
        }
        let submit = Submit {
            round,
            program: Program::Open,
            share: share(me, viewer, fit, secret),
        };
        collector.submit(WHO[&client], 1, submit).unwrap();
    }
    collector.freeze(round).unwrap().in_order()
}

/// All frames that a party received, from P0 first, each link in its order.
fn received(viewer: PartyId, run: u16, secret: u8) -> Vec<(PartyId, Vec<u8>)> {
    let mut all = Vec::new();
    for round in ROUNDS {
        let keys = &keys(viewer, run);
        let links = memory::connect().into_iter().zip(PartyId::ALL);
        let mut heard = std::thread::scope(|scope| {
            let threads = links.map(|(link, me)| {
                scope.spawn(move || {
                    let terms = Terms {
                        round,
                        ..terms(me, 100)
                    };
                    let mut link = Tap(link, Vec::new());
                    let batch = collect(me, viewer, keys, round, secret);
                    agree(&mut link, &terms, batch.members()).unwrap();
                    (me == viewer).then_some(link.1)
                })
            });
            let threads: Vec<_> = threads.collect();
            let mut heard = threads.into_iter().map(|it| it.join().unwrap());
            heard.find_map(|heard| heard).unwrap()
        });
        // The two links are read in an order that depends on the party only, but is no promise.
        heard.sort_by_key(|(from, _)| *from);
        all.extend(heard);
    }
    all
}

/// Notes what comes, and from whom.
struct Tap(MemoryLink, Vec<(PartyId, Vec<u8>)>);

impl Link for Tap {
    fn send(&mut self, to: PartyId, frame: Vec<u8>) -> Result<(), LinkError> {
        self.0.send(to, frame)
    }

    fn recv(&mut self, from: PartyId) -> Result<Vec<u8>, LinkError> {
        let frame = self.0.recv(from)?;
        self.1.push((from, frame.clone()));
        Ok(frame)
    }
}

/// A byte that its receiver can tell beforehand, or none.
type Expected = Vec<Option<u8>>;

fn known(bytes: &[u8]) -> Expected {
    bytes.iter().copied().map(Some).collect()
}

/// The digests of the components that a party holds, of a secret that goes into nothing of it.
fn held(viewer: PartyId, (client, fit): (u8, Fit), round: RoundId) -> [Digest; 2] {
    member(viewer, (client, fit), round).digests
}

/// What a party notes of a client, with a key of another run where it lacks one.
fn member(viewer: PartyId, (client, fit): (u8, Fit), round: RoundId) -> Member {
    let share = share(viewer, viewer, fit, 0x77);
    Member::new(WHO[&client], 1, &share, &digest_keys(&KEYS, viewer, round))
}

/// What the viewer expects to hear from a peer, made of what it holds itself.
fn expected(viewer: PartyId, from: PartyId, round: RoundId) -> Vec<Expected> {
    let listed = |party| {
        let all = in_order().into_iter();
        all.filter(move |(_, fit)| party != PartyId::P2 || *fit != Fit::NotAll)
    };
    let body: Expected = match (viewer, from) {
        (PartyId::P0, _) => {
            let claim = |(client, fit)| {
                // The secret of another world: it goes into nothing that P0 can compute.
                let [first, second] = held(viewer, (client, fit), round);
                let unknown = vec![None; DIGEST_BYTES];
                let [of_x1, of_x0] = [known(&second.0), known(&first.0)];
                let digests = if from == PartyId::P1 {
                    [of_x1, unknown]
                } else {
                    [unknown, of_x0]
                };
                [known(&id(client).0), digests.concat()].concat()
            };
            listed(from).flat_map(claim).collect()
        }
        (_, PartyId::P0) => {
            let verdict = |(_, fit)| match fit {
                Fit::All => 0,
                Fit::NotTheHeads => MissedReason::Mismatch.code(),
                Fit::NotAll => MissedReason::Absent.code(),
            };
            known(&listed(viewer).map(verdict).collect::<Vec<_>>())
        }
        _ => Vec::new(),
    };
    let kept = in_order().into_iter().filter(|(_, fit)| *fit == Fit::All);
    let kept: Vec<_> = kept.map(|it| (member(viewer, it, round), it)).collect();
    let common = |it| {
        let [first, second] = held(viewer, it, round);
        if from == viewer.prev() { first } else { second }
    };
    let terms = Terms {
        round,
        ..terms(viewer, 100)
    };
    let kept: Vec<_> = kept
        .iter()
        .map(|(member, it)| {
            let mut member = *member;
            member.digests = [common(*it); 2];
            member
        })
        .collect();
    let set = set_digest(&terms, &kept.iter().collect::<Vec<_>>(), 0);
    let listed = (viewer == PartyId::P0 || from == PartyId::P0).then_some(body);
    let lists = listed.into_iter().chain([known(&set)]);
    lists
        .flat_map(|list| [known(&(list.len() as u64).to_le_bytes()), list])
        .collect()
}
/// Returns what came that was not to be expected, each digest once: what P1 and P2 say of one
/// component is the same.
fn unexpected(viewer: PartyId, heard: &[(PartyId, Vec<u8>)]) -> Vec<u8> {
    let peers = PartyId::ALL.into_iter().filter(|party| *party != viewer);
    let peers: Vec<_> = peers.collect();
    let mut heard = heard.iter();
    let mut rest = Vec::new();
    for round in ROUNDS {
        let mut told = Vec::new();
        for from in &peers {
            for frame in expected(viewer, *from, round) {
                let (sender, bytes) = heard.next().expect("a frame fewer than expected");
                assert_eq!(sender, from);
                assert_eq!(bytes.len(), frame.len(), "{from} to {viewer}");
                for (at, (byte, expected)) in bytes.iter().zip(&frame).enumerate() {
                    match expected {
                        Some(expected) => assert_eq!(byte, expected, "{from} to {viewer} at {at}"),
                        None => told.push(*byte),
                    }
                }
            }
        }
        let digests: BTreeSet<_> = told.chunks_exact(DIGEST_BYTES).collect();
        if viewer == PartyId::P0 {
            let fits = CLIENTS.iter().filter(|(_, fit)| *fit == Fit::All).count();
            assert_eq!(digests.len(), told.len() / DIGEST_BYTES - fits);
        }
        let mut seen = BTreeSet::new();
        for digest in told.chunks_exact(DIGEST_BYTES) {
            if seen.insert(digest) {
                rest.extend_from_slice(digest);
            }
        }
    }
    assert!(heard.next().is_none(), "a frame more than expected");
    rest
}

/// In two worlds with different secrets: what is expected is made without them, what is not is
/// uniform, and nothing comes twice, also where clients deal the same again.
#[test]
fn what_servers_tell_each_other_is_known_or_uniform() {
    for viewer in PartyId::ALL {
        for secret in [0, 0xff] {
            let mut ones: Vec<u16> = Vec::new();
            let mut seen = BTreeSet::new();
            for run in 0..RUNS {
                let told = unexpected(viewer, &received(viewer, run, secret));
                ones.resize(8 * told.len(), 0);
                for (bit, ones) in ones.iter_mut().enumerate() {
                    *ones += u16::from(told[bit / 8] >> (bit % 8) & 1);
                }
                for digest in told.chunks_exact(DIGEST_BYTES) {
                    assert!(seen.insert(digest.to_vec()), "a digest comes twice");
                }
            }
            let runs = f64::from(RUNS);
            for (bit, ones) in ones.iter().enumerate() {
                let off = (f64::from(*ones) - runs / 2.0).abs();
                assert!(
                    off <= DEVIATIONS * runs.sqrt() / 2.0,
                    "{viewer} can tell bit {bit} of what it lacks"
                );
            }
            assert_eq!(ones.is_empty(), viewer != PartyId::P0);
        }
    }
}
