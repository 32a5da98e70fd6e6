//! Clients that leave and providers that break off, anywhere and often: nothing stays reserved, and each
//! request is one row (CONTRACT 7).

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::support::client::{Ask, Client};
use crate::support::conf::set;
use crate::support::gateway::Gateway;
use crate::support::metered::{capped, number, of_user, project, reservation, usage_event, used};
use crate::support::plan::{DONE, HEL, LAST_CHUNK, Plan, ROLE, Step, chunk, event, stream_head};
use crate::support::provider::{Provider, Request};
use crate::support::random::Random;
use crate::support::until_then;

/// So often something goes wrong in each test, and so much of it at once.
const ABORTS: usize = 300;
const AT_ONCE: usize = 25;

/// So many may be in flight.
const PLACES: usize = 64;
const BUDGET: u64 = 100_000_000;

/// What a provider says it has read and written, of either kind of answer.
const USED: (u64, u64) = (9, 6);

async fn gateway(provider: &Provider) -> Gateway {
    let limits = json!({ "max_in_flight": PLACES, "tokens_per_day": BUDGET });
    let mut conf = project(provider, json!({ "limits": limits }));
    set(&mut conf, "/timeouts", json!({ "first_byte": "10s", "between_bytes": "200ms" }));
    Gateway::start(conf).await
}

/// A chat that its end user and its words tell from all others.
fn ask(number: usize, streamed: bool) -> Ask {
    let name = format!("r{number}");
    let messages = json!([{ "role": "user", "content": name }]);
    let body = json!({ "model": "m", "messages": messages, "stream": streamed });
    of_user(Ask::chat(body.to_string()), &name)
}

/// A stream of several pieces, each written by itself.
fn in_pieces() -> Plan {
    let usage = usage_event(USED.0, USED.1);
    let data = [ROLE, HEL, HEL, HEL, HEL, HEL, &usage, DONE];
    let events = data.map(|data| Step::Send(chunk(event(data))));
    let head = Step::Send(stream_head());
    Plan::new([head].into_iter().chain(events).chain([Step::Send(LAST_CHUNK.into())]))
}

#[tokio::test]
async fn clients_that_leave_anywhere_leave_nothing_reserved() {
    let provider = Provider::start().await;
    let gateway = gateway(&provider).await;
    let own = reservation(&gateway, &capped(100)).await;
    provider.always(|_: &Request| in_pieces());
    let length = gateway.ask(&ask(ABORTS, true)).await.body.len() + 600;
    let mut random = Random::new(77);
    for round in 0..ABORTS / AT_ONCE {
        let leaving = (0..AT_ONCE).map(|at| {
            let bytes = ask(round * AT_ONCE + at, true).bytes();
            let (at, address) = (random.below(bytes.len() + length), gateway.data);
            async move {
                let mut client = Client::connect(address).await;
                client.send(&bytes[..at.min(bytes.len())]).await;
                client.read_up_to(at.saturating_sub(bytes.len())).await;
                client.reset();
            }
        });
        futures::future::join_all(leaving).await;
    }
    let rows = nothing_is_left(&gateway, &provider, own).await;
    let left = rows.iter().filter(|row| row["ending"] == "client_left").count();
    assert!(left > ABORTS / 4, "{left} left while they were served");
}

