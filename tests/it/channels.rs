//! Personal data in every place of an answer that holds text (CONTRACT 9, going down).

use serde_json::{Value, json};

use crate::support::client::{Answer, Ask};
use crate::support::conf::{conf, set};
use crate::support::gateway::Gateway;
use crate::support::plan::{COMPLETION, DONE, Plan, STREAMED, WHOLE};
use crate::support::provider::Provider;
use crate::support::refusal::{broken, refused};
use crate::support::wire::End;

const JANE: &str = "jane.doe@mail.example.com";

/// A place for a text, within a message and within a piece of one.
struct Place {
    says: fn(&str) -> Value,
    pointer: &'static str,
    /// Whether the next event can hold more of it.
    goes_on: bool,
}

const fn place(says: fn(&str) -> Value, pointer: &'static str) -> Place {
    Place { says, pointer, goes_on: true }
}

const PLACES: [Place; 14] = [
    place(|text| json!({ "content": text }), "/content"),
    place(|text| json!({ "content": [{ "type": "text", "text": text }] }), "/content/0/text"),
    place(thought, "/content/0/thinking/0/text"),
    place(|text| json!({ "refusal": text }), "/refusal"),
    place(|text| json!({ "reasoning": text }), "/reasoning"),
    place(|text| json!({ "reasoning_content": text }), "/reasoning_content"),
    place(|text| reasoning("reasoning.text", "text", text), "/reasoning_details/0/text"),
    place(|text| reasoning("reasoning.summary", "summary", text), "/reasoning_details/0/summary"),
    place(|text| call("function", "arguments", text), "/tool_calls/0/function/arguments"),
    place(|text| call("custom", "input", text), "/tool_calls/0/custom/input"),
    place(|text| json!({ "function_call": { "arguments": text } }), "/function_call/arguments"),
    place(|text| json!({ "audio": { "transcript": text } }), "/audio/transcript"),
    Place {
        says: |text| citation("title", text),
        pointer: "/annotations/0/url_citation/title",
        goes_on: false,
    },
    Place {
        says: |text| citation("url", text),
        pointer: "/annotations/0/url_citation/url",
        goes_on: false,
    },
];

fn thought(text: &str) -> Value {
    json!({ "content": [{ "type": "thinking", "thinking": [{ "type": "text", "text": text }] }] })
}

fn reasoning(kind: &str, member: &str, text: &str) -> Value {
    json!({ "reasoning_details": [{ "type": kind, member: text, "index": 0 }] })
}

fn call(tool: &str, member: &str, text: &str) -> Value {
    json!({ "tool_calls": [{ "index": 0, tool: { member: text } }] })
}

fn citation(member: &str, text: &str) -> Value {
    let citation = json!({ member: text, "start_index": 0, "end_index": 4 });
    json!({ "annotations": [{ "type": "url_citation", "url_citation": citation }] })
}

/// A provider, and a gateway that guards the project `demo` so.
async fn start(pii: Value) -> (Provider, Gateway) {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/tenants/0/projects/0/pii", pii);
    (provider, Gateway::start(conf).await)
}

/// What stands before a stream's choices, as no serialiser would write it.
const BEFORE: &str =
    r#"{"id":"c1", "object":"chat.completion.chunk","created":17e8,"model":"up-m","choices":"#;

fn event(delta: &Value, finish: &Value) -> String {
    let choices = json!([{ "index": 0, "delta": delta, "finish_reason": finish }]);
    format!("{BEFORE}{choices}}}")
}

fn role() -> String {
    event(&json!({ "role": "assistant" }), &Value::Null)
}

fn stop() -> String {
    event(&json!({}), &json!("stop"))
}

/// Lays a stream whose events say these pieces.
fn stream(provider: &Provider, place: &Place, pieces: &[&str]) {
    let said = pieces.iter().map(|piece| event(&(place.says)(piece), &Value::Null));
    let events: Vec<_> =
        [role()].into_iter().chain(said).chain([stop(), DONE.to_owned()]).collect();
    provider.next(Plan::stream(&events.iter().map(String::as_str).collect::<Vec<_>>()));
}

