//! `behest validate` and `behest schema`

use super::serve::{eprint_lines, print_lines};
use crate::config::Config;
use std::path::Path;
use std::process::ExitCode;

/// Reports every error of a file.
pub(super) fn validate(path: &Path) -> ExitCode {
    match Config::load(path) {
        Ok(_) => {
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
