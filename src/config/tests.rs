//! Wrong files and what is said about them, right files and what comes out.

use std::path::Path;

use super::*;

mod defaults;
mod examples;
mod fitting;
mod guardrails;
mod reports;
mod secrets;
mod shape;
mod values;
mod yaml;

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
