//! Minting: an API key vouches for an end user and gets a token for it.
//!
//! Clients mint before every call, so this is a hot path: all but the signature is made in place in a
//! few microseconds, and the signature, a quarter of a millisecond, away from the event loop.

mod request;

pub use request::MintRequest;

use crate::api_key::KeyRecord;
use crate::error::Error;
use crate::own_key::OwnKey;
use crate::project::Projects;
use crate::random;
use crate::role::Role;
use crate::token::AUDIENCE;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use behest_contract::denial::{Denial, Kind};
use behest_contract::ports::{Busy, Offload, offloaded};
use behest_contract::secret::Secret;
use bytes::Bytes;
use futures::future::FutureExt;
use serde::Serialize;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// Mints tokens with the active own key, which it holds parsed.
pub struct Minter {
    pair: Arc<RsaKeyPair>,
    /// The header in base64url and the dot after it.
    header: Box<str>,
    kid: Arc<str>,
    issuer: Arc<str>,
}

/// A token that lacks its signature.
pub struct Unsigned {
    signed: String,
    pair: Arc<RsaKeyPair>,
    project: Arc<str>,
    ttl: u32,
    session: Box<str>,
}

/// A token, and what its client is told with it.
#[derive(Debug)]
pub struct Minted {
    /// The token.
    pub jwt: Secret,
    /// The project that it is for.
    pub project_id: Arc<str>,
    /// Seconds that it lives.
    pub ttl: u32,
    /// The session that it names.
    pub session_id: Box<str>,
}

/// In the order in which Behest writes them.
#[derive(Serialize)]
struct Claims<'c> {
    tid: &'c str,
    pid: &'c str,
    uid: &'c str,
    role: &'static str,
    scp: [&'c str; 0],
    iss: &'c str,
    aud: &'static str,
    iat: u64,
    nbf: u64,
    exp: u64,
    jti: &'c str,
    sid: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<&'c serde_json::Value>,
    /// Not Behest's but our own: the public id of the API key that vouches, under which what the token
    /// uses is booked. After the others, whose order clients may know.
    key: &'c str,
}

#[derive(Serialize)]
struct Answer<'c> {
    jwt: &'c str,
    access_token: &'c str,
    token_type: &'static str,
    project_id: &'c str,
    ttl: u32,
    expires_in: u32,
    session_id: &'c str,
}

impl Minter {
    /// A minter that signs with this key.
    pub fn new(key: &OwnKey, issuer: Arc<str>) -> Self {
        let kid = key.life().kid.clone();
        let header = format!(r#"{{"alg":"RS256","typ":"JWT","kid":"{kid}"}}"#);
        let header = format!("{}.", URL_SAFE_NO_PAD.encode(header)).into();
        Self { pair: key.pair().clone(), header, kid, issuer }
    }

    /// The name of the key that signs.
    pub fn kid(&self) -> &Arc<str> {
        &self.kid
    }

    /// A token for the end user that the request names, if this key may have it. What is refused here
    /// is the request's body.
    pub fn mint(
        &self,
        key: &KeyRecord,
        request: &MintRequest,
        projects: &Projects,
        now: Duration,
    ) -> Result<Unsigned, Box<Denial>> {
        let role = role(key, request)?;
        check_tier(key, request, projects)?;
        let random = || random::uuid().map_err(no_random);
        let session: Box<str> = match &request.session_id {
            Some(session) => session.clone(),
            None => random()?.to_string().into(),
        };
        let (now, jti) = (now.as_secs(), random()?.to_string());
        let tier = request.tier.as_ref().map(|tier| tier.as_json());
        let claims = Claims {
            tid: &key.tenant,
            pid: &key.project,
            uid: &request.user_id,
            role: role.word(),
            scp: [],
            iss: &self.issuer,
            aud: AUDIENCE,
            iat: now,
            nbf: now,
            exp: now + u64::from(request.ttl),
            jti: &jti,
            sid: &session,
            tier: tier.as_ref(),
            key: &key.id,
        };
        let claims = serde_json::to_vec(&claims).map_err(|_| internal("claims"))?;
        let mut signed = String::with_capacity(self.header.len() + claims.len() * 4 / 3 + 360);
        signed.push_str(&self.header);
        URL_SAFE_NO_PAD.encode_string(claims, &mut signed);
        let (pair, project) = (self.pair.clone(), key.project.clone());
        Ok(Unsigned { signed, pair, project, ttl: request.ttl, session })
    }

    /// Signs away from the event loop.
    pub fn minted(
        &self,
        offload: &dyn Offload,
        unsigned: Unsigned,
    ) -> impl Future<Output = Result<Minted, Busy>> + Send + use<> {
        let signed = offloaded(offload, move || unsigned.sign());
        // A signature that fails is as good as one that was never begun.
        signed.map(|signed| signed?.map_err(|_| Busy))
    }
}

impl fmt::Debug for Minter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minter").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl Unsigned {
    /// Signs here and now, which takes a quarter of a millisecond.
    pub fn sign(self) -> Result<Minted, Box<Denial>> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        self.pair
            .sign(&RSA_PKCS1_SHA256, &random, self.signed.as_bytes(), &mut signature)
            .map_err(|_| internal("signature"))?;
        let mut jwt = self.signed;
        jwt.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut jwt);
        Ok(Minted {
            jwt: Secret::new(jwt),
            project_id: self.project,
            ttl: self.ttl,
            session_id: self.session,
        })
    }
}

impl fmt::Debug for Unsigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsigned").field("project", &self.project).finish_non_exhaustive()
    }
}

impl Minted {
    /// The answer's body, with the token under each of the names that clients look for.
    pub fn to_json(&self) -> Bytes {
        let answer = Answer {
            jwt: self.jwt.expose(),
            access_token: self.jwt.expose(),
            token_type: "Bearer",
            project_id: &self.project_id,
            ttl: self.ttl,
            expires_in: self.ttl,
            session_id: &self.session_id,
        };
        // Texts and numbers: there is nothing in it that cannot be written.
        serde_json::to_vec(&answer).unwrap_or_default().into()
    }
}

/// A key gives its own role or that of a user, and never another.
fn role(key: &KeyRecord, request: &MintRequest) -> Result<Role, Box<Denial>> {
    let role = request.role.unwrap_or(key.role);
    if role == Role::User || role == key.role {
        return Ok(role);
    }
    Err(request::invalid("This API key may not mint tokens with this role.", "role"))
}

fn check_tier(
    key: &KeyRecord,
    request: &MintRequest,
    projects: &Projects,
) -> Result<(), Box<Denial>> {
    let Some(claim) = &request.tier else { return Ok(()) };
    let project = projects.project(&key.project);
    if project.and_then(|project| project.tier(claim)).is_none() {
        return Err(request::invalid("The project has no such tier.", "tier"));
    }
    Ok(())
}

fn no_random(error: Error) -> Box<Denial> {
    Box::new(Denial::new(Kind::Internal, "The token could not be made.").note(error.to_string()))
}

fn internal(what: &str) -> Box<Denial> {
    Box::new(Denial::new(Kind::Internal, "The token could not be made.").note(what))
}

#[cfg(test)]
mod tests;
