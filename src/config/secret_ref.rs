//! Secrets by reference: the file names where a secret is, never the secret itself.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use behest_contract::secret::Secret;

use super::text::text_value;

/// No secret is longer than this many bytes.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// What to look environment variables up with. Tests pass their own.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A reference to a secret, `env:NAME` or `file:PATH`, and after loading the secret itself.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretRef {
    reference: String,
    /// Of a reference to a file, once it was looked up.
    path: Option<PathBuf>,
    secret: Option<Secret>,
}

impl SecretRef {
    /// Reads a reference. A text of any other form may be a secret that was pasted into the file,
    /// so the error does not repeat it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let named = match text.split_once(':') {
            Some(("env", name)) => is_variable_name(name),
            Some(("file", path)) => !path.is_empty(),
            _ => false,
        };
        if !named {
            return Err(
                "a secret is written as a reference, env:NAME or file:PATH, never as itself".into(),
            );
        }
        Ok(Self { reference: text.to_owned(), path: None, secret: None })
    }

    /// A reference to an environment variable.
    pub(super) fn of_variable(name: &str) -> Self {
        Self { reference: format!("env:{name}"), path: None, secret: None }
    }

    /// How the file names the secret: `env:NAME` or `file:PATH`.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The file that a looked-up reference names, if it names one.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The secret. Always there in a loaded configuration, but for a `master_key` whose variable
    /// is not set.
    pub fn secret(&self) -> Option<&Secret> {
        self.secret.as_ref()
    }

    /// Looks the secret up, relative paths from `base`. Errors name the reference, never the value.
    pub(super) fn resolve(&mut self, base: &Path, env: Env<'_>) -> Result<(), Unresolved> {
        let text = match self.reference.split_once(':') {
            Some(("env", name)) => env(name).ok_or_else(|| {
                Unresolved::Absent(format!("environment variable {name} is not set"))
            })?,
            Some((_, path)) => {
                let whole = self.path.insert(base.join(path));
                read(whole, path)?
            }
            None => return Err(Unresolved::Unusable("is no reference".into())),
        };
        let secret = without_newline(&text);
        if secret.is_empty() {
            return Err(Unresolved::Unusable(format!("{} is empty", self.reference)));
        }
        if secret.chars().any(char::is_control) {
            let message = format!("{} holds control characters or several lines", self.reference);
            return Err(Unresolved::Unusable(message));
        }
        self.secret = Some(Secret::new(secret));
        Ok(())
    }
}

/// Why a reference has no secret behind it.
pub(super) enum Unresolved {
    /// The environment variable or the file is not there.
    Absent(String),
    /// It is there, but what it holds cannot be a secret.
    Unusable(String),
}

impl Unresolved {
    /// What is wrong, without the value.
    pub(super) fn into_message(self) -> String {
        match self {
            Self::Absent(message) | Self::Unusable(message) => message,
        }
    }
}

fn is_variable_name(name: &str) -> bool {
    let wordy = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(wordy) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

fn read(path: &Path, written: &str) -> Result<String, Unresolved> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Unresolved::Absent(format!("file {written} does not exist")));
        }
        Err(error) => return Err(Unresolved::Unusable(format!("file {written}: {error}"))),
    };
    let mut text = String::new();
    // The error for text that is not UTF-8 holds none of the text.
    file.take(SECRET_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| Unresolved::Unusable(format!("file {written}: {error}")))?;
    if text.len() as u64 > SECRET_BYTES_MAX {
        return Err(Unresolved::Unusable(format!("file {written} is longer than 64KiB")));
    }
    Ok(text)
}

/// Drops the newline that editors and `echo` leave at the end of a file: one, not more.
fn without_newline(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SecretRef").field(&self.reference).finish()
    }
}

/// The reference, never the secret; serialising writes the same.
impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reference)
    }
}

text_value!(
    SecretRef,
    "secret-ref",
    "pattern": "^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$",
    "description": "A reference to a secret: env:NAME, or file:PATH relative to this file's folder \
        (one newline at its end is dropped).",
    "examples": ["env:OPENAI_API_KEY", "file:/run/secrets/openai"],
);
