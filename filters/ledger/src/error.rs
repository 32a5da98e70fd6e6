//! What can be wrong with an amount.

use std::fmt;

/// A text is no amount of dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoneyError {
    /// It is no plain decimal number such as `2.5`.
    Malformed,
    /// It says more than micro-dollars can hold.
    TooPrecise,
    /// It is too large.
    TooLarge,
}

impl fmt::Display for MoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "no amount of dollars; write a plain decimal number such as 2.5",
            Self::TooPrecise => "more precise than a micro-dollar",
            Self::TooLarge => "too large an amount",
        })
    }
}

impl std::error::Error for MoneyError {}
