//! `behest tier`

use super::administer::Called;
use super::call::{Call, Members};
use super::further::Further;
use clap::{Args, Subcommand};

/// What to do with a project's tiers.
#[derive(Debug, Subcommand)]
pub(super) enum Tier {
    /// Tell all tiers, the lowest first.
    List {
        /// The project.
        #[arg(long)]
        project: String,
    },
    /// Make one of the project's own.
    Create {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        limits: Limits,
    },
    /// Tell one.
    Show(One),
    /// Say what the project itself says of one, instead of what it said before.
    Set {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        limits: Limits,
    },
    /// Delete one of the project's own, or what it says of a shipped one.
    Delete(One),
    /// Tell what one comes to, with the project's limits and the defaults.
    Resolved(One),
}

/// A tier.
#[derive(Debug, Args)]
pub(super) struct One {
    /// The project.
    #[arg(long)]
    project: String,
    /// The tier's name; for `resolved` its place in the order will do.
    name: String,
}

/// What a tier allows.
#[derive(Debug, Args)]
pub(super) struct Limits {
    /// The tier's place in the order, 1 for the lowest.
    #[arg(long)]
    sort_order: Option<u32>,
    /// Requests per minute.
    #[arg(long, visible_alias = "rpm")]
    requests_per_minute: Option<u64>,
    /// Requests per UTC day.
    #[arg(long)]
    requests_per_day: Option<u64>,
    /// Tokens per minute.
    #[arg(long)]
    tokens_per_minute: Option<u64>,
    /// Tokens per UTC day.
    #[arg(long)]
    tokens_per_day: Option<u64>,
    /// Tokens per calendar month (UTC).
    #[arg(long)]
    tokens_per_month: Option<u64>,
    #[command(flatten)]
    further: Further,
}

impl Called for Tier {
    fn call(&self) -> Result<Call, String> {
        Ok(match self {
            Self::List { project } => {
                let columns = &[
                    "name",
                    "sort_order",
                    "requests_per_minute",
                    "requests_per_day",
                    "tokens_per_day",
                    "shipped",
                    "declared",
                ];
                Call::list(&["projects", project, "tiers"], columns)
            }
            Self::Create { one, limits } => {
                let body = limits.members()?.with("name", Some(one.name.clone()));
                Call::new("POST", &["projects", &one.project, "tiers"]).body(body)
            }
            Self::Show(one) => one.call("GET", &[]),
            Self::Set { one, limits } => one.call("PUT", &[]).body(limits.members()?),
            Self::Delete(one) => one.call("DELETE", &[]),
            Self::Resolved(one) => one.call("GET", &["resolved"]),
        })
    }
}

impl One {
    fn call(&self, method: &'static str, below: &[&str]) -> Call {
        let path = ["projects", &self.project, "tiers", &self.name];
        Call::new(method, &[&path, below].concat())
    }
}

impl Limits {
    /// What the object says, and over it what the options say.
    fn members(&self) -> Result<Members, String> {
        Ok(self
            .further
            .members()?
            .with("sort_order", self.sort_order)
            .with("requests_per_minute", self.requests_per_minute)
            .with("requests_per_day", self.requests_per_day)
            .with("tokens_per_minute", self.tokens_per_minute)
            .with("tokens_per_day", self.tokens_per_day)
            .with("tokens_per_month", self.tokens_per_month))
    }
}
