//! Points in time as text.

use std::fmt;
use std::time::Duration;

/// 9999-12-31T23:59:59.999Z, the last instant that four digits of a year can say.
const LAST_MS: u64 = 253_402_300_799_999;

/// An instant in UTC, written as RFC 3339 with milliseconds: `2026-02-28T09:41:07.250Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    unix_ms: u64,
}

impl Stamp {
    /// The instant so long after the Unix epoch.
    pub fn at(unix: Duration) -> Self {
        let unix_ms = u64::try_from(unix.as_millis()).unwrap_or(LAST_MS);
        Self { unix_ms: unix_ms.min(LAST_MS) }
    }

    pub(crate) fn text(self) -> [u8; 24] {
        let seconds = self.unix_ms / 1000;
        let (year, month, day) = civil(seconds / 86_400);
        let date = (year * 100 + month) * 100 + day;
        let time = (seconds / 3600 % 24 * 100 + seconds / 60 % 60) * 100 + seconds % 60;
        let mut digits = (date * 1_000_000 + time) * 1000 + self.unix_ms % 1000;
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for place in text.iter_mut().rev().filter(|place| **place == b'0') {
            *place = b'0' + (digits % 10) as u8;
            digits /= 10;
        }
        text
    }
}

/// The year, month and day of a number of days since the Unix epoch.
///
/// Counts from 1 March of the year 0, so that the leap day is the last of its year, in cycles of 400
/// years: <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>.
fn civil(days: u64) -> (u64, u64, u64) {
    let since_march_0 = days + 719_468;
    let (cycle, day_of_cycle) = (since_march_0 / 146_097, since_march_0 % 146_097);
    let leaps = day_of_cycle / 1_460 + day_of_cycle / 146_096 - day_of_cycle / 36_524;
    let year_of_cycle = (day_of_cycle - leaps) / 365;
    let day_of_year = day_of_cycle + year_of_cycle / 100 - year_of_cycle * 365 - year_of_cycle / 4;
    let months_since_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months_since_march + 2) / 5 + 1;
    let next_year = months_since_march >= 10;
    let month = if next_year { months_since_march - 9 } else { months_since_march + 3 };
    (cycle * 400 + year_of_cycle + u64::from(next_year), month, day)
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::{Stamp, civil};
    use std::time::Duration;

    #[test]
    fn an_instant_is_written_in_utc_with_milliseconds() {
        let table = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_234_567_890_123, "2009-02-13T23:31:30.123Z"),
            (1_709_164_800_007, "2024-02-29T00:00:00.007Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ];
        for (unix_ms, text) in table {
            assert_eq!(Stamp::at(Duration::from_millis(unix_ms)).to_string(), text);
        }
    }

    #[test]
    fn each_day_of_a_cycle_follows_the_one_before() {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..146_097 {
            assert_eq!(civil(days), (year, month, day));
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 => 28 + u64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day = day % length + 1;
            month = if day == 1 { month % 12 + 1 } else { month };
            year += u64::from(day == 1 && month == 1);
        }
    }
}
