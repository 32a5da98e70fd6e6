//! One answer for all layers of a request.
//!
//! A request asks every layer at once and gets all of them or none: whoever is refused, by whichever
//! layer, leaves every counter as it was.

use crate::headers;
use crate::layer::Layer;
use crate::window::{Minute, Tally, Window};
use behest_contract::denial::{Denial, Kind};
use http::{HeaderName, HeaderValue};
use pingora_http::ResponseHeader;
use serde_json::json;
use std::time::Duration;

/// How a layer stood when it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Which layer.
    pub layer: Layer,
    /// What it allows in a window.
    pub limit: u64,
    /// What was left of that, after this request.
    pub remaining: u64,
    /// When the window ends, since the Unix epoch.
    pub resets_at: Duration,
    /// How long that was away.
    pub resets_in: Duration,
}

impl Standing {
    pub(crate) fn new(layer: Layer, limit: u64, tally: Tally, now: Duration) -> Self {
        let resets_at = tally.minute.end();
        Self {
            layer,
            limit,
            remaining: limit.saturating_sub(tally.count.into()),
            resets_at,
            resets_in: resets_at.saturating_sub(now),
        }
    }

    /// What an answer's headers say of how the layer stood.
    pub fn headers(&self) -> [(HeaderName, HeaderValue); 6] {
        headers::of(self)
    }

    /// Says on an answer how the layer stood.
    pub fn write_headers(&self, head: &mut ResponseHeader) {
        for (name, value) in self.headers() {
            // Fails only for a malformed name or value, and these are none.
            drop(head.insert_header(name, value));
        }
    }

    /// The one with less left; of equals the one asked first.
    fn tighter(self, later: Option<Self>) -> Self {
        later.filter(|later| later.remaining < self.remaining).unwrap_or(self)
    }

    pub(crate) fn denial(&self) -> Box<Denial> {
        let details = json!({
            "layer": self.layer.label(),
            "limit": self.limit,
            "remaining": self.remaining,
            "resets_at": self.resets_at.as_secs(),
        });
        let denial = Denial::new(Kind::RateLimited, self.layer.refusal(self.limit));
        Box::new(denial.retry_after(self.resets_in).details(details))
    }
}

/// Every layer has admitted the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Admission {
    /// The request layer with the least left; `None` if no layer was asked.
    pub tightest: Option<Standing>,
}

impl Admission {
    /// Says on the answer how the tightest layer stood.
    pub fn write_headers(&self, head: &mut ResponseHeader) {
        if let Some(standing) = &self.tightest {
            standing.write_headers(head);
        }
    }
}

/// A layer has refused the request; no layer has counted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The layer that refused: of several, the one asked first.
    pub standing: Standing,
}

impl Refusal {
    /// Says on the answer how the layer stood.
    pub fn write_headers(&self, head: &mut ResponseHeader) {
        self.standing.write_headers(head);
    }

    /// The refusal in words, with its particulars and how long to wait.
    pub fn denial(&self) -> Box<Denial> {
        self.standing.denial()
    }
}

/// What is asked of one layer: one request more.
pub(crate) struct Ask<'a> {
    pub(crate) layer: Layer,
    pub(crate) limit: u64,
    pub(crate) window: &'a Window,
}

impl Ask<'_> {
    fn standing(&self, tally: Tally, now: Duration) -> Standing {
        Standing::new(self.layer, self.limit, tally, now)
    }
}

/// Refuses what is known to be full. Takes nothing, and promises nothing.
pub(crate) fn peek(asks: &[Ask<'_>], now: Duration) -> Result<(), Refusal> {
    for ask in asks {
        let tally = ask.window.tally(Minute::of(now));
        if tally.is_full(ask.limit) {
            return Err(Refusal { standing: ask.standing(tally, now) });
        }
    }
    Ok(())
}

/// Takes one of every layer, or none of any.
pub(crate) fn admit(asks: &[Ask<'_>], now: Duration) -> Result<Admission, Refusal> {
    // A layer that is full anyway must not make an earlier one look fuller for a moment.
    peek(asks, now)?;
    match take(asks, now) {
        Ok(tightest) => Ok(Admission { tightest }),
        Err(standing) => Err(Refusal { standing }),
    }
}

fn take(asks: &[Ask<'_>], now: Duration) -> Result<Option<Standing>, Standing> {
    let Some((ask, rest)) = asks.split_first() else {
        return Ok(None);
    };
    match ask.window.take(Minute::of(now), ask.limit) {
        Err(full) => Err(ask.standing(full, now)),
        Ok(taken) => match take(rest, now) {
            Ok(later) => Ok(Some(ask.standing(taken, now).tighter(later))),
            Err(refused) => {
                ask.window.give_back(taken.minute);
                Err(refused)
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Ask, Refusal, admit, peek, take};
    use crate::layer::Layer;
    use crate::window::{Minute, Window};
    use std::time::Duration;

    const NOW: Duration = Duration::from_secs(1_750_000_010);

    fn ask(window: &Window, limit: u64) -> Ask<'_> {
        Ask { layer: Layer::Project, limit, window }
    }

    fn count(window: &Window) -> u32 {
        window.tally(Minute::of(NOW)).count
    }

    #[test]
    fn all_layers_or_none() {
        let (wide, narrow) = (Window::default(), Window::default());
        let asks = || [ask(&wide, 9), ask(&narrow, 2)];
        assert!(admit(&asks(), NOW).is_ok());
        assert!(admit(&asks(), NOW).is_ok());
        let Err(Refusal { standing }) = admit(&asks(), NOW) else { panic!("admitted") };
        assert_eq!((standing.limit, standing.remaining), (2, 0));
        assert_eq!((count(&wide), count(&narrow)), (2, 2));
    }

    #[test]
    fn what_a_race_took_is_given_back() {
        // `take` alone is what is left of `admit` when a layer fills up after the peek.
        let (first, second, full) = (Window::default(), Window::default(), Window::default());
        assert!(take(&[ask(&first, 9), ask(&second, 9), ask(&full, 0)], NOW).is_err());
        assert_eq!((count(&first), count(&second), count(&full)), (0, 0, 0));
    }

    #[test]
    fn the_tightest_layer_is_the_one_with_the_least_left() {
        // (limits in the order of asking, the limit that is told)
        let cases: [(&[u64], Option<u64>); 5] = [
            (&[], None),
            (&[5], Some(5)),
            (&[5, 3], Some(3)),
            (&[3, 5], Some(3)),
            (&[5, 5], Some(5)),
        ];
        for (limits, told) in cases {
            let windows: Vec<_> = limits.iter().map(|limit| (Window::default(), *limit)).collect();
            let asks: Vec<_> = windows.iter().map(|(window, limit)| ask(window, *limit)).collect();
            let tightest = admit(&asks, NOW).ok().and_then(|admission| admission.tightest);
            assert_eq!(tightest.map(|standing| standing.limit), told);
            assert_eq!(tightest.map(|standing| standing.remaining), told.map(|limit| limit - 1));
        }
    }

    #[test]
    fn a_peek_takes_nothing() {
        let window = Window::default();
        assert!(peek(&[ask(&window, 1)], NOW).is_ok());
        assert!(peek(&[ask(&window, 1)], NOW).is_ok());
        assert_eq!(count(&window), 0);
        assert!(admit(&[ask(&window, 1)], NOW).is_ok());
        assert!(peek(&[ask(&window, 1)], NOW).is_err());
        assert_eq!(count(&window), 1);
    }
}
