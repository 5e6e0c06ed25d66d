//! Three parties that agree, and peers and clients that cheat.

use mcmix_engine::PairKeys;
use mcmix_engine::link::memory::{self, MemoryLink};
use mcmix_shared::identity::SecretKey;
use mcmix_shared::share::DealtShare;

use super::*;

const ROUND: RoundId = RoundId(7);

/// What a client deals to the three parties, all from one secret byte.
fn shares(client: u8) -> [DealtShare; 3] {
    let (s0, s1, x2) = ([client; 16], [client ^ 0xff; 16], [client; 8]);
    let shares = [
        [&s0[..], &s1].concat(),
        [&s1[..], &x2].concat(),
        [&x2[..], &s0].concat(),
    ];
    PartyId::ALL.map(|party| DealtShare::decode(party, 8, &shares[party.index()]).unwrap())
}

/// A client's entries at the three parties.
fn entries(client: u8) -> [Entry; 3] {
    let key = SecretKey::from_bytes([client; 32]).client_key();
    shares(client).map(|share| {
        let keys = pair_keys(share.party());
        Entry::new((key.id(), key), &share, ROUND, &keys)
    })
}

fn frozen(clients: &[u8]) -> [Vec<Entry>; 3] {
    let mut lists = [const { Vec::new() }; 3];
    for &client in clients {
        for (list, entry) in lists.iter_mut().zip(entries(client)) {
            list.push(entry);
        }
    }
    for list in &mut lists {
        list.sort_by_key(|entry| entry.id);
    }
    lists
}

/// Keys of P0 and P1, P1 and P2, P2 and P0.
const KEYS: [[u8; 32]; 3] = [[1; 32], [12; 32], [20; 32]];

fn pair_keys(me: PartyId) -> PairKeys {
    PairKeys {
        next: KEYS[me.index()],
        prev: KEYS[me.prev().index()],
    }
}

fn terms(me: PartyId, most_clients: usize) -> Terms {
    Terms {
        me,
        round: ROUND,
        most_clients,
    }
}

fn run(lists: &[Vec<Entry>; 3]) -> [Result<Verdicts, AgreeError>; 3] {
    let links = memory::connect();
    std::thread::scope(|scope| {
        let mut threads =
            links
                .into_iter()
                .zip(lists)
                .zip(PartyId::ALL)
                .map(|((link, list), me)| {
                    scope.spawn(move || {
                        let mut link: MemoryLink = link;
                        agree(&mut link, &terms(me, 1000), list)
                    })
                });
        let threads = [(); 3].map(|()| threads.next().unwrap());
        threads.map(|thread| thread.join().unwrap())
    })
}

/// The clients that a party keeps.
fn kept(list: &[Entry], verdicts: &Verdicts) -> Vec<ClientId> {
    let pairs = list.iter().zip(verdicts);
    pairs
        .filter(|(_, verdict)| verdict.is_ok())
        .map(|(entry, _)| entry.id)
        .collect()
}

#[test]
fn honest_clients_are_all_kept_in_one_order() {
    for clients in [&[][..], &[1], &[1, 2, 3, 4, 5]] {
        let lists = frozen(clients);
        let verdicts = run(&lists).map(Result::unwrap);
        let sets = [0, 1, 2].map(|i| kept(&lists[i], &verdicts[i]));
        assert_eq!(sets[0].len(), clients.len());
        assert!(sets[0] == sets[1] && sets[1] == sets[2]);
    }
}

#[test]
fn whoever_does_not_fit_is_left_out_and_nobody_else() {
    for party in 0..3 {
        let mut lists = frozen(&[1, 2, 3, 4]);
        // One client is missing at one party, another dealt it something else, and a third
        // connected to it with another key of the same id.
        let [absent, mismatch, disagreement] = [1, 2, 3].map(|i| entries(i)[0].id);
        lists[party].retain(|entry| entry.id != absent);
        for entry in &mut lists[party] {
            if entry.id == mismatch {
                entry.digests[0].0[0] ^= 1;
            }
            if entry.id == disagreement {
                let other = SecretKey::from_bytes([99; 32]).client_key();
                let share = &shares(3)[party];
                let keys = pair_keys(share.party());
                *entry = Entry::new((entry.id, other), share, ROUND, &keys);
            }
        }
        let verdicts = run(&lists).map(Result::unwrap);
        for (list, verdicts) in lists.iter().zip(&verdicts) {
            assert_eq!(kept(list, verdicts), [entries(4)[0].id]);
            for (entry, verdict) in list.iter().zip(verdicts) {
                let expected = if entry.id == absent {
                    Err(MissedReason::Absent)
                } else if entry.id == mismatch {
                    Err(MissedReason::Mismatch)
                } else if entry.id == disagreement {
                    Err(MissedReason::Disagreement)
                } else {
                    Ok(())
                };
                assert_eq!(*verdict, expected);
            }
        }
    }
}

