//! The command line.

mod administer;
mod audit;
mod budgets;
mod call;
mod client;
mod demo;
mod events;
mod further;
mod key;
mod limits;
mod output;
mod project;
mod provider_key;
mod redact;
mod serve;
mod signing_key;
mod switch;
mod tenant;
mod tier;
mod token;
mod usage;
mod user;
mod validate;

use administer::Administer;
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
    /// Print the routes of a listener, one JSON object a line.
    Routes {
        /// Which listener's.
        #[arg(long, value_enum, default_value_t = validate::Listener::Data)]
        listener: validate::Listener,
    },
    /// Tell what a project's policy makes of the text on standard input.
    ///
    /// With `--config` that of a project in a file, without a gateway; else a running gateway is asked.
    Redact(redact::Redact),
    #[command(flatten)]
    Administer(Administer),
}

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve { config } => serve::serve(&config),
        Command::Demo { folder } => demo::demo(&folder),
        Command::Validate { config } => validate::validate(&config),
        Command::Schema => validate::schema(),
        Command::Routes { listener } => validate::routes(listener),
        Command::Redact(asked) => redact::redact(&asked),
        Command::Administer(administer) => administer.run(),
    }
}
