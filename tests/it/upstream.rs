//! Several providers, broken providers, and how long they may take (CONTRACT 5 and 6).

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::support::client::Ask;
use crate::support::conf::{conf, set};
use crate::support::gateway::{Gateway, free_address};
use crate::support::json::with_value;
use crate::support::plan::{
    COMPLETION, DONE, Plan, ROLE, STOP, STREAMED, Step, WHOLE, chunk, event, stream_head, whole,
};
use crate::support::provider::Provider;
use crate::support::refusal::refused;

/// A chat of about this many bytes.
fn long_chat(length: usize) -> String {
    WHOLE.replace("hi", &"0123456789abcdef".repeat(length / 16))
}

#[tokio::test]
async fn the_next_provider_is_asked_when_one_fails_before_its_first_byte() {
    let error = r#"{"error":{"message":"a text of the provider's own"}}"#;
    failed_over(&[
        &|| Plan::json(429, error),
        &|| Plan::json(500, error),
        &|| Plan::json(503, error),
        &|| Plan::stream(&[error, DONE]),
        &|| Plan::stream(&[error]),
    ])
    .await;
}

#[tokio::test]
async fn the_next_provider_is_asked_when_one_breaks_off_before_its_first_byte() {
    failed_over(&[&|| Plan::new([Step::Close]), &|| Plan::new([Step::Reset]), &|| {
        Plan::raw("HTTP/1.1 200 OK\r\nContent-").then(Step::Close)
    }])
    .await;
}

#[tokio::test]
async fn the_next_provider_is_asked_when_one_breaks_off_before_its_first_event() {
    failed_over(&[
        &|| Plan::raw(stream_head()).then(Step::Close),
        &|| Plan::raw(stream_head()).then(Step::Reset),
        &|| Plan::stream(&[]),
    ])
    .await;
}

/// Checks that after each of these failures the second provider gets the whole request, once.
async fn failed_over(failures: &[&dyn Fn() -> Plan]) {
    let (first, second) = (Provider::start().await, Provider::start().await);
    let gateway = Gateway::start(conf(&[first.url(), second.url()])).await;
    let body = long_chat(100_000).replacen(r#""messages""#, r#""stream":true,"messages""#, 1);
    let expected = with_value(&body, "model", r#""up-m""#);
    for (number, failure) in failures.iter().enumerate() {
        first.next(failure());
        let answer = gateway.ask(&Ask::chat(body.clone())).await;
        assert_eq!(answer.status, 200, "failure {number}: {}", answer.text());
        assert_eq!(answer.events().last().map(String::as_str), Some(DONE), "failure {number}");
        assert_eq!((first.count(), second.count()), (number + 1, number + 1), "failure {number}");
        // Each attempt carries the whole body.
        for provider in [&first, &second] {
            let request = provider.request(number).await;
            assert!(request.text().starts_with(&expected[..expected.len() - 1]), "{number}");
        }
    }
}

#[tokio::test]
async fn the_next_provider_is_asked_when_one_cannot_be_reached() {
    let provider = Provider::start().await;
    let nobody = format!("http://{}/v1", free_address());
    let gateway = Gateway::start(conf(&[nobody, provider.url()])).await;
    for body in [WHOLE.to_owned(), STREAMED.to_owned(), long_chat(3_000_000)] {
        assert_eq!(gateway.ask(&Ask::chat(body)).await.status, 200);
    }
    assert_eq!(provider.count(), 3);
}

#[tokio::test]
async fn the_last_providers_failure_is_the_answer() {
    let (first, second) = (Provider::start().await, Provider::start().await);
    let gateway = Gateway::start(conf(&[first.url(), second.url()])).await;
    first.next(Plan::json(429, "{}"));
    second.next(Plan::json(503, "{}"));
    let error = refused(&gateway.ask(&Ask::chat(WHOLE)).await, 502, "upstream_error");
    assert_eq!(error["details"], json!({ "provider": "p1", "status": 503 }));
    assert_eq!((first.count(), second.count()), (1, 1));
}

#[tokio::test]
async fn a_providers_refusal_is_told_by_its_status_and_never_by_its_words() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let words = r#"{"error":{"message":"a text of the provider's own, sk-12345","type":"x","param":"y","code":"z"}}"#;
    for (number, status) in
        [400, 401, 403, 404, 413, 422, 429, 500, 503, 529].into_iter().enumerate()
    {
        for body in [WHOLE, STREAMED] {
            let headers = "Content-Type: application/json\r\nX-Provider-Address: 10.0.0.1\r\n";
            provider.next(Plan::raw(whole(status, headers, words)));
            let answer = gateway.ask(&Ask::chat(body)).await;
            let error = refused(&answer, 502, "upstream_error");
            assert_eq!(error["details"], json!({ "provider": "p0", "status": status }));
            let all = format!("{answer:?}");
            assert!(!all.contains("sk-12345") && !all.contains("10.0.0.1"), "{all}");
            assert!(!all.contains(&provider.address.to_string()), "{all}");
        }
        assert_eq!(provider.count(), 2 * (number + 1));
    }
    // What only the provider's operator can mend must not be tried again by the client.
    provider.next(Plan::json(401, words));
    assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.header("x-should-retry"), Some("false"));
}

