//! What an observer of a client's wires sees does not depend on what the client does.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use mcmix_native::{Direction, NativeClient, Seen};
use mcmix_shared::client::Action;
use mcmix_shared::noise::SEAL_BYTES;
use mcmix_shared::party::PartyId;
use mcmix_shared::program::{Program, RoundId, Turn};
use mcmix_shared::row::Shape;
use mcmix_shared::wire::{ClientFrame, FailedReason, MissedReason, Open, Refusal, ServerFrame};

use crate::conversation::{introduce, say};
use crate::world::{World, soon};

/// A client and all that was seen on its wires.
struct Observed {
    client: NativeClient,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Observed {
    fn start(world: &World, name: &str) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let observe = move |message| log.lock().unwrap().push(message);
        let client = world.identity(name);
        let client = NativeClient::start_observed(client, world.deployment(), observe);
        Self { client, seen }
    }

    /// All that was seen on one wire.
    fn wire(&self, party: PartyId) -> Vec<(Direction, usize)> {
        let seen = self.seen.lock().unwrap();
        let here = seen.iter().filter(|seen| seen.party == party);
        here.map(|seen| (seen.direction, seen.bytes)).collect()
    }
}

/// Whether a message says that a round has no reply, or that a share came late: the affair of
/// the machine's load, not of what a client does.
fn is_excuse(message: (Direction, usize)) -> bool {
    let (round, program) = (RoundId(0), Program::Conversation);
    let frames = [
        ServerFrame::Missed {
            round,
            program,
            reason: MissedReason::Absent,
        },
        ServerFrame::Failed {
            round,
            program,
            reason: FailedReason::Broken,
        },
        ServerFrame::Refused {
            reason: Refusal::Late,
        },
    ];
    let mut excuses = frames.iter().map(|frame| frame.encode().len() + SEAL_BYTES);
    message.0 == Direction::Down && excuses.any(|bytes| bytes == message.1)
}

/// The kinds of messages on a wire: direction and length.
fn kinds(wire: &[(Direction, usize)]) -> BTreeSet<(bool, usize)> {
    let kinds = wire.iter().filter(|message| !is_excuse(**message));
    kinds
        .map(|&(way, bytes)| (way == Direction::Up, bytes))
        .collect()
}

/// Holds a wire to its grammar: the same beginning for everyone, and then one reply to each
/// submission, or an excuse.
fn check_order(wire: &[(Direction, usize)], party: PartyId, shape: Shape) {
    use Direction::{Down, Up};
    let beginning: Vec<Direction> = wire.iter().map(|&(way, _)| way).take(4).collect();
    assert_eq!(beginning, [Up, Down, Up, Down], "{party}");
    let open = ServerFrame::Open(Open {
        round: RoundId(0),
        program: Program::Conversation,
        turn: Turn(0),
        closes_in_ms: 0,
        online: 0,
    });
    let open_bytes = open.encode().len();
    // P2's reply to a dial has the length of an announcement: there lengths tell nothing.
    let told: Vec<_> = Program::ALL
        .into_iter()
        .filter(|program| ServerFrame::reply_bytes(party, shape, *program) != open_bytes)
        .collect();
    let sizes = |bytes: fn(PartyId, Shape, Program) -> usize| -> Vec<usize> {
        let programs = told.iter();
        programs
            .map(|program| bytes(party, shape, *program) + SEAL_BYTES)
            .collect()
    };
    let submits = sizes(ClientFrame::submit_bytes);
    let replies = sizes(ServerFrame::reply_bytes);
    let (mut waiting, mut excused) = (0, 0);
    for &(way, bytes) in wire {
        if way == Up && submits.contains(&bytes) {
            waiting += 1;
        } else if way == Down && replies.contains(&bytes) {
            waiting -= 1;
        } else if is_excuse((way, bytes)) {
            excused += 1;
        }
        // Of each program one round is collected, one may wait behind P0, and one is computed.
        let expected = 0..=6 + excused;
        assert!(
            expected.contains(&waiting),
            "{party}: {waiting} without reply"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_dialing_and_chatting_clients_look_the_same() {
    let world = World::start().await;
    let mut idle = Observed::start(&world, "idle");
    let dialing = Observed::start(&world, "dialing");
    let mut alice = Observed::start(&world, "Alice");
    let mut bob = Observed::start(&world, "Bob");
    // Calls somebody who is not there, all the time.
    let nobody = world.identity("nobody").view();
    let (nobody, realm) = (nobody.own, nobody.realm);
    dialing.client.act(Action::AddContact {
        link: nobody.to_link("http://127.0.0.1", &realm),
    });
    dialing.client.act(Action::Call(nobody.key));
    introduce(&mut alice.client, &mut bob.client).await;
    say(&mut alice.client, &mut bob.client, "not to be seen").await;
    // Everyone goes through two more rounds, so that all traces have all kinds of frames.
    let start = idle.client.view().conversation.unwrap().round;
    let later = idle.client.until(|view| {
        view.conversation
            .is_some_and(|round| round.round.0 > start.0 + 6)
    });
    soon("some more rounds", later).await.unwrap();

    let shape = world.deployment().shape();
    for party in PartyId::ALL {
        let expected = idle.wire(party);
        for client in [&idle, &dialing, &alice, &bob] {
            let wire = client.wire(party);
            assert_eq!(kinds(&wire), kinds(&expected), "{party}");
            check_order(&wire, party, shape);
        }
    }
}
