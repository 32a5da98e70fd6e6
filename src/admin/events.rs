//! `events`: what the guardrails have found.

use super::answer::Answer;
use super::call::Call;
use super::page::Page;
use super::refusal::Refusal;
use crate::ports::told;
use behest_contract::events::EventQuery;

/// `GET events`
pub(super) async fn list(call: Call) -> Result<Answer, Refusal> {
    let page = Page::of(&call.query)?;
    let before =
        page.after.as_deref().map(|number| number.parse().map_err(|_| Page::wrong_cursor()));
    let query = EventQuery {
        project: call.query.text("project").map(Into::into),
        kind: call.query.text("type").map(Into::into),
        before: before.transpose()?,
        ..EventQuery::newest(page.limit + 1)
    };
    let mut found = call.house.fixtures.events.list(query).await?;
    let has_more = found.len() > page.limit;
    found.truncate(page.limit);
    let last = found.last().filter(|_| has_more).map(|record| record.number.to_string());
    Ok(Page::told(found.iter().map(told).collect(), last.as_deref()))
}
