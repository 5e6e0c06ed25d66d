//! What tests see of a party: everything opened to it.

use crate::step::Step;

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
}

impl Probe {
    pub(crate) fn saw(&mut self, step: Step, bytes: &[u8], row_bytes: usize) {
        let rows = bytes.chunks(row_bytes).map(<[u8]>::to_vec).collect();
        self.seen.push(Sight { step, rows });
    }
}
