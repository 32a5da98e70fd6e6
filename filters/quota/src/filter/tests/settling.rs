//! What a request has come to, whatever its ending.

use super::{EMPTY, House, Request, used};
use crate::config::{ProjectLimits, ProjectPolicy, UserLimits};
use behest_contract::book::{Bill, BillTray, Bucket};
use behest_contract::delta::Usage;
use behest_contract::facts::Endpoint;
use behest_contract::outcome::Ending;
use behest_contract::purse::{Measure, Window};

const ENDINGS: [Ending; 6] = [
    Ending::Completed,
    Ending::Denied,
    Ending::UpstreamFailed,
    Ending::ClientLeft,
    Ending::TimedOut,
    Ending::Internal,
];

/// What is estimated of a prompt of 17 bytes.
const PROMPT: u64 = 5;

fn policy() -> ProjectPolicy {
    let project = ProjectLimits {
        requests_per_minute: Some(100),
        user_requests_per_minute: Some(100),
        max_in_flight: Some(3),
        micro_usd_per_month: Some(1 << 40),
        ..ProjectLimits::default()
    };
    ProjectPolicy { project, ..ProjectPolicy::default() }
}

/// A request under the eyes of a room that keeps the books.
fn billed(house: &House) -> (Request, BillTray) {
    let mut request = Request::chat(&house.quota(policy()));
    let tray = BillTray::default();
    request.facts.state(tray.clone());
    assert!(request.empty().is_ok());
    (request, tray)
}

/// The bill of a request with an ending.
fn bill(ending: Ending, heard: &[&str], usage: Option<Usage>) -> Bill {
    let house = House::new();
    let (mut request, tray) = billed(&house);
    heard.iter().for_each(|words| request.hear(words));
    request.close(ending, 1, usage);
    let bill = tray.take().unwrap();
    assert_eq!((bill.settlement.void, bill.settlement.tenant.as_ref()), (false, "t"));
    assert_eq!(bill.settlement.id, bill.sketch.id);
    let tokens = bill.usage.prompt_tokens + bill.usage.completion_tokens;
    assert_eq!(bill.settlement.tokens, tokens);
    bill
}

#[test]
fn what_the_provider_reports_is_booked_whatever_the_ending() {
    for ending in ENDINGS {
        let reported = Usage { cached_tokens: 4, reasoning_tokens: 9, ..used(10, 20) };
        let bill = bill(ending, &["some", " words"], Some(reported));
        assert_eq!((bill.usage, bill.estimated, bill.overrun), (reported, false, false));
        // 6 at a dollar a million, 4 at half of that, 20 at two dollars.
        assert_eq!((bill.micro_usd, bill.settlement.micro_usd), (Some(48), 48));
    }
}

#[test]
fn a_reported_zero_is_kept() {
    for ending in ENDINGS {
        let bill = bill(ending, &["words"], Some(Usage::default()));
        assert_eq!((bill.settlement.tokens, bill.estimated), (0, false));
        assert_eq!(bill.micro_usd, Some(0));
    }
}

#[test]
fn what_is_not_reported_is_estimated_and_flagged() {
    // (what was heard, tokens of it)
    let cases: [(&[&str], u64); 4] =
        [(&["a", "b", "c"], 3), (&["twelve bytes"], 3), (&["thirteen bytes"], 4), (&[], 0)];
    for ending in ENDINGS {
        for (heard, tokens) in cases {
            let bill = bill(ending, heard, None);
            let silent = ending == Ending::UpstreamFailed && heard.is_empty();
            let want = if silent { Usage::default() } else { used(PROMPT, tokens) };
            assert_eq!((bill.usage, bill.estimated), (want, !silent), "{ending:?} {heard:?}");
            let cost = if silent { 0 } else { PROMPT + 2 * tokens };
            assert_eq!(bill.micro_usd, Some(cost));
        }
    }
}

#[test]
fn what_is_booked_of_a_lost_lease_is_the_prompt_and_its_price() {
    let (mut request, tray) = billed(&House::new());
    request.close(Ending::Internal, 1, None);
    let sketch = tray.take().unwrap().sketch;
    assert_eq!((&*sketch.ending, sketch.estimated), ("lost", true));
    assert_eq!((sketch.prompt_tokens, sketch.completion_tokens), (PROMPT, 0));
    assert_eq!(sketch.micro_usd, Some(PROMPT));
}

