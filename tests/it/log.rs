//! The access log: a line for each request, and nothing in it that is not the operator's (CONTRACT 12).

use serde_json::json;

use crate::support::client::Ask;
use crate::support::conf::{ADMIN_SECRET, KEY, OTHER_KEY, PROVIDER_KEY, conf, set};
use crate::support::gateway::Gateway;
use crate::support::plan::{HEL, Plan, ROLE, STREAMED, Step, WHOLE};
use crate::support::provider::Provider;

#[tokio::test]
async fn every_request_is_one_line_of_json() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let asks = [
        (Ask::chat(WHOLE).header("X-Request-Id", "the-clients-own-id"), 200),
        (Ask::chat(STREAMED), 200),
        (Ask::chat("{}"), 400),
        (Ask::chat(WHOLE).key("wrong"), 401),
        (Ask::get("/v1/models"), 200),
        (Ask::get("/v1/nothing"), 404),
        (Ask::get("/v1/embeddings"), 405),
    ];
    let count = asks.len();
    for (ask, status) in asks {
        let answer = gateway.ask(&ask).await;
        let line = gateway.log_line(&answer).await;
        assert_eq!((answer.status, &line["status"]), (status, &json!(status)), "{line}");
        if status == 200 {
            assert_eq!(line["project"], "demo", "{line}");
        }
    }
    assert_eq!(gateway.log_lines().len(), count);
    assert!(gateway.output().contains("the-clients-own-id"), "a client's id is logged");
}

#[tokio::test]
async fn a_line_tells_how_the_request_ended() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let mut endings = Vec::new();
    endings.push(gateway.log_line(&gateway.ask(&Ask::chat(STREAMED)).await).await);
    endings.push(gateway.log_line(&gateway.ask(&Ask::chat("{}")).await).await);
    provider.next(Plan::stream(&[ROLE]).then(Step::Close));
    endings.push(gateway.log_line(&gateway.ask(&Ask::chat(STREAMED)).await).await);
    let endings: Vec<_> = endings.iter().map(|line| line["ending"].as_str().unwrap()).collect();
    assert!(endings[0] != endings[1] && endings[1] != endings[2], "{endings:?}");
    assert_ne!(endings[0], endings[2], "a broken stream is told from a whole one by its ending");
}

#[tokio::test]
async fn the_line_of_a_refusal_says_who_was_refused_once_that_is_verified() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let token = gateway.token("ann").await;
    let switch = json!({ "scope": "project", "id": "demo" });
    gateway.make("kill-switches", switch).await;
    let foreign = Ask::chat(WHOLE).key(OTHER_KEY).header("Host", "amber-fox-042.chat.example");
    for (ask, status, project) in [
        (Ask::chat(WHOLE), 403, Some("demo")),
        (Ask::chat(WHOLE).key(&token), 403, Some("demo")),
        (Ask::post("/v1/auth/mint", r#"{"user_id":"u"}"#), 403, Some("demo")),
        (foreign, 403, Some("other")),
        (Ask::chat(WHOLE).key("wrong"), 401, None),
    ] {
        let answer = gateway.ask(&ask).await;
        let line = gateway.log_line(&answer).await;
        assert_eq!((answer.status, &line["status"]), (status, &json!(status)), "{line}");
        let who = project.map(|project| ("acme".to_owned(), format!("{project}/ci")));
        let text = |name: &str| line[name].as_str();
        assert_eq!(text("project"), project, "{line}");
        assert_eq!(
            text("tenant").zip(text("key")),
            who.as_ref().map(|(t, k)| (&**t, &**k)),
            "{line}"
        );
    }
}

#[tokio::test]
async fn neither_prompts_nor_answers_nor_keys_are_logged_at_any_level() {
    let (first, second) = (Provider::start().await, Provider::start().await);
    let mut conf = conf(&[first.url(), second.url()]);
    set(&mut conf, "/log", json!({ "level": "debug" }));
    let gateway = Gateway::start(conf).await;
    let secret = "a-word-of-the-prompt";
    let chat = |body: &str| Ask::chat(body.replace("hi", secret)).header("X-End-User-Id", "u");
    first.next(Plan::json(500, r#"{"error":{"message":"a-word-of-the-provider"}}"#));
    first.next(Plan::stream(&[&HEL.replace("Hel", "a-word-of-the-answer")]));
    first.next(Plan::json(200, "a-word-of-the-provider"));
    first.next(Plan::raw("a-word-of-the-provider\r\n\r\n").then(Step::Close));
    let asks = [
        chat(WHOLE),
        chat(STREAMED),
        chat(WHOLE),
        chat(WHOLE),
        Ask::chat(format!("{{\"messages\":\"{secret}\"}}")),
        Ask::chat(format!("{{\"messages\":[{secret}")),
        Ask::chat(format!("{{\"model\":\"{secret}\",\"messages\":[]}}")),
        chat(WHOLE).key("behest_sk_live_ffffffffffffffffffffffffffffffff"),
        chat(WHOLE).header("Cookie", "a-word-of-a-cookie"),
        Ask::get("/v1/models?key=a-word-of-the-query"),
    ];
    for ask in asks {
        let answer = gateway.ask(&ask).await;
        gateway.log_line(&answer).await;
    }
    assert!(gateway.admin_secretly(Ask::new("POST", "/admin/v1/reload")).await.status < 300);
    let written = gateway.output() + &gateway.metrics().await;
    let mut files = String::new();
    for path in gateway.folder.files() {
        if path.file_name().is_some_and(|name| name != "behest.yaml") {
            files += &String::from_utf8_lossy(&std::fs::read(&path).unwrap());
        }
    }
    for word in [KEY, OTHER_KEY, PROVIDER_KEY, ADMIN_SECRET, "ffffffffffffffff", "a-word-of"] {
        assert!(!written.contains(word), "{word} is in the log or the metrics");
        assert!(!files.contains(word), "{word} is in a file");
    }
}
