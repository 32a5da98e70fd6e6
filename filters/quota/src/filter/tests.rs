use super::Quota;
use crate::config::{ProjectLimits, QuotaConfig};
use crate::counters::Counters;
use behest_contract::chain::Chain;
use behest_contract::clock::ManualClock;
use behest_contract::denial::{Kind, Verdict};
use behest_contract::facts::{Endpoint, FactKey, Facts, Principal};
use behest_contract::filter::{Filter, Step, Visit};
use behest_contract::prompt::{Outline, Prompt};
use http::HeaderMap;
use pingora_http::RequestHeader;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Twenty seconds before a minute's end.
const START: u64 = 1_750_000_000;
const END: u64 = START + 20;

struct House {
    counters: Arc<Counters>,
    clock: ManualClock,
}

impl House {
    fn new() -> Self {
        Self { counters: Arc::default(), clock: ManualClock::at(START) }
    }

    /// Project `own` has a limit of its own, every other one has 2, and so has a key that mints.
    fn quota(&self, own: u64) -> Quota {
        let limits = ProjectLimits { requests_per_minute: own };
        let projects = [("own".into(), limits)].into();
        let config = QuotaConfig {
            projects,
            default_requests_per_minute: 2,
            mint_requests_per_minute: 2,
        };
        Quota::new(config, self.counters.clone(), Arc::new(self.clock.clone()))
    }
}

/// One request to a quota.
struct Request {
    visit: Box<dyn Visit>,
    facts: Facts,
}

impl Request {
    fn chat(quota: &Quota, project: &str) -> Self {
        Self::to(quota, Endpoint::Chat, project)
    }

    fn to(quota: &Quota, endpoint: Endpoint, project: &str) -> Self {
        let mut facts = Facts::default();
        facts.state(endpoint);
        facts.state(Principal {
            tenant: "t".into(),
            project: project.into(),
            key: "k".into(),
            user: None,
            tier: None,
            session: None,
        });
        Self { visit: quota.enter(), facts }
    }

    fn head(&mut self) -> Verdict {
        let mut head = RequestHeader::build("POST", b"/", None).unwrap();
        at_once(self.visit.head(&mut head, &mut self.facts))
    }

    fn prompt(&mut self) -> Verdict {
        let mut prompt = Prompt::new(b"{}".as_slice().into(), Outline::default());
        at_once(self.visit.prompt(&mut prompt, &mut self.facts))
    }

    /// The six headers in the order of the contract, or nothing.
    fn reply(&mut self) -> Option<[String; 6]> {
        let mut headers = HeaderMap::new();
        self.visit.reply(&mut headers, &self.facts);
        let names = [
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-reset",
            "x-ratelimit-limit-requests",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset-requests",
        ];
        assert!(headers.is_empty() || headers.len() == names.len());
        let value = |name| Some(headers.get(name)?.to_str().unwrap().to_owned());
        let values: Vec<_> = names.into_iter().filter_map(value).collect();
        values.try_into().ok()
    }
}

fn at_once(step: Step<'_>) -> Verdict {
    match step {
        Step::Done(verdict) => verdict,
        Step::Wait(_) => panic!("waits"),
    }
}

#[test]
fn the_chain_is_told_what_it_reads() {
    let house = House::new();
    let build = |given: &[FactKey]| {
        Chain::new(vec![Arc::new(house.quota(1))], given, Arc::new(house.clock.clone())).is_ok()
    };
    assert!(build(&[FactKey::of::<Endpoint>(), FactKey::of::<Principal>()]));
    assert!(!build(&[FactKey::of::<Endpoint>()]));
    assert!(!build(&[FactKey::of::<Principal>()]));
    assert_eq!(house.quota(1).name(), "quota");
}

#[test]
fn an_admitted_request_is_told_where_it_stands() {
    let house = House::new();
    let quota = house.quota(3);
    for (remaining, after_ms, reset) in
        [("2", 0, "20s"), ("1", 1_500, "19s"), ("0", 18_300, "200ms")]
    {
        house.clock.advance(Duration::from_millis(after_ms));
        let mut request = Request::chat(&quota, "own");
        assert!(request.head().is_ok());
        assert_eq!(request.reply(), None, "before admission");
        assert!(request.prompt().is_ok());
        let end = END.to_string();
        let want = ["3", remaining, &end, "3", remaining, reset].map(str::to_owned);
        assert_eq!(request.reply(), Some(want));
    }
}

#[test]
fn the_headers_are_those_of_the_admission_whatever_happens_until_the_reply() {
    let house = House::new();
    let quota = house.quota(3);
    let mut slow = Request::chat(&quota, "own");
    assert!(slow.prompt().is_ok());
    assert!(Request::chat(&quota, "own").prompt().is_ok());
    house.clock.advance(Duration::from_secs(90));
    let end = END.to_string();
    assert_eq!(slow.reply(), Some(["3", "2", &end, "3", "2", "20s"].map(str::to_owned)));
    // It was counted in its own minute; the minute of its end is untouched.
    let mut next = Request::chat(&quota, "own");
    assert!(next.prompt().is_ok());
    assert_eq!(next.reply().unwrap()[1], "2");
}

