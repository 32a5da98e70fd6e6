//! Every layer of limits: who is refused, how, and what the refusal leaves alone (CONTRACT 6 and 7).

use serde_json::{Value, json};

use crate::support::client::{Answer, Ask};
use crate::support::conf::{conf, now, set};
use crate::support::gateway::Gateway;
use crate::support::metered::{
    capped, early_in_the_minute, end_of_day, number, of_user, start, used,
};
use crate::support::plan::{Plan, WHOLE};
use crate::support::provider::Provider;
use crate::support::refusal::refused;
use crate::support::until_then;

/// How a layer refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// 429 until the minute is over.
    Minute,
    /// 429 as long as others are in flight.
    Busy,
    /// 402: an end user's own; the names of the limit and of what was used.
    Quota(&'static str, &'static str),
    /// 402: whose budget it is, and in what.
    Budget(&'static str, &'static str),
}

/// Layers by name, with the section and member of a project that set them.
pub(crate) const LAYERS: [(&str, &str, &str, Way); 16] = [
    ("project", "limits", "requests_per_minute", Way::Minute),
    ("user", "limits", "user_requests_per_minute", Way::Minute),
    ("project_concurrency", "limits", "max_in_flight", Way::Busy),
    ("user_concurrency", "user_limits", "max_in_flight", Way::Busy),
    ("user_requests_day", "user_limits", "requests_per_day", REQUESTS),
    ("user_tokens_minute", "user_limits", "tokens_per_minute", Way::Minute),
    ("user_tokens_day", "user_limits", "tokens_per_day", TOKENS),
    ("user_tokens_month", "user_limits", "tokens_per_month", TOKENS_OF_MONTH),
    ("user_usd_day", "user_limits", "usd_per_day", Way::Budget("user", "usd")),
    ("user_usd_month", "user_limits", "usd_per_month", Way::Budget("user", "usd")),
    ("project_tokens_day", "limits", "tokens_per_day", Way::Budget("project", "tokens")),
    ("project_tokens_month", "limits", "tokens_per_month", Way::Budget("project", "tokens")),
    ("project_usd_day", "limits", "usd_per_day", Way::Budget("project", "usd")),
    ("project_usd_month", "limits", "usd_per_month", Way::Budget("project", "usd")),
    ("session_tokens", "session_limits", "tokens", Way::Budget("session", "tokens")),
    ("session_usd", "session_limits", "usd", Way::Budget("session", "usd")),
];
const REQUESTS: Way = Way::Quota("requests_per_day", "requests_today");
const TOKENS: Way = Way::Quota("tokens_per_day", "tokens_today");
const TOKENS_OF_MONTH: Way = Way::Quota("tokens_per_month", "tokens_this_month");

/// What the layer allows: a request, or what the first one uses up: a thousand tokens, at a dollar per
/// million.
fn limit(member: &str) -> Value {
    match member {
        member if member.contains("usd") => json!(0.001),
        member if member.contains("tokens") => json!(1000),
        _ => json!(1),
    }
}

/// A project of its own for each layer, and its key.
async fn project(gateway: &Gateway, number: usize, section: &str, member: &str) -> String {
    let id = format!("p{number}");
    let mut body = json!({ "id": id, "tenant": "acme", "limits": { "requests_per_minute": 1000 } });
    body["limits"]["user_requests_per_minute"] = json!(1000);
    body[section][member] = limit(member);
    gateway.make("projects", body).await;
    gateway.new_key(&id, json!({})).await.1
}