#[tokio::test]
async fn nonsense_from_a_provider_is_an_upstream_error() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let html = whole(200, "Content-Type: text/html\r\n", "<html>a login page</html>");
    let plans = [
        Plan::raw(html),
        Plan::json(200, "{\"choices\":"),
        Plan::json(200, "[]"),
        Plan::raw(whole(302, "Location: http://127.0.0.1:1/\r\n", "")),
        Plan::raw("HTTP/1.1 204 No Content\r\n\r\n"),
        Plan::raw("SSH-2.0-OpenSSH_9.2\r\n\r\n").then(Step::Close),
        Plan::raw(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{}",
        )
        .then(Step::Close),
    ];
    for (number, plan) in plans.into_iter().enumerate() {
        provider.next(plan);
        let answer = gateway.ask(&Ask::chat(WHOLE)).await;
        assert_eq!(answer.status, 502, "plan {number}: {answer:?}");
        refused(&answer, 502, "upstream_error");
    }
}

#[tokio::test]
async fn a_connection_that_went_stale_is_replaced_without_the_client_noticing() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let body = long_chat(200_000);
    // It ends while nobody uses it.
    provider.next(Plan::json(200, COMPLETION).then(Step::Close));
    assert_eq!(gateway.ask(&Ask::chat(body.clone())).await.status, 200);
    provider.ended(0).await;
    assert_eq!(gateway.ask(&Ask::chat(body.clone())).await.status, 200);
    assert_eq!((provider.count(), provider.connections()), (2, 2));
    // It ends on the next request, in each way.
    for (number, end) in [Step::Close, Step::Reset].into_iter().enumerate() {
        let reused = provider.request(provider.count() - 1).await.connection;
        provider.next(Plan::new([end]));
        assert_eq!(gateway.ask(&Ask::chat(body.clone())).await.status, 200, "{number}");
        let again = provider.request(provider.count() - 1).await;
        let once = provider.request(provider.count() - 2).await;
        assert_eq!((once.connection, again.connection), (reused, reused + 1));
        assert_eq!(again.text(), with_value(&body, "model", r#""up-m""#));
    }
}

#[tokio::test]
async fn a_stale_connection_is_replaced_once_and_only_by_a_fresh_one() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    // Two pooled connections.
    let (plan, remote) = Plan::live_stream();
    provider.next(plan);
    remote.event(ROLE);
    let mut held = gateway.stream(STREAMED).await;
    assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
    remote.chunk(event(STOP) + &event(DONE));
    remote.end();
    drop(remote);
    held.rest().await;
    assert_eq!((provider.count(), provider.connections()), (2, 2));
    for _ in 0..2 {
        provider.next(Plan::new([Step::Close]));
    }
    let error = refused(&gateway.ask(&Ask::chat(WHOLE)).await, 502, "upstream_error");
    assert_eq!(error["details"]["provider"], "p0");
    assert_eq!(provider.count(), 4, "one on the stale connection, one on a fresh one");
    assert_eq!(provider.request(3).await.connection, 2);
}

