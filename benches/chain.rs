//! What the rooms cost one chat request of 1 KB, step by step, beside the same request in a chain without
//! rooms.
//!
//! `cargo bench --bench chain`

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and fails by panicking"
)]

#[path = "setting/gateway.rs"]
mod gateway;

use behest::passage::Passage;
use behest_contract::book::Bucket;
use behest_contract::clock::{Clock, SystemClock};
use behest_contract::delta::{Decoded, Delta};
use behest_contract::outcome::{Ending, Route};
use bytes::Bytes;
use gateway::{Gateway, Rooms};
use http::HeaderMap;
use std::time::{Duration, Instant};

/// Requests of each chain, of which a tenth is not counted.
const ROUNDS: usize = 20_000;

/// What a request goes through. `door`, `index` and the drop at the end are the gateway's own.
const STEPS: [&str; 7] = ["door", "head", "index", "prompt", "reply", "deltas", "close"];

/// How long each step of one request took.
type Took = [Duration; STEPS.len()];

/// A short answer, as the official API spells it.
const ANSWER: &str = r#"{"id":"chatcmpl-bench","object":"chat.completion","created":1760000000,"model":"bench-upstream","choices":[{"index":0,"message":{"role":"assistant","content":"The river answers in seven quiet letters before the copper morning.","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":211,"completion_tokens":14,"total_tokens":225}}"#;

/// Takes the time of one step after the other.
struct Lap {
    from: Instant,
    took: Took,
    next: usize,
}

impl Lap {
    fn begin() -> Lap {
        Lap { from: SystemClock.now(), took: Took::default(), next: 0 }
    }

    fn done(&mut self) {
        let now = SystemClock.now();
        *self.took.get_mut(self.next).unwrap() = now - self.from;
        self.next += 1;
        self.from = now;
    }

    /// What was done since is not a step.
    fn leave_out(&mut self) {
        self.from = SystemClock.now();
    }
}

fn walk(gateway: &Gateway, body: &Bytes) -> Took {
    let mut head = gateway::head(body.len());
    let mut lap = Lap::begin();
    let mut passage = gateway::enter(gateway, &head);
    lap.done();
    gateway::visit_head(&mut passage, &mut head);
    lap.done();
    gateway::read(&mut passage, body);
    lap.done();
    gateway::visit_prompt(&mut passage);
    lap.done();
    let mut said = answer(gateway, &mut passage);
    let mut headers = HeaderMap::with_capacity(16);
    lap.leave_out();
    passage.visits.reply(&mut headers, &passage.facts);
    lap.done();
    passage.visits.deltas(&mut said);
    passage.account.hear(&said);
    assert!(passage.visits.broken().is_none());
    lap.done();
    gateway::close(passage);
    lap.done();
    lap.took
}

/// The provider has answered.
fn answer(gateway: &Gateway, passage: &mut Passage) -> Vec<Delta> {
    let mut frames = Vec::new();
    let mut decoder = gateway.decoder(passage, false);
    decoder.feed(ANSWER.as_bytes(), &mut frames).unwrap();
    decoder.finish(&mut frames).unwrap();
    let account = &mut passage.account;
    (account.ending, account.status, account.attempts) = (Ending::Completed, 200, 1);
    let (model, provider) = ("bench".into(), "up".into());
    account.route = Some(Route { model, provider, bucket: Bucket::Platform });
    let mut said = Vec::new();
    for frame in frames {
        if let Decoded::Frame(mut frame) = frame {
            said.extend(frame.deltas.drain(..));
        }
    }
    assert!(!said.is_empty());
    said
}

/// The middle of each step, and of the whole, in nanoseconds.
fn measure(rooms: Rooms, rounds: usize) -> Vec<u128> {
    let gateway = Gateway::new(rooms);
    let body = gateway::body(false);
    let all: Vec<Took> = (0..rounds).map(|_| walk(&gateway, &body)).collect();
    let counted = all.get(rounds / 10..).unwrap();
    let step = |at: usize| {
        gateway::median(counted.iter().filter_map(|took| took.get(at)).copied().collect())
    };
    let whole = gateway::median(counted.iter().map(|took| took.iter().sum()).collect());
    (0..STEPS.len()).map(step).chain([whole]).collect()
}

fn main() {
    let rounds = if gateway::is_bench() { ROUNDS } else { 10 };
    let all = [Rooms::None, Rooms::Default, Rooms::Everything];
    let columns = all.map(|rooms| measure(rooms, rounds));
    if !gateway::is_bench() {
        return;
    }
    println!("One chat request of 1 KB, medians in ns");
    let names = all.map(|rooms| format!("{:>16}", rooms.name()));
    println!("{:<8}{}", "", names.concat());
    for (at, step) in STEPS.iter().chain(&["whole"]).enumerate() {
        let row = columns.each_ref().map(|column| format!("{:>16}", column.get(at).unwrap()));
        println!("{step:<8}{}", row.concat());
    }
}
