//! Windows by the calendar, UTC.

use super::Window;
use std::ops::Range;
use std::time::Duration;

const MINUTE_SECONDS: u64 = 60;
const DAY_SECONDS: u64 = 86_400;

impl Window {
    /// The window of this kind that `at` lies in: from, to but not including, since the Unix epoch.
    /// `None` for what has no end.
    pub fn around(self, at: Duration) -> Option<Range<Duration>> {
        let seconds = at.as_secs();
        let even = |length: u64| {
            let from = seconds - seconds % length;
            from..from.saturating_add(length)
        };
        let range = match self {
            Self::Minute => even(MINUTE_SECONDS),
            Self::Day => even(DAY_SECONDS),
            Self::Month => {
                let (year, month) = month_of(seconds / DAY_SECONDS);
                let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                let first = |year, month| first_day(year, month).saturating_mul(DAY_SECONDS);
                first(year, month)..first(next_year, next)
            }
            Self::Life => return None,
        };
        Some(Duration::from_secs(range.start)..Duration::from_secs(range.end))
    }
}

/// The year and the month (from 1) of a day since the Unix epoch, in the Gregorian calendar.
///
/// Years are counted from March, so that a leap day is a year's last: then eras of 400 years are all
/// alike, and so are the months' lengths (Hinnant, "chrono-compatible low-level date algorithms").
fn month_of(day: u64) -> (u64, u64) {
    let day = day.saturating_add(719_468);
    let era = day / 146_097;
    let day_of_era = day % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month)
}

/// The day since the Unix epoch on which a month begins; no month before 1970 is asked for.
fn first_day(year: u64, month: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let from_march = (month + 9) % 12;
    let day_of_year = (153 * from_march + 2) / 5;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).saturating_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::{first_day, month_of};
    use crate::purse::Window;
    use std::time::Duration;

    #[test]
    fn windows_are_the_calendars() {
        // (window, a time in it, its begin, its end)
        let cases = [
            (Window::Minute, 1_750_000_000, 1_749_999_960, 1_750_000_020),
            (Window::Minute, 1_750_000_020, 1_750_000_020, 1_750_000_080),
            // 2025-06-15
            (Window::Day, 1_750_000_000, 1_749_945_600, 1_750_032_000),
            // June 2025
            (Window::Month, 1_750_000_000, 1_748_736_000, 1_751_328_000),
            // February 2024 has 29 days, and February 2100 has 28.
            (Window::Month, 1_709_164_800, 1_706_745_600, 1_709_251_200),
            (Window::Month, 4_107_456_000, 4_105_123_200, 4_107_542_400),
            // December 1999 ends with the year.
            (Window::Month, 946_684_799, 944_006_400, 946_684_800),
            (Window::Month, 0, 0, 2_678_400),
        ];
        for (window, at, from, to) in cases {
            let want = Duration::from_secs(from)..Duration::from_secs(to);
            assert_eq!(window.around(Duration::from_secs(at)), Some(want), "{window:?} {at}");
        }
        assert_eq!(Window::Life.around(Duration::ZERO), None);
    }

    #[test]
    fn every_day_of_a_thousand_years_lies_in_its_month() {
        let (mut last, mut first) = ((1970, 1), 0);
        for day in 0..365_243 {
            let now = month_of(day);
            if now != last {
                let length = day - first;
                assert!((28..=31).contains(&length), "{last:?} has {length} days");
                (last, first) = (now, day);
            }
            assert_eq!(first_day(now.0, now.1), first);
        }
        assert_eq!(last, (2969, 12));
    }

    #[test]
    fn no_time_is_too_far() {
        for window in [Window::Minute, Window::Day, Window::Month] {
            assert!(window.around(Duration::MAX).is_some());
        }
    }
}
