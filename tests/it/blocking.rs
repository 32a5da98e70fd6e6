//! What a project may have done about a finding: modes, actions, patterns and lists of its own
//! (CONTRACT 9).

use serde_json::{Value, json};

use crate::support::client::Ask;
use crate::support::conf::set;
use crate::support::gateway::Gateway;
use crate::support::guarded::{
    CARD, JANE, JOHN, Place, Spelling, chat, everything, gateway, message, placeholder, sent,
    shielded, streamed,
};
use crate::support::json::with_value;
use crate::support::plan::{EMBEDDING, Plan};
use crate::support::provider::Provider;
use crate::support::refusal::refused;
use crate::support::samples::{SAMPLES, sentence};

const EMBEDDINGS: &str = "/v1/embeddings";

fn embedding(input: &Value) -> Ask {
    Ask::post(EMBEDDINGS, json!({ "model": "m", "input": input }).to_string())
}

#[tokio::test]
async fn each_kind_has_an_action_of_its_own() {
    let entities = json!({ "EMAIL_ADDRESS": "MASK", "CREDIT_CARD": "REDACT", "US_SSN": "HASH" });
    let (provider, gateway) = gateway(json!({ "mode": "enforce", "entities": entities })).await;
    let text = format!("mail {JANE}, card {CARD}, ssn 536-22-8741, ip 203.0.113.77.");
    let up = sent(&gateway, &provider, &chat(&text)).await;
    let stands = placeholder(&up);
    assert!(stands.starts_with("<EMAIL_ADDRESS_"), "{up}");
    for value in [JANE, "4111", "8741", "536-22"] {
        assert!(!up.contains(value), "{up}");
    }
    assert!(up.contains("203.0.113.77"), "what is not listed is off: {up}");
    assert!(up.contains("CREDIT_CARD") && up.contains("US_SSN"), "{up}");
    // Only what is masked comes back.
    provider.next(Place::Content.whole(&up, Spelling::Plain));
    let read = Place::Content.read(&gateway.ask(&chat(&text)).await);
    assert_eq!(read, up.replace(&stands, JANE));
}

#[tokio::test]
async fn a_hash_tells_values_apart_and_users_too_and_a_redaction_tells_nothing() {
    let entities = json!({ "EMAIL_ADDRESS": "HASH", "CREDIT_CARD": "REDACT" });
    let (provider, gateway) = gateway(json!({ "mode": "enforce", "entities": entities })).await;
    let up = async |text: &str| sent(&gateway, &provider, &chat(text)).await;
    let jane = up(JANE).await;
    assert_eq!(up(JANE).await, jane);
    assert_ne!(up(JOHN).await, jane);
    let other = chat(JANE).header("X-End-User-Id", "alice");
    assert_ne!(sent(&gateway, &provider, &other).await, jane, "a hash is keyed by its owner");
    assert_eq!(up("card 4111111111111111").await, up("card 5555555555554444").await);
}

#[tokio::test]
async fn kinds_that_are_not_listed_have_the_default_action() {
    let pii = json!({ "mode": "enforce", "entities": { "EMAIL_ADDRESS": "REDACT" },
        "default_action": "MASK" });
    let (provider, gateway) = gateway(pii).await;
    let up = sent(&gateway, &provider, &chat(&format!("mail {JANE}, card {CARD}."))).await;
    assert!(placeholder(&up).starts_with("<CREDIT_CARD_"), "{up}");
    assert!(!up.contains(JANE), "{up}");
    for (entity, label, value) in SAMPLES.iter().filter(|(name, ..)| name.ends_with("_TOKEN")) {
        let up = sent(&gateway, &provider, &chat(&sentence(label, value))).await;
        assert!(!up.contains(value), "{entity}: {up}");
    }
}

