//! PII Shield and Sentinel, in the terms of their family.

use behest_pii::{
    Action, DenyListConfig, Mode, PatternConfig, PiiConfig, PolicyConfig, SentinelConfig,
};

use super::{Mode as ModeWord, Pii, PiiAction, Project, Sentinel};

impl Project {
    /// What is done about personal data and unwanted prompts.
    pub fn guardrails(&self) -> PolicyConfig {
        PolicyConfig { pii: pii(&self.pii), sentinel: sentinel(&self.sentinel) }
    }
}

fn mode(word: ModeWord) -> Mode {
    match word {
        ModeWord::Disabled => Mode::Disabled,
        ModeWord::Shadow => Mode::Shadow,
        ModeWord::Enforce => Mode::Enforce,
    }
}

fn action(word: PiiAction) -> Action {
    match word {
        PiiAction::Mask => Action::Mask,
        PiiAction::Redact => Action::Redact,
        PiiAction::Hash => Action::Hash,
        PiiAction::Block => Action::Block,
    }
}

fn pii(told: &Pii) -> PiiConfig {
    let plain = PiiConfig::default();
    let patterns = told.patterns.iter().map(|pattern| PatternConfig {
        name: pattern.name.clone(),
        regex: pattern.regex.clone(),
        action: action(pattern.action),
    });
    let deny_lists = told.deny_lists.iter().map(|list| DenyListConfig {
        name: list.name.clone(),
        terms: list.terms.clone(),
        action: action(list.action),
    });
    PiiConfig {
        mode: mode(told.mode),
        entities: told.entities.iter().map(|(name, word)| (name.clone(), action(*word))).collect(),
        default_action: told.default_action.map(action),
        threshold: told.threshold.unwrap_or(plain.threshold),
        patterns: patterns.collect(),
        deny_lists: deny_lists.collect(),
        answers: told.answers,
    }
}

fn sentinel(told: &Sentinel) -> SentinelConfig {
    let plain = SentinelConfig::default();
    SentinelConfig {
        mode: mode(told.mode),
        blocklist: told.blocklist.clone(),
        injection: told.injection.unwrap_or(plain.injection),
        injection_threshold: told.injection_threshold.unwrap_or(plain.injection_threshold),
        hook: None,
    }
}
