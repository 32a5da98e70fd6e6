//! The whole program under load, against bare Pingora and nginx: see README.md beside this file.
//!
//! One binary plays every part. Without a role it conducts: it starts the upstream, the proxies and
//! the load generators as children of itself, each pinned to a core, and prints the tables.

#![expect(
    clippy::disallowed_methods,
    reason = "the gateway's clock and tasks are not at work here"
)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "tables and roles talk this way")]

mod answer;
mod args;
mod bare;
mod exchange;
mod gates;
mod gateway;
mod latency;
mod load;
mod nginx;
mod proc;
mod process;
#[path = "../setting/project.rs"]
mod project;
mod rounds;
mod selfcheck;
mod streams;
mod table;
mod upstream;
mod variant;
mod workload;

use std::error::Error;
use std::process::ExitCode;

use args::{Args, Role};
use gates::Verdict;
use process::Folder;

/// What can go wrong here ends the run, so one boxed error with a readable text is enough.
type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    match Role::parse(std::env::args().skip(1)).and_then(play) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

/// True unless gates were asked for and one was missed.
fn play(role: Role) -> Fallible<bool> {
    match role {
        Role::Conduct(args) => return conduct(&args),
        Role::SelfCheck => selfcheck::run()?,
        Role::Bare { port, upstream } => bare::run(port, upstream),
        Role::Exchange { config } => exchange::run(&config)?,
        Role::Upstream { port } => upstream::run(port)?,
        Role::Load { port, workload, connections, seconds } => {
            load::run(port, workload, connections, seconds)?
        }
        Role::Streams { port, count } => streams::run(port, count)?,
    }
    Ok(true)
}

fn conduct(args: &Args) -> Fallible<bool> {
    selfcheck::run()?;
    let folder = Folder::new()?;
    let upstream = upstream::start(folder.path())?;
    let mut verdicts = Vec::new();
    if args.wants_load() || args.wants("latency") {
        let fleet = variant::fleet(args, upstream.port, folder.path())?;
        verdicts.extend(rounds::measure(args, &fleet)?);
        if args.wants("latency") {
            verdicts.extend(latency::measure(args, upstream.port, &fleet)?);
        }
    }
    if args.wants("streams") {
        verdicts.extend(streams::measure(args, upstream.port, folder.path())?);
    }
    gates::print(args, &verdicts);
    Ok(!args.gate || verdicts.iter().all(Verdict::passed))
}
