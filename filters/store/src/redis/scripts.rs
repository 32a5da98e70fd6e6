//! The scripts. Each is atomic, and each may be sent again when its answer was lost.

use super::link::Script;
use std::sync::LazyLock;

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {
        $($(#[$doc])* pub(super) static $name: LazyLock<Script> = LazyLock::new(|| {
            Script::new(concat!(include_str!("lua/prelude.lua"), include_str!($file)))
        });)*

        /// All of them.
        pub(super) fn all() -> Vec<&'static Script> {
            vec![$(&$name),*]
        }
    };
}

scripts! {
    /// Takes everything that a request asks for, or nothing.
    ADMIT = "lua/admit.lua";
    /// Takes what was admitted without Redis, or what it has forgotten.
    ASSERT = "lua/assert.lua";
    /// Takes back an admission that nobody has heard of.
    CANCEL = "lua/cancel.lua";
    /// Settles a lease and adds a row to what has been used.
    CLOSE = "lua/close.lua";
    /// Holds a little of a counter.
    HOLD = "lua/hold.lua";
    /// Sets counters that have come to less than is known.
    RAISE = "lua/raise.lua";
    /// Renews leases.
    RENEW = "lua/renew.lua";
    /// Books what was lost.
    SWEEP = "lua/sweep.lua";
    /// Counts the nodes that live.
    NODES = "lua/nodes.lua";
    /// Reads the rows of a minute.
    RECENT = "lua/recent.lua";
    /// Renames a cell of what has been used.
    RENAME = "lua/rename.lua";
}
