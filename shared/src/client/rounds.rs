//! Rounds as the client takes part in them: dealt at the first server's announcement, sent to
//! each server at its own, over when three replies are there.
//!
//! What is sent depends on announcements alone: one frame for each server and round, of one
//! size, whatever the client does.

use core::fmt;
use std::collections::BTreeMap;

use rand_core::CryptoRng;

use super::{
    ByParty, Client, Notice, RoundOutcome, RoundView, conversations::SlotUse, dialing::Dialed,
};
use crate::{
    delivery::Outcome,
    identity::ClientKey,
    party::PartyId,
    program::{Program, RoundId},
    row::Submission,
    share::{DealtShare, combine, deal},
    wire::{ClientFrame, Open, Reply, Submit},
};

/// Rounds whose replies are waited for. With more, the oldest is given up.
const MAX_PENDING: usize = 8;

/// The rounds under way.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    pending: BTreeMap<RoundId, Pending>,
    latest: ByProgram<Option<RoundView>>,
    /// The highest round dealt for. None is dealt for twice or after a later one.
    dealt: ByProgram<Option<RoundId>>,
    /// Counts the conversation rounds dealt for.
    pub(super) tick: u64,
}

#[derive(Debug, Default)]
struct ByProgram<T> {
    conversation: T,
    dialing: T,
}

impl<T> ByProgram<T> {
    const fn get_mut(&mut self, program: Program) -> &mut T {
        match program {
            Program::Conversation => &mut self.conversation,
            Program::Contacts | Program::Open => &mut self.dialing,
        }
    }
}

/// A round that was dealt for.
struct Pending {
    shares: ByParty<Option<DealtShare>>,
    bodies: ByParty<Option<Vec<u8>>>,
    input: Input,
}

/// What was handed in, for when the reply comes.
#[derive(Debug)]
pub(super) enum Input {
    /// Who was in which row.
    Conversation(Vec<Option<SlotUse>>),
    /// Whom we dialled, if anyone.
    Dialing(Program, Dialed),
}

impl Input {
    const fn program(&self) -> Program {
        match self {
            Self::Conversation(_) => Program::Conversation,
            Self::Dialing(program, _) => *program,
        }
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pending({}, ..)", self.input.program())
    }
}

impl Rounds {
    pub(super) const fn latest(&self, program: Program) -> Option<RoundView> {
        match program {
            Program::Conversation => self.latest.conversation,
            Program::Contacts | Program::Open => self.latest.dialing,
        }
    }

    /// Returns whether a row that dials that person is under way.
    pub(super) fn is_dialed(&self, person: ClientKey) -> bool {
        self.pending.values().any(|pending| {
            matches!(&pending.input, Input::Dialing(_, Dialed::Dial(callee)) if *callee == person)
        })
    }

    fn set_outcome(&mut self, program: Program, outcome: RoundOutcome) {
        if let Some(view) = self.latest.get_mut(program) {
            view.last = Some(outcome);
        }
    }

    /// Takes a pending round out if it is of that program.
    fn take(&mut self, round: RoundId, program: Program) -> Option<Pending> {
        self.pending
            .get(&round)
            .filter(|pending| pending.input.program() == program)?;
        self.pending.remove(&round)
    }
}

impl Client {
    pub(super) fn round_opened(&mut self, party: PartyId, open: &Open, rng: &mut impl CryptoRng) {
        self.show_open(open);
        let dealt = self.rounds.dealt.get_mut(open.program);
        if dealt.is_none_or(|dealt| dealt < open.round)
            && !self.rounds.pending.contains_key(&open.round)
        {
            *dealt = Some(open.round);
            self.deal_for(open.round, open.program, rng);
        }
        let Some(pending) = self.rounds.pending.get_mut(&open.round) else {
            return;
        };
        if pending.input.program() != open.program {
            return;
        }
        if let Some(share) = pending.shares.get_mut(party).take() {
            let submit = Submit {
                round: open.round,
                program: open.program,
                share,
            };
            self.send(party, &ClientFrame::Submit(submit));
        }
    }

    fn show_open(&mut self, open: &Open) {
        let latest = self.rounds.latest.get_mut(open.program);
        let last = latest.and_then(|view| view.last);
        if latest.is_none_or(|view| view.round < open.round) {
            *latest = Some(RoundView {
                round: open.round,
                opened_at: self.now,
                closes_at: self.now.after(open.closes_in_ms.into()),
                online: open.online,
                last,
            });
        }
    }

