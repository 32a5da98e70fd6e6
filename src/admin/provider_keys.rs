//! `tenants/{id}/provider-keys`

use super::answer::{self, Answer};
use super::call::Call;
use super::known;
use super::page::Page;
use super::refusal::Refusal;
use crate::config::Config;
use crate::directory::{Draft, Kept, Object, ProviderKeyObject};
use crate::snapshot::Snapshot;
use behest_contract::directory::Expect;
use behest_contract::secret::Secret;
use serde_json::{Value, json};

const KEY_BYTES_MAX: usize = 4096;

/// Four characters of a key that is shorter would tell too much of it.
const SHOWN_BYTES_MIN: usize = 8;

/// `GET tenants/{id}/provider-keys`
pub(super) fn list(call: &Call) -> Result<Answer, Refusal> {
    let snapshot = call.snapshot();
    known::tenant(&snapshot, call.id(0))?;
    let keys = snapshot.objects.provider_keys.iter();
    let keys = keys.filter(|key| key.tenant == call.id(0));
    let keys = keys.map(|key| (key.provider.clone(), key.as_ref())).collect();
    Ok(Page::of(&call.query)?.answer(keys, |key| shape(key)))
}

/// `GET tenants/{id}/provider-keys/{provider}`
pub(super) fn show(call: &Call) -> Result<Answer, Refusal> {
    let snapshot = call.snapshot();
    Ok(answer::ok(&shape(&find(&snapshot, call.id(0), call.id(1))?.object)))
}

/// `PUT tenants/{id}/provider-keys/{provider}`
pub(super) async fn set(call: Call) -> Result<Answer, Refusal> {
    let snapshot = call.snapshot();
    known::tenant(&snapshot, call.id(0))?;
    takes_keys(&snapshot.config, call.id(1))?;
    let mut body = call.members()?;
    let secret = Secret::new(body.needed_text("api_key")?);
    body.end()?;
    let key = sealed(&call, &secret)?;
    let audit = call.audit("provider_key.set", path(&call));
    let change = call.change(&audit, |snapshot| {
        let tenant = known::tenant(snapshot, call.id(0))?;
        let before = find(snapshot, call.id(0), call.id(1)).ok();
        let expect = before.map_or(Expect::Absent, |kept| Expect::At(kept.revision));
        Ok((tenant.kept(Draft::default().put(&key, expect)), before.is_none()))
    });
    let is_new = change.await?;
    Ok(if is_new { answer::created(&shape(&key)) } else { answer::ok(&shape(&key)) })
}

/// `DELETE tenants/{id}/provider-keys/{provider}`
pub(super) async fn delete(call: Call) -> Result<Answer, Refusal> {
    let audit = call.audit("provider_key.delete", path(&call));
    let change = call.change(&audit, |snapshot| {
        let kept = find(snapshot, call.id(0), call.id(1))?;
        let id = kept.object.id();
        Ok((Draft::default().delete::<ProviderKeyObject>(&id, Expect::At(kept.revision)), ()))
    });
    change.await?;
    Ok(answer::gone())
}

/// Whether tenants may bring keys of their own for a provider.
fn takes_keys(config: &Config, provider: &str) -> Result<(), Refusal> {
    let configured = config.providers.iter().find(|known| known.name == provider);
    let configured = configured.ok_or_else(|| Refusal::missing("provider", provider))?;
    if configured.byok.allow {
        return Ok(());
    }
    Err(Refusal::conflict(format!(
        "The provider {provider:?} takes no keys of tenants: it has no `byok: {{ allow: true }}` in \
         the configuration file."
    )))
}

fn sealed(call: &Call, secret: &Secret) -> Result<ProviderKeyObject, Refusal> {
    let text = secret.expose();
    let is_sendable = text.bytes().all(|byte| byte.is_ascii_graphic());
    if !(1..=KEY_BYTES_MAX).contains(&text.len()) || !is_sendable {
        let message =
            format!("api_key must have 1 to {KEY_BYTES_MAX} visible ASCII characters, no spaces.");
        return Err(Refusal::wrong("api_key", message));
    }
    let is_long = text.len() >= SHOWN_BYTES_MIN;
    let mut key = ProviderKeyObject {
        tenant: call.id(0).to_owned(),
        provider: call.id(1).to_owned(),
        sealed: String::new(),
        last_four: if is_long { secret.last_four().to_owned() } else { String::new() },
        created_at: call.now(),
    };
    let sealed = call.house.fixtures.seal.seal(key.place(), secret);
    key.sealed = sealed.map_err(Refusal::unavailable)?;
    Ok(key)
}

fn path(call: &Call) -> String {
    format!("tenants/{}/provider-keys/{}", call.id(0), call.id(1))
}

fn find<'a>(
    snapshot: &'a Snapshot,
    tenant: &str,
    provider: &str,
) -> Result<&'a Kept<ProviderKeyObject>, Refusal> {
    known::tenant(snapshot, tenant)?;
    let kept = snapshot.objects.provider_keys.find(&format!("{tenant}/{provider}"));
    kept.ok_or_else(|| Refusal::missing("provider key", provider))
}

fn shape(key: &ProviderKeyObject) -> Value {
    json!({
        "provider": key.provider,
        "tenant": key.tenant,
        "last_four": key.last_four,
        "created_at": key.created_at,
        "declared": false,
    })
}
