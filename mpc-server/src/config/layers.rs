//! The layers of a configuration: a file, then `MCMIX_…` variables, then `--set` flags. Later ones
//! win, and each value remembers where it was set.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use toml::{Table, Value};

use super::mistake::{Mistake, Mistakes};
use super::{Assignment, ENVIRONMENT_PREFIX};
use crate::log::{self, Levels};

/// The values of all keys that are set, and what each was set by.
#[derive(Debug, Default)]
pub(super) struct Layers {
    file: String,
    /// Whether the file could be read: else nobody knows what it lacks.
    pub(super) is_read: bool,
    pub(super) values: BTreeMap<String, Set>,
    /// Sections that the file has, with nothing in them perhaps.
    pub(super) sections: Vec<String>,
}

/// A value where it was set.
#[derive(Clone, Debug)]
pub(super) struct Set {
    pub(super) value: Value,
    by: By,
}

#[derive(Clone, Debug)]
enum By {
    File,
    Variable(String),
    Flag(String),
}

impl Layers {
    /// Reads all layers; what can't be read is a mistake.
    pub(super) fn read(
        path: &Path,
        environment: impl IntoIterator<Item = Assignment>,
        flags: &[String],
        mistakes: &mut Mistakes,
    ) -> Self {
        let mut layers = Self {
            file: path.display().to_string(),
            ..Self::default()
        };
        match file(path) {
            Ok(table) => {
                layers.is_read = true;
                layers.flatten("", table);
            }
            Err(mistake) => mistakes.push(mistake),
        }
        for (variable, text) in environment {
            if variable == log::VARIABLE
                && let Err(error) = text.parse::<Levels>()
            {
                mistakes.push(Mistake {
                    place: format!("the variable {variable} of the environment"),
                    key: String::new(),
                    problem: error.to_string(),
                    example: format!("{variable}=info"),
                });
            }
            if let Some(key) = variable.strip_prefix(ENVIRONMENT_PREFIX) {
                let key = key.to_lowercase().replace("__", ".");
                let by = By::Variable(variable);
                let value = value(&text);
                layers.values.insert(key, Set { value, by });
            }
        }
        for flag in flags {
            let by = By::Flag(flag.clone());
            if let Some((key, text)) = flag.split_once('=') {
                let value = value(text);
                layers.values.insert(key.to_owned(), Set { value, by });
            } else {
                mistakes.push(Mistake {
                    place: format!("--set {flag}"),
                    key: String::new(),
                    problem: "expected KEY=VALUE".to_owned(),
                    example: "--set clients.listen=127.0.0.1:8000".to_owned(),
                });
            }
        }
        layers
    }

    fn flatten(&mut self, section: &str, table: Table) {
        for (name, value) in table {
            let key = match section {
                "" => name,
                section => format!("{section}.{name}"),
            };
            match value {
                Value::Table(table) => {
                    self.sections.push(key.clone());
                    self.flatten(&key, table);
                }
                value => {
                    let by = By::File;
                    self.values.insert(key, Set { value, by });
                }
            }
        }
    }

    /// Returns what to call the place where a key was set, or is to be set.
    pub(super) fn place(&self, set: Option<&Set>) -> String {
        match set.map(|set| &set.by) {
            None | Some(By::File) => self.file.clone(),
            Some(By::Variable(name)) => format!("the variable {name} of the environment"),
            Some(By::Flag(flag)) => format!("--set {flag}"),
        }
    }
}

impl Set {
    /// Returns the variable that it was set by.
    pub(super) fn variable(&self) -> Option<&str> {
        match &self.by {
            By::Variable(name) => Some(name),
            By::File | By::Flag(_) => None,
        }
    }
}

fn file(path: &Path) -> Result<Table, Mistake> {
    let mistake = |problem: String, example| Mistake::in_file(path, "", problem, example);
    let text = fs::read(path).map_err(|error| {
        let problem = format!("can't be read: {error}; --config names the configuration file");
        mistake(problem, "mcmix-server check-config --config party0.toml")
    })?;
    let text = String::from_utf8(text).map_err(|_| {
        let problem = "is no text in UTF-8: save it as such".to_owned();
        mistake(problem, "party = 0")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    text.parse().map_err(|error: toml::de::Error| {
        mistake(
            format!("is no TOML: {}", error.to_string().trim_end()),
            "party = 0",
        )
    })
}

/// Reads a value as TOML, else takes it as a string.
fn value(text: &str) -> Value {
    format!("value = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("value"))
        .filter(|value| !value.is_datetime())
        .unwrap_or_else(|| Value::String(text.to_owned()))
}
