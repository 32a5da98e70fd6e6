//! What an answer says about the limits.

use crate::standing::{Standing, Standings};
use http::{HeaderName, HeaderValue};
use std::fmt;
use std::time::Duration;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const LIMIT_REQUESTS: HeaderName = HeaderName::from_static("x-ratelimit-limit-requests");
const REMAINING_REQUESTS: HeaderName = HeaderName::from_static("x-ratelimit-remaining-requests");
const RESET_REQUESTS: HeaderName = HeaderName::from_static("x-ratelimit-reset-requests");

const LIMIT_TOKENS: HeaderName = HeaderName::from_static("x-ratelimit-limit-tokens");
const REMAINING_TOKENS: HeaderName = HeaderName::from_static("x-ratelimit-remaining-tokens");
const RESET_TOKENS: HeaderName = HeaderName::from_static("x-ratelimit-reset-tokens");

type Header = (HeaderName, HeaderValue);

/// How the tightest layers stood: requests in the common form and in OpenAI's, tokens in OpenAI's.
pub(crate) fn of(told: &Standings) -> impl Iterator<Item = Header> + use<> {
    let common = told.requests.map(|standing| {
        let reset = standing.resets_at.map(|at| (RESET, at.as_secs().into()));
        let limit = [(LIMIT, standing.limit.into()), (REMAINING, standing.remaining().into())];
        limit.into_iter().chain(reset)
    });
    let requests = told
        .requests
        .map(|standing| openais(&standing, [LIMIT_REQUESTS, REMAINING_REQUESTS, RESET_REQUESTS]));
    let tokens = told
        .tokens
        .map(|standing| openais(&standing, [LIMIT_TOKENS, REMAINING_TOKENS, RESET_TOKENS]));
    common.into_iter().flatten().chain(requests.into_iter().chain(tokens).flatten())
}

fn openais(
    standing: &Standing,
    [limit, remaining, reset]: [HeaderName; 3],
) -> impl Iterator<Item = Header> + use<> {
    let reset = standing.resets_in.map(|resets_in| {
        let value = HeaderValue::try_from(Short(resets_in).to_string());
        // Digits and letters are always a value.
        (reset, value.unwrap_or_else(|_| HeaderValue::from_static("0s")))
    });
    [(limit, standing.limit.into()), (remaining, standing.remaining().into())]
        .into_iter()
        .chain(reset)
}

/// A duration as OpenAI writes it, which is Go's way: `120ms`, `59s`, `6m0s`, `1h0m0s`.
///
/// Rounded up, so that whoever waits that long has waited long enough: to whole milliseconds below a
/// second, to whole seconds above.
struct Short(Duration);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_nanos().div_ceil(1_000_000);
        if ms > 0 && ms < 1_000 {
            return write!(f, "{ms}ms");
        }
        let seconds = ms.div_ceil(1_000);
        let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        match (hours, minutes) {
            (0, 0) => write!(f, "{seconds}s"),
            (0, _) => write!(f, "{minutes}m{seconds}s"),
            _ => write!(f, "{hours}h{minutes}m{seconds}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Short, of};
    use crate::layer::Layer;
    use crate::policy::Rule;
    use crate::standing::{Standing, Standings};
    use http::{HeaderName, HeaderValue};
    use std::time::Duration;

    #[test]
    fn durations_are_written_as_go_does() {
        let cases = [
            (0, "0s"),
            (1, "1ms"),
            (1_000_000, "1ms"),
            (120_000_000, "120ms"),
            (250_000_001, "251ms"),
            (999_000_001, "1s"),
            (1_000_000_000, "1s"),
            (1_000_000_001, "2s"),
            (58_200_000_000, "59s"),
            (59_999_000_000, "1m0s"),
            (60_000_000_000, "1m0s"),
            (360_000_000_000, "6m0s"),
            (3_599_500_000_000, "1h0m0s"),
            (3_600_000_000_000, "1h0m0s"),
            (90_061_000_000_000, "25h1m1s"),
        ];
        for (nanos, text) in cases {
            assert_eq!(Short(Duration::from_nanos(nanos)).to_string(), text, "{nanos}");
        }
    }

    fn told(standings: &Standings) -> Vec<(String, String)> {
        let show = |(name, value): (HeaderName, HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        of(standings).map(show).collect()
    }

    fn want(headers: &[(&str, &str)]) -> Vec<(String, String)> {
        headers
            .iter()
            .map(|(name, value)| (format!("x-ratelimit-{name}"), (*value).into()))
            .collect()
    }

    #[test]
    fn both_families_of_headers_are_set() {
        let now = Duration::from_millis(1_750_000_010_500);
        let mut standings = Standings::default();
        assert_eq!(told(&standings), []);
        standings.note(Standing::new(Rule::new(Layer::Project, 60), 1, now));
        let requests = [
            ("limit", "60"),
            ("remaining", "59"),
            ("reset", "1750000020"),
            ("limit-requests", "60"),
            ("remaining-requests", "59"),
            ("reset-requests", "10s"),
        ];
        assert_eq!(told(&standings), want(&requests));
        standings.note(Standing::new(Rule::new(Layer::UserTokensDay, 50_000), 4_200, now));
        let tokens = [
            ("limit-tokens", "50000"),
            ("remaining-tokens", "45800"),
            ("reset-tokens", "8h53m10s"),
        ];
        assert_eq!(told(&standings), want(&[requests.as_slice(), &tokens].concat()));
    }

    #[test]
    fn what_never_resets_names_no_time() {
        let mut standings = Standings::default();
        standings.note(Standing::new(Rule::new(Layer::SessionTokens, 10), 12, Duration::ZERO));
        let tokens = [("limit-tokens", "10"), ("remaining-tokens", "0")];
        assert_eq!(told(&standings), want(&tokens));
    }
}
