//! `events`: what the guardrails have found.

use super::answer::Answer;
use super::call::Call;
use super::page::Page;
use super::refusal::Refusal;
use serde_json::{Map, Value, json};

/// `GET events`
pub(super) fn list(call: &Call) -> Result<Answer, Refusal> {
    let page = Page::of(&call.query)?;
    let before =
        page.after.as_deref().map(|number| number.parse().map_err(|_| Page::wrong_cursor()));
    let (project, kind) = (call.query.text("project"), call.query.text("type"));
    let events = &call.house.fixtures.events;
    let mut found = events.list(before.transpose()?, page.limit + 1, |event| {
        project.is_none_or(|project| *event.project_id == *project)
            && kind.is_none_or(|kind| event.kind == kind)
    });
    let has_more = found.len() > page.limit;
    found.truncate(page.limit);
    let last = found.last().filter(|_| has_more).map(|(number, _)| number.to_string());
    Ok(Page::told(found.into_iter().map(shape).collect(), last.as_deref()))
}

/// The record as it is kept, and the number by which it is paged.
fn shape((number, event): (u64, Value)) -> Value {
    let mut told = Map::new();
    told.insert("id".to_owned(), json!(number));
    if let Value::Object(event) = event {
        told.extend(event);
    }
    Value::Object(told)
}
