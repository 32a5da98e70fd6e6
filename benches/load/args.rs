//! The arguments of a run, and the hidden ones by which the program starts itself in a role.

use std::path::PathBuf;
use std::str::FromStr;

use crate::Fallible;
use crate::variant::{VARIANTS, Variant};
use crate::workload::{WORKLOADS, Workload};

const USAGE: &str = "usage: cargo bench --bench load -- [--rounds N] [--seconds S] \
    [--only 1k,32k,256k,256k-escapes,burst,latency,streams] [--variants nginx,bare,exchange,gateway,limits,guarded] \
    [--gateway PATH] [--gate] [--markdown]";

pub(crate) enum Role {
    Conduct(Args),
    SelfCheck,
    Bare { port: u16, upstream: u16 },
    Exchange { config: PathBuf },
    Upstream { port: u16 },
    Load { port: u16, workload: &'static Workload, connections: usize, seconds: f64 },
    Streams { port: u16, count: usize },
}

pub(crate) struct Args {
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) only: Vec<String>,
    pub(crate) variants: Vec<Variant>,
    pub(crate) gateway: PathBuf,
    pub(crate) gate: bool,
    pub(crate) markdown: bool,
}

impl Role {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Fallible<Role> {
        let Some(first) = words.next() else { return Ok(Role::SelfCheck) };
        Ok(match first.as_str() {
            "role-bare" => Role::Bare { port: value(&mut words)?, upstream: value(&mut words)? },
            "role-exchange" => Role::Exchange { config: value(&mut words)? },
            "role-upstream" => Role::Upstream { port: value(&mut words)? },
            "role-streams" => Role::Streams { port: value(&mut words)?, count: value(&mut words)? },
            "role-load" => Role::Load {
                port: value(&mut words)?,
                workload: Workload::named(&value::<String>(&mut words)?)?,
                connections: value(&mut words)?,
                seconds: value(&mut words)?,
            },
            _ => Args::parse(std::iter::once(first).chain(words))?,
        })
    }
}

impl Args {
    /// `cargo bench` says `--bench`; `cargo test` of all targets does not, and must not wait for minutes.
    fn parse(mut words: impl Iterator<Item = String>) -> Fallible<Role> {
        let mut args = Args::default();
        let mut bench = false;
        while let Some(word) = words.next() {
            match word.as_str() {
                "--bench" => bench = true,
                "--gate" => args.gate = true,
                "--markdown" => args.markdown = true,
                "--rounds" => args.rounds = value(&mut words)?,
                "--seconds" => args.seconds = value(&mut words)?,
                "--gateway" => args.gateway = value(&mut words)?,
                "--only" => args.only = list(&mut words)?,
                "--variants" => args.variants = list(&mut words)?,
                other => return Err(format!("unknown argument {other}\n{USAGE}").into()),
            }
        }
        args.check()?;
        Ok(if bench { Role::Conduct(args) } else { Role::SelfCheck })
    }

    fn check(&self) -> Fallible<()> {
        let known = |name: &String| {
            WORKLOADS.iter().any(|w| w.name == name) || ["latency", "streams"].contains(&&**name)
        };
        if let Some(name) = self.only.iter().find(|name| !known(name)) {
            return Err(format!("nothing is called {name}\n{USAGE}").into());
        }
        if self.rounds == 0 || !(0.1..=600.0).contains(&self.seconds) {
            return Err("at least one round, and between 0.1 and 600 seconds".into());
        }
        let measured = |variant| self.variants.contains(&variant);
        if self.gate && !(self.variants.iter().any(|it| it.is_gateway()) && measured(Variant::Bare))
        {
            return Err("a gate needs a gateway and bare Pingora".into());
        }
        Ok(())
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    pub(crate) fn wants_load(&self) -> bool {
        WORKLOADS.iter().any(|workload| self.wants(workload.name))
    }
}

impl Default for Args {
    fn default() -> Args {
        Args {
            rounds: 9,
            seconds: 1.0,
            only: Vec::new(),
            variants: VARIANTS.to_vec(),
            gateway: PathBuf::from(env!("CARGO_BIN_EXE_behest")),
            gate: false,
            markdown: false,
        }
    }
}

fn value<T: FromStr>(words: &mut impl Iterator<Item = String>) -> Fallible<T> {
    let word = words.next().ok_or(USAGE)?;
    word.parse().map_err(|_| format!("{word} does not fit here\n{USAGE}").into())
}

fn list<T: FromStr>(words: &mut impl Iterator<Item = String>) -> Fallible<Vec<T>> {
    let joined: String = value(words)?;
    joined.split(',').map(|word| value(&mut std::iter::once(word.to_owned()))).collect()
}
