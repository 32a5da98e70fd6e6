//! `kill-switches`

use super::answer::{self, Answer};
use super::call::Call;
use super::known::{self, Known};
use super::page::Page;
use super::refusal::Refusal;
use super::tokens;
use crate::directory::{Draft, Kept, Object, Scope, SwitchObject};
use crate::snapshot::Snapshot;
use behest_contract::directory::Expect;
use serde_json::{Value, json};

/// A project's id and an end user's.
const ID_CHARS_MAX: usize = 128 + 1 + 255;

/// `GET kill-switches`
pub(super) fn list(call: &Call) -> Result<Answer, Refusal> {
    let snapshot = call.snapshot();
    let switches = snapshot.objects.switches.iter();
    let switches = switches.map(|switch| (switch.id(), switch.as_ref())).collect();
    Ok(Page::of(&call.query)?.answer(switches, |switch| shape(switch)))
}

/// `GET kill-switches/{scope}` and `kill-switches/{scope}/{id}`
pub(super) fn show(call: &Call) -> Result<Answer, Refusal> {
    let snapshot = call.snapshot();
    let (scope, id) = named_by_path(call)?;
    Ok(answer::ok(&shape(&find(&snapshot, scope, &id)?.object)))
}

/// `POST kill-switches`
pub(super) async fn turn_on(call: Call) -> Result<Answer, Refusal> {
    let mut body = call.members()?;
    let (scope, id) = named(&body.needed_text("scope")?, body.text("id")?.flatten())?;
    let end_streams = body.flag("end_streams")?;
    let reason = body.label("reason")?.flatten();
    let force = body.flag("force")?;
    body.end()?;
    let switch = SwitchObject { scope, id, end_streams, reason, created_at: call.now() };
    let audit = call.audit("kill_switch.on", path(scope, &switch.id));
    let change = call.change(&audit, |snapshot| {
        let Ok(kept) = find(snapshot, scope, &switch.id) else {
            if !force {
                known_victim(snapshot, scope, &switch.id)?;
            }
            return Ok((Draft::default().put(&switch, Expect::Absent), (switch.clone(), true)));
        };
        let switch = SwitchObject { created_at: kept.object.created_at, ..switch.clone() };
        let draft = Draft::default().put(&switch, Expect::At(kept.revision));
        Ok((draft, (switch, false)))
    });
    let (switch, is_new) = change.await?;
    Ok(if is_new { answer::created(&shape(&switch)) } else { answer::ok(&shape(&switch)) })
}

/// `DELETE kill-switches?scope=&id=` and the same by path
pub(super) async fn turn_off(call: Call) -> Result<Answer, Refusal> {
    let (scope, id) = if call.ids.is_empty() {
        let scope = call.query.text("scope");
        let scope = scope.ok_or_else(|| Refusal::wrong("scope", "scope is missing."))?;
        let id = call.query.text("id").filter(|id| !id.is_empty());
        named(scope, id.map(str::to_owned))?
    } else {
        named_by_path(&call)?
    };
    let audit = call.audit("kill_switch.off", path(scope, &id));
    let change = call.change(&audit, |snapshot| {
        let kept = find(snapshot, scope, &id)?;
        let record = kept.object.id();
        Ok((Draft::default().delete::<SwitchObject>(&record, Expect::At(kept.revision)), ()))
    });
    change.await?;
    Ok(answer::gone())
}

/// Whom a scope and an id mean.
fn named(scope: &str, id: Option<String>) -> Result<(Scope, String), Refusal> {
    let words = "scope must be one of: global, tenant, project, user, key.";
    let scope = Scope::parse(scope).ok_or_else(|| Refusal::wrong("scope", words))?;
    match (scope, id) {
        (Scope::Global, None) => Ok((scope, String::new())),
        (Scope::Global, Some(_)) => {
            Err(Refusal::wrong("id", "The scope global means everybody and has no id."))
        }
        (_, None) => Err(Refusal::wrong("id", "id is missing.")),
        (_, Some(id)) => {
            let fits = (1..=ID_CHARS_MAX).contains(&id.chars().count());
            if fits && !id.chars().any(char::is_control) {
                return Ok((scope, id));
            }
            let message = format!("id must have 1 to {ID_CHARS_MAX} characters, all visible.");
            Err(Refusal::wrong("id", message))
        }
    }
}

/// Whom a switch names must be there: a mistyped id would look like success. End users are known to
/// nobody but their tenants.
fn known_victim(snapshot: &Snapshot, scope: Scope, id: &str) -> Result<(), Refusal> {
    match scope {
        Scope::Global | Scope::User => Ok(()),
        Scope::Tenant => known::tenant(snapshot, id).map(drop),
        Scope::Project => known::project(snapshot, id).map(drop),
        Scope::Key if is_key(snapshot, id) => Ok(()),
        Scope::Key => Err(Refusal::missing("key", id)),
    }
}

/// Whether requests may come with a key of this id: an API key, or one that signs tokens.
fn is_key(snapshot: &Snapshot, id: &str) -> bool {
    let objects = &snapshot.objects;
    let is_declared = |(project, name): (&str, &str)| {
        let project = known::project(snapshot, project).ok();
        let project = project.filter(Known::is_declared);
        project
            .is_some_and(|project| project.settings().api_keys.iter().any(|key| key.name == name))
    };
    id == tokens::ADMIN_KEY
        || id.split_once('/').is_some_and(is_declared)
        || objects.keys.iter().any(|key| key.id == id)
        || objects.signing_keys.iter().any(|key| key.kid == id)
        || objects.own_keys.iter().any(|key| &*key.life.kid == id)
}

/// What the path says; a place that no switch can have is not there.
fn named_by_path(call: &Call) -> Result<(Scope, String), Refusal> {
    let id = call.ids.get(1).cloned();
    named(call.id(0), id).map_err(|_| Refusal::no_path())
}

fn find<'a>(
    snapshot: &'a Snapshot,
    scope: Scope,
    id: &str,
) -> Result<&'a Kept<SwitchObject>, Refusal> {
    let record = format!("{}:{id}", scope.word());
    let kept = snapshot.objects.switches.find(&record);
    kept.ok_or_else(|| Refusal::missing("kill switch that is on for", &path(scope, id)))
}

fn path(scope: Scope, id: &str) -> String {
    let word = scope.word();
    if id.is_empty() {
        format!("kill-switches/{word}")
    } else {
        format!("kill-switches/{word}/{id}")
    }
}

fn shape(switch: &SwitchObject) -> Value {
    json!({
        "scope": switch.scope.word(),
        "id": Some(&switch.id).filter(|id| !id.is_empty()),
        "end_streams": switch.end_streams,
        "reason": switch.reason,
        "created_at": switch.created_at,
    })
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn a_switch_names_whom_it_is_for() {
        for (scope, id, good) in [
            ("global", None, true),
            ("global", Some("x"), false),
            ("tenant", Some("acme"), true),
            ("tenant", None, false),
            ("user", Some("demo/ann b"), true),
            ("user", Some(""), false),
            ("user", Some("a\nb"), false),
            ("key", Some("demo/ci"), true),
            ("Key", Some("k"), false),
            ("everybody", None, false),
        ] {
            assert_eq!(named(scope, id.map(str::to_owned)).is_ok(), good, "{scope} {id:?}");
        }
    }
}
