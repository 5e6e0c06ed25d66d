//! Two persons' clients over seeded schedules of everything that can go wrong.

use super::*;

/// Stored states that one may be rolled back to.
const MAX_DISKS: usize = 13;

/// What a schedule does to the two ends, beside lost rows, starts, late and failed storage.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Faults {
    /// Texts are taken back, and new devices seen.
    Cancels,
    /// Storage goes back to an older state.
    Rollbacks,
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
fn words(id: u64) -> String {
    let mut rng = rng(id);
    let len = match rng.next_u32() % 40 {
        0 => 1500,
        1..=9 => rng.next_u32() % 150,
        _ => rng.next_u32() % 40,
    };
    let letters = "abcdefghijklmnopqrstuvwxyz".chars().cycle();
    let start = rng.next_u32() % 26;
    letters.skip(start as usize).take(len as usize).collect()
}

fn text_of(id: u64) -> Item {
    Item::Text {
        id,
        text: words(id),
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
    }

    /// Storage works and nothing is held.
    fn calm_down(&mut self) {
        self.delivery.release();
        self.commit();
        while !self.pending.is_empty() {
            self.store_one();
        }
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
        if faults == Faults::Cancels && dice.one_in(4) && !self.now.outbox.is_empty() {
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
        if faults == Faults::Cancels && dice.one_in(60) {
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
            match item {
                Item::Pass(secret) => self.now.pass_came = secret.as_bytes()[0],
                Item::Text { id, text } => {
                    assert_eq!(text, words(id), "mixed up");
                    self.came.insert(id);
                    if !self.now.inbox.contains(&id) {
                        self.now.inbox.push(id);
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
    for (side, person) in people.iter_mut().enumerate() {
        if let Some(receipt) = &rows.receipts[side] {
            let packet = &rows.packets[1 - side];
            person.finish(receipt, packet, fate, fate.reply_lost[side]);
        }
    }
    let [a, b] = people;
    check_always(a, b);
    check_always(b, a);
}

/// What holds at every moment.
fn check_always(from: &Person, to: &Person) {
    assert!(from.delivered.is_subset(&to.kept), "delivered, not stored");
    if !from.rolled_back {
        for (id, _) in &from.now.outbox {
            let may_have_left = from.delivery.has_left(*id) || from.taken.contains(id);
            assert!(may_have_left || !to.came.contains(id), "unsent, but came");
        }
    }
    // A text that the receiver lost can come back where the sender forgot that it was delivered.
    let may_come_back = from.rolled_back && to.rolled_back;
    let mut pairs = to.now.inbox.windows(2);
    let is_ordered = pairs.all(|pair| pair[0] < pair[1]);
    assert!(is_ordered || may_come_back, "doubled or out of order");
}

/// What holds when all is calm.
fn check_at_the_end(from: &Person, to: &Person) {
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
        if !to.rolled_back {
            assert_eq!(from.now.pass_sent, to.now.pass_came);
        }
    }
}

fn run(seed: u64, faults: Faults) {
    let mut dice = Dice(rng(seed));
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
        for (side, person) in people.iter_mut().enumerate() {
            if !is_wild {
                person.calm_down();
                continue;
            }
            let rolls_back = faults == Faults::Rollbacks && dice.one_in(25);
            if rolls_back {
                person.roll_back(&mut dice);
            }
            if rolls_back || dice.one_in(20) {
                person.restart(&mut dice);
                if let Some((rows, _)) = &mut open {
                    rows.receipts[side] = None;
                }
            }
            let id = 2 * at + u64::from(side == 1);
            person.act(id, packet_bytes - 28, faults, &mut dice);
            person.store(&mut dice);
        }
        if dice.one_in(2)
            && let Some((rows, fate)) = open.take()
        {
            finish_round(&mut people, &rows, fate);
        }
        let round = RoundId(100 + at * step);
        let [(to_b, receipt_a), (to_a, receipt_b)] = people.each_mut().map(|person| {
            let composed = person.delivery.compose(round, packet_bytes, None);
            person.commit();
            composed
        });
        let rows = Rows {
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
        open = Some((rows, fate));
    }
    let [a, b] = &people;
    check_at_the_end(a, b);
    check_at_the_end(b, a);
}

fn run_all(faults: Faults) {
    for seed in 0..5000 {
        let result = std::panic::catch_unwind(|| run(seed, faults));
        assert!(result.is_ok(), "seed {seed}");
    }
}

#[test]
fn nothing_is_lost_doubled_or_out_of_order() {
    run_all(Faults::Cancels);
}

#[test]
fn nothing_is_lost_when_storage_is_rolled_back() {
    run_all(Faults::Rollbacks);
}
