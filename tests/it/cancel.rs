//! Clients that leave, or stop taking what they asked for (CONTRACT 5).

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::support::client::{Ask, Client};
use crate::support::conf::{conf, set};
use crate::support::gateway::Gateway;
use crate::support::plan::{LO, Plan, ROLE, STREAMED, Step, WHOLE};
use crate::support::provider::Provider;
use crate::support::{soon, until};

/// The contract's bound for letting go of a provider.
const BOUND: Duration = Duration::from_secs(1);

async fn let_go(provider: &Provider, connection: usize) {
    timeout(BOUND, provider.ended(connection)).await.expect("the provider is let go in a second");
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_frees_the_provider() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    for (number, body) in [WHOLE, STREAMED].into_iter().enumerate() {
        for (way, leave) in [Client::reset, drop].into_iter().enumerate() {
            let request = 2 * number + way;
            provider.next(Plan::hang());
            let mut client = gateway.client().await;
            client.send(Ask::chat(body).bytes()).await;
            provider.request(request).await;
            leave(client);
            let_go(&provider, request).await;
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_mid_stream_frees_the_provider() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    for (number, leave) in [Client::reset, drop].into_iter().enumerate() {
        let (plan, remote) = Plan::live_stream();
        provider.next(plan);
        remote.event(ROLE);
        let mut stream = gateway.stream(STREAMED).await;
        assert_eq!(stream.data().await, ROLE);
        leave(stream.client);
        let_go(&provider, number).await;
    }
    // Each is logged, and the gateway goes on.
    until("two lines in the log", || (gateway.log_lines().len() == 2).then_some(())).await;
    assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_its_upload_reaches_no_provider() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let body = WHOLE.replace("hi", &"x".repeat(1_000_000));
    let ask = Ask::chat(body).bytes();
    for leave in [Client::reset, drop] {
        let mut client = gateway.client().await;
        client.send(&ask[..ask.len() / 2]).await;
        leave(client);
    }
    until("two lines in the log", || (gateway.log_lines().len() == 2).then_some(())).await;
    assert_eq!(provider.count(), 0);
}

#[tokio::test]
async fn a_client_that_leaves_while_the_body_goes_up_frees_the_provider() {
    let provider = Provider::start_narrow().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/body_limit", "16MiB");
    let gateway = Gateway::start(conf).await;
    let go_on = Arc::new(Notify::new());
    provider.next(Plan::before_body([Step::Wait(Arc::clone(&go_on)), Step::ReadBody]));
    let mut client = gateway.client().await;
    client.send(Ask::chat(WHOLE.replace("hi", &"x".repeat(9_000_000))).bytes()).await;
    provider.arrival(0).await;
    drop(client);
    let logged = until("a line in the log", || (gateway.log_lines().len() == 1).then_some(()));
    timeout(BOUND, logged).await.expect("the request is over within a second");
    go_on.notify_one();
    let_go(&provider, 0).await;
    assert!(!provider.arrival(0).await.complete);
}

#[tokio::test]
async fn a_client_that_stops_reading_is_given_up() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/timeouts", json!({ "write": "500ms" }));
    let gateway = Gateway::start(conf).await;
    let (plan, remote) = Plan::live_stream();
    provider.next(plan);
    remote.event(ROLE);
    let client = Client::connect_narrow(gateway.data).await;
    let stream = client.stream(&Ask::chat(STREAMED)).await;
    let long = LO.replace("rld", &"x".repeat(60_000));
    for _ in 0..400 {
        remote.event(&long);
    }
    provider.ended(0).await;
    drop(stream);
}

#[tokio::test]
async fn a_slow_client_gets_every_byte() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/heartbeat", "100ms");
    let gateway = Gateway::start(conf).await;
    let long = LO.replace("rld", &"x".repeat(60_000));
    let mut events = vec![ROLE];
    events.extend([&*long; 60]);
    events.extend([crate::support::plan::STOP, crate::support::plan::DONE]);
    provider.next(Plan::stream(&events));
    let client = Client::connect_narrow(gateway.data).await;
    let mut stream = client.stream(&Ask::chat(STREAMED)).await;
    let mut seen = Vec::new();
    while let Some(event) = soon("an event", stream.next()).await {
        seen.extend(event.strip_prefix("data: ").map(str::to_owned));
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    assert_eq!(seen.len(), events.len());
    assert!(seen == events);
}
