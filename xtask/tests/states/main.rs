//! What the symbolic models cannot say (docs/models/README.md): who meets whom, and after which
//! losses. Every state of a small model of the rules is visited. The rules as the client has them
//! are explored in the client's own tests.

mod explore;
mod glare;
mod resume;
