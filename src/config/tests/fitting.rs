//! Parts that do not fit one another, or this version.

use super::{BASE, errors, parsed, project};

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
