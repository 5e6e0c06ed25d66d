//! Rounds as the client takes part in them (docs/protocol.md §11.3): dealt once two servers announced the same, over when
//! the servers have said what became of it.
//!
//! What is sent depends on announcements alone: one frame for each server and round, of one
//! size, whatever the client does.

use core::{fmt, mem};
use std::collections::{BTreeMap, VecDeque};

use rand_core::CryptoRng;

use super::{
    ByParty, Client, Notice, Obstacle, RoundOutcome, RoundView, moment::Moment, slots::SentRow,
};
use crate::{
    party::PartyId,
    program::{Program, RoundId, Turn},
    share::{DealtShare, ReplyRow, combine, deal},
    wire::{ClientFrame, FailedReason, Open, Submit},
};

/// Rounds of a kind whose replies are waited for. With more, the oldest is given up.
const MAX_PENDING: usize = 8;
/// Announcements of a server that are remembered.
const REMEMBERED: usize = 4;
/// How far ahead of the last round a new one may be.
const FARTHEST: u64 = 1 << 32;
/// Conversation rounds whose receiving keys are kept while their replies are missing; more than
/// [`MAX_PENDING`], and in storage twice as many.
const KEPT_ROUNDS: usize = 32;
/// Conversation rounds in a row without a result, after which the person is told.
const OBSTACLE_ROUNDS: u32 = 3;

/// What a server announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Announcement {
    pub(super) round: RoundId,
    pub(super) program: Program,
    pub(super) turn: Turn,
}

/// The rounds under way.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    announced: ByParty<VecDeque<Announcement>>,
    online: ByParty<ByKind<u32>>,
    pending: BTreeMap<RoundId, Pending>,
    latest: ByKind<Option<RoundView>>,
    /// The highest round dealt for. None is dealt for twice or after a later one.
    dealt: ByKind<Option<RoundId>>,
    /// The conversation rounds dealt for last, the oldest first.
    vouched: VecDeque<RoundId>,
    /// The newest round and turn that two servers announced.
    newest: (RoundId, Turn),
    /// The newest turn when sessions were last looked through for what is to be erased; none since
    /// the start is 0, so that all are stored then, whatever was stored before.
    swept: Turn,
    /// Conversation rounds in a row without a result.
    incomplete: u32,
    /// Who did not answer in the last of them.
    silent: ByParty<bool>,
}

/// Conversation and dialing: the two dialing programs alternate and never overlap.
#[derive(Debug, Default)]
struct ByKind<T> {
    conversation: T,
    dialing: T,
}

impl<T> ByKind<T> {
    const fn get(&self, program: Program) -> &T {
        if program.is_dialing() {
            &self.dialing
        } else {
            &self.conversation
        }
    }

    const fn get_mut(&mut self, program: Program) -> &mut T {
        if program.is_dialing() {
            &mut self.dialing
        } else {
            &mut self.conversation
        }
    }
}

/// A round that was dealt for.
struct Pending {
    announcement: Announcement,
    shares: ByParty<Dealt>,
    words: ByParty<Option<Word>>,
    input: Input,
}

/// A party's share and the link over which it was sent.
struct Dealt {
    share: DealtShare,
    sent_over: Option<u64>,
}

/// What a server says, and of which round.
pub(super) struct Said {
    pub(super) round: RoundId,
    pub(super) program: Program,
    pub(super) word: Word,
}

/// What a server says of a round.
pub(super) enum Word {
    /// Its part of the reply.
    Body(Vec<u8>),
    /// We were left out.
    Missed,
    /// There is no result for anybody.
    Failed(FailedReason),
}

/// What was handed in, for when the reply comes.
pub(super) enum Input {
    /// Whose rows they were.
    Conversation(Vec<SentRow>),
    Dialing,
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pending({:?}, ..)", self.announcement)
    }
}

impl Rounds {
    pub(super) const fn latest(&self, program: Program) -> Option<RoundView> {
        *self.latest.get(program)
    }

