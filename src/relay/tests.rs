//! The chain proves itself: rooms that hold back, split, swallow, change and delay, over streams cut
//! at every byte and whole answers alike.

mod channels;
mod endings;
mod rooms;
mod world;

use super::Events;
use crate::front::{Spelling, spell_whole};
use crate::passage::Account;
use behest_contract::chain::Chain;
use behest_contract::clock::SystemClock;
use behest_contract::delta::Decoded;
use behest_contract::dialect::Answer as Wanted;
use behest_contract::facts::Endpoint;
use behest_contract::filter::{Filter, Hears};
use behest_contract::sse;
use behest_contract::testing::cut_everywhere;
use rooms::{Change, Hold, Split, Swallow};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The texts of an answer, by channel.
type Texts = BTreeMap<String, String>;

fn chain(rooms: &[Arc<dyn Filter>]) -> Chain {
    Chain::new(rooms.to_vec(), &[], Arc::new(SystemClock)).unwrap()
}

/// Leads a stream through rooms, cut as given; what the client would get.
fn stream_through(rooms: &[Arc<dyn Filter>], pieces: &[&[u8]], usage_asked: bool) -> Vec<u8> {
    let mut visits = chain(rooms).enter();
    let mut account = Account::new(Arc::new(SystemClock));
    let mut events = Events::new(Spelling { usage_asked, without_logprobs: false });
    let mut decoder = decoder(true);
    let mut frames = Vec::new();
    for piece in pieces {
        decoder.feed(piece, &mut frames).unwrap();
        events.lead_through(&mut frames, &mut visits, &mut account).unwrap();
    }
    decoder.finish(&mut frames).unwrap();
    events.lead_through(&mut frames, &mut visits, &mut account).unwrap();
    assert!(events.over);
    events.out
}

fn whole_through(rooms: &[Arc<dyn Filter>], answer: &str) -> Value {
    let mut decoder = decoder(false);
    let mut frames = Vec::new();
    decoder.feed(answer.as_bytes(), &mut frames).unwrap();
    decoder.finish(&mut frames).unwrap();
    let Some(Decoded::Frame(mut frame)) = frames.pop() else { panic!("{answer}") };
    let mut said = frame.deltas.drain(..).collect();
    chain(rooms).enter().deltas(&mut said);
    serde_json::from_slice(&spell_whole(
        Spelling { usage_asked: true, without_logprobs: false },
        &frame,
        &said,
    ))
    .unwrap()
}

fn decoder(streamed: bool) -> Box<dyn behest_contract::dialect::Decoder> {
    let wanted =
        Wanted { endpoint: Endpoint::Chat, streamed, hears: Hears::Text, bytes_max: 1 << 20 };
    behest_providers::dialect("openai").unwrap().decoder(wanted)
}

fn parse(stream: &[u8]) -> Vec<Value> {
    let mut events = Vec::new();
    let mut reader = sse::Events::new(1 << 20);
    reader.feed(stream, |data| events.push(serde_json::from_slice(&data).unwrap())).unwrap();
    assert!(!reader.is_mid_event());
    events
}

/// Puts a stream's texts together; nothing may come after its choice's finish.
fn texts_of_stream(events: &[Value]) -> Texts {
    let mut texts = Texts::new();
    let mut finished = Vec::new();
    for event in events {
        for choice in event["choices"].as_array().unwrap() {
            let index = choice["index"].as_u64().unwrap();
            let before: usize = texts.values().map(String::len).sum();
            add_texts(&mut texts, index, &choice["delta"]);
            let after: usize = texts.values().map(String::len).sum();
            assert!(
                before == after || !finished.contains(&index),
                "text after the finish: {event}"
            );
            if !choice["finish_reason"].is_null() {
                finished.push(index);
            }
        }
    }
    assert!(!finished.is_empty());
    texts
}

