//! How layers stood when they were asked.

use crate::headers;
use crate::layer::Layer;
use crate::policy::Rule;
use crate::window::Tally;
use behest_contract::purse::Measure;
use http::{HeaderName, HeaderValue};
use pingora_http::ResponseHeader;
use std::time::Duration;

/// How a layer stood when it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Which layer.
    pub layer: Layer,
    /// What it allows in a window.
    pub limit: u64,
    /// What its counter had come to, reservations included.
    pub used: u64,
    /// When the window ends, since the Unix epoch; `None` if it has no end.
    pub resets_at: Option<Duration>,
    /// How long that was away.
    pub resets_in: Option<Duration>,
}

impl Standing {
    /// A rule's counter at a time.
    pub(crate) fn new(rule: Rule, used: u64, now: Duration) -> Self {
        let Rule { layer, limit, window } = rule;
        let resets_at = window.around(now).map(|around| around.end);
        let resets_in = resets_at.map(|at| at.saturating_sub(now));
        Self { layer, limit, used, resets_at, resets_in }
    }

    /// The counter of a guard that counts by itself: its minute may lie ahead of the clock.
    pub(crate) fn guarded(layer: Layer, limit: u64, tally: Tally, now: Duration) -> Self {
        let resets_at = tally.minute.end();
        let resets_in = Some(resets_at.saturating_sub(now));
        Self { layer, limit, used: tally.count.into(), resets_at: Some(resets_at), resets_in }
    }

    /// What was left of the limit.
    pub fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

/// What an answer says about the limits: the layers with the least left, as far as there are any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standings {
    /// Of those that count requests.
    pub requests: Option<Standing>,
    /// Of those that count tokens.
    pub tokens: Option<Standing>,
}

impl Standings {
    /// Keeps a standing if its layer has less left than those so far; of equals the first stays.
    pub(crate) fn note(&mut self, standing: Standing) {
        if let Some(place) = self.place(standing.layer, standing.remaining()) {
            *place = Some(standing);
        }
    }

    /// The same for a rule's counter. A standing is made only of one that is kept.
    pub(crate) fn note_used(&mut self, rule: Rule, used: u64, now: Duration) {
        if let Some(place) = self.place(rule.layer, rule.limit.saturating_sub(used)) {
            *place = Some(Standing::new(rule, used, now));
        }
    }

    /// Where a layer with so much left is kept.
    fn place(&mut self, layer: Layer, left: u64) -> Option<&mut Option<Standing>> {
        let place = match layer.measure() {
            Measure::Requests => &mut self.requests,
            Measure::Tokens => &mut self.tokens,
            Measure::InFlight | Measure::MicroUsd => return None,
        };
        place.is_none_or(|tightest| left < tightest.remaining()).then_some(place)
    }

    /// What an answer's headers say of them.
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        headers::of(self)
    }

    /// Says it on an answer.
    pub fn write_headers(&self, head: &mut ResponseHeader) {
        for (name, value) in self.headers() {
            // Fails only for a malformed name or value, and these are none.
            drop(head.insert_header(name, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Standing, Standings};
    use crate::layer::Layer;
    use crate::policy::Rule;
    use std::time::Duration;

    const NOW: Duration = Duration::from_millis(1_750_000_000_250);

    #[test]
    fn a_window_ends_with_the_calendars_and_a_life_has_no_end() {
        let at = |layer| Standing::new(Rule::new(layer, 5), 7, NOW);
        let minute = at(Layer::User);
        assert_eq!(minute.remaining(), 0);
        assert_eq!(minute.resets_at, Some(Duration::from_secs(1_750_000_020)));
        assert_eq!(minute.resets_in, Some(Duration::from_millis(19_750)));
        let day = at(Layer::UserTokensDay);
        assert_eq!(day.resets_at, Some(Duration::from_secs(1_750_032_000)));
        assert_eq!(
            (at(Layer::SessionTokens).resets_at, at(Layer::SessionUsd).resets_in),
            (None, None)
        );
    }

    #[test]
    fn the_tightest_is_the_one_with_the_least_left() {
        let mut told = Standings::default();
        let asked = [
            (Layer::Project, 60, 1),
            (Layer::ProjectConcurrency, 1, 1),
            (Layer::User, 6, 1),
            (Layer::UserRequestsDay, 100, 95),
            (Layer::UserTokensDay, 1_000, 10),
            (Layer::ProjectUsdDay, 1, 1),
            (Layer::SessionTokens, 990, 0),
        ];
        for (layer, limit, used) in asked {
            told.note(Standing::new(Rule::new(layer, limit), used, NOW));
        }
        assert_eq!(told.requests.map(|standing| standing.layer), Some(Layer::User));
        assert_eq!(told.tokens.map(|standing| standing.layer), Some(Layer::UserTokensDay));
    }
}