    /// Goes on from what was known before a restart.
    pub(super) fn restore(&mut self, moment: Moment) {
        let (round, turn) = &mut self.newest;
        round.0 = round.0.max(moment.round);
        turn.0 = turn.0.max(moment.turn);
    }

    pub(super) const fn newest(&self) -> (RoundId, Turn) {
        self.newest
    }

    /// Returns the oldest conversation round whose reply could still be read: none from before the
    /// start, and few.
    fn oldest_awaited(&self) -> Option<RoundId> {
        self.vouched.front().copied()
    }

    fn has_announced(&self, party: PartyId, announcement: &Announcement) -> bool {
        self.announced.get(party).contains(announcement)
    }

    /// Returns the people online, as at least one honest server would have it.
    fn online(&self, program: Program) -> u32 {
        let mut counts = PartyId::ALL.map(|party| *self.online.get(party).get(program));
        counts.sort_unstable();
        let [_, median, _] = counts;
        median
    }

    fn set_outcome(&mut self, program: Program, outcome: RoundOutcome) {
        if let Some(view) = self.latest.get_mut(program) {
            view.last = Some(outcome);
        }
    }

    /// Returns whether a round may be dealt for.
    fn is_new(&self, announcement: &Announcement) -> bool {
        let Announcement { round, program, .. } = *announcement;
        let newest = self.newest.0;
        let newer = self.dealt.get(program).is_none_or(|dealt| dealt < round);
        let near = newest.0 == 0 || round.0.saturating_sub(newest.0) <= FARTHEST;
        newer && near && !self.pending.contains_key(&round)
    }

    /// Returns what keeps rounds from completing.
    pub(super) fn obstacle(&self) -> Option<Obstacle> {
        if self.incomplete < OBSTACLE_ROUNDS {
            return None;
        }
        let silent = |party: &PartyId| *self.silent.get(*party);
        let mut silent = PartyId::ALL.into_iter().filter(silent);
        Some(match (silent.next(), silent.next()) {
            (Some(party), None) => Obstacle::Server(party),
            _ => Obstacle::Unknown,
        })
    }
}

impl Client {
    /// Returns where the rounds are now.
    pub(super) const fn moment(&self) -> Moment {
        let (round, turn) = self.rounds.newest();
        Moment {
            round: round.0,
            turn: turn.0,
            wall: self.now.wall.0,
        }
    }

    pub(super) fn round_opened(&mut self, party: PartyId, open: &Open, rng: &mut impl CryptoRng) {
        let announcement = Announcement {
            round: open.round,
            program: open.program,
            turn: open.turn,
        };
        self.links.get_mut(party).has_opened();
        *self.rounds.online.get_mut(party).get_mut(open.program) = open.online;
        if !self.rounds.has_announced(party, &announcement) {
            let announced = self.rounds.announced.get_mut(party);
            announced.push_back(announcement);
            if announced.len() > REMEMBERED {
                announced.pop_front();
            }
        }
        let others = [party.next(), party.prev()];
        let vouched = others
            .iter()
            .any(|other| self.rounds.has_announced(*other, &announcement));
        if vouched && self.rounds.is_new(&announcement) {
            self.show_open(open);
            self.deal_for(announcement, rng);
        }
        for party in PartyId::ALL {
            self.submit(party, announcement);
        }
    }

    /// Returns the newest conversation round that still waits for its replies, if it is newer than
    /// that one, and the share that each server gets in it, P0's first: for showing what one server
    /// sees.
    ///
    /// # Security
    /// Two of the shares tell what no server may learn: the tags and sealed messages of the rows.
    pub fn dealt(&self, shown: RoundId) -> Option<(RoundId, [Vec<u8>; 3])> {
        let mut newest_first = self.rounds.pending.values().rev();
        let pending = newest_first.find(|it| !it.announcement.program.is_dialing())?;
        if pending.announcement.round <= shown {
            return None;
        }
        let shares = pending.shares.0.each_ref();
        let shares = shares.map(|dealt| dealt.share.encode());
        Some((pending.announcement.round, shares))
    }