fn add_texts(texts: &mut Texts, index: u64, message: &Value) {
    for name in ["content", "refusal", "reasoning", "reasoning_content"] {
        if let Some(text) = message[name].as_str().filter(|text| !text.is_empty()) {
            texts.entry(format!("{index} {name}")).or_default().push_str(text);
        }
    }
    for (at, call) in message["tool_calls"].as_array().into_iter().flatten().enumerate() {
        let at = call["index"].as_u64().unwrap_or(at as u64);
        if let Some(text) = call["function"]["arguments"].as_str().filter(|text| !text.is_empty()) {
            texts.entry(format!("{index} tool {at}")).or_default().push_str(text);
        }
    }
}

fn texts_of_whole(answer: &Value) -> Texts {
    let mut texts = Texts::new();
    for choice in answer["choices"].as_array().unwrap() {
        add_texts(&mut texts, choice["index"].as_u64().unwrap(), &choice["message"]);
    }
    texts
}

fn chunk(choices: &Value) -> String {
    format!(
        r#"{{"id":"c1","object":"chat.completion.chunk","created":7,"model":"m","choices":{choices}}}"#
    )
}

/// Everything at once: two choices, all channels, escapes, several texts in one event.
fn stream() -> String {
    let delta =
        |index: u32, delta: Value| json!([{"index": index, "delta": delta, "finish_reason": null}]);
    let finish = |index: u32| json!([{"index": index, "delta": {}, "finish_reason": "stop"}]);
    let events = [
        chunk(&delta(0, json!({"role": "assistant", "content": ""}))),
        chunk(&delta(0, json!({"content": "one t\"wo "}))),
        chunk(&delta(1, json!({"content": "h\u{e9}llo \u{1f600}"}))),
        chunk(&delta(0, json!({"reasoning": "because", "reasoning_content": "why"}))),
        chunk(&delta(0, json!({"content": "three\n"}))),
        chunk(&json!([
            {"index": 0, "delta": {"content": "x"}},
            {"index": 1, "delta": {"content": "four", "refusal": "no"}},
        ])),
        chunk(&delta(
            1,
            json!({"tool_calls": [{"index": 0, "id": "t", "type": "function",
            "function": {"name": "f", "arguments": ""}}]}),
        )),
        chunk(&delta(
            1,
            json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"a\":"}}]}),
        )),
        chunk(&delta(1, json!({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}))),
        chunk(&json!([{"index": 1, "delta": {"content": "end"}, "finish_reason": "tool_calls"}])),
        chunk(&finish(0)),
    ];
    let events: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    format!("{events}data: [DONE]\n\n")
}

