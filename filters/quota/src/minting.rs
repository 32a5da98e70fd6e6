//! Minted tokens per key and minute: counted on this node, for minting asks no other layer.

use crate::counters::Counters;
use crate::layer::Layer;
use crate::refusal::{Full, Refusal};
use crate::standing::Standing;
use crate::window::Minute;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How many tokens each API key may mint in a calendar minute (UTC).
pub(crate) struct Minting {
    limit: u64,
    counters: Arc<Counters>,
}

impl Minting {
    pub(crate) fn new(limit: u64, counters: Arc<Counters>, now: Duration) -> Self {
        counters.sweep(Minute::of(now));
        Self { limit, counters }
    }

    /// Takes one of what a key may mint in this minute, or refuses.
    pub(crate) fn admit(&self, key: &str, now: Duration) -> Result<Standing, Refusal> {
        let window = self.counters.window(key);
        let standing = |tally| Standing::guarded(Layer::Mint, self.limit, tally, now);
        match window.take(Minute::of(now), self.limit) {
            Ok(tally) => Ok(standing(tally)),
            Err(tally) => {
                Err(Refusal::Full(Full { standing: standing(tally), wanted: 1, tier: None }))
            }
        }
    }
}

impl fmt::Debug for Minting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minting").field("limit", &self.limit).finish_non_exhaustive()
    }
}
