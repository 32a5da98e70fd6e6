//! `behest events`

use super::administer::Called;
use super::call::Call;
use clap::Args;

const KINDS: [&str; 7] = [
    "pii_detection",
    "pii_block",
    "pii_overflow",
    "blocklist",
    "prompt_injection",
    "hook",
    "hook_silent",
];

/// Which events of the guardrails.
#[derive(Debug, Args)]
pub(super) struct Events {
    /// Only those of this project.
    #[arg(long)]
    project: Option<String>,
    /// Only those of this type.
    #[arg(long = "type", value_parser = KINDS)]
    kind: Option<String>,
    /// How many, at most 1000.
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// The `next_cursor` of an earlier answer: what comes after it.
    #[arg(long)]
    cursor: Option<String>,
}

impl Called for Events {
    fn call(&self) -> Result<Call, String> {
        let columns = &[
            "id",
            "timestamp",
            "type",
            "project_id",
            "direction",
            "mode",
            "action_taken",
            "entity_types",
            "entity_count",
        ];
        Ok(Call::part(&["events"], columns)
            .query("project", self.project.as_ref())
            .query("type", self.kind.as_ref())
            .query("limit", Some(self.limit))
            .query("cursor", self.cursor.as_ref()))
    }
}
