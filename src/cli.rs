//! The command line.

mod demo;
mod serve;
mod validate;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Self-hosted, OpenAI-compatible LLM gateway.
#[derive(Debug, Parser)]
#[command(name = "behest", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway.
    Serve {
        /// The configuration file.
        #[arg(long, env = "BEHEST_CONFIG")]
        config: PathBuf,
    },
    /// Run a gateway with a built-in demo provider, a demo project and a fresh key.
    Demo {
        /// Where the demo keeps its files.
        #[arg(long, default_value = "./behest-demo")]
        folder: PathBuf,
    },
    /// Report every error of a configuration file.
    Validate {
        /// The configuration file.
        #[arg(long, env = "BEHEST_CONFIG")]
        config: PathBuf,
    },
    /// Print the configuration file's JSON Schema.
    Schema,
}

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve { config } => serve::serve(&config),
        Command::Demo { folder } => demo::demo(&folder),
        Command::Validate { config } => validate::validate(&config),
        Command::Schema => validate::schema(),
    }
}
