//! Why a request was not admitted, and what its client reads.

use crate::layer::Class;
use crate::standing::{Standing, Standings};
use behest_contract::denial::{Denial, Kind};
use behest_contract::purse::{Measure, Window};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How long to wait for what is over when some other request is.
const WHILE_BUSY: Duration = Duration::from_secs(1);

/// What waiting under it helps is worth another try at once (CONTRACT 6).
const SOON: Duration = Duration::from_secs(60);

/// A request was not admitted; no layer has counted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A layer has no room for it.
    Full(Full),
    /// The model has no price, and money is limited.
    Unpriced,
    /// Nobody can say now. The text is for the log.
    Unavailable(Box<str>),
}

/// A layer has no room for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Full {
    /// The layer: of several, the one asked first.
    pub standing: Standing,
    /// The least that the request would have needed of it.
    pub wanted: u64,
    /// The end user's tier, if there is one.
    pub tier: Option<Arc<str>>,
}

impl Refusal {
    /// How the layer stood, for the answer's headers.
    pub fn standings(&self) -> Standings {
        let mut told = Standings::default();
        if let Self::Full(full) = self {
            told.note(full.standing);
        }
        told
    }

    /// The refusal in words, with its particulars and how long to wait.
    pub fn denial(&self) -> Box<Denial> {
        Box::new(match self {
            Self::Full(full) => full.denial(),
            Self::Unpriced => {
                let message =
                    "This model has no price, so it cannot be used where spending is limited.";
                Denial::new(Kind::Invalid, message).param("model")
            }
            Self::Unavailable(why) => {
                let denial = Denial::new(Kind::Unavailable, "The limits cannot be checked now.");
                denial.retry_after(WHILE_BUSY).note(format!("quota: {why}"))
            }
        })
    }
}

impl Full {
    fn denial(&self) -> Denial {
        let layer = self.standing.layer;
        let (kind, details) = match layer.class() {
            Class::Rate => (Kind::RateLimited, self.rate_details()),
            Class::Quota => (Kind::QuotaExceeded, self.quota_details()),
            Class::Budget => (Kind::BudgetExceeded, self.budget_details()),
        };
        let mut denial = Denial::new(kind, self.message()).details(details);
        let wait = self.wait();
        denial.retry_helps = wait.is_some_and(|wait| wait <= SOON);
        if layer.class() == Class::Rate {
            denial.retry_after = wait;
        }
        denial
    }

    /// How long until there may be room; never, if a whole window were too little.
    fn wait(&self) -> Option<Duration> {
        if self.wanted > self.standing.limit {
            return None;
        }
        let in_flight = self.standing.layer.measure() == Measure::InFlight;
        if in_flight { Some(WHILE_BUSY) } else { self.standing.resets_in }
    }

    fn message(&self) -> String {
        let Standing { layer, limit, used, .. } = self.standing;
        let (whose, what) = (layer.whose(), layer.what());
        let money = layer.measure() == Measure::MicroUsd;
        let shown = |amount: u64| if money { dollars(amount) } else { amount.to_string() };
        if used >= limit || matches!(layer.measure(), Measure::Requests | Measure::InFlight) {
            return format!("{whose} has reached its limit on {what} ({}).", shown(limit));
        }
        let left = shown(self.standing.remaining());
        format!(
            "{whose} has {left} left of its limit on {what} ({}), and this request may need {}.",
            shown(limit),
            shown(self.wanted),
        )
    }

    fn resets_at(&self) -> Option<u64> {
        self.standing.resets_at.map(|at| at.as_secs())
    }

    fn rate_details(&self) -> Value {
        json!({
            "layer": self.standing.layer.label(),
            "limit": self.standing.limit,
            "remaining": self.standing.remaining(),
            "resets_at": self.resets_at(),
        })
    }

    /// `tokens_per_day` and `tokens_today` are Behest's words; the others are made like them.
    fn quota_details(&self) -> Value {
        let Standing { layer, limit, used, .. } = self.standing;
        let (limit_name, used_name) = match (layer.measure(), layer.window()) {
            (Measure::Requests, Window::Month) => ("requests_per_month", "requests_this_month"),
            (Measure::Requests, _) => ("requests_per_day", "requests_today"),
            (_, Window::Month) => ("tokens_per_month", "tokens_this_month"),
            _ => ("tokens_per_day", "tokens_today"),
        };
        json!({
            "layer": layer.label(),
            "tier": self.tier,
            "limit": { limit_name: limit },
            "usage": { used_name: used },
            "resets_at": self.resets_at(),
        })
    }

    fn budget_details(&self) -> Value {
        let Standing { layer, limit, used, .. } = self.standing;
        let money = layer.measure() == Measure::MicroUsd;
        let amount = |amount: u64| if money { usd(amount) } else { amount.into() };
        json!({
            "layer": layer.label(),
            "scope": layer.scope_label(),
            "unit": layer.unit(),
            "limit": amount(limit),
            "used": amount(used),
            "resets_at": self.resets_at(),
        })
    }
}

/// A number of dollars for a client to show: exact up to nine billion.
fn usd(micro_usd: u64) -> Value {
    json!(micro_usd as f64 / 1e6)
}

/// Dollars in words, with as many decimals as they have and at least two.
fn dollars(micro_usd: u64) -> String {
    let exact = format!("{}.{:06}", micro_usd / 1_000_000, micro_usd % 1_000_000);
    let cents = exact.len() - 4;
    let kept = exact.trim_end_matches('0').len().max(cents);
    exact.get(..kept).unwrap_or(&exact).to_owned()
}

#[cfg(test)]
mod tests;