/// Lays a whole answer that says this.
fn whole(provider: &Provider, place: &Place, text: &str) -> String {
    let before = r#"{"index":0,"message":{"role":"assistant","content":"H\u0065llo, wörld 😀"}"#;
    let said = format!(r#"{{"index":0,"message":{}"#, (place.says)(text));
    let answer = COMPLETION.replace(before, &said).replace(r#""logprobs":null,"#, "");
    provider.next(Plan::json(200, &answer));
    answer
}

/// The text that a client puts together; each event must be as the provider's are.
fn said(place: &Place, answer: &Answer) -> String {
    let (mut text, events) = (String::new(), answer.events());
    assert_eq!((answer.end, events.first()), (End::Clean, Some(&role())));
    let (said, end) = events[1..].split_at(events.len() - 3);
    assert_eq!(end, [stop(), DONE.to_owned()]);
    for event in said {
        assert!(event.starts_with(BEFORE), "{event}");
        let read: Value = serde_json::from_str(event).unwrap();
        let delta = &read["choices"][0]["delta"];
        let piece = delta.pointer(place.pointer).and_then(Value::as_str);
        let piece = piece.unwrap_or_else(|| panic!("no {}: {event}", place.pointer));
        assert_eq!(*delta, (place.says)(piece), "{}", place.pointer);
        text.push_str(piece);
    }
    text
}

/// Asks for a text in every place, whole and cut at every few bytes between two events, and checks
/// what the client reads.
async fn shows(provider: &Provider, gateway: &Gateway, prompt: &str, says: &str, shown: &str) {
    let (for_whole, for_stream) = (WHOLE.replace("hi", prompt), STREAMED.replace("hi", prompt));
    for place in &PLACES {
        let name = place.pointer;
        let answer = whole(provider, place, says);
        let got = gateway.ask(&Ask::chat(for_whole.clone())).await;
        assert_eq!((got.status, got.text()), (200, &*answer.replace(says, shown)), "{name}");
        for cut in (0..says.len()).step_by(if place.goes_on { 3 } else { says.len() }) {
            let (left, right) = says.split_at(cut);
            let pieces = [left, right];
            stream(provider, place, &pieces[usize::from(cut == 0)..]);
            let got = gateway.ask(&Ask::chat(for_stream.clone())).await;
            assert_eq!(said(place, &got), shown, "{name} cut at {cut}: {}", got.text());
        }
    }
}

#[tokio::test]
async fn what_the_prompt_held_is_put_back_in_every_place() {
    let pii = json!({ "mode": "enforce", "entities": { "EMAIL_ADDRESS": "MASK" } });
    let (provider, gateway) = start(pii).await;
    let prompt = format!("I am {JANE}.");
    assert_eq!(gateway.ask(&Ask::chat(WHOLE.replace("hi", &prompt))).await.status, 200);
    let sent = provider.request(0).await;
    let sent = sent.json()["messages"][0]["content"].as_str().unwrap().to_owned();
    let placeholder = sent.strip_prefix("I am ").unwrap().strip_suffix('.').unwrap();
    assert!(placeholder.starts_with("<EMAIL_ADDRESS_"), "{sent}");
    let says = format!("to {placeholder} now");
    shows(&provider, &gateway, &prompt, &says, &format!("to {JANE} now")).await;
}

#[tokio::test]
async fn what_the_model_says_is_redacted_in_every_place() {
    let pii =
        json!({ "mode": "enforce", "entities": { "PHONE_NUMBER": "REDACT" }, "answers": true });
    let (provider, gateway) = start(pii).await;
    let (says, shown) = ("call 212-555-0187 now", "call [PHONE_NUMBER] now");
    shows(&provider, &gateway, "hi", says, shown).await;
}

/// Whether anything of the card's number is in it.
fn tells(text: &str) -> bool {
    ["card 4", "11 1", "1111 "].iter().any(|digits| text.contains(digits))
}

#[tokio::test]
async fn what_must_not_be_said_is_said_in_no_place() {
    let pii = json!({ "mode": "enforce", "entities": { "CREDIT_CARD": "BLOCK" }, "answers": true });
    let (provider, gateway) = start(pii).await;
    for place in &PLACES {
        let name = place.pointer;
        whole(&provider, place, "card 4111 1111 1111 1111 now");
        let got = gateway.ask(&Ask::chat(WHOLE)).await;
        refused(&got, 403, "pii_blocked");
        assert!(!tells(got.text()), "{name}: {}", got.text());
        let streamed: &[&[&str]] = match place.goes_on {
            true => &[&["card 4111 1111 1111 1111 now"], &["card 41", "11 1111 11", "11 1111 now"]],
            false => &[&["card 4111 1111 1111 1111 now"]],
        };
        for pieces in streamed {
            stream(&provider, place, pieces);
            let mut got = gateway.stream(STREAMED).await;
            let (events, end) = got.rest().await;
            assert_eq!(end, End::Cut, "{name}: {events:?}");
            broken(events.last().unwrap(), "pii_blocked");
            assert!(!events.iter().any(|event| tells(event)), "{name}: {events:?}");
        }
    }
}
