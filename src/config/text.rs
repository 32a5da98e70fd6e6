//! Values that are written as a text of a certain shape: how they enter the file's types, and how
//! one list of shapes serves both the schema and the error messages.

use super::base_url::{BaseUrl, parse_issuer};
use super::network::Network;
use super::origin::Origin;
use super::providers::PassedHeader;
use super::secret_ref::SecretRef;
use super::units::{Period, Size};

/// Gives a type with `parse(&str) -> Result<Self, String>` and `Display` its place in the file: a
/// string of the named format, which [`FORMATS`] must hold.
macro_rules! text_value {
    ($type:ty, $format:literal, $($schema:tt)*) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(from)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "format": $format, $($schema)* })
            }
        }
    };
}
pub(super) use text_value;

/// Tells what is wrong with a text, if anything.
pub(super) type Check = fn(&str) -> Result<(), String>;

/// Every format that the schema names. Each check is the whole truth about its format; a `pattern`
/// beside it only helps editors.
pub(super) const FORMATS: [(&str, Check); 12] = [
    ("period", |text| Period::parse(text).map(drop)),
    ("size", |text| Size::parse(text).map(drop)),
    ("secret-ref", |text| SecretRef::parse(text).map(drop)),
    ("network", |text| Network::parse(text).map(drop)),
    ("origin", |text| Origin::parse(text).map(drop)),
    ("base-url", |text| BaseUrl::parse(text).map(drop)),
    ("issuer", parse_issuer),
    ("passed-header", |text| PassedHeader::parse(text).map(drop)),
    ("socket-address", socket_address),
    ("domain", domain),
    ("slug", label),
    ("id", id),
];

/// The check of a format, by its name.
pub(super) fn check_of(format: &str) -> Option<Check> {
    FORMATS.iter().find(|(name, _)| *name == format).map(|(_, check)| *check)
}

/// The schema of a list of domains.
pub(super) fn domains(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array",
        "items": { "type": "string", "format": "domain", "examples": ["behest.example.com"] },
    })
}

fn socket_address(text: &str) -> Result<(), String> {
    let parsed = text.parse::<std::net::SocketAddr>();
    parsed.map(drop).map_err(|_| {
        format!(
            "{text:?} is no socket address; write an IP address and a port, such as 127.0.0.1:8080"
        )
    })
}

/// One label of a host name: lower-case letters, digits and inner hyphens, at most 63.
pub(super) fn label(text: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let good = (1..=63).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if good {
        return Ok(());
    }
    Err(format!("{text:?} must be 1 to 63 lower-case letters, digits and inner hyphens"))
}

fn domain(text: &str) -> Result<(), String> {
    let shape_is_right = text.len() <= 253 && text.split('.').all(|part| label(part).is_ok());
    if !shape_is_right {
        return Err(format!(
            "{text:?} is no domain; write lower-case labels and dots, such as behest.example.com"
        ));
    }
    if text.parse::<std::net::Ipv4Addr>().is_ok() {
        return Err(format!("{text:?} is an address, not a domain"));
    }
    Ok(())
}

/// The name of something in the file: visible ASCII without quotes, at most 128.
fn id(text: &str) -> Result<(), String> {
    let allowed =
        |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'`' | b'\'');
    if (1..=128).contains(&text.len()) && text.bytes().all(allowed) {
        return Ok(());
    }
    Err(format!(
        "{text:?} must be 1 to 128 visible ASCII characters without spaces, quotes and backslashes"
    ))
}
