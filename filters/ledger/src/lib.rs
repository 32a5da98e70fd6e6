#![doc = include_str!("../README.md")]

mod config;
mod cost;
mod entry;
mod facts;
mod filter;
mod line;
mod metrics;
mod row;
mod stamp;

pub use config::PriceTable;
pub use cost::Cost;
pub use entry::{AccessLog, Entry};
pub use facts::{DenialNote, RequestLine};
pub use filter::Ledger;
pub use metrics::{AttemptResult, Decision, Metrics, UpstreamFault};
pub use stamp::Stamp;
