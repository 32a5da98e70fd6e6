//! Wrong files and what is said about them, right files and what comes out.

use std::path::Path;

use super::*;

mod examples;
mod guardrails;
mod secrets;
mod values;

const KEY: &str = "behest_sk_live_0123456789abcdef0123456789abcdef";

fn environment(name: &str) -> Option<String> {
    let value = match name {
        "OPENAI_API_KEY" | "SPARE_API_KEY" => "sk-very-secret-provider-key",
        "DEMO_KEY" | "HOME_KEY" | "SAME_KEY" => KEY,
        "BEHEST_ADMIN_SECRET" => "admin-secret-of-the-test",
        "MODERATION_SECRET" => "moderation-secret",
        "REDIS_URL" => "redis://127.0.0.1:6379",
        "MASTER_KEY" => "8f1d3c5b7a9e0f2d4c6b8a1e3f5d7c9b0a2e4f6d8c1b3a5e7f9d0c2b4a6e8f13",
        "SHORT_KEY" => "hunter2",
        "EMPTY" => "",
        "TWO_LINES" => "first-line-secret\nsecond-line-secret",
        "UMLAUT_KEY" => "schlüssel-mit-umlaut",
        "BAD_MASTER_KEY" => "not-sixty-four-hex-digits",
        _ => return None,
    };
    Some(value.to_owned())
}

fn parse(text: &str) -> Result<Config, ConfigErrors> {
    Config::parse(text, "conf.yaml", Path::new(""), &environment)
}

