//! The connection to Redis: one thread, one connection that all calls share, and an answer for each in time.
//!
//! # How to use it
//!
//! [`Link::open`] starts the thread and returns at once; the connection is made meanwhile. Whoever owns the
//! engine keeps the [`Link`]: when its last clone is dropped, the thread ends. Work that runs on the thread
//! itself holds a [`Line`], which does not keep it alive.
//!
//! ```text
//! let link = Link::open(&config, clock)?;
//! // One command. The future may be awaited in any executor, or dropped: the command goes on.
//! let mut get = redis::cmd("GET");
//! get.arg("behest:epoch");
//! let value: redis::Value = link.call(get).await?;
//! let epoch: Option<u64> = redis::from_redis_value(value)?;
//!
//! // A script: EVALSHA, and EVAL where the server does not know it. In a cluster its first key decides
//! // where it runs, so all its keys have one hash tag.
//! static COMMIT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("commit.lua")));
//! let value = link.eval(Invocation::new(&COMMIT).key("{behest}:revision").arg(42)).await?;
//!
//! // Every message of a channel, for as long as the thread lives; subscribes anew by itself.
//! link.listen("behest:changed", |heard| match heard {
//!     Heard::Subscribed => { /* something may have been missed: ask */ }
//!     Heard::Message(bytes) => { /* runs on the thread: do not block */ }
//! });
//!
//! // Work of one's own on the thread.
//! let line = link.line();
//! link.spawn(async move { line.call(redis::cmd("PING")).await.ok(); });
//! ```
//!
//! # What it promises
//!
//! - Each call is answered within `command_timeout`, and at once while Redis is taken for lost. A call made
//!   while the first connection, or one that broke, is being made waits for it, no longer than that.
//! - A script that is [repeatable](Invocation::repeatable) is sent once more, within that time, when the
//!   connection breaks under it: a server that closes connections is not seen.
//! - [`Fault::may_have_run`] tells whether the server may have done it all the same.
//! - A server is taken for lost when a connection breaks and cannot be made anew, when it says that it may
//!   only be read, or when `strikes_max` calls in a row got no answer in time. It is tried each
//!   `probe_interval`, with a connection of its own, and the master is asked for anew where there are
//!   sentinels. The log has one line when it is lost and one when it is back.

mod connect;
mod keeper;
mod listen;
mod place;
mod script;

pub(crate) use listen::Heard;
pub use place::BadUrl;
pub(crate) use script::{Invocation, Script};

use crate::error::Error;
use crate::redis::config::RedisConfig;
use behest_contract::clock::Clock;
use connect::{Conn, Waits};
use keeper::{Keeper, State};
use place::Place;
use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, Value};
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::timeout;

/// Says what is wrong with a configuration, without connecting.
pub(crate) fn check(config: &RedisConfig) -> Result<(), BadUrl> {
    Place::new(config).map(drop)
}

/// Why a call has no answer.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Redis is taken for lost. Nothing was sent.
    Down(Arc<str>),
    /// Too many calls are under way. Nothing was sent.
    Crowded,
    /// No answer in time. It may have been done, or may be yet.
    TimedOut,
    /// The connection broke. It may have been done.
    Broken(Arc<str>),
    /// The server says no. It was not done.
    Denied(Arc<str>),
}

impl Fault {
    /// Whether the server may have done, or may yet do, what it was asked for.
    pub(crate) fn may_have_run(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Broken(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down(why) => write!(f, "Redis is lost: {why}"),
            Self::Crowded => f.write_str("too many calls to Redis are under way"),
            Self::TimedOut => f.write_str("Redis does not answer in time"),
            Self::Broken(why) => write!(f, "the connection to Redis broke: {why}"),
            Self::Denied(why) => write!(f, "Redis refused: {why}"),
        }
    }
}

/// The connection, and the thread that it lives on. Clones share one; the last one ends it.
#[derive(Clone)]
pub(crate) struct Link {
    line: Line,
    _engine: Arc<Engine>,
}

/// A way to call that does not keep the thread alive.
#[derive(Clone)]
pub(crate) struct Line(Arc<Hub>);

