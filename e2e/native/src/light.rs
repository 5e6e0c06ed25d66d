//! A client that only takes part: it links, deals rows that meet nobody in every round, and reads
//! that there are replies. The same frames as any other client's, for a tenth of its work, so that
//! servers can be loaded from beside them.

use std::collections::BTreeMap;

use mcmix_shared::client::{Command, Event};
use mcmix_shared::identity::SecretKey;
use mcmix_shared::manifest::Deployment;
use mcmix_shared::noise::{Initiator, Transport};
use mcmix_shared::party::PartyId;
use mcmix_shared::program::{Program, RoundId, Turn};
use mcmix_shared::share::{DealtShare, deal};
use mcmix_shared::wire::{ClientFrame, Open, ServerFrame, Submit};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::Rng as _;

use crate::raw::idle;

/// Milliseconds after which a link that ended is made again, and as many again at most.
const PAUSE_MS: u64 = 500;

/// A client that only takes part.
pub(crate) struct Light {
    deployment: Deployment,
    key: SecretKey,
    links: [Link; 3],
    /// The newest round of each lane that was dealt for, and what is left of it to hand in.
    dealt: BTreeMap<bool, Dealt>,
}

#[derive(Default)]
enum Link {
    #[default]
    Down,
    Greeting(Box<Initiator>),
    Up {
        transport: Transport,
        /// What it announced last, by lane.
        announced: BTreeMap<bool, (RoundId, Program, Turn)>,
    },
}

struct Dealt {
    round: RoundId,
    program: Program,
    shares: [Option<DealtShare>; 3],
}

impl Light {
    pub(crate) fn new(deployment: Deployment, rng: &mut ChaCha12Rng) -> Self {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        Self {
            deployment,
            key: SecretKey::from_bytes(key),
            links: [Link::Down, Link::Down, Link::Down],
            dealt: BTreeMap::new(),
        }
    }

    pub(crate) fn start() -> Vec<Command> {
        PartyId::ALL.map(Command::Connect).into()
    }

    pub(crate) fn handle(&mut self, event: Event, rng: &mut ChaCha12Rng) -> Vec<Command> {
        match event {
            Event::Opened(party) => {
                let server = &self.deployment.server(party).key;
                let first = &self.deployment.realm().deployment;
                let (initiator, hello) = Initiator::new(first, party, &self.key, server, rng);
                *self.link(party) = Link::Greeting(Box::new(initiator));
                vec![Command::Send(party, hello)]
            }
            Event::Frame(party, bytes) => self.frame(party, &bytes, rng).unwrap_or_else(|| {
                *self.link(party) = Link::Down;
                vec![Command::Disconnect(party), again(rng)]
            }),
            Event::Closed(party) => {
                *self.link(party) = Link::Down;
                vec![again(rng)]
            }
            Event::Wake => {
                let down =
                    |party: &PartyId| matches!(self.links.get(party.index()), Some(Link::Down));
                let down = PartyId::ALL.into_iter().filter(down);
                down.map(Command::Connect).collect()
            }
            _ => Vec::new(),
        }
    }

    const fn link(&mut self, party: PartyId) -> &mut Link {
        let [p0, p1, p2] = &mut self.links;
        match party {
            PartyId::P0 => p0,
            PartyId::P1 => p1,
            PartyId::P2 => p2,
        }
    }

    /// Takes a message in; `None` where it is none of this link.
    fn frame(
        &mut self,
        party: PartyId,
        bytes: &[u8],
        rng: &mut ChaCha12Rng,
    ) -> Option<Vec<Command>> {
        let shape = self.deployment.shape();
        let link = self.link(party);
        match std::mem::take(link) {
            Link::Down => None,
            Link::Greeting(initiator) => {
                let mut transport = initiator.finish(bytes).ok()?;
                let ready = transport.seal(&ClientFrame::Ready.encode()).ok()?;
                let announced = BTreeMap::new();
                *link = Link::Up {
                    transport,
                    announced,
                };
                Some(vec![Command::Send(party, ready)])
            }
            Link::Up {
                mut transport,
                mut announced,
            } => {
                let frame = transport.open(bytes).ok()?;
                let open = match ServerFrame::decode(party, shape, &frame).ok()? {
                    ServerFrame::Open(open) => Some(open),
                    _ => None,
                };
                if let Some(open) = open {
                    let lane = open.program.is_dialing();
                    announced.insert(lane, (open.round, open.program, open.turn));
                }
                *link = Link::Up {
                    transport,
                    announced,
                };
                Some(open.map_or_else(Vec::new, |open| self.take_part(&open, rng)))
            }
        }
    }

    /// Deals once two servers announce the same, and hands in to each that does.
    fn take_part(&mut self, open: &Open, rng: &mut ChaCha12Rng) -> Vec<Command> {
        let lane = open.program.is_dialing();
        let said = (open.round, open.program, open.turn);
        let same = |link: &Link| match link {
            Link::Up { announced, .. } => announced.get(&lane) == Some(&said),
            Link::Down | Link::Greeting(_) => false,
        };
        let announcing = [0, 1, 2].map(|i| self.links.get(i).is_some_and(same));
        if announcing.iter().filter(|it| **it).count() < 2 {
            return Vec::new();
        }
        let newest = self.dealt.get(&lane).map(|dealt| dealt.round);
        if newest.is_none_or(|newest| newest < open.round) {
            let shares = deal(&idle(&self.deployment, open.program, rng), rng).map(Some);
            let (round, program) = (open.round, open.program);
            let dealt = Dealt {
                round,
                program,
                shares,
            };
            self.dealt.insert(lane, dealt);
        }
        let Some(dealt) = self
            .dealt
            .get_mut(&lane)
            .filter(|it| it.round == open.round)
        else {
            return Vec::new();
        };
        let mut sends = Vec::new();
        let places = self.links.iter_mut().zip(&mut dealt.shares).zip(announcing);
        for (party, ((link, share), announces)) in PartyId::ALL.into_iter().zip(places) {
            if let (Link::Up { transport, .. }, true) = (link, announces)
                && let Some(share) = share.take()
            {
                let submit = ClientFrame::Submit(Submit {
                    round: dealt.round,
                    program: dealt.program,
                    share,
                });
                if let Ok(sealed) = transport.seal(&submit.encode()) {
                    sends.push(Command::Send(party, sealed));
                }
            }
        }
        sends
    }
}

fn again(rng: &mut ChaCha12Rng) -> Command {
    Command::WakeAfter(PAUSE_MS + u64::from(rng.next_u32()) % PAUSE_MS)
}
