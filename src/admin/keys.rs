//! `projects/{id}/keys`

use super::answer::{self, Answer};
use super::call::{Call, cut, without_old};
use super::known::{self, Known, Project};
use super::members::Members;
use super::page::Page;
use super::refusal::Refusal;
use super::{ids, term};
use crate::config::{self, EndUser};
use crate::directory::{Draft, Kept, KeyObject, Object, Scope};
use crate::snapshot::Snapshot;
use behest_auth::{NewKey, Role};
use behest_contract::directory::Expect;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// How long the old key of a rotation still works, in seconds.
const OVERLAP_DEFAULT: u64 = 3600;
const OVERLAP_MAX: u64 = 30 * 24 * 3600;

/// A key, and the project that it was asked for at.
enum Key<'a> {
    Declared(&'a config::Project, &'a str, &'a config::ApiKey),
    Made(&'a Kept<KeyObject>),
}

/// `GET projects/{id}/keys`
pub(super) fn list(call: &Call) -> Result<Answer, Refusal> {
    let snapshot = call.snapshot();
    let project = known::project(&snapshot, call.id(0))?;
    Ok(Page::of(&call.query)?.answer(all(&snapshot, &project), shape))
}

/// `GET projects/{id}/keys/{key}`
pub(super) fn show(call: &Call) -> Result<Answer, Refusal> {
    let snapshot = call.snapshot();
    Ok(answer::ok(&shape(&find(&snapshot, call.id(0), call.id(1))?)))
}

/// `POST projects/{id}/keys`
pub(super) async fn create(call: Call) -> Result<Answer, Refusal> {
    // Whoever asks for what cannot be should not wait for a hash.
    known::project(&call.snapshot(), call.id(0))?;
    let mut body = call.members()?;
    let mut key = KeyObject {
        id: ids::of_key()?,
        tenant: String::new(),
        project: call.id(0).to_owned(),
        name: None,
        lookup: String::new(),
        phc: String::new(),
        last_four: String::new(),
        end_user: EndUser::default(),
        role: Role::default().word().to_owned(),
        created_at: call.now(),
        expires_at: None,
    };
    amend(&mut key, &mut body, call.now())?;
    body.end()?;
    let new = call.made(NewKey::generate).await?;
    let audit = call.audit("key.create", format!("projects/{}/keys/{}", key.project, key.id));
    let change = call.change(&audit, |snapshot| {
        let project = known::project(snapshot, call.id(0))?;
        let tenant = project.tenant().to_owned();
        let key = with_secret(KeyObject { tenant, ..key.clone() }, &new);
        Ok((project.kept(Draft::default().put(&key, Expect::Absent)), key))
    });
    Ok(answer::created(&shown_once(&change.await?, &new)))
}

/// `PATCH projects/{id}/keys/{key}`
pub(super) async fn change(call: Call) -> Result<Answer, Refusal> {
    let audit = call.audit("key.change", path(&call));
    let change = call.change(&audit, |snapshot| {
        let kept = find_made(snapshot, call.id(0), call.id(1))?;
        let mut key = kept.object.as_ref().clone();
        let mut body = call.members()?;
        amend(&mut key, &mut body, call.now())?;
        body.end()?;
        Ok((Draft::default().put(&key, Expect::At(kept.revision)), key))
    });
    Ok(answer::ok(&made_shape(&change.await?)))
}

/// `DELETE projects/{id}/keys/{key}`
pub(super) async fn revoke(call: Call) -> Result<Answer, Refusal> {
    let ends_streams = call.query.flag("end_streams")?;
    let audit = call.audit("key.revoke", path(&call));
    let change = call.change(&audit, |snapshot| {
        let kept = find_made(snapshot, call.id(0), call.id(1))?;
        let id = kept.object.id.as_str();
        let mut draft = Draft::default().delete::<KeyObject>(id, Expect::At(kept.revision));
        if ends_streams {
            draft = cut(draft, Scope::Key, id, call.house.clock.unix());
            draft = without_old(draft, &snapshot.objects, call.now());
        }
        Ok((draft, ()))
    });
    change.await?;
    Ok(answer::gone())
}

/// `POST projects/{id}/keys/{key}/rotate`
pub(super) async fn rotate(call: Call) -> Result<Answer, Refusal> {
    find_made(&call.snapshot(), call.id(0), call.id(1))?;
    let mut body = call.wishes()?;
    let overlap = body.number("overlap")?.flatten().unwrap_or(OVERLAP_DEFAULT);
    body.end()?;
    if overlap > OVERLAP_MAX {
        let message = format!("overlap must be 0 to {OVERLAP_MAX} seconds.");
        return Err(Refusal::wrong("overlap", message));
    }
    let new = call.made(NewKey::generate).await?;
    let (id, now) = (ids::of_key()?, call.now());
    let audit = call.audit("key.rotate", path(&call));
    let change = call.change(&audit, |snapshot| {
        let kept = find_made(snapshot, call.id(0), call.id(1))?;
        let before = kept.object.as_ref();
        let key = with_secret(successor(before, &id, now), &new);
        let end = term::after(now, Duration::from_secs(overlap));
        let end = before.expires_at.map_or(end, |expires_at| expires_at.min(end));
        let before = KeyObject { expires_at: Some(end), ..before.clone() };
        let draft = Draft::default().put(&before, Expect::At(kept.revision));
        let project = known::project(snapshot, call.id(0))?;
        Ok((project.kept(draft.put(&key, Expect::Absent)), key))
    });
    Ok(answer::created(&shown_once(&change.await?, &new)))
}

/// A key with the same settings, which lives as long as the one before was to live.
fn successor(before: &KeyObject, id: &str, now: Timestamp) -> KeyObject {
    let life = |expires_at: Timestamp| {
        let life = expires_at.duration_since(before.created_at);
        term::after(now, Duration::try_from(life).unwrap_or_default())
    };
    KeyObject {
        id: id.to_owned(),
        created_at: now,
        expires_at: before.expires_at.map(life),
        ..before.clone()
    }
}

/// Takes over what a body says of a key.
fn amend(key: &mut KeyObject, body: &mut Members, now: Timestamp) -> Result<(), Refusal> {
    if let Some(name) = body.label("name")? {
        key.name = name;
    }
    if let Some(word) = body.text("end_user")? {
        key.end_user = word.map_or(Ok(EndUser::default()), |word| end_user(&word))?;
    }
    if let Some(word) = body.text("role")? {
        let role = word.map_or(Some(Role::default()), |word| Role::parse(&word));
        let role = role.ok_or_else(|| {
            Refusal::wrong("role", "role must be one of: user, dashboard-service, admin.")
        })?;
        key.role = role.word().to_owned();
    }
    if let Some(expires_at) = term::taken(body, now)? {
        key.expires_at = expires_at;
    }
    Ok(())
}

fn end_user(word: &str) -> Result<EndUser, Refusal> {
    match word {
        "allow" => Ok(EndUser::Allow),
        "require" => Ok(EndUser::Require),
        "forbid" => Ok(EndUser::Forbid),
        _ => Err(Refusal::wrong("end_user", "end_user must be one of: allow, require, forbid.")),
    }
}

fn with_secret(key: KeyObject, new: &NewKey) -> KeyObject {
    let lookup = new.lookup.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    });
    KeyObject { lookup, phc: new.phc.clone(), last_four: new.last_four.to_string(), ..key }
}

