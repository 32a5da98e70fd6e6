//! The behaviour that every engine must show that is a purse and a book: one check for each promise of
//! [`Book`]. The purse has its own suite in the contract.
//!
//! [`run`] makes all of them.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a check fails by panicking")]

use behest_contract::book::{Book, Bucket, Row, RowQuery, Side, Sum, UsageQuery};
use behest_contract::purse::{Ask, Demand, Measure, Purse, Refused, Settlement, Window};
use behest_contract::testing::{ManualClock, block_on};
use smallvec::SmallVec;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// 2025-06-15 15:06:40 UTC.
const START: u64 = 1_750_000_000;
const START_MS: u64 = START * 1000;

/// What is under examination.
trait Engine: Purse + Book {}
impl<E: Purse + Book> Engine for E {}

type Check = (&'static str, fn(&dyn Engine));

/// Makes all checks, each on a new engine.
pub fn run<E: Purse + Book + 'static>(make: impl Fn(ManualClock) -> Arc<E>) {
    let checks: &[Check] = &[
        ("a_new_book_is_empty", a_new_book_is_empty),
        ("a_row_is_told_as_it_was_booked", a_row_is_told_as_it_was_booked),
        ("the_same_request_twice_is_once", the_same_request_twice_is_once),
        ("a_close_settles_the_lease", a_close_settles_the_lease),
        ("what_reached_no_provider_is_not_booked", what_reached_no_provider_is_not_booked),
        ("usage_is_the_sum_of_rows", usage_is_the_sum_of_rows),
        ("usage_is_told_apart_by_time", usage_is_told_apart_by_time),
        ("usage_is_told_apart_by_sides", usage_is_told_apart_by_sides),
        ("nobody_sees_anothers_usage", nobody_sees_anothers_usage),
        ("rows_are_paged_oldest_first", rows_are_paged_oldest_first),
        ("an_erased_user_is_a_pseudonym", an_erased_user_is_a_pseudonym),
        ("the_largest_numbers_do_no_harm", the_largest_numbers_do_no_harm),
        ("of_many_at_once_each_is_booked_once", of_many_at_once_each_is_booked_once),
    ];
    for (name, check) in checks {
        announce(name);
        check(&*make(ManualClock::at(START)));
    }
}

/// Says which check it is that may fail now; a test's output is shown only if it does.
#[expect(clippy::print_stderr, reason = "it is a test's output")]
fn announce(name: &str) {
    eprintln!("check: {name}");
}

/// A row of tenant `t`, project `p`, at so many milliseconds after the start.
pub fn row(id: &str, after_ms: u64) -> Row {
    Row {
        id: id.into(),
        at_ms: START_MS + after_ms,
        tenant: "t".into(),
        project: "p".into(),
        user: Some("ann".into()),
        session: Some("default".into()),
        key: "k1".into(),
        model: "m1".into(),
        provider: "x".into(),
        status: 200,
        ending: "completed".into(),
        prompt_tokens: 10,
        completion_tokens: 5,
        micro_usd: Some(7),
        attempts: 1,
        ..Row::default()
    }
}

/// The settlement that goes with a row.
pub fn settlement(row: &Row) -> Settlement {
    Settlement {
        id: row.id.clone(),
        tenant: row.tenant.clone(),
        tokens: row.prompt_tokens + row.completion_tokens,
        micro_usd: row.micro_usd.unwrap_or(0),
        void: false,
    }
}

/// All rows of a tenant, or of all.
pub fn all_rows(tenant: Option<&str>) -> RowQuery {
    RowQuery {
        tenant: tenant.map(Arc::from),
        project: None,
        user: None,
        time: Duration::ZERO..Duration::MAX,
        after: None,
        limit: usize::MAX,
    }
}

fn book(on: &dyn Engine, row: Row) {
    on.close(Some(settlement(&row)), Some(row));
}

fn rows(on: &dyn Engine, query: RowQuery) -> Vec<Row> {
    block_on(on.rows(query)).unwrap()
}

