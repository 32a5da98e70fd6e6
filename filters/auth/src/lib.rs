#![doc = include_str!("../README.md")]

mod api_key;
mod config;
mod credential;
pub mod end_user;
mod error;
mod filter;
mod verifier;

pub use api_key::{ApiKeys, Authentication, KeyRecord};
pub use config::{AuthConfig, DeclaredKey, EndUserRule};
pub use credential::Presented;
pub use error::{Error, Errors, Refusal};
pub use filter::Auth;
