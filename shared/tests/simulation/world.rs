//! Clients and servers together: delivers events until nothing is left to deliver.

use std::collections::VecDeque;

use mcmix_shared::{
    client::{
        Action, Command, ContactState, ContactView, Event, MessageKind, Millis, Notice, SendStatus,
    },
    identity::ClientKey,
    party::PartyId,
    program::Program,
    wire::FailedReason,
};

use crate::{
    node::{Disk, Node, Records},
    servers::{Liar, Lie, NodeId, OpenRound, Sent, Servers, Tap},
};

/// How a world is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    pub(crate) slots: u8,
    pub(crate) message_bytes: u16,
    pub(crate) quick_rounds: u8,
}

impl Setup {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            seed,
            slots: 3,
            message_bytes: 256,
            quick_rounds: 8,
        }
    }
}

pub(crate) struct World {
    pub(crate) servers: Servers,
    pub(crate) nodes: Vec<Node>,
    /// The steady clock of all nodes.
    pub(crate) now: Millis,
    events: VecDeque<(NodeId, Event)>,
    /// Nodes without a network.
    pub(crate) offline: Vec<NodeId>,
    /// Servers that are down.
    pub(crate) down: Vec<PartyId>,
    /// Links whose frames are still on their way, and the frames.
    slow: Vec<(NodeId, PartyId)>,
    on_the_way: Vec<Sent>,
    /// The dialing program that is next.
    next_dialing: Program,
}

impl World {
    pub(crate) fn new(names: &[&str], seed: u64) -> Self {
        Self::with(names, Setup::new(seed))
    }

    pub(crate) fn with(names: &[&str], setup: Setup) -> Self {
        let mut world = Self::sleeping(names, setup);
        for node in 0..names.len() {
            world.start(node);
        }
        world
    }

    /// Makes a world in which nobody has started yet.
    pub(crate) fn sleeping(names: &[&str], setup: Setup) -> Self {
        let Setup {
            seed,
            slots,
            message_bytes,
            quick_rounds,
        } = setup;
        let servers = Servers::new(slots, message_bytes, quick_rounds, seed);
        let node = |(index, name): (u64, &&str)| {
            Node::new(&servers.deployment, name, seed.wrapping_mul(1000) + index)
        };
        let nodes = (0..).zip(names).map(node).collect();
        Self {
            servers,
            nodes,
            now: Millis(1_000_000),
            events: VecDeque::new(),
            offline: Vec::new(),
            down: Vec::new(),
            slow: Vec::new(),
            on_the_way: Vec::new(),
            next_dialing: Program::Contacts,
        }
    }

    pub(crate) fn start(&mut self, node: NodeId) {
        let commands = self.nodes[node].start(self.now);
        self.execute(node, commands);
        self.pump();
    }

    fn is_reachable(&self, node: NodeId, party: PartyId) -> bool {
        !self.offline.contains(&node) && !self.down.contains(&party)
    }

