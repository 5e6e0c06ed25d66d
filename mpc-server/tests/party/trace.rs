//! What an observer of a client's wires sees does not depend on what the client does.

use std::sync::{Arc, Mutex};

use mcmix_server::native::{Direction, NativeClient, Seen};
use mcmix_shared::client::Action;
use mcmix_shared::party::PartyId;

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

    /// The lengths on one wire in one direction, from the first of a length on.
    fn lengths(&self, party: PartyId, direction: Direction) -> Vec<usize> {
        let seen = self.seen.lock().unwrap();
        let here = seen
            .iter()
            .filter(|s| s.party == party && s.direction == direction);
        here.map(|s| s.bytes).collect()
    }
}

/// Counts of each length, in order of length.
fn kinds(lengths: &[usize]) -> Vec<usize> {
    let mut kinds = lengths.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_dialing_and_chatting_clients_look_the_same() {
    let world = World::start().await;
    let mut idle = Observed::start(&world, "idle");
    let dialing = Observed::start(&world, "dialing");
    let mut alice = Observed::start(&world, "Alice");
    let mut bob = Observed::start(&world, "Bob");
    // Calls somebody who is not there, all the time.
    let nobody = world.identity("nobody").view().own;
    dialing.client.act(Action::AddContact {
        link: nobody.to_link("http://127.0.0.1"),
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

    for party in PartyId::ALL {
        for direction in [Direction::Up, Direction::Down] {
            let expected = idle.lengths(party, direction);
            for other in [&dialing, &alice, &bob] {
                let lengths = other.lengths(party, direction);
                assert_eq!(kinds(&lengths), kinds(&expected), "{party} {direction:?}");
            }
        }
    }
}
