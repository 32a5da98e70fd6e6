//! `behest signing-key`

use super::administer::Called;
use super::call::{Call, Members};
use clap::{Args, Subcommand};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What to do with keys that tokens are signed with.
#[derive(Debug, Subcommand)]
pub(super) enum SigningKey {
    /// Tell all keys.
    List(Owner),
    /// Make a pair for a tenant. The private half is shown once.
    Create {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        #[command(flatten)]
        named: Named,
    },
    /// Register the public key of a tenant.
    Register {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// A file with the key in PEM or as a JWK.
        #[arg(long, value_name = "FILE")]
        public_key: PathBuf,
        #[command(flatten)]
        named: Named,
    },
    /// Revoke a key, and with it every token that it signed.
    Revoke {
        #[command(flatten)]
        owner: Owner,
        /// The key's id.
        kid: String,
        /// Whether running streams end too; for a tenant's key.
        #[arg(long, conflicts_with = "own")]
        end_streams: bool,
    },
    /// Let the gateway's next key sign from now on.
    Rotate {
        /// The gateway's own keys; those of tenants are rotated by their tenants.
        #[arg(long, required = true)]
        own: bool,
    },
}

/// Whose keys.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Owner {
    /// A tenant's.
    #[arg(long)]
    tenant: Option<String>,
    /// The gateway's own.
    #[arg(long)]
    own: bool,
}

/// What a new key is called.
#[derive(Debug, Args)]
pub(super) struct Named {
    /// The key's id; made up when it is not given.
    #[arg(long)]
    kid: Option<String>,
    /// A name for people.
    #[arg(long)]
    name: Option<String>,
}

impl Called for SigningKey {
    fn call(&self) -> Result<Call, String> {
        Ok(match self {
            Self::List(owner) => match &owner.tenant {
                Some(_) => Call::list(&owner.path(), &["kid", "name", "created_at"]),
                None => {
                    let columns = &["kid", "state", "created_at", "activated_at", "retired_at"];
                    Call::list(&owner.path(), columns)
                }
            },
            Self::Create { tenant, named } => {
                Call::new("POST", &["tenants", tenant, "signing-keys"]).body(named.members())
            }
            Self::Register { tenant, public_key, named } => {
                let body = named.members().with("public_key", Some(key_in(public_key)?));
                Call::new("POST", &["tenants", tenant, "signing-keys"]).body(body)
            }
            Self::Revoke { owner, kid, end_streams } => {
                let path = [owner.path().as_slice(), &[kid.as_str()]].concat();
                Call::new("DELETE", &path).flag("end_streams", *end_streams)
            }
            Self::Rotate { .. } => Call::new("POST", &["signing-keys", "rotate"]),
        })
    }
}

impl Owner {
    fn path(&self) -> Vec<&str> {
        match &self.tenant {
            Some(tenant) => vec!["tenants", tenant, "signing-keys"],
            None => vec!["signing-keys"],
        }
    }
}

impl Named {
    fn members(&self) -> Members {
        Members::default().with("kid", self.kid.clone()).with("name", self.name.clone())
    }
}

/// A JWK as an object, anything else as the text that it is.
fn key_in(path: &Path) -> Result<Value, String> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
    let jwk = serde_json::from_str(&text).ok().filter(Value::is_object);
    Ok(jwk.unwrap_or(Value::String(text)))
}

#[cfg(test)]
mod tests {
    use crate::cli::administer::tests::call;
    use serde_json::{Value, json};

    #[test]
    fn a_public_key_is_sent_as_the_file_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for (text, sent) in [
            ("-----BEGIN PUBLIC KEY-----\n", json!("-----BEGIN PUBLIC KEY-----\n")),
            (r#"{"kty":"RSA"}"#, json!({ "kty": "RSA" })),
        ] {
            std::fs::write(&path, text).unwrap();
            let line = format!("signing-key register --tenant t --public-key {}", path.display());
            let body: Value = call(&line).unwrap().body.unwrap();
            assert_eq!(body["public_key"], sent);
        }
        assert!(call("signing-key register --tenant t --public-key /no/such/file").is_err());
    }
}
