//! The ledger as a filter.

use crate::config::PriceTable;
use crate::cost::Cost;
use crate::entry::{AccessLog, Entry};
use crate::metrics::Metrics;
use crate::row;
use crate::stamp::Stamp;
use behest_contract::book::{Bill, BillTray, Book};
use behest_contract::clock::Clock;
use behest_contract::delta::{Delta, Usage};
use behest_contract::facts::{Endpoint, FactKey, Facts, RequestId};
use behest_contract::filter::{Filter, Hears, Step, Visit};
use behest_contract::money::MicroUsd;
use behest_contract::outcome::Outcome;
use behest_contract::prompt::Prompt;
use pingora_http::RequestHeader;
use std::sync::Arc;

/// Counts each request and logs it, when it is over.
///
/// It goes first in a chain, so that it closes last.
pub struct Ledger {
    desk: Arc<Desk>,
}

struct Desk {
    prices: PriceTable,
    metrics: Metrics,
    log: Arc<dyn AccessLog>,
    clock: Arc<dyn Clock>,
    book: Option<Arc<dyn Book>>,
}

impl Ledger {
    /// A ledger with these prices.
    pub fn new(
        prices: PriceTable,
        metrics: Metrics,
        log: Arc<dyn AccessLog>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { desk: Arc::new(Desk { prices, metrics, log, clock, book: None }) }
    }

    /// Books each request that reached a provider, and closes its lease in the same message. Once a request
    /// is closed, the host sees to [`Book::flush_closed`].
    #[must_use]
    pub fn with_book(self, book: Arc<dyn Book>) -> Self {
        let Desk { prices, metrics, log, clock, .. } = self.desk.as_ref();
        let (prices, metrics) = (prices.clone(), metrics.clone());
        let (log, clock) = (log.clone(), clock.clone());
        Self { desk: Arc::new(Desk { prices, metrics, log, clock, book: Some(book) }) }
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

    fn states(&self) -> Vec<FactKey> {
        vec![FactKey::of::<BillTray>()]
    }

    fn hears(&self) -> Hears {
        Hears::Usage
    }

    fn enter(&self) -> Box<dyn Visit> {
        let tray = self.desk.book.is_some().then(BillTray::default);
        Box::new(Page { desk: self.desk.clone(), tray, streamed: None, heard: None })
    }
}

/// One request's page of the book.
struct Page {
    desk: Arc<Desk>,
    /// Where the bill is left, if there is a book to put it in.
    tray: Option<BillTray>,
    streamed: Option<bool>,
    heard: Option<Usage>,
}

impl Visit for Page {
    fn head<'a>(&'a mut self, _: &'a mut RequestHeader, facts: &'a mut Facts) -> Step<'a> {
        if let Some(tray) = &self.tray {
            facts.state(tray.clone());
        }
        Step::go()
    }

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
        let desk = &self.desk;
        desk.metrics.ended(facts.read::<Endpoint>().copied(), outcome);
        let mut entry = Entry::new(Stamp::at(desk.clock.unix()), outcome, facts);
        if let Some(streamed) = self.streamed {
            entry = entry.streamed(streamed);
        }
        let bill = self.tray.as_ref().and_then(BillTray::take);
        if let Some((usage, cost)) = desk.account(outcome, bill.as_ref(), self.heard) {
            entry = entry.used(&usage, cost);
        }
        desk.log.line(entry.to_json());
        if let (Some(book), Some(bill)) = (&desk.book, bill) {
            let row = row::of(&bill, outcome);
            book.close_soon(Some(bill.settlement), row);
        }
    }
}

impl Desk {
    /// What was used and what it costs: as it is booked, else as it was heard.
    fn account(
        &self,
        outcome: &Outcome,
        bill: Option<&Bill>,
        heard: Option<Usage>,
    ) -> Option<(Usage, Cost)> {
        let route = outcome.route.as_ref();
        let booked = bill.filter(|_| outcome.attempts > 0).map(|bill| {
            let cost = bill.micro_usd.map(MicroUsd::new);
            (bill.usage, cost.map_or(Cost::Unpriced, Cost::Known))
        });
        let (usage, cost) = booked.or_else(|| {
            let usage = outcome.usage.or(heard)?;
            let cost = route.map(|route| self.prices.cost(&route.model, &usage));
            Some((usage, cost.unwrap_or(Cost::Unpriced)))
        })?;
        if let Some(route) = route {
            self.metrics.used(&route.provider, &usage, cost.known());
        }
        Some((usage, cost))
    }
}

#[cfg(test)]
mod tests;
