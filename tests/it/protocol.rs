//! Requests that are wrong before their body is looked at, and connections that are held open.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use crate::support::client::{Answer, Ask, Client};
use crate::support::conf::{KEY, conf, set};
use crate::support::gateway::Gateway;
use crate::support::plan::{WHOLE, chunk};
use crate::support::provider::Provider;
use crate::support::refusal::{named, refused};
use crate::support::wire::End;

async fn start() -> (Provider, Gateway) {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    (provider, gateway)
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_refused() {
    let (provider, gateway) = start().await;
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v1/chat",
        "/v1/chat/completions/",
        "/v1/nothing",
        "/metrics",
        "/healthz",
        "/admin/v1/projects",
        "/v2/chat/completions",
        "//v1/models",
        "/v1/../v1/models",
        "/V1/models",
    ] {
        for method in ["GET", "POST"] {
            let answer = gateway.ask(&Ask::new(method, path).key(KEY)).await;
            assert!(matches!(answer.status, 404 | 400), "{method} {path}: {}", answer.status);
            refused(
                &answer,
                answer.status,
                if answer.status == 404 { "not_found" } else { "validation_error" },
            );
        }
    }
    for path in ["/v1%2Fmodels", "/v1/chat%2fcompletions", "/v1%2Fchat/completions"] {
        refused(&gateway.ask(&Ask::get(path)).await, 400, "validation_error");
    }
    for (method, path, allowed) in [
        ("GET", "/v1/chat/completions", "POST"),
        ("PUT", "/v1/chat/completions", "POST"),
        ("DELETE", "/v1/embeddings", "POST"),
        ("POST", "/v1/models", "GET"),
        ("PATCH", "/v1/models/m", "GET"),
        ("TRACE", "/v1/chat/completions", "POST"),
    ] {
        let answer = gateway.ask(&Ask::new(method, path).key(KEY)).await;
        refused(&answer, 405, "validation_error");
        let allow = answer.header("allow").expect("Allow");
        assert!(allow.split(',').any(|name| name.trim() == allowed), "{method} {path}: {allow}");
    }
    assert_eq!(provider.count(), 0);
    // A query is no part of the path.
    assert_eq!(gateway.ask(&Ask::get("/v1/models?limit=1")).await.status, 200);
}

#[tokio::test]
async fn a_head_request_gets_a_head_and_no_body() {
    let (provider, gateway) = start().await;
    let mut client = gateway.client().await;
    let ask = Ask::new("HEAD", "/v1/chat/completions").key(KEY).header("Connection", "close");
    client.send(ask.without("content-length").bytes()).await;
    let (status, head, _) = client.head().await;
    assert_eq!(status, 405);
    assert!(head.headers.has("x-request-id"));
    client.ends().await;
    assert_eq!(provider.count(), 0);
}

#[tokio::test]
async fn head_is_answered_as_get_is_but_without_a_body() {
    let (_provider, gateway) = start().await;
    let (mut client, mut twin) = (gateway.client().await, gateway.client().await);
    for (path, status) in [
        ("/v1/models", 200),
        ("/v1/models/m", 200),
        ("/v1/models/nothing", 404),
        ("/v1/usage", 200),
        ("/v1/billing/usage", 200),
        ("/.well-known/jwks.json", 200),
    ] {
        // On one connection: a body would be taken for the next answer.
        client.send(Ask::new("HEAD", path).key(KEY).bytes()).await;
        let (seen, head, _) = client.head().await;
        let whole = twin.ask(&Ask::get(path).key(KEY)).await;
        assert_eq!((seen, whole.status), (status, status), "{path}");
        for name in ["content-type", "content-length", "etag", "cache-control"] {
            assert_eq!(head.headers.value(name), whole.header(name), "{path}: {name}");
        }
        assert!(head.headers.has("x-request-id"), "{path}");
    }
    let answer = gateway.ask(&Ask::new("POST", "/v1/models").key(KEY)).await;
    assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
    for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/admin/v1/tenants", 401)] {
        let mut client = Client::connect(gateway.admin).await;
        client.send(Ask::new("HEAD", path).header("Connection", "close").bytes()).await;
        assert_eq!(client.head().await.0, status, "{path}");
        client.ends().await;
    }
}

