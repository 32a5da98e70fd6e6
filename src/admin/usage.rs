//! `usage`: what the ledger's rows add up to.

use super::answer::{self, Answer};
use super::call::Call;
use super::known;
use super::refusal::Refusal;
use crate::routes::usage::window::{Query, Window, invalid};
use crate::routes::usage::{report, side, total};
use behest_contract::book::{Side, Sum, UsageQuery};
use behest_contract::directory::Failure;
use futures::future::try_join_all;
use serde_json::Value;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A step of time, and what its sums are told apart by.
type Place = (Duration, SmallVec<[Option<Box<str>>; 2]>);

/// `GET usage`
pub(super) async fn show(call: Call) -> Result<Answer, Refusal> {
    // As the data listener reads it: a plus sign stays one, in a time's offset and in a user's id.
    let query = Query::parse(call.query.raw())?;
    let window = Window::of(&query, call.house.clock.unix())?;
    let step = window.step(&query)?;
    let group = query.text("group_by").map(group).transpose()?;
    let book = &call.house.fixtures.book;
    let answers = tenants(&call, &query)?.into_iter().map(|tenant| {
        book.usage(UsageQuery {
            tenant,
            project: query.text("project").map(Arc::from),
            user: query.text("user_id").map(Box::from),
            time: window.time.clone(),
            step: Some(step),
            sides: group.iter().map(|(side, _)| *side).collect(),
        })
    });
    let sums = merged(try_join_all(answers).await.map_err(unreadable)?);
    let told = report(&window, &sums, group.map(|(_, member)| member));
    Ok(answer::ok(&Value::Object(told)))
}

/// The ledger cannot be read now.
pub(super) fn unreadable(failure: Failure) -> Refusal {
    Refusal::unavailable(format!("the ledger: {failure}"))
}

/// Whose usage is asked for: a tenant's, that of a project's tenant, or that of all tenants there are.
fn tenants(call: &Call, query: &Query) -> Result<Vec<Arc<str>>, Refusal> {
    let snapshot = call.snapshot();
    Ok(match (query.text("tenant"), query.text("project")) {
        (Some(tenant), _) => vec![tenant.into()],
        (None, Some(project)) => vec![known::project(&snapshot, project)?.tenant().into()],
        (None, None) => known::tenants(&snapshot).into_keys().map(Arc::from).collect(),
    })
}

fn group(word: &str) -> Result<(Side, &'static str), Refusal> {
    let bucket = Some((Side::Bucket, "bucket")).filter(|_| word == "bucket");
    let message = "group_by is one of user, session, model, key and bucket.";
    side(word).or(bucket).ok_or_else(|| invalid("group_by", message).into())
}

/// The sums of several tenants as one, in the order of time and sides.
fn merged(mut answers: Vec<Vec<Sum>>) -> Vec<Sum> {
    if answers.len() < 2 {
        return answers.pop().unwrap_or_default();
    }
    let mut all: BTreeMap<Place, Sum> = BTreeMap::new();
    for sum in answers.into_iter().flatten() {
        let place = (sum.at, sum.sides.clone());
        let so_far = all.remove(&place).unwrap_or_default();
        all.insert(place, total([&so_far, &sum]));
    }
    let placed = all.into_iter().map(|((at, sides), sum)| Sum { at, sides, ..sum });
    placed.collect()
}

#[cfg(test)]
mod tests {
    use super::{group, merged};
    use behest_contract::book::{Side, Sum};
    use smallvec::smallvec;
    use std::time::Duration;

    fn sum(at: u64, side: Option<&str>, requests: u64) -> Sum {
        let sides = smallvec![side.map(Box::from)];
        Sum { at: Duration::from_secs(at), sides, requests, ..Sum::default() }
    }

    #[test]
    fn sums_of_several_tenants_are_one_by_step_and_side() {
        let one = vec![sum(0, Some("b"), 1), sum(60, None, 2)];
        let other = vec![sum(0, Some("a"), 4), sum(0, Some("b"), 8)];
        let all = vec![sum(0, Some("a"), 4), sum(0, Some("b"), 9), sum(60, None, 2)];
        assert_eq!(merged(vec![one.clone(), other]), all);
        assert_eq!(merged(vec![one.clone()]), one);
        assert_eq!(merged(Vec::new()), []);
    }

    #[test]
    fn usage_is_grouped_by_what_rows_have() {
        assert_eq!(group("user").unwrap(), (Side::User, "user_id"));
        assert_eq!(group("bucket").unwrap(), (Side::Bucket, "bucket"));
        assert!(group("project").is_err() && group("").is_err());
    }
}
