//! What comes back where values were replaced: the client reads them again, and nobody else's
//! (CONTRACT 9).

use serde_json::{Value, json};

use crate::support::client::{Answer, Ask};
use crate::support::conf::set;
use crate::support::gateway::Gateway;
use crate::support::guarded::{
    JANE, JOHN, Place, Spelling, chat, everything, gateway, message, placeholder, placeholders,
    said, sent, shielded, streamed,
};
use crate::support::plan::{
    COMPLETION, DONE, HEL, LAST_CHUNK, LO, Plan, ROLE, STOP, chunk, event, stream_head,
};
use crate::support::provider::Provider;
use crate::support::samples::{SAMPLES, sentence};
use crate::support::wire::End;

/// What a model says with a placeholder, and what the client is to read.
fn words(place: Place, stands: &str, value: &str) -> (String, String) {
    match place {
        place if place.is_json() => {
            let json = |value: &str| json!({ "to": value, "n": 1 }).to_string();
            (json(stands), json(value))
        }
        _ => (format!("Grüße an {stands}, 😀 gern."), format!("Grüße an {value}, 😀 gern.")),
    }
}

#[tokio::test]
async fn a_value_comes_back_wherever_its_placeholder_is_cut() {
    let (provider, gateway) = gateway(everything("MASK")).await;
    let stands = placeholder(&sent(&gateway, &provider, &chat(JANE)).await);
    let mut client = gateway.client().await;
    for place in Place::ALL {
        let (text, expected) = words(place, &stands, JANE);
        for spelling in Spelling::ALL {
            provider.next(place.whole(&text, spelling));
            assert_eq!(place.read(&client.ask(&chat(JANE)).await), expected, "{place:?}");
            for cut in text.char_indices().map(|(at, _)| at) {
                let (first, second) = text.split_at(cut);
                provider.next(place.stream(&[first, second], spelling));
                let answer = client.ask(&streamed(JANE)).await;
                assert_eq!(place.read(&answer), expected, "{place:?}, {spelling:?}, cut at {cut}");
                assert_eq!(answer.end, End::Clean);
            }
            let letters: Vec<String> = text.chars().map(String::from).collect();
            let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
            provider.next(place.stream(&letters, spelling));
            let answer = client.ask(&streamed(JANE)).await;
            assert_eq!(place.read(&answer), expected, "{place:?}, {spelling:?}, letter by letter");
        }
    }
}

#[tokio::test]
async fn a_value_comes_back_from_a_stream_that_is_cut_at_every_byte() {
    let (provider, gateway) = gateway(everything("MASK")).await;
    let stands = placeholder(&sent(&gateway, &provider, &chat(JANE)).await);
    for place in Place::ALL {
        let (text, expected) = words(place, &stands, JANE);
        for spelling in Spelling::ALL {
            let events = [&place.event(0, &spelling.quote(&text)), STOP, DONE].map(event).concat();
            let mut bytes = stream_head().to_vec();
            events.as_bytes().chunks(1).for_each(|byte| bytes.extend_from_slice(&chunk(byte)));
            bytes.extend_from_slice(LAST_CHUNK);
            provider.next(Plan::raw(bytes));
            let answer = gateway.ask(&streamed(JANE)).await;
            assert_eq!(place.read(&answer), expected, "{place:?}, {spelling:?}");
        }
    }
}

