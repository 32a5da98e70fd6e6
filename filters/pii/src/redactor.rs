//! Redacting texts of one request.

use crate::config::{Action, Mode};
use crate::detect::{Context, Finding};
use crate::entity::EntityId;
use crate::mac::Mac;
use crate::placeholder::{Coiner, Owner, normal};
use crate::shield::Shield;
use crate::tally::Tally;
use crate::vault::Vault;
use std::fmt;
use std::sync::Arc;

/// Values of one request that are replaced, or it is refused. Each costs about two microseconds of a thread
/// that others wait for, and as much as 300 bytes for as long as the request lives: 0.2 s and 30 MB at the
/// most. A list of so many addresses has two megabytes.
pub const REPLACED_MAX: u32 = 100_000;

/// How a text is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    /// As it stands.
    #[default]
    Plain,
    /// As JSON within a string: escapes are resolved once more.
    Json,
}

/// The text holds what must not be sent, or [more than is replaced](Redactor::is_overfull).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocked;

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text holds what must not be sent")
    }
}

impl std::error::Error for Blocked {}

/// Redacts the texts of one request, and keeps what can be put back.
#[derive(Debug)]
pub struct Redactor {
    shield: Arc<Shield>,
    coiner: Coiner,
    vault: Vault,
    tally: Tally,
    replaced: u32,
}

impl Redactor {
    /// A redactor for one request.
    pub fn new(shield: Arc<Shield>, mac: Arc<dyn Mac>, owner: Owner) -> Self {
        let coiner = Coiner::new(mac, owner);
        Self { shield, coiner, vault: Vault::default(), tally: Tally::default(), replaced: 0 }
    }

    /// The text as it may be sent; `None` if it may be sent as it is.
    pub fn redact(
        &mut self,
        text: &str,
        context: Context<'_>,
        reading: Reading,
    ) -> Result<Option<String>, Blocked> {
        let findings = self.find(text, context, reading);
        self.apply(text, &findings, reading)
    }

    pub(crate) fn find(&self, text: &str, context: Context<'_>, reading: Reading) -> Vec<Finding> {
        self.shield.detector().find_all(text, context, reading == Reading::Json)
    }