    /// Sends a party its share of a round that it announced. A link that was lost in between may
    /// have lost the share, too: it is sent again over the next one, the same bytes.
    fn submit(&mut self, party: PartyId, announcement: Announcement) {
        if !self.rounds.has_announced(party, &announcement) {
            return;
        }
        let Some(pending) = self.rounds.pending.get_mut(&announcement.round) else {
            return;
        };
        let link = self.links.get(party).number();
        let dealt = pending.shares.get_mut(party);
        if pending.announcement != announcement || link.is_none() || dealt.sent_over == link {
            return;
        }
        dealt.sent_over = link;
        let submit = Submit {
            round: announcement.round,
            program: announcement.program,
            share: dealt.share.clone(),
        };
        self.send(party, &ClientFrame::Submit(submit));
    }

    fn show_open(&mut self, open: &Open) {
        let online = self.rounds.online(open.program);
        let latest = self.rounds.latest.get_mut(open.program);
        let last = latest.and_then(|view| view.last);
        *latest = Some(RoundView {
            round: open.round,
            opened_at: self.now.wall,
            closes_at: self.now.wall.after(open.closes_in_ms.into()),
            online,
            last,
        });
    }

    fn deal_for(&mut self, announcement: Announcement, rng: &mut impl CryptoRng) {
        let Announcement {
            round,
            program,
            turn,
        } = announcement;
        *self.rounds.dealt.get_mut(program) = Some(round);
        let (newest, newest_turn) = self.rounds.newest;
        self.rounds.newest = (newest.max(round), newest_turn.max(turn));
        self.time_goes_by(rng);
        let (submission, input) = if program.is_dialing() {
            (self.compose_dial(round, program, rng), Input::Dialing)
        } else {
            self.rounds.vouched.push_back(round);
            if self.rounds.vouched.len() > KEPT_ROUNDS {
                self.rounds.vouched.pop_front();
            }
            let (submission, rows) = self.compose_rows(round, turn, rng);
            (submission, Input::Conversation(rows))
        };
        let shares = deal(&submission, rng).map(|share| Dealt {
            share,
            sent_over: None,
        });
        let pending = Pending {
            announcement,
            shares: ByParty(shares),
            words: ByParty::default(),
            input,
        };
        self.rounds.pending.insert(round, pending);
        if let Some(oldest) = self.crowded_out(program) {
            self.conclude_round(oldest, rng);
        }
    }

    /// Returns the oldest round of a kind, if too many are waited for.
    fn crowded_out(&self, program: Program) -> Option<RoundId> {
        let pending = self.rounds.pending.values();
        let mut same_kind = pending
            .map(|pending| pending.announcement)
            .filter(|other| other.program.is_dialing() == program.is_dialing())
            .map(|other| other.round);
        let oldest = same_kind.next()?;
        (same_kind.count() >= MAX_PENDING).then_some(oldest)
    }

    /// Takes what a server says of a round. One server alone decides nothing: it may say that we
    /// were left out while our rows met others'.
    pub(super) fn round_word(
        &mut self,
        party: PartyId,
        Said {
            round,
            program,
            word,
        }: Said,
        rng: &mut impl CryptoRng,
    ) {
        self.sweep();
        let Some(pending) = self.rounds.pending.get_mut(&round) else {
            return;
        };
        if pending.announcement.program != program {
            return;
        }
        let said = pending.words.get_mut(party);
        // A server may learn of an abort when it has replied already.
        if matches!(word, Word::Failed(FailedReason::Aborted)) {
            *said = Some(word);
        } else {
            said.get_or_insert(word);
        }
        let words = pending.words.0.iter().flatten();
        let (bodies, refusals): (Vec<_>, Vec<_>) =
            words.partition(|word| matches!(word, Word::Body(_)));
        if bodies.len() == PartyId::ALL.len() {
            self.lose_rounds_before(round, program, rng);
            self.conclude_round(round, rng);
        } else if refusals.len() >= 2 {
            self.conclude_round(round, rng);
        }
    }

