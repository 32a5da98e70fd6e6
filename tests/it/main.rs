//! The whole program, tested from outside: the real binary, a provider that follows a script, and a
//! client that sees every byte. Nothing here looks inside; what is asserted is what the gateway
//! promises to those who call it and to those who run it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and keeps its own tasks and time"
)]

/// The admin listener: health, metrics, the secret, reloads.
mod admin;
/// Tenants, projects and what they own, made at run time.
mod admin_objects;
/// Secrets that the admin API takes, and its audit.
mod audit;
/// Tenants with provider keys of their own.
mod byok;
/// Any JSON arrives at the provider byte for byte.
mod bytes;
/// Clients that leave or stop reading.
mod cancel;
/// A chat that goes well: what goes up, what comes down.
mod chat;
/// The sub-commands that administer a running gateway.
mod cli;
/// Connections that are kept and used again.
mod connections;
/// Browsers: preflights, origins, exposed headers.
mod cors;
/// Slow hashes in the way of nobody.
mod credential_load;
/// The demo, as a newcomer meets it.
mod demo;
/// Embeddings pass through.
mod embeddings;
/// Wrong bodies and credentials: status, code, param, and no provider hears of them.
mod errors;
/// What guardrails have found, and who is told.
mod events;
/// Which provider is asked next, how often, and over which connection.
mod failover;
/// Made-up tokens, none of which passes.
mod forgeries;
/// The published keys.
mod jwks;
/// API keys at run time: made, rotated, expired, revoked.
mod keys;
/// The program: stopping, draining, `validate`, `schema`.
mod lifecycle;
/// The address guard, a project's requests per minute, connections per address.
mod limits;
/// The access log, and what never gets into it.
mod log;
/// Every route with every kind of credential.
mod matrix;
/// Minting tokens, and what they are good for.
mod mint;
/// The list of models.
mod models;
/// Several gateways on one Redis.
mod nodes;
/// What is there after a restart, and what is found in no file.
mod persistence;
/// Paths, methods, heads, kinds and sizes of bodies, connections held open.
mod protocol;
/// Ending the tokens of one end user.
mod revoked_users;
/// Tokens that tenants sign by themselves.
mod signing_keys;
/// Framing of streams, when events leave, heartbeats, usage, broken streams.
mod streaming;
/// Kill switches, and streams that revoking ends.
mod switches;
/// Providers behind TLS: names, authorities, what is spoken.
mod tls;
/// Refusals, nonsense, deadlines and early answers of a provider.
mod upstream;
/// Providers that speak HTTP/2.
mod upstream_h2;

/// The gateway, the providers and the client that all of them use.
mod support;
