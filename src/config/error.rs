//! What is wrong with a file: every error, each with its path and line.

use std::fmt;

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where it is, such as `models[0].targets[1].provider`; empty for the file as a whole.
    pub path: String,
    /// Its line, from 1.
    pub line: Option<usize>,
    /// What is wrong. Never holds a secret's value.
    pub message: String,
}

/// Everything that is wrong with a file, in the order of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    file: String,
    errors: Vec<ConfigError>,
}

impl ConfigErrors {
    pub(super) fn new(file: &str, mut errors: Vec<ConfigError>) -> Self {
        errors.sort_by_key(|error| error.line.unwrap_or(0));
        Self { file: file.to_owned(), errors }
    }

    /// The errors, in the order of their lines.
    pub fn iter(&self) -> std::slice::Iter<'_, ConfigError> {
        self.errors.iter()
    }

    /// How many errors there are.
    pub fn count(&self) -> usize {
        self.errors.len()
    }
}

impl<'a> IntoIterator for &'a ConfigErrors {
    type Item = &'a ConfigError;
    type IntoIter = std::slice::Iter<'a, ConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One line per error: `conf.yaml:12: models[0].id: …`.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.errors.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            f.write_str(&self.file)?;
            if let Some(line) = error.line {
                write!(f, ":{line}")?;
            }
            if !error.path.is_empty() {
                write!(f, ": {}", error.path)?;
            }
            write!(f, ": {}", error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
