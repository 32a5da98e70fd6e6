//! `projects`

use super::answer::{self, Answer};
use super::call::Call;
use super::known::{self, Known, Project};
use super::page::Page;
use super::refusal::Refusal;
use super::{ids, settings, slugs};
use crate::directory::{Draft, Kept, KeyObject, Object, Objects, ProjectObject, UserEpochObject};
use crate::snapshot::Snapshot;
use behest_contract::directory::Expect;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// `GET projects`
pub(super) fn list(call: &Call) -> Result<Answer, Refusal> {
    let snapshot = call.snapshot();
    let mut projects = known::projects(&snapshot);
    if let Some(tenant) = call.query.text("tenant") {
        projects.retain(|_, project| project.tenant() == tenant);
    }
    Ok(Page::of(&call.query)?.answer(projects, shape))
}

/// `GET projects/{id}`
pub(super) fn show(call: &Call) -> Result<Answer, Refusal> {
    let snapshot = call.snapshot();
    Ok(answer::ok(&shape(&known::project(&snapshot, call.id(0))?)))
}

/// `POST projects`
pub(super) async fn create(call: Call) -> Result<Answer, Refusal> {
    let mut body = call.members()?;
    let id = match body.text("id")?.flatten() {
        Some(id) => ids::chosen("id", id)?,
        None => ids::uuid()?,
    };
    let tenant = body.needed_text("tenant")?;
    let mut body = body.into_map();
    let suspended = settings::taken_suspended(&mut body)?.unwrap_or_default();
    body.insert("id".to_owned(), json!(id));
    let created_at = call.now();
    let audit = call.audit("project.create", format!("projects/{id}"));
    let change = call.change_off_loop(&audit, move |snapshot| {
        let owner = known::tenant(snapshot, &tenant);
        let owner = owner
            .map_err(|_| Refusal::wrong("tenant", format!("There is no tenant {tenant:?}.")))?;
        if known::project(snapshot, &id).is_ok() {
            return Err(Refusal::conflict(format!("There is a project {id:?} already.")));
        }
        let settings = settings::checked(with_slug(&body, snapshot)?, &snapshot.config)?;
        let project = ProjectObject { tenant: tenant.clone(), suspended, created_at, settings };
        let draft = owner.kept(Draft::default().put(&project, Expect::Absent));
        let draft = slugs::moved(draft, snapshot, &id, None, project.settings.slug.as_deref())?;
        Ok((draft, project))
    });
    Ok(answer::created(&made_shape(&change.await?)))
}

fn with_slug(
    body: &Map<String, Value>,
    snapshot: &Snapshot,
) -> Result<Map<String, Value>, Refusal> {
    let mut body = body.clone();
    if !body.contains_key("slug") {
        body.insert("slug".to_owned(), json!(slugs::made_up(snapshot)?));
    }
    Ok(body)
}

/// `PATCH projects/{id}`
pub(super) async fn change(call: Call) -> Result<Answer, Refusal> {
    let audit = call.audit("project.change", format!("projects/{}", call.id(0)));
    let call = Arc::new(call);
    let asked = call.clone();
    let change = call.change_off_loop(&audit, move |snapshot| {
        let call = &asked;
        let kept = known::made_project(snapshot, call.id(0))?;
        let mut patch = call.members()?;
        settings::take_fixed(&mut patch, &made_shape(&kept.object))?;
        let next = settings::patched(&kept.object, &patch.into_map(), &snapshot.config)?;
        put(snapshot, kept, next)
    });
    Ok(answer::ok(&made_shape(&change.await?)))
}

/// `PUT projects/{id}`
pub(super) async fn replace(call: Call) -> Result<Answer, Refusal> {
    let audit = call.audit("project.change", format!("projects/{}", call.id(0)));
    let call = Arc::new(call);
    let asked = call.clone();
    let change = call.change_off_loop(&audit, move |snapshot| {
        let call = &asked;
        let kept = known::made_project(snapshot, call.id(0))?;
        let mut body = call.members()?;
        settings::take_fixed(&mut body, &made_shape(&kept.object))?;
        let mut body = body.into_map();
        let suspended = settings::taken_suspended(&mut body)?.unwrap_or_default();
        body.insert("id".to_owned(), json!(kept.object.settings.id));
        // Its name in the world does not go because nobody mentions it.
        if let (false, Some(slug)) = (body.contains_key("slug"), &kept.object.settings.slug) {
            body.insert("slug".to_owned(), json!(slug));
        }
        let settings = settings::checked(body, &snapshot.config)?;
        put(snapshot, kept, ProjectObject { suspended, settings, ..kept.object.as_ref().clone() })
    });
    Ok(answer::ok(&made_shape(&change.await?)))
}

fn put(
    snapshot: &Snapshot,
    kept: &Kept<ProjectObject>,
    next: ProjectObject,
) -> Result<(Draft, ProjectObject), Refusal> {
    let before = &kept.object.settings;
    let draft = Draft::default().put(&next, Expect::At(kept.revision));
    let (from, to) = (before.slug.as_deref(), next.settings.slug.as_deref());
    Ok((slugs::moved(draft, snapshot, &before.id, from, to)?, next))
}

/// `DELETE projects/{id}`
pub(super) async fn delete(call: Call) -> Result<Answer, Refusal> {
    let audit = call.audit("project.delete", format!("projects/{}", call.id(0)));
    let change = call.change(&audit, |snapshot| {
        let kept = known::made_project(snapshot, call.id(0))?;
        let settings = &kept.object.settings;
        let draft =
            Draft::default().delete::<ProjectObject>(&settings.id, Expect::At(kept.revision));
        let draft = slugs::moved(draft, snapshot, &settings.id, settings.slug.as_deref(), None)?;
        Ok((without_parts(draft, &snapshot.objects, &settings.id), ()))
    });
    change.await?;
    Ok(answer::gone())
}

/// A later project of the same id must not inherit anything.
fn without_parts(mut draft: Draft, objects: &Objects, project: &str) -> Draft {
    for kept in objects.keys.kept().filter(|kept| kept.object.project == project) {
        draft = draft.delete::<KeyObject>(&kept.object.id(), Expect::At(kept.revision));
    }
    for kept in objects.user_epochs.kept().filter(|kept| kept.object.project == project) {
        draft = draft.delete::<UserEpochObject>(&kept.object.id(), Expect::At(kept.revision));
    }
    draft
}

fn shape(project: &Project<'_>) -> Value {
    match project {
        Known::Declared((tenant, settings)) => told(tenant, settings, false, None),
        Known::Made(kept) => made_shape(&kept.object),
    }
}

fn made_shape(project: &ProjectObject) -> Value {
    let created_at = Some(project.created_at);
    told(&project.tenant, &project.settings, project.suspended, created_at)
}

/// A project as it is told. What the file declares has no time of its making.
fn told(
    tenant: &str,
    settings: &crate::config::Project,
    suspended: bool,
    created_at: Option<Timestamp>,
) -> Value {
    let mut told = Map::new();
    told.insert("id".to_owned(), json!(settings.id));
    told.insert("tenant".to_owned(), json!(tenant));
    told.extend(settings::told(settings));
    told.insert("suspended".to_owned(), json!(suspended));
    told.insert("created_at".to_owned(), json!(created_at));
    told.insert("declared".to_owned(), json!(created_at.is_none()));
    Value::Object(told)
}
