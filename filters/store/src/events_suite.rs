//! The behaviour that every keeper of events must show: one check for each promise of [`Events`].
//!
//! [`run`] makes all of them.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a check fails by panicking")]

use behest_contract::clock::{Clock, SystemClock};
use behest_contract::events::{Event, EventQuery, EventRecord, Events};
use behest_contract::testing::block_on;
use std::sync::Arc;
use std::time::Duration;

/// Opens one keeper. The first call makes it; each further one opens the same again, as another node
/// does, or the same node after its end.
pub type Open = Box<dyn Fn() -> Arc<dyn Events>>;

type Check = (&'static str, fn(&Open));

/// Makes all checks, each on a new keeper.
pub fn run(make: impl Fn() -> Open) {
    let checks: &[Check] = &[
        ("nothing_was_found_at_first", nothing_was_found_at_first),
        ("an_event_is_told_as_it_was_recorded", an_event_is_told_as_it_was_recorded),
        ("the_newest_are_told_first", the_newest_are_told_first),
        ("pages_follow_one_another", pages_follow_one_another),
        ("each_member_of_a_query_counts", each_member_of_a_query_counts),
        ("all_nodes_tell_the_same", all_nodes_tell_the_same),
        ("events_survive_whoever_recorded_them", events_survive_whoever_recorded_them),
        ("names_are_kept_as_they_are", names_are_kept_as_they_are),
        ("the_largest_numbers_do_no_harm", the_largest_numbers_do_no_harm),
    ];
    for (name, check) in checks {
        announce(name);
        check(&make());
    }
}

/// Says which check it is that may fail now; a test's output is shown only if it does.
#[expect(clippy::print_stderr, reason = "it is a test's output")]
fn announce(name: &str) {
    eprintln!("check: {name}");
}

/// An event of tenant `t`, project `p`, of now.
pub fn event(request: &str) -> Event {
    Event {
        at_ms: u64::try_from(SystemClock.unix().as_millis()).unwrap(),
        tenant: "t".into(),
        project: "p".into(),
        kind: "pii".into(),
        direction: "request".into(),
        mode: "enforce".into(),
        action: "MASK".into(),
        entities: vec!["CREDIT_CARD".into(), "EMAIL_ADDRESS".into()],
        count: 3,
        request: request.into(),
    }
}

/// What is told.
pub fn list(on: &dyn Events, query: EventQuery) -> Vec<EventRecord> {
    block_on(on.list(query)).unwrap()
}

fn requests(records: &[EventRecord]) -> Vec<&str> {
    records.iter().map(|record| &*record.event.request).collect()
}

/// Waits until so many are told.
fn until_told(on: &dyn Events, count: usize) -> Vec<EventRecord> {
    for _ in 0..3000 {
        let told = list(on, EventQuery::newest(100));
        if told.len() >= count {
            return told;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    list(on, EventQuery::newest(100))
}

/// And that is no mistake.
pub fn nothing_was_found_at_first(open: &Open) {
    let on = open();
    assert_eq!(list(&*on, EventQuery::newest(10)), []);
    assert_eq!(on.dropped(), 0);
}

/// With all that belongs to it, by whoever recorded it, at once.
pub fn an_event_is_told_as_it_was_recorded(open: &Open) {
    let on = open();
    let bare = Event { entities: Vec::new(), count: 0, action: "BLOCK".into(), ..event("2") };
    on.record(event("1"));
    on.record(bare.clone());
    let told = list(&*on, EventQuery::newest(10));
    let first = Event { at_ms: told[1].event.at_ms, ..event("1") };
    assert_eq!(told.iter().map(|record| &record.event).collect::<Vec<_>>(), [&bare, &first]);
    assert!(told[0].number > told[1].number && told[0].number < 1 << 53);
}

/// In the order in which they came, however many at once.
pub fn the_newest_are_told_first(open: &Open) {
    let on = open();
    let names: Vec<String> = (0..300).map(|n| n.to_string()).collect();
    names.iter().for_each(|name| on.record(event(name)));
    let told = list(&*on, EventQuery::newest(1000));
    let want: Vec<_> = names.iter().rev().map(String::as_str).collect();
    assert_eq!(requests(&told), want);
    assert_eq!(requests(&list(&*on, EventQuery::newest(2))), ["299", "298"]);
    assert_eq!(list(&*on, EventQuery::newest(0)), []);
}

/// None is left out and none comes twice, whatever is recorded meanwhile.
pub fn pages_follow_one_another(open: &Open) {
    let on = open();
    (0..10).for_each(|n| on.record(event(&n.to_string())));
    let mut query = EventQuery::newest(4);
    let mut told = Vec::new();
    loop {
        let page = list(&*on, query.clone());
        on.record(event("later"));
        let Some(last) = page.last() else { break };
        query.before = Some(last.number);
        told.extend(page);
    }
    assert_eq!(requests(&told), ["9", "8", "7", "6", "5", "4", "3", "2", "1", "0"]);
    assert_eq!(list(&*on, EventQuery { before: Some(0), ..EventQuery::newest(9) }), []);
}

/// Alone and together.
pub fn each_member_of_a_query_counts(open: &Open) {
    let on = open();
    let base = event("base");
    let at = Duration::from_millis(base.at_ms);
    on.record(base.clone());
    on.record(Event { tenant: "u".into(), ..event("tenant") });
    on.record(Event { project: "q".into(), ..event("project") });
    on.record(Event { kind: "hook".into(), ..event("kind") });
    on.record(Event { at_ms: base.at_ms - 5000, ..event("time") });
    let all = EventQuery::newest(10);
    let told = |query: EventQuery| {
        let told = list(&*on, query);
        let mut names: Vec<_> = requests(&told).into_iter().map(str::to_owned).collect();
        names.reverse();
        names.join(" ")
    };
    assert_eq!(told(all.clone()), "base tenant project kind time");
    let of = |tenant: &str| EventQuery { tenant: Some(tenant.into()), ..all.clone() };
    assert_eq!(told(of("u")), "tenant");
    assert_eq!(told(EventQuery { project: Some("q".into()), ..of("t") }), "project");
    assert_eq!(told(EventQuery { project: Some("q".into()), ..of("u") }), "");
    assert_eq!(told(EventQuery { kind: Some("hook".into()), ..all.clone() }), "kind");
    let before = Duration::ZERO..at;
    assert_eq!(told(EventQuery { time: before, ..all.clone() }), "time");
    assert_eq!(told(EventQuery { time: at..Duration::MAX, limit: 2, ..all }), "project kind");
}

/// Whoever has recorded what they tell.
pub fn all_nodes_tell_the_same(open: &Open) {
    let nodes = [open(), open()];
    for n in 0..20 {
        nodes[n % 2].record(event(&n.to_string()));
    }
    let told = until_told(&*nodes[0], 20);
    assert_eq!(told.len(), 20);
    assert_eq!(until_told(&*nodes[1], 20), told);
    let mut numbers: Vec<_> = told.iter().map(|record| record.number).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), 20);
}

/// Those that were not written yet are written at its end.
pub fn events_survive_whoever_recorded_them(open: &Open) {
    let on = open();
    on.record(event("1"));
    assert_eq!(list(&*on, EventQuery::newest(10)).len(), 1);
    on.record(event("2"));
    drop(on);
    let on = open();
    assert_eq!(requests(&until_told(&*on, 2)), ["2", "1"]);
    on.record(event("3"));
    assert_eq!(requests(&list(&*on, EventQuery::newest(10))), ["3", "2", "1"]);
}

/// Whatever is in them.
pub fn names_are_kept_as_they_are(open: &Open) {
    let on = open();
    let odd = "a\"b\\c 'd'; -- {e}\u{0}ü\u{1F600}\r";
    let odd_event = Event {
        tenant: odd.into(),
        project: odd.into(),
        entities: vec![odd.into(), "".into(), "PLAIN".into()],
        ..event(odd)
    };
    on.record(odd_event.clone());
    let query = EventQuery { project: Some(odd.into()), ..EventQuery::newest(10) };
    assert_eq!(list(&*on, query)[0].event, odd_event);
}

/// They are told as the largest that can be kept, or not at all.
pub fn the_largest_numbers_do_no_harm(open: &Open) {
    let on = open();
    on.record(Event { at_ms: u64::MAX, count: u64::MAX, ..event("far") });
    on.record(event("near"));
    let query = EventQuery { before: Some(u64::MAX), limit: usize::MAX, ..EventQuery::newest(10) };
    assert_eq!(requests(&list(&*on, query))[0], "near");
}
