//! `behest limits`

use super::administer::Called;
use super::call::Call;
use clap::Subcommand;

/// What to do with limits.
#[derive(Debug, Subcommand)]
pub(super) enum Limits {
    /// Tell what each limit allows a project, an end user and a session, and what is used of it.
    Show {
        /// The project.
        #[arg(long)]
        project: String,
        /// The end user.
        #[arg(long)]
        user: Option<String>,
        /// The session, of this end user or of whoever names none.
        #[arg(long)]
        session: Option<String>,
        /// The end user's tier, by name or number; the project's `default_tier` when it is not given.
        #[arg(long)]
        tier: Option<String>,
    },
}

impl Called for Limits {
    fn call(&self) -> Result<Call, String> {
        let Self::Show { project, user, session, tier } = self;
        let columns = &["layer", "limit", "used", "remaining", "unit", "resets_at"];
        Ok(Call::part(&["projects", project, "limits"], columns)
            .query("user_id", user.as_ref())
            .query("session_id", session.as_ref())
            .query("tier", tier.as_ref()))
    }
}
