//! Three-party computation on replicated shares (docs/protocol.md).
//!
//! Sync, over any [`Link`]. One [`Context`] per party lives as long as the party's links do;
//! [`Context::begin`] opens a round and one program is run in it:
//!
//! ```
//! use mcmix_engine::{ConversationInput, conversation, world::World};
//!
//! // Three parties in memory; each row is a tag (8 bytes), a role (1 byte) and a message (2 bytes).
//! let rows = [*b"tag tag \0hi", *b"tag tag \x01yo"].concat();
//! let replies = World::new(7).run(&rows, |context, first, second| {
//!     context.begin(1)?;
//!     conversation(context, ConversationInput { rows: 2, message_bytes: 2, first, second })
//! });
//! assert_eq!(mcmix_engine::world::reconstruct(&replies.expect("honest parties")), b"yohi");
//! ```
#![allow(
    clippy::cast_possible_truncation,
    reason = "rows are limited to 2^30 on entry, so positions fit 32 bits and usize holds them"
)]
#![cfg_attr(
    test,
    allow(missing_docs, clippy::cast_precision_loss, reason = "tests")
)]

pub mod context;
pub mod error;
pub mod link;
pub mod program;
pub mod step;
pub mod stream;

mod bytes;
mod field;
mod map;
mod permutation;
mod round;
mod share;

mod and;
mod bins;
mod compare;
mod hop;
mod open;
mod proof;
mod route;
mod shuffle;
mod sort;
mod verify;

pub mod blocks;
pub mod ideal;
pub mod world;

pub use context::{Context, Settings, SortWidth, Statistics};
pub use error::{Error, LinkError, Suspects};
pub use link::Link;
pub use mcmix_shared::party::PartyId;
pub use program::{
    BothToldInput, ConversationInput, DialingInput, DialingProgram, JoinedRows, Replies, RowSeeds,
    conversation, conversation_by_sorting, dialing, dialing_both_told,
};
pub use step::{Phase, Step};
pub use stream::PairKeys;

#[cfg(test)]
mod tests;
