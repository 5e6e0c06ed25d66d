//! Three parties that agree, and peers and clients that cheat.

mod uniform;

use mcmix_engine::link::memory::{self, MemoryLink};
use mcmix_shared::identity::SecretKey;
use mcmix_shared::row::Shape;
use mcmix_shared::share::{DealtShare, DigestKey};

use super::*;
use crate::clients::Client;

const ROUND: RoundId = RoundId(7);

const SHAPE: Shape = Shape {
    slots: 3,
    message_bytes: 128,
};

/// What a client deals to the three parties of a dialing round, all from one secret byte.
fn shares(client: u8) -> [DealtShare; 3] {
    dealt(client, Program::Open, |_| {})
}

/// The same, of a program, with something changed in one copy of a component.
fn dealt(client: u8, program: Program, change: impl Fn(&mut [Vec<u8>; 3])) -> [DealtShare; 3] {
    let [s0, s1, s2] = [client, client ^ 0xff, client ^ 0x55].map(|byte| vec![byte; 16]);
    let s2 = if program.is_dialing() { s2 } else { Vec::new() };
    let x2 = vec![client; SHAPE.submission_bytes(program)];
    let heads = vec![client; SHAPE.heads_bytes(program)];
    let mut shares = [
        [&s0[..], &s1].concat(),
        [s1, heads].concat(),
        [x2, s0, s2].concat(),
    ];
    change(&mut shares);
    PartyId::ALL
        .map(|party| DealtShare::decode(party, SHAPE, program, &shares[party.index()]).unwrap())
}

/// A client at the three parties.
fn members(client: u8) -> [Member; 3] {
    members_of(client, shares(client))
}

fn members_of(client: u8, shares: [DealtShare; 3]) -> [Member; 3] {
    let key = SecretKey::from_bytes([client; 32]).client_key();
    shares.map(|share| {
        let keys = digest_keys(&KEYS, share.party(), ROUND);
        Member::new(Client::new(key, &[0; 32]), 0, &share, &keys)
    })
}

fn frozen(clients: &[u8]) -> [Vec<Member>; 3] {
    lists(clients.iter().map(|&client| members(client)))
}

fn lists(clients: impl Iterator<Item = [Member; 3]>) -> [Vec<Member>; 3] {
    let mut lists = [const { Vec::new() }; 3];
    for members in clients {
        for (list, member) in lists.iter_mut().zip(members) {
            list.push(member);
        }
    }
    for list in &mut lists {
        list.sort_by_key(|member| member.client.id);
    }
    lists
}

/// Keys of P0 and P1, P1 and P2, P2 and P0.
const KEYS: [[u8; 32]; 3] = [[1; 32], [12; 32], [20; 32]];

/// A round's keys with the previous and the next party.
fn digest_keys(keys: &[[u8; 32]; 3], me: PartyId, round: RoundId) -> [DigestKey; 2] {
    [me.prev(), me].map(|pair| DigestKey::derive(&keys[pair.index()], round))
}

fn terms(me: PartyId, most_clients: usize) -> Terms {
    Terms {
        me,
        round: ROUND,
        program: Program::Open,
        turn: Turn(3),
        sort_ways: 2,
        most_clients,
    }
}

/// Two parties that differ in anything about a round compare different bytes.
#[test]
fn what_is_compared_is_of_one_round() {
    let [list, ..] = frozen(&[1, 2, 3]);
    let kept: Vec<&Member> = list.iter().collect();
    let of = || terms(PartyId::P0, 10);
    let mut seen = Vec::new();
    for (terms, kept, component) in [
        (of(), &kept[..], 0),
        (of(), &kept[..], 1),
        (of(), &kept[1..], 0),
        (
            Terms {
                round: RoundId(8),
                ..of()
            },
            &kept[..],
            0,
        ),
        (
            Terms {
                program: Program::Contacts,
                ..of()
            },
            &kept[..],
            0,
        ),
        (
            Terms {
                turn: Turn(4),
                ..of()
            },
            &kept[..],
            0,
        ),
        (
            Terms {
                sort_ways: 3,
                ..of()
            },
            &kept[..],
            0,
        ),
    ] {
        let digest = set_digest(&terms, kept, component);
        assert!(!seen.contains(&digest));
        seen.push(digest);
    }
}

