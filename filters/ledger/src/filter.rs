//! The ledger as a filter.

use crate::config::PriceTable;
use crate::entry::{AccessLog, Entry};
use crate::metrics::Metrics;
use crate::price::Cost;
use crate::stamp::Stamp;
use behest_contract::clock::Clock;
use behest_contract::delta::{Delta, Usage};
use behest_contract::facts::{Endpoint, FactKey, Facts, RequestId};
use behest_contract::filter::{Filter, Hears, Step, Visit};
use behest_contract::outcome::Outcome;
use behest_contract::prompt::Prompt;
use std::sync::Arc;

/// Counts each request and logs it, when it is over.
///
/// It goes first in a chain, so that it closes last.
pub struct Ledger {
    book: Arc<Book>,
}

struct Book {
    prices: PriceTable,
    metrics: Metrics,
    log: Arc<dyn AccessLog>,
    clock: Arc<dyn Clock>,
}

impl Ledger {
    /// A ledger with these prices.
    pub fn new(
        prices: PriceTable,
        metrics: Metrics,
        log: Arc<dyn AccessLog>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { book: Arc::new(Book { prices, metrics, log, clock }) }
    }
}

impl Filter for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }

    /// The rest is read where it is there: a request may be refused before it is known.
    fn reads_at_close(&self) -> Vec<FactKey> {
        vec![FactKey::of::<RequestId>()]
    }

    fn hears(&self) -> Hears {
        Hears::Usage
    }

    fn enter(&self) -> Box<dyn Visit> {
        Box::new(Page { book: self.book.clone(), streamed: None, heard: None })
    }
}

/// One request's page of the book.
struct Page {
    book: Arc<Book>,
    streamed: Option<bool>,
    heard: Option<Usage>,
}

impl Visit for Page {
    fn prompt<'a>(&'a mut self, prompt: &'a mut Prompt, _: &'a mut Facts) -> Step<'a> {
        self.streamed = Some(prompt.outline().streamed);
        Step::go()
    }

    fn delta(&mut self, delta: Delta, out: &mut Vec<Delta>) {
        // Providers that report more than once report the sum so far.
        if let Delta::Usage(usage) = &delta {
            self.heard = Some(*usage);
        }
        out.push(delta);
    }

    fn close(&mut self, outcome: &Outcome, facts: &Facts) {
        let book = &self.book;
        book.metrics.ended(facts.read::<Endpoint>().copied(), outcome);
        let mut entry = Entry::new(Stamp::at(book.clock.unix()), outcome, facts);
        if let Some(streamed) = self.streamed {
            entry = entry.streamed(streamed);
        }
        if let Some(usage) = outcome.usage.or(self.heard) {
            let cost = book.account(outcome, &usage);
            entry = entry.used(&usage, cost);
        }
        book.log.line(entry.to_json());
    }
}

impl Book {
    fn account(&self, outcome: &Outcome, usage: &Usage) -> Cost {
        let Some(route) = &outcome.route else { return Cost::Unpriced };
        let cost = self.prices.cost(&route.model, usage);
        self.metrics.used(&route.provider, usage, cost.known());
        cost
    }
}

#[cfg(test)]
mod tests;
