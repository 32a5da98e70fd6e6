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
/// Any JSON arrives at the provider byte for byte.
mod bytes;
/// Clients that leave or stop reading.
mod cancel;
/// A chat that goes well: what goes up, what comes down.
mod chat;
/// Browsers: preflights, origins, exposed headers.
mod cors;
/// The demo, as a newcomer meets it.
mod demo;
/// Embeddings pass through.
mod embeddings;
/// Wrong bodies and credentials: status, code, param, and no provider hears of them.
mod errors;
/// Which provider is asked next, how often, and over which connection.
mod failover;
/// The program: stopping, draining, `validate`, `schema`.
mod lifecycle;
/// The address guard, a project's requests per minute, connections per address.
mod limits;
/// The access log, and what never gets into it.
mod log;
/// The list of models.
mod models;
/// Paths, methods, heads, kinds and sizes of bodies, connections held open.
mod protocol;
/// Framing of streams, when events leave, heartbeats, usage, broken streams.
mod streaming;
/// Providers behind TLS: names, authorities, what is spoken.
mod tls;
/// Refusals, nonsense, deadlines and early answers of a provider.
mod upstream;
/// Providers that speak HTTP/2.
mod upstream_h2;

/// The gateway, the providers and the client that all of them use.
mod support;
