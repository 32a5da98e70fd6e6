//! Configurations. They are built as JSON, which is YAML too.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// The key of the project `demo`.
pub(crate) const KEY: &str = "behest_sk_live_0123456789abcdef0123456789abcdef";
/// The key of the project `other`, which may call only the model `n`.
pub(crate) const OTHER_KEY: &str = "behest_sk_live_fedcba9876543210fedcba9876543210";
/// The key of the project `shop` of the tenant `globex`, where there is one.
pub(crate) const FOREIGN_KEY: &str = "behest_sk_live_00112233445566778899aabbccddeeff";
/// The key that the gateway has for its providers.
pub(crate) const PROVIDER_KEY: &str = "sk-of-the-provider-0123456789";
/// The key that several gateways seal under.
pub(crate) const MASTER_KEY: &str =
    "5d7c9b0a2e4f6d8c1b3a5e7f9d0c2b4a6e8f138f1d3c5b7a9e0f2d4c6b8a1e3f";
pub(crate) const ADMIN_SECRET: &str = "the-admin-secret-of-these-tests";

/// What the configurations' secrets refer to.
pub(crate) const ENVIRONMENT: [(&str, &str); 6] = [
    ("IT_KEY", KEY),
    ("IT_OTHER_KEY", OTHER_KEY),
    ("IT_FOREIGN_KEY", FOREIGN_KEY),
    ("IT_PROVIDER_KEY", PROVIDER_KEY),
    ("IT_ADMIN_SECRET", ADMIN_SECRET),
    ("IT_MASTER_KEY", MASTER_KEY),
];

/// A gateway whose models `m` (the default) and `n` are served by these providers, in this order.
/// The providers are called `p0`, `p1` and so on, and know the model `m` as `up-m`.
pub(crate) fn conf(urls: &[String]) -> Value {
    let providers: Vec<Value> = (0..).zip(urls).map(|(at, url)| provider(at, url)).collect();
    let targets = |model: &str| -> Vec<Value> {
        let one = |at| json!({ "provider": format!("p{at}"), "model": format!("up-{model}") });
        (0..urls.len()).map(one).collect()
    };
    json!({
        "domains": ["behest.localhost", "chat.example"],
        "data": "./data",
        "admin_secret": "env:IT_ADMIN_SECRET",
        "drain_timeout": "1s",
        "providers": providers,
        "models": [
            { "id": "m", "targets": targets("m") },
            { "id": "n", "targets": targets("n") },
        ],
        "default_model": "m",
        "limits": {
            "ip": { "requests_per_minute": 120, "exempt": ["127.0.0.0/8"] },
            "project": { "requests_per_minute": 1_000_000 },
        },
        "tenants": [{
            "id": "acme",
            "projects": [
                {
                    "id": "demo",
                    "slug": "amber-fox-042",
                    "api_keys": [{ "name": "ci", "secret": "env:IT_KEY" }],
                    "allowed_origins": ["http://localhost:5173", "https://app-*.example.com"],
                },
                {
                    "id": "other",
                    "slug": "silent-brook-117",
                    "model": "n",
                    "models": ["n"],
                    "api_keys": [{ "name": "ci", "secret": "env:IT_OTHER_KEY" }],
                    "allowed_origins": ["https://other.example"],
                },
            ],
        }],
    })
}

/// The same with another tenant beside `acme`: `globex`, whose project `shop` is as `demo` is.
pub(crate) fn conf_of_two(urls: &[String]) -> Value {
    let mut conf = conf(urls);
    let globex = json!({
        "id": "globex",
        "projects": [{
            "id": "shop",
            "slug": "green-bird-003",
            "api_keys": [{ "name": "ci", "secret": "env:IT_FOREIGN_KEY" }],
        }],
    });
    conf["tenants"].as_array_mut().unwrap().push(globex);
    conf
}

pub(crate) fn provider(at: usize, url: &str) -> Value {
    json!({
        "name": format!("p{at}"),
        "kind": "openai",
        "base_url": url,
        "api_key": "env:IT_PROVIDER_KEY",
    })
}

/// A change of a configuration at a JSON pointer: `set(&mut conf, "/timeouts/total", "1s")`.
pub(crate) fn set(conf: &mut Value, pointer: &str, value: impl Into<Value>) {
    let mut place = conf;
    for part in pointer.trim_start_matches('/').split('/') {
        place = match part.parse::<usize>() {
            Ok(at) => &mut place[at],
            Err(_) => &mut place[part],
        };
    }
    *place = value.into();
}

/// Unix seconds.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
