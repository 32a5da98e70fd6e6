//! The order of the rooms. It is code: configuration sets numbers and switches, it moves no walls.

use crate::door;
use crate::house::Fixtures;
use behest_auth::{Auth, Authority};
use behest_contract::chain::{Chain, OrderError};
use behest_ledger::{Ledger, PriceTable};
use behest_pii::{Pii, PiiPolicies};
use behest_quota::{Quota, QuotaConfig};
use std::sync::Arc;

/// What the rooms are built from.
pub struct Rooms {
    /// What models cost.
    pub prices: PriceTable,
    /// The credentials.
    pub authority: Arc<Authority>,
    /// What must not leave.
    pub guardrails: Arc<PiiPolicies>,
    /// The projects' limits.
    pub limits: QuotaConfig,
}

/// Builds the rooms, in the order of their visits.
pub fn build(rooms: Rooms, fixtures: &Fixtures) -> Result<Chain, OrderError> {
    let Fixtures { counters, metrics, log, clock, offload, pii, purse, book, .. } = fixtures;
    let Rooms { prices, authority, guardrails, limits } = rooms;
    let ledger = Ledger::new(prices, metrics.clone(), log.clone(), clock.clone());
    let quota = Quota::new(limits, counters.clone(), clock.clone());
    Chain::new(
        vec![
            Arc::new(ledger.with_book(book.clone())),
            Arc::new(Auth::new(authority)),
            Arc::new(Pii::new(guardrails, pii.clone())),
            Arc::new(quota.with_purse(purse.clone()).with_offload(offload.clone())),
        ],
        &door::given(),
        clock.clone(),
    )
}