fn ids(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| &*row.id).collect()
}

fn query(time: Range<u64>, step: Option<u64>, sides: &[Side]) -> UsageQuery {
    UsageQuery {
        tenant: "t".into(),
        project: Some("p".into()),
        user: None,
        time: Duration::from_millis(time.start)..Duration::from_millis(time.end),
        step: step.map(Duration::from_secs),
        sides: SmallVec::from_slice(sides),
    }
}

fn usage(on: &dyn Engine, query: UsageQuery) -> Vec<Sum> {
    block_on(on.usage(query)).unwrap()
}

fn everything() -> Range<u64> {
    0..u64::MAX
}

fn tokens(limit: u64, amount: u64) -> Demand {
    Demand { subject: 0, measure: Measure::Tokens, window: Window::Day, limit, amount }
}

fn admit(on: &dyn Engine, id: &str, demand: Demand) -> Result<u64, Refused> {
    let ask = Ask {
        id: id.into(),
        tenant: "t".into(),
        subjects: ["p:p".into()].into_iter().collect(),
        demands: [demand].into_iter().collect(),
        sketch: Arc::new(row(id, 0)),
        known: Arc::default(),
    };
    block_on(on.admit(ask).settled()).map(|granted| granted.used[0])
}

fn a_new_book_is_empty(on: &dyn Engine) {
    assert_eq!(rows(on, all_rows(None)), []);
    assert_eq!(usage(on, query(everything(), None, &[])), []);
}

fn a_row_is_told_as_it_was_booked(on: &dyn Engine) {
    let full = Row {
        thread: Some("th/ä'\0".into()),
        bucket: Bucket::Byok,
        ending: "client_left".into(),
        cached_tokens: 3,
        reasoning_tokens: 2,
        latency_ms: 1234,
        first_byte_ms: Some(56),
        attempts: 3,
        estimated: true,
        overrun: true,
        ..row("full", 1)
    };
    let bare = Row { id: "bare".into(), at_ms: START_MS, tenant: "t".into(), ..Row::default() };
    book(on, full.clone());
    on.close(None, Some(bare.clone()));
    assert_eq!(rows(on, all_rows(Some("t"))), [bare, full]);
}

fn the_same_request_twice_is_once(on: &dyn Engine) {
    admit(on, "a", tokens(1000, 100)).unwrap();
    for completion_tokens in [5, 6, 7] {
        book(on, Row { completion_tokens, ..row("a", 0) });
    }
    // Also when the first is long known.
    assert_eq!(rows(on, all_rows(None)), [row("a", 0)]);
    book(on, Row { completion_tokens: 8, ..row("a", 0) });
    assert_eq!(rows(on, all_rows(None)), [row("a", 0)]);
    assert_eq!(admit(on, "b", tokens(1000, 100)), Ok(115));
}

fn a_close_settles_the_lease(on: &dyn Engine) {
    admit(on, "a", tokens(100, 90)).unwrap();
    assert!(admit(on, "b", tokens(100, 20)).is_err());
    book(on, row("a", 0));
    assert_eq!(admit(on, "b", tokens(100, 20)), Ok(35));
}

fn what_reached_no_provider_is_not_booked(on: &dyn Engine) {
    admit(on, "a", tokens(100, 90)).unwrap();
    on.close(Some(Settlement { void: true, ..settlement(&row("a", 0)) }), None);
    on.close(None, None);
    assert_eq!(rows(on, all_rows(None)), []);
    assert_eq!(admit(on, "b", tokens(100, 100)), Ok(100));
}

