#![doc = include_str!("../README.md")]

mod checks;
mod config;
mod detect;
mod entity;
mod error;
mod events;
mod filter;
mod mac;
mod metrics;
mod parts;
mod placeholder;
mod policy;
mod redactor;
mod restore;
mod sentinel;
mod shield;
mod stream;
mod tally;
mod vault;
mod walk;

pub use config::{
    Action, DenyListConfig, HookConfig, Mode, PatternConfig, PiiConfig, PolicyConfig,
    SentinelConfig,
};
pub use detect::context::Context;
pub use detect::{Detector, Finding};
pub use entity::{Entity, EntityId, EntitySet};
pub use error::ConfigError;
pub use events::{
    Direction, GuardrailEvent, GuardrailEvents, GuardrailHook, HookFailure, HookRequest,
    HookVerdict,
};
pub use filter::{Pii, PiiPorts, Restoring};
pub use mac::{Mac, SecretMac};
pub use metrics::PiiMetrics;
pub use placeholder::Owner;
pub use policy::{PiiPolicies, PolicyRow};
pub use redactor::{Blocked, REPLACED_MAX, Reading, Redactor};
pub use restore::{Restorer, Spelling, StreamRestorer};
pub use sentinel::{Reason, Sentinel};
pub use shield::Shield;
pub use stream::StreamRedactor;
pub use tally::Tally;
pub use vault::Vault;
