//! From when to when, in what steps: the query of a question about usage.

use behest_contract::denial::{Denial, Kind};
use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{Span, Timestamp};
use serde_json::{Value, json};
use std::ops::Range;
use std::time::Duration;

/// No answer has more steps than this.
const STEPS_MAX: u64 = 50_000;

const DAY: Duration = Duration::from_hours(24);
const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_secs(60);

/// The parameters of a query. A plus sign stays one: clients write it raw in a time's offset.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the part behind the question mark. Unknown parameters are ignored.
    pub fn parse(text: &str) -> Result<Self, Box<Denial>> {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((crate::door::percent_decoded(name)?, crate::door::percent_decoded(value)?))
        });
        let pairs: Option<Vec<_>> = pairs.collect();
        let bad = || Box::new(Denial::new(Kind::Invalid, "The query is not well encoded."));
        pairs.map(Self).ok_or_else(bad)
    }

    /// A parameter's value.
    pub fn text(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(known, _)| known == name);
        value.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// A stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// From, to but not including, since the Unix epoch.
    pub time: Range<Duration>,
}

impl Window {
    /// What `from` and `to` say; without them this month by UTC. A date in `to` is included.
    pub fn of(query: &Query, now: Duration) -> Result<Self, Box<Denial>> {
        let month = month_of(now);
        let from = query.text("from").map(|text| moment(text, "from")).transpose()?;
        let to = query.text("to").map(|text| moment(text, "to")).transpose()?;
        let start = from.map_or(month.start, |from| from.at);
        let end = match to {
            None => month.end.max(start),
            Some(to) if to.is_date => to.at + DAY,
            Some(to) => to.at,
        };
        if end < start {
            return Err(invalid("to", "to must not be before from."));
        }
        Ok(Self { time: start..end })
    }

    /// The length of a step: `granularity`, a day when it is not given.
    pub fn step(&self, query: &Query) -> Result<Duration, Box<Denial>> {
        let step = match query.text("granularity") {
            None | Some("day") => DAY,
            Some("hour") => HOUR,
            Some("minute") => MINUTE,
            Some(_) => {
                return Err(invalid("granularity", "granularity is one of minute, hour and day."));
            }
        };
        let length = self.time.end.saturating_sub(self.time.start);
        if length.as_secs() / step.as_secs() > STEPS_MAX {
            let message = "The window has too many steps: choose a shorter one or a coarser step.";
            return Err(invalid("granularity", message));
        }
        Ok(step)
    }

    /// The window as it is told.
    pub fn told(&self) -> Value {
        json!({ "from": instant(self.time.start), "to": instant(self.time.end) })
    }
}

/// A time as it is told.
pub fn instant(at: Duration) -> String {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX).to_string()
}

/// A refusal of one parameter.
pub fn invalid(param: &'static str, message: &'static str) -> Box<Denial> {
    Box::new(Denial::new(Kind::Invalid, message).param(param))
}

fn month_of(now: Duration) -> Range<Duration> {
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let today = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    let first = Offset::UTC.to_datetime(today).date().first_of_month();
    let next = first.checked_add(Span::new().months(1)).unwrap_or(Date::MAX);
    start_of(first)..start_of(next)
}

fn start_of(date: Date) -> Duration {
    let midnight = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0));
    midnight.map_or(Duration::ZERO, since_epoch)
}

fn since_epoch(at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(Timestamp::UNIX_EPOCH)).unwrap_or_default()
}

/// A time that was written as a date or as an instant.
struct Moment {
    at: Duration,
    is_date: bool,
}

/// Reads a date, an instant with an offset, or one without, which is taken for UTC. A space in the place
/// of the offset's plus sign is one that was decoded on the way.
fn moment(text: &str, param: &'static str) -> Result<Moment, Box<Denial>> {
    const DATE_LEN: usize = "2026-01-01".len();
    if text.len() == DATE_LEN
        && let Ok(date) = text.parse::<Date>()
    {
        return Ok(Moment { at: start_of(date), is_date: true });
    }
    let (date, time) = text.split_at_checked(DATE_LEN).unwrap_or((text, ""));
    // Some write a space for the T.
    let time = time.trim_start_matches(['T', 't', ' ']).replace(' ', "+");
    let whole = format!("{date}T{time}");
    let at = whole.parse::<Timestamp>().or_else(|_| format!("{whole}Z").parse());
    match at {
        Ok(at) => Ok(Moment { at: since_epoch(at), is_date: false }),
        Err(_) if param == "to" => Err(invalid("to", MALFORMED)),
        Err(_) => Err(invalid("from", MALFORMED)),
    }
}

const MALFORMED: &str =
    "A time is a date such as 2026-04-01, or an instant such as 2026-04-01T12:00:00Z.";

#[cfg(test)]
mod tests {
    use super::{Query, Window, instant};
    use std::time::Duration;

    /// 2026-11-24T13:00:00Z
    const NOW: Duration = Duration::from_secs(1_795_525_200);

    fn window(query: &str) -> Option<(String, String)> {
        let window = Window::of(&Query::parse(query).ok()?, NOW).ok()?;
        Some((instant(window.time.start), instant(window.time.end)))
    }

    #[test]
    fn times_are_read_in_many_spellings() {
        let midnight = "2026-04-01T00:00:00Z";
        for from in [
            "2026-04-01",
            "2026-04-01T00:00:00Z",
            "2026-04-01T00:00:00",
            "2026-04-01T02:00:00+02:00",
            "2026-04-01T02:00:00%2B02:00",
            "2026-04-01T02:00:00%2002:00",
            "2026-04-01%2000:00:00.000",
            "2026-03-31T19:00:00.000000-05:00",
        ] {
            let (start, _) = window(&format!("from={from}")).expect(from);
            assert_eq!(start, midnight, "{from}");
        }
        for bad in ["x", "2026-13-01", "2026-04-01T25:00:00Z", "20260401", "2026-04-01T", "%"] {
            assert_eq!(window(&format!("from={bad}")), None, "{bad}");
        }
    }

    #[test]
    fn the_window_is_this_month_and_a_date_at_its_end_is_in_it() {
        let told = |from: &str, to: &str| Some((from.to_owned(), to.to_owned()));
        assert_eq!(window(""), told("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"));
        assert_eq!(
            window("from=2026-04-01&to=2026-04-30"),
            told("2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z")
        );
        assert_eq!(
            window("from=2026-04-01&to=2026-04-30T00:00:00Z"),
            told("2026-04-01T00:00:00Z", "2026-04-30T00:00:00Z")
        );
        assert_eq!(window("from=2026-04-02&to=2026-03-30"), None);
    }

    #[test]
    fn steps_are_bounded() {
        let step = |query: &str| {
            let query = Query::parse(query).unwrap();
            Window::of(&query, NOW).unwrap().step(&query).ok().map(|step| step.as_secs())
        };
        assert_eq!(step(""), Some(86_400));
        assert_eq!(step("granularity=hour"), Some(3_600));
        assert_eq!(step("granularity=minute"), Some(60));
        assert_eq!(step("granularity=second"), None);
        assert_eq!(step("granularity=minute&from=2020-01-01"), None);
    }
}
