//! `tenants`

use super::answer::{self, Answer};
use super::call::Call;
use super::ids;
use super::known::{self, Known, Tenant};
use super::page::Page;
use super::refusal::Refusal;
use crate::directory::{Draft, Object, Objects, ProviderKeyObject, SigningKeyObject, TenantObject};
use behest_contract::directory::Expect;
use serde_json::{Value, json};

/// `GET tenants`
pub(super) fn list(call: &Call) -> Result<Answer, Refusal> {
    let snapshot = call.snapshot();
    Ok(Page::of(&call.query)?.answer(known::tenants(&snapshot), shape))
}

/// `GET tenants/{id}`
pub(super) fn show(call: &Call) -> Result<Answer, Refusal> {
    let snapshot = call.snapshot();
    Ok(answer::ok(&shape(&known::tenant(&snapshot, call.id(0))?)))
}

/// `POST tenants`
pub(super) async fn create(call: Call) -> Result<Answer, Refusal> {
    let mut body = call.members()?;
    let id = match body.text("id")?.flatten() {
        Some(id) => ids::chosen("id", id)?,
        None => ids::uuid()?,
    };
    let tenant = TenantObject { id, name: body.label("name")?.flatten(), created_at: call.now() };
    body.end()?;
    let audit = call.audit("tenant.create", format!("tenants/{}", tenant.id));
    let change = call.change(&audit, |snapshot| {
        if known::tenant(snapshot, &tenant.id).is_ok() {
            let message = format!("There is a tenant {:?} already.", tenant.id);
            return Err(Refusal::conflict(message));
        }
        Ok((Draft::default().put(&tenant, Expect::Absent), ()))
    });
    change.await?;
    Ok(answer::created(&made_shape(&tenant)))
}

/// `PATCH tenants/{id}`
pub(super) async fn change(call: Call) -> Result<Answer, Refusal> {
    let mut body = call.members()?;
    let name = body.label("name")?;
    body.end()?;
    let audit = call.audit("tenant.change", format!("tenants/{}", call.id(0)));
    let change = call.change(&audit, |snapshot| {
        let kept = known::made_tenant(snapshot, call.id(0))?;
        let mut tenant = kept.object.as_ref().clone();
        if let Some(name) = &name {
            tenant.name.clone_from(name);
        }
        Ok((Draft::default().put(&tenant, Expect::At(kept.revision)), tenant))
    });
    Ok(answer::ok(&made_shape(&change.await?)))
}

/// `DELETE tenants/{id}`
pub(super) async fn delete(call: Call) -> Result<Answer, Refusal> {
    let audit = call.audit("tenant.delete", format!("tenants/{}", call.id(0)));
    let change = call.change(&audit, |snapshot| {
        let kept = known::made_tenant(snapshot, call.id(0))?;
        let id = kept.object.id.as_str();
        if snapshot.objects.projects.iter().any(|project| project.tenant == id) {
            return Err(Refusal::conflict(format!(
                "The tenant {id:?} has projects; delete them first."
            )));
        }
        let draft = Draft::default().delete::<TenantObject>(id, Expect::At(kept.revision));
        Ok((without_keys(draft, &snapshot.objects, id), ()))
    });
    change.await?;
    Ok(answer::gone())
}

fn without_keys(mut draft: Draft, objects: &Objects, tenant: &str) -> Draft {
    let signing = objects.signing_keys.kept().filter(|kept| kept.object.tenant == tenant);
    for kept in signing {
        draft = draft.delete::<SigningKeyObject>(&kept.object.id(), Expect::At(kept.revision));
    }
    let providers = objects.provider_keys.kept().filter(|kept| kept.object.tenant == tenant);
    for kept in providers {
        draft = draft.delete::<ProviderKeyObject>(&kept.object.id(), Expect::At(kept.revision));
    }
    draft
}

fn shape(tenant: &Tenant<'_>) -> Value {
    match tenant {
        Known::Declared(tenant) => {
            json!({ "id": tenant.id, "name": null, "created_at": null, "declared": true })
        }
        Known::Made(kept) => made_shape(&kept.object),
    }
}

fn made_shape(tenant: &TenantObject) -> Value {
    json!({
        "id": tenant.id,
        "name": tenant.name,
        "created_at": tenant.created_at,
        "declared": false,
    })
}
