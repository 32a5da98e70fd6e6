//! What tokens cost, in whole micro-dollars.

use behest_contract::delta::Usage;

/// Prices are per so many tokens.
const TOKENS_PER_PRICE: u128 = 1_000_000;

/// What tokens cost, in micro-dollars per million.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// Tokens read.
    pub input_micro_usd: u64,
    /// Tokens written.
    pub output_micro_usd: u64,
    /// Tokens read that the provider had cached; as other input if `None`.
    pub cached_input_micro_usd: Option<u64>,
    /// Tokens written that were spent on reasoning; as other output if `None`.
    pub reasoning_micro_usd: Option<u64>,
}

/// What a model costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenPrice {
    /// For requests of any length.
    pub rates: Rates,
    /// For requests, all of their tokens, whose prompts are longer than so many tokens.
    pub above: Option<(u64, Rates)>,
}

impl Rates {
    fn most(&self, prompt_tokens: u64, output_tokens: u64) -> u64 {
        // Nobody knows yet what is cached or thought, and a provider may charge more for that.
        let input = self.input_micro_usd.max(self.cached_input_micro_usd.unwrap_or(0));
        narrow(
            sum(&[(prompt_tokens, input), (output_tokens, self.dearest_output())])
                .div_ceil(TOKENS_PER_PRICE),
        )
    }

    fn dearest_output(&self) -> u64 {
        self.output_micro_usd.max(self.reasoning_micro_usd.unwrap_or(0))
    }

    fn output_for(&self, micro_usd: u64, prompt_tokens: u64) -> u64 {
        let left = micro_usd.saturating_sub(self.most(prompt_tokens, 0));
        let all = u128::from(left) * TOKENS_PER_PRICE;
        all.checked_div(self.dearest_output().into()).map_or(u64::MAX, narrow)
    }

    fn cost(&self, usage: &Usage) -> u64 {
        let cached = usage.cached_tokens.min(usage.prompt_tokens);
        let reasoning = usage.reasoning_tokens.min(usage.completion_tokens);
        let parts = [
            (usage.prompt_tokens - cached, self.input_micro_usd),
            (cached, self.cached_input_micro_usd.unwrap_or(self.input_micro_usd)),
            (usage.completion_tokens - reasoning, self.output_micro_usd),
            (reasoning, self.reasoning_micro_usd.unwrap_or(self.output_micro_usd)),
        ];
        narrow(sum(&parts).saturating_add(TOKENS_PER_PRICE / 2) / TOKENS_PER_PRICE)
    }
}

impl TokenPrice {
    /// The most that so many tokens can cost, rounded up: what is to be reserved. The prompt may turn out
    /// shorter than its bound, and be charged by the other rates.
    pub(crate) fn most(&self, prompt_tokens: u64, output_tokens: u64) -> u64 {
        let possible = self.possible(prompt_tokens);
        possible.map(|rates| rates.most(prompt_tokens, output_tokens)).max().unwrap_or(0)
    }

    /// How many tokens of output an amount pays for behind a prompt.
    pub(crate) fn output_for(&self, micro_usd: u64, prompt_tokens: u64) -> u64 {
        let possible = self.possible(prompt_tokens);
        possible.map(|rates| rates.output_for(micro_usd, prompt_tokens)).min().unwrap_or(0)
    }

    /// The rates of prompts of up to so many tokens.
    fn possible(&self, prompt_tokens: u64) -> impl Iterator<Item = &Rates> {
        let above = self.above.as_ref().filter(move |(tokens, _)| prompt_tokens > *tokens);
        [&self.rates].into_iter().chain(above.map(|(_, rates)| rates))
    }

    /// What so much use costs: rounded once, on the total, to the nearest micro-dollar, halves up. More
    /// cached tokens than were read are taken at the number read, and so with reasoning and writing.
    pub(crate) fn cost(&self, usage: &Usage) -> u64 {
        let above = self.above.filter(|(tokens, _)| usage.prompt_tokens > *tokens);
        above.map_or(self.rates, |(_, rates)| rates).cost(usage)
    }
}

fn sum(parts: &[(u64, u64)]) -> u128 {
    let times = |(tokens, price): &(u64, u64)| u128::from(*tokens) * u128::from(*price);
    parts.iter().map(times).fold(0, u128::saturating_add)
}

