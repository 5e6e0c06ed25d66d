//! Attacks by name (docs/threat-model.md §4). Mistakes of xtask/mistakes leave out a check: there the tests
//! of the attacks that it stops fail.

mod hint;
mod openings;
pub(super) mod play;
mod release;
mod rows;
