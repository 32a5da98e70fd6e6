//! Providers that speak HTTP/2.

use serde_json::json;
use tokio::sync::mpsc;

use crate::support::client::{Ask, Client};
use crate::support::conf::{PROVIDER_KEY, conf, set};
use crate::support::gateway::Gateway;
use crate::support::json::with_value;
use crate::support::plan::{COMPLETION, DONE, HEL, LO, ROLE, STOP, STREAMED, WHOLE};
use crate::support::provider_h2::{PlanH2, ProviderH2, SayH2, Welcome};
use crate::support::refusal::{broken, refused};
use crate::support::soon;
use crate::support::wire::End;

async fn start(welcomes: &[Welcome]) -> (ProviderH2, Gateway) {
    let provider = ProviderH2::start(welcomes).await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/providers/0/http", "h2");
    set(&mut conf, "/body_limit", "16MiB");
    set(&mut conf, "/timeouts", json!({ "first_byte": "2s" }));
    (provider, Gateway::start(conf).await)
}

/// Lays a stream that does as the test says.
fn follow(provider: &ProviderH2) -> mpsc::UnboundedSender<SayH2> {
    let (say, said) = mpsc::unbounded_channel();
    provider.next(PlanH2::Follow(said));
    say
}

#[tokio::test]
async fn answers_whole_and_streamed_come_back_over_one_connection() {
    let (provider, gateway) = start(&[]).await;
    let answer = gateway.ask(&Ask::chat(WHOLE)).await;
    assert_eq!((answer.status, answer.text()), (200, COMPLETION));
    let answer = gateway.ask(&Ask::chat(STREAMED)).await;
    assert_eq!(
        (answer.events(), answer.end),
        ([ROLE, HEL, LO, STOP, DONE].map(String::from).into(), End::Clean)
    );
    let request = &provider.requests()[0];
    assert_eq!(request.head.uri.to_string(), format!("{}/chat/completions", provider.url()));
    assert_eq!(request.head.headers["authorization"], format!("Bearer {PROVIDER_KEY}"));
    assert!(!request.head.headers.contains_key("host"));
    assert_eq!(request.body, with_value(WHOLE, "model", r#""up-m""#));
    assert_eq!(provider.connections(), 1);
}

#[tokio::test]
async fn a_long_body_arrives_whole_through_a_small_window() {
    let (provider, gateway) = start(&[]).await;
    let body = WHOLE.replace("hi", &"0123456789abcdef".repeat(150_000));
    assert_eq!(gateway.ask(&Ask::chat(body.clone())).await.status, 200);
    assert!(provider.requests()[0].body == with_value(&body, "model", r#""up-m""#));
}

#[tokio::test]
async fn a_refused_stream_is_asked_for_again() {
    let (provider, gateway) = start(&[]).await;
    provider.next(PlanH2::Refuse);
    assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.text(), COMPLETION);
    assert_eq!(provider.requests().len(), 2);
}

#[tokio::test]
async fn a_connection_that_is_going_away_is_replaced() {
    let (provider, gateway) = start(&[Welcome::GoAway]).await;
    assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.text(), COMPLETION);
    assert_eq!(provider.connections(), 2);
}

#[tokio::test]
async fn a_stream_that_broke_after_it_was_taken_is_not_asked_for_again() {
    let (provider, gateway) = start(&[]).await;
    provider.next(PlanH2::Break);
    refused(&gateway.ask(&Ask::chat(WHOLE)).await, 502, "upstream_error");
    assert_eq!(provider.requests().len(), 1);
}

#[tokio::test]
async fn an_early_answer_arrives_while_the_body_is_still_going_up() {
    let (provider, gateway) = start(&[]).await;
    provider.next(PlanH2::Early(413));
    let body = WHOLE.replace("hi", &"0123456789abcdef".repeat(600_000));
    let error = refused(&gateway.ask(&Ask::chat(body)).await, 502, "upstream_error");
    assert_eq!(error["details"], json!({ "provider": "p0", "status": 413 }));
    // Whatever that left of the connection's window, the next request is answered.
    let answer = gateway.ask(&Ask::chat(WHOLE)).await;
    if answer.status != 200 {
        refused(&answer, 504, "upstream_timeout");
    }
}

#[tokio::test]
async fn a_lone_event_does_not_wait_and_a_broken_stream_ends_with_an_error() {
    let (provider, gateway) = start(&[]).await;
    let say = follow(&provider);
    say.send(SayH2::Event(ROLE.into())).unwrap();
    let mut stream = gateway.stream(STREAMED).await;
    assert_eq!(stream.data().await, ROLE);
    say.send(SayH2::Event(HEL.into())).unwrap();
    assert_eq!(stream.data().await, HEL);
    say.send(SayH2::Reset).unwrap();
    let (rest, end) = stream.rest().await;
    assert_eq!((rest.len(), end), (1, End::Cut), "{rest:?}");
    broken(&rest[0], "upstream_error");
}

#[tokio::test]
async fn a_client_that_leaves_resets_its_stream_and_no_other() {
    let (provider, gateway) = start(&[]).await;
    let (left, stays) = (follow(&provider), follow(&provider));
    for say in [&left, &stays] {
        say.send(SayH2::Event(ROLE.into())).unwrap();
    }
    let mut leaving = Client::connect(gateway.data).await.stream(&Ask::chat(STREAMED)).await;
    let mut staying = gateway.stream(STREAMED).await;
    assert_eq!((leaving.data().await, staying.data().await), (ROLE.into(), ROLE.into()));
    drop(leaving);
    let reset = tokio::time::timeout(std::time::Duration::from_secs(1), provider.reset());
    soon("the reset", reset).await.expect("the stream is reset within a second");
    for data in [STOP, DONE] {
        stays.send(SayH2::Event(data.into())).unwrap();
    }
    drop(stays);
    assert_eq!(staying.rest().await.1, End::Clean);
}
