//! Embeddings pass through as they are (CONTRACT 3).

use serde_json::json;

use crate::support::client::Ask;
use crate::support::conf::{OTHER_KEY, PROVIDER_KEY, conf};
use crate::support::gateway::Gateway;
use crate::support::json::{members, with_value};
use crate::support::plan::{EMBEDDING, Plan};
use crate::support::provider::Provider;
use crate::support::refusal::refused;

const PATH: &str = "/v1/embeddings";

#[tokio::test]
async fn an_embedding_comes_back_as_the_provider_wrote_it() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let bodies = [
        r#"{"model":"m","input":"hi"}"#,
        r#"{ "input" : ["a","b\u00e9"], "model" :"m", "dimensions": 2.0, "x":[1e2] }"#,
        r#"{"model":"m","input":[[1,2,3],[4]],"encoding_format":"base64"}"#,
    ];
    for (number, body) in bodies.into_iter().enumerate() {
        let answer = gateway.ask(&Ask::post(PATH, body)).await;
        assert_eq!((answer.status, answer.text()), (200, EMBEDDING), "{body}");
        assert!(answer.headers.has("x-request-id") && answer.headers.has("x-ratelimit-limit"));
        let request = provider.request(number).await;
        assert_eq!((&*request.method, &*request.path), ("POST", "/v1/embeddings"));
        assert_eq!(request.text(), with_value(body, "model", r#""up-m""#));
        let key = format!("Bearer {PROVIDER_KEY}");
        assert_eq!(request.headers.value("authorization"), Some(&*key));
    }
}

#[tokio::test]
async fn the_model_of_an_embedding_is_checked_like_a_chats() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    for body in [r#"{"input":"hi"}"#, r#"{"model":"default","input":"hi"}"#] {
        assert_eq!(gateway.ask(&Ask::post(PATH, body).key(OTHER_KEY)).await.status, 200);
        let sent = provider.request(provider.count() - 1).await;
        assert_eq!(sent.json(), json!({ "input": "hi", "model": "up-n" }));
        assert!(members(sent.text()).iter().any(|member| member.value == r#""hi""#));
    }
    for (key, param) in [("none", "model"), ("m", "model")] {
        let body = format!(r#"{{"model":"{key}","input":"hi"}}"#);
        let answer = gateway.ask(&Ask::post(PATH, body).key(OTHER_KEY)).await;
        assert_eq!(refused(&answer, 400, "validation_error")["param"], param);
    }
    refused(&gateway.ask(&Ask::post(PATH, "{\"input\":")).await, 400, "validation_error");
    refused(&gateway.ask(&Ask::post(PATH, "{}").key("wrong")).await, 401, "invalid_token");
    assert_eq!(provider.count(), 2);
}

#[tokio::test]
async fn the_next_provider_is_asked_for_embeddings_too() {
    let (first, second) = (Provider::start().await, Provider::start().await);
    let gateway = Gateway::start(conf(&[first.url(), second.url()])).await;
    first.next(Plan::json(503, "{}"));
    let answer = gateway.ask(&Ask::post(PATH, r#"{"model":"m","input":"hi"}"#)).await;
    assert_eq!((answer.status, answer.text()), (200, EMBEDDING));
    assert_eq!((first.count(), second.count()), (1, 1));
}
