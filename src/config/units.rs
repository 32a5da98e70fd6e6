//! Values with a unit, as people write them: `15s`, `4MiB`, `2.5`.

use std::borrow::Cow;
use std::ops::Deref;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::text_value;

/// A length of time: a whole number and `ms`, `s`, `m`, `h` or `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(Duration);

impl Period {
    /// A period of so many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// A period of so many seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// The same length as the standard library's type.
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// Reads `25ms`, `15s`, `3m`, `24h` or `90d`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no duration; write a whole number and ms, s, m, h or d, such as 15s"
            )
        };
        let (number, unit) = split_unit(text).ok_or_else(wrong)?;
        let millis_per_unit = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        let millis = number.checked_mul(millis_per_unit);
        millis.map(Self::from_millis).ok_or_else(|| format!("{text:?} is too long"))
    }
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millis = self.0.as_millis();
        let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
        let fits = |per: u128| millis > 0 && millis.is_multiple_of(per);
        match units.into_iter().find(|(per, _)| fits(*per)) {
            Some((per, unit)) => write!(f, "{}{unit}", millis / per),
            None => write!(f, "{millis}ms"),
        }
    }
}

impl Deref for Period {
    type Target = Duration;

    fn deref(&self) -> &Duration {
        &self.0
    }
}

text_value!(
    Period,
    "period",
    "pattern": "^[0-9]+(ms|s|m|h|d)$",
    "description": "A length of time: a whole number and ms, s, m, h or d.",
    "examples": ["15s", "25ms", "24h"],
);

/// A number of bytes: a whole number, plain or with `KiB`, `MiB` or `GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

impl Size {
    /// A size of so many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// A size of so many KiB.
    pub const fn from_kib(kib: u64) -> Self {
        Self(kib << 10)
    }

    /// A size of so many MiB.
    pub const fn from_mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The number of bytes as a length in memory.
    pub fn len_in_memory(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// Reads `1000`, `64KiB`, `4MiB` or `1GiB`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no size; write bytes, or a whole number and KiB, MiB or GiB, such as 4MiB"
            )
        };
        let (number, unit) = split_unit(text).ok_or_else(wrong)?;
        let bytes_per_unit = match unit {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(wrong()),
        };
        number.checked_mul(bytes_per_unit).map(Self).ok_or_else(|| format!("{text:?} is too large"))
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        let fits = |per: u64| self.0 > 0 && self.0.is_multiple_of(per);
        match units.into_iter().find(|(per, _)| fits(*per)) {
            Some((per, unit)) => write!(f, "{}{unit}", self.0 / per),
            None => write!(f, "{}", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written<'a> {
            Bytes(u64),
            Text(Cow<'a, str>),
        }
        match Written::deserialize(from)? {
            Written::Bytes(bytes) => Ok(Self(bytes)),
            Written::Text(text) => Self::parse(&text).map_err(D::Error::custom),
        }
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "format": "size",
            "minimum": 0,
            "pattern": "^[0-9]+(B|KiB|MiB|GiB)?$",
            "description": "A number of bytes: a whole number, plain or with KiB, MiB or GiB.",
            "examples": ["4MiB", "64KiB"],
        })
    }
}

/// An amount of US dollars, kept in whole micro-dollars so that sums stay exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(u64);

/// No amount in the file may be above this many dollars.
const USD_MAX: f64 = 1_000_000_000.0;

/// What is said of an amount that would be rounded to nothing.
pub(super) const USD_TOO_LITTLE: &str =
    "is less than a millionth of a dollar, which is the least that is counted; 0 is nothing";

impl Usd {
    /// So many micro-dollars.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The amount in micro-dollars. For a price per million tokens, that is also what a million
    /// tokens cost in micro-dollars.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Rounds a number of dollars to the nearest micro-dollar.
    pub fn from_dollars(dollars: f64) -> Result<Self, String> {
        if !(0.0..=USD_MAX).contains(&dollars) {
            return Err(format!("must be between 0 and {USD_MAX} dollars"));
        }
        // In range, so the rounded product fits and is exact: 10^15 is below 2^53.
        let micros = (dollars * 1e6).round() as u64;
        if micros == 0 && dollars > 0.0 {
            return Err(USD_TOO_LITTLE.to_owned());
        }
        Ok(Self(micros))
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::from_dollars(f64::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(self.0 as f64 / 1e6)
    }
}

impl JsonSchema for Usd {
    fn schema_name() -> Cow<'static, str> {
        "Usd".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "number",
            "minimum": 0,
            "maximum": USD_MAX,
            "not": { "exclusiveMinimum": 0, "exclusiveMaximum": 0.000_000_5 },
            "description": "An amount of US dollars, exact to a millionth.",
            "examples": [2.5, 100],
        })
    }
}

/// Splits `15ms` into 15 and `ms`.
fn split_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit))
}
