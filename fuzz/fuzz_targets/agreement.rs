//! The lists of clients and the verdicts that servers send each other: a verdict on each client, or a peer
//! is blamed.
#![no_main]

use std::collections::VecDeque;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mcmix_engine::{Link, LinkError, Suspects};
use mcmix_fuzz::{AnyProgram, Party, SHAPE, secret};
use mcmix_server::clients::Client;
use mcmix_server::intake::Member;
use mcmix_server::round::agree::{Terms, agree};
use mcmix_shared::identity::ClientId;
use mcmix_shared::party::PartyId;
use mcmix_shared::program::{RoundId, Turn};
use mcmix_shared::share::{DealtShare, Digest, DigestKey};

const CLIENTS: usize = 20;

/// What each peer sends, and then nothing.
struct Peers([VecDeque<Vec<u8>>; 3]);

impl Link for Peers {
    fn send(&mut self, _: PartyId, _: Vec<u8>) -> Result<(), LinkError> {
        Ok(())
    }

    fn recv(&mut self, from: PartyId) -> Result<Vec<u8>, LinkError> {
        self.0[from.index()].pop_front().ok_or(LinkError::Closed)
    }
}

/// What a peer sends first.
#[derive(Debug, Arbitrary)]
enum List {
    /// Clients by the first byte of their ids and the bytes of their digests, with the right length.
    Claims(Vec<(u8, u8, u8)>),
    /// Verdicts, with the right length.
    Verdicts(Vec<u8>),
    /// Anything.
    Frames(Vec<Vec<u8>>),
}

impl List {
    fn frames(self) -> VecDeque<Vec<u8>> {
        let list = match self {
            Self::Frames(frames) => return frames.into(),
            Self::Verdicts(list) => list,
            Self::Claims(claims) => claims
                .iter()
                .flat_map(|(id, one, two)| [[*id; 16], [*one; 16], [*two; 16]].concat())
                .collect(),
        };
        [(list.len() as u64).to_le_bytes().to_vec(), list].into()
    }
}

fuzz_target!(|input: (Party, AnyProgram, u8, [List; 3], Vec<Vec<u8>>)| {
    let (me, AnyProgram(program), clients, lists, more) = input;
    let me = PartyId::from(me);
    let client = Client::new(secret(1).client_key(), &[0; 32]);
    let keys = [[2; 32], [3; 32]].map(|key| DigestKey::derive(&key, RoundId(1)));
    let share = vec![0; DealtShare::encoded_bytes(me, SHAPE, program)];
    let share = DealtShare::decode(me, SHAPE, program, &share).expect("the length is right");
    let member = |id: u8| {
        let mut member = Member::new(client, 0, &share, &keys);
        member.client.id = ClientId([id; 16]);
        member.digests = [Digest([id; 16]), Digest([id.wrapping_add(1); 16])];
        member
    };
    let members: Vec<_> = (0..clients).take(CLIENTS).map(member).collect();
    let terms = Terms {
        me,
        round: RoundId(1),
        program,
        turn: Turn(1),
        sort_ways: 2,
        most_clients: CLIENTS,
    };
    let mut peers = Peers(lists.map(List::frames));
    for list in &mut peers.0 {
        list.extend(more.iter().cloned());
    }
    match agree(&mut peers, &terms, &members) {
        Ok(verdicts) => assert_eq!(verdicts.len(), members.len()),
        Err(error) => assert!(!matches!(error.suspects(me), Suspects::Nobody)),
    }
});
