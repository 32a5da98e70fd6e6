//! Every place of an answer that holds text is led through the rooms, spelt whichever way.

use super::rooms::{Change, Hold, Split, Swallow};
use super::{chunk, parse, stream_through, whole_through};
use behest_contract::filter::Filter;
use serde_json::{Value, json};
use std::sync::Arc;

/// What the model says, with all that a text can hold.
const SAID: &str = "{\"a\": \"h\u{e9}x \u{1f600}\\n\"}";

/// A place for a text: a message with it, whose other members must come through.
struct Place {
    name: &'static str,
    says: fn(&str) -> Value,
    pointer: &'static str,
    /// Whether it can go on in the next event.
    goes_on: bool,
}

const PLACES: &[Place] = &[
    Place {
        name: "the input of a custom tool",
        says: |text| json!({"tool_calls": [{"index": 0, "custom": {"input": text}}]}),
        pointer: "/tool_calls/0/custom/input",
        goes_on: true,
    },
    Place {
        name: "the arguments of a function",
        says: |text| json!({"function_call": {"arguments": text}}),
        pointer: "/function_call/arguments",
        goes_on: true,
    },
    Place {
        name: "a part of a content",
        says: |text| json!({"content": [{"type": "text", "text": text}]}),
        pointer: "/content/0/text",
        goes_on: true,
    },
    Place {
        name: "a part of a thought",
        says: |text| json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]}),
        pointer: "/content/0/thinking/0/text",
        goes_on: true,
    },
    Place {
        name: "a reasoning",
        says: |text| json!({"reasoning": text}),
        pointer: "/reasoning",
        goes_on: true,
    },
    Place {
        name: "a reasoning's content",
        says: |text| json!({"reasoning_content": text}),
        pointer: "/reasoning_content",
        goes_on: true,
    },
    Place {
        name: "a reasoning's text",
        says: |text| json!({"reasoning_details": [{"type": "reasoning.text", "text": text, "index": 0}]}),
        pointer: "/reasoning_details/0/text",
        goes_on: true,
    },
    Place {
        name: "a reasoning's summary",
        says: |text| json!({"reasoning_details": [{"type": "reasoning.summary", "summary": text, "index": 0}]}),
        pointer: "/reasoning_details/0/summary",
        goes_on: true,
    },
    Place {
        name: "a transcript",
        says: |text| json!({"audio": {"transcript": text}}),
        pointer: "/audio/transcript",
        goes_on: true,
    },
    Place {
        name: "a citation's title",
        says: |text| json!({"annotations": [{"type": "url_citation", "url_citation": {"title": text, "start_index": 1}}]}),
        pointer: "/annotations/0/url_citation/title",
        goes_on: false,
    },
];

/// Rooms, and what they make of a text.
type Case = (Vec<Arc<dyn Filter>>, fn(&str) -> String);

fn cases() -> Vec<Case> {
    vec![
        (vec![Arc::new(Hold(4))], str::to_owned),
        (vec![Arc::new(Hold(100))], str::to_owned),
        (vec![Arc::new(Split)], str::to_owned),
        (vec![Arc::new(Change)], str::to_uppercase),
        (vec![Arc::new(Split), Arc::new(Swallow), Arc::new(Hold(2))], |text| text.replace('x', "")),
    ]
}

fn stream_of(deltas: &[Value]) -> String {
    let event = |delta: &Value, finish: Value| {
        let choices = json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
        format!("data: {}\n\n", chunk(&choices))
    };
    let mut stream: String = deltas.iter().map(|delta| event(delta, Value::Null)).collect();
    stream.push_str(&event(&json!({}), json!("stop")));
    stream + "data: [DONE]\n\n"
}

/// The text that a client puts together; every event must be in the shape of the place.
fn text_of(place: &Place, stream: &[u8]) -> String {
    let mut text = String::new();
    for event in parse(stream) {
        let delta = &event["choices"][0]["delta"];
        if delta != &json!({}) {
            let piece = delta.pointer(place.pointer).and_then(Value::as_str);
            let piece = piece.unwrap_or_else(|| panic!("{}: {event}", place.name));
            assert_eq!(*delta, (place.says)(piece), "{}", place.name);
            text.push_str(piece);
        }
    }
    text
}

#[test]
fn a_text_is_led_through_wherever_it_is_cut_between_two_events() {
    for place in PLACES {
        for (rooms, wanted) in cases() {
            let cuts = SAID.char_indices().map(|(at, _)| at).filter(|at| place.goes_on || *at == 0);
            for cut in cuts {
                let (left, right) = SAID.split_at(cut);
                let deltas = [(place.says)(left), (place.says)(right)];
                let stream = stream_of(&deltas[usize::from(!place.goes_on)..]);
                let got = stream_through(&rooms, &[stream.as_bytes()], true);
                assert_eq!(text_of(place, &got), wanted(SAID), "{} cut at {cut}", place.name);
            }
        }
    }
}

