//! Records that lie where others may read them too: sealed, the audit as well.
//!
//! What lies open are the records' names, and how often each has changed. What shows the right master key
//! is sealed by itself, and must be found by whoever has the wrong one.

use super::objects::{Object, SealCheckObject};
use behest_contract::directory::{
    Answer, AuditLine, AuditRecord, Change, Directory, Expect, Failure, Record, RecordKey, Revision,
};
use behest_contract::seal::{Place, Seal, SealError};
use behest_contract::secret::Secret;
use futures::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How many records are sealed again in one commit.
const RESEALED_TOGETHER: usize = 100;

/// A directory whose records are sealed.
pub struct Sealed {
    inner: Arc<dyn Directory>,
    seal: Arc<dyn Seal>,
    /// A record was seen that is sealed under an older master key.
    has_outdated: Arc<AtomicBool>,
}

impl Sealed {
    /// Records of this directory, sealed so.
    pub fn new(inner: Arc<dyn Directory>, seal: Arc<dyn Seal>) -> Self {
        Self { inner, seal, has_outdated: Arc::default() }
    }

    /// Seals again what an older master key has sealed, if any was seen. What another node changes
    /// meanwhile is seen at the next call. Lines of the audit stay as they are.
    pub async fn reseal(&self, audit: AuditLine) -> Result<(), Failure> {
        if !self.has_outdated.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let resealed = self.reseal_all(audit).await;
        if resealed.is_err() {
            self.has_outdated.store(true, Ordering::Release);
        }
        resealed
    }

    async fn reseal_all(&self, audit: AuditLine) -> Result<(), Failure> {
        let records = self.inner.changes_after(Revision(0)).await?;
        let outdated: Vec<_> = records
            .into_iter()
            .filter_map(|record| self.resealed(record).transpose())
            .collect::<Result<_, _>>()?;
        for changes in outdated.chunks(RESEALED_TOGETHER) {
            self.inner.commit(changes.to_vec(), sealed_line(&*self.seal, &audit)?).await?;
        }
        Ok(())
    }

    fn resealed(&self, record: Record) -> Result<Option<Change>, Failure> {
        let body = record.body.as_deref();
        if is_open(&record.key) || !body.is_some_and(|body| is_outdated(&*self.seal, body)) {
            return Ok(None);
        }
        let (key, expect) = (record.key.clone(), Expect::At(record.revision));
        let clear = opened(&*self.seal, record).map_err(unsealed)?;
        let change = Change { key, expect, body: clear.body };
        sealed(&*self.seal, change).map(Some)
    }
}

impl Directory for Sealed {
    fn commit(&self, changes: Vec<Change>, audit: AuditLine) -> Answer<Revision> {
        let changes: Result<Vec<_>, _> =
            changes.into_iter().map(|change| sealed(&*self.seal, change)).collect();
        match (changes, sealed_line(&*self.seal, &audit)) {
            (Ok(changes), Ok(audit)) => self.inner.commit(changes, audit),
            (Err(failure), _) | (_, Err(failure)) => Box::pin(async { Err(failure) }),
        }
    }

    fn revision(&self) -> Answer<Revision> {
        self.inner.revision()
    }

    fn changes_after(&self, revision: Revision) -> Answer<Vec<Record>> {
        let records = self.inner.changes_after(revision);
        let (seal, has_outdated) = (self.seal.clone(), self.has_outdated.clone());
        Box::pin(async move {
            let open = |record: Record| {
                let body = record.body.as_deref();
                if !is_open(&record.key) && body.is_some_and(|body| is_outdated(&*seal, body)) {
                    has_outdated.store(true, Ordering::Release);
                }
                let (key, revision) = (record.key.clone(), record.revision);
                opened(&*seal, record).unwrap_or_else(|error| {
                    // As good as deleted: whatever it allowed, it allows no longer.
                    log::error!("record {}/{}: {error}", key.collection, key.id);
                    Record { key, revision, body: None }
                })
            };
            Ok(records.await?.into_iter().map(open).collect())
        })
    }

    fn audit(&self, before: Option<u64>, limit: usize) -> Answer<Vec<AuditRecord>> {
        let lines = self.inner.audit(before, limit);
        let seal = self.seal.clone();
        Box::pin(async move {
            let open = |record: AuditRecord| {
                let at_ms = record.line.at_ms.to_string();
                let clear = open_text(&*seal, audit_place(&at_ms), &record.line.body);
                // Sealed under a key that is gone: there was a line, and nobody can read it any more.
                let body = clear.unwrap_or_else(|_| b"{}".as_slice().into());
                AuditRecord { line: AuditLine { body, ..record.line }, ..record }
            };
            Ok(lines.await?.into_iter().map(open).collect())
        })
    }

    fn stirred(&self) -> BoxFuture<'static, ()> {
        self.inner.stirred()
    }

    fn history(&self) -> u64 {
        self.inner.history()
    }

    fn is_healthy(&self) -> bool {
        self.inner.is_healthy()
    }
}

fn is_open(key: &RecordKey) -> bool {
    &*key.collection == SealCheckObject::COLLECTION
}

fn place(key: &RecordKey) -> Place<'_> {
    Place { tenant: "", collection: &key.collection, record: &key.id, field: "record" }
}

fn audit_place(at_ms: &str) -> Place<'_> {
    Place { tenant: "", collection: "audit", record: at_ms, field: "line" }
}

fn sealed(seal: &dyn Seal, change: Change) -> Result<Change, Failure> {
    let body = match &change.body {
        Some(body) if !is_open(&change.key) => Some(seal_text(seal, place(&change.key), body)?),
        body => body.clone(),
    };
    Ok(Change { body, ..change })
}

fn sealed_line(seal: &dyn Seal, line: &AuditLine) -> Result<AuditLine, Failure> {
    let at_ms = line.at_ms.to_string();
    Ok(AuditLine { body: seal_text(seal, audit_place(&at_ms), &line.body)?, ..line.clone() })
}

fn opened(seal: &dyn Seal, record: Record) -> Result<Record, SealError> {
    let body = match &record.body {
        Some(body) if !is_open(&record.key) => Some(open_text(seal, place(&record.key), body)?),
        body => body.clone(),
    };
    Ok(Record { body, ..record })
}

fn is_outdated(seal: &dyn Seal, body: &[u8]) -> bool {
    std::str::from_utf8(body).is_ok_and(|sealed| seal.is_outdated(sealed))
}

fn seal_text(seal: &dyn Seal, place: Place<'_>, clear: &[u8]) -> Result<Box<[u8]>, Failure> {
    let clear = std::str::from_utf8(clear).map_err(|_| unsealed(SealError::Unopened))?;
    let sealed = seal.seal(place, &Secret::new(clear)).map_err(unsealed)?;
    Ok(sealed.into_bytes().into())
}

fn open_text(seal: &dyn Seal, place: Place<'_>, sealed: &[u8]) -> Result<Box<[u8]>, SealError> {
    let sealed = std::str::from_utf8(sealed).map_err(|_| SealError::Unopened)?;
    Ok(seal.open(place, sealed)?.expose().as_bytes().into())
}

fn unsealed(error: SealError) -> Failure {
    Failure::Unavailable(error.to_string().into())
}

#[cfg(test)]
mod tests;
