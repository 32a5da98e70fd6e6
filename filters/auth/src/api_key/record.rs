//! What is kept of a key: whom it acts for, and how to know it again.

use super::digest::Digest;
use crate::config::{DeclaredKey, EndUserRule};
use crate::error::Error;
use crate::role::Role;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use behest_contract::clock::Clock;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A key without its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The public id, such as `demo/ci`.
    pub id: Arc<str>,
    /// The tenant that owns the project.
    pub tenant: Arc<str>,
    /// The project that requests act for.
    pub project: Arc<str>,
    /// SHA-256 of the whole key: finds the record, and so spares Argon2id for keys that are not ours.
    pub lookup: [u8; 32],
    /// The Argon2id hash of the whole key, as a PHC string.
    pub phc: String,
    /// Whether requests name an end user.
    pub end_user: EndUserRule,
    /// Whether the key may call models, or only mint tokens.
    pub allow_on_chat: bool,
    /// What it is to its project, and the most that it may mint tokens for.
    pub role: Role,
    /// From when on it is unknown, since the Unix epoch. A key that is replaced goes on for a while
    /// beside the new one in this way.
    pub expires_at: Option<Duration>,
}

impl KeyRecord {
    /// The digest under which a key's record is found.
    pub fn lookup(secret: &str) -> [u8; 32] {
        Digest::of(secret).bytes()
    }

    /// Hashes a key with a random salt, as a PHC string. Takes 30 to 50 ms and 19 MiB.
    pub fn hash(secret: &str) -> Result<String, Error> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
            .map_err(|error| Error::Hash(error.into()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = argon2.hash_password(secret.as_bytes()).map_err(Error::Hash)?;
        Ok(hash.to_string())
    }

    /// Whether `secret` is this key, by its Argon2id hash. Not for the event loop.
    pub fn verify(&self, secret: &str) -> bool {
        // The hash brings its own parameters.
        Argon2::default().verify_password(secret.as_bytes(), self.phc.as_str()).is_ok()
    }

    /// Whether the key has run out.
    pub(crate) fn is_over(&self, clock: &dyn Clock) -> bool {
        self.expires_at.is_some_and(|end| clock.unix() >= end)
    }

    /// The record of a declared key, given its hash.
    pub(crate) fn declared(key: DeclaredKey, phc: String) -> Self {
        Self {
            lookup: Self::lookup(key.secret.expose()),
            phc,
            id: key.id,
            tenant: key.tenant,
            project: key.project,
            end_user: key.end_user,
            allow_on_chat: key.allow_on_chat,
            role: Role::User,
            expires_at: None,
        }
    }

    /// Whether the stored hash is one that a request may be made to wait for. A damaged store must
    /// show at load, and must not make a request take gigabytes.
    pub(crate) fn has_fit_hash(&self) -> bool {
        let Ok(hash) = PasswordHash::new(&self.phc) else { return false };
        let Ok(params) = Params::try_from(&hash) else { return false };
        hash.algorithm.as_str() == Algorithm::Argon2id.as_str()
            && hash.hash.is_some()
            && params.m_cost() <= 4 * MEMORY_KIB
            && params.t_cost() <= 4 * PASSES
            && params.p_cost() <= 4 * LANES
    }
}

impl fmt::Debug for KeyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRecord")
            .field("id", &self.id)
            .field("tenant", &self.tenant)
            .field("project", &self.project)
            .finish_non_exhaustive()
    }
}

const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
