//! Writes the seeds: inputs that are right, where a fuzzer would take long to come upon one.
//!
//! `./mcmix fuzz --seeds`, once a layout has changed.

use std::fs;
use std::path::Path;

// Whatever is built for the fuzzer is linked with its probes' other end.
use libfuzzer_sys as _;
use mcmix_fuzz::{SHAPE, deployment, secret};
use mcmix_shared::identity::{Invite, Name, SafetyNumber};
use mcmix_shared::party::PartyId;
use mcmix_shared::program::{Program, RoundId, Turn};
use mcmix_shared::share::{DealtShare, reply_body_bytes};
use mcmix_shared::wire::{
    ClientFrame, FailedReason, MissedReason, Open, Refusal, Reply, ServerFrame, Submit, Welcome,
};

const ROUND: RoundId = RoundId(7);

fn main() {
    let folder = std::env::args().nth(1).expect("the folder to write to");
    let folder = Path::new(&folder);
    let all = [
        ("call", vec![call()]),
        ("call_answer", vec![[call(), vec![3]].concat()]),
        ("client_frame", client_frames()),
        ("invite_link", vec![invite()]),
        ("manifest", vec![deployment().to_json().into_bytes()]),
        ("packet", vec![packet()]),
        ("pasted_text", texts()),
        ("peer_hello", vec![hello()]),
        ("server_frame", server_frames()),
    ];
    for (target, seeds) in all {
        let folder = folder.join(target);
        fs::create_dir_all(&folder).expect("a folder");
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("{number:02}")), seed).expect("a file");
        }
    }
}

/// A frame as the targets take it: behind the party's number.
fn of(party: PartyId, frame: &[u8]) -> Vec<u8> {
    let party = u8::try_from(party.index()).expect("there are three");
    [&[party], frame].concat()
}

fn client_frames() -> Vec<Vec<u8>> {
    let mut all = vec![of(PartyId::P0, &ClientFrame::Ready.encode())];
    for party in PartyId::ALL {
        for program in Program::ALL {
            let bytes = vec![3; DealtShare::encoded_bytes(party, SHAPE, program)];
            let share = DealtShare::decode(party, SHAPE, program, &bytes).expect("the length");
            let frame = ClientFrame::Submit(Submit {
                round: ROUND,
                program,
                share,
            });
            all.push(of(party, &frame.encode()));
        }
    }
    all
}

fn server_frames() -> Vec<Vec<u8>> {
    let program = Program::Open;
    let mut all: Vec<_> = [
        ServerFrame::Welcome(Welcome::new(PartyId::P0, deployment(), 5)),
        ServerFrame::Open(Open {
            round: ROUND,
            program,
            turn: Turn(4),
            closes_in_ms: 900,
            online: 5,
        }),
        ServerFrame::Missed {
            round: ROUND,
            program,
            reason: MissedReason::Absent,
        },
        ServerFrame::Failed {
            round: ROUND,
            program,
            reason: FailedReason::from_code(1).expect("a reason"),
        },
        ServerFrame::Stopped,
        ServerFrame::Refused {
            reason: Refusal::Late,
        },
    ]
    .iter()
    .map(|frame| of(PartyId::P0, &frame.encode()))
    .collect();
    for party in PartyId::ALL {
        for program in Program::ALL {
            let frame = ServerFrame::Reply(Reply {
                round: ROUND,
                program,
                body: vec![3; reply_body_bytes(party, SHAPE, program)],
            });
            all.push(of(party, &frame.encode()));
        }
    }
    all
}

fn invite() -> Vec<u8> {
    let invite = Invite {
        key: secret(1).client_key(),
        name: Name::new("Ada Ü").expect("a name"),
    };
    let link = invite.to_link("https://chat.example", &deployment().realm());
    link.into_bytes()
}

fn texts() -> Vec<Vec<u8>> {
    let key = secret(1).client_key();
    let number = SafetyNumber::of(&deployment().realm(), &key, &secret(2).client_key());
    [
        key.to_text(),
        secret(10).server_key().to_text(),
        secret(1).to_text().as_str().to_owned(),
        number.to_code(),
        number.to_string(),
    ]
    .map(String::into_bytes)
    .to_vec()
}

/// A payload: version, flags, the name's length, name, seed, resume id, until, places, zero.
fn call() -> Vec<u8> {
    let mut name = [0; 64];
    name[..3].copy_from_slice(b"Ada");
    [
        &[2, 0, 3][..],
        &name,
        &[4; 16],
        &[5; 8],
        &[6; 8],
        &[0xff, 0, 0, 0],
        &[0],
    ]
    .concat()
}

/// A packet with an item of each kind.
fn packet() -> Vec<u8> {
    [
        &[1, 2, 3, 4, 5, 0, 0, 0, 6, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0][..],
        &[5, 8, 0, 0, 0, 9, 0, 1, b'r'],
        &[4, 8, 0, 0, 0, 9, 0, 1, b'r'],
        &[3, 10, 0, 0, 0, 2, 0, 0],
        &[1, 13, 0, 0, 0, 1, 0, 3, b'h', b'e', b'y'],
        &[2, 15, 0, 0, 0, 0, 0, 2, 0xaa, 0xbb],
        &[6, 0, 0, 0, 0, 0, 0, 0],
        &[0, 0, 0],
    ]
    .concat()
}

/// An introduction by P1: version, party, deployment, round, turn, contribution.
fn hello() -> Vec<u8> {
    [&[1, 3, 1][..], &[5; 32], &[7, 4], &[9; 32]].concat()
}