#[tokio::test]
async fn a_target_may_be_a_whole_address_whose_host_counts() {
    let (_provider, gateway) = start().await;
    let ask = async |target: &str, host: Option<&str>, version: &str| {
        let mut client = gateway.client().await;
        let host = host.map(|host| format!("Host: {host}\r\n")).unwrap_or_default();
        let head = format!(
            "GET {target} HTTP/{version}\r\n{host}Authorization: Bearer {KEY}\r\n\
             Connection: close\r\n\r\n"
        );
        client.send(head.into_bytes()).await;
        client.head().await.0
    };
    let at = |host: &str| format!("http://{host}/v1/models?limit=1");
    for (host, status) in [
        ("amber-fox-042.behest.localhost", 200),
        ("silent-brook-117.behest.localhost", 403),
        ("no-such-slug.behest.localhost", 404),
        ("elsewhere.example", 200),
    ] {
        assert_eq!(ask(&at(host), Some(host), "1.1").await, status, "{host}");
        assert_eq!(ask(&at(host), None, "1.0").await, status, "{host} and no Host");
    }
    // Two readers might choose differently.
    let (ours, other) = ("amber-fox-042.behest.localhost", "silent-brook-117.behest.localhost");
    assert_eq!(ask(&at(ours), Some(other), "1.1").await, 400);
    assert_eq!(ask(&at(ours), None, "1.1").await, 400);
}

#[tokio::test]
async fn a_request_names_one_session_or_none() {
    let (provider, gateway) = start().await;
    let with = |second: &str| {
        Ask::chat(WHOLE).key(KEY).header("X-Session-Id", "s").also("X-Session-Id", second)
    };
    assert_eq!(gateway.ask(&with("s")).await.status, 200);
    let refusal = gateway.ask(&with("t")).await;
    let error = refused(&refusal, 400, "validation_error");
    assert_eq!(error["param"], "X-Session-Id", "{error}");
    assert_eq!(provider.count(), 1);
}

