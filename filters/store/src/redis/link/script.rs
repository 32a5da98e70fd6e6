//! Scripts, and what they are called with.

use super::Fault;
use redis::{Cmd, ToRedisArgs, cmd};
use std::fmt;

/// A script with its hash.
pub(crate) struct Script {
    code: &'static str,
    hash: String,
}

impl Script {
    pub(crate) fn new(code: &'static str) -> Self {
        Self { code, hash: redis::Script::new(code).get_hash().to_owned() }
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Script").field(&self.hash).finish()
    }
}

/// A script with its keys and arguments.
#[derive(Debug)]
pub(crate) struct Invocation {
    script: &'static Script,
    keys: Vec<String>,
    args: Vec<Vec<u8>>,
    is_repeatable: bool,
}

impl Invocation {
    pub(crate) fn new(script: &'static Script) -> Self {
        Self { script, keys: Vec::new(), args: Vec::new(), is_repeatable: false }
    }

    /// One more key.
    pub(crate) fn key(mut self, key: impl Into<String>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// One more argument.
    pub(crate) fn arg(mut self, arg: impl ToRedisArgs) -> Self {
        self.args.extend(arg.to_redis_args());
        self
    }

    /// To run it twice is to run it once.
    pub(crate) fn repeatable(mut self) -> Self {
        self.is_repeatable = true;
        self
    }

    pub(super) fn is_repeatable(&self) -> bool {
        self.is_repeatable
    }

    pub(super) fn by_hash(&self) -> Cmd {
        self.command("EVALSHA", &self.script.hash)
    }

    pub(super) fn in_full(&self) -> Cmd {
        self.command("EVAL", self.script.code)
    }

    fn command(&self, word: &str, script: &str) -> Cmd {
        let mut command = cmd(word);
        command.arg(script).arg(self.keys.len()).arg(&self.keys).arg(&self.args);
        command
    }
}

/// Whether the server does not know the script: it was started anew, or told to forget.
pub(super) fn is_unknown(fault: &Fault) -> bool {
    // The library's text for the server's NOSCRIPT, and the server's own.
    matches!(fault, Fault::Denied(why) if why.contains("NoScript") || why.contains("NOSCRIPT"))
}
