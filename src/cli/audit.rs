//! `behest audit`

use super::administer::Called;
use super::call::Call;
use clap::Args;

/// Which part of the audit.
#[derive(Debug, Args)]
pub(super) struct Audit {
    /// How many lines, at most 1000.
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// The `next_cursor` of an earlier answer: what comes after it.
    #[arg(long)]
    cursor: Option<String>,
}

impl Called for Audit {
    fn call(&self) -> Result<Call, String> {
        let columns = &["id", "time", "action", "object", "source"];
        let call = Call::part(&["audit"], columns);
        Ok(call.query("limit", Some(self.limit)).query("cursor", self.cursor.as_ref()))
    }
}
