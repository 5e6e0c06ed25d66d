//! Clients and servers together: delivers events until nothing is left to deliver.

use std::collections::VecDeque;

use mcmix_shared::{
    client::{Action, CallState, Command, ContactView, Event, MessageKind, Millis, SendStatus},
    identity::ClientKey,
    party::PartyId,
    program::Program,
};

use crate::{
    node::{Disk, Node},
    servers::{NodeId, OpenRound, Sent, Servers},
};

pub(crate) struct World {
    pub(crate) servers: Servers,
    pub(crate) nodes: Vec<Node>,
    pub(crate) now: Millis,
    events: VecDeque<(NodeId, Event)>,
    /// Nodes without a network.
    pub(crate) offline: Vec<NodeId>,
    /// Servers that are down.
    pub(crate) down: Vec<PartyId>,
}

impl World {
    pub(crate) fn new(names: &[&str], seed: u64) -> Self {
        Self::with(names, seed, 3, 256)
    }

    pub(crate) fn with(names: &[&str], seed: u64, slots: u8, message_bytes: u16) -> Self {
        let servers = Servers::new(slots, message_bytes, seed);
        let node = |(index, name): (u64, &&str)| {
            Node::new(&servers.deployment, name, seed.wrapping_mul(1000) + index)
        };
        let nodes = (0..).zip(names).map(node).collect();
        let mut world = Self {
            servers,
            nodes,
            now: Millis(1_000_000),
            events: VecDeque::new(),
            offline: Vec::new(),
            down: Vec::new(),
        };
        for node in 0..names.len() {
            world.start(node);
        }
        world
    }

    fn start(&mut self, node: NodeId) {
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
                Command::Connect(party) if self.is_reachable(node, party) => {
                    self.servers.connect(node, party);
                    self.events.push_back((node, Event::Opened(party)));
                }
                Command::Connect(party) => self.events.push_back((node, Event::Closed(party))),
                Command::Disconnect(party) => self.servers.disconnect(node, party),
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

    fn queue(&mut self, sent: Vec<Sent>) {
        for Sent { node, party, bytes } in sent {
            self.events.push_back((node, Event::Frame(party, bytes)));
        }
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
        self.events.push_back((node, Event::User(action)));
        self.pump();
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
        let sent = self.servers.fail(round);
        self.queue(sent);
        self.pump();
    }

    pub(crate) fn round(&mut self, program: Program) {
        self.open(program);
        let round = self.close();
        self.compute(round, &[]);
        self.pass(500);
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
        self.round(Program::Conversation);
        self.round(Program::Dialing);
        self.round(Program::Conversation);
    }

    pub(crate) fn cycles(&mut self, count: usize) {
        for _ in 0..count {
            self.cycle();
        }
    }

    /// Goes on until something holds.
    pub(crate) fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..200 {
            if holds(self) {
                return;
            }
            self.cycle();
        }
        panic!("never: {what}");
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
        for party in PartyId::ALL {
            self.servers.disconnect(node, party);
        }
        self.events.retain(|(other, _)| *other != node);
        let deployment = self.servers.deployment.clone();
        self.nodes[node].reload(&deployment);
        self.start(node);
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

    pub(crate) fn contact(&self, node: NodeId, contact: NodeId) -> ContactView {
        self.nodes[node]
            .view()
            .contact(self.key(contact))
            .cloned()
            .unwrap()
    }

    pub(crate) fn state(&self, node: NodeId, contact: NodeId) -> CallState {
        let view = self.nodes[node].view();
        view.contact(self.key(contact))
            .map_or(CallState::Idle, |contact| contact.call)
    }

    pub(crate) fn call(&mut self, node: NodeId, contact: NodeId) {
        let key = self.key(contact);
        self.act(node, Action::Call(key));
    }

    pub(crate) fn accept(&mut self, node: NodeId, caller: NodeId) {
        let key = self.key(caller);
        self.act(node, Action::Accept(key));
    }

    pub(crate) fn say(&mut self, node: NodeId, contact: NodeId, text: &str) {
        let (contact, text) = (self.key(contact), text.to_owned());
        self.act(node, Action::SendText { contact, text });
    }

    /// Returns whether a call of that node rings here.
    pub(crate) fn rings(&self, node: NodeId, caller: NodeId) -> bool {
        let key = self.key(caller);
        self.nodes[node]
            .view()
            .incoming
            .iter()
            .any(|incoming| incoming.key == key)
    }

    pub(crate) fn talks(&self, a: NodeId, b: NodeId) -> bool {
        self.state(a, b) == CallState::Talking && self.state(b, a) == CallState::Talking
    }

    /// Calls and accepts.
    pub(crate) fn meet(&mut self, caller: NodeId, callee: NodeId) {
        self.add(caller, callee);
        self.call(caller, callee);
        self.until("it rings", |world| world.rings(callee, caller));
        self.accept(callee, caller);
        self.until("they talk", |world| world.talks(caller, callee));
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
            .all(|status| *status == SendStatus::Delivered)
    }
}
