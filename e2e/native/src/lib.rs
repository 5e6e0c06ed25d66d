//! Clients without a browser: the client's state machine over real sockets.
//!
//! [`NativeClient`] is one, for tests; a [`Swarm`] is thousands, for load.

mod client;
mod light;
mod socket;
mod swarm;

pub use client::{Direction, NativeClient, Seen};
pub use socket::{Socket, open_socket, request};
pub use swarm::{Kind, Lag, Swarm, SwarmError};