#[tokio::test]
async fn providers_that_break_off_anywhere_leave_nothing_reserved() {
    let provider = Provider::start().await;
    let gateway = gateway(&provider).await;
    let own = reservation(&gateway, &capped(100)).await;
    let random = Mutex::new(Random::new(78));
    provider.always(move |request: &Request| {
        let whole = match request.json()["stream"] == true {
            true => in_pieces(),
            false => used(USED.0, USED.1),
        };
        let whole = bytes_of(whole);
        let mut random = random.lock();
        let at = random.below(whole.len() + 1);
        // Silence is only within an answer: a connection that is kept would be used again.
        let (at, end) = match random.below(3) {
            0 => (at, Step::Close),
            1 => (at, Step::Reset),
            _ => (at.clamp(whole.len() / 2, whole.len() - 1), Step::Hang),
        };
        Plan::new([Step::Send(whole[..at].to_vec().into()), end])
    });
    for round in 0..ABORTS / AT_ONCE {
        let asks: Vec<Ask> = (0..AT_ONCE).map(|at| ask(round * AT_ONCE + at, at % 3 > 0)).collect();
        for answer in futures::future::join_all(asks.iter().map(|ask| gateway.ask(ask))).await {
            assert!([200, 502, 504].contains(&answer.status), "{}", answer.text());
        }
    }
    let rows = nothing_is_left(&gateway, &provider, own).await;
    let numbered = rows.iter().filter(|row| row["user_id"].is_string()).count();
    assert_eq!(numbered, ABORTS + PLACES, "each was sent, and each is there");
    let of = |ending: &str| rows.iter().filter(|row| row["ending"] == ending).count();
    for ending in ["completed", "upstream_failed", "timed_out"] {
        assert!(of(ending) > 0, "none of them is {ending}");
    }
}

fn bytes_of(plan: Plan) -> Vec<u8> {
    let sent = plan.steps.into_iter().map(|step| match step {
        Step::Send(bytes) => bytes.to_vec(),
        other => panic!("{other:?} sends nothing"),
    });
    sent.collect::<Vec<_>>().concat()
}

/// Finds all places free, one row for each request that the provider has seen, and nothing of the budget
/// reserved beside what they say.
async fn nothing_is_left(gateway: &Gateway, provider: &Provider, own: u64) -> Vec<Value> {
    gateway.until_idle().await;
    fill_all_places(gateway, provider).await;
    gateway.until_idle().await;
    let seen = seen(provider).await;
    let rows = until_then("the rows of all requests", async || {
        let rows = gateway.rows("demo").await;
        let names: BTreeSet<&str> = rows.iter().filter_map(|row| row["user_id"].as_str()).collect();
        seen.iter().all(|name| names.contains(name.as_str())).then_some(rows)
    })
    .await;
    let mut counts = BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry(row["user_id"].to_string()).or_insert(0) += 1);
    counts.remove("null");
    counts.retain(|_, count| *count > 1);
    assert!(counts.is_empty(), "more than one row each: {counts:?}");
    let tokens =
        |row: &Value| ["prompt_tokens", "completion_tokens"].map(|name| row[name].as_u64());
    for row in rows.iter().filter(|row| row["user_id"].is_string() && row["estimated"] == false) {
        let known = [(Some(USED.0), Some(USED.1)), (Some(0), Some(0))];
        let [read, written] = tokens(row);
        assert!(known.contains(&(read, written)), "{row}");
        assert!(row["ending"] != "completed" || read > Some(0), "{row}");
    }
    let all: u64 = rows.iter().flat_map(tokens).map(Option::unwrap).sum();
    provider.next(used(0, 0));
    let answer = gateway.ask(&capped(100)).await;
    let left = number(&answer, "x-ratelimit-remaining-tokens");
    assert_eq!(BUDGET - left, all + own, "{own} is reserved now");
    rows
}

/// Holds as many as may be in flight, all at once, and leaves.
async fn fill_all_places(gateway: &Gateway, provider: &Provider) {
    provider.always(|_: &Request| Plan::hang());
    let arrived = provider.count();
    let mut held = Vec::new();
    for number in 1..=PLACES {
        let mut client = gateway.client().await;
        client.send(ask(ABORTS + number, true).bytes()).await;
        held.push(client);
    }
    provider.arrival(arrived + PLACES - 1).await;
    held.into_iter().for_each(Client::reset);
}

/// The numbered requests that a provider has read.
async fn seen(provider: &Provider) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for number in 0..provider.count() {
        let request = provider.arrival(number).await;
        if request.complete {
            let name = request.json()["messages"][0]["content"].as_str().unwrap().to_owned();
            seen.extend(name.starts_with('r').then_some(name));
        }
    }
    seen
}
