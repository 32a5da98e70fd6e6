//! What the schema cannot say: parts that must fit each other, and bounds of values with a unit.

use std::collections::HashSet;
use std::net::SocketAddr;

use http::HeaderValue;

use super::document::Problem;
use super::nearest::nearest;
use super::{Config, Period, SecretRef, Size, ca, check_store};

const MINUTE: Period = Period::from_secs(60);
const HOUR: Period = Period::from_secs(3600);
const DAY: Period = Period::from_secs(24 * 3600);
const DECADE: Period = Period::from_secs(3650 * 24 * 3600);
const NONE: Period = Period::from_secs(0);
const MILLI: Period = Period::from_millis(1);

/// Checks all but the tenants. A configuration that is to be served needs something to serve.
pub(super) fn check(config: &Config, served: bool, problems: &mut Vec<Problem>) {
    if served {
        something_to_serve(config, problems);
    }
    listeners(config, problems);
    sizes(config, problems);
    periods(config, problems);
    secrets(config, problems);
    check_store::check(config, problems);
    unique(
        "domain",
        config
            .domains
            .iter()
            .enumerate()
            .map(|(at, name)| (format!("/domains/{at}"), name.as_str())),
        problems,
    );
    providers(config, problems);
    guardrails(config, problems);
    models(config, problems);
}

fn something_to_serve(config: &Config, problems: &mut Vec<Problem>) {
    if config.providers.is_empty() {
        problems.push(Problem::new("/providers", "a gateway needs at least one provider"));
    }
    if config.models.is_empty() {
        problems.push(Problem::new("/models", "a gateway needs at least one model"));
    }
}

fn listeners(config: &Config, problems: &mut Vec<Problem>) {
    let (data, admin): (SocketAddr, SocketAddr) = (config.listen.data, config.listen.admin);
    let any = data.ip().is_unspecified() || admin.ip().is_unspecified();
    // Port 0 is a free port of the system's choice, another one each time.
    if data.port() == admin.port() && data.port() != 0 && (any || data.ip() == admin.ip()) {
        problems.push(Problem::new("/listen/admin", "must not be the data listener's address"));
    }
}

fn sizes(config: &Config, problems: &mut Vec<Problem>) {
    let bounds = [
        ("/head_limit", config.head_limit, Size::from_kib(4), Size::from_kib(1024)),
        ("/body_limit", config.body_limit, Size::from_kib(1), Size::from_mib(1024)),
        ("/answer_limit", config.answer_limit, Size::from_kib(1), Size::from_mib(4096)),
        ("/admin_body_limit", config.admin_body_limit, Size::from_kib(64), Size::from_mib(1024)),
    ];
    for (at, size, least, most) in bounds {
        if !(least..=most).contains(&size) {
            problems.push(Problem::new(at, format!("must be between {least} and {most}")));
        }
    }
}

fn periods(config: &Config, problems: &mut Vec<Problem>) {
    let (timeouts, connections) = (&config.timeouts, &config.connections);
    period("/heartbeat", config.heartbeat, Period::from_millis(100), HOUR, problems);
    period("/drain_timeout", config.drain_timeout, NONE, DAY, problems);
    period("/timeouts/connect", timeouts.connect, MILLI, HOUR, problems);
    period("/timeouts/first_byte", timeouts.first_byte, MILLI, DAY, problems);
    period("/timeouts/between_bytes", timeouts.between_bytes, MILLI, DAY, problems);
    period("/timeouts/total", timeouts.total, MILLI, DAY, problems);
    period("/timeouts/request_body", timeouts.request_body, MILLI, DAY, problems);
    period("/timeouts/write", timeouts.write, MILLI, DAY, problems);
    period("/connections/request_head", connections.request_head, MILLI, HOUR, problems);
    period("/connections/idle", connections.idle, MILLI, DAY, problems);
    period("/store/command_timeout", config.store.command_timeout, MILLI, HOUR, problems);
    period("/store/lease_expiry", config.store.lease_expiry, Period::from_secs(1), HOUR, problems);
    for (at, provider) in config.providers.iter().enumerate() {
        period(&format!("/providers/{at}/idle"), provider.idle, MILLI, DAY, problems);
        if let Some(breaker) = &provider.breaker {
            period(
                &format!("/providers/{at}/breaker/cooldown"),
                breaker.cooldown,
                MILLI,
                DAY,
                problems,
            );
        }
    }
    for (at, tenant) in config.tenants.iter().enumerate() {
        for (below, project) in tenant.projects.iter().enumerate() {
            let memory = format!("/tenants/{at}/projects/{below}/memory");
            period(&format!("{memory}/ttl"), project.memory.ttl, MILLI, DECADE, problems);
            period(
                &format!("{memory}/retention"),
                project.memory.retention,
                MILLI,
                DECADE,
                problems,
            );
        }
    }
}

fn period(at: &str, given: Period, least: Period, most: Period, problems: &mut Vec<Problem>) {
    if !(least..=most).contains(&given) {
        problems.push(Problem::new(at, format!("must be between {least} and {most}")));
    }
}

/// Shorter secrets could be guessed.
const SECRET_CHARACTERS_MIN: usize = 16;

