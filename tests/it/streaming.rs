//! The framing of streams, when events leave, and how a stream ends (CONTRACT 5).

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::client::Ask;
use crate::support::conf::{conf, set};
use crate::support::gateway::Gateway;
use crate::support::json::members;
use crate::support::plan::{
    COMPLETION, DONE, HEL, LAST_CHUNK, LO, Plan, ROLE, Remote, STOP, STREAMED, Step, USAGE, chunk,
    event, stream_head,
};
use crate::support::provider::Provider;
use crate::support::refusal::{broken, refused};
use crate::support::wire::End;

/// A stream's text when no event is changed.
fn framed(events: &[&str]) -> String {
    events.iter().map(|data| event(data)).collect()
}

fn with_options(options: &str) -> String {
    let said = format!(r#""stream":true,"stream_options":{options}"#);
    STREAMED.replace(r#""stream":true"#, &said)
}

/// Lays a live stream, and lets it begin with one event.
fn begun(provider: &Provider) -> Remote {
    let (plan, remote) = Plan::live_stream();
    provider.next(plan);
    remote.event(ROLE);
    remote
}

#[tokio::test]
async fn a_streams_framing_is_ours_whatever_the_providers_was() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let streams = [
        format!("data: {ROLE}\r\n\r\ndata: {HEL}\r\n\r\ndata: {STOP}\r\n\r\ndata: [DONE]\r\n\r\n"),
        format!("data:{ROLE}\n\ndata:{HEL}\n\ndata:{STOP}\n\ndata:[DONE]\n\n"),
        format!("\u{feff}data: {ROLE}\r\rdata: {HEL}\r\rdata: {STOP}\r\rdata: [DONE]\r\r"),
        format!(
            ": a comment\n\n:\nid: 1\nretry: 10\nevent: message\ndata: {ROLE}\n\n\n\n: one more\n\
             data: {HEL}\nid: 2\n\nevent: ping\n\ndata: {STOP}\n\ndata: [DONE]\n\n"
        ),
        // The last event lacks its blank line.
        format!("data: {ROLE}\n\ndata: {HEL}\n\ndata: {STOP}\n\ndata: [DONE]"),
    ];
    for stream in streams {
        let bytes = [&stream_head()[..], &chunk(&stream), LAST_CHUNK].concat();
        provider.next(Plan::raw(bytes));
        let answer = gateway.ask(&Ask::chat(STREAMED)).await;
        assert_eq!(answer.text(), framed(&[ROLE, HEL, STOP, DONE]), "{stream:?}");
        assert_eq!(answer.end, End::Clean);
    }
}

#[tokio::test]
async fn every_line_of_an_event_of_several_lines_keeps_its_prefix() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let (first, second) = LO.split_at(LO.find(r#""choices""#).unwrap());
    let remote = begun(&provider);
    remote.chunk(format!("data: {first}\ndata: {second}\n\n"));
    remote.chunk(framed(&[STOP, DONE]));
    remote.end();
    let answer = gateway.ask(&Ask::chat(STREAMED)).await;
    let middle = format!("data: {first}\ndata: {second}\n\n");
    assert_eq!(answer.text(), framed(&[ROLE]) + &middle + &framed(&[STOP, DONE]));
}

#[tokio::test]
async fn a_stream_may_be_cut_anywhere() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let tail = format!("data: {LO}\r\n\r\ndata: {STOP}\n\ndata: {DONE}\n\n");
    let mut client = gateway.client().await;
    for cut in 1..tail.len() {
        let remote = begun(&provider);
        remote.chunk(&tail.as_bytes()[..cut]);
        let mut stream = client.stream(&Ask::chat(STREAMED)).await;
        assert_eq!(stream.data().await, ROLE);
        remote.chunk(&tail.as_bytes()[cut..]);
        remote.end();
        drop(remote);
        let (rest, end) = stream.rest().await;
        assert_eq!(rest, [LO, STOP, DONE].map(|data| format!("data: {data}")), "cut at {cut}");
        assert_eq!(end, End::Clean, "cut at {cut}");
        client = stream.client;
    }
    // One byte to a chunk.
    let bytes: Vec<u8> = tail.as_bytes().chunks(1).flat_map(chunk).collect();
    let bytes = [&stream_head()[..], &chunk(event(ROLE)), &bytes, LAST_CHUNK].concat();
    provider.next(Plan::raw(bytes));
    let answer = client.ask(&Ask::chat(STREAMED)).await;
    assert_eq!(answer.text(), framed(&[ROLE, LO, STOP, DONE]));
}

#[tokio::test]
async fn a_lone_event_does_not_wait_for_the_next() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let remote = begun(&provider);
    let mut stream = gateway.stream(STREAMED).await;
    assert_eq!(stream.data().await, ROLE);
    for data in [HEL, LO] {
        // The provider says nothing more before the client has the event.
        remote.event(data);
        assert_eq!(stream.data().await, data);
    }
    // Nor does it wait when the next one has begun.
    remote.chunk(framed(&[HEL]) + "data: {\"id");
    assert_eq!(stream.data().await, HEL);
}

