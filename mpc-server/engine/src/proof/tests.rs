//! The proof by itself.

mod exact;
mod forms;
mod guesses;
mod honest;
mod sound;
mod toy;
mod world;
