#![doc = include_str!("../README.md")]

mod api_key;
mod authority;
mod config;
mod credential;
pub mod end_user;
mod error;
mod filter;
mod jwks;
mod mint;
mod own_key;
mod project;
mod random;
mod role;
pub mod rotation;
mod signing_key;
mod switches;
mod token;
mod verifier;

pub use api_key::{ApiKeys, Authentication, KeyRecord, NewKey};
pub use authority::{Authority, AuthoritySpec};
pub use config::{AuthConfig, DeclaredKey, EndUserRule};
pub use credential::Presented;
pub use error::{Error, Errors, Refusal};
pub use filter::{Auth, PresentedKey, TokenSigner};
pub use jwks::{Jwks, JwksDocument};
pub use mint::{MintRequest, Minted, Minter, Unsigned};
pub use own_key::{KeyLife, KeyState, OwnKey, StoredOwnKey};
pub use project::{ProjectRecord, Projects, TierClaim, TierName};
pub use role::Role;
pub use signing_key::{GeneratedPair, KeyFault, PublicKey, SigningKey};
pub use switches::{Scope, Switch, Switches};
pub use token::{TenantKey, Tokens, TokensSpec, UserEpoch, Verified};
