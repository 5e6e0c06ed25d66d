//! A page that hears nothing of a client but what changes shows the same as the client.

use mcmix_shared::client::{Action, Changes, View};
use rand_chacha::{
    ChaCha12Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

use crate::world::World;

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;

/// What a page shows that is told of changes only, as bytes.
#[derive(Default)]
struct Page {
    shown: Option<View>,
}

impl Page {
    /// Shows the next view; returns how many bytes that took.
    fn show(&mut self, next: &View) -> usize {
        let changes = match &self.shown {
            None => Some(Changes::whole(next)),
            Some(shown) => Changes::between(shown, next),
        };
        let Some(changes) = changes else {
            return 0;
        };
        let bytes = postcard::to_allocvec(&changes).unwrap();
        let read: Changes = postcard::from_bytes(&bytes).unwrap();
        self.shown = Some(read.apply(self.shown.as_ref()));
        assert_eq!(self.shown.as_ref(), Some(next));
        bytes.len()
    }
}

/// People call, write, take back, block, remove and add each other again.
#[test]
fn changes_lead_to_what_the_client_shows() {
    for seed in 0..6 {
        let mut world = World::new(&["Ada", "Bob", "Cy"], 9000 + seed);
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let mut pages = [Page::default(), Page::default(), Page::default()];
        world.pair(A, B);
        for step in 0..80 {
            match rng.next_u64() % 12 {
                0 | 1 => world.say(A, B, &format!("{step}")),
                2 => world.say(B, A, &"long ".repeat(60)),
                3 => {
                    let messages = world.contact(A, B).messages;
                    if let Some(last) = messages.last() {
                        let (contact, message) = (world.key(B), last.number);
                        world.act(A, Action::CancelText { contact, message });
                    }
                }
                4 => world.look(B, Some(A)),
                5 => {
                    world.add(A, C);
                    world.call(A, C);
                }
                6 => world.add(C, A),
                7 if world.find(A, C).is_some() => world.remove(A, C),
                8 => world.block(B, A),
                9 => world.unblock(B, A),
                10 => world.reload(A),
                _ => {}
            }
            for (callee, caller) in [(A, C), (C, A), (B, A)] {
                if world.rings(callee, caller) {
                    world.accept(callee, caller);
                }
            }
            world.cycle();
            for (node, page) in pages.iter_mut().enumerate() {
                page.show(&world.nodes[node].view());
            }
        }
    }
}

/// However long a conversation is, one more message costs little more than itself.
#[test]
fn an_arrival_costs_one_message() {
    let mut world = World::new(&["Ada", "Bob"], 9100);
    world.pair(A, B);
    let mut page = Page::default();
    page.show(&world.nodes[A].view());
    world.look(A, Some(B));
    world.look(B, Some(A));
    let mut costs = Vec::new();
    for number in 0..150 {
        world.act(A, Action::Touch);
        world.act(B, Action::Touch);
        world.say(B, A, &format!("message {number}"));
        world.cycle();
        costs.push(page.show(&world.nodes[A].view()));
    }
    assert!(world.contact(A, B).messages.len() > 100);
    let most = costs.into_iter().max().unwrap();
    assert!(most < 1200, "{most} bytes");
}
