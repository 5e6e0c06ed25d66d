//! The symbolic models beside the code (docs/models/): checks that each query holds or fails as written.

mod catalogue;
mod edit;
mod labels;
mod run;

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::models::catalogue::{Case, Catalogue, Model, Speed};
use crate::setup::verifpal;
use crate::{place, say};

/// Where the models are.
fn folder() -> PathBuf {
    place::checkout().join("docs/models")
}

/// Which cases to check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The slow ones too.
    all: bool,
    /// Only these: `MODEL`, or `MODEL/CASE`. Every one where there is none.
    names: Vec<String>,
}

impl Choice {
    /// Reads `[--fast | --all] [MODEL[/CASE]..]`.
    ///
    /// # Errors
    ///
    /// There is another option.
    pub fn parse(words: &[&str]) -> Result<Self> {
        let mut choice = Self::default();
        for word in words {
            match *word {
                "--fast" => choice.all = false,
                "--all" => choice.all = true,
                name if !name.starts_with('-') => choice.names.push(name.to_owned()),
                other => bail!("expected --fast, --all, a model or MODEL/CASE, got '{other}'"),
            }
        }
        Ok(choice)
    }

    /// A case that is named is checked however long it takes.
    fn takes(&self, model: &Model, case: &Case) -> bool {
        let full = format!("{}/{}", model.name, case.name);
        let fits = self.all || case.speed == Speed::Fast;
        (self.names.is_empty() && fits)
            || self.names.contains(&full)
            || (self.names.contains(&model.name) && fits)
    }
}

/// Checks the lists against the code and the models against what is written beside them.
///
/// # Errors
///
/// A list is not as the code is, the tool cannot be had, or a query does not do what is written.
pub fn run(choice: &Choice) -> Result<()> {
    let catalogue = Catalogue::load(&folder())?;
    catalogue.check()?;
    // Whoever works on one model changes the list afterwards.
    if choice.names.is_empty() {
        labels::check(&catalogue)?;
    }
    let mut chosen = Vec::new();
    for model in &catalogue.models {
        for case in &model.cases {
            if choice.takes(model, case) {
                chosen.push((model, case));
            }
        }
    }
    if chosen.is_empty() {
        bail!("no such model or case: {}", choice.names.join(" "));
    }
    let tool = verifpal::provide()?;
    say(format_args!("checking {} cases", chosen.len()));
    run::all(&tool, &chosen)
}
