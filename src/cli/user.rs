//! `behest user`

use super::administer::Called;
use super::call::{Call, Members};
use clap::Subcommand;

/// What to do with end users.
#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Refuse the tokens that one has by now; new ones work.
    Revoke {
        /// The project.
        #[arg(long)]
        project: String,
        /// The end user.
        #[arg(long)]
        user: String,
        /// End running streams too.
        #[arg(long)]
        end_streams: bool,
    },
    /// Put a keyed hash in the place of one in the ledger. It cannot be undone.
    Erase {
        /// The project.
        #[arg(long)]
        project: String,
        /// The end user.
        #[arg(long)]
        user: String,
    },
}

impl Called for User {
    fn call(&self) -> Result<Call, String> {
        Ok(match self {
            Self::Revoke { project, user, end_streams } => {
                let path = ["projects", project, "users", user, "revoke"];
                let body = Members::default().flag("end_streams", *end_streams);
                Call::new("POST", &path).body(body)
            }
            Self::Erase { project, user } => {
                Call::new("DELETE", &["projects", project, "users", user])
            }
        })
    }
}