#[test]
fn a_full_minute_refuses_in_plain_words_and_with_headers() {
    let house = House::new();
    let quota = house.quota(1);
    assert!(Request::chat(&quota, "own").prompt().is_ok());
    house.clock.advance(Duration::from_millis(250));
    let mut early = Request::chat(&quota, "own");
    let mut late = Request::chat(&quota, "own");
    for (verdict, request) in [(early.head(), &mut early), (late.prompt(), &mut late)] {
        let denial = verdict.unwrap_err();
        assert_eq!(denial.kind, Kind::RateLimited);
        assert_eq!(
            denial.message,
            "This project has reached its limit on requests per minute (1)."
        );
        assert_eq!(denial.retry_after, Some(Duration::from_millis(19_750)));
        let want = json!({"layer": "project", "limit": 1, "remaining": 0, "resets_at": END});
        assert_eq!(denial.details.as_deref(), Some(&want));
        let end = END.to_string();
        let want = ["1", "0", &end, "1", "0", "20s"].map(str::to_owned);
        assert_eq!(request.reply(), Some(want));
    }
    house.clock.advance(Duration::from_secs(20));
    assert!(Request::chat(&quota, "own").head().is_ok());
    assert!(Request::chat(&quota, "own").prompt().is_ok());
}

#[test]
fn a_peek_takes_nothing() {
    let house = House::new();
    let quota = house.quota(1);
    for _ in 0..5 {
        assert!(Request::chat(&quota, "own").head().is_ok());
    }
    let mut request = Request::chat(&quota, "own");
    assert!(request.prompt().is_ok());
    assert_eq!(request.reply().unwrap()[1], "0");
}

#[test]
fn a_refused_request_takes_nothing() {
    let house = House::new();
    let tight = house.quota(1);
    assert!(Request::chat(&tight, "own").prompt().is_ok());
    for _ in 0..5 {
        assert!(Request::chat(&tight, "own").prompt().is_err());
    }
    let mut request = Request::chat(&house.quota(9), "own");
    assert!(request.prompt().is_ok());
    assert_eq!(request.reply().unwrap()[1], "7");
}

#[test]
fn counters_outlive_a_configuration() {
    let house = House::new();
    for project in ["own", "other"] {
        let before = house.quota(2);
        assert!(Request::chat(&before, project).prompt().is_ok());
        drop(before);
        let after = house.quota(2);
        assert!(Request::chat(&after, project).prompt().is_ok());
        assert!(Request::chat(&after, project).prompt().is_err());
    }
    // A limit that was lowered below what is used leaves nothing, and nothing less.
    let mut refused = Request::chat(&house.quota(1), "own");
    assert!(refused.prompt().is_err());
    assert_eq!(refused.reply().unwrap()[1], "0");
}

#[test]
fn projects_and_endpoints() {
    let house = House::new();
    let quota = house.quota(1);
    // (endpoint, project, admitted?), in order
    let steps = [
        (Endpoint::Chat, "own", true),
        (Endpoint::Embeddings, "own", false),
        (Endpoint::Embeddings, "other", true),
        (Endpoint::Chat, "other", true),
        (Endpoint::Chat, "other", false),
        (Endpoint::Chat, "third", true),
    ];
    for (endpoint, project, admitted) in steps {
        let mut request = Request::to(&quota, endpoint, project);
        assert_eq!(request.prompt().is_ok(), admitted, "{endpoint:?} {project}");
        assert!(request.reply().is_some());
        let mut models = Request::to(&quota, Endpoint::Models, project);
        assert!(models.head().is_ok() && models.prompt().is_ok());
        assert_eq!(models.reply(), None);
    }
}

#[test]
fn nobody_passes_uncounted_when_the_host_forgets_a_fact() {
    let quota = House::new().quota(1);
    let mut request = Request { visit: quota.enter(), facts: Facts::default() };
    request.facts.state(Endpoint::Chat);
    assert_eq!(request.head().unwrap_err().kind, Kind::Internal);
    assert_eq!(request.prompt().unwrap_err().kind, Kind::Internal);
    assert_eq!(request.reply(), None);
}

#[test]
fn of_ten_thousand_requests_at_once_exactly_the_limit_is_admitted() {
    let house = House::new();
    let quotas = [house.quota(777), house.quota(777)];
    let admitted = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for quota in quotas.iter().cycle().take(8) {
            let admitted = &admitted;
            scope.spawn(move || {
                for _ in 0..1_250 {
                    if Request::chat(quota, "own").prompt().is_ok() {
                        admitted.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(admitted.into_inner(), 777);
}

#[test]
fn tokens_are_counted_by_key_and_touch_no_projects_minute() {
    let house = House::new();
    let quota = house.quota(1);
    let mint = || Request::to(&quota, Endpoint::Mint, "own");
    for left in ["1", "0"] {
        let mut request = mint();
        assert!(request.head().is_ok());
        assert_eq!(request.reply().unwrap()[1], left);
    }
    let denial = mint().head().unwrap_err();
    assert_eq!(denial.kind, Kind::RateLimited);
    let mut other = mint();
    other.facts = Facts::default();
    other.facts.state(Endpoint::Mint);
    other.facts.state(Principal {
        tenant: "t".into(),
        project: "own".into(),
        key: "another".into(),
        user: None,
        tier: None,
        session: None,
    });
    assert!(other.head().is_ok());
    let mut chat = Request::chat(&quota, "own");
    assert!(chat.head().is_ok() && chat.prompt().is_ok());
}
