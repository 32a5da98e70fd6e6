//! One request's way through the house: what Pingora carries along as its context.
//!
//! It is the host's suitcase, not a notice board: rooms never see it.

use crate::drain::InFlight;
use crate::exchange::{Alarm, Deadlines, Model, Stop, Watch};
use crate::house::House;
use crate::ports::InFlight as Counted;
use crate::snapshot::Snapshot;
use behest_auth::TokenSigner;
use behest_contract::chain::Visits;
use behest_contract::clock::Clock;
use behest_contract::delta::{Delta, Usage};
use behest_contract::denial::{Denial, Kind};
use behest_contract::facts::{Endpoint, Facts, Principal};
use behest_contract::outcome::{Ending, Outcome, Route};
use behest_contract::prompt::Prompt;
use behest_ledger::{AttemptResult, Decision, DenialNote, UpstreamFault};
use behest_quota::Layer;
use http::{HeaderName, HeaderValue};
use pingora::http::ResponseHeader;
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Headers to be added to whatever answer the client gets.
pub type ExtraHeaders = SmallVec<[(HeaderName, HeaderValue); 4]>;

/// The context of a request.
pub struct Passage {
    /// What the process owns.
    pub house: Arc<House>,
    /// The configuration that this request began with, and ends with.
    pub snapshot: Arc<Snapshot>,
    /// The request's visits to the rooms.
    pub visits: Visits,
    /// What the rooms have told one another.
    pub facts: Facts,
    /// The prompt, once it is read.
    pub prompt: Option<Box<Prompt>>,
    /// The model that is to serve it, once that is decided.
    pub model: Option<Arc<Model>>,
    /// A `traceparent` for the provider, where the client sent one.
    pub trace_parent: Option<Box<str>>,
    /// Headers to be added to the answer: CORS, `Allow`, what is passed on of a provider's.
    pub extra_headers: ExtraHeaders,
    /// What is known of the ending so far.
    pub account: Account,
    _in_flight: (InFlight, Counted),
}

impl Passage {
    /// A request begins.
    pub fn new(house: &Arc<House>) -> Self {
        let snapshot = house.snapshot();
        Self {
            visits: snapshot.chain.enter(),
            account: Account::new(house.clock.clone()),
            house: house.clone(),
            snapshot,
            facts: Facts::default(),
            prompt: None,
            model: None,
            trace_parent: None,
            extra_headers: ExtraHeaders::new(),
            _in_flight: (house.drain.enter(), house.fixtures.meter.in_flight()),
        }
    }

    /// Which API is called; known once the door was passed.
    pub fn endpoint(&self) -> Endpoint {
        self.facts.read().copied().unwrap_or(Endpoint::Chat)
    }

    /// What watches over this request's waits.
    pub fn watch(&self) -> Watch {
        let config = &self.snapshot.config;
        let deadlines = Deadlines {
            connect: config.timeouts.connect.duration(),
            first_byte: config.timeouts.first_byte.duration(),
            between_bytes: config.timeouts.between_bytes.duration(),
            total: config.timeouts.total.duration(),
            heartbeat: config.heartbeat.duration(),
        };
        let alarm = Alarm::new(deadlines, self.account.started, self.house.clock.clone());
        let bearer = Bearer {
            house: self.house.clone(),
            principal: self.facts.read().cloned(),
            signer: self.facts.read().cloned(),
            started: self.account.started,
        };
        Watch::new(alarm, self.house.drain.signal(), bearer)
    }

    /// Takes over the headers of a provider's answer that its configuration lets through.
    pub fn pass_headers(&mut self, head: Option<&ResponseHeader>, names: &[HeaderName]) {
        let Some(head) = head else { return };
        for name in names {
            for value in head.headers.get_all(name) {
                self.extra_headers.push((name.clone(), value.clone()));
            }
        }
    }

    /// Counts an attempt that came to nothing.
    pub fn count_failure(&self, provider: &str, fault: UpstreamFault) {
        let result = match fault {
            UpstreamFault::Connect | UpstreamFault::Broken => AttemptResult::Broken,
            UpstreamFault::ConnectTimeout
            | UpstreamFault::FirstByteTimeout
            | UpstreamFault::BetweenBytesTimeout => AttemptResult::TimedOut,
            _ => AttemptResult::Refused,
        };
        self.count_attempt(provider, result);
        self.house.metrics.upstream_failed(provider, fault);
    }

    /// Counts an attempt.
    pub fn count_attempt(&self, provider: &str, result: AttemptResult) {
        self.house.metrics.attempted(provider, result);
    }

    /// Counts the attempt that was under way when the exchange was ended.
    pub fn count_stop(&self, provider: &str, stop: &Stop) {
        let timed_out = matches!(stop, Stop::Refused(d) if d.kind == Kind::UpstreamTimeout);
        if timed_out {
            self.count_failure(provider, UpstreamFault::FirstByteTimeout);
        } else {
            self.count_attempt(provider, AttemptResult::Cancelled);
        }
    }

