//! Prices of common models, for those that the file gives none.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{Model, Price, PriceAbove, Usd};

/// The table, with its source and its licence.
const TABLE: &str = include_str!("prices.csv");

static PRICES: LazyLock<HashMap<&'static str, Price>> =
    LazyLock::new(|| rows().filter_map(read).collect());

fn rows() -> impl Iterator<Item = &'static str> {
    // The first line that is no comment names the columns.
    TABLE.lines().filter(|line| !line.starts_with('#')).skip(1)
}

fn dollars(cell: &str) -> Option<Usd> {
    Usd::from_dollars(cell.parse().ok()?).ok()
}

fn read(row: &'static str) -> Option<(&'static str, Price)> {
    let mut cells = row.split(',');
    let model = cells.next()?;
    let mut usd = || cells.next().and_then(dollars);
    let (input, output) = (usd()?, usd()?);
    let (cached_input, reasoning) = (usd(), usd());
    let tokens = cells.next().and_then(|cell| cell.parse().ok());
    let mut usd = || cells.next().and_then(dollars);
    let (above_input, above_output, above_cached) = (usd(), usd(), usd());
    let above = tokens.and_then(|tokens| {
        let (input, output) = (above_input?, above_output?);
        Some(PriceAbove { tokens, input, output, cached_input: above_cached })
    });
    Some((model, Price { input, output, cached_input, reasoning, above }))
}

impl Model {
    /// What the model costs: as the file says, else as the bundled table says of the model that the first
    /// target names.
    pub fn priced(&self) -> Option<Price> {
        let bundled = || PRICES.get(self.targets.first()?.model.as_str()).copied();
        self.price.or_else(bundled)
    }

    /// Whether its tokens are those of `o200k_base`: OpenAI's models since GPT-4o.
    pub fn counts_in_o200k(&self) -> bool {
        const FAMILIES: [&str; 7] = ["gpt-4o", "gpt-4.1", "gpt-4.5", "gpt-5", "o1", "o3", "o4"];
        let of_family = |model: &str| {
            FAMILIES.iter().any(|family| {
                let rest = model.strip_prefix(family);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
            })
        };
        !self.targets.is_empty() && self.targets.iter().all(|target| of_family(&target.model))
    }
}

#[cfg(test)]
mod tests {
    use super::{PRICES, rows};
    use crate::config::{Config, Usd};

    fn model(text: &str) -> crate::config::Model {
        let text =
            format!("providers: [{{name: p, base_url: 'http://h'}}]\nmodels: [{{id: m, {text}}}]");
        let config = Config::parse(&text, "test", "/".as_ref(), &|_| None).unwrap();
        config.models.into_iter().next().unwrap()
    }

    #[test]
    fn every_row_of_the_bundled_table_is_read() {
        assert_eq!(rows().count(), PRICES.len());
        let price = PRICES["gpt-4o"];
        let micros = |usd: Usd| usd.micros();
        assert_eq!((micros(price.input), micros(price.output)), (2_500_000, 10_000_000));
        assert_eq!(price.cached_input.map(micros), Some(1_250_000));
        assert!(PRICES.values().any(|price| price.above.is_some()));
    }

    #[test]
    fn the_files_price_counts_and_the_bundled_one_where_it_has_none() {
        let target = "targets: [{provider: p, model: gpt-4o}]";
        let bundled = model(target).priced().unwrap();
        assert_eq!(bundled.input.micros(), 2_500_000);
        let own = model(&format!("{target}, price: {{input: 1, output: 2}}")).priced().unwrap();
        assert_eq!((own.input.micros(), own.cached_input), (1_000_000, None));
        assert_eq!(model("targets: [{provider: p, model: mine}]").priced(), None);
    }

    #[test]
    fn only_models_of_that_vocabulary_are_counted_with_it() {
        for (name, counts) in [
            ("gpt-4o", true),
            ("gpt-4o-mini", true),
            ("gpt-5.2", true),
            ("o3-mini", true),
            ("gpt-4", false),
            ("o1x", false),
            ("llama-3", false),
        ] {
            let model = model(&format!("targets: [{{provider: p, model: {name}}}]"));
            assert_eq!(model.counts_in_o200k(), counts, "{name}");
        }
    }
}
