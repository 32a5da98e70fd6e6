//! What holds where a file says nothing.

use super::{BASE, errors, parsed, project};
use crate::config::{Config, HttpVersion, LogLevel};

#[test]
fn an_empty_file_is_all_defaults() {
    for text in ["", "\n# nothing\n", "---\n", "~"] {
        let written = serde_json::to_value(parsed(text)).unwrap();
        assert_eq!(written, serde_json::to_value(Config::default()).unwrap());
    }
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let contract = r#"
listen: { data: "127.0.0.1:8080", admin: "127.0.0.1:9090" }
workers: 0
domains: ["behest.localhost"]
trusted_proxies: []
issuer: "https://api.behest.app"
data: "./data"
master_key: "env:PROVIDER_ENCRYPTION_KEY"
store: { engine: embedded, mode: single, command_timeout: 25ms, lease_expiry: 60s }
head_limit: 64KiB
body_limit: 4MiB
answer_limit: 64MiB
heartbeat: 15s
drain_timeout: 30s
timeouts: { connect: 3s, first_byte: 60s, between_bytes: 60s, total: 15m, request_body: 60s, write: 30s }
connections: { per_address: 256, request_head: 10s, idle: 60s }
default_output_tokens: 4096
limits: { ip: { requests_per_minute: 120, exempt: [] }, project: { requests_per_minute: 60 } }
log: { level: warn }
"#;
    let written = serde_json::to_value(parsed(contract)).unwrap();
    assert_eq!(written, serde_json::to_value(Config::default()).unwrap());
    let config = parsed(BASE);
    assert_eq!(*config.providers[0].idle, std::time::Duration::from_secs(30));
    assert_eq!(config.providers[0].http, HttpVersion::Auto);
    assert!(config.providers[0].capabilities.usage_in_streams);
    let config = parsed(&project("slug: s"));
    assert!(config.tenants[0].projects[0].allow_key_on_chat);
    assert!(config.tenants[0].projects[0].models.is_none());
}

#[test]
fn a_field_without_a_value_is_as_good_as_left_out() {
    let config = parsed("tenants:\nlisten:\nlog:\n  level:\n");
    assert_eq!(config.log.level, LogLevel::Warn);
    assert_eq!(errors("tennants:\n"), ["1: tennants: unknown field; did you mean tenants?"]);
    let found = errors("models:\n  - id:\n    targets: []\n");
    assert_eq!(found[0], "2: models[0]: the field id is missing");
}
