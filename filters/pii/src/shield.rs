//! A configuration made ready: what is looked for, and what is done about it.

use crate::config::{Action, Mode, PiiConfig};
use crate::detect::{Context, Detector};
use crate::entity::{Entity, EntityId};
use crate::error::ConfigError;
use std::collections::HashMap;

/// A compiled [`PiiConfig`]. Built once per snapshot, shared by all requests.
#[derive(Debug)]
pub struct Shield {
    detector: Detector,
    mode: Mode,
    actions: HashMap<EntityId, Action>,
    answers: bool,
}

impl Shield {
    /// Compiles a configuration, or tells everything that is wrong with it.
    pub fn new(config: &PiiConfig) -> Result<Self, Vec<ConfigError>> {
        let detector = Detector::new(config)?;
        let mut actions = HashMap::new();
        for entity in Entity::ALL {
            let default = config.default_action.filter(|_| entity.by_default());
            if let Some(action) = config.entities.get(entity.name()).copied().or(default) {
                actions.insert(EntityId::from(*entity), action);
            }
        }
        let patterns = config.patterns.iter().map(|pattern| pattern.action);
        let own = patterns.chain(config.deny_lists.iter().map(|list| list.action));
        actions.extend(detector.own().zip(own));
        actions.insert(EntityId::LOOKALIKE, Action::Mask);
        Ok(Self { detector, mode: config.mode, actions, answers: config.answers })
    }

    /// The engine.
    pub fn detector(&self) -> &Detector {
        &self.detector
    }

    /// Whether findings are acted upon.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether what the model says is redacted too.
    pub fn answers(&self) -> bool {
        self.answers
    }

    /// What is done about a kind.
    pub fn action(&self, entity: EntityId) -> Option<Action> {
        self.actions.get(&entity).copied()
    }

    /// What a text holds and what would be done about it, for showing.
    pub fn explain(
        &self,
        text: &str,
        context: Context<'_>,
    ) -> Vec<(crate::Finding, &str, Option<Action>)> {
        let findings = self.detector.find(text, context).into_iter();
        findings.map(|one| (one, self.detector.name(one.entity), self.action(one.entity))).collect()
    }
}