#[tokio::test]
async fn a_request_whose_answer_had_begun_is_not_sent_again() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
    provider.next(Plan::raw("HTTP/1.1 200 OK\r\nContent-Le").then(Step::Close));
    refused(&gateway.ask(&Ask::chat(WHOLE)).await, 502, "upstream_error");
    assert_eq!((provider.count(), provider.connections()), (2, 1));
}

#[tokio::test]
async fn a_request_that_a_fresh_connection_took_is_not_sent_again() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    for (number, end) in [Step::Close, Step::Reset].into_iter().enumerate() {
        provider.next(Plan::new([end]));
        refused(&gateway.ask(&Ask::chat(WHOLE)).await, 502, "upstream_error");
        assert_eq!(provider.count(), number + 1);
    }
}

#[tokio::test]
async fn connections_are_kept_for_later_requests_unless_the_provider_says_no() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    for body in [WHOLE, STREAMED, WHOLE] {
        assert_eq!(gateway.ask(&Ask::chat(body)).await.status, 200);
    }
    assert_eq!(provider.connections(), 1);
    let headers = "Content-Type: application/json\r\nConnection: close\r\n";
    provider.next(Plan::raw(whole(200, headers, COMPLETION)));
    for _ in 0..2 {
        assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
    }
    assert_eq!(provider.connections(), 2);
    // More bytes than the answer has cannot be told from the next answer.
    provider
        .next(Plan::raw(whole(200, "Content-Type: application/json\r\n", COMPLETION) + "HTTP/1.1"));
    for _ in 0..2 {
        assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.text(), COMPLETION);
    }
    assert_eq!(provider.connections(), 3);
}

#[tokio::test]
async fn informational_answers_are_passed_over() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let answer = whole(200, "Content-Type: application/json\r\n", COMPLETION);
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
    provider.next(Plan::raw(early.to_owned() + &answer));
    let answer = gateway.ask(&Ask::chat(WHOLE)).await;
    assert_eq!((answer.status, answer.text()), (200, COMPLETION));
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_a_timeout() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/timeouts", json!({ "first_byte": "300ms", "between_bytes": "300ms" }));
    let gateway = Gateway::start(conf).await;
    let length = COMPLETION.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    let plans = [
        (WHOLE, Plan::hang()),
        (STREAMED, Plan::hang()),
        (WHOLE, Plan::raw("HTTP/1.1 200 OK\r\n").then(Step::Hang)),
        (WHOLE, Plan::raw(head.clone()).then(Step::Hang)),
        (WHOLE, Plan::raw(head + &COMPLETION[..40]).then(Step::Hang)),
        (STREAMED, Plan::raw(stream_head()).then(Step::Hang)),
        (
            STREAMED,
            Plan::raw([&stream_head()[..], &chunk("data: {\"id")].concat()).then(Step::Hang),
        ),
    ];
    for (number, (body, plan)) in plans.into_iter().enumerate() {
        provider.next(plan);
        let answer = gateway.ask(&Ask::chat(body)).await;
        assert_eq!(answer.status, 504, "plan {number}: {answer:?}");
        refused(&answer, 504, "upstream_timeout");
        provider.ended(number).await;
    }
}

#[tokio::test]
async fn a_provider_that_does_not_take_the_connection_is_a_timeout() {
    // A full backlog: the kernel lets further connections wait.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = timeout(Duration::from_millis(500), TcpStream::connect(address)).await {
        waiting.push(stream.unwrap());
    }
    let mut conf = conf(&[format!("http://{address}/v1")]);
    set(&mut conf, "/timeouts", json!({ "connect": "300ms" }));
    let gateway = Gateway::start(conf).await;
    refused(&gateway.ask(&Ask::chat(WHOLE)).await, 504, "upstream_timeout");
}

