//! YAML text to a JSON value, remembering which line every part stands on.
//!
//! Parts are named by JSON pointers (`/models/0/id`).

use std::collections::HashMap;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, ScanError, YamlData};
use serde_json::{Map, Number, Value};

/// No configuration nests deeper.
const DEPTH_MAX: usize = 32;

/// No line of a configuration starts further to the right.
const COLUMNS_MAX: usize = 200;

/// Something wrong with a part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// JSON pointer of the part.
    pub(super) at: String,
    /// What is wrong.
    pub(super) message: String,
}

impl Problem {
    pub(super) fn new(at: impl Into<String>, message: impl Into<String>) -> Self {
        Self { at: at.into(), message: message.into() }
    }
}

/// A file's content, and where it stands.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// The content; an object.
    pub(super) value: Value,
    lines: HashMap<String, usize>,
}

/// Why a text is no document: a line, if one is to blame, a path and a message.
pub(super) struct Unreadable {
    pub(super) line: Option<usize>,
    pub(super) path: String,
    pub(super) message: String,
}

impl Document {
    /// No configuration is longer than this many bytes.
    pub(super) const TEXT_BYTES_MAX: usize = 4 << 20;

    /// Reads one YAML document. An empty text is an empty object.
    pub(super) fn parse(text: &str) -> Result<Self, Vec<Unreadable>> {
        if text.len() > Self::TEXT_BYTES_MAX {
            return Err(vec![whole("is longer than 4MiB")]);
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if let Some(line) = text.lines().position(is_indented_too_far) {
            let message = "is indented too far".to_owned();
            return Err(vec![Unreadable { line: Some(line + 1), path: String::new(), message }]);
        }
        let nodes = MarkedYaml::load_from_str(text).map_err(|error| vec![syntax(&error, text)])?;
        let mut nodes = nodes.into_iter();
        let mut document = Self { value: Value::Object(Map::new()), lines: HashMap::new() };
        let Some(root) = nodes.next() else { return Ok(document) };
        if nodes.next().is_some() {
            return Err(vec![whole("holds more than one YAML document")]);
        }
        let mut problems = Vec::new();
        match document.convert(&root, "", 0, &mut problems) {
            Value::Null => {}
            value => document.value = value,
        }
        if !document.value.is_object() {
            problems.push(Problem::new("", "must hold fields, such as `providers:`"));
        }
        document.lines.remove("");
        if problems.is_empty() { Ok(document) } else { Err(document.unreadable(problems)) }
    }

    /// The line of a part, or of the nearest part around it that has one.
    pub(super) fn line(&self, pointer: &str) -> Option<usize> {
        let mut at = pointer;
        loop {
            if let Some(line) = self.lines.get(at) {
                return Some(*line);
            }
            at = at.rsplit_once('/')?.0;
        }
    }

    /// A pointer as people write it: `models[0].id`.
    pub(super) fn path(&self, pointer: &str) -> String {
        let mut path = String::new();
        let mut inside = Some(&self.value);
        for part in pointer.split('/').skip(1) {
            let name = unescaped(part);
            if inside.is_some_and(Value::is_array) {
                path.push_str(&format!("[{name}]"));
            } else {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&name);
            }
            inside = inside.and_then(|value| member(value, &name));
        }
        path
    }

    fn unreadable(&self, problems: Vec<Problem>) -> Vec<Unreadable> {
        let with_line = |problem: Problem| Unreadable {
            line: self.line(&problem.at),
            path: self.path(&problem.at),
            message: problem.message,
        };
        problems.into_iter().map(with_line).collect()
    }

    fn convert(
        &mut self,
        node: &MarkedYaml<'_>,
        at: &str,
        depth: usize,
        problems: &mut Vec<Problem>,
    ) -> Value {
        // A member's line is that of its name, which is already known.
        self.lines.entry(at.to_owned()).or_insert_with(|| node.span.start.line());
        let refused = match &node.data {
            _ if depth > DEPTH_MAX => "is nested too deeply",
            YamlData::Value(scalar) => match from_scalar(scalar) {
                Some(value) => return value,
                None => "is not a finite number",
            },
            YamlData::Sequence(items) => {
                let mut values = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    values.push(self.convert(item, &format!("{at}/{index}"), depth + 1, problems));
                }
                return Value::Array(values);
            }
            YamlData::Mapping(_) => return self.convert_mapping(node, at, depth, problems),
            YamlData::Tagged(..) => "has a YAML tag, which is not supported here",
            _ => "cannot be read: its tag does not fit it, or its alias names nothing",
        };
        problems.push(Problem::new(at, refused));
        Value::Null
    }

    fn convert_mapping(
        &mut self,
        node: &MarkedYaml<'_>,
        at: &str,
        depth: usize,
        problems: &mut Vec<Problem>,
    ) -> Value {
        let mut members = Map::new();
        let YamlData::Mapping(entries) = &node.data else { return Value::Null };
        for (key, value) in entries {
            let line = key.span.start.line();
            let YamlData::Value(Scalar::String(name)) = &key.data else {
                self.lines.insert(format!("{at}/?"), line);
                problems.push(Problem::new(format!("{at}/?"), "a field's name must be a text"));
                continue;
            };
            let below = format!("{at}/{}", escaped(name));
            self.lines.insert(below.clone(), line);
            if name == "<<" {
                problems.push(Problem::new(below, "YAML's merge keys are not supported"));
                continue;
            }
            let value = self.convert(value, &below, depth + 1, problems);
            members.insert(name.to_string(), value);
        }
        Value::Object(members)
    }
}

/// The reader calls itself once per level, and each level takes a column at the start of a line
/// (brackets it counts itself). So this also keeps its stack small.
fn is_indented_too_far(line: &str) -> bool {
    let is_outside = |letter: char| !matches!(letter, ' ' | '\t' | '-' | '?' | ':');
    line.find(is_outside).unwrap_or(0) > COLUMNS_MAX
}

fn from_scalar(scalar: &Scalar<'_>) -> Option<Value> {
    Some(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Bool(*value),
        Scalar::Integer(value) => Value::Number((*value).into()),
        Scalar::FloatingPoint(value) => Value::Number(from_float(value.into_inner())?),
        Scalar::String(value) => Value::String(value.to_string()),
    })
}

/// A float without a fraction is the whole number that it spells: `1e3`, `64.0`.
fn from_float(value: f64) -> Option<Number> {
    let is_whole = value.fract() == 0.0 && value.abs() < WHOLE_MAX;
    if is_whole { Some((value as i64).into()) } else { Number::from_f64(value) }
}

/// Up to here a float holds every whole number.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

fn whole(message: &str) -> Unreadable {
    Unreadable { line: None, path: String::new(), message: message.to_owned() }
}

fn syntax(error: &ScanError, text: &str) -> Unreadable {
    let mark = error.marker();
    let line = mark.line();
    let message = match error.info() {
        "duplicated key in mapping" => {
            let rest = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
            let rest: String = rest.chars().skip(mark.col()).collect();
            let key = rest.split(':').next().unwrap_or_default().trim();
            format!("field {key:?} is given twice")
        }
        info => format!("is no valid YAML: {info} (column {})", mark.col() + 1),
    };
    Unreadable { line: Some(line), path: String::new(), message }
}

/// A member's name as a part of a JSON pointer.
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The name that a part of a JSON pointer stands for.
pub(super) fn unescaped(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

/// What a value holds under a name or an index.
pub(super) fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) => members.get(name),
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => None,
    }
}
