//! Money, exact.

use std::fmt;
use std::str::FromStr;

const MICROS_PER_DOLLAR: u64 = 1_000_000;
const DECIMALS: usize = 6;

/// An amount in whole micro-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MicroUsd(u64);

impl MicroUsd {
    /// So many micro-dollars.
    pub const fn new(micros: u64) -> Self {
        Self(micros)
    }

    /// How many micro-dollars.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// The sum, unless it is too large to hold.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or nothing if that is less.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The sum, or the largest amount there is.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl FromStr for MicroUsd {
    type Err = MoneyError;

    /// Reads dollars such as `10` or `0.075`, digit by digit and so without a rounding error.
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let fraction = fraction.trim_end_matches('0');
        let wrong_digits = |text: &str| !text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || text.ends_with('.') || wrong_digits(whole) || wrong_digits(fraction)
        {
            return Err(MoneyError::Malformed);
        }
        if fraction.len() > DECIMALS {
            return Err(MoneyError::TooPrecise);
        }
        let dollars = whole.parse::<u64>().map_err(|_| MoneyError::TooLarge)?;
        let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(DECIMALS);
        let below = digits.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        let micros = dollars.checked_mul(MICROS_PER_DOLLAR).and_then(|all| all.checked_add(below));
        micros.map(Self).ok_or(MoneyError::TooLarge)
    }
}

/// In dollars with all six decimals: `0.004500`.
impl fmt::Display for MicroUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / MICROS_PER_DOLLAR, self.0 % MICROS_PER_DOLLAR)
    }
}

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

#[cfg(test)]
mod tests {
    use super::{MicroUsd, MoneyError};

    #[test]
    fn dollars_are_read_exactly() {
        let read = [
            ("0", 0),
            ("2.5", 2_500_000),
            ("10", 10_000_000),
            ("10.0", 10_000_000),
            ("0.075", 75_000),
            ("0.1", 100_000),
            ("0.000001", 1),
            ("0.0000010000", 1),
            ("1.15", 1_150_000),
            ("18446744073709.551615", u64::MAX),
        ];
        for (text, micros) in read {
            assert_eq!(text.parse(), Ok(MicroUsd::new(micros)), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in
            ["", ".", ".5", "5.", "-1", "+1", "1e3", "1,5", "1.2.3", " 1", "$1", "NaN", "1.x0"]
        {
            assert_eq!(text.parse::<MicroUsd>(), Err(MoneyError::Malformed), "{text:?}");
        }
        assert_eq!("0.0000001".parse::<MicroUsd>(), Err(MoneyError::TooPrecise));
        for text in ["18446744073709.551616", "99999999999999999999"] {
            assert_eq!(text.parse::<MicroUsd>(), Err(MoneyError::TooLarge), "{text}");
        }
    }

    #[test]
    fn an_amount_is_written_in_dollars_with_six_decimals() {
        for (micros, text) in
            [(0, "0.000000"), (1, "0.000001"), (4_500, "0.004500"), (12_000_000, "12.000000")]
        {
            assert_eq!(MicroUsd::new(micros).to_string(), text);
            assert_eq!(text.parse(), Ok(MicroUsd::new(micros)));
        }
    }

    #[test]
    fn sums_do_not_wrap() {
        let most = MicroUsd::new(u64::MAX);
        assert_eq!(most.checked_add(MicroUsd::new(1)), None);
        assert_eq!(most.saturating_add(MicroUsd::new(1)), most);
        assert_eq!(MicroUsd::new(1).saturating_sub(most), MicroUsd::default());
        assert_eq!(MicroUsd::new(1).checked_add(MicroUsd::new(2)), Some(MicroUsd::new(3)));
    }
}