    fn execute(&mut self, node: NodeId, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::Connect(party) => {
                    self.nodes[node].sent.push((party.index(), 0));
                    self.forget_socket(node, party);
                    if self.is_reachable(node, party) {
                        self.servers.connect(node, party);
                        self.events.push_back((node, Event::Opened(party)));
                    } else {
                        self.events.push_back((node, Event::Closed(party)));
                    }
                }
                Command::Disconnect(party) => {
                    self.nodes[node].sent.push((party.index(), 1));
                    self.forget_socket(node, party);
                    self.servers.disconnect(node, party);
                }
                Command::Send(party, bytes) => {
                    self.nodes[node].note_sent(party.index(), &bytes);
                    let answers = self.servers.receive(node, party, &bytes);
                    self.queue(answers);
                }
                Command::WakeAfter(millis) => {
                    self.nodes[node].wake_at = Some(self.now.after(millis));
                }
                Command::Store(batch, writes) => {
                    self.nodes[node].waiting.push_back((batch, writes));
                }
                Command::Notify(notice) => self.nodes[node].notices.push(notice),
            }
        }
    }

    /// Nothing of an older socket may reach the client any more.
    fn forget_socket(&mut self, node: NodeId, party: PartyId) {
        self.slow.retain(|slow| *slow != (node, party));
        self.on_the_way
            .retain(|sent| (sent.node, sent.party) != (node, party));
        self.events.retain(|(other, event)| {
            let of_socket = match event {
                Event::Opened(of) | Event::Closed(of) | Event::Frame(of, _) => *of == party,
                _ => false,
            };
            *other != node || !of_socket
        });
    }

    fn queue(&mut self, sent: Vec<Sent>) {
        for sent in sent {
            if self.slow.contains(&(sent.node, sent.party)) {
                self.on_the_way.push(sent);
            } else {
                let frame = Event::Frame(sent.party, sent.bytes);
                self.events.push_back((sent.node, frame));
            }
        }
    }

    /// From now on, what a server sends to a node waits on its way.
    pub(crate) fn slow_down(&mut self, node: NodeId, party: PartyId) {
        self.slow.push((node, party));
    }

    /// Everything arrives that was on its way.
    pub(crate) fn speed_up(&mut self) {
        self.slow.clear();
        let sent = core::mem::take(&mut self.on_the_way);
        self.queue(sent);
        self.pump();
    }

    /// Delivers events and stores batches until nothing is left to do.
    pub(crate) fn pump(&mut self) {
        loop {
            while let Some((node, event)) = self.events.pop_front() {
                let commands = self.nodes[node].handle(self.now, event);
                self.execute(node, commands);
            }
            for (id, node) in self.nodes.iter_mut().enumerate() {
                if node.disk == Disk::Works
                    && let Some(batch) = node.sync_one()
                {
                    self.events.push_back((id, Event::Stored(batch)));
                }
            }
            if self.events.is_empty() {
                return;
            }
        }
    }

    pub(crate) fn act(&mut self, node: NodeId, action: Action) {
        self.event(node, Event::User(action));
    }

    pub(crate) fn event(&mut self, node: NodeId, event: Event) {
        self.events.push_back((node, event));
        self.pump();
    }

    /// Lets time pass and wakes whoever asked for it.
    pub(crate) fn pass(&mut self, millis: u64) {
        self.now = self.now.after(millis);
        for node in 0..self.nodes.len() {
            if self.nodes[node].wake_at.is_some_and(|at| at <= self.now) {
                self.nodes[node].wake_at = None;
                self.events.push_back((node, Event::Wake));
            }
        }
        self.pump();
    }

    pub(crate) fn open(&mut self, program: Program) {
        if program.is_dialing() {
            self.next_dialing = other_dialing(program);
        }
        let sent = self.servers.open(program);
        self.queue(sent);
        self.pump();
    }

    pub(crate) fn close(&mut self) -> OpenRound {
        self.servers.close()
    }

    pub(crate) fn compute(&mut self, round: OpenRound, late: &[NodeId]) {
        let sent = self.servers.compute(round, late);
        self.queue(sent);
        self.pump();
    }

    pub(crate) fn fail(&mut self, round: &OpenRound) {
        let sent = self.servers.fail(round, FailedReason::Broken);
        self.queue(sent);
        self.pump();
    }

    /// A conversation round in which the servers find that one of them deviates.
    pub(crate) fn abort(&mut self) {
        self.open(Program::Conversation);
        let round = self.close();
        self.say_aborted(&round);
        self.pass(667);
    }

    /// The servers say that a round was aborted.
    pub(crate) fn say_aborted(&mut self, round: &OpenRound) {
        let sent = self.servers.fail(round, FailedReason::Aborted);
        self.queue(sent);
        self.pump();
    }

    /// The servers say that they run no more rounds.
    pub(crate) fn stop(&mut self) {
        let sent = self.servers.stop();
        self.queue(sent);
        self.pump();
    }

    pub(crate) fn round(&mut self, program: Program) {
        self.round_without(program, &[]);
    }

    /// A round that some are left out of.
    pub(crate) fn round_without(&mut self, program: Program, late: &[NodeId]) {
        self.open(program);
        let round = self.close();
        self.compute(round, late);
        self.pass(667);
    }

    /// The dialing program that is next.
    pub(crate) const fn next_dialing(&self) -> Program {
        self.next_dialing
    }

    pub(crate) fn dial(&mut self) {
        self.round(self.next_dialing);
    }

    pub(crate) fn converse(&mut self) {
        self.round(Program::Conversation);
    }

    pub(crate) fn conversations(&mut self, count: usize) {
        for _ in 0..count {
            self.converse();
        }
    }

    /// A round that a node hears of when it is closed already.
    pub(crate) fn round_too_late_for(&mut self, node: NodeId, program: Program) {
        let sent = self.servers.open(program);
        let (late, in_time) = sent.into_iter().partition(|sent| sent.node == node);
        self.queue(in_time);
        self.pump();
        let round = self.close();
        self.queue(late);
        self.pump();
        self.compute(round, &[]);
    }

    /// Two conversation rounds and one dialing round, as the demo has them.
    pub(crate) fn cycle(&mut self) {
        self.converse();
        self.dial();
        self.converse();
    }

    pub(crate) fn cycles(&mut self, count: usize) {
        for _ in 0..count {
            self.cycle();
        }
    }

    /// Goes on until something holds.
    pub(crate) fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        assert!(self.comes_to(200, holds), "never: {what}");
    }

    /// Goes on until something holds, or so many cycles are over.
    pub(crate) fn comes_to(&mut self, cycles: usize, holds: impl Fn(&Self) -> bool) -> bool {
        for _ in 0..cycles {
            if holds(self) {
                return true;
            }
            self.cycle();
        }
        holds(self)
    }

    /// Lets one server lie to all.
    pub(crate) fn lie(&mut self, party: PartyId, lie: Lie) {
        let suspect = None;
        self.servers.liars = vec![Liar {
            party,
            lie,
            suspect,
        }];
    }

    pub(crate) fn lie_to(&mut self, suspect: NodeId, party: PartyId, lie: Lie) {
        let suspect = Some(suspect);
        self.servers.liars = vec![Liar {
            party,
            lie,
            suspect,
        }];
    }

    pub(crate) fn stop_lying(&mut self) {
        self.servers.liars.clear();
    }

    /// From now on, rounds are looked into.
    pub(crate) fn tap(&mut self) {
        self.servers.taps = Some(Vec::new());
        self.servers.dealt.clear();
    }

    pub(crate) fn taps(&self) -> &[Tap] {
        self.servers.taps.as_deref().unwrap()
    }

    /// Takes a node off the network.
    pub(crate) fn unplug(&mut self, node: NodeId) {
        self.offline.push(node);
        for party in PartyId::ALL {
            self.cut(node, party);
        }
    }

    pub(crate) fn plug(&mut self, node: NodeId) {
        self.offline.retain(|other| *other != node);
        self.event(node, Event::Resumed);
    }

    pub(crate) fn cut(&mut self, node: NodeId, party: PartyId) {
        self.servers.disconnect(node, party);
        self.forget_socket(node, party);
        self.event(node, Event::Closed(party));
    }

    pub(crate) fn stop_server(&mut self, party: PartyId) {
        self.down.push(party);
        for node in 0..self.nodes.len() {
            self.cut(node, party);
        }
    }

    pub(crate) fn start_server(&mut self, party: PartyId) {
        self.down.retain(|other| *other != party);
    }

    /// Reloads the page: what was not stored is lost.
    pub(crate) fn reload(&mut self, node: NodeId) {
        self.drop_sockets(node);
        let deployment = self.servers.deployment.clone();
        self.nodes[node].reload(&deployment);
        self.start(node);
    }

    pub(crate) fn drop_sockets(&mut self, node: NodeId) {
        for party in PartyId::ALL {
            self.servers.disconnect(node, party);
        }
        self.events.retain(|(other, _)| *other != node);
    }

    /// Starts a node from other records: an older copy of its profile, or a backup.
    pub(crate) fn restore(&mut self, node: NodeId, records: Records) {
        self.nodes[node].stored = records;
        self.reload(node);
    }

    /// Returns what a backup holds.
    pub(crate) fn backup(&self, node: NodeId) -> Records {
        let records = self.nodes[node].client.backup().into_iter();
        records.map(|record| (record.key, record.value)).collect()
    }

    pub(crate) fn key(&self, node: NodeId) -> ClientKey {
        self.nodes[node].key()
    }

    pub(crate) fn link(&self, node: NodeId) -> String {
        let view = self.nodes[node].view();
        view.own.to_link("http://127.0.0.1:8000", &view.realm)
    }

    pub(crate) fn add(&mut self, node: NodeId, contact: NodeId) {
        let link = self.link(contact);
        self.act(node, Action::AddContact { link });
    }

    pub(crate) fn remove(&mut self, node: NodeId, contact: NodeId) {
        let key = self.key(contact);
        self.act(node, Action::RemoveContact(key));
    }

    pub(crate) fn find(&self, node: NodeId, contact: NodeId) -> Option<ContactView> {
        let key = self.key(contact);
        self.nodes[node].view().contact(key).cloned()
    }

    pub(crate) fn contact(&self, node: NodeId, contact: NodeId) -> ContactView {
        self.find(node, contact).unwrap()
    }

    /// Returns what there is with somebody; who is no contact is not known.
    pub(crate) fn state(&self, node: NodeId, contact: NodeId) -> ContactState {
        let contact = self.find(node, contact);
        contact.map_or(ContactState::Known { ended: None }, |contact| contact.state)
    }

    pub(crate) fn call(&mut self, node: NodeId, contact: NodeId) {
        let key = self.key(contact);
        self.act(node, Action::Call(key));
    }

    pub(crate) fn ring(&mut self, node: NodeId, contact: NodeId) {
        let key = self.key(contact);
        self.act(node, Action::Ring(key));
    }

    pub(crate) fn cancel(&mut self, node: NodeId, contact: NodeId) {
        let key = self.key(contact);
        self.act(node, Action::CancelCall(key));
    }

    pub(crate) fn accept(&mut self, node: NodeId, caller: NodeId) {
        let key = self.key(caller);
        self.act(node, Action::Accept(key));
    }

    pub(crate) fn decline(&mut self, node: NodeId, caller: NodeId) {
        let key = self.key(caller);
        self.act(node, Action::Decline(key));
    }

    pub(crate) fn block(&mut self, node: NodeId, whom: NodeId) {
        let key = self.key(whom);
        self.act(node, Action::Block(key));
    }

    pub(crate) fn unblock(&mut self, node: NodeId, whom: NodeId) {
        let key = self.key(whom);
        self.act(node, Action::Unblock(key));
    }

    pub(crate) fn look(&mut self, node: NodeId, at: Option<NodeId>) {
        let key = at.map(|at| self.key(at));
        self.act(node, Action::Look(key));
    }

    pub(crate) fn say(&mut self, node: NodeId, contact: NodeId, text: &str) {
        let (contact, text) = (self.key(contact), text.to_owned());
        self.act(node, Action::SendText { contact, text });
    }

    pub(crate) fn send_held(&mut self, node: NodeId, contact: NodeId) {
        let key = self.key(contact);
        self.act(node, Action::SendHeld(key));
    }

    /// Returns whether a call of that node rings here.
    pub(crate) fn rings(&self, node: NodeId, caller: NodeId) -> bool {
        let key = self.key(caller);
        let view = self.nodes[node].view();
        view.incoming.iter().any(|incoming| incoming.key == key)
    }

    pub(crate) fn is_paired(&self, node: NodeId, with: NodeId) -> bool {
        let contact = self.find(node, with);
        contact.is_some_and(|contact| contact.is_paired())
    }

    /// Returns whether texts can go both ways.
    pub(crate) fn are_paired(&self, a: NodeId, b: NodeId) -> bool {
        self.is_paired(a, b) && self.is_paired(b, a)
    }

    /// Two who don't know each other become a pair.
    pub(crate) fn pair(&mut self, caller: NodeId, callee: NodeId) {
        self.add(caller, callee);
        self.connect(caller, callee);
    }

    /// One calls, the other accepts.
    pub(crate) fn connect(&mut self, caller: NodeId, callee: NodeId) {
        self.call(caller, callee);
        self.until("it rings", |world| world.rings(callee, caller));
        self.accept(callee, caller);
        self.until("they are a pair", |world| world.are_paired(caller, callee));
    }

    /// Waits until both have let go of the slots in which they became a pair.
    pub(crate) fn settle(&mut self) {
        self.cycles(60);
    }

    /// Returns the texts that came here from a contact.
    pub(crate) fn received(&self, node: NodeId, from: NodeId) -> Vec<String> {
        let messages = self.contact(node, from).messages;
        let received = messages
            .iter()
            .filter(|message| message.kind == MessageKind::Received);
        received.map(|message| message.text.clone()).collect()
    }

    pub(crate) fn statuses(&self, node: NodeId, to: NodeId) -> Vec<SendStatus> {
        let messages = self.contact(node, to).messages;
        messages
            .iter()
            .filter_map(|message| match message.kind {
                MessageKind::Outgoing(status) => Some(status),
                MessageKind::Received => None,
            })
            .collect()
    }

    pub(crate) fn all_delivered(&self, node: NodeId, to: NodeId) -> bool {
        self.statuses(node, to)
            .iter()
            .all(|status| matches!(status, SendStatus::Delivered | SendStatus::Cancelled))
    }

    /// Returns whether a notice of that kind came up, and takes all notices off.
    pub(crate) fn was_told(&mut self, node: NodeId, what: impl Fn(&Notice) -> bool) -> bool {
        let notices = core::mem::take(&mut self.nodes[node].notices);
        notices.iter().any(what)
    }
}

const fn other_dialing(program: Program) -> Program {
    match program {
        Program::Contacts => Program::Open,
        Program::Open | Program::Conversation => Program::Contacts,
    }
}
