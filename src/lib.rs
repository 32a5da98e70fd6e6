//! The gateway: everything about this product that no other proxy would reuse.
//!
//! The way of a request: [`listener`] → [`door`] → rooms ([`chain`]) → [`intake`] → rooms →
//! [`exchange`] → [`relay`] → [`reply`]. ARCHITECTURE.md is the map.

pub mod admin;
pub mod chain;
pub mod cli;
pub mod config;
pub mod directory;
pub mod door;
pub mod drain;
pub mod exchange;
pub mod front;
pub mod gateway;
pub mod house;
pub mod intake;
pub mod listener;
pub mod openings;
pub mod passage;
pub mod ports;
pub mod relay;
pub mod reload;
pub mod reply;
pub mod routes;
pub mod server;
pub mod snapshot;
pub mod tasks;
pub mod trial;
mod wrapped;
