//! What tests see of a party, and make it do: everything opened to it; a message that it changes.

use mcmix_shared::party::PartyId;

use crate::{context::HEADER_BYTES, step::Step};

/// Something that a party got to see in the clear.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    pub(crate) step: Step,
    pub(crate) rows: Vec<Vec<u8>>,
}

/// How a party changes a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    FlipBit,
    FlipTwoLanes,
    SwapRows,
    /// Another round's message would look so.
    Replay,
    Zeros,
    Shorter,
    Longer,
    /// Something is added to every byte.
    Add,
}

impl Change {
    /// Those that do not depend on what the message was.
    pub(crate) const SUMS: [Self; 5] = [
        Self::FlipBit,
        Self::FlipTwoLanes,
        Self::Shorter,
        Self::Longer,
        Self::Add,
    ];
    pub(crate) const ALL: [Self; 7] = [
        Self::FlipBit,
        Self::FlipTwoLanes,
        Self::SwapRows,
        Self::Replay,
        Self::Zeros,
        Self::Shorter,
        Self::Longer,
    ];

    /// Changes a frame of rows of so many bytes; `at` says where. Returns whether it is another one.
    pub(crate) fn make(self, frame: &mut Vec<u8>, row_bytes: usize, at: usize) -> bool {
        let before = frame.clone();
        let body = frame.get_mut(HEADER_BYTES..).unwrap_or_default();
        let len = body.len().max(1);
        match self {
            Self::FlipBit => body[at % len] ^= 1 << (at / len % 8),
            Self::FlipTwoLanes => body[at % len] ^= 0b11 << (at % 7),
            Self::SwapRows => {
                let rows = body.len() / row_bytes;
                let (one, two) = (at % rows.max(1), (at + 1) % rows.max(1));
                for byte in 0..row_bytes.min(body.len()) {
                    body.swap(one * row_bytes + byte, two * row_bytes + byte);
                }
            }
            Self::Replay => (1..)
                .zip(body)
                .for_each(|(i, byte)| *byte = (at * i) as u8 ^ 0x5a),
            Self::Zeros => body.fill(0),
            Self::Shorter => _ = frame.pop(),
            Self::Longer => frame.push(0),
            Self::Add => (1..)
                .zip(body)
                .for_each(|(i, byte)| *byte ^= (at * i) as u8 ^ 0x5a),
        }
        *frame != before
    }
}

/// A change of one message before it is hashed: the party deviates and is consistent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cheat {
    pub(crate) to: PartyId,
    pub(crate) step: Step,
    pub(crate) change: Change,
    pub(crate) at: usize,
}

/// A row of list A, as P1 knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed {
    pub(crate) value: u64,
    /// Where it is looked for.
    pub(crate) bins: [u32; 2],
    /// By which number the hint names it.
    pub(crate) number: u32,
}

/// A change of P1's hint: the row that goes into each bin.
pub(crate) type ChangeHint = fn(&mut Vec<u32>, &[Listed]);

/// A party's recorder.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    pub(crate) seen: Vec<Sight>,
    pub(crate) cheats: Vec<Cheat>,
    /// Whether they made a difference.
    pub(crate) cheated: bool,
    /// Whom all frames went to, and their steps, in order.
    pub(crate) sent: Vec<(PartyId, Step)>,
    /// What P1 does to its hint before anybody sees it.
    pub(crate) hint: Option<ChangeHint>,
    /// What P1 knew then.
    pub(crate) listed: Vec<Listed>,
}

impl Probe {
    pub(crate) fn saw(&mut self, step: Step, bytes: &[u8], row_bytes: usize) {
        let rows = bytes.chunks(row_bytes).map(<[u8]>::to_vec).collect();
        self.seen.push(Sight { step, rows });
    }

    /// Changes a frame as planned; tells whether it did.
    pub(crate) fn cheat(
        &mut self,
        to: PartyId,
        step: Step,
        row_bytes: usize,
        frame: &mut Vec<u8>,
    ) -> bool {
        self.sent.push((to, step));
        let mut changed = false;
        let meant = |cheat: &mut Cheat| (cheat.to, cheat.step) == (to, step);
        for cheat in self.cheats.extract_if(.., meant) {
            changed |= cheat.change.make(frame, row_bytes, cheat.at);
        }
        self.cheated |= changed;
        changed
    }

    pub(crate) fn change_hint(&mut self, hint: &mut Vec<u32>, listed: Vec<Listed>) {
        if let Some(change) = self.hint {
            change(hint, &listed);
        }
        self.listed = listed;
    }
}
