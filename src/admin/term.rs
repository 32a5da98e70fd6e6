//! When something ends, as a body says it.

use super::members::{Given, Members};
use super::refusal::Refusal;
use jiff::Timestamp;
use std::time::Duration;

/// Nobody plans further ahead.
const TTL_MAX: u64 = 10 * 366 * 24 * 3600;

/// Takes `expires_at` or `ttl`, of which one may be given.
pub(super) fn taken(body: &mut Members, now: Timestamp) -> Result<Given<Timestamp>, Refusal> {
    let (at, ttl) = (body.text("expires_at")?, body.number("ttl")?);
    match (at, ttl) {
        (Some(Some(_)), Some(Some(_))) => {
            Err(Refusal::wrong("ttl", "Only one of expires_at and ttl may be given."))
        }
        (_, Some(Some(ttl))) if (1..=TTL_MAX).contains(&ttl) => {
            Ok(Some(Some(after(now, Duration::from_secs(ttl)))))
        }
        (_, Some(Some(_))) => {
            Err(Refusal::wrong("ttl", format!("ttl must be 1 to {TTL_MAX} seconds.")))
        }
        (Some(Some(at)), _) => instant(&at, now).map(|at| Some(Some(at))),
        (None, None) => Ok(None),
        _ => Ok(Some(None)),
    }
}

fn instant(text: &str, now: Timestamp) -> Result<Timestamp, Refusal> {
    let at = text.parse::<Timestamp>().map_err(|_| {
        Refusal::wrong("expires_at", "expires_at must be a time such as 2030-01-31T12:00:00Z.")
    })?;
    if at <= now {
        return Err(Refusal::wrong("expires_at", "expires_at must lie in the future."));
    }
    Ok(at)
}

/// A while later, or at the end of time.
pub(super) fn after(now: Timestamp, by: Duration) -> Timestamp {
    now.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::taken;
    use crate::admin::members::Members;
    use jiff::Timestamp;

    #[test]
    fn an_end_is_an_instant_or_a_while_and_never_past() {
        let now: Timestamp = "2025-01-01T00:00:00Z".parse().unwrap();
        for (body, end) in [
            ("{}", Some(None)),
            (r#"{"expires_at":null}"#, Some(Some(None))),
            (r#"{"ttl":60}"#, Some(Some(Some("2025-01-01T00:01:00Z")))),
            (r#"{"ttl":60,"expires_at":null}"#, Some(Some(Some("2025-01-01T00:01:00Z")))),
            (
                r#"{"expires_at":"2025-01-01T02:00:00+01:00"}"#,
                Some(Some(Some("2025-01-01T01:00:00Z"))),
            ),
            (r#"{"expires_at":"2025-01-01T00:00:00Z"}"#, None),
            (r#"{"expires_at":"2999-01-01T00:00:00Z"}"#, Some(Some(Some("2999-01-01T00:00:00Z")))),
            (r#"{"expires_at":"tomorrow"}"#, None),
            (r#"{"expires_at":1735689600}"#, None),
            (r#"{"ttl":0}"#, None),
            (r#"{"ttl":1e3}"#, None),
            (r#"{"ttl":99999999999}"#, None),
            (r#"{"ttl":60,"expires_at":"2025-01-01T01:00:00Z"}"#, None),
        ] {
            let mut members = Members::parse(body.as_bytes()).unwrap();
            let end = end.map(|end: Option<Option<&str>>| {
                end.map(|end| end.map(|end| end.parse().unwrap()))
            });
            assert_eq!(taken(&mut members, now).ok(), end, "{body}");
        }
    }
}