struct Hub {
    place: Place,
    waits: Waits,
    probe_interval: Duration,
    strikes_max: u32,
    handle: Handle,
    keeper: Keeper,
    scripts: Vec<&'static Script>,
    /// One for each call that may be under way.
    room: Arc<Semaphore>,
}

struct Engine {
    /// Taken to send the thread home.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // An answer that wakes the last owner may drop it on the thread itself.
            if thread.thread().id() != thread::current().id() {
                drop(thread.join());
            }
        }
    }
}

impl Link {
    /// Starts the thread, which connects by itself.
    pub(crate) fn open(config: &RedisConfig, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Self::open_with(config, clock, Vec::new())
    }

    /// The same; these scripts are told to each server that it connects to before anything else is, so
    /// that calls are made in the order in which they are asked for. Each does nothing without keys.
    pub(crate) fn open_with(
        config: &RedisConfig,
        clock: Arc<dyn Clock>,
        scripts: Vec<&'static Script>,
    ) -> Result<Self, Error> {
        let place = Place::new(config).map_err(Error::RedisUrl)?;
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(Error::NoThread)?;
        let waits = Waits { command: config.command_timeout, connect: config.connect_timeout };
        let line = Line(Arc::new(Hub {
            place,
            waits,
            probe_interval: config.probe_interval,
            strikes_max: config.strikes_max,
            handle: runtime.handle().clone(),
            keeper: Keeper::new(clock),
            scripts,
            room: Arc::new(Semaphore::new(config.calls_max)),
        }));
        let (stop, stops) = oneshot::channel::<()>();
        let thread = thread::Builder::new()
            .name("behest-store-redis".into())
            .spawn(move || drop(runtime.block_on(stops)))
            .map_err(Error::NoThread)?;
        let engine = Arc::new(Engine { stop: Some(stop), thread: Some(thread) });
        line.spawn(keeper::keep(line.clone()));
        Ok(Self { line, _engine: engine })
    }

    /// A way to call for work that runs on the thread.
    pub(crate) fn line(&self) -> Line {
        self.line.clone()
    }
}

impl std::ops::Deref for Link {
    type Target = Line;

    fn deref(&self) -> &Line {
        &self.line
    }
}

/// What is asked of Redis.
enum Asks {
    Command(Cmd),
    Script(Arc<Invocation>),
}

/// In the place of a connection's number, while there is none.
const UNSENT: u64 = u64::MAX;

/// A thread that wakes up so much later than it should is a busy one.
const LATE: Duration = Duration::from_millis(5);

/// An answer that can be awaited anywhere.
pub(crate) type Reply = futures::future::BoxFuture<'static, Result<Value, Fault>>;

impl Line {
    /// Sends a command. It is under way when this returns, whether anybody waits for the answer or not.
    pub(crate) fn call(&self, command: Cmd) -> Reply {
        self.start(Asks::Command(command))
    }

    /// Runs a script.
    pub(crate) fn eval(&self, invocation: impl Into<Arc<Invocation>>) -> Reply {
        self.start(Asks::Script(invocation.into()))
    }

    /// Hears a channel for as long as the thread lives. `hears` runs on the thread and must not block.
    pub(crate) fn listen(&self, channel: &str, hears: impl Fn(Heard<'_>) + Send + 'static) {
        let Hub { place, waits, probe_interval, .. } = &*self.0;
        let channel = channel.to_owned();
        self.spawn(listen::listen(place.clone(), *waits, *probe_interval, channel, hears));
    }

    /// Runs something on the thread. It ends with the thread, wherever it is.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.0.handle.spawn(work));
    }

    /// Why Redis is taken for lost, if it is.
    pub(crate) fn why_down(&self) -> Option<Fault> {
        match &*self.0.keeper.state.borrow() {
            State::Down(why) => Some(Fault::Down(why.clone())),
            _ => None,
        }
    }

    /// Whether Redis answers, as far as is known without trying.
    pub(crate) fn is_up(&self) -> bool {
        matches!(*self.0.keeper.state.borrow(), State::Up(..))
    }

    /// Waits for the next change between lost and found.
    pub(crate) fn changes(&self) -> watch::Receiver<bool> {
        self.0.keeper.is_up.subscribe()
    }