#[tokio::test]
async fn all_attempts_together_have_a_deadline() {
    let (first, second) = (Provider::start().await, Provider::start().await);
    let mut conf = conf(&[first.url(), second.url()]);
    set(&mut conf, "/timeouts", json!({ "total": "500ms" }));
    let gateway = Gateway::start(conf).await;
    first.next(Plan::json(503, "{}"));
    second.next(Plan::hang());
    refused(&gateway.ask(&Ask::chat(WHOLE)).await, 504, "upstream_timeout");
    assert_eq!((first.count(), second.count()), (1, 1));
}

#[tokio::test]
async fn an_early_answer_arrives_while_the_body_is_still_going_up() {
    let provider = Provider::start_narrow().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/body_limit", "16MiB");
    let gateway = Gateway::start(conf).await;
    let body = long_chat(9_000_000);
    let answers = || Step::Send(whole(413, "Content-Type: application/json\r\n", "{}").into());
    let plans = [
        Plan::before_body([answers(), Step::Freeze]),
        Plan::before_body([answers(), Step::Close]),
        Plan::before_body([answers(), Step::ReadBody]),
    ];
    for (number, plan) in plans.into_iter().enumerate() {
        provider.next(plan);
        let ask = Ask::chat(body.clone());
        let asking = timeout(Duration::from_secs(10), gateway.ask(&ask));
        let answer = asking.await.expect("an answer in time");
        let error = refused(&answer, 502, "upstream_error");
        assert_eq!(error["details"]["status"], 413, "plan {number}");
        gateway.log_line(&answer).await;
    }
    // None of these connections is fit for another request.
    assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
    assert_eq!(provider.arrival(3).await.connection, 3);
}

#[tokio::test]
async fn a_provider_that_answers_and_then_stops_reading_does_not_hang_the_next_request() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/timeouts", json!({ "first_byte": "500ms" }));
    let gateway = Gateway::start(conf).await;
    // The whole body fits into the kernel's buffers, so the connection looks good.
    let answer = whole(200, "Content-Type: application/json\r\n", COMPLETION);
    provider.next(Plan::before_body([Step::Send(answer.into()), Step::Freeze]));
    assert_eq!(gateway.ask(&Ask::chat(long_chat(200_000))).await.status, 200);
    let answer = gateway.ask(&Ask::chat(WHOLE)).await;
    if answer.status != 200 {
        refused(&answer, 504, "upstream_timeout");
    }
}

#[tokio::test]
async fn a_slow_reader_gets_every_byte_while_time_goes_by() {
    let provider = Provider::start_narrow().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/body_limit", "16MiB");
    set(&mut conf, "/heartbeat", "100ms");
    let gateway = Gateway::start(conf).await;
    let body = long_chat(9_000_000);
    let answer = whole(200, "Content-Type: application/json\r\n", COMPLETION);
    let slowly = Step::ReadSlowly(64 * 1024, Duration::from_millis(3));
    provider.next(Plan::before_body([slowly, Step::Send(answer.into())]));
    assert_eq!(gateway.ask(&Ask::chat(body.clone())).await.status, 200);
    assert!(provider.request(0).await.text() == with_value(&body, "model", r#""up-m""#));
}

#[tokio::test]
async fn a_provider_that_never_reads_is_a_timeout() {
    let provider = Provider::start_narrow().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/body_limit", "16MiB");
    set(&mut conf, "/timeouts", json!({ "first_byte": "500ms" }));
    let gateway = Gateway::start(conf).await;
    let go_on = Arc::new(Notify::new());
    provider.next(Plan::before_body([Step::Wait(Arc::clone(&go_on)), Step::ReadBody]));
    refused(&gateway.ask(&Ask::chat(long_chat(9_000_000))).await, 504, "upstream_timeout");
    go_on.notify_one();
    provider.ended(0).await;
}