#[test]
fn a_prompt_that_was_counted_is_estimated_as_counted() {
    let house = House::new();
    let mut tight = policy();
    tight.session.tokens = Some(1_500);
    let mut request = Request::chat(&house.quota(tight));
    let body = format!(r#"{{"messages":["{}"],"max_tokens":10}}"#, " word".repeat(1_000));
    assert!(request.prompt(&body).is_ok());
    request.close(Ending::TimedOut, 1, None);
    assert_eq!(house.tokens(), 1_080);
}

#[test]
fn more_than_was_reserved_is_booked_whole_and_flagged() {
    let most = EMPTY + 1_000;
    for (usage, overrun) in [
        (used(EMPTY, 1_000), false),
        (used(0, most), true),
        (used(EMPTY, 1_001), true),
        (used(most + 1, 0), true),
        (used(u64::MAX, u64::MAX), true),
    ] {
        let bill = bill_of(usage);
        assert_eq!(bill.overrun, overrun, "{usage:?}");
        let all = usage.prompt_tokens.saturating_add(usage.completion_tokens);
        assert_eq!(bill.settlement.tokens, all);
    }
}

#[test]
fn where_no_layer_counts_tokens_more_than_was_asked_for_is_flagged_all_the_same() {
    let house = House::new();
    // No end user, and nothing that counts tokens or money.
    let quota = house.quota(ProjectPolicy::default());
    for (written, overrun) in [(1_000, false), (1_001, true)] {
        let mut request = Request::of(&quota, Endpoint::Chat, super::who("own", None, None));
        let tray = BillTray::default();
        request.facts.state(tray.clone());
        assert!(request.empty().is_ok());
        request.close(Ending::Completed, 1, Some(used(EMPTY, written)));
        assert_eq!(tray.take().unwrap().overrun, overrun, "{written}");
    }
}

/// As [`bill`], for numbers whose sum may not be one.
fn bill_of(usage: Usage) -> Bill {
    let house = House::new();
    let (mut request, tray) = billed(&house);
    request.close(Ending::Completed, 1, Some(usage));
    tray.take().unwrap()
}

#[test]
fn a_quota_that_was_reserved_in_part_is_overrun_by_more_than_that_part() {
    let house = House::new();
    let user = UserLimits { tokens_per_day: Some(EMPTY + 20), ..UserLimits::default() };
    let mut request = Request::chat(&house.quota(ProjectPolicy { user, ..policy() }));
    let tray = BillTray::default();
    request.facts.state(tray.clone());
    assert!(request.empty().is_ok());
    request.close(Ending::Completed, 1, Some(used(EMPTY, 21)));
    assert!(tray.take().unwrap().overrun);
}

#[test]
fn a_request_that_reached_no_provider_takes_everything_back() {
    for ending in ENDINGS {
        let house = House::new();
        let quota = house.quota(policy());
        let mut request = Request::chat(&quota);
        assert!(request.empty().is_ok());
        request.close(ending, 0, None);
        let used = |subject, measure, window| house.used(subject, measure, window);
        assert_eq!(used("p:own", Measure::Requests, Window::Minute), 0);
        assert_eq!(used("p:own", Measure::InFlight, Window::Life), 0);
        assert_eq!(used("p:own", Measure::MicroUsd, Window::Month), 0);
        assert_eq!(used("u:own/ann", Measure::Requests, Window::Minute), 0);
        assert_eq!((house.tokens(), house.purse.leases()), (0, 0), "{ending:?}");
    }
}

#[test]
fn exactly_one_of_two_settles() {
    // With a tray, whoever keeps the books does.
    let house = House::new();
    let (mut request, tray) = billed(&house);
    request.close(Ending::Completed, 1, Some(used(1, 2)));
    assert_eq!(house.purse.leases(), 1);
    let bill = tray.take().unwrap();
    assert_eq!(tray.take(), None);
    assert!(!bill.settlement.void);
    assert_eq!((bill.usage, bill.micro_usd), (used(1, 2), Some(5)));
    // Without one, the room itself does.
    let house = House::new();
    let mut request = Request::chat(&house.quota(policy()));
    assert!(request.empty().is_ok());
    request.close(Ending::Completed, 1, Some(used(1, 2)));
    assert_eq!((house.purse.leases(), house.tokens()), (0, 3));
    assert_eq!(house.used("p:own", Measure::MicroUsd, Window::Month), 5);
    assert_eq!(house.used("p:own", Measure::Requests, Window::Minute), 1);
    // Whoever was refused, or never asked, leaves no bill.
    let house = House::new();
    let mut request = Request::chat(&house.quota(policy()));
    let tray = BillTray::default();
    request.facts.state(tray.clone());
    request.close(Ending::Denied, 0, None);
    assert_eq!(tray.take(), None);
}

#[test]
fn the_sketch_says_whose_it_is_and_a_lost_lease_is_booked_at_what_was_heard() {
    let house = House::new();
    let (mut request, tray) = billed(&house);
    request.hear("12345678");
    request.hear("1234");
    tray.known().unwrap().note_sent(&"x".into(), Bucket::Byok);
    let id = request.facts.read::<behest_contract::facts::RequestId>().unwrap().0.clone();
    let row = house.purse.lose("t", &id).unwrap();
    assert_eq!((&*row.provider, row.bucket, row.attempts), ("x", Bucket::Byok, 1));
    assert_eq!((row.id, row.at_ms), (id, super::START * 1_000));
    assert_eq!((row.tenant.as_ref(), row.project.as_ref(), row.key.as_ref()), ("t", "own", "k"));
    assert_eq!((row.user.as_deref(), row.session.as_deref()), (Some("ann"), Some("default")));
    assert_eq!((row.model.as_ref(), row.ending.as_ref(), row.estimated), ("m", "lost", true));
    assert_eq!(house.tokens(), PROMPT + 3);
    // The prompt at a dollar a million, what was heard at two.
    assert_eq!(row.micro_usd, Some(PROMPT + 2 * 3));
    assert_eq!(house.used("p:own", Measure::MicroUsd, Window::Month), PROMPT + 2 * 3);
    // Closing it afterwards changes nothing more.
    request.close(Ending::Completed, 1, Some(used(900, 900)));
    assert_eq!(house.tokens(), PROMPT + 3);
}

#[test]
fn before_an_answer_has_begun_the_prompt_is_taken_for_read() {
    let house = House::new();
    let (request, _) = billed(&house);
    let id = request.facts.read::<behest_contract::facts::RequestId>().unwrap().0.clone();
    let row = house.purse.lose("t", &id).unwrap();
    assert_eq!((row.prompt_tokens, row.completion_tokens, house.tokens()), (PROMPT, 0, PROMPT));
    assert_eq!(row.micro_usd, Some(PROMPT));
}
