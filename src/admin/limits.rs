//! `projects/{id}/limits`: where a project stands, and an end user and a session of it.

use super::answer::{self, Answer};
use super::call::Call;
use super::refusal::Refusal;
use super::users::USER_CHARS_MAX;
use super::{known, tiers};
use crate::routes::usage::dollars;
use crate::snapshot::budgets_of;
use behest_quota::{Party, Standing};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// `GET projects/{id}/limits`
pub(super) async fn show(call: Call) -> Result<Answer, Refusal> {
    let snapshot = call.snapshot();
    let project = known::project(&snapshot, call.id(0))?;
    let settings = project.settings();
    let (user, session) = (name(&call, "user_id")?, name(&call, "session_id")?);
    let tier = match call.query.text("tier") {
        Some(tier) => Some(tiers::named(settings, tier)?),
        None => settings.default_tier.as_deref().map(Arc::from),
    };
    let fixtures = &call.house.fixtures;
    let (purse, clock) = (fixtures.purse.clone(), fixtures.clock.clone());
    let budgets = budgets_of(&snapshot.config, settings, purse, clock);
    let (tenant, id) = (Arc::from(project.tenant()), Arc::from(call.id(0)));
    let party = Party {
        tenant: &tenant,
        project: &id,
        user,
        tier: tier.as_deref(),
        session: session.unwrap_or_default(),
        key: &id,
    };
    let standings = budgets.standings(&party, &call.house.next_request_id()).await;
    let standings = standings.map_err(|why| Refusal::unavailable(format!("limits: {why}")))?;
    Ok(answer::ok(&json!({
        "project": id,
        "user_id": user,
        "session_id": session,
        "tier": user.and(tier.as_deref()),
        "data": standings.iter().map(shape).collect::<Vec<_>>(),
    })))
}

/// Who is asked for, if anybody is.
fn name<'c>(call: &'c Call, parameter: &str) -> Result<Option<&'c str>, Refusal> {
    let name = call.query.text(parameter);
    if name.is_some_and(|name| !(1..=USER_CHARS_MAX).contains(&name.chars().count())) {
        let message = format!("{parameter} must have 1 to {USER_CHARS_MAX} characters.");
        return Err(Refusal::wrong(parameter, message));
    }
    Ok(name)
}

fn shape(standing: &Standing) -> Value {
    let unit = standing.layer.unit();
    let amount = |of: u64| if unit == "usd" { json!(dollars(of)) } else { json!(of) };
    let resets_at = standing.resets_at.and_then(|at| i64::try_from(at.as_secs()).ok());
    json!({
        "layer": standing.layer.label(),
        "scope": standing.layer.scope_label(),
        "unit": unit,
        "limit": amount(standing.limit),
        "used": amount(standing.used),
        "remaining": amount(standing.remaining()),
        "resets_at": resets_at.and_then(|at| Timestamp::from_second(at).ok()),
    })
}
