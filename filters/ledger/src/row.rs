//! The row of a request that reached a provider.

use behest_contract::book::{Bill, Row};
use behest_contract::outcome::Outcome;
use std::time::Duration;

/// What is booked of a request: what was known at its admission, and how it ended. `None` if no
/// provider was asked.
pub(crate) fn of(bill: &Bill, outcome: &Outcome) -> Option<Row> {
    let route = outcome.route.as_ref().filter(|_| outcome.attempts > 0)?;
    Some(Row {
        model: route.model.clone(),
        provider: route.provider.clone(),
        bucket: route.bucket,
        status: outcome.status,
        ending: outcome.ending.label().into(),
        prompt_tokens: bill.usage.prompt_tokens,
        completion_tokens: bill.usage.completion_tokens,
        cached_tokens: bill.usage.cached_tokens,
        reasoning_tokens: bill.usage.reasoning_tokens,
        micro_usd: bill.micro_usd,
        latency_ms: millis(outcome.total),
        first_byte_ms: outcome.first_byte.map(millis),
        attempts: outcome.attempts,
        estimated: bill.estimated,
        overrun: bill.overrun,
        ..Row::clone(&bill.sketch)
    })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
