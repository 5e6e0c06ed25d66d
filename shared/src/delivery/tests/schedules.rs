//! Two persons' clients over seeded schedules of everything that can go wrong.

use super::*;

/// Stored states that one may be rolled back to.
const MAX_DISKS: usize = 13;

/// What a schedule may do to the two ends.
#[derive(Clone, Copy)]
struct Faults {
    /// Texts are taken back, and new devices seen.
    cancels: bool,
    /// Storage goes back to an older state.
    rollbacks: bool,
}

/// What is stored at one end.
#[derive(Clone)]
struct Disk {
    record: Vec<u8>,
    outbox: Vec<(u64, Pieces)>,
    inbox: Vec<u64>,
    pass_sent: u8,
    pass_came: u8,
}

/// One end over all its starts.
struct Person {
    delivery: Delivery,
    now: Disk,
    /// What was stored, newest last.
    disks: Vec<Disk>,
    pending: VecDeque<(BatchId, Disk)>,
    batch: u64,
    /// Every text that ever was complete here, stored or not.
    came: BTreeSet<u64>,
    /// Every text that ever was stored here.
    kept: BTreeSet<u64>,
    delivered: BTreeSet<u64>,
    rolled_back: bool,
    /// Texts that were taken out after some of them may have left.
    taken: BTreeSet<u64>,
}

/// A round's rows, composed and not settled.
struct Rows {
    round: RoundId,
    packets: [Vec<u8>; 2],
    /// Gone where the client started anew.
    receipts: [Option<Receipt>; 2],
}

/// What became of the rows, for both.
#[derive(Clone, Copy)]
struct Fate {
    meet: bool,
    reply_lost: [bool; 2],
}

/// The text with an id: mostly of one to four pieces, rarely longer than the window.
fn text_of(id: u64) -> Item {
    let mut rng = rng(id);
    let len = match rng.next_u32() % 40 {
        0 => 1500,
        1..=9 => rng.next_u32() % 150,
        _ => rng.next_u32() % 40,
    };
    Item::Text {
        id,
        text: (0..len)
            .map(|at| char::from(b'a' + ((id + u64::from(at)) % 26) as u8))
            .collect(),
    }
}

struct Dice(ChaCha8Rng);

impl Dice {
    fn below(&mut self, n: u32) -> u32 {
        self.0.next_u32() % n
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }
}

impl Person {
    fn new(dice: &mut Dice) -> Self {
        let mut delivery = Delivery::new(&mut dice.0);
        let commit = delivery.commit_with(BatchId(1)).unwrap();
        delivery.stored(BatchId(1));
        let now = Disk {
            record: postcard::to_allocvec(&commit.record).unwrap(),
            outbox: Vec::new(),
            inbox: Vec::new(),
            pass_sent: 0,
            pass_came: 0,
        };
        Self {
            delivery,
            disks: vec![now.clone()],
            now,
            pending: VecDeque::new(),
            batch: 1,
            came: BTreeSet::new(),
            kept: BTreeSet::new(),
            delivered: BTreeSet::new(),
            rolled_back: false,
            taken: BTreeSet::new(),
        }
    }

    /// Ends a step: hands what changed to storage.
    fn commit(&mut self) {
        self.batch += 1;
        let Some(commit) = self.delivery.commit_with(BatchId(self.batch)) else {
            return;
        };
        self.now.record = postcard::to_allocvec(&commit.record).unwrap();
        for (id, pieces) in commit.renumbered {
            for text in self.now.outbox.iter_mut().filter(|text| text.0 == id) {
                text.1 = pieces;
            }
        }
        self.pending
            .push_back((BatchId(self.batch), self.now.clone()));
    }

    /// Storage gets some way.
    fn store(&mut self, dice: &mut Dice) {
        if !self.pending.is_empty() && dice.one_in(30) {
            self.pending.clear();
            self.delivery.store_failed();
            self.commit();
        }
        while !self.pending.is_empty() && !dice.one_in(4) {
            self.store_one();
        }
    }

    fn store_one(&mut self) {
        if let Some((batch, disk)) = self.pending.pop_front() {
            self.kept.extend(&disk.inbox);
            self.disks.push(disk);
            if self.disks.len() > MAX_DISKS {
                self.disks.remove(0);
            }
            self.delivery.stored(batch);
        }
    }

