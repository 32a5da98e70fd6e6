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

/// Clients that leave and providers that break off, anywhere and often.
mod aborts;
/// The admin listener: health, metrics, the secret, reloads.
mod admin;
/// Tenants, projects and what they own, made at run time.
mod admin_objects;
/// What models say of themselves, where that is redacted too.
mod answers;
/// Secrets that the admin API takes, and its audit.
mod audit;
/// What a project has done about a finding.
mod blocking;
/// Hard budgets of tokens and money.
mod budgets;
/// Tenants with provider keys of their own.
mod byok;
/// Any JSON arrives at the provider byte for byte.
mod bytes;
/// Clients that leave or stop reading.
mod cancel;
/// Personal data in every place of an answer that holds text.
mod channels;
/// A chat that goes well: what goes up, what comes down.
mod chat;
/// The sub-commands that administer a running gateway.
mod cli;
/// Clocks that jump.
mod clocks;
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
/// A disk that is full for a while.
mod full_disk;
/// What is told of findings, and trying a text.
mod guardrail_events;
/// A guardrail of the operator's own.
mod hook;
/// The published keys.
mod jwks;
/// API keys at run time: made, rotated, expired, revoked.
mod keys;
/// Each layer of limits, and how it refuses.
mod layers;
/// The ledger on the admin API.
mod ledger;
/// The program: stopping, draining, `validate`, `schema`.
mod lifecycle;
/// The address guard, a project's requests per minute, connections per address.
mod limits;
/// The access log, and what never gets into it.
mod log;
/// Lists of words as long as they may be.
mod long_lists;
/// Every route with every kind of credential.
mod matrix;
/// Minting tokens, and what they are good for.
mod mid_window;
mod mint;
/// The list of models.
mod models;
/// Several gateways on one Redis.
mod nodes;
/// Every pair of layers: one refuses, and the other is as it was.
mod pairs;
/// What is there after a restart, and what is found in no file.
mod persistence;
/// What stands for a value.
mod placeholders;
/// Paths, methods, heads, kinds and sizes of bodies, connections held open.
mod protocol;
/// What goes up where a project shields its data.
mod redaction;
/// What comes back where values were replaced.
mod restoring;
/// Ending the tokens of one end user.
mod revoked_users;
/// Block lists, and rules against smuggled instructions.
mod sentinel;
/// How requests end in the counters and in the ledger.
mod settlement;
/// Tokens that tenants sign by themselves.
mod signing_keys;
/// Where a project, an end user and a session stand.
mod standing;
/// Framing of streams, when events leave, heartbeats, usage, broken streams.
mod streaming;
/// Kill switches, and streams that revoking ends.
mod switches;
/// Classes of end users.
mod tiers;
/// Providers behind TLS: names, authorities, what is spoken.
mod tls;
/// Refusals, nonsense, deadlines and early answers of a provider.
mod upstream;
/// Providers that speak HTTP/2.
mod upstream_h2;
/// Usage and bills on the data listener.
mod usage;

/// The gateway, the providers and the client that all of them use.
mod support;
