//! Rounds: when they open and close, who takes part, and what comes of them
//! (docs/protocol.md §3).
//!
//! [`clock`] decides, as plain state that tests drive. [`agree`] makes the three parties' sets of
//! clients one, [`lane`] computes, [`driver`] joins them to links, [intake](crate::intake) and
//! [egress](crate::egress). [`abort`] says what happens where a check finds that a peer deviates,
//! [`stretch`] how much longer rounds stay open while clients answer late, `pulse` whether rounds
//! complete, [`counts`] what operators are told of them,
//! [`recent`] what everybody is.

pub mod abort;
pub mod agree;
pub mod clock;
pub mod counter;
pub mod counts;
pub mod driver;
pub mod lane;
mod pulse;
pub mod recent;
pub mod stretch;
