//! Honest parties under random schedules of breaks, restarts, losses and delays: none ever blames
//! another, none says anything twice, and all go on as soon as they can.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// A clock that no number of aborts stops: here links break far more often than anywhere else, so
/// that a round which one party finished is now and then one that another one lost.
fn patient(me: PartyId, position: Position) -> Clock {
    let mut clock = clock(me, position);
    clock.aborts = Tally::new(Patience {
        aborts: usize::MAX,
        ..PATIENCE
    });
    clock
}

/// `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }

    fn party(&mut self) -> PartyId {
        PartyId::ALL[self.roll(3)]
    }
}

/// What one end of a link is still to hear, in order, over the link as it is now and before.
#[derive(Default)]
struct Wire {
    events: VecDeque<Input>,
}

/// The link of a party with the next.
#[derive(Clone, Copy, Default)]
struct Cable {
    is_whole: bool,
    /// How often it was made. An end that has not heard of the last time sends into nothing.
    made: u32,
    /// What the dialing end and the other one have heard.
    heard: [u32; 2],
}

struct World {
    dice: Dice,
    now: Time,
    clocks: [Clock; 3],
    /// By receiver and sender.
    wires: BTreeMap<(PartyId, PartyId), Wire>,
    /// By the party that dials.
    cables: [Cable; 3],
    computing: BTreeMap<RoundId, BTreeSet<PartyId>>,
    /// What P1 and P2 told their clients.
    announced: BTreeMap<RoundId, (Program, Turn)>,
    /// The last turn that each party told its clients.
    turns: [Turn; 3],
    opened: usize,
    declined: usize,
    /// Whether a party may lose its memory: the two others know enough.
    may_forget: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let start = at(10, 5);
        let mut world = Self {
            dice: Dice(seed),
            now: Time::ZERO,
            clocks: PartyId::ALL.map(|me| patient(me, start)),
            wires: BTreeMap::new(),
            cables: [Cable::default(); 3],
            computing: BTreeMap::new(),
            announced: BTreeMap::new(),
            turns: [Turn(0); 3],
            opened: 0,
            declined: 0,
            may_forget: false,
        };
        for party in PartyId::ALL {
            world.connect(party);
        }
        world
    }

    fn wire(&mut self, to: PartyId, from: PartyId) -> &mut Wire {
        self.wires.entry((to, from)).or_default()
    }

    /// Makes the link of a party with the next, if it is broken; both ends hear of it in time.
    fn connect(&mut self, party: PartyId) {
        let cable = &mut self.cables[party.index()];
        if cable.is_whole {
            return;
        }
        cable.is_whole = true;
        cable.made += 1;
        for (me, peer) in [(party, party.next()), (party.next(), party)] {
            let position = self.clocks[peer.index()].position();
            let up = Input::LinkUp { peer, position };
            self.wire(me, peer).events.push_back(up);
        }
    }

    /// Breaks it: what is on its way is lost, or only some of it.
    fn break_link(&mut self, party: PartyId) {
        let cable = &mut self.cables[party.index()];
        if !cable.is_whole {
            return;
        }
        cable.is_whole = false;
        for (me, peer) in [(party, party.next()), (party.next(), party)] {
            let arrives = self.dice.roll(4);
            let wire = self.wire(me, peer);
            let is_up = |event: &Input| matches!(event, Input::LinkUp { .. });
            let said = wire.events.iter().rposition(is_up).map_or(0, |up| up + 1);
            wire.events.truncate(said + arrives);
            wire.events.push_back(Input::LinkDown { peer });
        }
    }

    /// A party stops and starts again, and knows what it stored, or nothing: then what it said before
    /// has arrived, for a disk is not replaced in a moment.
    fn restart(&mut self, party: PartyId) {
        let said = |event: &Input| matches!(event, Input::Control { .. });
        let is_quiet = !self.wires.values().any(|wire| wire.events.iter().any(said));
        for link in [party, party.prev()] {
            self.break_link(link);
        }
        for (link, end, peer) in [(party, 0, party.next()), (party.prev(), 1, party.prev())] {
            self.wire(party, peer).events.clear();
            let cable = &mut self.cables[link.index()];
            cable.heard[end] = cable.made;
        }
        let forgets = self.may_forget && is_quiet && self.dice.roll(2) == 0;
        let stored = if forgets {
            self.may_forget = false;
            Position::default()
        } else {
            self.clocks[party.index()].position()
        };
        self.clocks[party.index()] = patient(party, stored);
        if forgets {
            self.turns[party.index()] = Turn(0);
        }
        for parties in self.computing.values_mut() {
            parties.remove(&party);
        }
    }

    /// Returns the link with a peer and which end of it one is.
    fn cable(&mut self, me: PartyId, peer: PartyId) -> (&mut Cable, usize) {
        if peer == me.next() {
            (&mut self.cables[me.index()], 0)
        } else {
            (&mut self.cables[peer.index()], 1)
        }
    }

    fn handle(&mut self, me: PartyId, input: Input) {
        if let Input::LinkUp { peer, .. } = input {
            let (cable, end) = self.cable(me, peer);
            cable.heard[end] += 1;
        }
        for output in self.clocks[me.index()].handle(self.now, input) {
            match output {
                Output::Tell { to, control } => {
                    let (cable, end) = self.cable(me, to);
                    if cable.is_whole && cable.heard[end] == cable.made {
                        let said = Input::Control { from: me, control };
                        self.wire(to, me).events.push_back(said);
                    }
                }
                Output::Open {
                    round,
                    program,
                    turn,
                    ..
                } => self.announce(me, round, program, turn),
                Output::Compute { round } => {
                    self.computing.entry(round).or_default().insert(me);
                }
                Output::Fail { .. } | Output::Abort { .. } => {}
                Output::Cut { peer, misdeed } => panic!("{me} blames {peer}: {misdeed}"),
                Output::Decline { .. } => self.declined += 1,
            }
        }
    }

    fn announce(&mut self, me: PartyId, round: RoundId, program: Program, turn: Turn) {
        let last = &mut self.turns[me.index()];
        let ahead = if program.is_dialing() {
            turn >= *last
        } else {
            turn > *last
        };
        assert!(ahead, "{me} told turn {turn} after {last}");
        *last = turn;
        if me == PartyId::P0 {
            self.opened += 1;
        } else {
            let told = self.announced.entry(round).or_insert((program, turn));
            assert_eq!(*told, (program, turn), "round {round}");
        }
        let known = |clock: &Clock| clock.position().turn >= turn;
        self.may_forget |= self.clocks.iter().all(known);
    }

    /// Delivers the next event of some wire.
    fn deliver(&mut self) -> bool {
        let waiting = self
            .wires
            .iter()
            .filter(|(_, wire)| !wire.events.is_empty());
        let waiting: Vec<_> = waiting.map(|(ends, _)| *ends).collect();
        if waiting.is_empty() {
            return false;
        }
        let (to, from) = waiting[self.dice.roll(waiting.len())];
        let event = self.wire(to, from).events.pop_front().unwrap();
        self.handle(to, event);
        true
    }

    /// Ends a computation: well, where all three take part, or badly.
    fn finish(&mut self) {
        let rounds: Vec<_> = self.computing.keys().copied().collect();
        if rounds.is_empty() {
            return;
        }
        let round = rounds[self.dice.roll(rounds.len())];
        let all = self.computing[&round].len() == 3;
        let outcome = if all && self.dice.roll(4) > 0 {
            Outcome::Done
        } else {
            Outcome::Failed
        };
        for party in self.computing.remove(&round).unwrap() {
            let outcome = outcome.clone();
            self.handle(party, Input::Finished { round, outcome });
        }
    }

    fn step(&mut self) {
        match self.dice.roll(60) {
            0 => {
                let party = self.dice.party();
                self.break_link(party);
            }
            1 => {
                let party = self.dice.party();
                self.restart(party);
            }
            2..=5 => {
                let party = self.dice.party();
                self.connect(party);
            }
            6..=15 => self.finish(),
            16..=25 => {
                let millis = self.dice.roll(600);
                self.now += Duration::from_millis(millis as u64);
                self.handle(PartyId::P0, Input::Tick);
            }
            _ => {
                self.deliver();
            }
        }
    }

    /// Lets everything heal and all messages arrive at once, and sees rounds open everywhere.
    fn heal(&mut self) {
        for party in PartyId::ALL {
            self.connect(party);
        }
        while self.deliver() {}
        let before = self.turns;
        for _ in 0..100 {
            self.now += Duration::from_millis(100);
            self.handle(PartyId::P0, Input::Tick);
            while self.deliver() {}
            self.finish();
            while self.deliver() {}
        }
        for (me, (after, before)) in self.turns.iter().zip(before).enumerate() {
            assert!(*after > Turn(before.0 + 3), "P{me} stands still at {after}");
        }
    }
}

#[test]
fn honest_parties_blame_nobody_and_always_go_on() {
    let (mut opened, mut declined) = (0, 0);
    for seed in 0..400 {
        let mut world = World::new(seed);
        let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..1500 {
                world.step();
            }
            world.heal();
        }));
        assert!(run.is_ok(), "seed {seed}");
        opened += world.opened;
        declined += world.declined;
    }
    // Declining is for slow wires, which there are here, and rare all the same.
    assert!(
        opened > 400 * 20 && declined < opened / 4,
        "{opened} {declined}"
    );
}
