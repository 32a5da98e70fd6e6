//! What an address says behind its path, and how texts are encoded in it.

use super::refusal::Refusal;
pub(super) use crate::door::percent_decoded;

/// The parameters of a query. Those that nobody asks for are ignored.
#[derive(Debug, Default)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
    raw: String,
}

impl Query {
    /// Reads the part behind the question mark.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((form_decoded(name)?, form_decoded(value)?))
        });
        let pairs: Option<Vec<_>> = pairs.collect();
        let pairs = pairs.ok_or_else(|| Refusal::invalid("The query is not well encoded."))?;
        Ok(Self { pairs, raw: text.to_owned() })
    }

    /// A parameter's value.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The query as it came.
    pub(super) fn raw(&self) -> &str {
        &self.raw
    }

    /// Whether a switch is set; it is not when it is not named.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Refusal::wrong(name, format!("{name} must be true or false."))),
        }
    }
}

fn form_decoded(text: &str) -> Option<String> {
    percent_decoded(&text.replace('+', " "))
}

#[cfg(test)]
mod tests {
    use super::{Query, percent_decoded};

    #[test]
    fn a_query_is_read_as_a_form_writes_it() {
        let query = Query::parse("scope=user&id=a%2Fb+c%2B&empty=&flag=true&&no").unwrap();
        for (name, value) in [
            ("scope", Some("user")),
            ("id", Some("a/b c+")),
            ("empty", Some("")),
            ("no", Some("")),
            ("other", None),
        ] {
            assert_eq!(query.text(name), value, "{name}");
        }
        assert!(query.flag("flag").unwrap() && !query.flag("other").unwrap());
        assert!(query.flag("scope").is_err());
        for broken in ["a=%", "a=%2", "a=%zz", "a=%ff", "a=%00"] {
            assert!(Query::parse(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_path_keeps_its_plus_signs() {
        assert_eq!(percent_decoded("a+b%20c").as_deref(), Some("a+b c"));
        assert_eq!(percent_decoded("%0a"), None);
    }
}
