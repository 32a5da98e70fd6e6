//! `behest`: arguments → configuration → build → run.

use std::process::ExitCode;

fn main() -> ExitCode {
    behest::cli::main()
}
