//! `tenants/{id}/signing-keys`

use super::answer::{self, Answer};
use super::call::{Call, cut, without_old};
use super::known;
use super::members::Members;
use super::page::Page;
use super::refusal::Refusal;
use crate::directory::{Draft, Kept, Object, Scope, SigningKeyObject};
use crate::snapshot::Snapshot;
use behest_auth::SigningKey;
use behest_contract::directory::Expect;
use behest_contract::secret::Secret;
use serde_json::{Value, json};

/// `GET tenants/{id}/signing-keys`
pub(super) fn list(call: &Call) -> Result<Answer, Refusal> {
    let snapshot = call.snapshot();
    known::tenant(&snapshot, call.id(0))?;
    let keys = snapshot.objects.signing_keys.iter();
    let keys = keys.filter(|key| key.tenant == call.id(0));
    let keys = keys.map(|key| (key.kid.clone(), key.as_ref())).collect();
    Ok(Page::of(&call.query)?.answer(keys, |key| shape(key)))
}

/// `GET tenants/{id}/signing-keys/{kid}`
pub(super) fn show(call: &Call) -> Result<Answer, Refusal> {
    let snapshot = call.snapshot();
    Ok(answer::ok(&shape(&find(&snapshot, call.id(0), call.id(1))?.object)))
}

/// `POST tenants/{id}/signing-keys`
pub(super) async fn create(call: Call) -> Result<Answer, Refusal> {
    known::tenant(&call.snapshot(), call.id(0))?;
    let mut body = call.members()?;
    let (name, kid, public) = (body.label("name")?, body.text("kid")?, public_key(&mut body)?);
    body.end()?;
    let (key, private) = key(&call, kid.flatten(), public).await?;
    let object = SigningKeyObject {
        kid: key.kid().to_string(),
        tenant: call.id(0).to_owned(),
        name: name.flatten(),
        public_key: key.public().to_pem(),
        created_at: call.now(),
        parsed: key.into(),
    };
    let path = format!("tenants/{}/signing-keys/{}", object.tenant, object.kid);
    let audit = call.audit("signing_key.create", path);
    let change = call.change(&audit, |snapshot| {
        let tenant = known::tenant(snapshot, &object.tenant)?;
        if find(snapshot, &object.tenant, &object.kid).is_ok() {
            let message = format!("The tenant has a signing key {:?} already.", object.kid);
            return Err(Refusal::conflict(message));
        }
        Ok((tenant.kept(Draft::default().put(&object, Expect::Absent)), ()))
    });
    change.await?;
    let mut shape = shape(&object);
    if let (Some(members), Some(private)) = (shape.as_object_mut(), private) {
        members.insert("private_key".to_owned(), json!(private.expose()));
    }
    Ok(answer::created(&shape))
}

/// `DELETE tenants/{id}/signing-keys/{kid}`
pub(super) async fn revoke(call: Call) -> Result<Answer, Refusal> {
    let ends_streams = call.query.flag("end_streams")?;
    let path = format!("tenants/{}/signing-keys/{}", call.id(0), call.id(1));
    let audit = call.audit("signing_key.revoke", path);
    let change = call.change(&audit, |snapshot| {
        let kept = find(snapshot, call.id(0), call.id(1))?;
        let id = kept.object.id();
        let mut draft = Draft::default().delete::<SigningKeyObject>(&id, Expect::At(kept.revision));
        if ends_streams {
            draft = cut(draft, Scope::Key, &kept.object.kid, call.house.clock.unix());
            draft = without_old(draft, &snapshot.objects, call.now());
        }
        Ok((draft, ()))
    });
    change.await?;
    Ok(answer::gone())
}

/// The public key of a body, as PEM or JWK.
fn public_key(body: &mut Members) -> Result<Option<String>, Refusal> {
    match body.take("public_key").flatten() {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Object(jwk)) => Ok(Some(Value::Object(jwk).to_string())),
        Some(_) => {
            Err(Refusal::wrong("public_key", "public_key must be a text in PEM or a JWK object."))
        }
    }
}

/// The key to register, and the private half if it was made here.
async fn key(
    call: &Call,
    kid: Option<String>,
    public: Option<String>,
) -> Result<(SigningKey, Option<Secret>), Refusal> {
    let named = |kid: &str, public| {
        SigningKey::new(kid, public).map_err(|fault| Refusal::wrong("kid", fault.to_string()))
    };
    if let Some(public) = public {
        let public = SigningKey::parse(&public);
        let public = public.map_err(|fault| Refusal::wrong("public_key", fault.to_string()))?;
        let kid = match kid.as_deref().or(public.kid()) {
            Some(kid) => kid.to_owned(),
            None => format!("sk_{}", crate::house::random_hex(16).map_err(Refusal::unavailable)?),
        };
        return Ok((named(&kid, public)?, None));
    }
    let pair = call.made(SigningKey::generate).await?;
    let key = match kid {
        Some(kid) => named(&kid, pair.public.public().clone())?,
        None => pair.public,
    };
    Ok((key, Some(pair.private_pkcs8_pem)))
}

fn find<'a>(
    snapshot: &'a Snapshot,
    tenant: &str,
    kid: &str,
) -> Result<&'a Kept<SigningKeyObject>, Refusal> {
    known::tenant(snapshot, tenant)?;
    let kept = snapshot.objects.signing_keys.find(&format!("{tenant}/{kid}"));
    kept.ok_or_else(|| Refusal::missing("signing key", kid))
}

fn shape(key: &SigningKeyObject) -> Value {
    json!({
        "kid": key.kid,
        "tenant": key.tenant,
        "name": key.name,
        "public_key": key.public_key,
        "created_at": key.created_at,
        "declared": false,
    })
}