/// Runs one honest party against peers that send what they are told to.
fn against(me: PartyId, sent: &[(PartyId, Vec<u8>)]) -> AgreeError {
    let mut links = memory::connect().map(Some);
    let mut own = links[me.index()].take().unwrap();
    for (from, frame) in sent {
        links[from.index()]
            .as_mut()
            .unwrap()
            .send(me, frame.clone())
            .unwrap();
    }
    agree(&mut own, &terms(me, 2), &frozen(&[1])[me.index()]).unwrap_err()
}

/// A link that keeps what came.
struct Recorded {
    link: MemoryLink,
    received: Vec<u8>,
}

impl Link for Recorded {
    fn send(&mut self, to: PartyId, frame: Vec<u8>) -> Result<(), LinkError> {
        self.link.send(to, frame)
    }

    fn recv(&mut self, from: PartyId) -> Result<Vec<u8>, LinkError> {
        let frame = self.link.recv(from)?;
        self.received.extend_from_slice(&frame);
        Ok(frame)
    }
}

/// P0 knows x0 and x1 of every client. If it were told a digest of x2 that it can compute
/// itself, it could try out all that a row may say: a dialing row has few possible values.
#[test]
fn p0_can_not_try_out_whom_a_client_dials() {
    let lists = frozen(&[1, 2, 3]);
    let [p0, p1, p2] = memory::connect();
    let received = std::thread::scope(|scope| {
        for (me, mut link) in [(PartyId::P1, p1), (PartyId::P2, p2)] {
            let list = &lists[me.index()];
            scope.spawn(move || agree(&mut link, &terms(me, 3), list));
        }
        let mut link = Recorded {
            link: p0,
            received: Vec::new(),
        };
        agree(&mut link, &terms(PartyId::P0, 3), &lists[0]).unwrap();
        link.received
    });
    let told = |digest: Digest| received.windows(DIGEST_BYTES).any(|seen| seen == digest.0);
    for client in [1, 2, 3] {
        // P1's share of a right guess, which P0 can make up itself: it knows x0 and x1.
        let [_, guess, _] = shares(client);
        let id = entries(client)[0].id;
        let with = |key| guess.digests(ROUND, id, [key, key])[1];
        // Neither of P0's keys gives what it is told: that takes the key of P1 and P2.
        assert!(!told(with(&KEYS[0])) && !told(with(&KEYS[2])));
        assert!(told(with(&KEYS[1])));
    }
}

#[test]
fn peers_that_say_nonsense_are_blamed() {
    let length = |n: u64| n.to_le_bytes().to_vec();
    let (p0, p1, p2) = (PartyId::P0, PartyId::P1, PartyId::P2);
    let too_long = against(p0, &[(p1, length(1 << 40))]);
    assert!(matches!(
        too_long,
        AgreeError::TooLong {
            peer: PartyId::P1,
            ..
        }
    ));
    for sent in [
        vec![(p1, vec![1, 2, 3])],
        vec![(p1, length(7)), (p1, vec![0; 7])],
        vec![(p1, length(7)), (p1, vec![0; 8])],
        vec![(p1, length(96)), (p1, vec![0; 96])],
    ] {
        let error = against(p0, &sent);
        assert!(
            matches!(
                error,
                AgreeError::Malformed {
                    peer: PartyId::P1,
                    ..
                }
            ),
            "{error}"
        );
    }
    for told in [vec![(p0, length(0))], vec![(p0, length(1)), (p0, vec![77])]] {
        let error = against(p1, &told);
        assert!(
            matches!(
                error,
                AgreeError::Malformed {
                    peer: PartyId::P0,
                    ..
                }
            ),
            "{error}"
        );
    }
    let other_set = vec![
        (p0, length(1)),
        (p0, vec![0]),
        (p2, length(32)),
        (p2, vec![0; 32]),
    ];
    assert_eq!(
        against(p1, &other_set),
        AgreeError::AnotherSet { peer: PartyId::P2 }
    );
}
