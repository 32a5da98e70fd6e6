//! What a provider's failures become, how long it may take, and answers before their time
//! (CONTRACT 5 and 6).

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::support::client::Ask;
use crate::support::conf::{conf, set};
use crate::support::gateway::Gateway;
use crate::support::json::with_value;
use crate::support::plan::{
    COMPLETION, DONE, LO, Plan, STREAMED, Step, WHOLE, chunk, long_chat, stream_head, whole,
};
use crate::support::provider::Provider;
use crate::support::refusal::refused;

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
        Plan::raw(whole(200, "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", "x")),
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

#[tokio::test]
async fn an_answer_that_is_too_long_is_given_up() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/answer_limit", "64KiB");
    let gateway = Gateway::start(conf).await;
    let long = COMPLETION.replace("wörld", &"x".repeat(100_000));
    let event = LO.replace("rld", &"x".repeat(100_000));
    for (body, plan) in [(WHOLE, Plan::json(200, &long)), (STREAMED, Plan::stream(&[&event, DONE]))]
    {
        provider.next(plan);
        refused(&gateway.ask(&Ask::chat(body)).await, 502, "upstream_error");
    }
}
