//! What is made at run time, as it is stored: one JSON record each, and no secret in clear.

use crate::config::{EndUser, Project};
pub use behest_auth::Scope;
use behest_auth::{KeyLife, OwnKey, SigningKey};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// Something that is stored under a name of its own.
pub trait Object: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The collection that it lies in.
    const COLLECTION: &'static str;

    /// Its name there.
    fn id(&self) -> String;
}

/// An owner of projects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TenantObject {
    /// The tenant's id, unique in the gateway.
    pub id: String,
    /// For people.
    pub name: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Object for TenantObject {
    const COLLECTION: &'static str = "tenants";

    fn id(&self) -> String {
        self.id.clone()
    }
}

/// A project.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProjectObject {
    /// The tenant that owns it.
    pub tenant: String,
    /// Whether its keys and tokens are refused.
    pub suspended: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// What the configuration file would say of it.
    pub settings: Project,
}

impl Object for ProjectObject {
    const COLLECTION: &'static str = "projects";

    fn id(&self) -> String {
        self.settings.id.clone()
    }
}

/// Holds a slug for one project: two commits that want it meet in this record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlugObject {
    /// The slug.
    pub slug: String,
    /// Whose it is.
    pub project: String,
}

impl Object for SlugObject {
    const COLLECTION: &'static str = "slugs";

    fn id(&self) -> String {
        self.slug.clone()
    }
}

/// An API key without its secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyObject {
    /// The public id.
    pub id: String,
    /// The project's tenant.
    pub tenant: String,
    /// What requests with it act for.
    pub project: String,
    /// For people.
    pub name: Option<String>,
    /// SHA-256 of the whole key, in hexadecimal digits.
    pub lookup: String,
    /// The Argon2id hash, a PHC string.
    pub phc: String,
    /// The key's last four characters.
    pub last_four: String,
    /// Whether requests with it name an end user.
    pub end_user: EndUser,
    /// The highest role that it may mint tokens for.
    pub role: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
}

impl Object for KeyObject {
    const COLLECTION: &'static str = "keys";

    fn id(&self) -> String {
        self.id.clone()
    }
}

/// A key that a tenant signs tokens with: the public half.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SigningKeyObject {
    /// The key's id, unique in its tenant.
    pub kid: String,
    /// Whose it is.
    pub tenant: String,
    /// For people.
    pub name: Option<String>,
    /// The public key, SPKI in PEM.
    pub public_key: String,
    /// When it was registered.
    pub created_at: Timestamp,
    /// The key, once it was read.
    #[serde(skip)]
    pub parsed: OnceLock<SigningKey>,
}

impl Object for SigningKeyObject {
    const COLLECTION: &'static str = "signing_keys";

    fn id(&self) -> String {
        format!("{}/{}", self.tenant, self.kid)
    }
}

/// A tenant's own key for a provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProviderKeyObject {
    /// Whose it is.
    pub tenant: String,
    /// The provider's configured name.
    pub provider: String,
    /// The key, sealed.
    pub sealed: String,
    /// The key's last four characters.
    pub last_four: String,
    /// When it was set.
    pub created_at: Timestamp,
}

impl Object for ProviderKeyObject {
    const COLLECTION: &'static str = "provider_keys";

    fn id(&self) -> String {
        format!("{}/{}", self.tenant, self.provider)
    }
}

/// One of the gateway's own signing keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OwnKeyObject {
    /// Its id, its state and its times.
    #[serde(flatten)]
    pub life: KeyLife,
    /// The private half, sealed.
    pub sealed: String,
    /// The key, once it was opened.
    #[serde(skip)]
    pub opened: OnceLock<OwnKey>,
}

impl Object for OwnKeyObject {
    const COLLECTION: &'static str = "own_keys";

    fn id(&self) -> String {
        self.life.kid.to_string()
    }
}

/// A kill switch that is on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SwitchObject {
    /// Whom it is for.
    #[serde(with = "scope_word")]
    pub scope: Scope,
    /// Which of them; empty where all are meant.
    pub id: String,
    /// Whether running streams are ended too.
    pub end_streams: bool,
    /// For people.
    pub reason: Option<String>,
    /// When it was switched on.
    pub created_at: Timestamp,
}

impl Object for SwitchObject {
    const COLLECTION: &'static str = "switches";

    fn id(&self) -> String {
        format!("{}:{}", self.scope.word(), self.id)
    }
}

/// Tokens of an end user that were issued before a time are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserEpochObject {
    /// The project.
    pub project: String,
    /// The end user in it.
    pub user: String,
    /// Tokens must have been issued at this time or later.
    pub not_before: Timestamp,
}

impl Object for UserEpochObject {
    const COLLECTION: &'static str = "user_epochs";

    fn id(&self) -> String {
        format!("{}/{}", self.project, self.user)
    }
}

/// Requests that began before a time must end: their key, or whoever they act for, was revoked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CutObject {
    /// What was revoked.
    #[serde(with = "scope_word")]
    pub scope: Scope,
    /// Which of them.
    pub id: String,
    /// Requests that began at this time or earlier are meant.
    pub at: Timestamp,
}

impl Object for CutObject {
    const COLLECTION: &'static str = "cuts";

    fn id(&self) -> String {
        format!("{}:{}", self.scope.word(), self.id)
    }
}

/// Shows whether the master key is the one that everything was sealed under.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SealCheckObject {
    /// A known text, sealed.
    pub sealed: String,
}

impl Object for SealCheckObject {
    const COLLECTION: &'static str = "seal_checks";

    fn id(&self) -> String {
        "master".to_owned()
    }
}

/// A scope is stored as its word.
mod scope_word {
    use behest_auth::Scope;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(scope: &Scope, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(scope.word())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Scope, D::Error> {
        let word = String::deserialize(from)?;
        Scope::parse(&word).ok_or_else(|| D::Error::custom("no such scope"))
    }
}