fn parsed(text: &str) -> Config {
    parse(text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The errors of a text as lines, without the file's name.
fn errors(text: &str) -> Vec<String> {
    let errors = parse(text).map(drop).expect_err("the file is wrong");
    errors.to_string().lines().map(|line| line.replacen("conf.yaml:", "", 1)).collect()
}

/// A file of the folder `conf`.
fn conf(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conf").join(name)
}

/// One provider and one model, so that what follows is the only thing that can be wrong. Seven lines.
const BASE: &str = "\
providers:
  - name: openai
    base_url: https://api.openai.com/v1
models:
  - id: gpt-4o
    targets: [{ provider: openai, model: gpt-4o }]
default_model: gpt-4o
";

fn errors_after_base(text: &str) -> Vec<String> {
    errors(&format!("{BASE}{text}"))
}

fn project(text: &str) -> String {
    format!("{BASE}tenants: [{{ id: t, projects: [{{ id: p, {text} }}] }}]\n")
}

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

#[test]
fn yaml_that_cannot_be_read_says_where() {
    let table = [
        ("listen: {\n", "is no valid YAML"),
        ("a: 1\n b: 2\n", "is no valid YAML"),
        ("workers: 1\nworkers: 2\n", "2: field \"workers\" is given twice"),
        ("log: { level: warn, level: info }\n", "1: field \"level\" is given twice"),
        ("- 1\n", "must hold fields"),
        ("hello\n", "must hold fields"),
        ("workers: 1\n---\nworkers: 2\n", "more than one YAML document"),
        ("workers: .inf\n", "1: workers: is not a finite number"),
        ("workers: !big 3\n", "1: workers: has a YAML tag"),
        ("log: !big { level: warn }\n", "1: log: has a YAML tag"),
        ("log: &a { level: warn }\nlimits:\n  <<: *a\n", "3: limits.<<: YAML's merge keys"),
        ("limits: &a { ip: *a }\n", "cannot be read"),
        ("domains: [*nothing]\n", "is no valid YAML"),
        ("1: 2\n", "1: ?: a field's name must be a text"),
    ];
    for (text, expected) in table {
        let found = errors(text);
        assert!(found.iter().any(|line| line.contains(expected)), "{text:?}: {found:?}");
    }
}

#[test]
fn an_alias_repeats_what_it_names_but_not_without_end() {
    let config =
        parsed(&format!("{BASE}domains: [&d one.example]\nissuer: &i https://a.example\n"));
    assert_eq!(config.domains, ["one.example"]);
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for at in 1..9 {
        let before = vec![format!("*a{}", at - 1); 10].join(", ");
        bomb.push_str(&format!("a{at}: &a{at} [{before}]\n"));
    }
    let found = errors(&bomb);
    assert!(found[0].contains("alias expansion"), "{found:?}");
    let deep = format!("domains: {}{}\n", "[".repeat(60), "]".repeat(60));
    assert!(errors(&deep)[0].contains("is nested too deeply"));
    let deep = format!("domains:\n{}{}{}\n", "- ".repeat(100), "[".repeat(250), "]".repeat(250));
    assert!(errors(&deep)[0].contains("is nested too deeply"));
    let deep = format!("domains:\n  {}x\n", "- ".repeat(3000));
    assert_eq!(errors(&deep), ["2: is indented too far"]);
}

#[test]
fn each_break_of_the_shape_has_its_path_line_and_a_plain_word() {
    let table = [
        ("workres: 3\n", "8: workres: unknown field; did you mean workers?"),
        ("log: { colour: red }\n", "8: log.colour: unknown field; known here: level"),
        ("workers: many\n", "8: workers: expected a whole number, found a text"),
        ("workers: 1.5\n", "8: workers: expected a whole number, found a number"),
        ("workers: -1\n", "8: workers: must be at least 0"),
        ("workers: 2000\n", "8: workers: must be at most 1024"),
        ("heartbeat: 15\n", "8: heartbeat: expected a text such as 15s, found a number"),
        (
            "heartbeat: 15sec\n",
            "8: heartbeat: \"15sec\" is no duration; write a whole number and ms, s, m, h or d, such as 15s",
        ),
        ("body_limit: 4MB\n", "8: body_limit: \"4MB\" is no size"),
        ("body_limit: [4]\n", "8: body_limit: expected"),
        (
            "log:\n  level: warning\n",
            "9: log.level: must be one of: error, warn, info, debug; did you mean warn?",
        ),
        (
            "listen:\n  data: localhost:8080\n",
            "9: listen.data: \"localhost:8080\" is no socket address",
        ),
        ("listen: { data_tls: { cert: a.pem } }\n", "8: listen.data_tls: the field key is missing"),
        (
            "limits: { ip: { requests_per_minute: 0 } }\n",
            "8: limits.ip.requests_per_minute: must be at least 1",
        ),
        (
            "limits: { ip: { exempt: [10.0.0.1/8] } }\n",
            "8: limits.ip.exempt[0]: \"10.0.0.1/8\" has address bits below its prefix of 8",
        ),
        (
            "trusted_proxies:\n  - 10.0.0.0/8\n  - 300.1.1.1\n",
            "10: trusted_proxies[1]: \"300.1.1.1\" is no network",
        ),
        ("domains: [Behest.Localhost]\n", "8: domains[0]: \"Behest.Localhost\" is no domain"),
        ("domains: [10.0.0.1]\n", "8: domains[0]: \"10.0.0.1\" is an address"),
        ("issuer: behest\n", "8: issuer: must be a URL"),
        ("tenants: [{ projects: [] }]\n", "8: tenants[0]: the field id is missing"),
        ("tenants: {}\n", "8: tenants: expected a list, found a section with fields"),
        ("tenants: [{ id: 'a b' }]\n", "8: tenants[0].id: \"a b\" must be"),
        ("log: []\n", "8: log: expected a section with fields, found a list"),
    ];
    for (text, expected) in table {
        let found = errors_after_base(text);
        assert_eq!(found.len(), 1, "{text:?}: {found:?}");
        assert!(found[0].starts_with(expected), "{text:?}: {found:?}");
    }
}

#[test]
fn each_break_of_a_project_s_shape_has_its_path_and_a_plain_word() {
    let table = [
        ("slug: Amber", "slug: \"Amber\" must be 1 to 63 lower-case"),
        ("slug: -a", "slug: \"-a\" must be"),
        ("allowed_origins: ['*']", "allowed_origins[0]: \"*\" is no origin"),
        (
            "allowed_origins: ['https://a.example/']",
            "allowed_origins[0]: \"https://a.example/\" has no valid host",
        ),
        (
            "allowed_origins: ['https://*.*.example.com']",
            "allowed_origins[0]: \"https://*.*.example.com\" has more than one *",
        ),
        (
            "allowed_origins: ['https://*.com']",
            "allowed_origins[0]: \"https://*.com\" needs two full labels",
        ),
        (
            "allowed_origins: ['https://a.example:443']",
            "allowed_origins[0]: \"https://a.example:443\" names its scheme's own port",
        ),
        ("models: []", "models: needs at least 1 entry"),
        ("api_keys: [{ name: a }]", "api_keys[0]: the field secret is missing"),
        (
            "api_keys: [{ name: a, secret: 'env:DEMO_KEY', end_user: allowed }]",
            "api_keys[0].end_user: must be one of: allow, require, forbid; did you mean allow?",
        ),
        (
            "pii: { entities: { EMAIL_ADDRESS: mask } }",
            "pii.entities.EMAIL_ADDRESS: must be one of: MASK, REDACT, HASH, BLOCK; did you mean MASK?",
        ),
        ("blocked_status: 418", "blocked_status: must be one of: 403, 451"),
        ("limits: { usd_per_day: -1 }", "limits.usd_per_day: must be at least 0"),
        (
            "limits: { usd_per_day: 1e-9 }",
            "limits.usd_per_day: is less than a millionth of a dollar",
        ),
        ("session_limits: { usd: 0.0000004 }", "session_limits.usd: is less than a millionth"),
    ];
    for (text, expected) in table {
        let found = errors(&project(text));
        let expected = format!("8: tenants[0].projects[0].{expected}");
        assert_eq!(found.len(), 1, "{text:?}: {found:?}");
        assert!(found[0].starts_with(&expected), "{text:?}: {found:?}");
    }
}

#[test]
fn each_part_that_does_not_fit_the_others_is_found() {
    let second_model = "models: [{ id: a, targets: [{ provider: p, model: m }] }]\n";
    let provider =
        |text: &str| format!("providers: [{{ name: p, base_url: 'http://h', {text} }}]\n");
    let table = [
        (
            "listen: { data: '127.0.0.1:80', admin: '0.0.0.0:80' }\n".into(),
            "1: listen.admin: must not be the data listener's address",
        ),
        ("heartbeat: 50ms\n".into(), "1: heartbeat: must be between 100ms and 1h"),
        ("timeouts: { connect: 0s }\n".into(), "1: timeouts.connect: must be between 1ms and 1h"),
        ("timeouts: { total: 2d }\n".into(), "1: timeouts.total: must be between 1ms and 1d"),
        ("body_limit: 1000\n".into(), "1: body_limit: must be between 1KiB and 1GiB"),
        ("answer_limit: 5GiB\n".into(), "1: answer_limit: must be between 1KiB and 4GiB"),
        (
            "domains: [a.example, b.example, a.example]\n".into(),
            "1: domains[2]: domain \"a.example\" is declared twice",
        ),
        (
            second_model.into(),
            "1: models[0].targets[0].provider: unknown provider \"p\"; the file declares none",
        ),
        (
            format!("default_model: b\n{}{second_model}", provider("")),
            "1: default_model: unknown model \"b\"; did you mean \"a\"?",
        ),
        (provider("idle: 0s"), "1: providers[0].idle: must be between"),
        (provider("ca: nowhere.pem"), "1: providers[0].ca: file nowhere.pem cannot be read"),
        (
            provider("api_key: 'env:TWO_LINES'"),
            "1: providers[0].api_key: env:TWO_LINES holds control characters or several lines",
        ),
        (provider("api_key: 'env:EMPTY'"), "1: providers[0].api_key: env:EMPTY is empty"),
        (
            provider("api_key: 'env:NOWHERE'"),
            "1: providers[0].api_key: environment variable NOWHERE is not set",
        ),
        (
            provider("api_key: 'file:no/where'"),
            "1: providers[0].api_key: file no/where does not exist",
        ),
        (
            provider("headers: { pass_request: [Cookie] }"),
            "1: providers[0].headers.pass_request[0]: \"Cookie\" is never passed on",
        ),
        (
            provider("headers: { pass_response: ['a b'] }"),
            "1: providers[0].headers.pass_response[0]: \"a b\" is no header name",
        ),
        (
            format!(
                "{}{}",
                provider(""),
                "models: [{ id: default, targets: [{ provider: p, model: m }] }]\n"
            ),
            "2: models[0].id: is what clients write",
        ),
        (
            "admin_secret: 'env:NOWHERE'\n".into(),
            "1: admin_secret: environment variable NOWHERE is not set",
        ),
        (
            "master_key: 'env:BAD_MASTER_KEY'\n".into(),
            "1: master_key: env:BAD_MASTER_KEY does not hold 64 hex digits",
        ),
        (
            "store: { url: 'env:REDIS_URL' }\n".into(),
            "1: store.url: is only read with engine: redis",
        ),
        ("store: { ca: 'ca.pem' }\n".into(), "1: store.ca: is only read with engine: redis"),
        (
            "master_key: 'env:MASTER_KEY'\nstore: { engine: redis }\n".into(),
            "2: store.url: is missing: engine redis needs one",
        ),
        (
            "store: { engine: redis, url: 'env:REDIS_URL' }\n".into(),
            " master_key: is not there (env:PROVIDER_ENCRYPTION_KEY): nodes that share",
        ),
        (
            "master_key: 'env:MASTER_KEY'\nstore: { engine: redis, url: 'env:DEMO_KEY' }\n".into(),
            "2: store.url: the URL of Redis begins with neither redis:// nor rediss://",
        ),
        (
            "master_key: 'env:MASTER_KEY'\n\
             store: { engine: redis, url: 'env:REDIS_URL', ca: nowhere.pem }\n"
                .into(),
            "2: store.ca: file nowhere.pem cannot be read",
        ),
    ];
    for (text, expected) in table {
        let found = errors(&text);
        assert_eq!(found.len(), 1, "{text:?}: {found:?}");
        assert!(found[0].starts_with(expected), "{text:?}: {found:?}");
    }
}

#[test]
fn names_are_unique_where_they_must_be() {
    let text = "\
providers:
  - { name: p, base_url: 'http://a' }
  - { name: p, base_url: 'http://b' }
models:
  - { id: m, targets: [{ provider: p, model: x }] }
  - { id: m, targets: [{ provider: p, model: x }] }
tenants:
  - id: t
    projects:
      - { id: a, slug: s, api_keys: [{ name: k, secret: 'env:DEMO_KEY' }] }
      - { id: b, slug: s, model: n, models: [m, m] }
  - id: t
    projects:
      - id: a
        model: m
        models: [q]
        api_keys:
          - { name: k, secret: 'env:SAME_KEY' }
          - { name: k, secret: 'env:SHORT_KEY' }
          - { name: u, secret: 'env:UMLAUT_KEY' }
";
    let found = errors(text);
    let expected = [
        "3: providers[1].name: provider \"p\" is declared twice",
        "6: models[1].id: model \"m\" is declared twice",
        "11: tenants[0].projects[1].slug: slug \"s\" is declared twice",
        "11: tenants[0].projects[1].models[1]: model \"m\" is declared twice",
        "11: tenants[0].projects[1].model: unknown model \"n\"; did you mean \"m\"?",
        "11: tenants[0].projects[1].model: \"n\" is not among the project's own models",
        "12: tenants[1].id: tenant \"t\" is declared twice",
        "14: tenants[1].projects[0].id: project \"a\" is declared twice",
        "15: tenants[1].projects[0].model: \"m\" is not among the project's own models",
        "16: tenants[1].projects[0].models[0]: unknown model \"q\"; did you mean \"m\"?",
        "18: tenants[1].projects[0].api_keys[0].secret: has the same secret as key \"k\" of project \"a\"",
        "19: tenants[1].projects[0].api_keys[1].name: key \"k\" is declared twice",
        "19: tenants[1].projects[0].api_keys[1].secret: env:SHORT_KEY holds fewer than 16 characters",
        "20: tenants[1].projects[0].api_keys[2].secret: env:UMLAUT_KEY holds characters that no client could send as a key",
    ];
    assert_eq!(found, expected);
}

#[test]
fn one_run_reports_errors_of_shape_and_of_meaning_together() {
    let text = "\
heartbeat: soon
timeouts:
  conect: 3s
  total: 9d
providers:
  - name: openai
    base_url: https://api.openai.com/v1
    trace: 'yes'
    price: { input: 1 }
models:
  - id: gpt-4o
    targets:
      - { provider: openai, model: gpt-4o }
      - { provider: opnai, model: gpt-4o }
    price: { input: 1 }
";
    let expected = [
        "1: heartbeat: \"soon\" is no duration; write a whole number and ms, s, m, h or d, such as 15s",
        "3: timeouts.conect: unknown field; did you mean connect?",
        "4: timeouts.total: must be between 1ms and 1d",
        "8: providers[0].trace: expected true or false, found a text",
        "9: providers[0].price: unknown field; known here: name, kind, base_url, api_key, ca, trace, http, idle, headers, capabilities, byok, breaker",
        "14: models[0].targets[1].provider: unknown provider \"opnai\"; did you mean \"openai\"?",
        "15: models[0].price: the field output is missing",
    ];
    assert_eq!(errors(text), expected);
    // What a misspelt section would have declared is not reported as missing.
    assert_eq!(errors(&BASE.replace("providers", "provders")).len(), 1);
    assert_eq!(
        errors(&format!("{}{}", BASE.replace("providers:", "providers: {}\nx:"), "")).len(),
        2
    );
}

#[test]
fn an_error_prints_as_one_line_with_file_and_line() {
    let errors = parse("workers: x\nlog: y\n").map(drop).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "conf.yaml:1: workers: expected a whole number, found a text\n\
         conf.yaml:2: log: expected a section with fields, found a text"
    );
    assert_eq!(errors.count(), 2);
    let first = errors.iter().next().unwrap();
    assert_eq!((first.path.as_str(), first.line), ("workers", Some(1)));
}

#[test]
fn what_is_not_built_yet_is_refused_when_it_is_switched_on() {
    let top = [
        ("listen: { data_tls: { cert: c, key: k } }", "listen.data_tls"),
        ("listen: { admin_tls: { cert: c, key: k } }", "listen.admin_tls"),
        ("providers: [{ name: p, base_url: 'http://h', kind: anthropic }]", "providers[0].kind"),
        ("providers: [{ name: p, base_url: 'http://h', breaker: {} }]", "providers[0].breaker"),
    ];
    let refused = |text: &str, path: &str| {
        let found = errors(text);
        let message = format!("{path}: is switched on, but this version does not have it yet");
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].ends_with(&message), "{text}: {found:?}");
    };
    for (text, path) in top {
        refused(text, path);
    }
    refused(&BASE.replace("gpt-4o\n    t", "gpt-4o\n    route: price\n    t"), "models[0].route");
    let of_project = [("memory: { enabled: true }", "memory.enabled")];
    for (text, path) in of_project {
        refused(&project(text), &format!("tenants[0].projects[0].{path}"));
    }
    parsed(&project(
        "pii: { mode: disabled }, memory: { enabled: false }, tiers: {}, user_limits: {}",
    ));
}

