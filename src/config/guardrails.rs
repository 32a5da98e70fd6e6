//! PII Shield and Sentinel, in the terms of their family.

use behest_pii::{
    Action, DenyListConfig, HookConfig, Mode, PatternConfig, PiiConfig, PolicyConfig, PolicyRow,
    SentinelConfig,
};
use std::sync::Arc;

use super::{Guardrail, Mode as ModeWord, OnFailure, Pii, PiiAction, Project, Sentinel};

impl Project {
    /// What is done about personal data and unwanted prompts, where these guardrails may be asked: for the project, and for each tier that has
    /// words of its own. What a tier says of one of the two stands instead of all the project says of it.
    pub fn guardrails(&self, declared: &[Guardrail]) -> Vec<PolicyRow> {
        let id: Arc<str> = self.id.as_str().into();
        let policy = |own: Option<&Pii>, sentinel_own: Option<&Sentinel>| PolicyConfig {
            pii: pii(own.unwrap_or(&self.pii)),
            sentinel: sentinel(sentinel_own.unwrap_or(&self.sentinel), declared),
        };
        let own =
            self.tiers.iter().filter(|(_, tier)| tier.pii.is_some() || tier.sentinel.is_some());
        let own = own.map(|(name, tier)| {
            let policy = policy(tier.pii.as_ref(), tier.sentinel.as_ref());
            (id.clone(), Some(name.as_str().into()), policy)
        });
        std::iter::once((id.clone(), None, policy(None, None))).chain(own).collect()
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

fn sentinel(told: &Sentinel, declared: &[Guardrail]) -> SentinelConfig {
    let plain = SentinelConfig::default();
    let named = |guardrail: &&Guardrail| Some(&guardrail.name) == told.hook.as_ref();
    SentinelConfig {
        mode: mode(told.mode),
        blocklist: told.blocklist.clone(),
        injection: told.injection.unwrap_or(plain.injection),
        injection_threshold: told.injection_threshold.unwrap_or(plain.injection_threshold),
        hook: declared.iter().find(named).map(hook),
    }
}

fn hook(told: &Guardrail) -> HookConfig {
    HookConfig {
        url: told.url.to_string(),
        secret: told.secret.as_ref().and_then(|secret| secret.secret().cloned()),
        timeout_ms: u64::try_from(told.timeout.duration().as_millis()).unwrap_or(u64::MAX),
        fail_open: told.on_failure == OnFailure::Open,
    }
}
