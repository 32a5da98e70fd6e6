//! Money, exact.

use crate::error::MoneyError;
use behest_contract::delta::Usage;
use std::fmt;
use std::str::FromStr;

const MICROS_PER_DOLLAR: u64 = 1_000_000;
const DECIMALS: usize = 6;
const TOKENS_PER_PRICE: u128 = 1_000_000;

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

/// What a model costs, per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    input: MicroUsd,
    output: MicroUsd,
    cached_input: Option<MicroUsd>,
}

impl Price {
    /// A price per million tokens read and per million tokens written.
    pub const fn new(input: MicroUsd, output: MicroUsd) -> Self {
        Self { input, output, cached_input: None }
    }

    /// Gives the tokens that come from a cache a price of their own.
    #[must_use]
    pub const fn cached_input(mut self, cached_input: MicroUsd) -> Self {
        self.cached_input = Some(cached_input);
        self
    }

    /// What so much use costs: rounded once, on the total, to the nearest micro-dollar, halves up.
    ///
    /// A provider that reports more cached tokens than it read is taken at the number it read. What
    /// does not fit is the largest amount there is.
    pub fn cost(&self, usage: &Usage) -> MicroUsd {
        let cached = usage.cached_tokens.min(usage.prompt_tokens);
        let parts = [
            (usage.prompt_tokens - cached, self.input),
            (cached, self.cached_input.unwrap_or(self.input)),
            (usage.completion_tokens, self.output),
        ];
        let times = |(tokens, price): (u64, MicroUsd)| u128::from(tokens) * u128::from(price.0);
        let total = parts.into_iter().map(times).fold(TOKENS_PER_PRICE / 2, u128::saturating_add);
        MicroUsd(u64::try_from(total / TOKENS_PER_PRICE).unwrap_or(u64::MAX))
    }
}

/// What a request cost, as far as that can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// So much.
    Known(MicroUsd),
    /// The model has no price, which is not the same as being free.
    Unpriced,
}

impl Cost {
    /// The amount, if it is known.
    pub const fn known(self) -> Option<MicroUsd> {
        match self {
            Self::Known(amount) => Some(amount),
            Self::Unpriced => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MicroUsd, MoneyError, Price};
    use behest_contract::delta::Usage;

    fn usd(text: &str) -> MicroUsd {
        text.parse().unwrap()
    }

    fn used(prompt_tokens: u64, cached_tokens: u64, completion_tokens: u64) -> Usage {
        Usage { prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens: 0 }
    }

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
            assert_eq!(usd(text), MicroUsd::new(micros));
        }
    }

    #[test]
    fn sums_do_not_wrap() {
        let most = MicroUsd::new(u64::MAX);
        assert_eq!(most.checked_add(MicroUsd::new(1)), None);
        assert_eq!(most.saturating_add(MicroUsd::new(1)), most);
        assert_eq!(MicroUsd::new(1).checked_add(MicroUsd::new(2)), Some(MicroUsd::new(3)));
    }

    #[test]
    fn cached_tokens_have_their_own_price_or_that_of_input() {
        let plain = Price::new(usd("2.5"), usd("10"));
        let cheaper = plain.cached_input(usd("1.25"));
        let free = plain.cached_input(usd("0"));
        let costs = |usage: Usage| [plain, cheaper, free].map(|price| price.cost(&usage).micros());
        assert_eq!(costs(used(1_000, 0, 0)), [2_500, 2_500, 2_500]);
        assert_eq!(costs(used(1_000, 400, 0)), [2_500, 2_000, 1_500]);
        assert_eq!(costs(used(1_000, 400, 200)), [4_500, 4_000, 3_500]);
        assert_eq!(costs(used(1_000, 5_000, 0)), [2_500, 1_250, 0]);
    }

    #[test]
    fn reasoning_tokens_cost_nothing_on_top() {
        let price = Price::new(usd("1"), usd("2"));
        let usage = Usage { reasoning_tokens: 900, ..used(0, 0, 1_000) };
        assert_eq!(price.cost(&usage), price.cost(&used(0, 0, 1_000)));
    }

    #[test]
    fn a_cost_is_rounded_once_and_halves_go_up() {
        let price = Price::new(MicroUsd::new(250_000), MicroUsd::new(250_000));
        let cost = |prompt, completion| price.cost(&used(prompt, 0, completion)).micros();
        assert_eq!(cost(1, 0), 0);
        assert_eq!(cost(2, 0), 1);
        assert_eq!(cost(5, 0), 1);
        assert_eq!(cost(6, 0), 2);
        // Rounding each part would make nothing of a quarter and a quarter.
        assert_eq!(cost(1, 1), 1);
    }

    #[test]
    fn an_absurd_cost_is_the_largest_amount() {
        let most = MicroUsd::new(u64::MAX);
        let price = Price::new(most, most);
        assert_eq!(price.cost(&used(u64::MAX, 0, u64::MAX)), most);
    }
}
