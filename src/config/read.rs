//! From text to a checked configuration: YAML, then shape, then meaning. A later step also runs on
//! what an earlier one left whole, so that one run reports as much as it can.

use std::io::Read;
use std::path::Path;

use serde_json::Value;

use super::document::{Document, Problem, Unreadable, unescaped};
use super::violations::{Rules, Violations};
use super::{Config, ConfigError, ConfigErrors, Env, built, check, check_tenants, resolve, schema};

/// Reads the file that a gateway is to be run with.
pub(super) fn load(path: &Path, env: Env<'_>) -> Result<Config, ConfigErrors> {
    let file_name = path.display().to_string();
    let text = read_text(path).map_err(|error| {
        let message = format!("cannot be read: {error}");
        ConfigErrors::new(
            &file_name,
            vec![ConfigError { path: String::new(), line: None, message }],
        )
    })?;
    let base = path.parent().unwrap_or(Path::new(""));
    checked(&text, base, env, true).map_err(|errors| ConfigErrors::new(&file_name, errors))
}

/// Reads a text, which need not hold enough to be served.
pub(super) fn parse(
    text: &str,
    file_name: &str,
    base: &Path,
    env: Env<'_>,
) -> Result<Config, ConfigErrors> {
    checked(text, base, env, false).map_err(|errors| ConfigErrors::new(file_name, errors))
}

fn read_text(path: &Path) -> std::io::Result<String> {
    // One byte more than a document may have, so that a longer one is reported and not cut.
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(Document::TEXT_BYTES_MAX as u64 + 1)
        .read_to_string(&mut text)?;
    Ok(text)
}

pub(super) fn checked(
    text: &str,
    base: &Path,
    env: Env<'_>,
    served: bool,
) -> Result<Config, Vec<ConfigError>> {
    let document = Document::parse(text)
        .map_err(|found| found.into_iter().map(from_unreadable).collect::<Vec<_>>())?;
    let rules = Rules::new(schema::json_schema())
        .map_err(|message| vec![ConfigError { path: String::new(), line: None, message }])?;
    let (violations, config) = shaped(&rules, document.value.clone());
    let mut problems = violations.problems;
    if let Some(mut config) = config {
        let mut found = Vec::new();
        resolve::resolve(&mut config, base, env, &mut found);
        check::check(&config, served, &mut found);
        check_tenants::check(&config, &mut found);
        built::check(&config, &mut found);
        found
            .retain(|problem| !violations.flawed.iter().any(|flawed| touches(flawed, &problem.at)));
        problems.extend(found);
        if problems.is_empty() {
            return Ok(config);
        }
    }
    Err(problems.into_iter().map(|problem| from_problem(&document, problem)).collect())
}

/// Applies the schema, then makes what is left whole into a configuration.
fn shaped(rules: &Rules, mut value: Value) -> (Violations, Option<Config>) {
    // `api_keys:` with nothing but comments below it is as good as left out.
    for pointer in rules.violations(&value).empty {
        remove_member(&mut value, &pointer);
    }
    let mut violations = rules.violations(&value);
    if violations.section_lost {
        return (violations, None);
    }
    for pointer in &violations.flawed {
        match stand_in(pointer) {
            Some(stand_in) => replace_member(&mut value, pointer, stand_in),
            None => remove_member(&mut value, pointer),
        }
    }
    match serde_json::from_value::<Config>(value) {
        Ok(config) => (violations, Some(config)),
        Err(error) => {
            if violations.problems.is_empty() {
                violations.problems.push(Problem::new("", error.to_string()));
            }
            (violations, None)
        }
    }
}

/// Takes a member out of its section. Entries of lists stay: the places of those behind them would
/// change.
fn remove_member(value: &mut Value, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    if let Some(Value::Object(members)) = value.pointer_mut(parent) {
        members.shift_remove(&unescaped(name));
    }
}

/// Something in place of a flawed member that must not be missing, so that the rest can be checked.
/// What is said about the stand-in itself is left out afterwards.
fn stand_in(pointer: &str) -> Option<Value> {
    match pointer.rsplit('/').next()? {
        "base_url" => Some("http://flawed.invalid".into()),
        "url" if pointer.starts_with("/guardrails/") => Some("http://flawed.invalid".into()),
        "secret" => Some("env:FLAWED".into()),
        "id" | "name" | "provider" | "model" => Some(pointer.into()),
        "input" | "output" => Some(1.into()),
        "targets" => Some(Value::Array(Vec::new())),
        _ => None,
    }
}

fn replace_member(value: &mut Value, pointer: &str, with: Value) {
    if let Some(member) = value.pointer_mut(pointer) {
        *member = with;
    }
}

/// Whether one of two parts holds the other, or they are the same.
fn touches(a: &str, b: &str) -> bool {
    let holds = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    !a.is_empty() && (holds(a, b) || holds(b, a))
}

fn from_unreadable(found: Unreadable) -> ConfigError {
    ConfigError { path: found.path, line: found.line, message: found.message }
}

fn from_problem(document: &Document, problem: Problem) -> ConfigError {
    ConfigError {
        path: document.path(&problem.at),
        line: document.line(&problem.at),
        message: problem.message,
    }
}
