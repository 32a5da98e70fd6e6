//! What the limits are.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Limits per client address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpGuardConfig {
    /// Requests per address (IPv6: per /64) and calendar minute.
    pub requests_per_minute: u64,
    /// Networks that are not counted: an address and how many leading bits count. Bits below the
    /// prefix are ignored, and a prefix that is too long means the one address. An IPv4 address and
    /// its IPv4-mapped IPv6 form are the same.
    pub exempt: Vec<(IpAddr, u8)>,
    /// How many addresses of one minute are told apart, at most. Those beyond share counters.
    pub addresses_max: usize,
}

impl Default for IpGuardConfig {
    fn default() -> Self {
        Self { requests_per_minute: 120, exempt: Vec::new(), addresses_max: 1_000_000 }
    }
}

/// Limits of all projects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaConfig {
    /// Limits of the projects that have their own, by project id.
    pub projects: HashMap<Arc<str>, ProjectLimits>,
    /// Requests per calendar minute of every other project.
    pub default_requests_per_minute: u64,
    /// Tokens that each API key may mint per calendar minute.
    pub mint_requests_per_minute: u64,
}

impl Default for QuotaConfig {
    fn default() -> Self {
        Self {
            projects: HashMap::new(),
            default_requests_per_minute: 60,
            mint_requests_per_minute: 6000,
        }
    }
}

/// Limits of one project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProjectLimits {
    /// Requests per calendar minute.
    pub requests_per_minute: u64,
}
