//! `behest provider-key`

use super::administer::Called;
use super::call::{Call, Members};
use super::serve::eprint_lines;
use clap::{Args, Subcommand};
use std::io::{self, IsTerminal as _, Read as _};

/// The longest key that is read.
const KEY_BYTES_MAX: u64 = 8192;

/// What to do with a tenant's own keys for providers.
#[derive(Debug, Subcommand)]
pub(super) enum ProviderKey {
    /// Tell for which providers there are keys.
    List {
        /// The tenant.
        #[arg(long)]
        tenant: String,
    },
    /// Set one. The key is read from standard input, or from a variable.
    Set {
        #[command(flatten)]
        one: One,
        /// The variable that holds the key.
        #[arg(long, value_name = "NAME")]
        from_env: Option<String>,
    },
    /// Tell of one: the last four characters.
    Show(One),
    /// Delete one.
    Delete(One),
}

/// A key.
#[derive(Debug, Args)]
pub(super) struct One {
    /// The tenant.
    #[arg(long)]
    tenant: String,
    /// The provider's configured name.
    #[arg(long)]
    provider: String,
}

impl Called for ProviderKey {
    fn call(&self) -> Result<Call, String> {
        Ok(match self {
            Self::List { tenant } => {
                let columns = &["provider", "last_four", "created_at"];
                Call::list(&["tenants", tenant, "provider-keys"], columns)
            }
            Self::Set { one, from_env } => {
                let key = match from_env {
                    Some(name) => std::env::var(name).map_err(|_| format!("{name} is not set"))?,
                    None => from_input()?,
                };
                one.call("PUT").body(Members::default().with("api_key", Some(key.trim())))
            }
            Self::Show(one) => one.call("GET"),
            Self::Delete(one) => one.call("DELETE"),
        })
    }
}

impl One {
    fn call(&self, method: &'static str) -> Call {
        Call::new(method, &["tenants", &self.tenant, "provider-keys", &self.provider])
    }
}

/// Never an argument: arguments are seen by everybody on the machine, and kept in histories.
fn from_input() -> Result<String, String> {
    if io::stdin().is_terminal() {
        eprint_lines("Type or paste the key, then a line's end and Ctrl-D.");
    }
    let mut key = String::new();
    let read = io::stdin().take(KEY_BYTES_MAX).read_to_string(&mut key);
    read.map_err(|error| format!("standard input: {error}"))?;
    Ok(key)
}
