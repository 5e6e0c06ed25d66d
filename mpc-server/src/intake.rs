//! From sockets to a frozen batch: what clients dealt to this party for one round.
//!
//! Knows of a round what clients are told of it, and the keys under which components are compared
//! in it; nothing that the parties compute with.

pub mod answers;
pub mod batch;
pub mod collector;
mod rows;

pub use answers::{Answers, Need};
pub use batch::{Batch, Member};
pub use collector::{Collector, OpenRound};
pub use rows::DealtRows;