#[tokio::test]
async fn each_layer_refuses_in_its_own_way() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/models/0/price", json!({ "input": 1, "output": 1 }));
    let gateway = Gateway::start(conf).await;
    for (at, (layer, section, member, way)) in LAYERS.into_iter().enumerate() {
        let key = project(&gateway, at, section, member).await;
        let ask = of_user(capped(100), "ann").header("X-Session-Id", "s").key(&key);
        early_in_the_minute(4).await;
        let before = provider.count();
        let mut first = gateway.client().await;
        if way == Way::Busy {
            provider.next(Plan::hang());
            first.send(ask.bytes()).await;
            provider.request(before).await;
        } else {
            provider.next(used(900, 100));
            let answer = first.ask(&ask).await;
            assert_eq!(answer.status, 200, "{layer}: {}", answer.text());
            let settled = async || (gateway.totals(&key).await == (1, 1000)).then_some(());
            until_then("the first one's usage", settled).await;
        }
        let answer = gateway.ask(&ask).await;
        check(&answer, layer, &limit(member), way);
        assert_eq!(provider.count(), before + 1, "{layer}: a refused request reaches no provider");
        let others = of_user(ask, "bob").header("X-Session-Id", "t");
        let passes = layer.starts_with("user") || layer.starts_with("session");
        let answer = gateway.ask(&others).await;
        assert_eq!(answer.status == 200, passes, "another's {layer}: {}", answer.text());
        drop(first);
    }
}

#[track_caller]
fn check(answer: &Answer, layer: &str, limit: &Value, way: Way) {
    let (status, code) = match way {
        Way::Minute | Way::Busy => (429, "rate_limited"),
        Way::Quota(..) => (402, "quota_exceeded"),
        Way::Budget(..) => (402, "budget_exceeded"),
    };
    let error = refused(answer, status, code);
    let details = &error["details"];
    let resets_at = details["resets_at"].as_u64();
    if status == 402 {
        for header in ["retry-after", "retry-after-ms"] {
            assert_eq!(answer.header(header), None, "{layer}");
        }
        // Whoever asks in the day's last minute may be told to wait.
        if resets_at.is_none_or(|at| at > now() + 60) {
            assert_eq!(answer.header("x-should-retry"), Some("false"), "{layer}");
        }
        match resets_at {
            None => assert!(layer.starts_with("session"), "{layer}: {error}"),
            Some(at) if layer.ends_with("day") => assert_eq!(at, end_of_day(), "{layer}"),
            Some(at) => assert!(at.is_multiple_of(86_400) && at > now(), "{layer}: {at}"),
        }
    } else {
        let wait = number(answer, "retry-after");
        assert!((1..=60).contains(&wait), "{layer}: {wait}");
        assert_eq!(number(answer, "retry-after-ms").div_ceil(1000), wait, "{layer}");
        assert_eq!(answer.header("x-should-retry"), None, "{layer}");
        assert_eq!((&details["layer"], &details["limit"]), (&json!(layer), limit), "{error}");
        assert_eq!(details["remaining"], 0, "{error}");
    }
    match way {
        Way::Minute => {
            let at = resets_at.unwrap_or_else(|| panic!("{layer}: {error}"));
            assert!(at.is_multiple_of(60) && (now()..=now() + 60).contains(&at), "{layer}: {at}");
        }
        Way::Busy => assert_eq!(resets_at, None, "{layer}: {error}"),
        Way::Quota(allowed, today) => {
            assert!(details["tier"].is_null(), "{layer}: {error}");
            assert_eq!(details["limit"], json!({ (allowed): limit }), "{layer}");
            assert_eq!(details["usage"], json!({ (today): limit }), "{layer}");
        }
        Way::Budget(scope, unit) => {
            let told = json!([details["layer"], details["scope"], details["unit"]]);
            assert_eq!(told, json!([layer, scope, unit]), "{error}");
            assert_eq!((&details["limit"], &details["used"]), (limit, limit), "{error}");
        }
    }
    if matches!(layer, "project" | "user") {
        assert_eq!(number(answer, "x-ratelimit-limit"), 1);
        assert_eq!(number(answer, "x-ratelimit-remaining"), 0);
        assert_eq!(Some(number(answer, "x-ratelimit-reset")), resets_at);
        assert_eq!(number(answer, "x-ratelimit-remaining-requests"), 0);
    }
}