fn narrow(amount: u128) -> u64 {
    u64::try_from(amount).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Rates, TokenPrice};
    use behest_contract::delta::Usage;

    const PRICE: TokenPrice = TokenPrice {
        rates: Rates {
            input_micro_usd: 2_500_000,
            output_micro_usd: 10_000_000,
            cached_input_micro_usd: Some(1_250_000),
            reasoning_micro_usd: None,
        },
        above: None,
    };

    fn price(input: u64, output: u64, cached: Option<u64>) -> TokenPrice {
        let rates = Rates {
            input_micro_usd: input,
            output_micro_usd: output,
            cached_input_micro_usd: cached,
            reasoning_micro_usd: None,
        };
        TokenPrice { rates, above: None }
    }

    /// Thinking is dearer, and so is what is longer than 1,000 tokens.
    fn graded() -> TokenPrice {
        let reasoning = Rates { reasoning_micro_usd: Some(30_000_000), ..PRICE.rates };
        let dear = price(5_000_000, 15_000_000, Some(2_000_000)).rates;
        TokenPrice { rates: reasoning, above: Some((1_000, dear)) }
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
            assert_eq!(quarter.most(read, written), reserved, "{read} {written}");
            assert_eq!(quarter.cost(&used(read, 0, written)), spent, "{read} {written}");
        }
        assert_eq!(PRICE.most(1_000, 200), 4_500);
        assert_eq!(PRICE.cost(&used(1_000, 400, 200)), 4_000);
        assert_eq!(PRICE.cost(&used(1_000, 5_000, 0)), 1_250);
    }

    #[test]
    fn reasoning_has_its_own_price() {
        let thought = |completion_tokens, reasoning_tokens| Usage {
            reasoning_tokens,
            ..used(1_000, 0, completion_tokens)
        };
        assert_eq!(graded().cost(&thought(200, 50)), 2_500 + 1_500 + 1_500);
        assert_eq!(graded().cost(&thought(200, 900)), 2_500 + 6_000);
        assert_eq!(PRICE.cost(&thought(200, 50)), 4_500);
        assert_eq!(graded().most(1_000, 200), 2_500 + 6_000);
    }

    #[test]
    fn a_prompt_longer_than_the_step_is_charged_by_it_altogether() {
        assert_eq!(graded().cost(&used(1_000, 0, 100)), 3_500);
        assert_eq!(graded().cost(&used(1_001, 1, 100)), 6_502);
        // A bound above the step may be one of a prompt below it, whose thinking is dearer.
        assert_eq!(graded().most(1_001, 1_000), 2_503 + 30_000);
        assert_eq!(graded().most(10_000, 100), 50_000 + 1_500);
    }

    #[test]
    fn what_is_spent_never_exceeds_what_the_same_tokens_had_reserved() {
        let prices =
            [PRICE, graded(), price(1, 3, Some(7)), price(999_999, 1, None), price(0, 0, None)];
        for price in prices {
            for (read, cached, written) in [(1, 1, 1), (999, 500, 7), (123_457, 0, 89_123)] {
                let spent = price.cost(&used(read, cached, written));
                assert!(spent <= price.most(read, written), "{price:?}");
            }
        }
    }

    #[test]
    fn an_amount_pays_for_output_that_it_covers() {
        for micro_usd in [0, 1, 9, 10, 11, 159, 160, 999_999_999] {
            for (price, prompt) in [(PRICE, 0), (graded(), 3), (graded(), 1_001)] {
                let tokens = price.output_for(micro_usd, prompt);
                let most = |tokens| price.most(prompt, tokens);
                assert!(tokens == 0 || most(tokens) <= micro_usd, "{prompt} {micro_usd}");
                // Rounded up in two parts, it may be a token less than what just fits.
                assert!(most(tokens + 2) > micro_usd, "{prompt} {micro_usd}");
            }
        }
        assert_eq!(price(5, 0, None).output_for(0, 1), u64::MAX);
    }

    #[test]
    fn absurd_amounts_are_the_largest_there_is() {
        let most = price(u64::MAX, u64::MAX, Some(u64::MAX));
        assert_eq!(most.most(u64::MAX, u64::MAX), u64::MAX);
        assert_eq!(most.cost(&used(u64::MAX, 1, u64::MAX)), u64::MAX);
        assert_eq!(price(0, 1, None).output_for(u64::MAX, 1), u64::MAX);
    }
}
