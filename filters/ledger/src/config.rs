//! What the ledger is built from.

use crate::price::{Cost, Price};
use behest_contract::delta::Usage;
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
    use crate::price::{Cost, MicroUsd, Price};
    use behest_contract::delta::Usage;

    #[test]
    fn a_free_model_and_one_without_a_price_differ() {
        let nothing = MicroUsd::new(0);
        let table = PriceTable::from_iter([("free".into(), Price::new(nothing, nothing))]);
        let usage = Usage { prompt_tokens: 10, ..Usage::default() };
        assert_eq!(table.cost("free", &usage), Cost::Known(nothing));
        assert_eq!(table.cost("else", &usage), Cost::Unpriced);
        assert_eq!(table.cost("else", &usage).known(), None);
    }
}
