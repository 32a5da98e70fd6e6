//! The port for admission: may they, and what has it come to.
//!
//! A [`Purse`] counts. It takes all that one request asks for at once, or nothing; it knows neither tiers
//! nor prices. What was taken is a *lease*: requests stay counted, places in flight are given back at the
//! end, tokens and money are reserved first and settled at the end, whatever the end was. A lease whose
//! node has died expires: it is booked as lost, at what is known, and freed.

mod calendar;
mod known;
mod memory;

pub use known::{Known, Sent, lost_row};
pub use memory::MemoryPurse;

use crate::book::{Answer, Row};
use futures::future::BoxFuture;
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Duration;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Measure {
    /// Requests. They stay counted.
    Requests,
    /// Requests in flight. They are given back at the end.
    InFlight,
    /// Tokens, reserved and then settled.
    Tokens,
    /// Micro-dollars, reserved and then settled.
    MicroUsd,
}

/// What a count is for; all by UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Window {
    /// A calendar minute.
    Minute,
    /// A day.
    Day,
    /// A month.
    Month,
    /// For as long as the subject is remembered: a session's whole life, and what is in flight.
    Life,
}

/// What one request asks of one counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// Whose counter: an index into [`Ask::subjects`].
    pub subject: u8,
    /// What is counted.
    pub measure: Measure,
    /// Over which time.
    pub window: Window,
    /// What the counter may come to, reservations included.
    pub limit: u64,
    /// What is asked for. Nothing is a question too: is it full already?
    pub amount: u64,
}

/// Demands of one request; most have fewer than these.
pub type Demands = SmallVec<[Demand; 8]>;

/// Everything that one request asks for.
///
/// Whoever asks keeps `sketch` or `known` until the lease is closed: a purse takes a lease that
/// nobody holds any more for lost, even while its process lives.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The request's id: the lease's name, and the row's.
    pub id: Arc<str>,
    /// The tenant, whose counters lie together.
    pub tenant: Arc<str>,
    /// Whose counters these are: names that are unique in the tenant, such as `p:demo`.
    pub subjects: SmallVec<[Arc<str>; 3]>,
    /// In the order of refusal.
    pub demands: Demands,
    /// The row to be booked if the lease is lost.
    pub sketch: Arc<Row>,
    /// What is known of it since: kept up to date by whoever holds the lease, and booked if it is lost.
    pub known: Arc<Known>,
}

/// How the counters stand after an admission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// What each demand's counter has come to, this request included.
    pub used: SmallVec<[u64; 8]>,
    /// The time by which the windows were chosen, since the Unix epoch.
    pub at: Duration,
}

/// Why a request was not admitted. No counter has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// A counter has no room for it.
    Full {
        /// The index of the demand, the first of several.
        demand: usize,
        /// What its counter has come to, without this request.
        used: u64,
        /// The time by which the windows were chosen.
        at: Duration,
    },
    /// Nobody can say now. The text is for the log.
    Unavailable(Box<str>),
}

/// The answer to an [`Ask`].
pub enum Decision {
    /// There it is.
    Done(Result<Granted, Refused>),
    /// It has to be waited for.
    Wait(BoxFuture<'static, Result<Granted, Refused>>),
}

impl Decision {
    /// The answer, after the wait if there is one.
    pub async fn settled(self) -> Result<Granted, Refused> {
        match self {
            Self::Done(answer) => answer,
            Self::Wait(future) => future.await,
        }
    }
}

/// What a lease has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The lease.
    pub id: Arc<str>,
    /// Its tenant.
    pub tenant: Arc<str>,
    /// Tokens used, for all token counters of the lease.
    pub tokens: u64,
    /// Micro-dollars spent, for all money counters of the lease.
    pub micro_usd: u64,
    /// The request never reached a provider: what it has counted is taken back too.
    pub void: bool,
}

/// What a counter has come to at least: what is known to have been used in its window, whether or not it
/// counted then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Whose counter, as in [`Ask::subjects`].
    pub subject: Arc<str>,
    /// What is counted.
    pub measure: Measure,
    /// Over which time.
    pub window: Window,
    /// How much was used.
    pub amount: u64,
}

/// Counts, exactly.
pub trait Purse: Send + Sync {
    /// Takes everything, or nothing.
    fn admit(&self, ask: Ask) -> Decision;

    /// The first demand that is known to be full, from memory alone. Takes nothing, promises nothing.
    fn peek(&self, tenant: &str, subjects: &[Arc<str>], demands: &[Demand]) -> Result<(), Refused>;

    /// Sets counters of a tenant, in their windows of a time, to what is known to have been used, where they
    /// have come to less. So told again, it changes nothing. Survives what the counters survive.
    fn raise(&self, tenant: &str, at: Duration, openings: Vec<Opening>) -> Answer<()>;

    /// Closes a lease. Does not wait; closing it twice is closing it once.
    fn settle(&self, settlement: Settlement);
}
