//! The proof by itself.

mod forms;
mod honest;
mod world;
