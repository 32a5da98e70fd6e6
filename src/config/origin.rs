//! Browser origins that a project allows: exact ones, and patterns with one `*` inside one label.

use super::text::text_value;

/// `scheme://host[:port]`, where one host label may hold one `*`.
///
/// `https://*.example.com` allows any single label in that place, `https://pr-*.example.com` one
/// that starts with `pr-`; a `*` never stands for a dot, nor for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// All of an exact origin; of a pattern what stands before the `*`.
    start: String,
    /// What stands after the `*`, if there is one.
    end: Option<String>,
}

impl Origin {
    /// Reads an origin as browsers send it, or a pattern.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, host, port) = split(text).ok_or_else(|| {
            format!("{text:?} is no origin; write scheme://host or scheme://host:port")
        })?;
        if !matches!(scheme, "http" | "https")
            && (scheme.is_empty() || !scheme.bytes().all(is_scheme_byte))
        {
            return Err(format!("{text:?} has no valid scheme"));
        }
        if matches!((scheme, port), ("http", Some("80")) | ("https", Some("443"))) {
            return Err(format!("{text:?} names its scheme's own port, which browsers leave out"));
        }
        if text.matches('*').count() > 1 {
            return Err(format!("{text:?} has more than one *"));
        }
        if !is_host(host) {
            return Err(format!(
                "{text:?} has no valid host; labels are lower-case letters, digits, inner hyphens and one *"
            ));
        }
        // A pattern right below a top-level domain would allow the whole world.
        if host.contains('*') && host.rsplit('.').take(2).any(|part| part.contains('*')) {
            return Err(format!("{text:?} needs two full labels after the one with the *"));
        }
        Ok(match text.split_once('*') {
            None => Self { start: text.to_owned(), end: None },
            Some((start, end)) => Self { start: start.to_owned(), end: Some(end.to_owned()) },
        })
    }

    /// Whether an `Origin` header's value is allowed by this entry.
    pub fn matches(&self, origin: &str) -> bool {
        let Some(end) = &self.end else { return origin == self.start };
        let middle = origin
            .strip_prefix(self.start.as_str())
            .and_then(|rest| rest.strip_suffix(end.as_str()));
        middle.is_some_and(|middle| !middle.is_empty() && middle.bytes().all(is_label_byte))
    }

    /// Whether the entry holds a `*`.
    pub fn is_pattern(&self) -> bool {
        self.end.is_some()
    }
}

/// Scheme, host and port of an origin, if it consists of nothing else.
fn split(text: &str) -> Option<(&str, &str, Option<&str>)> {
    let (scheme, rest) = text.split_once("://")?;
    let after_brackets = rest.rfind(']').map_or(0, |at| at + 1);
    let Some(colon) = rest.get(after_brackets..)?.find(':') else {
        return Some((scheme, rest, None));
    };
    let (host, port) = rest.split_at_checked(after_brackets + colon)?;
    let port = port.strip_prefix(':')?;
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
    port.parse::<u16>().ok().filter(|_| is_number)?;
    Some((scheme, host, Some(port)))
}

fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let is_label = |label: &str| {
        let edges_are_right = !label.starts_with('-') && !label.ends_with('-');
        (1..=63).contains(&label.len())
            && edges_are_right
            && label.bytes().all(|byte| is_label_byte(byte) || byte == b'*')
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
}

fn is_scheme_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.')
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.end {
            None => f.write_str(&self.start),
            Some(end) => write!(f, "{}*{end}", self.start),
        }
    }
}

text_value!(
    Origin,
    "origin",
    "description": "A browser origin, scheme://host or scheme://host:port; one host \
        label may hold one *, which stands for one or more characters of that label.",
    "examples": ["https://app.example.com", "https://pr-*.preview.example.com"],
);
