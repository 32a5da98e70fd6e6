//! `audit`

use super::answer::Answer;
use super::call::Call;
use super::page::Page;
use super::refusal::Refusal;
use behest_contract::directory::AuditRecord;
use jiff::Timestamp;
use serde_json::{Value, json};

/// `GET audit`
pub(super) async fn list(call: Call) -> Result<Answer, Refusal> {
    let page = Page::of(&call.query)?;
    let before =
        page.after.as_deref().map(|number| number.parse().map_err(|_| Page::wrong_cursor()));
    let lines = call.house.fixtures.directory.audit(before.transpose()?, page.limit + 1);
    let mut lines = lines.await?;
    let has_more = lines.len() > page.limit;
    lines.truncate(page.limit);
    let last = lines.last().filter(|_| has_more).map(|line| line.number.to_string());
    Ok(Page::told(lines.iter().map(shape).collect(), last.as_deref()))
}

fn shape(record: &AuditRecord) -> Value {
    let told: Value = serde_json::from_slice(&record.line.body).unwrap_or_default();
    let at = i64::try_from(record.line.at_ms).ok();
    json!({
        "id": record.number,
        "time": at.and_then(|at| Timestamp::from_millisecond(at).ok()),
        "action": told.get("action"),
        "object": told.get("object"),
        "source": told.get("source"),
    })
}
