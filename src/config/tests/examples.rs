//! The folder `conf` and the schema.

use serde_json::{Value, json};

use super::super::Config;
use super::{conf, environment, errors};

#[test]
fn every_example_file_is_right_and_says_what_it_is() {
    let mut count = 0;
    for entry in std::fs::read_dir(conf("")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let base = path.parent().unwrap();
        let read = super::super::read::checked(&text, base, &environment, true);
        read.unwrap_or_else(|errors| panic!("{}: {errors:?}", path.display()));
        let mut lines = text.lines();
        let first = lines.next().unwrap();
        assert!(first.starts_with("# ") && first.ends_with('.'), "{first}");
        assert!(lines.next().unwrap().starts_with("# yaml-language-server: $schema="));
        count += 1;
    }
    assert!(count >= 5);
}

/// The reference file with the fields of rooms that are not built yet as if they were.
fn reference_with_all_fields() -> String {
    let text = std::fs::read_to_string(conf("reference.yaml")).unwrap();
    let all = text.replace("# (not built yet) ", "").replace("# ca:", "ca:");
    let redis = all.replace("  engine: embedded", "  # engine: embedded");
    redis
        .replace("# engine: redis", "engine: redis")
        .replace("# url: \"env:REDIS", "url: \"env:REDIS")
}

#[test]
fn the_reference_file_shows_every_field() {
    let text = reference_with_all_fields();
    let document = super::super::document::Document::parse(&text).ok().unwrap();
    let rules = super::super::violations::Rules::new(Config::json_schema()).unwrap();
    let violations = rules.violations(&document.value);
    assert_eq!(violations.problems, []);
    let schema = Config::json_schema();
    let mut missing = Vec::new();
    compare(&schema, &schema, Some(&document.value), "", &mut missing);
    assert_eq!(missing, Vec::<String>::new());
    // Nothing is wrong with those fields but that they are not built yet, and what they name not there.
    let found = errors(&text);
    let expected = ["does not have it yet", ".ca: file", "master_key: is not there"];
    let is_expected = |line: &&String| expected.iter().any(|part| line.contains(part));
    assert_eq!(found.iter().filter(is_expected).count(), found.len(), "{found:#?}");
    assert!(found.len() >= 5);
}

/// Collects the fields of a schema that a document does not show.
fn compare(
    schema: &Value,
    rule: &Value,
    shown: Option<&Value>,
    at: &str,
    missing: &mut Vec<String>,
) {
    let rule = match rule.get("$ref").and_then(Value::as_str) {
        Some(reference) => schema.pointer(reference.trim_start_matches('#')).unwrap(),
        None => rule,
    };
    if let Some(items) = rule.get("items") {
        compare(schema, items, shown.and_then(|list| list.get(0)), &format!("{at}[]"), missing);
    }
    for (name, below) in rule.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let at = format!("{at}.{name}");
        match shown.and_then(|shown| shown.get(name)) {
            Some(shown) => compare(schema, below, Some(shown), &at, missing),
            None => missing.push(at),
        }
    }
}

#[test]
fn the_schema_is_valid_and_tells_what_fields_are_for() {
    let schema = Config::json_schema();
    assert!(jsonschema::meta::is_valid(&schema));
    assert_eq!(schema["$schema"], json!("https://json-schema.org/draft/2020-12/schema"));
    assert_eq!(schema["additionalProperties"], json!(false));
    assert_eq!(schema["properties"]["heartbeat"]["default"], json!("15s"));
    let text = schema.to_string();
    assert!(!text.contains("\"null\"") && !text.contains("anyOf") && !text.contains("oneOf"));
    let mut undescribed = Vec::new();
    let sections = schema["$defs"].as_object().unwrap().iter();
    for (section, rule) in sections.chain([(&"".to_owned(), &schema)]) {
        for (name, field) in rule["properties"].as_object().into_iter().flatten() {
            if field["description"].as_str().is_none_or(str::is_empty) {
                undescribed.push(format!("{section}.{name}"));
            }
        }
    }
    assert_eq!(undescribed, Vec::<String>::new());
}
