//! `behest validate`, `behest schema` and `behest routes`

use super::serve::{eprint_lines, print_lines};
use crate::admin;
use crate::config::Config;
use crate::door;
use clap::ValueEnum;
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;

/// Reports every error of a file, or what a valid one had better not say.
pub(super) fn validate(path: &Path) -> ExitCode {
    match Config::load(path) {
        Ok(config) => {
            for warning in config.warnings() {
                eprint_lines(&format!("warning: {warning}"));
            }
            print_lines(&format!("{} is valid.", path.display()));
            ExitCode::SUCCESS
        }
        Err(errors) => {
            eprint_lines(&errors.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Prints the file's JSON Schema.
pub(super) fn schema() -> ExitCode {
    print_lines(&format!("{:#}", Config::json_schema()));
    ExitCode::SUCCESS
}

/// A listener that has routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Listener {
    /// The API for applications.
    Data,
    /// Health, metrics and the admin API.
    Admin,
}

/// Prints the routes of a listener.
pub(super) fn routes(listener: Listener) -> ExitCode {
    let lines = match listener {
        Listener::Data => lines(door::list_routes()),
        Listener::Admin => lines(admin::list_routes()),
    };
    print_lines(&lines);
    ExitCode::SUCCESS
}

fn lines(routes: Vec<impl Serialize>) -> String {
    let lines = routes.iter().filter_map(|route| serde_json::to_string(route).ok());
    lines.collect::<Vec<_>>().join("\n")
}
