//! Requests per project and minute.

use crate::admission::{self, Admission, Ask, Refusal};
use crate::config::{ProjectLimits, QuotaConfig};
use crate::counters::Counters;
use crate::layer::Layer;
use crate::window::{Minute, Window};
use behest_contract::clock::Clock;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// How many requests each project may send in a calendar minute (UTC).
pub struct Requests {
    /// The projects with limits of their own: here a request finds its window without a lock.
    projects: HashMap<Arc<str>, Ration>,
    default_limit: u64,
    mint_limit: u64,
    counters: Arc<Counters>,
    clock: Arc<dyn Clock>,
}

/// A project's limit, and what is used of it.
#[derive(Debug, Clone)]
struct Ration {
    limit: u64,
    window: Arc<Window>,
}

impl Requests {
    /// The limits of a configuration, over what has been counted so far.
    pub fn new(config: QuotaConfig, counters: Arc<Counters>, clock: Arc<dyn Clock>) -> Self {
        let ration = |(project, limits): (Arc<str>, ProjectLimits)| {
            let window = counters.window(&project);
            (project, Ration { limit: limits.requests_per_minute, window })
        };
        let projects = config.projects.into_iter().map(ration).collect();
        counters.sweep(Minute::of(clock.unix()));
        Self {
            projects,
            default_limit: config.default_requests_per_minute,
            mint_limit: config.mint_requests_per_minute,
            counters,
            clock,
        }
    }

    /// Refuses a project whose minute is known to be full. Takes nothing, and promises nothing.
    pub fn peek(&self, project: &str) -> Result<(), Refusal> {
        self.ask(project, |asks| admission::peek(asks, self.clock.unix()))
    }

    /// Takes one of a project's minute, or refuses and takes none.
    pub fn admit(&self, project: &str) -> Result<Admission, Refusal> {
        self.ask(project, |asks| admission::admit(asks, self.clock.unix()))
    }

    /// Takes one of what a key may mint in this minute, or refuses.
    pub fn admit_mint(&self, key: &str) -> Result<Admission, Refusal> {
        // No project's id holds this character.
        let window = self.counters.window(&format!("mint\u{1f}{key}"));
        let ask = Ask { layer: Layer::Mint, limit: self.mint_limit, window: &window };
        admission::admit(&[ask], self.clock.unix())
    }

    fn ask<T>(&self, project: &str, answer: impl FnOnce(&[Ask<'_>]) -> T) -> T {
        let ask = |limit, window| answer(&[Ask { layer: Layer::Project, limit, window }]);
        match self.projects.get(project) {
            Some(ration) => ask(ration.limit, &ration.window),
            None => ask(self.default_limit, &self.counters.window(project)),
        }
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests")
            .field("projects", &self.projects)
            .field("default_limit", &self.default_limit)
            .finish_non_exhaustive()
    }
}