#[tokio::test]
async fn a_burst_of_events_shares_its_writes() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let mut events = vec![ROLE];
    events.extend([HEL; 62]);
    events.extend([STOP, DONE]);
    let chunks: Vec<u8> = events.iter().flat_map(|data| chunk(event(data))).collect();
    provider.next(Plan::raw([&stream_head()[..], &chunks, LAST_CHUNK].concat()));
    let answer = gateway.ask(&Ask::chat(STREAMED)).await;
    assert_eq!(answer.text(), framed(&events));
    // Each write of the gateway is a chunk of its own.
    assert!(answer.pieces.len() <= 10, "{} writes for 65 events", answer.pieces.len());
}

#[tokio::test]
async fn comments_go_out_while_the_provider_is_silent() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/heartbeat", "200ms");
    let gateway = Gateway::start(conf).await;
    let remote = begun(&provider);
    let mut stream = gateway.stream(STREAMED).await;
    assert_eq!(stream.data().await, ROLE);
    // Half an event is silence too: a comment inside it would break it.
    remote.chunk(&event(LO)[..40]);
    for _ in 0..3 {
        assert_eq!(stream.next().await.as_deref(), Some(": ping"));
    }
    remote.chunk(&event(LO)[40..]);
    remote.chunk(framed(&[STOP, DONE]));
    remote.end();
    let (rest, end) = stream.rest().await;
    let events: Vec<_> = rest.iter().filter(|event| *event != ": ping").collect();
    assert_eq!(
        events,
        [LO, STOP, DONE].map(|data| format!("data: {data}")).iter().collect::<Vec<_>>()
    );
    assert_eq!(end, End::Clean);
}

#[tokio::test]
async fn usage_is_hidden_from_a_client_that_did_not_ask_and_shown_to_one_that_did() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let not_asked = with_options(r#"{"include_usage":false}"#);
    let asked = with_options(r#"{"include_usage":true}"#);
    for (body, usage) in [(STREAMED, false), (&not_asked, false), (&asked, true)] {
        let events = gateway.ask(&Ask::chat(body.to_owned())).await.events();
        assert_eq!(events.iter().any(|data| data == USAGE), usage, "{body}: {events:?}");
        assert_eq!(events.last().map(String::as_str), Some(DONE));
    }
}

#[tokio::test]
async fn usage_beside_choices_is_taken_out_alone() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let usage = r#""usage" : {"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}"#;
    let last = |usage: &str| {
        format!(
            r#"{{"id":"c1", "choices":[{{"index":0,"delta":{{"content":"!"}},"finish_reason":"stop"}}],{usage}"x":1.50}}"#
        )
    };
    let with_usage = last(&format!("{usage} ,"));
    provider.next(Plan::stream(&[ROLE, &with_usage, DONE]));
    let events = gateway.ask(&Ask::chat(STREAMED)).await.events();
    assert_eq!(events.len(), 3, "{events:?}");
    assert_eq!(members(&events[1]), members(&last("")));
    let asked = with_options(r#"{"include_usage":true}"#);
    provider.next(Plan::stream(&[ROLE, &with_usage, DONE]));
    assert_eq!(gateway.ask(&Ask::chat(asked)).await.events(), [ROLE, &with_usage, DONE]);
}

#[tokio::test]
async fn a_stream_without_done_is_whole_once_it_has_finished() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    provider.next(Plan::stream(&[ROLE, HEL, STOP]));
    let answer = gateway.ask(&Ask::chat(STREAMED)).await;
    assert_eq!((answer.text(), answer.end), (&*framed(&[ROLE, HEL, STOP, DONE]), End::Clean));
    // The same where the provider's framing cannot tell an end from a break.
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
    provider.next(Plan::raw(head.to_owned() + &framed(&[ROLE, HEL, STOP])).then(Step::Close));
    let answer = gateway.ask(&Ask::chat(STREAMED)).await;
    assert_eq!((answer.text(), answer.end), (&*framed(&[ROLE, HEL, STOP, DONE]), End::Clean));
}

