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
    let items = |name: &str| answer.get(name).and_then(Value::as_array);
    match output {
        Output::Json => format!("{answer:#}"),
        Output::Table => match (items("data"), items("breakdown")) {
            (Some(data), _) => list(data, columns),
            (None, Some(steps)) => sums(steps, answer.get("totals").unwrap_or(&Value::Null)),
            (None, None) => object(answer),
        },
    }
}

fn list(items: &[Value], columns: &[&str]) -> String {
    let head = columns.iter().map(|name| Cell::head(name)).collect();
    let row = |item: &Value| columns.iter().map(|name| Cell::of(item.get(*name))).collect();
    aligned(&[head].into_iter().chain(items.iter().map(row)).collect::<Vec<_>>())
}

/// Sums with a row for each step and one for all of it. First stands what tells the steps apart.
fn sums(steps: &[Value], totals: &Value) -> String {
    let summed = names(totals);
    let mut sides = steps.first().map_or_else(|| vec!["timestamp"], names);
    sides.retain(|name| !summed.contains(name));
    let columns: Vec<&str> = sides.iter().chain(&summed).copied().collect();
    let head = columns.iter().map(|name| Cell::head(name)).collect();
    let row = |step: &Value| columns.iter().map(|name| Cell::of(step.get(*name))).collect();
    let lead = (0..sides.len()).map(|at| Cell::text(if at == 0 { "total" } else { "" }));
    let total = lead.chain(summed.iter().map(|name| Cell::of(totals.get(*name)))).collect();
    let rows = [head].into_iter().chain(steps.iter().map(row)).chain([total]);
    aligned(&rows.collect::<Vec<_>>())
}

fn names(of: &Value) -> Vec<&str> {
    of.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

fn object(answer: &Value) -> String {
    let mut rows = Vec::new();
    tell("", answer, &mut rows);
    aligned(&rows)
}

/// A row for each value, its name with those of what it is in: `limits.requests_per_minute`.
fn tell(name: &str, value: &Value, rows: &mut Vec<Vec<Cell>>) {
    let inner = |part: &str| {
        if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") }
    };
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().for_each(|(part, value)| tell(&inner(part), value, rows));
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            let items = items.iter().enumerate();
            items.for_each(|(at, value)| tell(&inner(&at.to_string()), value, rows));
        }
        // To the left like all others: a column of texts and numbers is none of numbers.
        value => rows.push(vec![Cell::text(name), Cell::text(&Cell::of(Some(value)).text)]),
    }
}

/// A part of a row.
struct Cell {
    text: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    /// Stands at the right, below others.
    Number,
    /// Whatever its column is.
    Any,
}

impl Cell {
    fn text(text: &str) -> Self {
        Self { text: text.to_owned(), kind: Kind::Text }
    }

    fn head(name: &str) -> Self {
        Self { text: name.to_uppercase(), kind: Kind::Any }
    }

    fn of(value: Option<&Value>) -> Self {
        match value {
            None | Some(Value::Null) => Self { text: "-".to_owned(), kind: Kind::Any },
            Some(Value::String(text)) => Self::text(text),
            Some(Value::Number(number)) => {
                // Written in full: money may be a millionth.
                let fraction = number.as_f64().filter(|_| number.is_f64());
                let text = fraction.map_or_else(|| number.to_string(), |number| number.to_string());
                Self { text, kind: Kind::Number }
            }
            Some(Value::Array(items)) => {
                let items = items.iter().map(|item| Self::of(Some(item)).text);
                Self::text(&items.collect::<Vec<_>>().join(","))
            }
            Some(Value::Object(members)) if members.is_empty() => Self::text("-"),
            Some(value) => Self::text(&value.to_string()),
        }
    }

    /// The digits after the point.
    fn decimals(&self) -> usize {
        self.text.split_once('.').map_or(0, |(_, digits)| digits.len())
    }
}

/// How a column is written.
struct Column {
    width: usize,
    /// The most digits after the point, if all that is in it are numbers.
    decimals: Option<usize>,
}

impl Column {
    fn of<'c>(cells: impl Iterator<Item = &'c Cell> + Clone) -> Self {
        let numbers = cells.clone().filter(|cell| cell.kind == Kind::Number);
        let is_of_texts = cells.clone().any(|cell| cell.kind == Kind::Text);
        let decimals = numbers.map(Cell::decimals).max().filter(|_| !is_of_texts);
        let mut column = Self { width: 0, decimals };
        column.width = cells.map(|cell| column.written(cell).chars().count()).max().unwrap_or(0);
        column
    }

    /// With as many digits after the point as the others have, so that the points stand in one line. A whole
    /// number has no point, and room for one.
    fn written(&self, cell: &Cell) -> String {
        let most = self.decimals.filter(|_| cell.kind == Kind::Number).unwrap_or(0);
        let rest = match cell.decimals() {
            0 if most > 0 => " ".repeat(1 + most),
            decimals => "0".repeat(most.saturating_sub(decimals)),
        };
        format!("{}{rest}", cell.text)
    }

    fn aligned(&self, cell: &Cell) -> String {
        let (text, width) = (self.written(cell), self.width);
        if self.decimals.is_some() { format!("{text:>width$}") } else { format!("{text:width$}") }
    }
}

fn aligned(rows: &[Vec<Cell>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let column = |at: usize| Column::of(rows.iter().filter_map(move |row| row.get(at)));
    let columns: Vec<Column> = (0..count).map(column).collect();
    let line = |row: &Vec<Cell>| {
        let cells = row.iter().zip(&columns).map(|(cell, column)| column.aligned(cell));
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
        let answer = json!({
            "id": "a", "models": ["m", "n"], "limits": { "rpm": 1, "day": { "usd": 0.5 } }, "pii": {},
            "findings": [{ "entity": "X", "start": 3 }], "model": null,
        });
        assert_eq!(
            told(&answer, Output::Table, &[]),
            "id                 a\n\
             models             m,n\n\
             limits.rpm         1\n\
             limits.day.usd     0.5\n\
             pii                -\n\
             findings.0.entity  X\n\
             findings.0.start   3\n\
             model              -"
        );
        assert_eq!(told(&json!({ "a": 1 }), Output::Json, &[]), "{\n  \"a\": 1\n}");
    }

    #[test]
    fn usage_is_a_row_for_each_step_and_one_for_all_with_numbers_below_one_another() {
        let sums = |requests: u32, usd: f64| json!({ "requests": requests, "cost_usd": usd });
        let step = |day: &str, model: Option<&str>, requests, usd| {
            let mut step = sums(requests, usd);
            step["timestamp"] = json!(day);
            step["model"] = json!(model);
            step
        };
        let answer = json!({
            "window": { "from": "2030-01-01T00:00:00Z", "to": "2030-02-01T00:00:00Z" },
            "totals": sums(1201, 12.500001),
            "breakdown": [
                step("2030-01-01", Some("m"), 1200, 12.5),
                step("2030-01-02", None, 1, 0.000001),
            ],
        });
        assert_eq!(
            told(&answer, Output::Table, &[]),
            "TIMESTAMP   MODEL  REQUESTS   COST_USD\n\
             2030-01-01  m          1200  12.500000\n\
             2030-01-02  -             1   0.000001\n\
             total                  1201  12.500001"
        );
        let nothing = json!({ "totals": sums(0, 0.0), "breakdown": [] });
        let table = told(&nothing, Output::Table, &[]);
        assert_eq!(table, "TIMESTAMP  REQUESTS  COST_USD\ntotal             0         0");
    }
}
