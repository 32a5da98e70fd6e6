//! A call of the admin API.

use serde_json::{Map, Value};
use std::fmt::Write as _;

/// What is asked, before it is sent.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: &'static str,
    path: String,
    query: String,
    pub(super) body: Option<Value>,
    /// Whether the answer is a list of which all pages are wanted.
    pub(super) is_list: bool,
    /// Whether the answer's pages are tables as they are, and not JSON.
    pub(super) is_table: bool,
    /// What a table of the answer shows.
    pub(super) columns: &'static [&'static str],
}

impl Call {
    /// A call of the path of these segments, below `/admin/v1`.
    pub(super) fn new(method: &'static str, segments: &[&str]) -> Self {
        let path = segments.iter().map(|segment| encoded(segment)).collect::<Vec<_>>().join("/");
        let (query, body) = (String::new(), None);
        Self { method, path, query, body, is_list: false, is_table: false, columns: &[] }
    }

    /// A call for a whole list.
    pub(super) fn list(segments: &[&str], columns: &'static [&'static str]) -> Self {
        Self { is_list: true, ..Self::part(segments, columns) }
    }

    /// A call for a part of a list.
    pub(super) fn part(segments: &[&str], columns: &'static [&'static str]) -> Self {
        Self { columns, ..Self::new("GET", segments) }
    }

    /// The call for a list that is answered with tables, which have a header line each.
    pub(super) fn table(self) -> Self {
        Self { is_table: true, ..self }
    }

    /// The call with a body.
    pub(super) fn body(self, members: Members) -> Self {
        Self { body: Some(Value::Object(members.0)), ..self }
    }

    /// The call with a parameter, if there is a value for it.
    pub(super) fn query(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            let joint = if self.query.is_empty() { '?' } else { '&' };
            let _ = write!(self.query, "{joint}{name}={}", encoded(&value.to_string()));
        }
        self
    }

    /// The call with a switch, if it is set.
    pub(super) fn flag(self, name: &str, is_set: bool) -> Self {
        self.query(name, is_set.then_some(true))
    }

    /// Path and query, below `/admin/v1/`.
    pub(super) fn target(&self) -> String {
        format!("{}{}", self.path, self.query)
    }

    /// The same list, further on.
    pub(super) fn page(&self, cursor: Option<&str>) -> String {
        let call =
            Self { query: self.query.clone(), path: self.path.clone(), ..Self::new("GET", &[]) };
        call.query("limit", Some(PAGE)).query("cursor", cursor).target()
    }
}

/// The largest page that the API gives.
const PAGE: u32 = 1000;

/// The members of a body, as far as the command line says them.
#[derive(Debug, Default)]
pub(super) struct Members(pub(super) Map<String, Value>);

impl Members {
    /// Adds a member, if there is a value for it.
    pub(super) fn with(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
        self
    }

    /// Adds a switch, if it is set.
    pub(super) fn flag(self, name: &str, is_set: bool) -> Self {
        self.with(name, is_set.then_some(true))
    }
}

/// A text as a segment of a path, or a value of a query.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::Call;

    #[test]
    fn targets_are_encoded_and_paged() {
        let call = Call::list(&["a b", "c/d"], &[]).query("q", Some("ü&")).flag("f", true);
        assert_eq!(call.target(), "a%20b/c%2Fd?q=%C3%BC%26&f=true");
        assert_eq!(Call::list(&["t"], &[]).page(Some("x")), "t?limit=1000&cursor=x");
        assert_eq!(call.page(None), "a%20b/c%2Fd?q=%C3%BC%26&f=true&limit=1000");
    }
}
