//! `behest serve`

use crate::config::{Config, LogLevel};
use crate::server;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Runs the gateway until it is told to stop.
pub(super) fn serve(path: &Path) -> ExitCode {
    start_logging(level(path));
    match server::run(path, |config| {
        tracing::info!(data = %config.listen.data, admin = %config.listen.admin, "serving");
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // For a person at a terminal, before there is a log to speak of.
            eprint_lines(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// The level is needed before the file is known to be right; a wrong file is told of by whoever
/// loads it.
fn level(path: &Path) -> LogLevel {
    Config::load(path).map_or(LogLevel::Warn, |config| config.log.level)
}

/// Starts logging to standard error, one JSON object per line. The access log is not part of it.
pub(super) fn start_logging(level: LogLevel) {
    let level = match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    };
    // Pingora calls it an error when a client goes away before its request has come.
    let filter = EnvFilter::new(format!("{level},pingora_proxy=off,pingora_core=error"));
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
}

#[expect(clippy::print_stderr, reason = "this is the command line's answer")]
pub(super) fn eprint_lines(text: &str) {
    eprintln!("{text}");
}

/// Whoever reads may have enough of it, as `head` has.
pub(super) fn print_lines(text: &str) {
    drop(writeln!(std::io::stdout().lock(), "{text}"));
}