fn usage_is_the_sum_of_rows(on: &dyn Engine) {
    book(on, Row { cached_tokens: 4, reasoning_tokens: 1, ..row("a", 0) });
    book(on, Row { micro_usd: None, user: None, session: None, ..row("b", 1) });
    book(on, Row { micro_usd: Some(0), ..row("c", 2) });
    let sum = Sum {
        at: Duration::ZERO,
        sides: SmallVec::new(),
        requests: 3,
        prompt_tokens: 30,
        completion_tokens: 15,
        cached_tokens: 4,
        reasoning_tokens: 1,
        micro_usd: 7,
        unpriced_requests: 1,
    };
    assert_eq!(usage(on, query(everything(), None, &[])), [sum]);
    // From, to but not including.
    for (time, requests) in [(0..0, None), (0..1, Some(1)), (1..3, Some(2)), (3..9, None)] {
        let time = START_MS + time.start..START_MS + time.end;
        let found = usage(on, query(time, None, &[]));
        assert_eq!(found.first().map(|sum| sum.requests), requests);
    }
}

fn usage_is_told_apart_by_time(on: &dyn Engine) {
    for (n, after_ms) in [0, 19_999, 20_000, 79_999, 80_000, 3_600_000].into_iter().enumerate() {
        book(on, row(&n.to_string(), after_ms));
    }
    let told = |step| {
        let sums = usage(on, query(everything(), Some(step), &[]));
        sums.iter().map(|sum| (sum.at.as_secs(), sum.requests)).collect::<Vec<_>>()
    };
    assert_eq!(told(60), [(START - 40, 2), (START + 20, 2), (START + 80, 1), (START + 3_560, 1)]);
    assert_eq!(told(3_600), [(START - 400, 5), (START + 3_200, 1)]);
    assert_eq!(told(86_400), [(1_749_945_600, 6)]);
}

