//! What can be wrong with a configuration.

use std::fmt;

/// A mistake in a configuration, and where it is. It never shows a term or a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The place below the policy, such as `pii.patterns[3].regex`.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
}

impl ConfigError {
    pub(crate) fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }

    /// The same mistake, seen from further out.
    #[must_use]
    pub fn under(mut self, outer: &str) -> Self {
        self.path = format!("{outer}.{}", self.path);
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.problem)
    }
}

impl std::error::Error for ConfigError {}