    fn restart(&mut self, dice: &mut Dice) {
        self.pending.clear();
        self.now = self.disks.last().unwrap().clone();
        let record = postcard::from_bytes(&self.now.record).unwrap();
        let outbox = self.now.outbox.iter();
        let items = outbox.map(|(id, pieces)| (text_of(*id), *pieces));
        self.delivery = Delivery::restore(record, items.collect(), &mut dice.0);
    }

    fn roll_back(&mut self, dice: &mut Dice) {
        let gone = 1 + dice.below(12) as usize;
        let left = self.disks.len().saturating_sub(gone).max(1);
        self.disks.truncate(left);
        self.rolled_back = true;
        self.restart(dice);
    }

    fn queue(&mut self, id: u64, piece_bytes: usize) {
        let pieces = self.delivery.queue(text_of(id), piece_bytes);
        self.now.outbox.push((id, pieces));
    }

    fn act(&mut self, id: u64, piece_bytes: usize, faults: Faults, dice: &mut Dice) {
        if dice.one_in(5) && self.now.outbox.len() < 12 {
            self.queue(id, piece_bytes);
        }
        if dice.one_in(40) {
            self.now.pass_sent += 1;
            let pass = Item::Pass(Secret::from_bytes([self.now.pass_sent; 32]));
            self.delivery.queue(pass, piece_bytes);
        }
        if dice.one_in(12) {
            self.delivery.hold();
        }
        if dice.one_in(4) {
            self.delivery.release();
        }
        if faults.cancels && dice.one_in(4) && !self.now.outbox.is_empty() {
            let at = dice.below(u32::try_from(self.now.outbox.len()).unwrap()) as usize;
            let id = self.now.outbox[at].0;
            assert_eq!(
                self.delivery.has_left(id),
                self.delivery.cancel(id).is_err()
            );
            if self.delivery.pieces_left(id) == 0 {
                self.now.outbox.remove(at);
            }
        }
        if faults.cancels && dice.one_in(60) {
            let left = self.now.outbox.iter().map(|text| text.0);
            let left = left.filter(|id| self.delivery.has_left(*id));
            self.taken.extend(left);
            let ids = self.delivery.take_unacknowledged();
            let waiting: Vec<_> = self.now.outbox.iter().map(|text| text.0).collect();
            assert_eq!(ids, waiting);
            self.now.outbox.clear();
            for id in ids {
                self.queue(id, piece_bytes);
            }
            if self.now.pass_sent > 0 {
                let pass = Item::Pass(Secret::from_bytes([self.now.pass_sent; 32]));
                self.delivery.queue(pass, piece_bytes);
            }
        }
        self.commit();
    }

    fn take(&mut self, round: RoundId, packet: &[u8]) {
        let progress = self.delivery.receive(round, packet);
        for item in progress.incoming {
            match &item {
                Item::Pass(secret) => self.now.pass_came = secret.as_bytes()[0],
                Item::Text { id, .. } => {
                    assert_eq!(item.to_bytes(), text_of(*id).to_bytes(), "mixed up");
                    self.came.insert(*id);
                    if !self.now.inbox.contains(id) {
                        self.now.inbox.push(*id);
                    }
                }
            }
        }
        for id in progress.delivered {
            self.delivered.insert(id);
            self.now.outbox.retain(|text| text.0 != id);
        }
    }

    /// Settles a row and takes what it met.
    fn finish(&mut self, receipt: &Receipt, packet: &[u8], fate: Fate, reply_lost: bool) {
        let outcome = match (reply_lost, fate.meet) {
            (true, _) => Outcome::Unknown,
            (false, true) => Outcome::Met,
            (false, false) => Outcome::CameBack,
        };
        self.delivery.settle(receipt, outcome);
        if outcome == Outcome::Met {
            self.take(receipt.round, packet);
        }
        self.commit();
    }
}

fn finish_round(people: &mut [Person; 2], rows: &Rows, fate: Fate) {
    for side in 0..2 {
        if let Some(receipt) = &rows.receipts[side] {
            let packet = &rows.packets[1 - side];
            people[side].finish(receipt, packet, fate, fate.reply_lost[side]);
        }
    }
    for side in 0..2 {
        check_always(&people[side], &people[1 - side]);
    }
}