fn run(lists: &[Vec<Member>; 3]) -> [Result<Verdicts, AgreeError>; 3] {
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
fn kept(list: &[Member], verdicts: &Verdicts) -> Vec<ClientId> {
    let pairs = list.iter().zip(verdicts);
    pairs
        .filter(|(_, verdict)| verdict.is_ok())
        .map(|(member, _)| member.client.id)
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
        // One client is missing at one party, and another dealt it something else.
        let [absent, mismatch] = [1, 2].map(|i| members(i)[0].client.id);
        lists[party].retain(|member| member.client.id != absent);
        for member in &mut lists[party] {
            if member.client.id == mismatch {
                member.digests[0].0[0] ^= 1;
            }
        }
        let verdicts = run(&lists).map(Result::unwrap);
        for (list, verdicts) in lists.iter().zip(&verdicts) {
            let mut others = [3, 4].map(|i| members(i)[0].client.id);
            others.sort();
            assert_eq!(kept(list, verdicts), others);
            for (member, verdict) in list.iter().zip(verdicts) {
                let expected = if member.client.id == absent {
                    Err(MissedReason::Absent)
                } else if member.client.id == mismatch {
                    Err(MissedReason::Mismatch)
                } else {
                    Ok(())
                };
                assert_eq!(*verdict, expected);
            }
        }
    }
}

/// Of each component that two parties hold, one copy is changed: s0, s1, heads of x2. What P2
/// holds alone, messages of x2 and s2, nobody can compare, and it spoils its owner's row alone.
#[test]
fn copies_that_differ_are_found_wherever_there_are_two() {
    for program in Program::ALL {
        let (heads, x2) = (SHAPE.heads_bytes(program), SHAPE.submission_bytes(program));
        let mut cases = vec![
            ("s0 at P0", 0, 0, false),
            ("s1 at P0", 0, 16, false),
            ("s1 at P1", 1, 0, false),
            ("heads of x2 at P1", 1, 16, false),
            ("last head of x2 at P1", 1, 16 + heads - 1, false),
            ("heads of x2 at P2", 2, 0, false),
            ("last head of x2 at P2", 2, heads - 1, false),
            ("s0 at P2", 2, x2, false),
            ("messages of x2 at P2", 2, heads, true),
        ];
        if program.is_dialing() {
            cases.push(("s2 at P2", 2, x2 + 16, true));
        }
        for (what, party, at, is_kept) in cases {
            let changed = dealt(1, program, |shares| shares[party][at] ^= 1);
            let lists = lists([members_of(1, changed), members(2)].into_iter());
            for (list, verdicts) in lists.iter().zip(run(&lists)) {
                let kept = kept(list, &verdicts.unwrap());
                assert!(kept.contains(&members(2)[0].client.id));
                assert_eq!(
                    kept.contains(&members(1)[0].client.id),
                    is_kept,
                    "{program}: {what}"
                );
            }
        }
    }
}

/// P0 opened one round to P1 and another one to P2.
#[test]
fn parties_that_were_told_different_rounds_compute_nothing() {
    let changes: [fn(&mut Terms); 4] = [
        |terms| terms.program = Program::Contacts,
        |terms| terms.turn = Turn(4),
        |terms| terms.sort_ways = 8,
        |terms| terms.round = RoundId(8),
    ];
    let lists = frozen(&[1, 2]);
    for change in changes {
        let [mut p0, mut p1, mut p2] = memory::connect();
        std::thread::scope(|scope| {
            scope.spawn(|| agree(&mut p0, &terms(PartyId::P0, 9), &lists[0]));
            let p2 = scope.spawn(|| {
                let mut terms = terms(PartyId::P2, 9);
                change(&mut terms);
                agree(&mut p2, &terms, &lists[2])
            });
            let p1 = agree(&mut p1, &terms(PartyId::P1, 9), &lists[1]);
            assert_eq!(p1, Err(AgreeError::AnotherSet { peer: PartyId::P2 }));
            let p2 = p2.join().unwrap();
            assert_eq!(p2, Err(AgreeError::AnotherSet { peer: PartyId::P1 }));
        });
    }
}

