//! `projects/{id}/tokens`: what `/v1/auth/mint` would answer, for trying things out.

use super::answer::{self, Answer};
use super::call::Call;
use super::known;
use super::refusal::Refusal;
use behest_auth::{EndUserRule, KeyRecord, MintRequest, Role};
use http::StatusCode;

/// What stands in the place of an API key where whoever has the admin secret mints.
pub(super) const ADMIN_KEY: &str = "admin";

/// `POST projects/{id}/tokens`
pub(super) async fn mint(call: Call) -> Result<Answer, Refusal> {
    let snapshot = call.snapshot();
    let project = known::project(&snapshot, call.id(0))?;
    let request = MintRequest::parse(&call.body)?;
    let authority = &snapshot.authority;
    let key = admin(project.tenant(), call.id(0), request.role.unwrap_or_default());
    let (minter, unsigned) = authority.mint(&key, &request)?;
    let minted = minter.minted(call.house.fixtures.offload.as_ref(), unsigned).await?;
    Ok(answer::bytes(StatusCode::OK, "application/json", minted.to_json().to_vec()))
}

/// Stands for whoever has the admin secret, who may mint for any role.
fn admin(tenant: &str, project: &str, role: Role) -> KeyRecord {
    KeyRecord {
        id: ADMIN_KEY.into(),
        tenant: tenant.into(),
        project: project.into(),
        lookup: [0; 32],
        phc: String::new(),
        end_user: EndUserRule::Allow,
        allow_on_chat: true,
        role,
        expires_at: None,
    }
}
