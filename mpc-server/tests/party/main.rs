//! Three whole parties on loopback, and clients of every kind.
//!
//! Nothing here waits for time to pass: tests wait for states, and a limit for all that waiting
//! turns a state that never comes into a failure.

mod conversation;
mod faults;
mod misuse;
mod raw;
mod trace;
mod world;