/// What holds at every moment.
fn check_always(from: &Person, to: &Person) {
    assert!(from.delivered.is_subset(&to.kept), "delivered, not stored");
    if !from.rolled_back {
        for (id, _) in &from.now.outbox {
            let may_have_left = from.delivery.has_left(*id) || from.taken.contains(id);
            assert!(may_have_left || !to.came.contains(id), "unsent, but came");
        }
        let mut pairs = to.now.inbox.windows(2);
        assert!(
            pairs.all(|pair| pair[0] < pair[1]),
            "doubled or out of order"
        );
    }
}

/// What holds when all is calm.
fn check_at_the_end(from: &Person, to: &Person, faults: Faults) {
    assert!(
        from.delivery.is_idle(),
        "stuck: {:?} {:?}",
        from.delivery,
        to.delivery
    );
    assert!(from.now.outbox.is_empty(), "lost");
    if !to.rolled_back {
        let inbox: BTreeSet<_> = to.now.inbox.iter().copied().collect();
        assert!(from.delivered.is_subset(&inbox), "lost");
    }
    if !from.rolled_back {
        let known: BTreeSet<_> = from.delivered.union(&from.taken).copied().collect();
        assert!(to.came.is_subset(&known), "taken back, but came");
        if !to.rolled_back && !faults.rollbacks {
            assert_eq!(from.now.pass_sent, to.now.pass_came);
        }
    }
}

fn run(seed: u64) {
    let mut dice = Dice(rng(seed));
    let rollbacks = dice.one_in(2);
    let faults = Faults {
        cancels: !rollbacks,
        rollbacks,
    };
    let mut people = [Person::new(&mut dice), Person::new(&mut dice)];
    let step = [1, 2, 16][dice.below(3) as usize];
    let losses = 2 + dice.below(8);
    let (wild, calm) = (60, 1000);
    let mut packet_bytes = LONG;
    let mut open: Option<(Rows, Fate)> = None;
    for at in 0..wild + calm {
        let is_wild = at < wild;
        if !is_wild && people.iter().all(|person| person.delivery.is_idle()) {
            break;
        }
        if is_wild && dice.one_in(25) {
            packet_bytes = LONG + SHORT - packet_bytes;
        }
        for (side, person) in (0..).zip(&mut people) {
            if is_wild {
                if dice.one_in(20) {
                    person.restart(&mut dice);
                    if let Some((rows, _)) = &mut open {
                        rows.receipts[side as usize] = None;
                    }
                }
                if faults.rollbacks && dice.one_in(25) {
                    person.roll_back(&mut dice);
                    if let Some((rows, _)) = &mut open {
                        rows.receipts[side as usize] = None;
                    }
                }
                person.act(2 * at + side, packet_bytes - 28, faults, &mut dice);
                person.store(&mut dice);
            } else {
                person.delivery.release();
                person.commit();
                while !person.pending.is_empty() {
                    person.store_one();
                }
            }
        }
        if dice.one_in(2)
            && let Some((rows, fate)) = open.take()
        {
            finish_round(&mut people, &rows, fate);
        }
        let round = RoundId(100 + at * step);
        let composed = [0, 1].map(|side: usize| {
            let composed = people[side].delivery.compose(round, packet_bytes, None);
            people[side].commit();
            composed
        });
        let [(to_b, receipt_a), (to_a, receipt_b)] = composed;
        let rows = Rows {
            round,
            packets: [to_b, to_a],
            receipts: [Some(receipt_a), Some(receipt_b)],
        };
        if let Some((rows, fate)) = open.take() {
            finish_round(&mut people, &rows, fate);
        }
        let fate = Fate {
            meet: !is_wild || !dice.one_in(losses),
            reply_lost: [0, 1].map(|_| is_wild && dice.one_in(losses)),
        };
        assert_eq!(rows.round, round);
        open = Some((rows, fate));
    }
    let [a, b] = &people;
    check_at_the_end(a, b, faults);
    check_at_the_end(b, a, faults);
}

#[test]
fn nothing_is_lost_doubled_or_out_of_order() {
    for seed in 0..10_000 {
        let result = std::panic::catch_unwind(|| run(seed));
        assert!(result.is_ok(), "seed {seed}");
    }
}
