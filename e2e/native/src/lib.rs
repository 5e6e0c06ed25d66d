//! Clients without a browser: the client's state machine over real sockets, and worse.
//!
//! [`NativeClient`] is one, for tests; a [`Swarm`] is thousands, for load. What follows no state
//! machine is [`raw`], and [`misuse`] is a list of all that strangers try.

mod client;
mod light;
pub mod misuse;
pub mod raw;
mod socket;
mod swarm;

pub use client::{Direction, NativeClient, Seen};
pub use socket::{Socket, open_socket, request};
pub use swarm::{Kind, Lag, Swarm, SwarmError};
