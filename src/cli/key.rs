//! `behest key`

use super::administer::Called;
use super::call::{Call, Members};
use clap::{Args, Subcommand};

/// What to do with a project's keys.
#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Tell all keys.
    List {
        /// The project.
        #[arg(long)]
        project: String,
    },
    /// Make one. It is shown once.
    Create {
        /// The project.
        #[arg(long)]
        project: String,
        /// A name for people.
        #[arg(long)]
        name: Option<String>,
        /// Whether requests with it name an end user.
        #[arg(long, value_parser = ["allow", "require", "forbid"])]
        end_user: Option<String>,
        /// The highest role that it may mint tokens for.
        #[arg(long, value_parser = ["user", "dashboard-service", "admin"])]
        role: Option<String>,
        /// Seconds until it expires.
        #[arg(long, conflicts_with = "expires_at")]
        ttl: Option<u64>,
        /// When it expires, such as 2030-01-31T12:00:00Z.
        #[arg(long)]
        expires_at: Option<String>,
    },
    /// Tell one.
    Show(One),
    /// Make another one with the same settings; the old one soon expires.
    Rotate {
        #[command(flatten)]
        one: One,
        /// Seconds for which the old one still works; an hour when it is not given.
        #[arg(long)]
        overlap: Option<u64>,
    },
    /// Revoke one.
    Revoke {
        #[command(flatten)]
        one: One,
        /// Whether running streams end too.
        #[arg(long)]
        end_streams: bool,
    },
}

/// A key.
#[derive(Debug, Args)]
pub(super) struct One {
    /// The project.
    #[arg(long)]
    project: String,
    /// The key's id.
    id: String,
}

impl Called for Key {
    fn call(&self) -> Result<Call, String> {
        Ok(match self {
            Self::List { project } => {
                let columns =
                    &["id", "name", "last_four", "end_user", "role", "expires_at", "declared"];
                Call::list(&["projects", project, "keys"], columns)
            }
            Self::Create { project, name, end_user, role, ttl, expires_at } => {
                let body = Members::default()
                    .with("name", name.clone())
                    .with("end_user", end_user.clone())
                    .with("role", role.clone())
                    .with("ttl", *ttl)
                    .with("expires_at", expires_at.clone());
                Call::new("POST", &["projects", project, "keys"]).body(body)
            }
            Self::Show(one) => one.call("GET", &[]),
            Self::Rotate { one, overlap } => {
                one.call("POST", &["rotate"]).body(Members::default().with("overlap", *overlap))
            }
            Self::Revoke { one, end_streams } => {
                one.call("DELETE", &[]).flag("end_streams", *end_streams)
            }
        })
    }
}

impl One {
    fn call(&self, method: &'static str, below: &[&str]) -> Call {
        let path = ["projects", &self.project, "keys", &self.id];
        Call::new(method, &[&path, below].concat())
    }
}
