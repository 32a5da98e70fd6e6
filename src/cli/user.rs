//! `behest user`

use super::administer::Called;
use super::call::Call;
use clap::Subcommand;

/// What to do with end users.
#[derive(Debug, Subcommand)]
pub(super) enum User {
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
        let Self::Erase { project, user } = self;
        Ok(Call::new("DELETE", &["projects", project, "users", user]))
    }
}