#[test]
fn a_whole_answer_is_led_through_alike() {
    for place in PLACES {
        for (rooms, wanted) in cases() {
            let answer = |text: &str| json!({"choices": [{"index": 0, "message": (place.says)(text), "finish_reason": "stop"}]});
            let got = whole_through(&rooms, &answer(SAID).to_string());
            assert_eq!(got, answer(&wanted(SAID)), "{}", place.name);
        }
    }
}

#[test]
fn an_event_that_no_room_touches_keeps_its_bytes() {
    for place in PLACES {
        let stream = stream_of(&[(place.says)(SAID)]).replace("\"created\":7", "\"created\" : 7.0");
        let stream = stream.replace("h\u{e9}", "h\\u00e9");
        let wanted = stream.replace("data: [DONE]\n\n", "");
        assert_eq!(stream_through(&[], &[stream.as_bytes()], true), wanted.as_bytes());
    }
}

/// Texts of one list, with what stands between them.
fn mixed(texts: [&str; 4]) -> Value {
    json!([
        {"type": "thinking", "thinking": [{"type": "text", "text": texts[0]}]},
        {"type": "text", "text": texts[1]},
        {"type": "reference", "reference_ids": [1, 2]},
        {"type": "text", "text": texts[2]},
        {"type": "text", "text": texts[3]},
    ])
}

#[test]
fn the_parts_of_a_whole_content_stay_apart() {
    let answer = |texts| {
        json!({"choices": [
            {"index": 0, "message": {"content": mixed(texts)}, "finish_reason": "stop"},
            {"index": 1, "message": {"content": mixed(texts)}, "finish_reason": "stop"},
        ]})
        .to_string()
    };
    let texts = ["because", "on", "e t", "wo"];
    for rooms in [vec![Arc::new(Hold(2)) as Arc<dyn Filter>], vec![Arc::new(Split)]] {
        assert_eq!(whole_through(&rooms, &answer(texts)).to_string(), {
            let same: Value = serde_json::from_str(&answer(texts)).unwrap();
            same.to_string()
        });
    }
}

#[test]
fn the_parts_of_a_streamed_content_are_one_text() {
    let delta = |content: Value| json!({"content": content});
    let stream = stream_of(&[
        delta(json!("zero ")),
        delta(mixed(["why", "one", " two", " thr"])),
        delta(json!("ee f")),
        delta(json!([{"type": "text", "text": "our"}])),
    ]);
    let wanted = "zero one two three four";
    for rooms in [
        vec![],
        vec![Arc::new(Hold(3)) as Arc<dyn Filter>],
        vec![Arc::new(Hold(100))],
        vec![Arc::new(Split)],
        vec![Arc::new(Split), Arc::new(Hold(2))],
    ] {
        let got = parse(&stream_through(&rooms, &[stream.as_bytes()], true));
        let (mut said, mut thought, mut references) = (String::new(), String::new(), 0);
        for event in &got {
            let content = &event["choices"][0]["delta"]["content"];
            said.push_str(content.as_str().unwrap_or_default());
            for part in content.as_array().into_iter().flatten() {
                said.push_str(part["text"].as_str().unwrap_or_default());
                thought
                    .push_str(part.pointer("/thinking/0/text").map_or("", |t| t.as_str().unwrap()));
                references += usize::from(part["type"] == "reference");
            }
        }
        assert_eq!((&*said, &*thought, references), (wanted, "why", 1), "{got:?}");
    }
}

#[test]
fn texts_of_an_event_that_finishes_come_before_its_end() {
    let content = json!([{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]);
    let choices = json!([{"index": 0, "delta": {"content": content}, "finish_reason": "stop"}]);
    let stream = format!("data: {}\n\ndata: [DONE]\n\n", chunk(&choices));
    for rooms in [vec![Arc::new(Split) as Arc<dyn Filter>], vec![Arc::new(Hold(2))]] {
        let got = parse(&stream_through(&rooms, &[stream.as_bytes()], true));
        let texts = got
            .iter()
            .flat_map(|event| event["choices"][0]["delta"]["content"].as_array().unwrap().iter());
        let said: String = texts.map(|part| part["text"].as_str().unwrap()).collect();
        assert_eq!(said, "one two", "{got:?}");
        assert_eq!(got.last().unwrap()["choices"][0]["finish_reason"], "stop");
    }
}
