//! Every ending of a request, seen by its rooms, its client and its provider.

use super::rooms::{Await, Edit, Refuse, Tell};
use super::world::{World, read_all, read_until};
use super::{stream, whole};
use behest_contract::outcome::Ending;
use serde_json::Value;
use std::sync::Arc;

const CHAT: &str = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
const STREAM: &str = r#"{"messages":[{"role":"user","content":"hi"}],"stream":true}"#;
const EVENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";

#[tokio::test]
async fn a_refusal_at_the_head_or_at_the_prompt_goes_no_further() {
    for (at_head, code) in [(true, "forbidden"), (false, "content_blocked")] {
        let mut world = World::new(vec![Arc::new(Refuse { at_head })]).await;
        let (status, body) = read_all(&mut world.chat(CHAT).await).await;
        assert_eq!(status, 403);
        assert!(body.contains(code), "{body}");
        assert_eq!(world.ending().await, Ending::Denied);
        assert!(!world.was_called());
    }
}

#[tokio::test]
async fn edits_and_facts_reach_the_provider() {
    let mut world = World::new(vec![Arc::new(Edit), Arc::new(Tell)]).await;
    let mut client = world.chat(CHAT).await;
    let mut call = world.call().await;
    assert_eq!(
        call.body,
        r#"{"messages":[{"role":"system","content":"before"},{"role":"user","content":"HI"}],"texts":1,"model":"theirs"}"#
    );
    call.answer(&whole()).await;
    assert_eq!(read_all(&mut client).await, (200, whole()));
    assert_eq!(world.ending().await, Ending::Completed);
}

#[tokio::test]
async fn a_stream_of_single_bytes_is_relayed_whole() {
    let mut world = World::new(vec![]).await;
    let mut client = world.chat(STREAM).await;
    let mut call = world.call().await;
    call.begin_stream().await;
    for byte in stream().as_bytes() {
        call.chunk([*byte]).await;
    }
    call.end_stream().await;
    let (status, body) = read_all(&mut client).await;
    assert_eq!(status, 200);
    let events: String = unchunked(&body);
    assert_eq!(events, stream());
    let outcome = world.outcome().await;
    assert_eq!((outcome.ending, outcome.attempts, outcome.status), (Ending::Completed, 1, 200));
    assert!(outcome.first_byte.is_some());
}

/// Joins the chunks of a body; the last one must be there.
fn unchunked(body: &str) -> String {
    let (mut rest, mut joined) = (body, String::new());
    while let Some((length, more)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return joined;
        }
        joined.push_str(&more[..length]);
        rest = &more[length + 2..];
    }
    panic!("no last chunk: {body}");
}

#[tokio::test]
async fn the_last_event_waits_for_the_commit() {
    let (committed, room) = Await::new();
    let mut world = World::new(vec![Arc::new(room)]).await;
    let mut client = world.chat(STREAM).await;
    let mut call = world.call().await;
    call.begin_stream().await;
    call.chunk(stream()).await;
    call.end_stream().await;
    // All but the end comes, and while the commit is pending so do heartbeats.
    let before = read_until(&mut client, ": ping").await;
    assert!(before.contains("finish_reason\":\"stop") && !before.contains("[DONE]"), "{before}");
    committed.send(true).unwrap();
    let after = read_until(&mut client, "[DONE]\n\n\r\n0\r\n").await;
    assert!(!after.contains("choices"));
    assert_eq!(world.ending().await, Ending::Completed);
}

#[tokio::test]
async fn a_failed_commit_is_told_and_not_taken_for_an_end() {
    for body in [STREAM, CHAT] {
        let (committed, room) = Await::new();
        let mut world = World::new(vec![Arc::new(room)]).await;
        let mut client = world.chat(body).await;
        let mut call = world.call().await;
        if body == STREAM {
            call.begin_stream().await;
            call.chunk(stream()).await;
            call.end_stream().await;
        } else {
            call.answer(&whole()).await;
        }
        committed.send(false).unwrap();
        let (status, answer) = read_all(&mut client).await;
        assert_eq!(status, if body == STREAM { 200 } else { 503 });
        assert!(answer.contains("It could not be stored."), "{answer}");
        assert!(!answer.contains("[DONE]") && !answer.ends_with("0\r\n\r\n"), "{answer}");
        assert_eq!(world.ending().await, Ending::Internal);
    }
}

