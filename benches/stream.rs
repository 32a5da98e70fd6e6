//! What the relay does with a stream: a provider's bytes → decoder → rooms → the client's bytes.
//!
//! `cargo bench --bench stream`

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and fails by panicking"
)]

#[path = "setting/gateway.rs"]
mod gateway;

use behest::front::Spelling;
use behest::passage::Passage;
use behest::relay::Events;
use behest_contract::clock::{Clock, SystemClock};
use behest_contract::dialect::Decoder;
use behest_pii::Restoring;
use bytes::Bytes;
use gateway::{EMAIL, Gateway, Rooms};
use std::hint::black_box;
use std::time::Duration;

/// Streams of each kind, of which a tenth is not counted.
const ROUNDS: usize = 5_000;

/// Events of one stream.
const EVENTS: usize = 64;

/// Bytes of text in an event.
const PIECE: usize = 6;

const END: &[u8] = b"data: {\"id\":\"chatcmpl-bench0001\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\
    \"model\":\"bench-upstream\",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\n\
    data: [DONE]\n\n";

/// A request that the rooms have let in.
fn admitted(gateway: &Gateway, body: &Bytes) -> Box<Passage> {
    let mut head = gateway::head(body.len());
    let mut passage = gateway::enter(gateway, &head);
    gateway::visit_head(&mut passage, &mut head);
    gateway::read(&mut passage, body);
    gateway::visit_prompt(&mut passage);
    passage
}

/// One stream under way.
struct Relay {
    passage: Box<Passage>,
    decoder: Box<dyn Decoder>,
    events: Events,
}

impl Relay {
    fn begin(gateway: &Gateway, body: &Bytes) -> Relay {
        let passage = admitted(gateway, body);
        let without_logprobs = passage.facts.read::<Restoring>().is_some();
        let events = Events::new(Spelling { usage_asked: false, without_logprobs });
        Relay { decoder: gateway.decoder(&passage, true), events, passage }
    }

    /// What the client gets for what has come.
    fn relay(&mut self, bytes: &[u8]) -> Bytes {
        let mut frames = Vec::with_capacity(4);
        self.decoder.feed(bytes, &mut frames).unwrap();
        let Passage { visits, account, .. } = &mut *self.passage;
        self.events.lead_through(&mut frames, visits, account).unwrap();
        self.events.take_spelt()
    }
}

/// Takes the time of one stream that comes in these pieces, and sees that all of it arrives.
fn stream(gateway: &Gateway, body: &Bytes, pieces: &[Vec<u8>], wanted: &str) -> Duration {
    let mut relay = Relay::begin(gateway, body);
    let mut written = Vec::with_capacity(pieces.len() + 1);
    let from = SystemClock.now();
    for piece in pieces {
        written.push(black_box(relay.relay(piece)));
    }
    let took = SystemClock.now() - from;
    written.push(relay.relay(END));
    assert_eq!(text(&written.concat()), wanted);
    gateway::close(relay.passage);
    took
}

/// The text that a client puts together.
fn text(stream: &[u8]) -> String {
    let events = std::str::from_utf8(stream).unwrap().split("\n\n");
    let words = events.filter_map(|event| {
        let event: serde_json::Value = serde_json::from_str(event.strip_prefix("data: ")?).ok()?;
        Some(event.pointer("/choices/0/delta/content")?.as_str()?.to_owned())
    });
    words.collect()
}

/// What stands for the address in what goes up to a provider.
fn placeholder(gateway: &Gateway, body: &Bytes) -> String {
    let passage = admitted(gateway, body);
    let prompt = passage.prompt.as_ref().unwrap();
    let texts: Vec<u8> = gateway.with_place(|place| {
        let dialect = place.provider.dialect();
        let wire = dialect.encode(passage.endpoint(), prompt, &place.target).unwrap();
        wire.to_vec()
    });
    let sent = String::from_utf8(texts).unwrap();
    let begin = sent.find('<').unwrap();
    let end = sent.find('>').unwrap();
    sent.get(begin..=end).unwrap().to_owned()
}

/// Prose that fills the events, with the placeholder in the middle.
fn said(placeholder: &str) -> String {
    let half = "The river answers in seven quiet letters. ".repeat(4);
    let mut text = format!("{half}{placeholder} {half}{half}");
    text.truncate(EVENTS * PIECE);
    assert_eq!(text.len(), EVENTS * PIECE);
    text
}

fn event(words: &str) -> Vec<u8> {
    format!(
        "data: {{\"id\":\"chatcmpl-bench0001\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\
         \"model\":\"bench-upstream\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{words}\"}},\
         \"logprobs\":null,\"finish_reason\":null}}]}}\n\n"
    )
    .into_bytes()
}

fn main() {
    let rounds = if gateway::is_bench() { ROUNDS } else { 3 };
    let body = gateway::body(true);
    let gateways =
        [Rooms::None, Rooms::Default, Rooms::Everything].map(|rooms| (rooms, Gateway::new(rooms)));
    let placeholder = placeholder(&gateways.last().unwrap().1, &body);
    let said = said(&placeholder);
    let single: Vec<Vec<u8>> = said
        .as_bytes()
        .chunks(PIECE)
        .map(|words| event(std::str::from_utf8(words).unwrap()))
        .collect();
    let burst = vec![single.concat()];
    println!("{:<18}{:<10}{:>12}{:>10}", "rooms", "events", "ns an event", "MB/s");
    for (rooms, gateway) in &gateways {
        let wanted = match rooms {
            Rooms::Everything => said.replace(&placeholder, EMAIL),
            _ => said.clone(),
        };
        for (name, pieces) in [("at once", &burst), ("one by one", &single)] {
            let mut all: Vec<_> =
                (0..rounds).map(|_| stream(gateway, &body, pieces, &wanted)).collect();
            let took = gateway::median(all.split_off(rounds / 10));
            let len: usize = pieces.iter().map(Vec::len).sum();
            let rate = len as f64 * 1e3 / took as f64;
            println!("{:<18}{name:<10}{:>12}{rate:>10.0}", rooms.name(), took / EVENTS as u128);
        }
    }
}