fn path(call: &Call) -> String {
    format!("projects/{}/keys/{}", call.id(0), call.id(1))
}

/// All keys of a project.
fn all<'a>(snapshot: &'a Snapshot, project: &Project<'a>) -> BTreeMap<String, Key<'a>> {
    let id = &project.settings().id;
    let made = snapshot.objects.keys.kept().filter(|kept| kept.object.project == *id);
    let made = made.map(|kept| (kept.object.id(), Key::Made(kept)));
    let declared = match project {
        Known::Declared((tenant, settings)) => {
            let key = |key| (declared_id(settings, key), Key::Declared(settings, tenant, key));
            settings.api_keys.iter().map(key).collect()
        }
        Known::Made(_) => Vec::new(),
    };
    made.chain(declared).collect()
}

/// The id that usage of a declared key is reported under.
fn declared_id(project: &config::Project, key: &config::ApiKey) -> String {
    format!("{}/{}", project.id, key.name)
}

fn find<'a>(snapshot: &'a Snapshot, project: &str, id: &str) -> Result<Key<'a>, Refusal> {
    let project = known::project(snapshot, project)?;
    all(snapshot, &project).remove(id).ok_or_else(|| Refusal::missing("key", id))
}

fn find_made<'a>(
    snapshot: &'a Snapshot,
    project: &str,
    id: &str,
) -> Result<&'a Kept<KeyObject>, Refusal> {
    match find(snapshot, project, id)? {
        Key::Declared(..) => Err(Refusal::declared("key", id)),
        Key::Made(kept) => Ok(kept),
    }
}

