//! What goes into the book.

use super::{Lines, Recorder, answered, first_facts, outcome};
use crate::{Ledger, Metrics, PriceTable};
use behest_contract::book::{Answer, Bill, BillTray, Book, Bucket, Row, RowQuery, Sum, UsageQuery};
use behest_contract::clock::ManualClock;
use behest_contract::delta::Usage;
use behest_contract::facts::Facts;
use behest_contract::filter::{Filter, Visit};
use behest_contract::outcome::Ending;
use behest_contract::purse::Settlement;
use futures::executor::block_on;
use parking_lot::Mutex;
use pingora_http::RequestHeader;
use std::sync::Arc;
use std::time::Duration;

/// A book that shows what was written into it.
#[derive(Default)]
struct Open(Mutex<Vec<(Option<Settlement>, Option<Row>)>>);

impl Book for Open {
    fn close(&self, settlement: Option<Settlement>, row: Option<Row>) {
        self.0.lock().push((settlement, row));
    }

    fn usage(&self, _: UsageQuery) -> Answer<Vec<Sum>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn rows(&self, _: RowQuery) -> Answer<Vec<Row>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn erase_user(&self, _: &str, _: &str, _: &str) -> Answer<u64> {
        Box::pin(async { Ok(0) })
    }
}

fn bill() -> Bill {
    Bill {
        settlement: Settlement {
            id: "req-1".into(),
            tenant: "acme".into(),
            tokens: 12,
            micro_usd: 34,
            void: false,
        },
        sketch: Arc::new(Row { id: "req-1".into(), project: "demo".into(), ..Row::default() }),
        usage: Usage { prompt_tokens: 7, completion_tokens: 5, ..Usage::default() },
        micro_usd: Some(34),
        estimated: true,
        overrun: false,
    }
}

/// A visit whose head has come, and its facts.
fn visit(book: &Arc<Open>) -> (Box<dyn Visit>, Facts) {
    let metrics = Metrics::new(&Recorder::default());
    let clock = Arc::new(ManualClock::at(0));
    let ledger = Ledger::new(PriceTable::default(), metrics, Arc::new(Lines::default()), clock);
    let mut visit = ledger.with_book(book.clone()).enter();
    let mut facts = first_facts();
    let mut head = RequestHeader::build("POST", b"/", None).unwrap();
    block_on(visit.head(&mut head, &mut facts).verdict()).unwrap();
    (visit, facts)
}

#[test]
fn a_request_that_reached_a_provider_has_one_row_and_its_settlement_in_one_message() {
    let book = Arc::new(Open::default());
    let (mut visit, facts) = visit(&book);
    facts.read::<BillTray>().unwrap().leave(bill());
    visit.close(&answered("gpt"), &facts);
    let written = book.0.lock().clone();
    let [(Some(settlement), Some(row))] = written.as_slice() else { panic!("{written:?}") };
    assert_eq!(settlement, &bill().settlement);
    let expected = Row {
        id: "req-1".into(),
        project: "demo".into(),
        model: "gpt".into(),
        provider: "openai".into(),
        bucket: Bucket::Platform,
        status: 200,
        ending: "completed".into(),
        prompt_tokens: 7,
        completion_tokens: 5,
        micro_usd: Some(34),
        latency_ms: 900,
        first_byte_ms: Some(250),
        attempts: 1,
        estimated: true,
        ..Row::default()
    };
    assert_eq!(row, &expected);
}

#[test]
fn a_request_that_reached_no_provider_is_settled_and_has_no_row() {
    let book = Arc::new(Open::default());
    let (mut visit, facts) = visit(&book);
    facts.read::<BillTray>().unwrap().leave(bill());
    visit.close(&outcome(Ending::Internal, 503), &facts);
    assert_eq!(*book.0.lock(), [(Some(bill().settlement), None)]);
}

#[test]
fn a_request_that_was_never_admitted_is_not_booked() {
    let book = Arc::new(Open::default());
    let (mut visit, facts) = visit(&book);
    let refused = outcome(Ending::Denied, 429);
    assert_eq!(refused.total, Duration::from_micros(1_500));
    visit.close(&refused, &facts);
    assert!(book.0.lock().is_empty());
}
