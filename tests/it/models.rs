//! The list of models, in OpenAI's shape (CONTRACT 3).

use serde_json::{Value, json};

use crate::support::client::Ask;
use crate::support::conf::{KEY, OTHER_KEY, conf, set};
use crate::support::gateway::Gateway;
use crate::support::plan::COMPLETION;
use crate::support::provider::Provider;
use crate::support::refusal::{named, refused};

#[track_caller]
fn is_model(value: &Value, id: &str) {
    assert_eq!((&value["id"], &value["object"]), (&json!(id), &json!("model")), "{value}");
    assert!(value["created"].is_u64() && value["owned_by"].is_string(), "{value}");
}

#[tokio::test]
async fn a_project_sees_the_models_that_it_may_call() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    for (key, models) in [(KEY, &["m", "n"][..]), (OTHER_KEY, &["n"])] {
        let answer = gateway.ask(&Ask::get("/v1/models").key(key)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        named(&answer);
        let list = answer.json();
        assert_eq!(list["object"], "list");
        let data = list["data"].as_array().unwrap();
        assert_eq!(data.len(), models.len(), "{list}");
        for (value, id) in data.iter().zip(models) {
            is_model(value, id);
        }
        // What it is called elsewhere is nobody's business.
        assert!(!answer.text().contains("up-") && !answer.text().contains("p0"), "{list}");
    }
    assert_eq!(provider.count(), 0);
}

#[tokio::test]
async fn one_model_is_found_by_its_id_however_its_slash_is_spelt() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/models/0/id", "acme/large-2.0");
    set(&mut conf, "/default_model", "acme/large-2.0");
    let gateway = Gateway::start(conf).await;
    for path in ["acme/large-2.0", "acme%2Flarge-2.0", "acme%2flarge%2D2%2E0"] {
        let answer = gateway.ask(&Ask::get(&format!("/v1/models/{path}"))).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        is_model(&answer.json(), "acme/large-2.0");
    }
    let chat = r#"{"model":"acme\/large-2.0","messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(gateway.ask(&Ask::chat(chat)).await.text(), COMPLETION);
}

#[tokio::test]
async fn a_model_that_the_project_may_not_call_is_as_missing_as_any() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    for (key, id) in [(KEY, "none"), (KEY, "up-m"), (OTHER_KEY, "m"), (KEY, "m/")] {
        let answer = gateway.ask(&Ask::get(&format!("/v1/models/{id}")).key(key)).await;
        refused(&answer, 404, "not_found");
    }
    for id in ["%zz", "m%", "m%00"] {
        let answer = gateway.ask(&Ask::get(&format!("/v1/models/{id}"))).await;
        refused(&answer, 400, "validation_error");
    }
}

#[tokio::test]
async fn the_list_needs_a_credential() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    for path in ["/v1/models", "/v1/models/m"] {
        refused(&gateway.ask(&Ask::new("GET", path)).await, 401, "invalid_token");
        refused(&gateway.ask(&Ask::get(path).key("wrong")).await, 401, "invalid_token");
        let elsewhere = Ask::get(path).header("Host", "silent-brook-117.behest.localhost");
        refused(&gateway.ask(&elsewhere).await, 403, "forbidden");
    }
}
