#![doc = include_str!("../README.md")]

mod config;
mod entry;
mod error;
mod facts;
mod filter;
mod line;
mod metrics;
mod price;
mod row;
mod stamp;

pub use config::PriceTable;
pub use entry::{AccessLog, Entry};
pub use error::MoneyError;
pub use facts::{DenialNote, RequestLine};
pub use filter::Ledger;
pub use metrics::{AttemptResult, Decision, Metrics, UpstreamFault};
pub use price::{Cost, MicroUsd, Price};
pub use stamp::Stamp;
