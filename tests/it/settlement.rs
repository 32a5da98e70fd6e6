//! Whatever the end of a request was: it is settled once, by what the provider said (CONTRACT 7).

use serde_json::{Value, json};

use crate::support::client::{Answer, Ask};
use crate::support::conf::set;
use crate::support::gateway::Gateway;
use crate::support::metered::{
    Count, capped, number, of_user, project, reported, start, streamed, used,
};
use crate::support::plan::{DONE, HEL, LO, Plan, ROLE, STOP, STREAMED, Step, WHOLE, stream_head};
use crate::support::provider::{Provider, Request};
use crate::support::refusal::refused;
use crate::support::until_then;

const CAP: u64 = 1_000_000;

async fn budgeted() -> (Provider, Gateway) {
    start(json!({ "limits": { "tokens_per_day": CAP } })).await
}

/// What is left of the budget while a chat of so many tokens is in flight that uses nothing.
async fn left(gateway: &Gateway, provider: &Provider, tokens: u64) -> u64 {
    provider.next(used(0, 0));
    let answer = gateway.ask(&capped(tokens)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    number(&answer, "x-ratelimit-remaining-tokens")
}

/// What has been settled of the budget, as a gateway sees it that has nothing in flight: what such a
/// chat reserves is told by a gateway that has never had another one.
async fn settled(gateway: &Gateway, provider: &Provider) -> u64 {
    let (fresh, new) = budgeted().await;
    left(&new, &fresh, 100).await - left(gateway, provider, 100).await
}

#[tokio::test]
async fn what_the_provider_reports_is_what_counts() {
    let (provider, gateway) = budgeted().await;
    for (plan, ask) in [
        (used(30, 12), capped(100)),
        (streamed(40, 20), Ask::chat(STREAMED)),
        (used(0, 0), capped(100)),
    ] {
        provider.next(plan);
        let answer = gateway.ask(&ask).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    gateway.until_totals(3, 102).await;
    let rows = gateway.until_rows(3).await;
    let tokens = |row: &Value| [row["prompt_tokens"].clone(), row["completion_tokens"].clone()];
    assert_eq!(tokens(&rows[0]), [30, 12]);
    assert_eq!(tokens(&rows[1]), [40, 20]);
    assert_eq!(tokens(&rows[2]), [0, 0], "a zero that was reported is a zero");
    for row in &rows {
        let flags = json!([row["estimated"], row["overrun"], row["ending"], row["status"]]);
        assert_eq!(flags, json!([false, false, "completed", 200]), "{row}");
        assert_eq!(row["bucket"], "platform");
    }
    assert_eq!(settled(&gateway, &provider).await, 102);
}

#[tokio::test]
async fn cached_and_reasoning_tokens_are_told_apart() {
    let (provider, gateway) = budgeted().await;
    provider.next(reported(json!({
        "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
        "prompt_tokens_details": { "cached_tokens": 40 },
        "completion_tokens_details": { "reasoning_tokens": 30 },
    })));
    assert_eq!(gateway.ask(&capped(100)).await.status, 200);
    let row = &gateway.until_rows(1).await[0];
    assert_eq!((&row["cached_tokens"], &row["reasoning_tokens"]), (&json!(40), &json!(30)));
    gateway.until_totals(1, 150).await;
}

#[tokio::test]
async fn without_a_report_the_tokens_are_estimated_and_say_so() {
    let (provider, gateway) = budgeted().await;
    provider.next(reported(Value::Null));
    assert_eq!(gateway.ask(&capped(100)).await.status, 200);
    provider.next(Plan::stream(&[ROLE, HEL, LO, STOP, DONE]));
    assert_eq!(gateway.ask(&Ask::chat(STREAMED)).await.status, 200);
    // A report that nobody can read is none, and not one of zero.
    for usage in [
        json!({ "total_tokens": 7 }),
        json!({ "prompt_tokens": -5, "completion_tokens": 2 }),
        json!({ "prompt_tokens": "5", "completion_tokens": "2" }),
    ] {
        provider.next(reported(usage));
        assert_eq!(gateway.ask(&capped(100)).await.status, 200);
    }
    for row in gateway.until_rows(5).await {
        assert_eq!(row["estimated"], true, "{row}");
        let tokens = |name: &str| row[name].as_u64().unwrap();
        assert!((1..200).contains(&tokens("prompt_tokens")), "{row}");
        assert!((2..100).contains(&tokens("completion_tokens")), "{row}");
    }
}

#[tokio::test]
async fn more_than_was_reserved_is_booked_whole_and_flagged() {
    let (provider, gateway) = budgeted().await;
    provider.next(used(20_000, 30_000));
    assert_eq!(gateway.ask(&capped(100)).await.status, 200);
    let row = &gateway.until_rows(1).await[0];
    assert_eq!((&row["overrun"], &row["completion_tokens"]), (&json!(true), &json!(30_000)));
    assert_eq!(settled(&gateway, &provider).await, 50_000);
}

#[tokio::test]
async fn a_request_that_reaches_no_provider_leaves_everything_as_it_was() {
    let provider = Provider::start().await;
    let mut conf = project(
        &provider,
        json!({
            "limits": { "user_requests_per_minute": 40, "tokens_per_day": CAP },
            "user_limits": { "requests_per_day": 20, "max_in_flight": 2 },
        }),
    );
    // Nobody listens there.
    let nowhere = crate::support::gateway::free_address();
    set(&mut conf, "/providers/0/base_url", format!("http://{nowhere}/v1"));
    let mut whole = conf.clone();
    let gateway = Gateway::start(conf).await;
    for _ in 0..10 {
        let answer = gateway.ask(&of_user(capped(100), "u")).await;
        assert!([502, 503].contains(&answer.status), "{}", answer.text());
    }
    for wrong in ["{}", r#"{"model":"none","messages":[]}"#] {
        refused(&gateway.ask(&of_user(Ask::chat(wrong), "u")).await, 400, "validation_error");
    }
    assert_eq!(gateway.rows("demo").await, Vec::<Value>::new());
    set(&mut whole, "/providers/0/base_url", provider.url());
    gateway.configure(&whole);
    let reloaded = gateway.admin_secretly(Ask::new("POST", "/admin/v1/reload")).await;
    assert!(reloaded.status < 300, "{}", reloaded.text());
    let answer = gateway.ask(&of_user(capped(100), "u")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(number(&answer, "x-ratelimit-limit"), 20, "the user's day");
    assert_eq!(number(&answer, "x-ratelimit-remaining"), 19);
    gateway.until_totals(1, 7).await;
    assert_eq!(settled(&gateway, &provider).await, 7);
}

#[tokio::test]
async fn every_ending_gives_its_place_back_and_is_one_row() {
    let provider = Provider::start().await;
    let mut conf =
        project(&provider, json!({ "limits": { "max_in_flight": 1, "tokens_per_day": CAP } }));
    set(&mut conf, "/timeouts", json!({ "first_byte": "300ms", "between_bytes": "300ms" }));
    let gateway = Gateway::start(conf).await;
    let cut = || Plan::stream(&[ROLE, HEL]).then(Step::Close);
    let half = || Plan::new([Step::Send(stream_head()), Step::Close]);
    let plans: Vec<(&str, Option<Plan>, &str)> = vec![
        ("ordinary", None, WHOLE),
        ("streamed", None, STREAMED),
        ("refused", Some(Plan::json(400, r#"{"error":{"message":"no"}}"#)), WHOLE),
        ("broken", Some(Plan::json(500, "{}")), WHOLE),
        ("nonsense", Some(Plan::json(200, "nonsense")), WHOLE),
        ("closed", Some(Plan::new([Step::Close])), WHOLE),
        ("reset", Some(Plan::new([Step::Reset])), WHOLE),
        ("cut", Some(cut()), STREAMED),
        ("cut before an event", Some(half()), STREAMED),
        ("silent", Some(Plan::hang()), WHOLE),
        ("silent within", Some(Plan::new([Step::Send(stream_head()), Step::Hang])), STREAMED),
    ];
    let count = plans.len();
    for (what, plan, body) in plans {
        provider.always(move |request: &Request| Plan::ordinary(request));
        if let Some(plan) = plan {
            provider.next(plan);
        }
        let answer = in_its_turn(&gateway, &Ask::chat(body)).await;
        assert_ne!(answer.status, 402, "{what}: {}", answer.text());
    }
    // One whose client leaves; only then is there a place for another.
    let arrived = provider.count();
    gateway.until_idle().await;
    provider.next(Plan::hang());
    let mut client = gateway.client().await;
    client.send(Ask::chat(WHOLE).bytes()).await;
    provider.request(arrived).await;
    refused(&gateway.ask(&Ask::chat(WHOLE)).await, 429, "rate_limited");
    client.reset();
    gateway.until_status(&Ask::chat(WHOLE), 200).await;
    let rows = gateway.until_rows(count + 2).await;
    let attempts: u64 = rows.iter().map(|row| row["attempts"].as_u64().unwrap()).sum();
    assert_eq!(attempts as usize, provider.count(), "{rows:#?}");
    let tokens = |row: &Value| {
        row["prompt_tokens"].as_u64().unwrap() + row["completion_tokens"].as_u64().unwrap()
    };
    let all: u64 = rows.iter().map(tokens).sum();
    assert_eq!(settled(&gateway, &provider).await, all);
}

/// Asks until there is a place: that of the request before is free soon after its answer's last byte.
async fn in_its_turn(gateway: &Gateway, ask: &Ask) -> Answer {
    until_then("a place", async || {
        Some(gateway.ask(ask).await).filter(|answer| answer.status != 429)
    })
    .await
}

/// Waits until the gateway has noted what is known of the requests that are under way: nothing else is
/// written while nobody comes or goes.
async fn until_looked_at(gateway: &Gateway) {
    let written = || -> u64 {
        let files = gateway.folder.files().into_iter();
        let journal = files.filter(|file| file.extension().is_some_and(|name| name == "log"));
        journal.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
    };
    let before = written();
    until_then("a look at what is open", async || (written() != before).then_some(())).await;
}

/// A lost row names where it went as far as its output is known, and charges all its tokens.
fn costs_what_it_says(row: &Value) {
    let number = |name: &str| row[name].as_u64().unwrap();
    let (read, written) = (number("prompt_tokens"), number("completion_tokens"));
    let micros = (row["cost_usd"].as_f64().unwrap() * 1e6).round() as u64;
    assert_eq!(micros, 1000 * read + 2000 * written, "{row:#}");
    if written > 0 {
        assert_eq!((&row["provider"], number("attempts")), (&json!("p0"), 1), "{row:#}");
    }
}

#[tokio::test]
async fn a_killed_gateway_leaves_nothing_reserved_and_one_row_each() {
    let provider = Provider::start().await;
    let limits = json!({ "limits": { "max_in_flight": 50, "tokens_per_day": CAP } });
    let mut conf = project(&provider, limits);
    set(&mut conf, "/models/0/price", json!({ "input": 1000, "output": 2000 }));
    let gateway = Gateway::start(conf).await;
    let count = Count::of(&provider, 10, 5);
    for _ in 0..5 {
        assert_eq!(gateway.ask(&capped(100)).await.status, 200);
    }
    let mut remotes = Vec::new();
    for _ in 0..50 {
        let (plan, remote) = Plan::live_stream();
        remote.event(ROLE);
        remote.event(HEL);
        provider.next(plan);
        remotes.push(remote);
    }
    let mut streams = Vec::new();
    for _ in 0..50 {
        let mut stream = gateway.stream(STREAMED).await;
        while !stream.data().await.contains("Hel") {}
        streams.push(stream);
    }
    refused(&gateway.ask(&capped(100)).await, 429, "rate_limited");
    until_looked_at(&gateway).await;
    let gateway = gateway.restart("KILL").await;
    let rows = gateway.until_rows(55).await;
    let lost: Vec<&Value> = rows.iter().filter(|row| row["ending"] == "lost").collect();
    assert_eq!((lost.len(), count.requests()), (50, 5), "{:#?}", rows.last());
    let mut ids: Vec<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 55);
    let known = lost.iter().filter(|row| row["completion_tokens"] != 0).count();
    assert!(known > 0, "{:#?}", lost.last());
    lost.iter().for_each(|row| costs_what_it_says(row));
    let tokens = |row: &Value| {
        row["prompt_tokens"].as_u64().unwrap() + row["completion_tokens"].as_u64().unwrap()
    };
    assert_eq!(rows.iter().filter(|row| row["ending"] != "lost").map(tokens).sum::<u64>(), 75);
    let all: u64 = rows.iter().map(tokens).sum();
    assert_eq!(settled(&gateway, &provider).await, all);
}