#[tokio::test]
async fn a_block_refuses_the_request_and_no_provider_hears_of_it() {
    let (provider, gateway) = gateway(everything("BLOCK")).await;
    let mut client = gateway.client().await;
    let mut passed = Vec::new();
    for (entity, label, value) in SAMPLES {
        let answer = client.ask(&chat(&sentence(label, value))).await;
        if answer.status != 403 {
            passed.push(entity);
            continue;
        }
        refused(&answer, 403, "pii_blocked");
        assert!(!answer.text().contains(value), "{entity}: {}", answer.text());
        assert_eq!(answer.header("x-should-retry"), Some("false"));
    }
    assert!(passed.is_empty(), "{passed:?}");
    let inner = json!({ "card": CARD }).to_string();
    let call =
        json!([{ "id": "c", "type": "function", "function": { "name": "f", "arguments": inner } }]);
    let history = json!({ "model": "m", "messages": [
        { "role": "assistant", "tool_calls": call }, message("go on")] });
    let unknown = json!({ "model": "m", "messages": [message("hi")], "x": [{ "y": JANE }] });
    for ask in [
        streamed(&format!("card {CARD}")),
        embedding(&json!(JANE)),
        embedding(&json!(["hi", JANE])),
        Ask::chat(history.to_string()),
        Ask::chat(unknown.to_string()),
    ] {
        refused(&client.ask(&ask).await, 403, "pii_blocked");
    }
    assert_eq!(provider.count(), 0);
    assert_eq!(client.ask(&chat("hi")).await.status, 200);
}

#[tokio::test]
async fn a_project_may_call_a_block_451() {
    let provider = Provider::start().await;
    let mut conf = shielded(&[provider.url()], everything("BLOCK"));
    set(&mut conf, "/tenants/0/projects/0/blocked_status", 451);
    set(
        &mut conf,
        "/tenants/0/projects/0/sentinel",
        json!({ "mode": "enforce", "blocklist": ["project zephyr"] }),
    );
    let gateway = Gateway::start(conf).await;
    refused(&gateway.ask(&chat(JANE)).await, 451, "pii_blocked");
    refused(&gateway.ask(&streamed("about project zephyr")).await, 451, "content_blocked");
    // Other refusals of the same kind stay what they are.
    let foreign = chat("hi").header("Host", "silent-brook-117.behest.localhost");
    refused(&gateway.ask(&foreign).await, 403, "forbidden");
    assert_eq!(provider.count(), 0);
}

