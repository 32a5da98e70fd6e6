//! A gateway without listeners, and requests that go as far as the exchange in it.

#[path = "project.rs"]
mod project;

use behest::config::Config;
use behest::exchange::Place;
use behest::house::{Fixtures, House};
use behest::passage::Passage;
use behest::snapshot::Snapshot;
use behest::{directory, door, front};
use behest_contract::chain::Chain;
use behest_contract::clock::SystemClock;
use behest_contract::dialect::{Answer, Decoder};
use behest_contract::facts::{Endpoint, ModelChoice};
use behest_contract::testing::block_on;
use bytes::Bytes;
use pingora::http::RequestHeader;
use project::{DEFAULTS, ENV, GUARDS, KEY, LIMITS};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What the user writes besides prose. It is put back into answers.
pub(crate) const EMAIL: &str = "jane@example.com";

/// What stands in a gateway's chain.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Rooms {
    /// Nothing.
    None,
    /// All rooms, with what is on by default.
    Default,
    /// All rooms, with everything switched on.
    Everything,
}

impl Rooms {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Rooms::None => "no rooms",
            Rooms::Default => "by default",
            Rooms::Everything => "everything on",
        }
    }
}

/// A house of its own, with an embedded store in a folder that is gone at the end.
pub(crate) struct Gateway {
    pub(crate) house: Arc<House>,
    _data: tempfile::TempDir,
}

impl Gateway {
    pub(crate) fn new(rooms: Rooms) -> Gateway {
        let data = tempfile::tempdir().unwrap();
        let text = configuration(data.path(), rooms);
        let env = |name: &str| {
            let known = ENV.iter().find(|(variable, _)| *variable == name);
            known.map(|(_, secret)| (*secret).to_owned())
        };
        let config = Config::parse(&text, "bench.yaml", data.path(), &env).unwrap();
        let opened = directory::open(&config, &SystemClock).unwrap();
        let fixtures = Fixtures::new(Box::new(std::io::sink()), &opened).unwrap();
        let mut snapshot = Snapshot::first(config, opened.objects, &fixtures).unwrap();
        if rooms == Rooms::None {
            snapshot.chain =
                Chain::new(Vec::new(), &door::given(), fixtures.clock.clone()).unwrap();
        }
        let house = Arc::new(House::new(fixtures, snapshot).unwrap());
        Gateway { house, _data: data }
    }

    /// The one place where the one model is served.
    pub(crate) fn with_place<T>(&self, ask: impl FnOnce(&Place) -> T) -> T {
        let snapshot = self.house.snapshot();
        let model = snapshot.routing.of("acme").model("bench").unwrap();
        ask(model.places.first().unwrap())
    }

    /// A reader for the answer to this request.
    pub(crate) fn decoder(&self, passage: &Passage, streamed: bool) -> Box<dyn Decoder> {
        let (endpoint, hears) = (Endpoint::Chat, passage.visits.hear());
        let answer = Answer { endpoint, streamed, hears, bytes_max: 1 << 20 };
        self.with_place(|place| place.provider.dialect().decoder(answer))
    }
}

/// A request's way, step by step. What is between two of them is not the rooms' but the gateway's.
pub(crate) fn enter(gateway: &Gateway, head: &RequestHeader) -> Box<Passage> {
    let mut passage = Box::new(Passage::new(&gateway.house));
    door::enter(head, Some(ADDRESS), &mut passage).unwrap();
    passage
}

pub(crate) fn visit_head(passage: &mut Passage, head: &mut RequestHeader) {
    let Passage { visits, facts, .. } = passage;
    block_on(visits.head(head, facts)).unwrap();
}

pub(crate) fn read(passage: &mut Passage, body: &Bytes) {
    passage.prompt = Some(Box::new(front::read(Endpoint::Chat, body.clone()).unwrap()));
    passage.facts.state(ModelChoice("bench".into()));
}

pub(crate) fn visit_prompt(passage: &mut Passage) {
    let Passage { visits, facts, prompt, .. } = passage;
    block_on(visits.prompt(prompt.as_mut().unwrap(), facts)).unwrap();
}

/// The end: what is booked is written as the gateway writes it when nobody else is at their end.
pub(crate) fn close(mut passage: Box<Passage>) {
    passage.close();
    let book = &passage.house.fixtures.book;
    if book.owes_a_flush() {
        book.flush_closed();
    }
}

pub(crate) fn head(length: usize) -> RequestHeader {
    let mut head = RequestHeader::build("POST", b"/v1/chat/completions", None).unwrap();
    let length = length.to_string();
    let fields = [
        ("host", "127.0.0.1"),
        ("authorization", &format!("Bearer {KEY}")),
        ("x-end-user-id", "load"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("user-agent", "bench/1"),
        ("content-length", &length),
    ];
    for (name, value) in fields {
        head.append_header(name, value).unwrap();
    }
    head
}

/// A request of about 1 KB.
pub(crate) fn body(streamed: bool) -> Bytes {
    let prose = "The river answers in seven quiet letters before the copper morning. ".repeat(15);
    let text = format!(
        r#"{{"model":"bench","stream":{streamed},"temperature":0.7,"messages":[{{"role":"user","content":"Write to {EMAIL}: {prose}"}}]}}"#
    );
    text.into()
}

/// The address limit exempts the bench, but still counts it.
fn configuration(data: &Path, rooms: Rooms) -> String {
    let data = data.display();
    let project = if rooms == Rooms::Everything { [LIMITS, GUARDS] } else { [DEFAULTS, ""] };
    let project = project.concat();
    format!(
        r#"data: "{data}"
admin_secret: "env:BEHEST_ADMIN_SECRET"
limits:
  ip: {{ requests_per_minute: 120, exempt: ["127.0.0.0/8"] }}
  project: {{ requests_per_minute: 100000000 }}
providers:
  - {{ name: up, base_url: "http://127.0.0.1:9/v1", api_key: "env:UP_KEY" }}
models:
  - {{ id: "bench", targets: [ {{ provider: up, model: "bench-upstream" }} ], price: {{ input: 2.5, output: 10 }} }}
tenants:
  - id: acme
    projects:
      - id: bench
        slug: bench
        api_keys: [ {{ name: bench, secret: "env:BENCH_KEY" }} ]
{project}"#
    )
}

/// Whether this is a run to measure; `cargo test` of all targets only wants to know that it works.
pub(crate) fn is_bench() -> bool {
    std::env::args().any(|word| word == "--bench")
}

/// The middle one, in nanoseconds.
pub(crate) fn median(mut took: Vec<Duration>) -> u128 {
    took.sort_unstable();
    took.get(took.len() / 2).unwrap().as_nanos()
}
