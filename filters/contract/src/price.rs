//! What tokens cost, in whole micro-dollars.

use crate::delta::Usage;
use crate::money::MicroUsd;

/// Prices are per so many tokens.
const TOKENS_PER_PRICE: u128 = 1_000_000;

/// What tokens cost, per million.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// Tokens read.
    pub input: MicroUsd,
    /// Tokens written.
    pub output: MicroUsd,
    /// Tokens read that the provider had cached; as other input if `None`.
    pub cached_input: Option<MicroUsd>,
    /// Tokens written that were spent on reasoning; as other output if `None`.
    pub reasoning: Option<MicroUsd>,
}

/// What a model costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Price {
    /// For requests of any length.
    pub rates: Rates,
    /// For requests, all of their tokens, whose prompts are longer than so many tokens.
    pub above: Option<(u64, Rates)>,
}

impl Rates {
    fn most(&self, prompt_tokens: u64, output_tokens: u64) -> MicroUsd {
        // Nobody knows yet what is cached or thought, and a provider may charge more for that.
        let input = self.input.max(self.cached_input.unwrap_or_default());
        let total = sum(&[(prompt_tokens, input), (output_tokens, self.dearest_output())]);
        narrow(total.div_ceil(TOKENS_PER_PRICE))
    }

    fn dearest_output(&self) -> MicroUsd {
        self.output.max(self.reasoning.unwrap_or_default())
    }

    fn output_for(&self, amount: MicroUsd, prompt_tokens: u64) -> u64 {
        let left = amount.saturating_sub(self.most(prompt_tokens, 0));
        let all = u128::from(left.micros()) * TOKENS_PER_PRICE;
        let tokens = all.checked_div(self.dearest_output().micros().into());
        tokens.and_then(|tokens| u64::try_from(tokens).ok()).unwrap_or(u64::MAX)
    }

    fn cost(&self, usage: &Usage) -> MicroUsd {
        let cached = usage.cached_tokens.min(usage.prompt_tokens);
        let reasoning = usage.reasoning_tokens.min(usage.completion_tokens);
        let total = sum(&[
            (usage.prompt_tokens - cached, self.input),
            (cached, self.cached_input.unwrap_or(self.input)),
            (usage.completion_tokens - reasoning, self.output),
            (reasoning, self.reasoning.unwrap_or(self.output)),
        ]);
        narrow(total.saturating_add(TOKENS_PER_PRICE / 2) / TOKENS_PER_PRICE)
    }
}

impl Price {
    /// A price per million tokens read and per million tokens written, whatever they are.
    pub const fn new(input: MicroUsd, output: MicroUsd) -> Self {
        let rates = Rates { input, output, cached_input: None, reasoning: None };
        Self { rates, above: None }
    }

    /// Gives the tokens that come from a cache a price of their own.
    #[must_use]
    pub const fn cached_input(mut self, cached_input: MicroUsd) -> Self {
        self.rates.cached_input = Some(cached_input);
        self
    }

    /// The most that so many tokens can cost, rounded up: what is to be reserved. The prompt may turn out
    /// shorter than its bound, and be charged by the other rates.
    pub fn most(&self, prompt_tokens: u64, output_tokens: u64) -> MicroUsd {
        let possible = self.possible(prompt_tokens);
        possible.map(|rates| rates.most(prompt_tokens, output_tokens)).max().unwrap_or_default()
    }

    /// How many tokens of output an amount pays for behind a prompt.
    pub fn output_for(&self, amount: MicroUsd, prompt_tokens: u64) -> u64 {
        let possible = self.possible(prompt_tokens);
        possible.map(|rates| rates.output_for(amount, prompt_tokens)).min().unwrap_or(0)
    }

    /// The rates of prompts of up to so many tokens.
    fn possible(&self, prompt_tokens: u64) -> impl Iterator<Item = &Rates> {
        let above = self.above.as_ref().filter(move |(tokens, _)| prompt_tokens > *tokens);
        [&self.rates].into_iter().chain(above.map(|(_, rates)| rates))
    }

