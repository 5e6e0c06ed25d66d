//! What a round costs: three parties as processes of their own, over the links that servers use.
//!
//! [`run`](mod@run) starts the parties ([`party`]) and tells them what to do ([`control`]). Each
//! party derives the same [`crowd`] of clients from a seed and keeps what that crowd would have
//! dealt to it. Every round is checked ([`verify`]) and becomes a [`record`]; records end as a
//! [`table`], as lines of JSON or as a [`plot`], beside the same work done in the clear
//! ([`plain`]) or by the [`passive`] engine.
#![allow(
    clippy::cast_precision_loss,
    reason = "counts become figures for people, who read three digits"
)]
#![cfg_attr(test, allow(clippy::indexing_slicing, reason = "tests"))]

pub mod options;

pub mod crowd;
pub mod plain;
pub mod verify;

pub mod control;
pub mod party;
pub mod usage;

pub mod parties;
pub mod record;
pub mod run;

pub mod batcher;
pub mod passive;
pub mod plot;
pub mod statistics;
pub mod table;