    /// Replaces findings, which are in order.
    pub(crate) fn apply(
        &mut self,
        text: &str,
        findings: &[Finding],
        reading: Reading,
    ) -> Result<Option<String>, Blocked> {
        if findings.is_empty() {
            return Ok(None);
        }
        let bare = BareNumbers::new(text, reading);
        let mut out = String::with_capacity(text.len() + 32 * findings.len());
        let (mut at, mut changed, mut blocked) = (0, false, false);
        let mut bare = bare;
        for finding in findings {
            let value = text.get(finding.start..finding.end).unwrap_or_default();
            let replaced = match self.replacement(finding.entity, value, reading) {
                Ok(replaced) => replaced,
                Err(Blocked) => {
                    blocked = true;
                    continue;
                }
            };
            let Some(replaced) = replaced else { continue };
            out.push_str(text.get(at..finding.start).unwrap_or_default());
            self.note_brackets(&out, &replaced);
            let quote = if bare.is_bare(finding.start) { "\"" } else { "" };
            out.extend([quote, replaced.as_str(), quote]);
            at = finding.end;
            changed = true;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        if blocked {
            return Err(Blocked);
        }
        Ok(changed.then_some(out))
    }

    /// What stands for a value; `None` to leave it.
    pub(crate) fn replacement(
        &mut self,
        entity: EntityId,
        value: &str,
        reading: Reading,
    ) -> Result<Option<String>, Blocked> {
        let Some(action) = self.shield.action(entity) else { return Ok(None) };
        let name = self.shield.detector().name(entity);
        if entity != EntityId::LOOKALIKE {
            self.tally.add(name, action);
        }
        if self.shield.mode() != Mode::Enforce {
            return Ok(None);
        }
        if action == Action::Block {
            return Err(Blocked);
        }
        self.replaced = self.replaced.saturating_add(1);
        if self.is_overfull() {
            return Err(Blocked);
        }
        let escapes = reading == Reading::Json;
        Ok(Some(match action {
            Action::Hash => self.coiner.hash(name, &normal(entity, value, escapes)),
            Action::Redact => format!("[{name}]"),
            _ => {
                let normal = normal(entity, value, escapes);
                let coiner = &self.coiner;
                let digested = normal.clone();
                let plain = if escapes { unescaped(value) } else { value.to_owned() };
                self.vault.keep(name, normal, &plain, |again| coiner.suffix(name, &digested, again))
            }
        }))
    }

    /// What stands for a value in an answer, where nothing is ever put back.
    pub(crate) fn answer(
        &mut self,
        entity: EntityId,
        value: &[u8],
    ) -> Result<Option<String>, Blocked> {
        let Some(action) = self.shield.action(entity).filter(|_| entity != EntityId::LOOKALIKE)
        else {
            return Ok(None);
        };
        let name = self.shield.detector().name(entity);
        self.tally.add(name, action);
        let value = String::from_utf8_lossy(value);
        match (self.shield.mode(), action) {
            (Mode::Enforce, Action::Block) => Err(Blocked),
            (Mode::Enforce, Action::Mask) => {
                let suffix = self.coiner.suffix(name, &normal(entity, &value, false), 0);
                Ok(Some(crate::placeholder::placeholder(name, &suffix)))
            }
            (Mode::Enforce, Action::Hash) => {
                Ok(Some(self.coiner.hash(name, &normal(entity, &value, false))))
            }
            (Mode::Enforce, Action::Redact) => Ok(Some(format!("[{name}]"))),
            _ => Ok(None),
        }
    }

    /// Notes a value that stands in angle brackets, with what is written for it.
    pub(crate) fn note_brackets(&mut self, before: &str, placeholder: &str) {
        if before.ends_with('<') {
            self.vault.note_brackets(placeholder);
        }
    }

    /// What was found so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whether there was more to replace than [`REPLACED_MAX`].
    pub fn is_overfull(&self) -> bool {
        self.replaced > REPLACED_MAX
    }

    /// What can be put back.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Ends the request's way up: what can be put back, what was found, and a redactor for the answer.
    pub fn into_answer(self) -> (Arc<Vault>, Tally, Redactor) {
        let Self { shield, coiner, vault, tally, .. } = self;
        let empty = (Vault::default(), Tally::default());
        let answer = Self { shield, coiner, vault: empty.0, tally: empty.1, replaced: 0 };
        (Arc::new(vault.sorted()), tally, answer)
    }

    pub(crate) fn shield(&self) -> &Shield {
        &self.shield
    }
}

/// A stretch of JSON's inside as it reads.
fn unescaped(value: &str) -> String {
    let quoted = format!("\"{value}\"");
    serde_json::from_str(&quoted).unwrap_or_else(|_| value.to_owned())
}

/// Tells numbers of a JSON text that stand outside of strings: what replaces one must be quoted.
struct BareNumbers<'t> {
    text: &'t [u8],
    at: usize,
    inside: bool,
    json: bool,
}

impl<'t> BareNumbers<'t> {
    fn new(text: &'t str, reading: Reading) -> Self {
        let front = text.trim_ascii_start();
        let json = reading == Reading::Json && front.starts_with(['{', '[']);
        Self { text: text.as_bytes(), at: 0, inside: false, json }
    }

    /// Whether `at`, which never goes back, lies outside of all strings.
    fn is_bare(&mut self, at: usize) -> bool {
        while self.json && self.at < at {
            match self.text.get(self.at) {
                Some(b'\\') if self.inside => self.at += 1,
                Some(b'"') => self.inside = !self.inside,
                _ => {}
            }
            self.at += 1;
        }
        self.json && !self.inside
    }
}
