//! Fields that are not of their shape.

use super::{errors, errors_after_base, project};

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