    /// Notes that the client was, or is about to be, refused.
    pub fn refused(&mut self, denial: &Denial, status: u16) {
        self.account.status = status;
        self.account.kind = Some(denial.kind);
        self.account.ending = ending_of(denial.kind);
        if let Some(layer) = limiting_layer(denial) {
            self.house.metrics.limit_decided(layer, Decision::Refused);
        }
        if let Some(note) = &denial.note
            && self.facts.read::<DenialNote>().is_none()
        {
            self.facts.state(DenialNote(note.clone()));
        }
    }

    /// Tells the rooms how it ended.
    pub fn close(&mut self) {
        let outcome = self.account.outcome();
        self.visits.close(&outcome, &self.facts);
        for (filter, spent) in self.visits.spent() {
            self.house.metrics.filter_took(filter, spent);
        }
    }
}

/// Who a request acts for, to be asked whether that still holds.
pub struct Bearer {
    house: Arc<House>,
    principal: Option<Principal>,
    signer: Option<TokenSigner>,
    started: Instant,
}

impl Bearer {
    /// Whether whoever it is was revoked, and running requests were meant too.
    pub fn is_revoked(&self) -> bool {
        let snapshot = self.house.snapshot();
        let Some(principal) = self.principal.as_ref().filter(|_| !snapshot.cuts.is_empty()) else {
            return false;
        };
        let clock = &self.house.clock;
        let age = clock.now().saturating_duration_since(self.started);
        let signer = self.signer.as_ref().map(|signer| &*signer.0);
        snapshot.cuts.end(principal, signer, clock.unix().saturating_sub(age))
    }
}

/// The layer that refused, where one did; its words are a closed set.
fn limiting_layer(denial: &Denial) -> Option<&'static str> {
    let layer = denial.details.as_ref()?.get("layer")?.as_str()?;
    Layer::ALL.iter().map(|known| known.label()).find(|known| *known == layer)
}

/// What a refusal of this kind means for the books.
fn ending_of(kind: Kind) -> Ending {
    match kind {
        Kind::Upstream => Ending::UpstreamFailed,
        Kind::UpstreamTimeout | Kind::ClientTimeout => Ending::TimedOut,
        Kind::Internal | Kind::Unavailable => Ending::Internal,
        _ => Ending::Denied,
    }
}

/// What is known of the ending so far.
pub struct Account {
    clock: Arc<dyn Clock>,
    /// When the request's head had come.
    pub started: Instant,
    /// How it ends, as it looks now.
    pub ending: Ending,
    /// The status that was written; 0 before.
    pub status: u16,
    /// Why it was refused or failed, if it was.
    pub kind: Option<Kind>,
    /// Where it went.
    pub route: Option<Route>,
    /// Requests sent to providers.
    pub attempts: u32,
    /// When the last request to a provider began, and how long the finished ones took.
    provider: ProviderTime,
    usage: Option<Usage>,
}

#[derive(Debug, Default)]
struct ProviderTime {
    since: Option<Instant>,
    spent: Duration,
    first_byte: Option<Instant>,
}

impl Account {
    /// A request begins.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            started: clock.now(),
            clock,
            ending: Ending::Internal,
            status: 0,
            kind: None,
            route: None,
            attempts: 0,
            provider: ProviderTime::default(),
            usage: None,
        }
    }

    /// A request is sent: from now on it is the provider's time.
    pub fn provider_begins(&mut self) {
        self.attempts += 1;
        self.provider.since = Some(self.clock.now());
    }

    /// The provider's time is over.
    pub fn provider_ends(&mut self) {
        self.provider_ends_at(self.clock.now());
    }

    fn provider_ends_at(&mut self, now: Instant) {
        if let Some(since) = self.provider.since.take() {
            self.provider.spent += now.saturating_duration_since(since);
        }
    }

    /// A byte of an answer has come; whether it was the first.
    pub fn first_byte(&mut self) -> bool {
        let is_first = self.provider.first_byte.is_none();
        if is_first {
            self.provider.first_byte = Some(self.clock.now());
        }
        is_first
    }

    /// Notes the usage among pieces of an answer. The last report counts: those that report more than
    /// once report the sum so far.
    pub fn hear(&mut self, said: &[Delta]) {
        for delta in said {
            if let Delta::Usage(usage) = delta {
                self.usage = Some(*usage);
            }
        }
    }

    fn outcome(&mut self) -> Outcome {
        let now = self.clock.now();
        self.provider_ends_at(now);
        let since_start = |at: Instant| at.saturating_duration_since(self.started);
        Outcome {
            ending: self.ending,
            status: self.status,
            kind: self.kind,
            usage: self.usage,
            route: self.route.clone(),
            attempts: self.attempts,
            total: since_start(now),
            first_byte: self.provider.first_byte.map(since_start),
            upstream: self.provider.spent,
        }
    }
}
