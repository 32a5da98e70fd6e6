//! A change on its way into the store.

use super::objects::Object;
use behest_contract::directory::{AuditLine, Change, Expect, RecordKey};
use serde::Serialize;
use std::time::Duration;

/// What one call changes: all of it, or nothing.
#[derive(Debug, Default)]
pub struct Draft {
    changes: Vec<Change>,
}

impl Draft {
    /// Writes an object.
    #[must_use]
    pub fn put<T: Object>(mut self, object: &T, expect: Expect) -> Self {
        let body = serde_json::to_vec(object).unwrap_or_default().into_boxed_slice();
        let key = RecordKey::new(T::COLLECTION, &object.id());
        self.changes.push(Change { key, expect, body: Some(body) });
        self
    }

    /// Deletes an object.
    #[must_use]
    pub fn delete<T: Object>(mut self, id: &str, expect: Expect) -> Self {
        self.changes.push(Change { key: RecordKey::new(T::COLLECTION, id), expect, body: None });
        self
    }

    /// Whether it writes or deletes this object.
    pub fn has<T: Object>(&self, id: &str) -> bool {
        let key = RecordKey::new(T::COLLECTION, id);
        self.changes.iter().any(|change| change.key == key)
    }

    /// Whether nothing is to be changed.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes.
    pub fn into_changes(self) -> Vec<Change> {
        self.changes
    }
}

/// What the audit says of a change.
#[derive(Debug, Clone, Serialize)]
pub struct Audit {
    /// What was done, such as `key.create`.
    pub action: &'static str,
    /// To what, such as `projects/demo/keys/key_1`.
    pub object: String,
    /// Where the call came from: an address, or `gateway` for what it does by itself.
    pub source: String,
}

impl Audit {
    /// Of something that the gateway does by itself.
    pub fn by_gateway(action: &'static str, object: &str) -> Self {
        Self { action, object: object.to_owned(), source: "gateway".to_owned() }
    }

    /// The line of the audit.
    pub fn line(&self, now: Duration) -> AuditLine {
        let body = serde_json::to_vec(self).unwrap_or_default().into_boxed_slice();
        AuditLine { at_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX), body }
    }
}
