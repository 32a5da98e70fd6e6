//! Tenants with provider keys of their own (CONTRACT 1, 13).

use serde_json::{Value, json};

use crate::support::client::Ask;
use crate::support::conf::{FOREIGN_KEY, PROVIDER_KEY, conf_of_two};
use crate::support::gateway::Gateway;
use crate::support::plan::{COMPLETION, Plan, WHOLE};
use crate::support::provider::Provider;
use crate::support::refusal::refused;

const OWN: &str = "sk-of-the-tenant-9876543210";

fn conf(provider: &Provider, byok: Value) -> Value {
    let mut conf = conf_of_two(&[provider.url()]);
    conf["providers"][0]["byok"] = byok;
    conf
}

async fn set(gateway: &Gateway, key: &str) -> u16 {
    let path = "/admin/v1/tenants/acme/provider-keys/p0";
    let body = json!({ "api_key": key }).to_string();
    let ask = Ask::new("PUT", path).header("Content-Type", "application/json").body(body);
    gateway.admin_secretly(ask).await.status
}

fn bearer(provider_heard: &crate::support::provider::Request) -> String {
    provider_heard.headers.value("authorization").unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_tenants_own_key_is_used_for_its_requests_and_for_nobody_elses() {
    let provider = Provider::start().await;
    let gateway = Gateway::start(conf(&provider, json!({ "allow": true }))).await;
    assert!(set(&gateway, OWN).await < 300);
    assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
    assert_eq!(bearer(&provider.request(0).await), format!("Bearer {OWN}"));
    assert_eq!(gateway.ask(&Ask::chat(WHOLE).key(FOREIGN_KEY)).await.status, 200);
    assert_eq!(bearer(&provider.request(1).await), format!("Bearer {PROVIDER_KEY}"));
    let connection = |request: &crate::support::provider::Request| request.connection;
    let (own, other) = (provider.request(0).await, provider.request(1).await);
    assert_ne!(connection(&own), connection(&other), "no two credentials share a connection");
    let path = "/admin/v1/tenants/acme/provider-keys/p0";
    assert_eq!(gateway.admin_secretly(Ask::new("DELETE", path)).await.status, 204);
    assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
    assert_eq!(bearer(&provider.request(2).await), format!("Bearer {PROVIDER_KEY}"));
}

#[tokio::test]
async fn a_refused_key_of_a_tenant_ends_the_request_unless_falling_back_is_allowed() {
    for (fallback, status, asked) in [(false, 502, 1), (true, 200, 2)] {
        let provider = Provider::start().await;
        let byok = json!({ "allow": true, "fallback": fallback });
        let gateway = Gateway::start(conf(&provider, byok)).await;
        assert!(set(&gateway, OWN).await < 300);
        provider.next(Plan::json(401, r#"{"error":{"message":"no such key"}}"#));
        provider.next(Plan::json(200, COMPLETION));
        let answer = gateway.ask(&Ask::chat(WHOLE)).await;
        assert_eq!(answer.status, status, "fallback {fallback}: {}", answer.text());
        assert_eq!(provider.count(), asked);
        if fallback {
            assert_eq!(bearer(&provider.request(1).await), format!("Bearer {PROVIDER_KEY}"));
        } else {
            refused(&answer, 502, "upstream_error");
        }
    }
}

#[tokio::test]
async fn a_provider_that_takes_no_tenants_keys_is_given_none() {
    let provider = Provider::start().await;
    let gateway = Gateway::start(conf(&provider, json!({ "allow": false }))).await;
    assert_eq!(set(&gateway, OWN).await, 409);
    assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
    assert_eq!(bearer(&provider.request(0).await), format!("Bearer {PROVIDER_KEY}"));
}