fn usage_is_told_apart_by_sides(on: &dyn Engine) {
    book(on, row("a", 0));
    book(on, Row { user: None, bucket: Bucket::Byok, ..row("b", 0) });
    book(on, Row { model: "m2".into(), key: "k2".into(), ..row("c", 0) });
    book(on, Row { session: Some("s2".into()), ..row("d", 0) });
    let told = |sides: &[Side]| -> Vec<(Vec<Option<String>>, u64)> {
        let text = |side: &Option<Box<str>>| side.as_deref().map(str::to_owned);
        let sums = usage(on, query(everything(), None, sides));
        sums.iter().map(|sum| (sum.sides.iter().map(text).collect(), sum.requests)).collect()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(told(&[Side::User]), [(vec![None], 1), (vec![some("ann")], 3)]);
    assert_eq!(told(&[Side::Model]), [(vec![some("m1")], 3), (vec![some("m2")], 1)]);
    assert_eq!(told(&[Side::Key]), [(vec![some("k1")], 3), (vec![some("k2")], 1)]);
    assert_eq!(told(&[Side::Session]), [(vec![some("default")], 3), (vec![some("s2")], 1)]);
    assert_eq!(
        told(&[Side::Bucket, Side::Model]),
        [
            (vec![some("byok"), some("m1")], 1),
            (vec![some("platform"), some("m1")], 2),
            (vec![some("platform"), some("m2")], 1),
        ]
    );
}

fn nobody_sees_anothers_usage(on: &dyn Engine) {
    book(on, row("a", 0));
    book(on, Row { user: Some("bob".into()), ..row("b", 0) });
    book(on, Row { project: "q".into(), ..row("c", 0) });
    book(on, Row { tenant: "t2".into(), ..row("d", 0) });
    let requests = |query: UsageQuery| usage(on, query).first().map_or(0, |sum| sum.requests);
    let asked = query(everything(), None, &[]);
    assert_eq!(requests(asked.clone()), 2);
    assert_eq!(requests(UsageQuery { user: Some("ann".into()), ..asked.clone() }), 1);
    assert_eq!(requests(UsageQuery { user: Some("eve".into()), ..asked.clone() }), 0);
    assert_eq!(requests(UsageQuery { project: None, ..asked.clone() }), 3);
    assert_eq!(requests(UsageQuery { tenant: "t2".into(), ..asked }), 1);
    assert_eq!(ids(&rows(on, all_rows(Some("t2")))), ["d"]);
    let project = RowQuery { project: Some("q".into()), ..all_rows(Some("t")) };
    assert_eq!(ids(&rows(on, project)), ["c"]);
    let user = RowQuery { user: Some("bob".into()), ..all_rows(Some("t")) };
    assert_eq!(ids(&rows(on, user)), ["b"]);
}

fn rows_are_paged_oldest_first(on: &dyn Engine) {
    for (id, after_ms) in [("e", 2), ("c", 1), ("d", 1), ("a", 3), ("b", 0)] {
        book(on, row(id, after_ms));
    }
    let (mut seen, mut after) = (Vec::new(), None);
    for want in [2, 2, 1, 0] {
        let page = rows(on, RowQuery { after, limit: 2, ..all_rows(None) });
        assert_eq!(page.len(), want);
        after = page.last().map(|row| (row.at_ms, row.id.clone()));
        seen.extend(page);
        if after.is_none() {
            break;
        }
    }
    assert_eq!(ids(&seen), ["b", "c", "d", "e", "a"]);
    let time = Duration::from_millis(START_MS + 1)..Duration::from_millis(START_MS + 3);
    assert_eq!(ids(&rows(on, RowQuery { time, ..all_rows(None) })), ["c", "d", "e"]);
    assert_eq!(rows(on, RowQuery { limit: 0, ..all_rows(None) }), []);
}

fn an_erased_user_is_a_pseudonym(on: &dyn Engine) {
    book(on, row("a", 0));
    book(on, row("b", 1));
    book(on, Row { user: Some("bob".into()), ..row("c", 2) });
    book(on, Row { project: "q".into(), ..row("d", 3) });
    assert_eq!(block_on(on.erase_user("p", "ann", "x-1")), Ok(2));
    assert_eq!(block_on(on.erase_user("p", "ann", "x-1")), Ok(0));
    let users: Vec<_> = rows(on, all_rows(None)).into_iter().map(|row| row.user).collect();
    assert_eq!(users, ["x-1", "x-1", "bob", "ann"].map(|user| Some(user.into())));
    // Whoever closes late does not bring the name back.
    book(on, row("a", 0));
    assert_eq!(rows(on, all_rows(None))[0].user.as_deref(), Some("x-1"));
    assert_eq!(usage(on, query(everything(), None, &[]))[0].requests, 3);
}

fn the_largest_numbers_do_no_harm(on: &dyn Engine) {
    for id in ["a", "b"] {
        let most = Row {
            at_ms: u64::MAX,
            status: u16::MAX,
            attempts: u32::MAX,
            prompt_tokens: u64::MAX,
            completion_tokens: u64::MAX,
            cached_tokens: u64::MAX,
            reasoning_tokens: u64::MAX,
            micro_usd: Some(u64::MAX),
            latency_ms: u64::MAX,
            first_byte_ms: Some(u64::MAX),
            ..row(id, 0)
        };
        on.close(None, Some(most));
    }
    assert_eq!(rows(on, RowQuery { after: Some((u64::MAX, "z".into())), ..all_rows(None) }), []);
    book(on, row("c", 0));
    let sums = usage(on, query(0..START_MS + 1, Some(1 << 40), &[]));
    assert_eq!((sums[0].requests, sums[0].prompt_tokens), (1, 10));
    assert!(block_on(on.usage(query(everything(), None, &[]))).is_ok());
}

fn of_many_at_once_each_is_booked_once(on: &dyn Engine) {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for n in 0..250 {
                    let id = format!("{thread}-{n}");
                    admit(on, &id, tokens(1 << 40, 100)).unwrap();
                    book(on, row(&id, n));
                }
            });
        }
    });
    assert_eq!(rows(on, all_rows(None)).len(), 1000);
    let sum = &usage(on, query(everything(), None, &[]))[0];
    assert_eq!((sum.requests, sum.prompt_tokens, sum.completion_tokens), (1000, 10_000, 5_000));
    assert_eq!(admit(on, "last", tokens(1 << 40, 0)), Ok(15_000));
}
