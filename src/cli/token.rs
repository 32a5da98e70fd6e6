//! `behest token`

use super::administer::Called;
use super::call::{Call, Members};
use clap::Subcommand;
use serde_json::Value;

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(super) enum Token {
    /// Mint one for an end user, for trying things out.
    Mint {
        /// The project.
        #[arg(long)]
        project: String,
        /// The end user.
        #[arg(long)]
        user: String,
        /// Seconds that it lives: 60 to 86400, an hour when it is not given.
        #[arg(long)]
        ttl: Option<u64>,
        /// The end user's tier: a name, or a place in the order of tiers.
        #[arg(long)]
        tier: Option<String>,
        /// What the end user is to the project.
        #[arg(long)]
        role: Option<String>,
        /// The session.
        #[arg(long)]
        session: Option<String>,
    },
}

impl Called for Token {
    fn call(&self) -> Result<Call, String> {
        let Self::Mint { project, user, ttl, tier, role, session } = self;
        let body = Members::default()
            .with("user_id", Some(user.clone()))
            .with("ttl", *ttl)
            .with("tier", tier.as_deref().map(number_or_name))
            .with("role", role.clone())
            .with("session_id", session.clone());
        Ok(Call::new("POST", &["projects", project, "tokens"]).body(body))
    }
}

fn number_or_name(tier: &str) -> Value {
    tier.parse::<u32>().map_or_else(|_| tier.into(), Value::from)
}