/// What P1 and P2 get from a P0 that says what it likes of each client, and then that all is well.
fn led_by_a_liar(
    lists: &[Vec<Member>; 3],
    says: [Verdicts; 2],
) -> [Result<Verdicts, AgreeError>; 2] {
    let [mut p0, mut p1, mut p2] = memory::connect();
    std::thread::scope(|scope| {
        let p1 = scope.spawn(|| agree(&mut p1, &terms(PartyId::P1, 9), &lists[1]));
        let p2 = scope.spawn(|| agree(&mut p2, &terms(PartyId::P2, 9), &lists[2]));
        let all = vec![Ok(()); lists[0].len()];
        for (peer, verdicts) in [PartyId::P1, PartyId::P2].into_iter().zip(says) {
            receive_claims(&mut p0, peer, 9).unwrap();
            send(&mut p0, peer, &write_verdicts(&verdicts)).unwrap();
        }
        // Both digests fit: P0 holds s0 and s1 as P2 and P1 do.
        assert_eq!(
            confirm(&mut p0, &terms(PartyId::P0, 9), &lists[0], &all),
            Ok(())
        );
        [p1, p2].map(|party| party.join().unwrap())
    })
}

/// A client gives P1 and P2 different x2. With an honest P0 it is left out alone; a P0 that is in
/// league with it, and says that its digests fit, has only kept the round from happening: both
/// honest parties stop before anything is computed, and neither blames the other alone.
#[test]
fn two_versions_of_x2_are_found_though_p0_lies() {
    for program in Program::ALL {
        let at = SHAPE.heads_bytes(program) - 1;
        let changed = dealt(1, program, |shares| shares[2][at] ^= 1);
        let lists = lists([members_of(1, changed), members(2)].into_iter());
        for (list, verdicts) in lists.iter().zip(run(&lists)) {
            assert_eq!(kept(list, &verdicts.unwrap()), [members(2)[0].client.id]);
        }
        let [p1, p2] = led_by_a_liar(&lists, [(); 2].map(|()| vec![Ok(()); 2]));
        assert_eq!(p1, Err(AgreeError::AnotherSet { peer: PartyId::P2 }));
        assert_eq!(p2, Err(AgreeError::AnotherSet { peer: PartyId::P1 }));
        assert_eq!(
            p1.unwrap_err().suspects(PartyId::P1),
            Suspects::Two(PartyId::P2, PartyId::P0)
        );
    }
}

/// P0 leaves out a client at P1 and not at P2.
#[test]
fn parties_that_were_told_different_sets_compute_nothing() {
    let lists = frozen(&[1, 2]);
    let [mut p0, mut p1, mut p2] = memory::connect();
    std::thread::scope(|scope| {
        let p1 = scope.spawn(|| agree(&mut p1, &terms(PartyId::P1, 9), &lists[1]));
        let p2 = scope.spawn(|| agree(&mut p2, &terms(PartyId::P2, 9), &lists[2]));
        let told = [vec![Err(MissedReason::Absent), Ok(())], vec![Ok(()); 2]];
        for (peer, verdicts) in [PartyId::P1, PartyId::P2].into_iter().zip(&told) {
            receive_claims(&mut p0, peer, 9).unwrap();
            send(&mut p0, peer, &write_verdicts(verdicts)).unwrap();
            // Whatever it takes for that peer to see no difference from P0 itself.
            let judged = lists[0].iter().zip(verdicts);
            let kept = judged.filter_map(|(member, verdict)| verdict.is_ok().then_some(member));
            let kept: Vec<_> = kept.collect();
            let set = set_digest(
                &terms(PartyId::P0, 9),
                &kept,
                usize::from(peer == PartyId::P1),
            );
            send(&mut p0, peer, &set).unwrap();
        }
        let [p1, p2] = [p1, p2].map(|party| party.join().unwrap());
        assert_eq!(p1, Err(AgreeError::AnotherSet { peer: PartyId::P2 }));
        assert_eq!(p2, Err(AgreeError::AnotherSet { peer: PartyId::P1 }));
    });
}

/// P1 or P2 lies about a client's digest to P0: the client is left out. It lies about the set
/// afterwards: nothing is computed. More a lie can not do.
#[test]
fn a_party_that_lies_about_digests_can_only_deny() {
    for liar in [PartyId::P1, PartyId::P2] {
        let mut lying = frozen(&[1, 2]);
        let lied = lying[liar.index()][0].client.id;
        lying[liar.index()][0].digests[1].0[3] ^= 1;
        for (list, verdicts) in lying.iter().zip(run(&lying)) {
            assert!(!kept(list, &verdicts.unwrap()).contains(&lied));
        }
        // To both peers it now names another set than to P0 before.
        let lists = frozen(&[1, 2]);
        let mut links = memory::connect().map(Some);
        let mut own = links[liar.index()].take().unwrap();
        std::thread::scope(|scope| {
            let honest = [liar.next(), liar.prev()].map(|me| {
                let (mut link, list) = (links[me.index()].take().unwrap(), &lists[me.index()]);
                // The link comes back with the result: closed early, it would be what the other
                // honest party hears of.
                scope.spawn(move || (agree(&mut link, &terms(me, 9), list), link))
            });
            follow(&mut own, &lists[liar.index()]).unwrap();
            let lie = Terms {
                turn: Turn(99),
                ..terms(liar, 9)
            };
            let all = vec![Ok(()); 2];
            confirm(&mut own, &lie, &lists[liar.index()], &all).unwrap_err();
            let honest = honest.map(|party| party.join().unwrap());
            for (me, (result, _link)) in [liar.next(), liar.prev()].into_iter().zip(honest) {
                let error = result.unwrap_err();
                assert_eq!(error, AgreeError::AnotherSet { peer: liar });
                assert_eq!(error.suspects(me), Suspects::of_check(me));
            }
        });
    }
}

