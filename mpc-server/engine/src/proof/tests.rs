//! The proof by itself.

mod honest;
mod world;