#[tokio::test]
async fn other_kinds_of_content_are_refused() {
    let (provider, gateway) = start().await;
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "text/json; application/json",
    ] {
        let answer = gateway.ask(&Ask::chat(WHOLE).header("Content-Type", kind)).await;
        assert_eq!(answer.status, 415, "{kind}");
        refused(&answer, 415, "validation_error");
    }
    let squeezed = Ask::chat(WHOLE).header("Content-Encoding", "gzip");
    refused(&gateway.ask(&squeezed).await, 415, "validation_error");
    assert_eq!(provider.count(), 0);
    for kind in ["application/json; charset=utf-8", "Application/JSON"] {
        let answer = gateway.ask(&Ask::chat(WHOLE).header("Content-Type", kind)).await;
        assert_eq!(answer.status, 200, "{kind}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_so_that_a_plain_client_can_read_it() {
    let (provider, gateway) = start().await;
    let body = WHOLE.replace("hi", &"x".repeat(5 << 20));
    let mut asks = vec![Ask::chat(body.clone())];
    let framed = [&chunk(&body)[..], b"0\r\n\r\n"].concat();
    asks.push(Ask::chat(framed).header("Transfer-Encoding", "chunked"));
    for ask in asks {
        // It writes all it has before it reads a byte.
        let mut client = gateway.client().await;
        client.send(ask.bytes()).await;
        refused(&client.answer().await, 413, "validation_error");
    }
    // A client that waits to be asked is told before it sends anything.
    let mut client = gateway.client().await;
    let ask = Ask::chat(body).header("Expect", "100-continue");
    client.send(ask.head()).await;
    refused(&client.answer().await, 413, "validation_error");
    assert_eq!(provider.count(), 0);
    // The limit is the body's own length.
    let fits = WHOLE.replace("hi", &"x".repeat((4 << 20) - WHOLE.len() + 2));
    assert_eq!(fits.len(), 4 << 20);
    assert_eq!(gateway.ask(&Ask::chat(fits.clone())).await.status, 200);
    refused(&gateway.ask(&Ask::chat(fits + " ")).await, 413, "validation_error");
}

#[tokio::test]
async fn any_early_refusal_of_a_large_body_can_be_read() {
    let (provider, gateway) = start().await;
    let body = WHOLE.replace("hi", &"x".repeat(3 << 20));
    for (ask, status, code) in [
        (Ask::chat(body.clone()).key("wrong"), 401, "invalid_token"),
        (Ask::post("/v1/nothing", body.clone()), 404, "not_found"),
        (Ask::chat(body.clone()).header("Content-Type", "text/plain"), 415, "validation_error"),
        (Ask::chat(body).header("Origin", "https://evil.example"), 403, "forbidden"),
    ] {
        let mut client = gateway.client().await;
        client.send(ask.bytes()).await;
        refused(&client.answer().await, status, code);
    }
    assert_eq!(provider.count(), 0);
}

/// Sends these bytes on a connection of their own and reads one answer.
async fn raw(gateway: &Gateway, bytes: &str) -> Answer {
    let mut client = gateway.client().await;
    client.send(bytes).await;
    client.answer().await
}

#[tokio::test]
async fn requests_that_are_no_http_are_refused_in_the_same_shape() {
    let (provider, gateway) = start().await;
    let head = |lines: &str| {
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\n{lines}Authorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
        )
    };
    let length = WHOLE.len();
    let cases = [
        (head("") + &format!("Content-Length: {length}\r\n\r\n{WHOLE}"), 400),
        (head("Host: a\r\nHost: b\r\n") + &format!("Content-Length: {length}\r\n\r\n{WHOLE}"), 400),
        // No length and no chunks is an empty body, by HTTP's own rule.
        (head("Host: a\r\n") + "\r\n", 400),
        (head("Host: a\r\n") + "Content-Length: x\r\n\r\n", 400),
        (head("Host: a\r\n") + "Content-Length: -1\r\n\r\n", 400),
        (head("Host: a\r\n") + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        (head("Host: a\r\n") + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400),
        (head("Host: a\r\n") + "Transfer-Encoding: gzip\r\n\r\n", 400),
        (head("Host: a\r\n") + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        (
            head("Host: a\r\n")
                + &format!("Expect: tea\r\nContent-Length: {length}\r\n\r\n{WHOLE}"),
            417,
        ),
        (
            head("Host: a\r\n")
                + &format!("X-Long: {}\r\nContent-Length: 2\r\n\r\n{{}}", "x".repeat(200_000)),
            431,
        ),
        (head("Host: a\r\n") + "X-Control: a\u{7f}b\r\nContent-Length: 2\r\n\r\n{}", 400),
        ("GET\r\n\r\n".to_owned(), 400),
        ("\u{16}\u{3}\u{1}\r\n\r\n".to_owned(), 400),
    ];
    let mut wrong = Vec::new();
    for (bytes, status) in cases {
        let shown: String = bytes.chars().take(300).collect();
        let mut client = gateway.client().await;
        // It may be refused before it is all sent.
        client.try_send(&bytes).await;
        let head = client.try_head().await.unwrap_or_default();
        let is_right = head.first.contains(&format!(" {status} "))
            && head.headers.value("content-type") == Some("application/json")
            && head.headers.has("x-request-id")
            && head.headers.has("x-trace-id");
        if !is_right {
            wrong.push(format!("not {status} but {head:?} to {shown:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(provider.count(), 0);
}

#[tokio::test]
async fn a_head_that_does_not_come_to_an_end_is_given_up() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/connections", json!({ "request_head": "500ms", "idle": "500ms" }));
    let gateway = Gateway::start(conf).await;
    let mut client = gateway.client().await;
    client.send("POST /v1/chat/completions HTTP/1.1\r\n").await;
    // A line now and then does not put it off.
    let dripping = async {
        while client.try_send("X-Drip: 1\r\n").await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(10), dripping).await.expect("the connection is given up");
}

#[tokio::test]
async fn a_connection_on_which_nothing_comes_is_given_up() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/connections", json!({ "request_head": "500ms", "idle": "500ms" }));
    let gateway = Gateway::start(conf).await;
    // After a request, and before the first one.
    let mut client = gateway.client().await;
    assert_eq!(client.ask(&Ask::get("/v1/models")).await.status, 200);
    client.ends().await;
    gateway.client().await.ends().await;
}

#[tokio::test]
async fn a_connection_lives_on_after_a_refusal_whose_body_was_read() {
    let (provider, gateway) = start().await;
    let mut client = gateway.client().await;
    for _ in 0..3 {
        refused(&client.ask(&Ask::chat("{}")).await, 400, "validation_error");
        refused(&client.ask(&Ask::get("/v1/nothing")).await, 404, "not_found");
    }
    let answer = client.ask(&Ask::chat(WHOLE)).await;
    assert_eq!((answer.status, answer.end), (200, End::Clean));
    named(&answer);
    assert_eq!(provider.count(), 1);
}

#[tokio::test]
async fn a_client_that_speaks_http_1_0_is_answered() {
    let (_provider, gateway) = start().await;
    let length = WHOLE.len();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.0\r\nAuthorization: Bearer {KEY}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{WHOLE}"
    );
    let answer = raw(&gateway, &request).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("transfer-encoding").is_none());
    assert_eq!(answer.json()["object"], "chat.completion");
}
