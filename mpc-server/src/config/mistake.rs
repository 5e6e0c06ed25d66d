//! What is wrong with a configuration, all of it: each with where it stands, the key, what is wrong,
//! and an example of what is right.

use std::fmt;
use std::path::Path;

/// One thing to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file, variable or flag that it stands in.
    pub place: String,
    /// The key; empty where it is the whole place.
    pub key: String,
    /// What is wrong, and what it means.
    pub problem: String,
    /// What is right, or does it.
    pub example: String,
}

impl Mistake {
    /// Names a mistake in a file.
    pub fn in_file(file: &Path, key: &str, problem: impl Into<String>, example: &str) -> Self {
        Self {
            place: file.display().to_string(),
            key: key.to_owned(),
            problem: problem.into(),
            example: example.to_owned(),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            key,
            problem,
            example,
        } = self;
        match key.as_str() {
            "" => write!(f, "{place}: {problem}")?,
            key => write!(f, "{place}: {key}: {problem}")?,
        }
        write!(f, "\n    for example: {example}")
    }
}

/// All that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    /// Adds one.
    pub fn push(&mut self, mistake: Mistake) {
        self.0.push(mistake);
    }

    /// Returns what is right, where nothing is wrong.
    ///
    /// # Errors
    /// With all that is wrong.
    pub fn or<T>(self, right: Option<T>) -> Result<T, Self> {
        match right {
            Some(right) if self.0.is_empty() => Ok(right),
            _ => Err(self),
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [mistake] => write!(f, "{mistake}"),
            mistakes => {
                write!(f, "{} mistakes", mistakes.len())?;
                mistakes
                    .iter()
                    .try_for_each(|mistake| write!(f, "\n{mistake}"))
            }
        }
    }
}

impl std::error::Error for Mistakes {}
