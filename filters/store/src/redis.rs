//! The Redis engine: what several nodes share.
//!
//! Admission is one script and one round trip: all of a tenant's keys lie together, so that the script
//! takes everything or nothing whatever runs beside it. `lua/prelude.lua` says what lies where.

mod config;
mod courier;
mod desk;
mod directory;
mod events;
mod holds;
pub(crate) mod link;
mod live;
mod names;
mod pseudonyms;
mod rounds;
mod scripts;
mod share;
mod usage;

pub use config::{RedisConfig, RedisMode};
pub use directory::RedisDirectory;
pub use events::RedisEvents;
pub use link::BadUrl;

use crate::error::Error;
use behest_contract::book::{Answer, Book, Row, RowQuery, Sum, UsageQuery};
use behest_contract::clock::{Clock, SystemClock};
use behest_contract::directory::Failure;
use behest_contract::purse::{Ask, Decision, Demand, Granted, Opening, Purse, Refused, Settlement};
use desk::{Desk, is_held, unavailable};
use futures::channel::oneshot;
use link::{Heard, Link};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long the last owner waits for what Redis has not heard yet.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long is waited for what other nodes hold, from one question to the next.
const RECALLED_WITHIN_MS: [u64; 5] = [5, 10, 20, 40, 80];

/// How long a question waits for what was closed before it.
const CLOSED_WITHIN: Duration = Duration::from_secs(1);

#[doc = include_str!("redis/README.md")]
#[derive(Clone)]
pub struct Redis(Arc<Owner>);

struct Owner {
    desk: Arc<Desk>,
    link: Link,
}

/// How the engine stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RedisTally {
    /// Redis answers.
    pub is_up: bool,
    /// How often it was lost.
    pub outages: u64,
    /// How long it was away, all in all.
    pub outage: Duration,
    /// This node has admitted requests by its share of the limits, and Redis does not know of all yet.
    pub is_alone: bool,
    /// Nodes that lived when they were last counted.
    pub nodes: u64,
    /// Leases of this node that are open.
    pub leases: usize,
    /// Counters of tokens and money of which this node holds something.
    pub holds: usize,
    /// Messages that Redis has not received yet.
    pub backlog: usize,
    /// Messages that were given up.
    pub given_up: u64,
}

impl Redis {
    /// Starts the engine, which connects by itself. Rows go to this ledger.
    pub fn open(config: &RedisConfig, ledger: Arc<dyn Book>) -> Result<Self, Error> {
        Self::start(config, ledger, (Arc::new(SystemClock), false))
    }

    /// The same; windows and leases go by this clock, and not by the time of Redis.
    pub fn open_with_clock(
        config: &RedisConfig,
        ledger: Arc<dyn Book>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        Self::start(config, ledger, (clock, true))
    }

    fn start(
        config: &RedisConfig,
        ledger: Arc<dyn Book>,
        clock: (Arc<dyn Clock>, bool),
    ) -> Result<Self, Error> {
        let link = Link::open_with(config, Arc::new(SystemClock), scripts::all())?;
        let desk = Arc::new(Desk::new(link.line(), config, ledger, clock));
        let told = desk.clone();
        link.spawn(desk.courier.clone().work(move || {
            told.share.is_told();
            told.holds.is_told().into_iter().for_each(|held| told.give_back(held));
        }));
        let recalled = desk.clone();
        link.listen(names::RECALL, move |heard| {
            if let Heard::Message(name) = heard
                && let Some(held) = recalled.holds.recall(name)
            {
                recalled.give_back(held);
            }
        });
        link.spawn(rounds::hold(desk.clone()));
        link.spawn(rounds::tell_again(desk.clone()));
        link.spawn(rounds::renew(desk.clone()));
        link.spawn(rounds::sweep(desk.clone()));
        link.spawn(rounds::count_nodes(desk.clone()));
        Ok(Self(Arc::new(Owner { desk, link })))
    }

    /// How the engine stands.
    pub fn tally(&self) -> RedisTally {
        let desk = &self.0.desk;
        let (outages, outage) = desk.line.outages();
        RedisTally {
            is_up: desk.line.is_up(),
            outages,
            outage,
            is_alone: desk.share.is_alone(),
            nodes: desk.share.nodes(),
            leases: desk.live.len(),
            holds: desk.holds.len(),
            backlog: desk.courier.backlog(),
            given_up: desk.courier.given_up(),
        }
    }

    /// Waits until Redis has heard of all that was closed so far, no longer than a few seconds.
    pub fn flush(&self) -> Answer<()> {
        let desk = self.0.desk.clone();
        self.work(async move {
            // Answered behind all that is under way; what failed of that waits in the queue then.
            let answered = desk.line.call(::redis::cmd("PING")).await;
            answered.map_err(|fault| Failure::Unavailable(fault.to_string().into()))?;
            desk.courier.empty(CLOSED_WITHIN).await;
            Ok(())
        })
    }

