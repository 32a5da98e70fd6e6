//! One call of the API: what was asked, and what it may do.

use super::members::Members;
use super::query::Query;
use super::refusal::Refusal;
use crate::directory::{Audit, CutObject, Draft, Kept, Object, Objects, Scope, UserEpochObject};
use crate::house::House;
use crate::snapshot::Snapshot;
use behest_contract::directory::{Expect, Failure};
use behest_contract::ports::offloaded;
use bytes::Bytes;
use jiff::Timestamp;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How often a change is made anew because another node was faster.
const ATTEMPTS: usize = 5;

/// No request that began before a cut of this age still runs.
const CUT_KEPT: Duration = Duration::from_secs(24 * 3600);

/// No token from before an epoch of this age is still good.
const EPOCH_KEPT: Duration = Duration::from_secs(25 * 3600);

/// At most this many old records are dropped along with a change.
const DROPPED_MAX: usize = 500;

/// What was asked.
pub(super) struct Call {
    pub(super) house: Arc<House>,
    pub(super) config_path: Arc<Path>,
    pub(super) changing: Arc<tokio::sync::Mutex<()>>,
    /// What stands in the path in the places of the template's names.
    pub(super) ids: Vec<String>,
    pub(super) query: Query,
    pub(super) body: Bytes,
    /// Where the call came from.
    pub(super) source: String,
}

impl Call {
    /// A name in the path.
    pub(super) fn id(&self, index: usize) -> &str {
        self.ids.get(index).map_or("", String::as_str)
    }

    /// The body's members.
    pub(super) fn members(&self) -> Result<Members, Refusal> {
        Members::parse(&self.body)
    }

    /// The members of a body that may be missing, because all that it can say is a wish.
    pub(super) fn wishes(&self) -> Result<Members, Refusal> {
        Members::parse_optional(&self.body)
    }

    /// What is in force.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        self.house.snapshot()
    }

    /// The time, to the millisecond.
    pub(super) fn now(&self) -> Timestamp {
        let millis = i64::try_from(self.house.clock.unix().as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
    }

    /// What the audit says of this call.
    pub(super) fn audit(&self, action: &'static str, object: impl Into<String>) -> Audit {
        Audit { action, object: object.into(), source: self.source.clone() }
    }

    /// Commits what `make` makes of what is in force, and says what `make` says of it. If another node
    /// changes one of the records first, it is made anew.
    pub(super) async fn change<T, F>(&self, audit: &Audit, make: F) -> Result<T, Refusal>
    where
        T: Send,
        F: Fn(&Snapshot) -> Result<(Draft, T), Refusal> + Send,
    {
        let _alone = self.changing.lock().await;
        for _ in 0..ATTEMPTS {
            let (draft, told) = make(&self.snapshot())?;
            if self.is_committed(draft, audit).await? {
                return Ok(told);
            }
        }
        Err(Refusal::outrun())
    }

    /// The same where making it takes too long for the event loop, as compiling long lists does.
    pub(super) async fn change_off_loop<T, F>(&self, audit: &Audit, make: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: Fn(&Snapshot) -> Result<(Draft, T), Refusal> + Send + Sync + 'static,
    {
        let _alone = self.changing.lock().await;
        let make = Arc::new(make);
        for _ in 0..ATTEMPTS {
            let (make, snapshot) = (make.clone(), self.snapshot());
            let made = offloaded(self.house.fixtures.offload.as_ref(), move || make(&snapshot));
            let (draft, told) = made.await??;
            if self.is_committed(draft, audit).await? {
                return Ok(told);
            }
        }
        Err(Refusal::outrun())
    }

    /// False if another node has changed one of the records first, of which this one knows now.
    async fn is_committed(&self, draft: Draft, audit: &Audit) -> Result<bool, Refusal> {
        match self.house.commit(draft, audit).await {
            Ok(()) => Ok(true),
            Err(Failure::Conflict(_)) => {
                self.house.catch_up().await.map(|()| false).map_err(Into::into)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// The result of something that takes too long for the event loop.
    pub(super) async fn made<T, E, F>(&self, make: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        E: fmt::Display + Send + 'static,
        F: FnOnce() -> Result<T, E> + Send + 'static,
    {
        let made = offloaded(self.house.fixtures.offload.as_ref(), make).await?;
        made.map_err(Refusal::unavailable)
    }
}

/// Ends what has begun by now for somebody, along with a change.
pub(super) fn cut(draft: Draft, scope: Scope, id: &str, now: Duration) -> Draft {
    // In full: a request that began a microsecond ago is meant too.
    let at = Timestamp::UNIX_EPOCH + now;
    draft.put(&CutObject { scope, id: id.to_owned(), at }, Expect::Anything)
}

/// Drops what no request and no token is old enough for any more, unless it is changed already.
pub(super) fn without_old(mut draft: Draft, objects: &Objects, now: Timestamp) -> Draft {
    let cuts = objects.cuts.kept().filter(|kept| kept.object.at + CUT_KEPT < now);
    for kept in cuts.take(DROPPED_MAX) {
        draft = dropped::<CutObject>(draft, kept);
    }
    let epochs = objects.user_epochs.kept();
    for kept in epochs.filter(|kept| is_old(&kept.object, now)).take(DROPPED_MAX) {
        draft = dropped::<UserEpochObject>(draft, kept);
    }
    draft
}

/// Whether no token that it refuses is good any more.
pub(super) fn is_old(epoch: &UserEpochObject, now: Timestamp) -> bool {
    epoch.not_before + EPOCH_KEPT < now
}

fn dropped<T: Object>(draft: Draft, kept: &Kept<T>) -> Draft {
    let id = kept.object.id();
    if draft.has::<T>(&id) { draft } else { draft.delete::<T>(&id, Expect::At(kept.revision)) }
}
