//! The port for the ledger: one row for each request that reached a provider, and what they add up to.

use crate::delta::Usage;
use crate::directory::Failure;
use crate::facts::Fact;
use crate::purse::{Known, Settlement};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Whose key the provider was called with.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Bucket {
    /// The gateway's.
    #[default]
    Platform,
    /// The tenant's own.
    Byok,
}

/// One request that reached a provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Row {
    /// The gateway's id of the request; no two rows have the same.
    pub id: Arc<str>,
    /// When it was admitted, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The tenant.
    pub tenant: Arc<str>,
    /// The project.
    pub project: Arc<str>,
    /// The end user, or a keyed hash of whoever was erased.
    pub user: Option<Box<str>>,
    /// The session.
    pub session: Option<Box<str>>,
    /// The thread.
    pub thread: Option<Box<str>>,
    /// The API key's public id, or the `kid` of the token's key.
    pub key: Arc<str>,
    /// The model's name in this gateway.
    pub model: Arc<str>,
    /// The provider's configured name.
    pub provider: Arc<str>,
    /// Whose key the provider was called with.
    pub bucket: Bucket,
    /// The status that the client got; 0 if none.
    pub status: u16,
    /// How it ended: an [`Ending`](crate::outcome::Ending)'s word, or `lost`.
    pub ending: Box<str>,
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
    /// Of the tokens read, those that the provider had cached.
    pub cached_tokens: u64,
    /// Of the tokens written, those spent on reasoning.
    pub reasoning_tokens: u64,
    /// The cost; `None` where there is no price.
    pub micro_usd: Option<u64>,
    /// From the request's head to its last byte.
    pub latency_ms: u64,
    /// From the request's head to the provider's first byte.
    pub first_byte_ms: Option<u64>,
    /// Requests sent to providers.
    pub attempts: u32,
    /// The tokens are the gateway's estimate: the provider reported none.
    pub estimated: bool,
    /// More was used than had been reserved.
    pub overrun: bool,
}

/// What a request has come to, as the room that admitted it found at its close.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// The lease's end, to be booked in one message with the row.
    pub settlement: Settlement,
    /// What was known of the row at admission: whose it is and what was asked for.
    pub sketch: Arc<Row>,
    /// The tokens that the settlement counts, told apart.
    pub usage: Usage,
    /// What they cost; `None` where there is no price.
    pub micro_usd: Option<u64>,
    /// The tokens are an estimate: the provider reported none.
    pub estimated: bool,
    /// More was used than had been reserved.
    pub overrun: bool,
}

/// Where a bill is left for the room that keeps the books.
///
/// That room states it when the head has come, and takes the bill at its own close, which comes after
/// the other rooms'. Where nobody has stated one, whoever admitted the request settles with the purse
/// itself: so a lease is closed by exactly one of the two.
#[derive(Debug, Clone, Default)]
pub struct BillTray(Arc<Tray>);

#[derive(Debug, Default)]
struct Tray {
    bill: Mutex<Option<Bill>>,
    known: OnceLock<Arc<Known>>,
}

impl BillTray {
    /// Says what a bill is to be left of: from now on whoever serves the request may add to what is known
    /// of it. The first statement stands.
    pub fn begin(&self, known: &Arc<Known>) {
        // A request has one lease.
        drop(self.0.known.set(known.clone()));
    }

    /// What is known of the request, once it is to be admitted.
    pub fn known(&self) -> Option<&Known> {
        self.0.known.get().map(Arc::as_ref)
    }

    /// Leaves a bill.
    pub fn leave(&self, bill: Bill) {
        *self.0.bill.lock() = Some(bill);
    }

    /// Takes the bill, if one was left and not taken yet.
    pub fn take(&self) -> Option<Bill> {
        self.0.bill.lock().take()
    }
}

impl Fact for BillTray {
    const NAME: &'static str = "BillTray";
}

/// A side by which usage is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The end user.
    User,
    /// The session.
    Session,
    /// The model.
    Model,
    /// The API key.
    Key,
    /// Whose key the provider was called with.
    Bucket,
}

/// What is asked about usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageQuery {
    /// The tenant.
    pub tenant: Arc<str>,
    /// The project; all of the tenant's if `None`.
    pub project: Option<Arc<str>>,
    /// Only this end user's.
    pub user: Option<Box<str>>,
    /// From, to but not including, since the Unix epoch.
    pub time: Range<Duration>,
    /// The length of a step of time; `None` for all of it as one.
    pub step: Option<Duration>,
    /// What to tell apart.
    pub sides: SmallVec<[Side; 2]>,
}

/// A sum over rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sum {
    /// When the step begins; 0 where time is not told apart.
    pub at: Duration,
    /// What the sides are, in the order of the query; `None` where a row has none.
    pub sides: SmallVec<[Option<Box<str>>; 2]>,
    /// Rows.
    pub requests: u64,
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
    /// Of those read, cached ones.
    pub cached_tokens: u64,
    /// Of those written, reasoning ones.
    pub reasoning_tokens: u64,
    /// What the priced ones cost.
    pub micro_usd: u64,
    /// Rows without a price.
    pub unpriced_requests: u64,
}

/// Which rows to list, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowQuery {
    /// The tenant; all if `None`.
    pub tenant: Option<Arc<str>>,
    /// The project; all if `None`.
    pub project: Option<Arc<str>>,
    /// The end user; all if `None`.
    pub user: Option<Box<str>>,
    /// From, to but not including, since the Unix epoch.
    pub time: Range<Duration>,
    /// Behind the row of this time and id.
    pub after: Option<(u64, Arc<str>)>,
    /// How many at most.
    pub limit: usize,
}

/// What a book answers.
pub type Answer<T> = BoxFuture<'static, Result<T, Failure>>;

/// Keeps the rows.
pub trait Book: Send + Sync {
    /// Closes a request: its lease, and its row if it reached a provider. Does not wait. Both survive
    /// the death of the process from here on; a power cut may cost the last second. The same request
    /// twice is the same request once.
    fn close(&self, settlement: Option<Settlement>, row: Option<Row>);

    /// The same, but it survives the death of the process only from the next
    /// [`flush_closed`](Self::flush_closed) on, which whoever closes sees to. So what many requests leave
    /// behind at one time is written at once.
    fn close_soon(&self, settlement: Option<Settlement>, row: Option<Row>) {
        self.close(settlement, row);
    }

    /// Whether a flush would write anything.
    fn owes_a_flush(&self) -> bool {
        false
    }

    /// Makes all that was closed so far survive the death of the process.
    fn flush_closed(&self) {}

    /// What rows add up to, in the order of time and sides. Closed requests are in it within a second.
    fn usage(&self, query: UsageQuery) -> Answer<Vec<Sum>>;

    /// The rows themselves, of this node.
    fn rows(&self, query: RowQuery) -> Answer<Vec<Row>>;

    /// Puts `pseudonym` in the place of an end user in all rows of a project; how many there were.
    fn erase_user(&self, project: &str, user: &str, pseudonym: &str) -> Answer<u64>;
}
