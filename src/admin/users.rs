//! `projects/{id}/users/{user}`

use super::answer::{self, Answer};
use super::call::{Call, cut, is_old, without_old};
use super::known;
use super::refusal::Refusal;
use super::usage::unreadable;
use crate::directory::{Draft, Object as _, Objects, Scope, UserEpochObject};
use behest_contract::directory::Expect;
use behest_pii::Mac;
use jiff::Timestamp;
use serde_json::json;
use std::fmt::Write as _;
use std::time::Duration;

/// The longest id of an end user.
pub(super) const USER_CHARS_MAX: usize = 255;

/// `POST projects/{id}/users/{user}/revoke`
pub(super) async fn revoke(call: Call) -> Result<Answer, Refusal> {
    let mut body = call.wishes()?;
    let ends_streams = body.flag("end_streams")?;
    body.end()?;
    let (project, user) = (call.id(0), user(&call)?);
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

/// `DELETE projects/{id}/users/{user}`
pub(super) async fn erase(call: Call) -> Result<Answer, Refusal> {
    let (project, user) = (call.id(0), user(&call)?);
    let snapshot = call.snapshot();
    let known = known::project(&snapshot, project)?;
    let fixtures = &call.house.fixtures;
    let pseudonym = pseudonym(fixtures.pii.mac.as_ref(), known.tenant(), project, user);
    // Before the audit says that it was done; done twice it is as done once.
    fixtures.book.erase_user(project, user, &pseudonym).await.map_err(unreadable)?;
    let audit = call.audit("user.erase", format!("projects/{project}/users/{pseudonym}"));
    let change = call.change(&audit, |snapshot| {
        let draft = known::project(snapshot, project)?.kept(Draft::default());
        Ok((without_epoch(draft, &snapshot.objects, project, user, call.now()), ()))
    });
    change.await?;
    Ok(answer::gone())
}

/// The end user in the path; nobody has a longer id.
fn user(call: &Call) -> Result<&str, Refusal> {
    let user = call.id(1);
    let is_one = user.chars().count() <= USER_CHARS_MAX;
    Some(user).filter(|_| is_one).ok_or_else(|| Refusal::missing("end user", user))
}

/// What stands for an end user who was erased. It is keyed, so that nobody finds out who it was by
/// trying names.
fn pseudonym(mac: &dyn Mac, tenant: &str, project: &str, user: &str) -> String {
    const DIGEST_BYTES: usize = 16;
    let parts = ["erased user", tenant, project, user].map(str::as_bytes);
    let mut text = "erased-".to_owned();
    for byte in mac.mac(&parts).iter().take(DIGEST_BYTES) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A record of revoked tokens holds the name. It goes where none of these tokens is good any more.
fn without_epoch(
    draft: Draft,
    objects: &Objects,
    project: &str,
    user: &str,
    now: Timestamp,
) -> Draft {
    let mut kept = objects.user_epochs.kept();
    let kept = kept.find(|kept| kept.object.project == project && kept.object.user == user);
    match kept.filter(|kept| is_old(&kept.object, now)) {
        Some(kept) => draft.delete::<UserEpochObject>(&kept.object.id(), Expect::At(kept.revision)),
        None => draft,
    }
}

#[cfg(test)]
mod tests {
    use super::pseudonym;
    use behest_contract::secret::Secret;
    use behest_pii::SecretMac;

    #[test]
    fn a_pseudonym_is_keyed_and_one_users_own() {
        let of = |key: &str, project: &str, user: &str| {
            pseudonym(&SecretMac::new(&Secret::new(key)), "t", project, user)
        };
        let ann = of("k", "p", "ann");
        assert!(ann.len() == 39 && ann.starts_with("erased-") && !ann.contains("ann"), "{ann}");
        assert_eq!(of("k", "p", "ann"), ann);
        for other in [of("l", "p", "ann"), of("k", "q", "ann"), of("k", "p", "bob")] {
            assert_ne!(other, ann);
        }
    }
}