fn shape(key: &Key<'_>) -> Value {
    match key {
        Key::Made(kept) => made_shape(&kept.object),
        Key::Declared(project, tenant, key) => json!({
            "id": declared_id(project, key),
            "tenant": tenant,
            "project": project.id,
            "name": key.name,
            "last_four": key.secret.secret().map(|secret| secret.last_four()),
            "end_user": key.end_user,
            "role": Role::default().word(),
            "created_at": null,
            "expires_at": null,
            "declared": true,
        }),
    }
}

fn made_shape(key: &KeyObject) -> Value {
    json!({
        "id": key.id,
        "tenant": key.tenant,
        "project": key.project,
        "name": key.name,
        "last_four": key.last_four,
        "end_user": key.end_user,
        "role": key.role,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "declared": false,
    })
}

/// The only time that anybody sees the key itself.
fn shown_once(key: &KeyObject, new: &NewKey) -> Value {
    let mut shape = made_shape(key);
    if let Some(members) = shape.as_object_mut() {
        members.insert("key".to_owned(), json!(new.secret.expose()));
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::{KeyObject, amend, successor};
    use crate::admin::members::Members;
    use crate::config::EndUser;
    use jiff::{SignedDuration, Timestamp};

    fn key() -> KeyObject {
        KeyObject {
            id: "key_1".to_owned(),
            tenant: "acme".to_owned(),
            project: "demo".to_owned(),
            name: Some("ci".to_owned()),
            lookup: String::new(),
            phc: String::new(),
            last_four: String::new(),
            end_user: EndUser::Allow,
            role: "user".to_owned(),
            created_at: Timestamp::from_second(1000).unwrap(),
            expires_at: Some(Timestamp::from_second(1500).unwrap()),
        }
    }

    fn amended(body: &str) -> Option<KeyObject> {
        let (mut key, mut body) = (key(), Members::parse(body.as_bytes()).unwrap());
        amend(&mut key, &mut body, Timestamp::from_second(1200).unwrap()).ok().map(|()| key)
    }

    #[test]
    fn a_key_is_amended_by_what_is_said_and_no_more() {
        assert_eq!(amended("{}").unwrap(), key());
        let amended =
            amended(r#"{"name":null,"end_user":"require","role":"admin","ttl":60}"#).unwrap();
        assert_eq!(
            (amended.name, amended.end_user, amended.role.as_str()),
            (None, EndUser::Require, "admin")
        );
        assert_eq!(amended.expires_at, Timestamp::from_second(1260).ok());
    }

    #[test]
    fn unknown_words_are_refused() {
        for bad in
            [r#"{"role":"root"}"#, r#"{"end_user":"never"}"#, r#"{"name":""}"#, r#"{"ttl":0}"#]
        {
            assert!(amended(bad).is_none(), "{bad}");
        }
        assert_eq!(amended(r#"{"role":"regular"}"#).unwrap().role, "user");
    }

    #[test]
    fn a_rotated_key_lives_as_long_again() {
        let now = Timestamp::from_second(1400).unwrap();
        let next = successor(&key(), "key_2", now);
        assert_eq!(
            next.expires_at.map(|at| at.duration_since(now)),
            Some(SignedDuration::from_secs(500))
        );
        assert_eq!((next.id.as_str(), next.name.as_deref()), ("key_2", Some("ci")));
    }
}