    /// What so much use costs: rounded once, on the total, to the nearest micro-dollar, halves up. More
    /// cached tokens than were read are taken at the number read, and so with reasoning and writing. What
    /// does not fit is the largest amount there is.
    pub fn cost(&self, usage: &Usage) -> MicroUsd {
        let above = self.above.as_ref().filter(|(tokens, _)| usage.prompt_tokens > *tokens);
        above.map_or(&self.rates, |(_, rates)| rates).cost(usage)
    }
}

fn sum(parts: &[(u64, MicroUsd)]) -> u128 {
    let times =
        |(tokens, price): &(u64, MicroUsd)| u128::from(*tokens) * u128::from(price.micros());
    parts.iter().map(times).fold(0, u128::saturating_add)
}

fn narrow(amount: u128) -> MicroUsd {
    MicroUsd::new(u64::try_from(amount).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{Price, Rates};
    use crate::delta::Usage;
    use crate::money::MicroUsd;

    const PRICE: Price = Price::new(MicroUsd::new(2_500_000), MicroUsd::new(10_000_000))
        .cached_input(MicroUsd::new(1_250_000));

    fn price(input: u64, output: u64, cached: Option<u64>) -> Price {
        let price = Price::new(MicroUsd::new(input), MicroUsd::new(output));
        cached.map_or(price, |cached| price.cached_input(MicroUsd::new(cached)))
    }

    fn most(price: &Price, read: u64, written: u64) -> u64 {
        price.most(read, written).micros()
    }

    fn cost(price: &Price, usage: &Usage) -> u64 {
        price.cost(usage).micros()
    }

    /// Thinking is dearer, and so is what is longer than 1,000 tokens.
    fn graded() -> Price {
        let reasoning = Some(MicroUsd::new(30_000_000));
        let dear = price(5_000_000, 15_000_000, Some(2_000_000)).rates;
        Price { rates: Rates { reasoning, ..PRICE.rates }, above: Some((1_000, dear)) }
    }

    fn used(prompt_tokens: u64, cached_tokens: u64, completion_tokens: u64) -> Usage {
        Usage { prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens: 0 }
    }

    #[test]
    fn what_is_reserved_is_rounded_up_and_what_is_spent_to_the_nearest() {
        let quarter = price(250_000, 250_000, None);
        // (tokens read, tokens written, reserved, spent)
        for (read, written, reserved, spent) in
            [(0, 0, 0, 0), (1, 0, 1, 0), (1, 1, 1, 1), (4, 0, 1, 1), (5, 0, 2, 1), (3, 3, 2, 2)]
        {
            assert_eq!(most(&quarter, read, written), reserved, "{read} {written}");
            assert_eq!(cost(&quarter, &used(read, 0, written)), spent, "{read} {written}");
        }
        assert_eq!(most(&PRICE, 1_000, 200), 4_500);
        assert_eq!(cost(&PRICE, &used(1_000, 400, 200)), 4_000);
        assert_eq!(cost(&PRICE, &used(1_000, 5_000, 0)), 1_250);
    }

    #[test]
    fn reasoning_has_its_own_price() {
        let thought = |completion_tokens, reasoning_tokens| Usage {
            reasoning_tokens,
            ..used(1_000, 0, completion_tokens)
        };
        assert_eq!(cost(&graded(), &thought(200, 50)), 2_500 + 1_500 + 1_500);
        assert_eq!(cost(&graded(), &thought(200, 900)), 2_500 + 6_000);
        assert_eq!(cost(&PRICE, &thought(200, 50)), 4_500);
        assert_eq!(most(&graded(), 1_000, 200), 2_500 + 6_000);
    }

    #[test]
    fn a_prompt_longer_than_the_step_is_charged_by_it_altogether() {
        assert_eq!(cost(&graded(), &used(1_000, 0, 100)), 3_500);
        assert_eq!(cost(&graded(), &used(1_001, 1, 100)), 6_502);
        // A bound above the step may be one of a prompt below it, whose thinking is dearer.
        assert_eq!(most(&graded(), 1_001, 1_000), 2_503 + 30_000);
        assert_eq!(most(&graded(), 10_000, 100), 50_000 + 1_500);
    }

    #[test]
    fn what_is_spent_never_exceeds_what_the_same_tokens_had_reserved() {
        let prices =
            [PRICE, graded(), price(1, 3, Some(7)), price(999_999, 1, None), price(0, 0, None)];
        for price in prices {
            for (read, cached, written) in [(1, 1, 1), (999, 500, 7), (123_457, 0, 89_123)] {
                let spent = cost(&price, &used(read, cached, written));
                assert!(spent <= most(&price, read, written), "{price:?}");
            }
        }
    }

    #[test]
    fn an_amount_pays_for_output_that_it_covers() {
        for micro_usd in [0, 1, 9, 10, 11, 159, 160, 999_999_999] {
            for (price, prompt) in [(PRICE, 0), (graded(), 3), (graded(), 1_001)] {
                let tokens = price.output_for(MicroUsd::new(micro_usd), prompt);
                let cost = |tokens| most(&price, prompt, tokens);
                assert!(tokens == 0 || cost(tokens) <= micro_usd, "{prompt} {micro_usd}");
                // Rounded up in two parts, it may be a token less than what just fits.
                assert!(cost(tokens + 2) > micro_usd, "{prompt} {micro_usd}");
            }
        }
        assert_eq!(price(5, 0, None).output_for(MicroUsd::default(), 1), u64::MAX);
    }

    #[test]
    fn absurd_amounts_are_the_largest_there_is() {
        let dear = price(u64::MAX, u64::MAX, Some(u64::MAX));
        assert_eq!(most(&dear, u64::MAX, u64::MAX), u64::MAX);
        assert_eq!(cost(&dear, &used(u64::MAX, 1, u64::MAX)), u64::MAX);
        assert_eq!(price(0, 1, None).output_for(MicroUsd::new(u64::MAX), 1), u64::MAX);
    }

    #[test]
    fn cached_tokens_have_their_own_price_or_that_of_input() {
        let plain = price(2_500_000, 10_000_000, None);
        let free = price(2_500_000, 10_000_000, Some(0));
        let costs = |usage: Usage| [plain, PRICE, free].map(|price| price.cost(&usage).micros());
        assert_eq!(costs(used(1_000, 0, 0)), [2_500, 2_500, 2_500]);
        assert_eq!(costs(used(1_000, 400, 0)), [2_500, 2_000, 1_500]);
        assert_eq!(costs(used(1_000, 400, 200)), [4_500, 4_000, 3_500]);
        assert_eq!(costs(used(1_000, 5_000, 0)), [2_500, 1_250, 0]);
    }

    #[test]
    fn reasoning_tokens_without_a_price_of_their_own_cost_nothing_on_top() {
        let usage = Usage { reasoning_tokens: 900, ..used(0, 0, 1_000) };
        assert_eq!(PRICE.cost(&usage), PRICE.cost(&used(0, 0, 1_000)));
    }

    #[test]
    fn a_cost_is_rounded_once_and_halves_go_up() {
        let price = price(250_000, 250_000, None);
        let cost = |prompt, completion| price.cost(&used(prompt, 0, completion)).micros();
        assert_eq!(cost(1, 0), 0);
        assert_eq!(cost(2, 0), 1);
        assert_eq!(cost(5, 0), 1);
        assert_eq!(cost(6, 0), 2);
        // Rounding each part would make nothing of a quarter and a quarter.
        assert_eq!(cost(1, 1), 1);
    }
}
