//! What the ledger is built from.

use crate::cost::Cost;
use behest_contract::delta::Usage;
use behest_contract::price::Price;
use std::collections::HashMap;
use std::sync::Arc;

/// The prices of the gateway's models, by the name that a model has in this gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PriceTable {
    by_model: HashMap<Arc<str>, Price>,
}

impl PriceTable {
    /// What so much use of a model costs.
    pub fn cost(&self, model: &str, usage: &Usage) -> Cost {
        let price = self.by_model.get(model);
        price.map_or(Cost::Unpriced, |price| Cost::Known(price.cost(usage)))
    }
}

impl FromIterator<(Arc<str>, Price)> for PriceTable {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Price)>>(prices: I) -> Self {
        Self { by_model: prices.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::PriceTable;
    use crate::cost::Cost;
    use behest_contract::delta::Usage;
    use behest_contract::money::MicroUsd;
    use behest_contract::price::{Price, Rates};

    #[test]
    fn a_free_model_and_one_without_a_price_differ() {
        let nothing = MicroUsd::new(0);
        let table = PriceTable::from_iter([("free".into(), Price::new(nothing, nothing))]);
        let usage = Usage { prompt_tokens: 10, ..Usage::default() };
        assert_eq!(table.cost("free", &usage), Cost::Known(nothing));
        assert_eq!(table.cost("else", &usage), Cost::Unpriced);
        assert_eq!(table.cost("else", &usage).known(), None);
    }

    #[test]
    fn a_long_prompt_and_reasoning_are_charged_at_their_own_rates() {
        let usd = MicroUsd::new;
        let rates = Rates { reasoning: Some(usd(30_000_000)), ..rates(1_000_000, 10_000_000) };
        let price = Price { rates, above: Some((1_000, self::rates(2_000_000, 20_000_000))) };
        let table = PriceTable::from_iter([("graded".into(), price)]);
        let cost = |prompt_tokens, reasoning_tokens| {
            let usage = Usage {
                prompt_tokens,
                completion_tokens: 100,
                reasoning_tokens,
                ..Usage::default()
            };
            table.cost("graded", &usage).known().map(MicroUsd::micros)
        };
        assert_eq!(cost(1_000, 0), Some(1_000 + 1_000));
        assert_eq!(cost(1_000, 40), Some(1_000 + 600 + 1_200));
        assert_eq!(cost(1_001, 40), Some(2_002 + 2_000));
    }

    fn rates(input: u64, output: u64) -> Rates {
        Price::new(MicroUsd::new(input), MicroUsd::new(output)).rates
    }
}
