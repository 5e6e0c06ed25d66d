//! Named bad inputs: what strangers and broken programs send to three running servers, and how each
//! is answered, while a few honest clients go on.
//!
//! [`table`] lists them; a class is a few lines in the module of its layer.

mod answer;
mod crowd;
mod frames;
mod http;
mod noise;
mod peers;
mod probe;
mod relay;
mod rounds;
mod run;
mod target;
mod websocket;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use anyhow::Result;

pub use answer::Answer;
pub use run::{Manner, Row, run};
pub use target::{Addresses, Stage, Target};

/// What a class does to the servers, and what it sees.
type Attack = for<'a> fn(&'a Target) -> Pin<Box<dyn Future<Output = Result<Answer>> + Send + 'a>>;

/// Whom a class gets in the way of while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    /// Nobody.
    Others,
    /// Other classes: it takes all places of some kind.
    Crowd,
    /// Rounds: it cuts a link between servers first, which is no part of the misuse. Rounds must go
    /// on when the link may.
    Nobody,
}

/// One kind of bad input.
#[derive(Clone, Copy)]
pub struct Class {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it does.
    pub does: &'static str,
    /// How it is to be answered.
    pub expected: Answer,
    attack: Attack,
    beside: Beside,
}

impl fmt::Debug for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Class {
    const fn new(name: &'static str, does: &'static str, expected: Answer, attack: Attack) -> Self {
        Self {
            name,
            does,
            expected,
            attack,
            beside: Beside::Others,
        }
    }

    const fn beside(mut self, beside: Beside) -> Self {
        self.beside = beside;
        self
    }
}

/// Returns all classes, from the outermost layer inwards.
pub fn table() -> Vec<Class> {
    [
        http::CLASSES,
        websocket::CLASSES,
        noise::CLASSES,
        frames::CLASSES,
        rounds::CLASSES,
        peers::CLASSES,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_class_has_a_name_of_its_own() {
        let names: Vec<_> = table().iter().map(|class| class.name).collect();
        let different: BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len());
    }
}
