//! What was admitted, and what it came to.

use crate::prompt_size::ESTIMATE_BYTES;
use crate::standing::Standings;
use behest_contract::book::{Bill, Row};
use behest_contract::delta::Usage;
use behest_contract::outcome::{Ending, Outcome};
use behest_contract::purse::{Known, Settlement};
use std::sync::Arc;

/// Every layer has admitted a request: what it has reserved until it is settled.
#[derive(Debug)]
#[must_use]
pub struct Lease {
    /// How the tightest layers stood.
    pub standings: Standings,
    /// What the provider is to be told as the most tokens of each choice: where a budget is hard and
    /// the client has set no cap.
    pub output_cap: Option<u64>,
    pub(crate) sketch: Arc<Row>,
    pub(crate) known: Arc<Known>,
    /// Tokens that were probably read.
    pub(crate) prompt_estimate: u64,
    /// What would have been, where no layer counts tokens.
    pub(crate) reserved_tokens: u64,
    /// `None` where no layer counts money.
    pub(crate) reserved_micro_usd: Option<u64>,
}

/// How much of an answer was heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) pieces: u64,
    pub(crate) bytes: u64,
}

impl Heard {
    pub(crate) fn add(&mut self, bytes: usize) {
        self.pieces = self.pieces.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    /// About how many tokens that is. Providers stream no part of a token, so there are at least as
    /// many tokens as pieces.
    fn tokens(&self) -> u64 {
        self.bytes.div_ceil(ESTIMATE_BYTES).max(self.pieces)
    }
}

impl Lease {
    /// Keeps what is known of the use up to date, for the case that this process dies.
    pub(crate) fn note(&self, heard: &Heard) {
        let tokens = self.prompt_estimate.saturating_add(heard.tokens());
        self.known.note_tokens(tokens);
    }

    /// The bill of a request that ended so, of whose answer so much was heard.
    pub(crate) fn bill(&self, outcome: &Outcome, heard: &Heard) -> Bill {
        if outcome.attempts == 0 {
            return void(&self.sketch);
        }
        match outcome.usage {
            Some(usage) => self.used(usage, false),
            None => {
                let estimate = self.estimate(outcome.ending, heard);
                self.used(estimate, estimate != Usage::default())
            }
        }
    }

    /// What was used, for want of a report. A provider that failed before it said anything asks nothing
    /// for that; one that was cut off has read the prompt, whatever it has written.
    fn estimate(&self, ending: Ending, heard: &Heard) -> Usage {
        if ending == Ending::UpstreamFailed && heard.pieces == 0 {
            return Usage::default();
        }
        Usage {
            prompt_tokens: self.prompt_estimate,
            completion_tokens: heard.tokens(),
            ..Usage::default()
        }
    }

    pub(crate) fn used(&self, usage: Usage, estimated: bool) -> Bill {
        let tokens = usage.prompt_tokens.saturating_add(usage.completion_tokens);
        let micro_usd = self.known.price().map(|price| price.cost(&usage).micros());
        let cost = micro_usd.unwrap_or(0);
        let overrun = tokens > self.reserved_tokens
            || self.reserved_micro_usd.is_some_and(|most| cost > most);
        Bill {
            settlement: Settlement {
                id: self.sketch.id.clone(),
                tenant: self.sketch.tenant.clone(),
                tokens,
                micro_usd: micro_usd.unwrap_or(0),
                void: false,
            },
            sketch: self.sketch.clone(),
            usage,
            micro_usd,
            estimated,
            overrun,
        }
    }
}

/// The bill of a request that never reached a provider: everything is taken back.
pub(crate) fn void(sketch: &Arc<Row>) -> Bill {
    Bill {
        settlement: Settlement {
            id: sketch.id.clone(),
            tenant: sketch.tenant.clone(),
            tokens: 0,
            micro_usd: 0,
            void: true,
        },
        sketch: sketch.clone(),
        usage: Usage::default(),
        micro_usd: None,
        estimated: false,
        overrun: false,
    }
}