    /// How many connections were made so far. One is counted before anything is answered over it.
    pub(crate) fn connections(&self) -> u64 {
        self.0.keeper.connections()
    }

    /// How often Redis was lost, and how long it was away all in all.
    pub(crate) fn outages(&self) -> (u64, Duration) {
        self.0.keeper.outages()
    }

    fn start(&self, asks: Asks) -> Reply {
        if let Some(down) = self.why_down() {
            return Box::pin(async { Err(down) });
        }
        let Ok(place) = self.0.room.clone().try_acquire_owned() else {
            return Box::pin(async { Err(Fault::Crowded) });
        };
        let line = self.clone();
        let task = self.0.handle.spawn(async move {
            let _place = place;
            line.answer(&asks).await
        });
        Box::pin(async move {
            task.await.unwrap_or_else(|_| Err(Fault::Broken("its thread has ended".into())))
        })
    }

    /// Asks, and answers in time.
    async fn answer(&self, asks: &Asks) -> Result<Value, Fault> {
        let Hub { keeper, waits, .. } = &*self.0;
        let (sent_on, since) = (AtomicU64::new(UNSENT), keeper.now());
        let mut work = pin!(self.ask(asks, &sent_on));
        let mut answer = timeout(waits.command, work.as_mut()).await;
        let took = keeper.now().saturating_duration_since(since);
        if answer.is_err() && took > waits.command + LATE {
            // It was this thread that came late: the answer may lie there unread.
            answer = timeout(LATE, work).await;
        }
        match (answer, sent_on.load(Ordering::Relaxed)) {
            (Ok(answer), _) => answer,
            (Err(_), UNSENT) => Err(Fault::Down("it is not connected yet".into())),
            (Err(_), number) => {
                keeper.missed(number, self.0.strikes_max);
                Err(Fault::TimedOut)
            }
        }
    }

    async fn ask(&self, asks: &Asks, sent_on: &AtomicU64) -> Result<Value, Fault> {
        let script = match asks {
            Asks::Command(command) => return self.send(command, sent_on).await,
            Asks::Script(script) => script,
        };
        let mut answer = self.send(&script.by_hash(), sent_on).await;
        if matches!(answer, Err(Fault::Broken(_))) && script.is_repeatable() {
            answer = self.send(&script.by_hash(), sent_on).await;
        }
        match answer {
            Err(fault) if script::is_unknown(&fault) => self.send(&script.in_full(), sent_on).await,
            answer => answer,
        }
    }

    async fn send(&self, command: &Cmd, sent_on: &AtomicU64) -> Result<Value, Fault> {
        let (mut conn, number) = self.connection().await?;
        sent_on.store(number, Ordering::Relaxed);
        match conn.send(command).await {
            Ok(value) => {
                self.0.keeper.answered();
                Ok(value)
            }
            Err(error) => Err(self.failed(&error, number)),
        }
    }

    /// The connection and its number; waits while one is being made.
    async fn connection(&self) -> Result<(Conn, u64), Fault> {
        let mut changes = self.0.keeper.state.subscribe();
        loop {
            match &*changes.borrow_and_update() {
                State::Up(conn, number) => return Ok((conn.clone(), *number)),
                State::Down(why) => return Err(Fault::Down(why.clone())),
                State::Connecting => {}
            }
            if changes.changed().await.is_err() {
                return Err(Fault::Down("its thread has ended".into()));
            }
        }
    }

    fn failed(&self, error: &RedisError, number: u64) -> Fault {
        let keeper = &self.0.keeper;
        let why: Arc<str> = error.to_string().into();
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown) => {
                keeper.lost(number, &why);
                Fault::Down(why)
            }
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::TryAgain,
            ) => {
                keeper.missed(number, self.0.strikes_max);
                Fault::Down(why)
            }
            ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::Client => {
                keeper.answered();
                Fault::Denied(why)
            }
            // A cluster mends its own connections, of which one may be broken.
            _ if matches!(self.0.place.mode, crate::redis::config::RedisMode::Cluster) => {
                keeper.missed(number, self.0.strikes_max);
                Fault::Broken(why)
            }
            _ => {
                keeper.broke(number);
                Fault::Broken(why)
            }
        }
    }
}