#[tokio::test]
async fn a_value_of_any_kind_comes_back_in_any_place() {
    let (provider, gateway) = gateway(everything("MASK")).await;
    let mut client = gateway.client().await;
    let mut wrong = Vec::new();
    for (entity, label, value) in SAMPLES {
        let text = sentence(label, value);
        let up = sent(&gateway, &provider, &chat(&text)).await;
        for place in Place::ALL {
            let (said, expected) = words(place, &up, &text);
            provider.next(place.whole(&said, Spelling::Plain));
            let whole = place.read(&client.ask(&chat(&text)).await);
            let middle = said.len() / 2;
            let cut = (middle..).find(|at| said.is_char_boundary(*at)).unwrap();
            let (first, second) = said.split_at(cut);
            provider.next(place.stream(&[first, second], Spelling::Plain));
            let stream = place.read(&client.ask(&streamed(&text)).await);
            if whole != expected || stream != expected {
                wrong.push((entity, place, whole, stream));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of them: {wrong:#?}", wrong.len());
}

#[tokio::test]
async fn choices_and_tool_calls_that_alternate_do_not_mix() {
    let (provider, gateway) = gateway(everything("MASK")).await;
    let both = format!("{JANE} and {JOHN}");
    let stands = placeholders(&sent(&gateway, &provider, &chat(&both)).await);
    let [jane, john] = &stands[..] else { panic!("{stands:?}") };
    let mut events = vec![ROLE.to_owned()];
    for (one, other) in jane.chars().zip(john.chars()) {
        for (choice, letter, place) in
            [(0, one, Place::Content), (1, other, Place::Content), (0, other, Place::Reasoning)]
        {
            events.push(place.event(choice, &Spelling::Plain.quote(&letter.to_string())));
        }
    }
    events.extend([STOP.to_owned(), DONE.to_owned()]);
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    provider.next(Plan::stream(&events));
    let heard = gateway.ask(&streamed(&both)).await.events();
    assert_eq!(said(Place::Content, 0, &heard), JANE);
    assert_eq!(said(Place::Content, 1, &heard), JOHN);
    assert_eq!(said(Place::Reasoning, 0, &heard), JOHN);
}

#[tokio::test]
async fn only_what_this_request_held_comes_back() {
    let (provider, gateway) = gateway(everything("MASK")).await;
    let janes = placeholder(&sent(&gateway, &provider, &chat(JANE)).await);
    let johns = placeholder(&sent(&gateway, &provider, &chat(JOHN)).await);
    let text = format!("{janes} or {johns}");
    let expected = format!("{janes} or {JOHN}");
    provider.next(Place::Content.whole(&text, Spelling::Plain));
    assert_eq!(Place::Content.read(&gateway.ask(&chat(JOHN)).await), expected);
    provider.next(Place::Content.stream(&[&text], Spelling::Plain));
    assert_eq!(Place::Content.read(&gateway.ask(&streamed(JOHN)).await), expected);
    // A request without any value gets none.
    provider.next(Place::Content.stream(&[&text], Spelling::Plain));
    assert_eq!(Place::Content.read(&gateway.ask(&streamed("hi")).await), text);
}

#[tokio::test]
async fn an_answer_without_placeholders_comes_back_byte_for_byte() {
    let (provider, gateway) = gateway(everything("MASK")).await;
    for content in ["hi", JANE] {
        provider.next(Plan::json(200, COMPLETION.replacen(r#""logprobs":null,"#, "", 1).as_str()));
        let answer = gateway.ask(&chat(content)).await;
        assert_eq!(answer.text(), COMPLETION.replacen(r#""logprobs":null,"#, "", 1));
        provider.next(Plan::stream(&[ROLE, HEL, LO, STOP, DONE]));
        let answer = gateway.ask(&streamed(content)).await;
        assert_eq!(answer.events(), [ROLE, HEL, LO, STOP, DONE]);
    }
}

#[tokio::test]
async fn only_what_may_become_a_placeholder_is_held_and_no_timer_lets_it_go() {
    let provider = Provider::start().await;
    let mut conf = shielded(&[provider.url()], everything("MASK"));
    set(&mut conf, "/heartbeat", "100ms");
    let gateway = Gateway::start(conf).await;
    let stands = placeholder(&sent(&gateway, &provider, &chat(JANE)).await);
    let (plan, remote) = Plan::live_stream();
    provider.next(plan);
    let say = |text: &str| remote.event(&Place::Content.event(0, &Spelling::Plain.quote(text)));
    say("Hello, ");
    let mut stream = gateway.client().await.stream(&streamed(JANE)).await;
    let told = |data: String| said(Place::Content, 0, &[data]);
    assert_eq!(told(stream.data().await), "Hello, ");
    let (first, second) = stands.split_at(9);
    say(&format!("dear {first}"));
    assert_eq!(told(stream.data().await), "dear ");
    for _ in 0..3 {
        assert_eq!(stream.next().await.as_deref(), Some(": ping"));
    }
    say(second);
    let next = loop {
        match stream.next().await.unwrap() {
            ping if ping == ": ping" => {}
            data => break data,
        }
    };
    assert_eq!(told(next.strip_prefix("data: ").unwrap().to_owned()), JANE);
    // What only looked like one leaves as soon as that is clear, and at the end at the latest.
    say("<EMAIL");
    say(" me, or <EMAIL_ADDR");
    remote.event(STOP);
    remote.event(DONE);
    remote.end();
    let (rest, end) = stream.rest().await;
    let data = rest.iter().filter_map(|event| event.strip_prefix("data: ")).map(str::to_owned);
    assert_eq!(said(Place::Content, 0, &data.collect::<Vec<_>>()), "<EMAIL me, or <EMAIL_ADDR");
    assert_eq!(end, End::Clean);
}

#[tokio::test]
async fn nothing_spells_an_answer_a_second_time_while_values_are_put_back() {
    let (provider, gateway) = gateway(everything("MASK")).await;
    let stands = placeholder(&sent(&gateway, &provider, &chat(JANE)).await);
    let logprobs = json!({ "content": [{ "token": stands, "logprob": -0.5, "top_logprobs": [] }] });
    let with = |event: &str| {
        let mut event: Value = serde_json::from_str(event).unwrap();
        event["choices"][0]["logprobs"] = logprobs.clone();
        event.to_string()
    };
    let quoted = Spelling::Plain.quote(&stands);
    let whole = with(&Place::Content.answer(&quoted));
    let piece = with(&Place::Content.event(0, &quoted));
    for (content, kept) in [(JANE, false), ("hi", true)] {
        for stream in [false, true] {
            let body = json!({ "model": "m", "stream": stream, "logprobs": true, "top_logprobs": 2,
                "messages": [message(content)] });
            provider.next(match stream {
                true => Plan::stream(&[ROLE, &piece, STOP, DONE]),
                false => Plan::json(200, &whole),
            });
            let before = provider.count();
            let answer = gateway.ask(&Ask::chat(body.to_string())).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.text().contains("logprob"), kept, "{}", answer.text());
            let read = Place::Content.read(&answer);
            assert_eq!(read, if kept { stands.as_str() } else { JANE });
            let up = provider.request(before).await;
            assert_eq!(up.text().contains("logprobs"), kept, "{}", up.text());
        }
    }
}

#[tokio::test]
async fn a_placeholder_that_is_escaped_in_arguments_comes_back_as_its_value_and_they_stay_json() {
    let (provider, gateway) = gateway(everything("MASK")).await;
    let stands = placeholder(&sent(&gateway, &provider, &chat(JANE)).await);
    let escaped = stands.replace('<', "\\u003c").replace('>', "\\u003E");
    let flat = format!(r#"{{"to":"{escaped}","n":1}}"#);
    let nested = |inner: &str| json!({ "body": inner }).to_string();
    for (said, levels) in
        [(flat.clone(), 0), (nested(&flat), 1), (nested(&nested(&flat)), 2), (nested(&stands), 1)]
    {
        let letters: Vec<String> = said.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        provider.next(Place::Arguments.whole(&said, Spelling::Plain));
        let whole = Place::Arguments.read(&gateway.ask(&chat(JANE)).await);
        provider.next(Place::Arguments.stream(&letters, Spelling::Plain));
        assert_eq!(Place::Arguments.read(&gateway.ask(&streamed(JANE)).await), whole, "{said}");
        let mut read: Value = serde_json::from_str(&whole).unwrap_or_else(|_| panic!("{whole}"));
        for _ in 0..levels {
            let inner = read["body"].as_str().unwrap_or_else(|| panic!("{whole}")).to_owned();
            read = serde_json::from_str(&inner).unwrap_or(Value::String(inner));
        }
        assert_eq!(read.get("to").unwrap_or(&read), JANE, "{said}: {whole}");
    }
}

#[tokio::test]
async fn what_a_model_makes_of_a_placeholder_is_understood() {
    let (provider, gateway) = gateway(everything("MASK")).await;
    let stands = placeholder(&sent(&gateway, &provider, &chat(JANE)).await);
    let inside = stands.trim_matches(['<', '>']);
    for (text, expected) in [
        (stands.to_lowercase(), JANE.to_owned()),
        (format!("[{inside}]"), JANE.to_owned()),
        (format!("to {inside}."), format!("to {JANE}.")),
        (format!("to **{stands}**."), format!("to **{JANE}**.")),
        (stands.replace('_', "\\_"), JANE.to_owned()),
    ] {
        provider.next(Place::Content.whole(&text, Spelling::Plain));
        let whole = Place::Content.read(&gateway.ask(&chat(JANE)).await);
        assert_eq!(whole, expected, "{text}");
        let letters: Vec<String> = text.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        provider.next(Place::Content.stream(&letters, Spelling::Plain));
        assert_eq!(Place::Content.read(&gateway.ask(&streamed(JANE)).await), expected, "{text}");
    }
}

/// A value that ends a string of JSON, and may not stand in one as it is.
const SHARP: &str = "a\"b\\c\nd";

/// A chat about it whose answer is to be of this format.
fn formatted(format: &Value, stream: bool) -> Ask {
    let body = json!({
        "model": "m", "messages": [message(SHARP)], "stream": stream, "response_format": format,
    });
    Ask::chat(body.to_string())
}

#[tokio::test]
async fn json_that_was_asked_for_stays_json() {
    let list = json!({ "name": "TERM", "terms": [SHARP], "action": "MASK" });
    let (provider, gateway) = gateway(json!({ "mode": "enforce", "deny_lists": [list] })).await;
    let stands = placeholder(&sent(&gateway, &provider, &chat(SHARP)).await);
    let (text, expected) = (json!({ "n": stands }).to_string(), json!({ "n": SHARP }));
    let read = |answer: &Answer| serde_json::from_str(&Place::Content.read(answer)).ok();
    let schema = json!({ "type": "json_schema", "json_schema": { "name": "n", "schema": {} } });
    let mut client = gateway.client().await;
    for format in [json!({ "type": "json_object" }), schema] {
        for spelling in Spelling::ALL {
            provider.next(Place::Content.whole(&text, spelling));
            let answer = client.ask(&formatted(&format, false)).await;
            assert_eq!(read(&answer), Some(expected.clone()), "{format} {spelling:?}");
            for cut in 0..text.len() {
                let (first, second) = text.split_at(cut);
                provider.next(Place::Content.stream(&[first, second], spelling));
                let answer = client.ask(&formatted(&format, true)).await;
                assert_eq!(read(&answer), Some(expected.clone()), "{spelling:?} {cut}");
            }
        }
        let events = [&*Place::Content.event(0, &Spelling::Plain.quote(&text)), STOP, DONE];
        let mut bytes = stream_head().to_vec();
        let events = events.map(event).concat();
        events.as_bytes().chunks(1).for_each(|byte| bytes.extend_from_slice(&chunk(byte)));
        bytes.extend_from_slice(LAST_CHUNK);
        provider.next(Plan::raw(bytes));
        assert_eq!(read(&gateway.ask(&formatted(&format, true)).await), Some(expected.clone()));
    }
    // Where text was asked for, what looks like JSON is text.
    provider.next(Place::Content.whole(&text, Spelling::Plain));
    let answer = client.ask(&formatted(&json!({ "type": "text" }), false)).await;
    assert_eq!(Place::Content.read(&answer), format!("{{\"n\":\"{SHARP}\"}}"));
}
