//! `behest switch`

use super::administer::Called;
use super::call::{Call, Members};
use clap::{Args, Subcommand};

/// What to do with kill switches.
#[derive(Debug, Subcommand)]
pub(super) enum Switch {
    /// Tell all that are on.
    List,
    /// Turn one on: whom it names is refused.
    On {
        #[command(flatten)]
        whom: Whom,
        /// Whether running streams end too.
        #[arg(long)]
        end_streams: bool,
        /// Why, for people.
        #[arg(long)]
        reason: Option<String>,
        /// Also for a tenant, project or key that is not there, such as a revoked key whose tokens live on.
        #[arg(long)]
        force: bool,
    },
    /// Turn one off.
    Off(Whom),
}

/// Whom a switch is for.
#[derive(Debug, Args)]
pub(super) struct Whom {
    /// Of what kind.
    #[arg(long, value_parser = ["global", "tenant", "project", "user", "key"])]
    scope: String,
    /// Which of them; a user by id, in every project, or as project/user.
    #[arg(long)]
    id: Option<String>,
}

impl Called for Switch {
    fn call(&self) -> Result<Call, String> {
        Ok(match self {
            Self::List => {
                let columns = &["scope", "id", "end_streams", "reason", "created_at"];
                Call::list(&["kill-switches"], columns)
            }
            Self::On { whom, end_streams, reason, force } => {
                let body = Members::default()
                    .with("scope", Some(whom.scope.clone()))
                    .with("id", whom.id.clone())
                    .flag("end_streams", *end_streams)
                    .with("reason", reason.clone())
                    .flag("force", *force);
                Call::new("POST", &["kill-switches"]).body(body)
            }
            Self::Off(whom) => Call::new("DELETE", &["kill-switches"])
                .query("scope", Some(&whom.scope))
                .query("id", whom.id.as_ref()),
        })
    }
}
