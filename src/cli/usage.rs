//! `behest usage`

use super::administer::Called;
use super::call::Call;
use clap::{Args, Subcommand, ValueEnum};

/// Tell what was used.
#[derive(Debug, Args)]
pub(super) struct Usage {
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    sums: Sums,
    #[command(subcommand)]
    rows: Option<Rows>,
}

/// Whose usage, and from when to when.
#[derive(Debug, Args)]
struct Whose {
    /// Only this tenant's.
    #[arg(long, global = true)]
    tenant: Option<String>,
    /// Only this project's.
    #[arg(long, global = true)]
    project: Option<String>,
    /// Only this end user's.
    #[arg(long, global = true)]
    user: Option<String>,
    /// From this date or time on, such as 2030-01-31; this UTC month when it is not given.
    #[arg(long, global = true)]
    from: Option<String>,
    /// Up to this time, or with all of this date.
    #[arg(long, global = true)]
    to: Option<String>,
}

/// How it is added up.
#[derive(Debug, Args)]
struct Sums {
    /// How long a step is; a day when it is not given.
    #[arg(long, value_parser = ["minute", "hour", "day"])]
    granularity: Option<String>,
    /// What to tell apart.
    #[arg(long, value_parser = ["user", "session", "model", "key", "bucket"])]
    group_by: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Rows {
    /// Export the rows themselves, one for each request that reached a provider.
    Rows {
        /// How they are written.
        #[arg(long, value_enum, default_value_t = Format::Json)]
        format: Format,
    },
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Csv,
}

impl Called for Usage {
    fn call(&self) -> Result<Call, String> {
        match &self.rows {
            None => Ok(self.whose.asked_of(self.sums.call())),
            Some(_) if self.sums.are_told() => {
                Err("rows are not added up: --granularity and --group-by are not for them"
                    .to_owned())
            }
            Some(Rows::Rows { format }) => Ok(self.whose.asked_of(rows(*format))),
        }
    }
}

fn rows(format: Format) -> Call {
    let columns =
        &["time", "project", "user_id", "model", "prompt_tokens", "completion_tokens", "cost_usd"];
    let call = Call::list(&["usage", "rows"], columns);
    match format {
        Format::Json => call,
        Format::Csv => call.table().query("format", Some("csv")),
    }
}

impl Whose {
    fn asked_of(&self, call: Call) -> Call {
        call.query("user_id", self.user.as_ref())
            .query("tenant", self.tenant.as_ref())
            .query("project", self.project.as_ref())
            .query("from", self.from.as_ref())
            .query("to", self.to.as_ref())
    }
}

impl Sums {
    fn are_told(&self) -> bool {
        self.granularity.is_some() || self.group_by.is_some()
    }

    fn call(&self) -> Call {
        Call::new("GET", &["usage"])
            .query("granularity", self.granularity.as_ref())
            .query("group_by", self.group_by.as_ref())
    }
}