fn whole() -> String {
    json!({"id": "c1", "object": "chat.completion", "created": 7, "model": "m", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "one t\"wo three\nx", "reasoning": "because",
            "reasoning_content": "why"}, "finish_reason": "stop"},
        {"index": 1, "message": {"role": "assistant", "content": "h\u{e9}llo \u{1f600}fourend", "refusal": "no",
            "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]},
            "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}})
    .to_string()
}

fn plain() -> Texts {
    texts_of_whole(&serde_json::from_str(&whole()).unwrap())
}

#[test]
fn untouched_events_leave_as_the_bytes_that_came() {
    let stream = stream().replace("\"created\":7", "\"created\" : 7.0e0 ,\t\"odd\":[1.50]");
    let wanted = stream.replace("data: [DONE]\n\n", "");
    let single: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
    assert_eq!(stream_through(&[], &single, true), wanted.as_bytes());
    assert_eq!(whole_through(&[], &whole()).to_string().len(), whole().len());
}

#[test]
fn rooms_do_the_same_to_a_stream_cut_anywhere_and_to_a_whole_answer() {
    let upper =
        |texts: Texts| -> Texts { texts.into_iter().map(|(k, v)| (k, v.to_uppercase())).collect() };
    let no_x = |texts: Texts| -> Texts {
        texts
            .into_iter()
            .map(|(k, v)| (k, v.replace('x', "")))
            .filter(|(_, v)| !v.is_empty())
            .collect()
    };
    let cases: Vec<(Vec<Arc<dyn Filter>>, Texts)> = vec![
        (vec![Arc::new(Hold(4))], plain()),
        (vec![Arc::new(Hold(100))], plain()),
        (vec![Arc::new(Split)], plain()),
        (vec![Arc::new(Change)], upper(plain())),
        (vec![Arc::new(Swallow)], no_x(plain())),
        (
            vec![Arc::new(Hold(3)), Arc::new(Split), Arc::new(Change), Arc::new(Hold(5))],
            upper(plain()),
        ),
        (vec![Arc::new(Split), Arc::new(Hold(2)), Arc::new(Swallow)], no_x(plain())),
    ];
    for (rooms, wanted) in cases {
        let names: Vec<_> = rooms.iter().map(|room| room.name()).collect();
        let stream = stream();
        cut_everywhere(stream.as_bytes(), |pieces| {
            let events = parse(&stream_through(&rooms, pieces, true));
            assert_eq!(texts_of_stream(&events), wanted, "{names:?}");
        });
        assert_eq!(texts_of_whole(&whole_through(&rooms, &whole())), wanted, "{names:?}");
    }
}

#[test]
fn a_swallowed_event_leaves_no_trace_but_its_role_and_finish() {
    let wrap =
        |events: &[&str]| -> String { events.iter().map(|e| format!("data: {e}\n\n")).collect() };
    let delta = |delta: Value, finish: Value| {
        chunk(&json!([{"index": 0, "delta": delta, "finish_reason": finish}]))
    };
    let stream = wrap(&[
        &delta(json!({"role": "assistant", "content": "x"}), Value::Null),
        &delta(json!({"content": "x"}), Value::Null),
        &delta(json!({"content": "y"}), Value::Null),
        &delta(json!({"content": "x"}), json!("stop")),
        "[DONE]",
    ]);
    let wanted = wrap(&[
        &delta(json!({"role": "assistant", "content": ""}), Value::Null),
        &delta(json!({"content": "y"}), Value::Null),
        &delta(json!({"content": ""}), json!("stop")),
    ]);
    let got = stream_through(&[Arc::new(Swallow)], &[stream.as_bytes()], true);
    assert_eq!(String::from_utf8(got).unwrap(), wanted);
}

#[test]
fn a_split_text_leaves_in_as_many_events() {
    let delta = |text: &str| {
        chunk(&json!([{"index": 0, "delta": {"content": text}, "finish_reason": null}]))
    };
    let finish = chunk(&json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]));
    let stream = format!("data: {}\n\ndata: {finish}\n\n", delta("abc"));
    let got = stream_through(&[Arc::new(Split)], &[stream.as_bytes()], true);
    let wanted: String =
        ["a", "b", "c"].iter().map(|text| format!("data: {}\n\n", delta(text))).collect();
    assert_eq!(String::from_utf8(got).unwrap(), format!("{wanted}data: {finish}\n\n"));
}

#[test]
fn usage_is_hidden_from_a_client_that_did_not_ask() {
    let usage = r#""usage":{"prompt_tokens":1,"completion_tokens":2}"#;
    let chunk = |choices: &str, usage: &str| {
        format!("data: {{\"id\":\"c\",\"choices\":{choices}{usage}}}\n\n")
    };
    let text = r#"[{"index":0,"delta":{"content":"a"}}]"#;
    let finish = r#"[{"index":0,"delta":{},"finish_reason":"stop"}]"#;
    let stream = [
        chunk(text, ",\"usage\":null"),
        chunk(finish, &format!(", {usage}")),
        chunk("[]", &format!(",{usage}")),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat();
    for rooms in [vec![], vec![Arc::new(Hold(5)) as Arc<dyn Filter>]] {
        let hidden = stream_through(&rooms, &[stream.as_bytes()], false);
        let hidden = String::from_utf8(hidden).unwrap();
        assert!(!hidden.contains("usage"), "{hidden}");
        assert_eq!(hidden.matches("data: ").count(), 2, "{hidden}");
    }
    let asked = stream_through(&[], &[stream.as_bytes()], true);
    assert_eq!(String::from_utf8(asked).unwrap(), stream.replace("data: [DONE]\n\n", ""));
}
