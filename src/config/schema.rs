//! The file's JSON Schema, derived from the types and made simpler for people and editors.

use serde_json::{Value, json};

use super::Config;

/// The schema of [`Config`], draft 2020-12.
pub(super) fn json_schema() -> Value {
    let mut schema = schemars::schema_for!(Config).to_value();
    simplify(&mut schema);
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".into(), json!("Configuration of the behest gateway"));
    }
    schema
}

/// Says "optional" by leaving out, not by `null`, and a choice of words as one `enum`. Both give
/// shorter errors, and editors offer more.
fn simplify(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(simplify),
        Value::Object(members) => {
            members.values_mut().for_each(simplify);
            drop_null(members);
            join_words(members);
            members.retain(|name, value| !is_noise(name, value));
        }
        _ => {}
    }
}

fn drop_null(schema: &mut serde_json::Map<String, Value>) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".into(), only);
        }
    }
    let Some(Value::Array(choices)) = schema.get_mut("anyOf") else { return };
    choices.retain(|choice| choice != &json!({ "type": "null" }));
    if let [Value::Object(only)] = choices.as_slice() {
        let only = only.clone();
        schema.remove("anyOf");
        for (name, value) in only {
            schema.entry(name).or_insert(value);
        }
    }
}

/// Turns `oneOf` of constants, each with its description, into an `enum`.
fn join_words(schema: &mut serde_json::Map<String, Value>) {
    let Some(Value::Array(choices)) = schema.get("oneOf") else { return };
    let words: Option<Vec<Value>> =
        choices.iter().map(|choice| choice.get("const").cloned()).collect();
    let Some(words) = words else { return };
    schema.remove("oneOf");
    schema.insert("type".into(), json!("string"));
    schema.insert("enum".into(), Value::Array(words));
}

/// `default: null` says nothing, and Rust's number formats mean nothing to others.
fn is_noise(name: &str, value: &Value) -> bool {
    match name {
        "default" => value.is_null(),
        "format" => value.as_str().is_some_and(|name| name.starts_with("uint") || name == "double"),
        _ => false,
    }
}
