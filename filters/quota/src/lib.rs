#![doc = include_str!("../README.md")]

mod admission;
mod config;
mod counters;
mod filter;
mod headers;
mod ip_guard;
mod layer;
mod requests;
mod window;

pub use admission::{Admission, Refusal, Standing};
pub use config::{IpGuardConfig, ProjectLimits, QuotaConfig};
pub use counters::Counters;
pub use filter::Quota;
pub use ip_guard::IpGuard;
pub use layer::Layer;
pub use requests::Requests;
