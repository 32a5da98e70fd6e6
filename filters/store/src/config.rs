//! What an engine is told before it starts.

use std::time::Duration;

/// The numbers of the embedded engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbeddedConfig {
    /// How many commits may wait, and as many reads; those beyond are refused at once.
    pub queue_max: usize,
    /// How many commits share a transaction, at most.
    pub batch_max: usize,
    /// How long a transaction waits for another process that is writing, before it is refused.
    pub busy_timeout: Duration,
    /// How often a full disk is tried again while nobody writes.
    pub full_retry: Duration,
    /// How large the database may grow; it acts like a disk of this size. `None`: the disk decides.
    pub size_max_bytes: Option<u64>,
    /// How often the journal is folded into the database. A power cut costs what was not.
    pub fold_interval: Duration,
    /// How long a lease is kept that nobody can close any more.
    pub lease_expiry: Duration,
    /// How large a file of the journal becomes before the next is begun.
    pub journal_file_max_bytes: u64,
    /// How much of what is closed is kept in memory while the journal cannot be written.
    pub journal_kept_max_bytes: usize,
    /// How many events of guardrails are kept.
    pub events_max: u64,
    /// For how long.
    pub events_age_max: Duration,
}

impl Default for EmbeddedConfig {
    fn default() -> Self {
        Self {
            queue_max: 1024,
            batch_max: 256,
            busy_timeout: Duration::from_secs(5),
            full_retry: Duration::from_secs(1),
            size_max_bytes: None,
            fold_interval: Duration::from_millis(500),
            lease_expiry: Duration::from_secs(60),
            journal_file_max_bytes: 16 << 20,
            journal_kept_max_bytes: 16 << 20,
            events_max: 10_000,
            events_age_max: Duration::from_secs(90 * 24 * 3600),
        }
    }
}