#[test]
fn tiers_fit_the_shipped_ones_and_the_default_one_is_there() {
    let good = parsed(&project("default_tier: gold, tiers: { gold: {}, pro: { sort_order: 9 } }"));
    let tiers = good.tenants[0].projects[0].all_tiers().unwrap();
    assert_eq!(tiers.iter().count(), 4);
    for (text, path) in [
        ("default_tier: gold", "default_tier"),
        ("tiers: { a: {}, b: {}, c: {}, d: {} }", "tiers"),
        ("tiers: { a: { sort_order: 2 } }", "tiers"),
    ] {
        let found = errors(&project(text));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].contains(&format!("tenants[0].projects[0].{path}: ")), "{found:?}");
    }
}

#[test]
fn a_projects_guardrail_is_declared_and_its_numbers_fit() {
    let named = project("sentinel: { mode: enforce, hook: moderation }");
    let declared = "guardrails: [{ name: moderation, url: 'http://h/check' }]\n";
    parsed(&format!("{declared}{named}"));
    for (text, path) in [
        (named.clone(), "tenants[0].projects[0].sentinel.hook: unknown guardrail \"moderation\""),
        (declared.replace("}", ", timeout: 2h }"), "guardrails[0].timeout: must be between"),
        (declared.replace("}", ", on_failure: maybe }"), "guardrails[0].on_failure: "),
        (declared.replace("http://", "ftp://"), "guardrails[0].url: "),
        (declared.replace("}", ", secret: 'env:NONE' }"), "guardrails[0].secret: environment"),
        (declared.replace("[", "[{ name: moderation, url: 'http://i' }, "), "is declared twice"),
    ] {
        let found = errors(&text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].contains(path), "{text}: {found:?}");
    }
}
