//! What an answer says about the limits.

use crate::admission::Standing;
use http::{HeaderName, HeaderValue};
use std::fmt;
use std::time::Duration;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const LIMIT_REQUESTS: HeaderName = HeaderName::from_static("x-ratelimit-limit-requests");
const REMAINING_REQUESTS: HeaderName = HeaderName::from_static("x-ratelimit-remaining-requests");
const RESET_REQUESTS: HeaderName = HeaderName::from_static("x-ratelimit-reset-requests");

/// How a request layer stood, in the common form and in OpenAI's.
pub(crate) fn of(standing: &Standing) -> [(HeaderName, HeaderValue); 6] {
    let reset = HeaderValue::try_from(Short(standing.resets_in).to_string());
    let limit = HeaderValue::from(standing.limit);
    let remaining = HeaderValue::from(standing.remaining);
    [
        (LIMIT, limit.clone()),
        (REMAINING, remaining.clone()),
        (RESET, standing.resets_at.as_secs().into()),
        (LIMIT_REQUESTS, limit),
        (REMAINING_REQUESTS, remaining),
        // Digits and letters are always a value.
        (RESET_REQUESTS, reset.unwrap_or_else(|_| HeaderValue::from_static("0s"))),
    ]
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
    use crate::admission::Standing;
    use crate::layer::Layer;
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

    #[test]
    fn both_families_of_headers_are_set() {
        let standing = Standing {
            layer: Layer::Project,
            limit: 60,
            remaining: 59,
            resets_at: Duration::from_secs(1_750_000_020),
            resets_in: Duration::from_millis(9_500),
        };
        let want = [
            ("x-ratelimit-limit", "60"),
            ("x-ratelimit-remaining", "59"),
            ("x-ratelimit-reset", "1750000020"),
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "10s"),
        ];
        let got = of(&standing).map(|(name, value)| (name, value.to_str().unwrap().to_owned()));
        assert_eq!(got.each_ref().map(|(name, value)| (name.as_str(), value.as_str())), want);
    }
}