    /// Erases what no reply can need any more. At a server's word, and not as a round is dealt for:
    /// how long it takes depends on what was erased before.
    fn sweep(&mut self) {
        if let Some(oldest) = self.rounds.oldest_awaited() {
            self.erase_before(oldest);
        }
        let (_, turn) = self.rounds.newest;
        let swept = mem::replace(&mut self.rounds.swept, turn);
        self.store_sessions(swept..turn);
    }

    /// Gives up earlier rounds of a kind: servers reply in order, so theirs will not come.
    fn lose_rounds_before(&mut self, round: RoundId, program: Program, rng: &mut impl CryptoRng) {
        let earlier = self.rounds.pending.range(..round);
        let rounds: Vec<_> = earlier
            .filter(|(_, other)| other.announcement.program.is_dialing() == program.is_dialing())
            .map(|(round, _)| *round)
            .collect();
        for round in rounds {
            self.conclude_round(round, rng);
        }
    }

    /// Ends a round with what the servers said of it so far.
    fn conclude_round(&mut self, round: RoundId, rng: &mut impl CryptoRng) {
        let Some(pending) = self.rounds.pending.remove(&round) else {
            return;
        };
        let Pending {
            announcement,
            shares,
            words,
            input,
        } = pending;
        let program = announcement.program;
        let rows = match &words.0 {
            [
                Some(Word::Body(b0)),
                Some(Word::Body(b1)),
                Some(Word::Body(b2)),
            ] => combine(round, program, self.deployment.shape(), [b0, b1, b2]).ok(),
            _ => None,
        };
        let said = |word: fn(&Word) -> bool| {
            let words = words.0.iter().flatten();
            words.filter(|&said| word(said)).count()
        };
        let outcome = if rows.is_some() {
            RoundOutcome::Done(round)
        } else if said(|word| matches!(word, Word::Failed(FailedReason::Aborted))) >= 2 {
            // One server's word for it would do to make people distrust the others.
            self.notify(Notice::RoundAborted);
            RoundOutcome::Aborted(round)
        } else if said(|word| matches!(word, Word::Missed)) > 0 {
            RoundOutcome::Missed(round)
        } else {
            RoundOutcome::Failed(round)
        };
        self.rounds.set_outcome(program, outcome);
        if !program.is_dialing() {
            let unannounced = shares.0.each_ref().map(|dealt| dealt.sent_over.is_none());
            self.count_result(outcome, &words, unannounced);
        }
        let rows = rows.unwrap_or_default();
        if rows.iter().any(|row| row.disagreement.is_some()) {
            self.notify(Notice::RepliesDisagree);
        }
        self.finish(round, input, &rows, rng);
    }

    /// Counts a conversation round and remembers who was in its way: who did not announce it, as
    /// the others leave us out then, else who did not answer.
    fn count_result(
        &mut self,
        outcome: RoundOutcome,
        words: &ByParty<Option<Word>>,
        unannounced: [bool; 3],
    ) {
        if matches!(outcome, RoundOutcome::Done(_)) {
            self.rounds.incomplete = 0;
            return;
        }
        self.rounds.incomplete = self.rounds.incomplete.saturating_add(1);
        let unanswered = words
            .0
            .each_ref()
            .map(|word| !matches!(word, Some(Word::Body(_))));
        let silent = if unannounced.contains(&true) {
            unannounced
        } else {
            unanswered
        };
        self.rounds.silent = ByParty(silent);
    }

    /// Takes the rows of a round that is over; none where there is no result.
    fn finish(
        &mut self,
        round: RoundId,
        input: Input,
        replies: &[ReplyRow],
        rng: &mut impl CryptoRng,
    ) {
        match input {
            Input::Conversation(rows) => self.take_rows(round, rows, replies, rng),
            Input::Dialing => self.take_dial(replies.first(), rng),
        }
    }
}