#[tokio::test]
async fn a_layer_that_refuses_leaves_all_others_as_they_were() {
    let (provider, gateway) = start(json!({
        "limits": { "requests_per_minute": 50, "user_requests_per_minute": 40, "tokens_per_day": 99_000 },
        "user_limits": { "requests_per_day": 45, "tokens_per_day": 9000, "max_in_flight": 3 },
        "session_limits": { "tokens": 5000 },
    }))
    .await;
    early_in_the_minute(10).await;
    let ask = |session: &str| of_user(capped(100), "ann").header("X-Session-Id", session);
    provider.next(used(4900, 100));
    let first = gateway.ask(&ask("full")).await;
    assert_eq!(number(&first, "x-ratelimit-limit-tokens"), 5000, "the session is the tightest");
    gateway.until_totals(1, 5000).await;
    let own = 5000 - number(&first, "x-ratelimit-remaining-tokens");
    // The last layer of all refuses, when all others would have said yes; many times, also at once.
    for _ in 0..10 {
        let error = refused(&gateway.ask(&ask("full")).await, 402, "budget_exceeded");
        assert_eq!(error["details"]["layer"], "session_tokens");
    }
    let full = ask("full");
    let many = (0..20).map(|_| gateway.ask(&full));
    for answer in futures::future::join_all(many).await {
        assert_eq!(answer.status, 402, "{}", answer.text());
    }
    let last = gateway.ask(&ask("another")).await;
    assert_eq!(last.status, 200, "{}", last.text());
    let told = |name: &str| number(&last, &format!("x-ratelimit-{name}"));
    assert_eq!((told("limit"), told("remaining")), (40, 38));
    assert_eq!((told("limit-tokens"), told("remaining-tokens")), (9000, 4000 - own));
    assert_eq!(provider.count(), 2);
}

#[tokio::test]
async fn without_an_end_user_only_the_project_counts() {
    let (_provider, gateway) = start(json!({
        "limits": { "requests_per_minute": 100, "user_requests_per_minute": 1 },
        "user_limits": { "requests_per_day": 1, "tokens_per_day": 500, "max_in_flight": 1 },
    }))
    .await;
    early_in_the_minute(5).await;
    for left in [99, 98, 97] {
        let answer = gateway.ask(&Ask::chat(WHOLE)).await;
        assert_eq!((answer.status, number(&answer, "x-ratelimit-remaining")), (200, left));
        assert_eq!(answer.header("x-ratelimit-limit-tokens"), None, "no layer counts tokens");
    }
}

#[tokio::test]
async fn tokens_have_headers_of_their_own_with_durations() {
    let (_provider, gateway) = start(json!({ "limits": { "tokens_per_day": 100_000 } })).await;
    let before = end_of_day() - now();
    let answer = gateway.ask(&capped(100)).await;
    assert_eq!(number(&answer, "x-ratelimit-limit-tokens"), 100_000);
    assert!((1..100_000).contains(&number(&answer, "x-ratelimit-remaining-tokens")));
    let reset = seconds(answer.header("x-ratelimit-reset-tokens").expect("a duration"));
    assert!(reset <= before + 1 && reset + 60 > before, "{reset} of {before}");
    let reset = seconds(answer.header("x-ratelimit-reset-requests").expect("a duration"));
    assert!(reset <= 60, "{reset}");
}

/// A duration such as `6m0s` or `120ms`, in whole seconds rounded up.
fn seconds(text: &str) -> u64 {
    if text.ends_with("ms") {
        return 1;
    }
    let (mut sum, mut digits) = (0, String::new());
    for letter in text.chars() {
        let unit = match letter {
            '0'..='9' => {
                digits.push(letter);
                continue;
            }
            'h' => 3600,
            'm' => 60,
            's' => 1,
            other => panic!("{other} in {text}"),
        };
        sum += unit * digits.parse::<u64>().unwrap();
        digits.clear();
    }
    assert_eq!(digits, "", "{text}");
    sum
}