#[tokio::test]
async fn a_shadow_changes_nothing() {
    for mode in ["shadow", "disabled"] {
        let mut pii = everything("BLOCK");
        pii["mode"] = json!(mode);
        pii["answers"] = json!(true);
        let (provider, gateway) = gateway(pii).await;
        let text = format!("mail {JANE}, card {CARD}, <EMAIL_ADDRESS_AAAAAAAA>");
        let body = json!({ "model": "m", "logprobs": true, "messages": [message(&text)] });
        let body = body.to_string();
        let whole = Place::Content.answer(&Spelling::Escaped.quote(&text));
        provider.next(Plan::json(200, &whole));
        let answer = gateway.ask(&Ask::chat(body.clone())).await;
        assert_eq!((answer.status, answer.text()), (200, &*whole), "{mode}");
        assert_eq!(provider.request(0).await.text(), with_value(&body, "model", r#""up-m""#));
        provider.next(Place::Content.stream(&["4111 ", "1111 1111", " 1111"], Spelling::Plain));
        assert_eq!(Place::Content.read(&gateway.ask(&streamed(&text)).await), CARD, "{mode}");
        let tokens = embedding(&json!([[1, 2, 3]]));
        assert_eq!(gateway.ask(&tokens).await.text(), EMBEDDING);
        let counted = gateway.metrics().await;
        let counts = |line: &str| line.starts_with("behest_redactions_total{");
        assert_eq!(counted.lines().any(counts), mode == "shadow", "{mode}");
    }
}

#[tokio::test]
async fn an_input_of_tokens_cannot_be_read_and_is_refused() {
    let (provider, gateway) = gateway(everything("MASK")).await;
    for input in [json!([1, 2, 3]), json!([[1, 2], [3]]), json!(["hi", [1]]), json!([[]])] {
        let error = refused(&gateway.ask(&embedding(&input)).await, 400, "validation_error");
        assert_eq!(error["param"], "input", "{input}");
    }
    assert_eq!(provider.count(), 0);
    for input in [json!("hi"), json!(["hi", "you"])] {
        assert_eq!(gateway.ask(&embedding(&input)).await.status, 200, "{input}");
    }
}

#[tokio::test]
async fn patterns_and_lists_of_a_projects_own_are_kinds_like_any_other() {
    let terms: Vec<String> = (0..3000).map(|n| format!("codename number{n}")).collect();
    let pii = json!({
        "mode": "enforce",
        "patterns": [
            { "name": "EMPLOYEE_ID", "regex": "EMP-[0-9]{6}", "action": "MASK" },
            { "name": "BADGE", "regex": "BDG[0-9]{4}", "action": "BLOCK" },
        ],
        "deny_lists": [
            { "name": "PROJECT_NAME", "terms": ["project zephyr", "Überraschung"], "action": "MASK" },
            { "name": "CODENAME", "terms": terms, "action": "REDACT" },
        ],
    });
    let (provider, gateway) = gateway(pii).await;
    for (text, name) in [
        ("Ask EMP-123456, please", "EMPLOYEE_ID"),
        ("about project zephyr, please", "PROJECT_NAME"),
        ("about PROJECT ZEPHYR, please", "PROJECT_NAME"),
        ("about Project-Zephyr, please", "PROJECT_NAME"),
        ("eine überraschung, please", "PROJECT_NAME"),
    ] {
        let up = sent(&gateway, &provider, &chat(text)).await;
        let stands = placeholder(&up);
        assert!(stands.starts_with(&format!("<{name}_")), "{text}: {up}");
        provider.next(Place::Content.stream(&[&up[..9], &up[9..]], Spelling::Plain));
        assert_eq!(Place::Content.read(&gateway.ask(&streamed(text)).await), text);
    }
    for text in ["the projects zephyrs", "EMP-12345", "subproject zephyr", "codename number30000"] {
        assert_eq!(sent(&gateway, &provider, &chat(text)).await, text);
    }
    let up = sent(&gateway, &provider, &chat("the codename number2999 is out")).await;
    assert!(up.contains("CODENAME") && !up.contains("2999"), "{up}");
    refused(&gateway.ask(&chat("badge BDG1234")).await, 403, "pii_blocked");
    // Kinds that nobody listed stay off.
    assert_eq!(sent(&gateway, &provider, &chat(JANE)).await, JANE);
}

#[tokio::test]
async fn a_project_made_at_run_time_is_shielded_at_once() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let project = json!({ "id": "p", "tenant": "acme", "slug": "new-moon-001",
        "pii": { "mode": "enforce", "entities": { "EMAIL_ADDRESS": "MASK" } } });
    gateway.make("projects", project).await;
    let (_, key) = gateway.new_key("p", json!({})).await;
    let ask = chat(JANE).key(&key);
    assert!(placeholder(&sent(&gateway, &provider, &ask).await).starts_with("<EMAIL_ADDRESS_"));
    let blocking =
        json!({ "pii": { "mode": "enforce", "entities": { "EMAIL_ADDRESS": "BLOCK" } } });
    let patched = gateway.call("PATCH", "projects/p", blocking).await;
    assert_eq!(patched.status, 200, "{}", patched.text());
    refused(&gateway.ask(&ask).await, 403, "pii_blocked");
    let off = json!({ "pii": { "mode": "disabled" } });
    assert_eq!(gateway.call("PATCH", "projects/p", off).await.status, 200);
    assert_eq!(sent(&gateway, &provider, &ask).await, JANE);
    for wrong in [
        json!({ "pii": { "mode": "enforce", "entities": { "EMAIL": "MASK" } } }),
        json!({ "pii": { "mode": "enforce", "patterns": [
            { "name": "X", "regex": "(", "action": "MASK" }] } }),
        json!({ "pii": { "mode": "enforced" } }),
        json!({ "sentinel": { "mode": "enforce", "blocklist": [""] } }),
    ] {
        let answer = gateway.call("PATCH", "projects/p", wrong.clone()).await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
    }
}
