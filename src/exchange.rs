//! The talk with providers: one loop, before the first byte.
//!
//! For each place that serves the model: connect, send, head, decide. A place that fails before its
//! first event is followed by the next one, with the whole body sent again; what has begun is relayed
//! to its end. Pingora's own proxy loop is not used: it can neither wait for a commit nor tell the
//! deadlines apart, and it loses early answers.

mod alarm;
mod attempt;
mod peer;
mod prefixed;
mod provider;
mod resolve;
mod route;
mod send;
mod talk;
mod watch;

pub use alarm::{Alarm, Deadlines, Ring};
pub use attempt::{Answer, Break};
pub use peer::{Ca, Line, Pools, Protocol};
pub use provider::{Place, Provider, ProviderSpec};
pub use route::{Model, Routes};
pub use watch::{Interrupt, Watch};

use crate::drain::Stopped;
use crate::passage::Passage;
use crate::relay;
use attempt::{Failure, Request, Trouble};
use behest_contract::book::{BillTray, Bucket};
use behest_contract::denial::{Denial, Kind};
use behest_contract::dialect::Answer as Wanted;
use behest_contract::outcome::Route;
use behest_ledger::AttemptResult;
use pingora::protocols::http::ServerSession;
use std::sync::Arc;
use std::time::Duration;

/// How long the rest of a provider's body is waited for after the client has its answer.
const READ_OUT_MAX: Duration = Duration::from_millis(50);

/// How an exchange ended that did not end well.
#[derive(Debug)]
pub enum Stop {
    /// The client has seen nothing: tell it this.
    Refused(Box<Denial>),
    /// The client's answer had begun and broke off: it was told this.
    Broken(Box<Denial>),
    /// The client is gone.
    ClientLeft,
}

/// Carries a prompt to a provider and its answer to the client.
pub async fn run(
    client: &mut ServerSession,
    passage: &mut Passage,
    model: &Arc<Model>,
) -> Result<(), Stop> {
    let mut watch = passage.watch();
    let mut last = None;
    for place in &model.places {
        match try_place(place, client, passage, &mut watch, model).await {
            Ok(answer) => {
                passage.count_attempt(place.provider.name(), AttemptResult::Answered);
                return deliver(answer, place, client, passage, &mut watch).await;
            }
            Err(Trouble::End(stop)) => {
                passage.count_stop(place.provider.name(), &stop);
                return Err(stop);
            }
            Err(Trouble::Final(failure)) => {
                passage.count_failure(place.provider.name(), failure.fault);
                let mut denial = failure.denial(place);
                denial.retry_helps = false;
                return Err(Stop::Refused(denial));
            }
            Err(Trouble::Next(failure)) => {
                passage.account.provider_ends();
                passage.count_failure(place.provider.name(), failure.fault);
                last = Some((place, failure));
            }
        }
    }
    Err(Stop::Refused(match last {
        Some((place, failure)) => Failure::denial(failure, place),
        None => Box::new(Denial::new(Kind::Unavailable, "No provider serves this model.")),
    }))
}

async fn try_place(
    place: &Place,
    client: &mut ServerSession,
    passage: &mut Passage,
    watch: &mut Watch,
    model: &Model,
) -> Result<Answer, Trouble> {
    let Some(prompt) = &passage.prompt else {
        return Err(Trouble::End(Stop::Refused(internal("an exchange without a prompt"))));
    };
    let dialect = place.provider.dialect();
    let endpoint = passage.endpoint();
    let body = dialect.encode(endpoint, prompt, &place.target).map_err(|what| {
        let denial =
            Denial::new(Kind::Unprocessable, format!("The provider cannot do this: {what}."));
        Trouble::End(Stop::Refused(Box::new(denial)))
    })?;
    let wanted = Wanted {
        endpoint,
        streamed: prompt.outline().streamed,
        hears: passage.visits.hear(),
        bytes_max: passage.snapshot.config.answer_limit.len_in_memory(),
    };
    let passed = place.provider.passed(&client.req_header().headers);
    let trace_parent = passage.trace_parent.as_deref();
    let request = Request { endpoint, wanted, trace_parent, passed: &passed };
    let provider = place.provider.name().clone();
    let bucket = if place.provider.is_tenants() { Bucket::Byok } else { Bucket::Platform };
    passage.account.route = Some(Route { model: model.id.clone(), provider, bucket });
    let known = passage.facts.read::<BillTray>().and_then(BillTray::known);
    // Boxed, so that a stream does not carry the room for it to its end.
    let account = &mut passage.account;
    Box::pin(attempt::attempt(place, &request, &body, client, watch, (account, known))).await
}

/// Relays an answer that has begun, then gives the connection back.
async fn deliver(
    mut answer: Answer,
    place: &Place,
    client: &mut ServerSession,
    passage: &mut Passage,
    watch: &mut Watch,
) -> Result<(), Stop> {
    passage.pass_headers(answer.head(), place.provider.pass_response());
    // A whole answer needs its connection no more, and the next request may be here in no time.
    answer.give_back(place).await;
    relay::relay(&mut answer, place, client, passage, watch).await?;
    if !answer.has_ended() {
        let _ = tokio::time::timeout(READ_OUT_MAX, answer.read_out()).await;
        answer.give_back(place).await;
    }
    Ok(())
}

/// What the client is told when something of the provider's took too long.
pub fn deadline(ring: Ring) -> Box<Denial> {
    let message = match ring {
        Ring::Connect => "The provider could not be reached in time.",
        Ring::FirstByte => "The provider did not begin its answer in time.",
        Ring::BetweenBytes | Ring::Heartbeat => "The provider stopped in the middle of its answer.",
        Ring::Total => "The request took too long.",
    };
    Box::new(Denial::new(Kind::UpstreamTimeout, message))
}

/// What the client is told when the gateway ends what still runs.
pub fn stopping(why: Stopped) -> Box<Denial> {
    if why == Stopped::Revoked {
        return Box::new(Denial::new(Kind::Forbidden, "Access was revoked."));
    }
    let denial = Denial::new(Kind::Unavailable, "The gateway is shutting down.");
    Box::new(denial.retry_after(Duration::from_secs(1)))
}

fn internal(note: &'static str) -> Box<Denial> {
    Box::new(Denial::new(Kind::Internal, "The gateway has failed.").note(note))
}