#[tokio::test]
async fn a_broken_stream_ends_with_an_error_without_done_and_uncleanly() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let breaks: [fn(&Remote); 5] = [
        |remote| remote.say(Step::Close),
        |remote| remote.say(Step::Reset),
        // Within an event.
        |remote| {
            remote.chunk(&event(LO)[..50]);
            remote.say(Step::Close);
        },
        // Well framed, yet neither finished nor done.
        |remote| remote.end(),
        // An error of the provider's own.
        |remote| {
            remote.event(r#"{"error":{"message":"a text of the provider's own","code":"x"}}"#);
            remote.end();
        },
    ];
    for (number, break_off) in breaks.into_iter().enumerate() {
        let remote = begun(&provider);
        let mut stream = gateway.stream(STREAMED).await;
        assert_eq!(stream.data().await, ROLE);
        remote.event(HEL);
        assert_eq!(stream.data().await, HEL);
        break_off(&remote);
        let (rest, end) = stream.rest().await;
        assert_eq!((rest.len(), end), (1, End::Cut), "break {number}: {rest:?}");
        broken(&rest[0], "upstream_error");
        assert!(!rest[0].contains("provider's own"), "{rest:?}");
        stream.client.ends().await;
    }
    assert_eq!(provider.count(), 5, "a stream that has begun is never asked for again");
}

#[tokio::test]
async fn a_stream_that_stalls_is_given_up() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/timeouts", json!({ "between_bytes": "300ms" }));
    let gateway = Gateway::start(conf).await;
    let _remote = begun(&provider);
    let mut stream = gateway.stream(STREAMED).await;
    assert_eq!(stream.data().await, ROLE);
    let (rest, end) = stream.rest().await;
    assert_eq!((rest.len(), end), (1, End::Cut), "{rest:?}");
    broken(&rest[0], "upstream_timeout");
    provider.ended(0).await;
}

#[tokio::test]
async fn a_stream_that_never_comes_to_an_end_is_given_up() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/timeouts", json!({ "total": "1s" }));
    let gateway = Gateway::start(conf).await;
    let remote = begun(&provider);
    let mut stream = gateway.stream(STREAMED).await;
    let last = loop {
        match stream.next().await.unwrap() {
            data if data.contains(r#""error""#) => break data,
            _ => remote.event(HEL),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    broken(&last, "upstream_timeout");
    assert_eq!(stream.rest().await, (vec![], End::Cut));
    provider.ended(0).await;
}

#[tokio::test]
async fn a_stream_that_fails_before_its_first_event_is_an_ordinary_error() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let error = r#"{"error":{"message":"a text of the provider's own","type":"server_error"}}"#;
    let plans = [
        Plan::stream(&[error, DONE]),
        Plan::stream(&[]),
        Plan::raw(stream_head()).then(Step::Close),
        Plan::raw(stream_head()).then(Step::Reset),
        Plan::json(200, error),
        Plan::raw([&stream_head()[..], &chunk("data: no JSON\n\n"), LAST_CHUNK].concat()),
    ];
    for (number, plan) in plans.into_iter().enumerate() {
        provider.next(plan);
        let answer = gateway.ask(&Ask::chat(STREAMED)).await;
        let error = refused(&answer, 502, "upstream_error");
        assert_eq!(error["details"]["provider"], "p0", "plan {number}");
        assert!(!answer.text().contains("provider's own"), "plan {number}");
    }
}

#[tokio::test]
async fn the_end_of_a_stream_does_not_wait_for_the_providers_last_chunk() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let remote = begun(&provider);
    remote.chunk(framed(&[STOP, DONE]));
    let answer = gateway.ask(&Ask::chat(STREAMED)).await;
    assert_eq!((answer.text(), answer.end), (&*framed(&[ROLE, STOP, DONE]), End::Clean));
    // The connection is not used again: its next bytes would be this answer's.
    assert_eq!(gateway.ask(&Ask::chat(STREAMED)).await.status, 200);
    assert_eq!(provider.request(1).await.connection, 1);
    provider.ended(0).await;
}

#[tokio::test]
async fn a_provider_that_answers_a_stream_as_a_whole_is_understood_or_refused() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    provider.next(Plan::json(200, COMPLETION));
    let answer = gateway.ask(&Ask::chat(STREAMED)).await;
    // Never a 200 that is no stream: clients would see no error and no text.
    if answer.status == 200 {
        let events = answer.events();
        assert_eq!(events.last().map(String::as_str), Some(DONE));
        assert!(serde_json::from_str::<Value>(&events[0]).unwrap()["choices"].is_array());
    } else {
        refused(&answer, 502, "upstream_error");
    }
}
