//! The ways from the load to the upstream.

use std::path::Path;
use std::str::FromStr;

use crate::args::Args;
use crate::process::{Server, free_port};
use crate::{Fallible, bare, exchange, gateway, nginx};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Variant {
    /// No proxy at all: what the load and the upstream take by themselves.
    Direct,
    Nginx,
    Bare,
    /// The gateway without its rooms: listener, door, intake, exchange and relay.
    Exchange,
    /// The gateway with what is on by default: key, index, a project's requests, ledger, log, metrics.
    Gateway,
    /// With every layer of limits and budgets besides.
    Limits,
    /// With PII Shield and Sentinel besides.
    Guarded,
}

impl Variant {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Variant::Direct => "direct",
            Variant::Nginx => "nginx",
            Variant::Bare => "bare",
            Variant::Exchange => "exchange",
            Variant::Gateway => "gateway",
            Variant::Limits => "limits",
            Variant::Guarded => "guarded",
        }
    }

    pub(crate) fn is_gateway(self) -> bool {
        matches!(self, Variant::Exchange | Variant::Gateway | Variant::Limits | Variant::Guarded)
    }

    /// Whether it is measured by this name of a workload or of what else there is.
    pub(crate) fn takes(self, name: &str) -> bool {
        self != Variant::Exchange || ["1k", "burst"].contains(&name)
    }
}

/// All proxies.
pub(crate) const VARIANTS: [Variant; 6] = [
    Variant::Nginx,
    Variant::Bare,
    Variant::Exchange,
    Variant::Gateway,
    Variant::Limits,
    Variant::Guarded,
];

impl FromStr for Variant {
    type Err = ();

    fn from_str(name: &str) -> Result<Variant, ()> {
        VARIANTS.into_iter().find(|variant| variant.name() == name).ok_or(())
    }
}

/// Where the load is sent. Only a proxy has a process to be measured.
pub(crate) struct Way {
    pub(crate) variant: Variant,
    pub(crate) port: u16,
    server: Option<Server>,
}

impl Way {
    pub(crate) fn direct(upstream: u16) -> Way {
        Way { variant: Variant::Direct, port: upstream, server: None }
    }

    pub(crate) fn start(
        variant: Variant,
        args: &Args,
        upstream: u16,
        folder: &Path,
    ) -> Fallible<Way> {
        let port = free_port()?;
        let server = match variant {
            Variant::Direct => return Ok(Way::direct(upstream)),
            Variant::Nginx => nginx::start(folder, port, upstream),
            Variant::Bare => bare::start(folder, port, upstream),
            Variant::Exchange => exchange::start(folder, port, upstream),
            Variant::Gateway | Variant::Limits | Variant::Guarded => {
                gateway::start(folder, &args.gateway, variant, port, upstream)
            }
        };
        let server = server.map_err(|error| format!("{}: {error}", variant.name()))?;
        Ok(Way { variant, port, server: Some(server) })
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Server::pid)
    }
}

/// One process of each proxy for all rounds.
pub(crate) fn fleet(args: &Args, upstream: u16, folder: &Path) -> Fallible<Vec<Way>> {
    let start =
        |variant: &Variant| Way::start(*variant, args, upstream, &folder.join(variant.name()));
    args.variants.iter().map(start).collect()
}