/// Two keys with one id take 2^64 tries; whoever has them must not end a round for all by showing
/// one to a server and the other to the next.
#[test]
fn another_key_of_the_same_id_leaves_out_its_owner_alone() {
    for party in 0..3 {
        let mut lists = frozen(&[1, 2, 3]);
        let id = members(2)[0].client.id;
        let place = lists[party]
            .iter()
            .position(|member| member.client.id == id)
            .unwrap();
        let shares = shares(2);
        let keys = digest_keys(&KEYS, PartyId::ALL[party], ROUND);
        let other = SecretKey::from_bytes([77; 32]).client_key();
        lists[party][place] = Member::new(Client { id, key: other }, 0, &shares[party], &keys);
        for (list, verdicts) in lists.iter().zip(run(&lists)) {
            let kept = kept(list, &verdicts.unwrap());
            assert!(kept.len() == 2 && !kept.contains(&id));
        }
    }
}

/// P0 leaves a client out at P2 and not at P1: they would compute on different rows.
#[test]
fn p0_that_tells_two_sets_is_found_out() {
    let lists = frozen(&[1, 2]);
    let [mut p0, mut p1, mut p2] = memory::connect();
    std::thread::scope(|scope| {
        let own = &lists[0];
        scope.spawn(move || {
            let absent = MissedReason::Absent.code();
            for (peer, verdicts) in [(PartyId::P1, [0, 0]), (PartyId::P2, [0, absent])] {
                receive(&mut p0, peer, 1000).unwrap();
                send(&mut p0, peer, &verdicts).unwrap();
            }
            // To each the set that it told it of.
            let terms = terms(PartyId::P0, 9);
            for (peer, kept, digest) in [(PartyId::P1, 2, 1), (PartyId::P2, 1, 0)] {
                let kept: Vec<_> = own.iter().take(kept).collect();
                let set = set_digest(&terms, &kept, digest);
                send(&mut p0, peer, &set).unwrap();
            }
            for peer in [PartyId::P1, PartyId::P2] {
                receive(&mut p0, peer, 1000).unwrap();
            }
        });
        let p2 = scope.spawn(|| agree(&mut p2, &terms(PartyId::P2, 9), &lists[2]));
        let p1 = agree(&mut p1, &terms(PartyId::P1, 9), &lists[1]);
        assert_eq!(p1, Err(AgreeError::AnotherSet { peer: PartyId::P2 }));
        let p2 = p2.join().unwrap();
        assert_eq!(p2, Err(AgreeError::AnotherSet { peer: PartyId::P1 }));
    });
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
        let id = members(client)[0].client.key;
        let with = |key| {
            let key = DigestKey::derive(key, ROUND);
            guess.digests(&id, &[key.clone(), key])[1]
        };
        // Neither of P0's keys gives what it is told: that takes the key of P1 and P2.
        assert!(!told(with(&KEYS[0])) && !told(with(&KEYS[2])));
        assert!(told(with(&KEYS[1])));
    }
}

#[test]
fn peers_that_say_nonsense_are_blamed() {
    let length = |n: u64| n.to_le_bytes().to_vec();
    let (p0, p1) = (PartyId::P0, PartyId::P1);
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
        (p0, length(32)),
        (p0, vec![0; 32]),
    ];
    assert_eq!(
        against(p1, &other_set),
        AgreeError::AnotherSet { peer: PartyId::P0 }
    );
    let short_set = vec![
        (p0, length(1)),
        (p0, vec![0]),
        (p0, length(31)),
        (p0, vec![0; 31]),
    ];
    assert_eq!(
        against(p1, &short_set),
        AgreeError::AnotherSet { peer: PartyId::P0 }
    );
}
