//! What must not leave, compiled: deny lists are long, so that it is made anew only where it differs.

use super::projects::told;
use super::{SnapshotError, failed};
use crate::config::Config;
use crate::directory::Objects;
use behest_pii::{PiiPolicies, PolicyRow};
use std::sync::Arc;

/// The guardrails of all projects.
pub struct Guardrails {
    /// Compiled.
    pub policies: Arc<PiiPolicies>,
    /// What they were compiled from.
    rows: Vec<PolicyRow>,
}

impl Guardrails {
    pub(super) fn new(
        config: &Config,
        objects: &Objects,
        known: Option<&Self>,
    ) -> Result<Self, SnapshotError> {
        let rows: Vec<PolicyRow> = told(config, objects)
            .flat_map(|told| told.settings.guardrails(&config.guardrails))
            .collect();
        if let Some(known) = known.filter(|known| known.rows == rows) {
            return Ok(Self { policies: known.policies.clone(), rows });
        }
        // Each row was checked when it was made. Should one not compile all the same, nothing is put in
        // force that would let everything pass.
        let policies = PiiPolicies::compile(rows.clone()).map_err(|errors| {
            let told: Vec<_> = errors.iter().map(ToString::to_string).collect();
            failed("guardrails", &told.join("; "))
        })?;
        Ok(Self { policies: Arc::new(policies), rows })
    }
}