/// Why a text is too short to be a secret.
pub(super) fn too_short(secret: &str) -> Option<String> {
    let is_short = secret.chars().count() < SECRET_CHARACTERS_MIN;
    is_short.then(|| format!("holds fewer than {SECRET_CHARACTERS_MIN} characters"))
}

fn secrets(config: &Config, problems: &mut Vec<Problem>) {
    let is_key = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let older = config.older_master_keys.iter().enumerate();
    let older = older.map(|(at, key)| (format!("/older_master_keys/{at}"), key));
    for (at, key) in older.chain([("/master_key".to_owned(), &config.master_key)]) {
        if key.secret().is_some_and(|secret| !is_key(secret.expose())) {
            let message = format!("{} does not hold 64 hex digits", key.reference());
            problems.push(Problem::new(at, message));
        }
    }
}

fn providers(config: &Config, problems: &mut Vec<Problem>) {
    let names = config.providers.iter().enumerate();
    let names =
        names.map(|(at, provider)| (format!("/providers/{at}/name"), provider.name.as_str()));
    unique("provider", names, problems);
    for (at, provider) in config.providers.iter().enumerate() {
        if let Some(message) = provider.ca.as_deref().and_then(|path| ca::check(path).err()) {
            problems.push(Problem::new(format!("/providers/{at}/ca"), message));
        }
        if let Some(message) = unsendable(provider.api_key.as_ref()) {
            problems.push(Problem::new(format!("/providers/{at}/api_key"), message));
        }
    }
}

fn guardrails(config: &Config, problems: &mut Vec<Problem>) {
    let names = config.guardrails.iter().enumerate();
    let names = names.map(|(at, one)| (format!("/guardrails/{at}/name"), one.name.as_str()));
    unique("guardrail", names, problems);
    for (at, guardrail) in config.guardrails.iter().enumerate() {
        let timeout = format!("/guardrails/{at}/timeout");
        period(&timeout, guardrail.timeout, MILLI, MINUTE, problems);
        if let Some(message) = unsendable(guardrail.secret.as_ref()) {
            problems.push(Problem::new(format!("/guardrails/{at}/secret"), message));
        }
    }
}

/// Why a key cannot be sent in a header.
fn unsendable(key: Option<&SecretRef>) -> Option<String> {
    let key = key?;
    let unfit = HeaderValue::from_str(key.secret()?.expose()).is_err();
    unfit.then(|| format!("{} holds characters that no header can carry", key.reference()))
}

fn models(config: &Config, problems: &mut Vec<Problem>) {
    let ids = config.models.iter().enumerate();
    unique(
        "model",
        ids.map(|(at, model)| (format!("/models/{at}/id"), model.id.as_str())),
        problems,
    );
    for (at, model) in config.models.iter().enumerate() {
        if model.id == "default" {
            let message = "is what clients write for the model of their project; choose another id";
            problems.push(Problem::new(format!("/models/{at}/id"), message));
        }
        for (index, target) in model.targets.iter().enumerate() {
            let known = || config.providers.iter().map(|provider| provider.name.as_str());
            let at = format!("/models/{at}/targets/{index}/provider");
            known_name(&at, "provider", &target.provider, known, problems);
        }
    }
    if let Some(model) = &config.default_model {
        known_model("/default_model", config, model, problems);
    }
}

/// Reports a model that the file does not declare.
pub(super) fn known_model(at: &str, config: &Config, model: &str, problems: &mut Vec<Problem>) {
    let known = || config.models.iter().map(|model| model.id.as_str());
    known_name(at, "model", model, known, problems);
}

/// Reports a guardrail that the file does not declare.
pub(super) fn known_guardrail(at: &str, config: &Config, name: &str, problems: &mut Vec<Problem>) {
    let known = || config.guardrails.iter().map(|guardrail| guardrail.name.as_str());
    known_name(at, "guardrail", name, known, problems);
}

/// Reports a name that is not among the known ones.
fn known_name<'a, K: Iterator<Item = &'a str>>(
    at: &str,
    what: &str,
    name: &str,
    known: impl Fn() -> K,
    problems: &mut Vec<Problem>,
) {
    if known().any(|other| other == name) {
        return;
    }
    let hint = match nearest(name, known()) {
        Some(meant) => format!("did you mean {meant:?}?"),
        None => match known().take(LISTED_MAX).collect::<Vec<_>>() {
            names if names.is_empty() => "the file declares none".into(),
            names => format!("known: {}", names.join(", ")),
        },
    };
    problems.push(Problem::new(at, format!("unknown {what} {name:?}; {hint}")));
}

/// No error lists more names than this.
const LISTED_MAX: usize = 20;

/// Reports every name that was given before.
pub(super) fn unique<'a>(
    what: &str,
    names: impl Iterator<Item = (String, &'a str)>,
    problems: &mut Vec<Problem>,
) {
    let mut seen: HashSet<&str> = HashSet::new();
    for (at, name) in names {
        if !seen.insert(name) {
            problems.push(Problem::new(at, format!("{what} {name:?} is declared twice")));
        }
    }
}
