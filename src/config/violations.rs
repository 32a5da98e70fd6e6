//! Where a document breaks the schema, in words for people.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError, Validator};
use serde_json::Value;

use super::document::{Problem, escaped};
use super::nearest::nearest;
use super::text::{FORMATS, check_of};
use super::units::USD_TOO_LITTLE;

/// How a document breaks the schema.
#[derive(Default)]
pub(super) struct Violations {
    /// What to report.
    pub(super) problems: Vec<Problem>,
    /// Pointers of parts that can be left out to make sense of the rest.
    pub(super) flawed: Vec<String>,
    /// Pointers of members that are given without a value.
    pub(super) empty: Vec<String>,
    /// Whether a section that others refer to is misspelt or of no use: they would look wrong too.
    pub(super) section_lost: bool,
}

/// The rules of the file: its schema, ready to be applied.
pub(super) struct Rules {
    schema: Value,
    validator: Validator,
}

impl Rules {
    /// Prepares a schema, whose formats must all be known to [`FORMATS`].
    pub(super) fn new(schema: Value) -> Result<Self, String> {
        let mut options = jsonschema::options().should_validate_formats(true);
        for (name, check) in FORMATS {
            options = options.with_format(name, move |text: &str| check(text).is_ok());
        }
        let validator = options.build(&schema).map_err(|error| error.to_string())?;
        Ok(Self { schema, validator })
    }

    /// Every way in which a document breaks the rules.
    pub(super) fn violations(&self, document: &Value) -> Violations {
        let mut found = Violations::default();
        for error in self.validator.iter_errors(document) {
            self.add(&error, &mut found);
        }
        found
    }

    fn add(&self, error: &ValidationError<'_>, found: &mut Violations) {
        let at = error.instance_path().as_str();
        match error.kind() {
            // A pattern is there for editors; the format beside it says more.
            ValidationErrorKind::Pattern { .. } => return,
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                for name in unexpected {
                    self.add_unknown(error, name, found);
                }
                return;
            }
            ValidationErrorKind::Type { .. } if error.instance().is_null() => {
                found.empty.push(at.to_owned());
            }
            _ => {}
        }
        found.section_lost |= matches!(at, "/providers" | "/models");
        found.flawed.push(at.to_owned());
        found.problems.push(Problem::new(at, self.message(error)));
    }

    fn add_unknown(&self, error: &ValidationError<'_>, name: &str, found: &mut Violations) {
        let at = error.instance_path().as_str();
        let known = self.known_fields(error);
        let given = |field: &&str| error.instance().get(field).is_none();
        let meant = nearest(name, known.iter().copied().filter(given));
        let message = match meant {
            Some(meant) => format!("unknown field; did you mean {meant}?"),
            None => format!("unknown field; known here: {}", known.join(", ")),
        };
        found.section_lost |= at.is_empty() && meant.is_some();
        let below = format!("{at}/{}", escaped(name));
        found.flawed.push(below.clone());
        found.problems.push(Problem::new(below, message));
    }

    fn known_fields(&self, error: &ValidationError<'_>) -> Vec<&str> {
        let properties =
            self.rule(error).and_then(|rule| rule.get("properties")).and_then(Value::as_object);
        properties.into_iter().flat_map(|fields| fields.keys()).map(String::as_str).collect()
    }

    /// The part of the schema that an error's keyword stands in.
    fn rule(&self, error: &ValidationError<'_>) -> Option<&Value> {
        let (parent, _) = error.schema_path().as_str().rsplit_once('/')?;
        self.schema.pointer(parent)
    }

    fn message(&self, error: &ValidationError<'_>) -> String {
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                format!("the field {} is missing", property.as_str().unwrap_or_default())
            }
            ValidationErrorKind::Type { kind } => self.type_message(error, kind),
            ValidationErrorKind::Enum { options } => enum_message(error.instance(), options),
            ValidationErrorKind::Format { format } => {
                let text = error.instance().as_str().unwrap_or_default();
                let checked = check_of(format).map(|check| check(text));
                checked.and_then(Result::err).unwrap_or_else(|| format!("is no {format}"))
            }
            ValidationErrorKind::Minimum { limit } => format!("must be at least {limit}"),
            ValidationErrorKind::Maximum { limit } => format!("must be at most {limit}"),
            // Only of amounts of money.
            ValidationErrorKind::Not { .. } => USD_TOO_LITTLE.into(),
            ValidationErrorKind::MinItems { limit } => format!("needs at least {limit} entry"),
            ValidationErrorKind::MaxItems { limit } => format!("may have at most {limit} entries"),
            ValidationErrorKind::MinLength { .. } => "must not be empty".into(),
            ValidationErrorKind::MaxLength { limit } => {
                format!("may have at most {limit} characters")
            }
            // Masked: the value could be a secret.
            _ => error.masked().to_string(),
        }
    }

    fn type_message(&self, error: &ValidationError<'_>, kind: &TypeKind) -> String {
        let expected = match kind {
            TypeKind::Single(expected) => article(*expected).to_owned(),
            TypeKind::Multiple(expected) => {
                let names: Vec<&str> = expected.iter().map(article).collect();
                names.join(" or ")
            }
        };
        let examples = self.rule(error).and_then(|rule| rule.get("examples"));
        let example = examples.and_then(|examples| examples.get(0)).and_then(Value::as_str);
        let such_as = example.map(|example| format!(" such as {example}")).unwrap_or_default();
        format!("expected {expected}{such_as}, found {}", found_word(error.instance()))
    }
}

fn enum_message(instance: &Value, options: &Value) -> String {
    let options = options.as_array().map_or(&[][..], Vec::as_slice);
    let words: Vec<String> = options.iter().map(|word| word.to_string().replace('"', "")).collect();
    let given = instance.as_str().unwrap_or_default();
    let meant = nearest(given, words.iter().map(String::as_str));
    let hint = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
    format!("must be one of: {}{hint}", words.join(", "))
}

fn article(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Array => "a list",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Null => "nothing",
        JsonType::Number => "a number",
        JsonType::Object => "a section with fields",
        JsonType::String => "a text",
    }
}

fn found_word(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "a list",
        Value::Bool(_) => "true or false",
        Value::Null => "nothing",
        Value::Number(_) => "a number",
        Value::Object(_) => "a section with fields",
        Value::String(_) => "a text",
    }
}
