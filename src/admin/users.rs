//! `projects/{id}/users/{user}`

use super::answer::{self, Answer};
use super::call::{Call, cut, without_old};
use super::known;
use super::refusal::Refusal;
use crate::directory::{Draft, Scope, UserEpochObject};
use behest_contract::directory::Expect;
use jiff::Timestamp;
use serde_json::json;
use std::time::Duration;

const USER_CHARS_MAX: usize = 255;

/// `POST projects/{id}/users/{user}/revoke`
pub(super) async fn revoke(call: Call) -> Result<Answer, Refusal> {
    let mut body = call.wishes()?;
    let ends_streams = body.flag("end_streams")?;
    body.end()?;
    let (project, user) = (call.id(0), call.id(1));
    if user.chars().count() > USER_CHARS_MAX {
        return Err(Refusal::missing("end user", user));
    }
    // Tokens say when they were issued in whole seconds: those of this second are refused too.
    let not_before = Duration::from_secs(call.house.clock.unix().as_secs() + 1);
    let epoch = UserEpochObject {
        project: project.to_owned(),
        user: user.to_owned(),
        not_before: Timestamp::UNIX_EPOCH + not_before,
    };
    let audit = call.audit("user.revoke", format!("projects/{project}/users/{user}"));
    let change = call.change(&audit, |snapshot| {
        let known = known::project(snapshot, project)?;
        let mut draft = known.kept(Draft::default().put(&epoch, Expect::Anything));
        if ends_streams {
            let id = format!("{project}/{user}");
            draft = cut(draft, Scope::User, &id, call.house.clock.unix());
        }
        Ok((without_old(draft, &snapshot.objects, call.now()), ()))
    });
    change.await?;
    // So that a token which is minted as soon as this is answered is a new one.
    let rest = not_before.saturating_sub(call.house.clock.unix());
    tokio::time::sleep(rest).await;
    Ok(answer::ok(&json!({
        "project": epoch.project,
        "user": epoch.user,
        "not_before": epoch.not_before,
    })))
}