    fn deal_for(&mut self, round: RoundId, program: Program, rng: &mut impl CryptoRng) {
        let (submission, input) = match program {
            Program::Conversation => {
                self.rounds.tick += 1;
                let mut rows = Vec::new();
                let slots = self.compose_rows(round, &mut rows, rng);
                let submission = Submission::conversation(self.deployment.shape(), &rows);
                (submission, Input::Conversation(slots))
            }
            Program::Contacts | Program::Open => {
                let (row, dialed) = self.compose_dial(rng);
                (Submission::dialing(&row), Input::Dialing(program, dialed))
            }
        };
        let shares = ByParty(deal(&submission, rng).map(Some));
        let pending = Pending {
            shares,
            bodies: ByParty::default(),
            input,
        };
        self.rounds.pending.insert(round, pending);
        if self.rounds.pending.len() > MAX_PENDING
            && let Some((round, pending)) = self.rounds.pending.pop_first()
        {
            self.abandon(round, pending);
        }
    }

    pub(super) fn round_replied(&mut self, party: PartyId, reply: Reply) {
        let Reply {
            round,
            program,
            body,
        } = reply;
        self.links.get_mut(party).has_worked();
        let Some(pending) = self.rounds.pending.get_mut(&round) else {
            return;
        };
        if pending.input.program() != program {
            return;
        }
        *pending.bodies.get_mut(party) = Some(body);
        let [Some(b0), Some(b1), Some(b2)] = &pending.bodies.0 else {
            return;
        };
        let rows = combine(round, program, self.deployment.shape(), [b0, b1, b2]);
        let Some(pending) = self.rounds.take(round, program) else {
            return;
        };
        self.lose_rounds_before(round, program);
        let agreed = rows.map(|rows| {
            let agrees = rows.iter().all(|row| row.disagreement.is_none());
            let messages = rows.into_iter().map(|row| row.message);
            agrees.then(|| messages.collect::<Vec<_>>())
        });
        if let Ok(Some(rows)) = agreed {
            self.rounds.set_outcome(program, RoundOutcome::Done(round));
            self.finish(round, pending.input, &rows);
        } else {
            self.notify(Notice::RepliesDisagree);
            self.abandon(round, pending);
        }
    }

    fn finish(&mut self, round: RoundId, input: Input, rows: &[Vec<u8>]) {
        match input {
            Input::Conversation(slots) => {
                for (slot, row) in slots.into_iter().zip(rows) {
                    if let Some(slot) = slot {
                        self.settle_row(round, &slot, Outcome::Carried);
                        self.receive_row(round, &slot, row);
                    }
                }
                self.conversation_round_over(round);
            }
            Input::Dialing(..) => self.receive_dial(),
        }
    }

    /// Gives up earlier rounds of a program: servers reply in order, so theirs will not come. A
    /// round that was handed in too late for all three ends in no other way.
    fn lose_rounds_before(&mut self, round: RoundId, program: Program) {
        let earlier = self.rounds.pending.range(..round);
        let rounds: Vec<_> = earlier
            .filter(|(_, pending)| pending.input.program() == program)
            .map(|(round, _)| *round)
            .collect();
        for round in rounds {
            self.round_failed(round, program);
        }
    }

    pub(super) fn round_missed(&mut self, round: RoundId, program: Program) {
        if let Some(pending) = self.rounds.take(round, program) {
            self.rounds
                .set_outcome(program, RoundOutcome::Missed(round));
            self.lose_rows(round, pending);
        }
    }

    pub(super) fn round_failed(&mut self, round: RoundId, program: Program) {
        if let Some(pending) = self.rounds.take(round, program) {
            self.abandon(round, pending);
        }
    }

    /// Gives up the rounds whose reply from that party can no longer come.
    pub(super) fn abandon_rounds_of(&mut self, party: PartyId) {
        let gone = |(_, pending): &(&RoundId, &Pending)| pending.bodies.get(party).is_none();
        let rounds: Vec<_> = self
            .rounds
            .pending
            .iter()
            .filter(gone)
            .map(|(round, _)| *round)
            .collect();
        for round in rounds {
            if let Some(pending) = self.rounds.pending.remove(&round) {
                self.abandon(round, pending);
            }
        }
    }

    fn abandon(&mut self, round: RoundId, pending: Pending) {
        self.rounds
            .set_outcome(pending.input.program(), RoundOutcome::Failed(round));
        self.lose_rows(round, pending);
    }

    fn lose_rows(&mut self, round: RoundId, pending: Pending) {
        match pending.input {
            Input::Conversation(slots) => {
                for slot in slots.into_iter().flatten() {
                    self.settle_row(round, &slot, Outcome::Lost);
                }
            }
            Input::Dialing(_, Dialed::Dial(callee)) => self.give_up_dialing(callee),
            Input::Dialing(_, Dialed::Check | Dialed::Closed) => {}
        }
    }
}
