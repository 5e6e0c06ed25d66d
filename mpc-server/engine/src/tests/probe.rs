//! What tests see of a party: everything opened to it, and mistakes it is told to make.

use crate::{
    reshare::ShuffledShare,
    step::{Phase, Step},
};

/// A deliberate mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// Both directions of the lookup use one key.
    OneLookupKey,
    /// Equal keys are sorted by their shuffled positions, not by secret random values.
    TiesByPosition,
    /// Rows are sorted by three bits of their keys.
    FewKeyBits,
}

/// Something that a party got to see in the clear.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    pub(crate) step: Step,
    pub(crate) rows: Vec<Vec<u8>>,
}

/// A party's recorder.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    pub(crate) seen: Vec<Sight>,
    pub(crate) mistake: Option<Mistake>,
}

impl Probe {
    pub(crate) fn saw(&mut self, step: Step, bytes: &[u8], row_bytes: usize) {
        let rows = bytes.chunks(row_bytes).map(<[u8]>::to_vec).collect();
        self.seen.push(Sight { step, rows });
    }

    pub(crate) fn lookup_step(&self, step: Step) -> Step {
        match self.mistake {
            Some(Mistake::OneLookupKey) => Step::new(Phase::Lookup, 0),
            _ => step,
        }
    }

    pub(crate) fn break_no_ties(&self, ties: &mut ShuffledShare) {
        if self.mistake == Some(Mistake::TiesByPosition) {
            ties.0.first.fill(0);
            ties.0.second.fill(0);
        }
    }

    pub(crate) fn compared_bits(&self) -> u64 {
        match self.mistake {
            Some(Mistake::FewKeyBits) => 0b111,
            _ => u64::MAX,
        }
    }
}
