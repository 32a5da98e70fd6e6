//! Several gateways on one Redis are one gateway: what is made, counted and found on one is so on all
//! (CONTRACT 11).

/// Budgets and limits over all nodes, and a node that dies.
mod counting;
/// A Redis that stops, freezes, or swallows what it is sent.
mod outages;
/// What is made on one node, on all others.
mod records;
/// What lies in Redis, and what must not.
mod sealed;
/// A start without Redis, or with the wrong key.
mod starting;
