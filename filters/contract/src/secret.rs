//! Text that must never be shown: keys, tokens, passwords.
//!
//! A [`Secret`] prints as `***`, so that deriving `Debug` on whatever holds one stays safe.

use std::fmt;

/// A string that neither `Debug` nor `Display` shows.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself. Each caller of this is a place to look at in a review.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The last four characters, for people to tell two keys apart.
    pub fn last_four(&self) -> &str {
        let start = self.0.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
        self.0.get(start..).unwrap_or_default()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_prints_as_stars() {
        let secret = Secret::new("behest_sk_live_0123");
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(secret.last_four(), "0123");
    }
}
