//! A body's members, taken one by one. What is left over is refused.

use super::refusal::Refusal;
use super::strict::Strict;
use serde_json::{Map, Value};

/// A member that may be missing (`None`), or taken away (`Some(None)`) by `null`.
pub(super) type Given<T> = Option<Option<T>>;

/// A body.
#[derive(Debug)]
pub(super) struct Members(Map<String, Value>);

impl Members {
    /// Reads a body.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        match serde_json::from_slice(body) {
            Ok(Strict(Value::Object(members))) => Ok(Self(members)),
            Ok(_) => Err(Refusal::invalid("The body must be a JSON object.")),
            Err(error) if error.is_data() => Err(Refusal::invalid("The body has a member twice.")),
            Err(error) => Err(Refusal::invalid(format!(
                "The body is not valid JSON (line {}, column {}).",
                error.line(),
                error.column()
            ))),
        }
    }

    /// Reads a body that may be missing.
    pub(super) fn parse_optional(body: &[u8]) -> Result<Self, Refusal> {
        if body.is_empty() { Ok(Self(Map::new())) } else { Self::parse(body) }
    }

    /// All of them.
    pub(super) fn into_map(self) -> Map<String, Value> {
        self.0
    }

    /// Takes a member of any type.
    pub(super) fn take(&mut self, name: &str) -> Given<Value> {
        self.0.shift_remove(name).map(|value| Some(value).filter(|value| !value.is_null()))
    }

    /// Takes a text.
    pub(super) fn text(&mut self, name: &'static str) -> Result<Given<String>, Refusal> {
        self.typed(name, "a text", |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
    }

    /// Takes a text that must be there.
    pub(super) fn needed_text(&mut self, name: &'static str) -> Result<String, Refusal> {
        let text = self.text(name)?.flatten();
        text.ok_or_else(|| Refusal::wrong(name, format!("{name} is missing.")))
    }

    /// Takes a text for people.
    pub(super) fn label(&mut self, name: &'static str) -> Result<Given<String>, Refusal> {
        let label = self.text(name)?;
        if let Some(Some(text)) = &label {
            let fits = (1..=LABEL_CHARS_MAX).contains(&text.chars().count());
            if !fits || text.chars().any(char::is_control) {
                let message =
                    format!("{name} must have 1 to {LABEL_CHARS_MAX} characters, all visible.");
                return Err(Refusal::wrong(name, message));
            }
        }
        Ok(label)
    }

    /// Takes a yes or no; no if it is not there.
    pub(super) fn flag(&mut self, name: &'static str) -> Result<bool, Refusal> {
        let flag = self.typed(name, "true or false", |value| value.as_bool())?;
        Ok(flag.flatten().unwrap_or_default())
    }

    /// Takes a whole number that is not negative.
    pub(super) fn number(&mut self, name: &'static str) -> Result<Given<u64>, Refusal> {
        self.typed(name, "a whole number", |value| value.as_u64())
    }

    fn typed<T>(
        &mut self,
        name: &'static str,
        what: &str,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<Given<T>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(None) => Ok(Some(None)),
            Some(Some(value)) => match read(value) {
                Some(read) => Ok(Some(Some(read))),
                None => Err(Refusal::wrong(name, format!("{name} must be {what}."))),
            },
        }
    }

    /// Refuses what nobody has taken.
    pub(super) fn end(self) -> Result<(), Refusal> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(Refusal::wrong(
                name.as_str(),
                format!("There is no member {name:?} here, or it cannot be set."),
            )),
        }
    }
}

/// The longest text for people.
const LABEL_CHARS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::Members;
    use serde_json::Value;

    fn param(refusal: super::Refusal) -> Value {
        let body: Value = serde_json::from_slice(refusal.into_answer().body()).unwrap();
        body["error"]["param"].clone()
    }

    #[test]
    fn a_body_is_an_object_and_says_nothing_twice() {
        assert!(Members::parse(b" {}\n").unwrap().end().is_ok());
        assert!(Members::parse_optional(b"").unwrap().end().is_ok());
        for bad in [
            "",
            "[]",
            "null",
            "1",
            "{",
            "{\"a\":1",
            "{a:1}",
            "{} {}",
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
        ] {
            assert!(Members::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn members_are_taken_by_type_and_the_rest_is_refused() {
        let body = br#"{"t":"x","n":5,"f":true,"null":null,"rest":1}"#;
        let mut members = Members::parse(body).unwrap();
        assert_eq!(members.text("t").unwrap(), Some(Some("x".to_owned())));
        assert_eq!(members.number("n").unwrap(), Some(Some(5)));
        assert!(members.flag("f").unwrap() && !members.flag("g").unwrap());
        assert_eq!(members.text("null").unwrap(), Some(None));
        assert_eq!(members.text("t").unwrap(), None);
        assert_eq!(param(members.end().unwrap_err()), "rest");
    }

    #[test]
    fn a_wrong_member_is_named() {
        let body = br#"{"t":1,"n":-1,"f":"yes","l":"","c":"a\nb"}"#;
        let mut members = Members::parse(body).unwrap();
        assert_eq!(param(members.text("t").unwrap_err()), "t");
        assert_eq!(param(members.number("n").unwrap_err()), "n");
        assert_eq!(param(members.flag("f").unwrap_err()), "f");
        assert_eq!(param(members.label("l").unwrap_err()), "l");
        assert_eq!(param(members.label("c").unwrap_err()), "c");
        assert_eq!(param(members.needed_text("x").unwrap_err()), "x");
    }
}
