//! The contract's ports, implemented: metrics, work off the event loop, and the access log.

mod access_log;
mod errands;
mod events;
mod hook;
mod meter;
mod offload;
mod seal;
mod series;
mod store;

pub use access_log::LineLog;
pub use errands::Runners;
pub use events::{EventLog, told};
pub use hook::HttpHook;
pub use meter::{InFlight, PrometheusMeter};
pub use offload::OffloadPool;
pub use seal::{Keyring, MasterKey, NoMasterKey};
pub use store::{OwnStore, SharedStore, TimedPurse};
