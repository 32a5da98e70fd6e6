//! `projects/{id}/redact`: what a project's policy makes of a text.

use super::answer::{self, Answer};
use super::call::Call;
use super::refusal::Refusal;
use super::users::USER_CHARS_MAX;
use super::{known, tiers};
use crate::trial::tried;
use behest_pii::Owner;
use std::convert::Infallible;

/// `POST projects/{id}/redact`
pub(super) async fn try_out(call: Call) -> Result<Answer, Refusal> {
    let mut body = call.members()?;
    let text = body.needed_text("text")?;
    let tier = body.text("tier")?.flatten();
    let user = body.text("user_id")?.flatten();
    body.end()?;
    if user.as_ref().is_some_and(|user| !(1..=USER_CHARS_MAX).contains(&user.chars().count())) {
        let message = format!("user_id must have 1 to {USER_CHARS_MAX} characters.");
        return Err(Refusal::wrong("user_id", message));
    }
    let snapshot = call.snapshot();
    let project = known::project(&snapshot, call.id(0))?;
    let tier = tier.map(|tier| tiers::named(project.settings(), &tier)).transpose()?;
    let policies = &snapshot.guardrails.policies;
    let shield = policies.shield(call.id(0), tier.as_deref());
    let sentinel = policies.sentinel(call.id(0), tier.as_deref());
    let owner = Owner {
        tenant: project.tenant().into(),
        project: call.id(0).into(),
        user: user.map(String::into_boxed_str),
    };
    let mac = call.house.fixtures.pii.mac.clone();
    // A project's own patterns may take their time.
    let told = call
        .made(move || Ok::<_, Infallible>(tried(shield, sentinel.as_deref(), mac, owner, &text)));
    Ok(answer::ok(&told.await?))
}
