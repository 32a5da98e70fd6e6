//! How answers are printed.

use clap::ValueEnum;
use serde_json::Value;

/// How to print an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// The API's own answer.
    Json,
    /// Columns for people.
    Table,
}

/// An answer as text.
pub(super) fn told(answer: &Value, output: Output, columns: &[&str]) -> String {
    if let Value::String(table) = answer {
        return table.trim_end_matches(['\r', '\n']).to_owned();
    }
    match (output, answer.get("data").and_then(Value::as_array)) {
        (Output::Json, _) => format!("{answer:#}"),
        (Output::Table, Some(items)) => list(items, columns),
        (Output::Table, None) => object(answer),
    }
}

fn list(items: &[Value], columns: &[&str]) -> String {
    let head = columns.iter().map(|name| name.to_uppercase()).collect();
    let row = |item: &Value| columns.iter().map(|name| cell(item.get(*name))).collect();
    aligned(&[head].into_iter().chain(items.iter().map(row)).collect::<Vec<Vec<String>>>())
}

fn object(answer: &Value) -> String {
    let members = answer.as_object().into_iter().flatten();
    aligned(&members.map(|(name, value)| vec![name.clone(), cell(Some(value))]).collect::<Vec<_>>())
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
            let items = items.iter().filter_map(Value::as_str);
            items.collect::<Vec<_>>().join(",")
        }
        Some(value) => value.to_string(),
    }
}

fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Output, told};
    use serde_json::json;

    #[test]
    fn a_list_is_a_table_with_a_head() {
        let answer = json!({ "data": [
            { "id": "a", "models": ["m", "n"], "declared": true },
            { "id": "long-id", "models": null, "declared": false },
        ], "next_cursor": null });
        let table = told(&answer, Output::Table, &["id", "models", "declared"]);
        assert_eq!(
            table,
            "ID       MODELS  DECLARED\na        m,n     true\nlong-id  -       false"
        );
    }

    #[test]
    fn an_object_is_told_by_member_and_json_as_it_is() {
        let answer = json!({ "id": "a", "limits": { "rpm": 1 } });
        assert_eq!(told(&answer, Output::Table, &[]), "id      a\nlimits  {\"rpm\":1}");
        assert_eq!(told(&json!({ "a": 1 }), Output::Json, &[]), "{\n  \"a\": 1\n}");
    }
}
