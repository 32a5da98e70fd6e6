//! Settings that have no option of their own, given as JSON.

use super::call::Members;
use clap::Args;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Further settings.
#[derive(Debug, Args)]
pub(super) struct Further {
    /// Further settings as a JSON object; in an update `null` takes a setting away.
    #[arg(long, value_name = "OBJECT", conflicts_with = "file")]
    json: Option<String>,
    /// A file with such an object.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Further {
    /// What they say.
    pub(super) fn members(&self) -> Result<Members, String> {
        Ok(Members(match (&self.json, &self.file) {
            (Some(text), _) => object("--json", text)?,
            (None, Some(path)) => object(&path.display().to_string(), &read(path)?)?,
            (None, None) => Map::new(),
        }))
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn object(name: &str, text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("{name} is no JSON object: {error}"))
}