#[tokio::test]
async fn a_whole_answer_waits_for_the_commit() {
    let (committed, room) = Await::new();
    let mut world = World::new(vec![Arc::new(room)]).await;
    let mut client = world.chat(CHAT).await;
    world.call().await.answer(&whole()).await;
    let mut byte = [0];
    let early = tokio::time::timeout(std::time::Duration::from_millis(150), client.peek(&mut byte));
    assert!(early.await.is_err());
    committed.send(true).unwrap();
    assert_eq!(read_all(&mut client).await, (200, whole()));
}

#[tokio::test]
async fn a_provider_that_breaks_off_is_told_of_within_the_stream() {
    let mut world = World::new(vec![]).await;
    let mut client = world.chat(STREAM).await;
    let mut call = world.call().await;
    call.begin_stream().await;
    call.chunk(EVENT).await;
    drop(call);
    let (status, body) = read_all(&mut client).await;
    assert_eq!(status, 200);
    assert!(body.contains("upstream_error") && body.contains("\"content\":\"a\""), "{body}");
    assert!(!body.contains("[DONE]") && !body.ends_with("0\r\n\r\n"), "{body}");
    assert_eq!(world.ending().await, Ending::UpstreamFailed);
}

#[tokio::test]
async fn a_provider_that_falls_silent_runs_into_its_deadlines() {
    let mut world = World::new(vec![]).await;
    let mut client = world.chat(CHAT).await;
    let mut call = world.call().await;
    let (status, body) = read_all(&mut client).await;
    assert_eq!(status, 504);
    assert!(body.contains("upstream_timeout"), "{body}");
    call.gone().await;
    assert_eq!(world.ending().await, Ending::TimedOut);

    let mut world = World::new(vec![]).await;
    let mut client = world.chat(STREAM).await;
    let mut call = world.call().await;
    call.begin_stream().await;
    call.chunk(EVENT).await;
    let (status, body) = read_all(&mut client).await;
    assert_eq!(status, 200);
    assert!(body.contains(": ping") && body.contains("upstream_timeout"), "{body}");
    call.gone().await;
    assert_eq!(world.ending().await, Ending::TimedOut);
}

#[tokio::test]
async fn a_client_that_leaves_takes_the_provider_along() {
    for begun in [false, true] {
        let mut world = World::new(vec![]).await;
        let mut client = world.chat(STREAM).await;
        let mut call = world.call().await;
        if begun {
            call.begin_stream().await;
            call.chunk(EVENT).await;
            read_until(&mut client, "\"a\"").await;
        }
        drop(client);
        call.gone().await;
        let outcome = world.outcome().await;
        assert_eq!(outcome.ending, Ending::ClientLeft);
        assert_eq!(outcome.status, if begun { 200 } else { 0 });
    }
}

#[tokio::test]
async fn a_gateway_that_stops_ends_what_still_runs() {
    let mut world = World::new(vec![]).await;
    let mut client = world.chat(STREAM).await;
    let mut call = world.call().await;
    call.begin_stream().await;
    call.chunk(EVENT).await;
    read_until(&mut client, "\"a\"").await;
    world.house.drain.begin();
    world.house.drain.stop();
    let body = read_until(&mut client, "shutting down").await;
    let error = body.lines().find_map(|line| line.strip_prefix("data: {\"error\"")).unwrap();
    let error: Value = serde_json::from_str(&format!("{{\"error\"{error}")).unwrap();
    assert_eq!(error["error"]["code"], "unavailable");
    assert_eq!(world.ending().await, Ending::Internal);
}
