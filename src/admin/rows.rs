//! `usage/rows`: the ledger's rows themselves, as JSON or CSV.

use super::answer::{self, Answer};
use super::call::Call;
use super::page::Page;
use super::refusal::Refusal;
use super::usage::unreadable;
use crate::routes::usage::dollars;
use crate::routes::usage::window::{Query, Window};
use behest_contract::book::{Row, RowQuery};
use csv::{Terminator, WriterBuilder};
use http::{HeaderName, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::sync::Arc;

const CSV: &str = "text/csv; charset=utf-8; header=present";

/// Where the cursor stands that a table has no place for.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
}

/// `GET usage/rows`
pub(super) async fn list(call: Call) -> Result<Answer, Refusal> {
    let format = format(call.query.text("format"))?;
    let page = Page::of(&call.query)?;
    let query = Query::parse(call.query.raw())?;
    let rows = call.house.fixtures.book.rows(RowQuery {
        tenant: query.text("tenant").map(Arc::from),
        project: query.text("project").map(Arc::from),
        user: query.text("user_id").map(Box::from),
        time: Window::of(&query, call.house.clock.unix())?.time,
        after: page.after.as_deref().map(place).transpose()?,
        limit: page.limit + 1,
    });
    let mut rows = rows.await.map_err(unreadable)?;
    let has_more = rows.len() > page.limit;
    rows.truncate(page.limit);
    let last = rows.last().filter(|_| has_more).map(|row| format!("{}:{}", row.at_ms, row.id));
    match format {
        Format::Json => {
            let rows = rows.iter().map(|row| Value::Object(members(row)));
            Ok(Page::told(rows.collect(), last.as_deref()))
        }
        Format::Csv => {
            let table = table(&rows).map_err(Refusal::unavailable)?;
            let answer = answer::bytes(StatusCode::OK, CSV, table);
            Ok(match last {
                Some(last) => answer::with(answer, NEXT_CURSOR, &Page::cursor(&last)),
                None => answer,
            })
        }
    }
}

fn format(word: Option<&str>) -> Result<Format, Refusal> {
    match word {
        None | Some("json") => Ok(Format::Json),
        Some("csv") => Ok(Format::Csv),
        Some(_) => Err(Refusal::wrong("format", "format is one of json and csv.")),
    }
}

/// The row that a cursor names.
fn place(cursor: &str) -> Result<(u64, Arc<str>), Refusal> {
    let place = cursor.split_once(':').and_then(|(at, id)| Some((at.parse().ok()?, id.into())));
    place.ok_or_else(Page::wrong_cursor)
}

/// A row as it is told; its members are the columns.
fn members(row: &Row) -> Map<String, Value> {
    let at = i64::try_from(row.at_ms).ok();
    let told = json!({
        "id": row.id,
        "time": at.and_then(|at| Timestamp::from_millisecond(at).ok()),
        "tenant": row.tenant,
        "project": row.project,
        "user_id": row.user,
        "session_id": row.session,
        "thread_id": row.thread,
        "key_id": row.key,
        "model": row.model,
        "provider": row.provider,
        "bucket": row.bucket,
        "status": row.status,
        "ending": row.ending,
        "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens,
        "cached_tokens": row.cached_tokens,
        "reasoning_tokens": row.reasoning_tokens,
        "cost_usd": row.micro_usd.map(dollars),
        "latency_ms": row.latency_ms,
        "first_byte_ms": row.first_byte_ms,
        "attempts": row.attempts,
        "estimated": row.estimated,
        "overrun": row.overrun,
    });
    match told {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// What formulas begin with, in any spreadsheet.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A table with a header line (RFC 4180).
fn table(rows: &[Row]) -> Result<Vec<u8>, csv::Error> {
    let mut out = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    out.write_record(members(&Row::default()).keys())?;
    for row in rows {
        out.write_record(members(row).values().map(cell))?;
    }
    out.into_inner().map_err(|error| error.into_error().into())
}

/// What is not known is empty, and numbers have no exponent. A text that a spreadsheet would take for a
/// formula is marked as a text: end users' apps choose ids.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.starts_with(FORMULA_STARTS) => format!("'{text}"),
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => number.as_f64().unwrap_or_default().to_string(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{format, members, place, table};
    use behest_contract::book::Row;

    #[test]
    fn a_table_has_a_header_line_and_quotes_what_must_be() {
        let row = Row {
            id: "r-1".into(),
            at_ms: 1_795_525_200_123,
            user: Some("a \"b\",\nc".into()),
            micro_usd: Some(15),
            ..Row::default()
        };
        let text = String::from_utf8(table(&[row]).unwrap()).unwrap();
        let (head, row) = text.split_once("\r\n").unwrap();
        assert!(head.starts_with("id,time,tenant,project,user_id,"), "{head}");
        assert_eq!(
            row,
            "r-1,2026-11-24T13:00:00.123Z,,,\"a \"\"b\"\",\nc\",,,,,,platform,0,,0,0,0,0,0.000015,0,,0,\
             false,false\r\n"
        );
        assert_eq!(table(&[]).unwrap(), format!("{head}\r\n").into_bytes());
    }

    #[test]
    fn no_id_is_a_formula_in_a_spreadsheet() {
        for (user, written) in [
            ("=cmd|\"x\",y", "\"'=cmd|\"\"x\"\",y\""),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("a=1", "a=1"),
            ("1-2", "1-2"),
            ("'=1", "'=1"),
        ] {
            let row = Row { user: Some(user.into()), ..Row::default() };
            assert_eq!(members(&row)["user_id"], user, "in JSON it is what it is");
            let text = String::from_utf8(table(&[row]).unwrap()).unwrap();
            let row = text.split_once("\r\n").unwrap().1;
            assert!(row.contains(&format!(",{written},")), "{user}: {row}");
        }
    }

    #[test]
    fn an_unknown_price_is_not_nothing() {
        assert!(members(&Row::default())["cost_usd"].is_null());
        assert_eq!(members(&Row { micro_usd: Some(0), ..Row::default() })["cost_usd"], 0.0);
    }

    #[test]
    fn cursors_and_formats_are_checked() {
        assert_eq!(place("12:a:b").unwrap(), (12, "a:b".into()));
        assert!(place("x:a").is_err() && place("12").is_err());
        assert!(format(Some("xml")).is_err() && format(Some("")).is_err());
    }
}
