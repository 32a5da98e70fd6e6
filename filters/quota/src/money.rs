//! What tokens cost, in whole micro-dollars.

use behest_contract::delta::Usage;

/// Prices are per so many tokens.
const TOKENS_PER_PRICE: u128 = 1_000_000;

/// What a model costs, in micro-dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenPrice {
    /// Tokens read.
    pub input_micro_usd: u64,
    /// Tokens written.
    pub output_micro_usd: u64,
    /// Tokens read that the provider had cached; as other input if `None`.
    pub cached_input_micro_usd: Option<u64>,
}

impl TokenPrice {
    /// The most that so many tokens can cost, rounded up: what is to be reserved.
    pub(crate) fn most(&self, prompt_tokens: u64, output_tokens: u64) -> u64 {
        // Nobody knows yet what is cached, and a provider may charge more for that.
        let input = self.input_micro_usd.max(self.cached_input_micro_usd.unwrap_or(0));
        let parts = [(prompt_tokens, input), (output_tokens, self.output_micro_usd)];
        narrow(sum(&parts).div_ceil(TOKENS_PER_PRICE))
    }

    /// How many tokens of output an amount pays for.
    pub(crate) fn output_for(&self, micro_usd: u64) -> u64 {
        let all = u128::from(micro_usd) * TOKENS_PER_PRICE;
        all.checked_div(self.output_micro_usd.into()).map_or(u64::MAX, narrow)
    }

    /// What so much use costs: rounded once, on the total, to the nearest micro-dollar, halves up. More
    /// cached tokens than were read are taken at the number read.
    pub(crate) fn cost(&self, usage: &Usage) -> u64 {
        let cached = usage.cached_tokens.min(usage.prompt_tokens);
        let parts = [
            (usage.prompt_tokens - cached, self.input_micro_usd),
            (cached, self.cached_input_micro_usd.unwrap_or(self.input_micro_usd)),
            (usage.completion_tokens, self.output_micro_usd),
        ];
        narrow(sum(&parts).saturating_add(TOKENS_PER_PRICE / 2) / TOKENS_PER_PRICE)
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
    use super::TokenPrice;
    use behest_contract::delta::Usage;

    const PRICE: TokenPrice = TokenPrice {
        input_micro_usd: 2_500_000,
        output_micro_usd: 10_000_000,
        cached_input_micro_usd: Some(1_250_000),
    };

    fn price(input: u64, output: u64, cached: Option<u64>) -> TokenPrice {
        TokenPrice {
            input_micro_usd: input,
            output_micro_usd: output,
            cached_input_micro_usd: cached,
        }
    }

    fn used(prompt_tokens: u64, cached_tokens: u64, completion_tokens: u64) -> Usage {
        Usage { prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens: 9 }
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
    fn what_is_spent_never_exceeds_what_the_same_tokens_had_reserved() {
        for price in [PRICE, price(1, 3, Some(7)), price(999_999, 1, None), price(0, 0, None)] {
            for (read, cached, written) in [(1, 1, 1), (999, 500, 7), (123_457, 0, 89_123)] {
                let spent = price.cost(&used(read, cached, written));
                assert!(spent <= price.most(read, written), "{price:?}");
            }
        }
    }

    #[test]
    fn an_amount_pays_for_output_that_it_covers() {
        for micro_usd in [0, 1, 9, 10, 11, 159, 160, 999_999_999] {
            let tokens = PRICE.output_for(micro_usd);
            assert!(PRICE.most(0, tokens) <= micro_usd && PRICE.most(0, tokens + 1) > micro_usd);
        }
        assert_eq!(price(5, 0, None).output_for(0), u64::MAX);
    }

    #[test]
    fn absurd_amounts_are_the_largest_there_is() {
        let most = price(u64::MAX, u64::MAX, Some(u64::MAX));
        assert_eq!(most.most(u64::MAX, u64::MAX), u64::MAX);
        assert_eq!(most.cost(&used(u64::MAX, 1, u64::MAX)), u64::MAX);
        assert_eq!(price(0, 1, None).output_for(u64::MAX), u64::MAX);
    }
}