    /// Whether Redis answers, as far as is known without trying.
    pub fn is_up(&self) -> bool {
        self.0.desk.line.is_up()
    }

    /// Does something on the engine's thread, and answers with what comes of it.
    fn work<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Answer<T> {
        let (sender, answer) = oneshot::channel();
        self.0.link.spawn(async move { drop(sender.send(work.await)) });
        Box::pin(async { answer.await.unwrap_or_else(|_| Err(gone())) })
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("tally", &self.tally()).finish_non_exhaustive()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let courier = self.desk.courier.clone();
        if courier.backlog() == 0 || !self.desk.line.is_up() {
            return;
        }
        let (done, is_done) = std::sync::mpsc::channel::<()>();
        self.link.spawn(async move {
            courier.empty(FAREWELL).await;
            drop(done);
        });
        let _ = is_done.recv_timeout(FAREWELL);
    }
}

/// An answer on its way to whoever has asked. If nobody takes it, what was granted is given back: nobody
/// would ever close it.
struct Handed {
    answer: Option<Result<Granted, Refused>>,
    desk: Arc<Desk>,
    name: live::Name,
}

impl Handed {
    fn take(mut self) -> Result<Granted, Refused> {
        self.answer.take().unwrap_or_else(|| Err(unavailable("it was answered already")))
    }
}

impl Drop for Handed {
    fn drop(&mut self) {
        if let Some(Ok(_)) = self.answer {
            let (tenant, id) = self.name.clone();
            let void = Settlement { id, tenant, tokens: 0, micro_usd: 0, void: true };
            self.desk.close(Some(&void), None);
        }
    }
}

impl Purse for Redis {
    fn admit(&self, ask: Ask) -> Decision {
        let desk = self.0.desk.clone();
        if ask.demands.iter().any(|demand| usize::from(demand.subject) >= ask.subjects.len()) {
            return Decision::Done(Err(unavailable("a demand names no subject")));
        }
        if let Some(down) = desk.line.why_down() {
            return Decision::Done(desk.without_redis(&ask, &down));
        }
        desk.know(&ask.tenant);
        let nonce = desk.next_nonce();
        let question = Arc::new(desk.admission(&ask, &nonce));
        let asked = desk.line.eval(question.clone());
        let (sender, answer) = oneshot::channel();
        self.0.link.spawn(async move {
            let mut answer = asked.await;
            for pause_ms in RECALLED_WITHIN_MS {
                if !is_held(&answer) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                answer = desk.line.eval(question.clone()).await;
            }
            let decided = desk.decide(&ask, &nonce, answer);
            let name = (ask.tenant.clone(), ask.id.clone());
            drop(ask);
            drop(sender.send(Handed { answer: Some(decided), desk, name }));
        });
        Decision::Wait(Box::pin(async {
            match answer.await {
                Ok(handed) => handed.take(),
                Err(_) => Err(unavailable("the store's thread has ended")),
            }
        }))
    }

    fn peek(&self, tenant: &str, subjects: &[Arc<str>], demands: &[Demand]) -> Result<(), Refused> {
        self.0.desk.peek(tenant, subjects, demands)
    }

    fn raise(&self, tenant: &str, at: Duration, openings: Vec<Opening>) -> Answer<()> {
        let (desk, tenant) = (self.0.desk.clone(), Arc::<str>::from(tenant));
        self.work(async move { desk.raise(&tenant, at, &openings).await })
    }

    fn settle(&self, settlement: Settlement) {
        self.0.desk.close(Some(&settlement), None);
    }
}

impl Book for Redis {
    fn close(&self, settlement: Option<Settlement>, row: Option<Row>) {
        // First where it survives this process.
        if row.is_some() {
            self.0.desk.ledger.close(None, row.clone());
        }
        self.0.desk.close(settlement.as_ref(), row.as_ref());
    }

    fn usage(&self, query: UsageQuery) -> Answer<Vec<Sum>> {
        let desk = self.0.desk.clone();
        self.work(async move {
            desk.courier.empty(CLOSED_WITHIN).await;
            usage::usage(desk, query).await
        })
    }

    fn rows(&self, query: RowQuery) -> Answer<Vec<Row>> {
        self.0.desk.ledger.rows(query)
    }

    fn erase_user(&self, project: &str, user: &str, pseudonym: &str) -> Answer<u64> {
        let here = self.0.desk.ledger.erase_user(project, user, pseudonym);
        let desk = self.0.desk.clone();
        let [project, user, pseudonym] = [project, user, pseudonym].map(Box::<str>::from);
        let there = self.work(async move {
            desk.courier.empty(CLOSED_WITHIN).await;
            pseudonyms::erase_user(desk, project, user, pseudonym).await
        });
        Box::pin(async move {
            let erased = here.await?;
            there.await?;
            Ok(erased)
        })
    }
}

fn gone() -> Failure {
    Failure::Unavailable("the store's thread has ended".into())
}
