//! What rounds do with what clients hand in, by the real servers.

use mcmix_shared::identity::{ClientId, SecretKey};
use mcmix_shared::program::{Program, RoundId};
use mcmix_shared::row::{ConversationRow, DialRow, Pass, Role, Submission, Tag};
use mcmix_shared::share::{DealtShare, ReplyRow, Seed, check_payload, deal};

use crate::world::World;
use mcmix_native::raw::{Late, RawClient, dial_nobody, rng};

fn key(byte: u8) -> SecretKey {
    SecretKey::from_bytes([byte; 32])
}

fn id(world: &World, byte: u8) -> ClientId {
    let realm = world.deployment().realm();
    key(byte).client_key().id(&realm.deployment)
}

/// Hands in for one and the same round of a program, and returns it.
async fn submit_all(
    program: Program,
    clients: &mut [RawClient],
    dealt: &[[DealtShare; 3]],
) -> RoundId {
    let mut opened = Vec::new();
    for client in clients.iter_mut() {
        opened.push(client.open_round(program).await.unwrap().round);
    }
    // Whoever heard of an earlier round passes it over.
    let round = *opened.iter().max().unwrap();
    for ((client, opened), shares) in clients.iter_mut().zip(opened).zip(dealt) {
        if opened < round {
            // It may have passed meanwhile; then it is sent in too late.
            while client.open_round(program).await.unwrap().round < round {}
        }
        client.send(round, program, shares.clone().map(Some)).await;
    }
    round
}

/// Returns the messages that came back to each, which all three servers vouch for.
async fn replies(
    program: Program,
    clients: &mut [RawClient],
    dealt: &[[DealtShare; 3]],
) -> Vec<Vec<Vec<u8>>> {
    loop {
        let round = submit_all(program, clients, dealt).await;
        let mut replies = Vec::new();
        for client in clients.iter_mut() {
            replies.push(client.reply(round, program).await.unwrap());
        }
        let in_time: Result<Vec<_>, Late> = replies.into_iter().collect();
        let Ok(rows) = in_time else { continue };
        assert!(rows.iter().flatten().all(|row| row.disagreement.is_none()));
        let messages = |rows: Vec<ReplyRow>| rows.into_iter().map(|row| row.message).collect();
        return rows.into_iter().map(messages).collect();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_rows_with_one_tag_and_both_roles_are_swapped() {
    let world = World::start().await;
    let deployment = world.deployment();
    let shape = deployment.shape();
    let mut clients = Vec::new();
    for byte in [1, 2, 3] {
        clients.push(RawClient::connect(deployment, &key(byte)).await.unwrap());
    }
    let row = |tag: u64, role, fill| ConversationRow {
        tag: Tag(tag << 2),
        role,
        message: vec![fill; shape.message_bytes],
    };
    // The lowest bits of a tag are not compared. Two meet in another slot each; a third has the tag of
    // one of them in the same role.
    let rows = [
        [
            row(1, Role::Lower, 11),
            row(2, Role::Lower, 12),
            row(3, Role::Lower, 13),
        ],
        [
            row(4, Role::Higher, 21),
            row(5, Role::Lower, 22),
            row(2, Role::Higher, 23),
        ],
        [
            row(4, Role::Higher, 31),
            row(6, Role::Lower, 32),
            row(7, Role::Higher, 33),
        ],
    ];
    let dealt: Vec<_> = rows
        .iter()
        .map(|rows| deal(&Submission::conversation(shape, rows), &mut rng()))
        .collect();
    let got = replies(Program::Conversation, &mut clients, &dealt).await;
    let expected = [[11, 23, 13], [21, 22, 12], [31, 32, 33]];
    let expected = expected.map(|fills| fills.map(|fill| vec![fill; shape.message_bytes]));
    assert_eq!(got, expected);
}

/// Returns the payload of the check row that goes with a dealt dial row.
fn own_payload(dealt: &[DealtShare; 3]) -> Vec<u8> {
    let [p0, _, p2] = dealt.each_ref().map(DealtShare::encode);
    let seed = |bytes: &[u8]| Seed::from_bytes(bytes.try_into().unwrap());
    let seeds = [&p0[..16], &p0[16..], &p2[p2.len() - 16..]].map(seed);
    check_payload(seeds.each_ref()).to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dial_reaches_whom_it_names_and_nobody_else_gets_anything() {
    let world = World::start().await;
    let (bob, carol) = (id(&world, 2), id(&world, 3));
    let passes = [1, 2, 3].map(|byte| Pass::from_bytes([byte; 16]));
    let [_, bobs_pass, carols_pass] = &passes;
    let mut clients = Vec::new();
    for byte in [1, 2, 3] {
        clients.push(
            RawClient::connect(world.deployment(), &key(byte))
                .await
                .unwrap(),
        );
    }
    let to = |id, pass: &Pass, fill| DialRow {
        id,
        pass: pass.clone(),
        message: [fill; 200],
        ..dial_nobody(&mut rng())
    };
    // Alice dials Bob with his pass, and Bob Carol with a pass that is not hers.
    for (program, carol_is_reached) in [(Program::Contacts, false), (Program::Open, true)] {
        assert_ne!(bobs_pass, carols_pass);
        let rows = [
            to(bob, bobs_pass, 77),
            to(carol, bobs_pass, 88),
            dial_nobody(&mut rng()),
        ];
        let dealt: Vec<_> = rows
            .into_iter()
            .zip(&passes)
            .map(|(row, own_pass)| DialRow {
                own_pass: own_pass.clone(),
                ..row
            })
            .map(|row| deal(&Submission::dialing(&row), &mut rng()))
            .collect();
        let own: Vec<_> = dealt.iter().map(own_payload).collect();
        let got = replies(program, &mut clients, &dealt).await.concat();
        assert_eq!(got[0], own[0], "who dials learns nothing");
        assert_eq!(got[1], [77; 200]);
        if carol_is_reached {
            assert_eq!(got[2], [88; 200]);
        } else {
            assert_eq!(got[2], own[2], "{program}");
        }
    }
}
