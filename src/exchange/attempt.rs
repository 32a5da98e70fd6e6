//! One place is tried: connect, send, head, and the answer up to its first event.

use super::alarm::Ring;
use super::peer::Peer;
use super::provider::{ConnectError, Connection, Extra, PassedHeaders, Place};
use super::talk::{self, Lost, Talk};
use super::watch::{Interrupt, Watch};
use super::{Stop, deadline};
use crate::passage::Account;
use behest_contract::delta::Decoded;
use behest_contract::denial::{Denial, Kind};
use behest_contract::dialect::{Answer as Wanted, Decoder, Judgement, Nonsense};
use behest_contract::facts::Endpoint;
use behest_contract::outcome::Route;
use behest_contract::prompt::Wire;
use behest_contract::purse::Known;
use behest_ledger::UpstreamFault;
use pingora::protocols::http::ServerSession;

/// What is to be sent, whatever the place.
pub(super) struct Request<'a> {
    pub(super) endpoint: Endpoint,
    pub(super) wanted: Wanted,
    pub(super) trace_parent: Option<&'a str>,
    pub(super) passed: &'a PassedHeaders,
}

/// An answer that has begun: its first event is here, or all of it.
pub struct Answer {
    /// What is decoded and not yet relayed.
    pub frames: Vec<Decoded>,
    /// `None` once the connection was given back.
    talk: Option<Talk>,
    peer: Peer,
    decoder: Box<dyn Decoder>,
    /// The provider's body was read to its end.
    ended: bool,
}

/// Why an attempt came to nothing.
pub(super) enum Trouble {
    /// The next place may be tried.
    Next(Failure),
    /// It may not: others would answer the same.
    Final(Failure),
    /// It may not: this ends the exchange.
    End(Stop),
}

/// What went wrong with a provider.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: Option<u16>,
    pub(super) fault: UpstreamFault,
    /// For the log.
    pub(super) note: String,
}

impl Failure {
    fn new(fault: UpstreamFault, note: impl Into<String>) -> Self {
        Self { status: None, fault, note: note.into() }
    }

    /// What the client is told when there is no other place left.
    pub(super) fn denial(self, place: &Place) -> Box<Denial> {
        let provider = place.provider.name();
        if self.fault == UpstreamFault::ConnectTimeout {
            return Box::new(deadline(Ring::Connect).note(self.note));
        }
        let message = match self.status {
            Some(status) => format!("The provider answered with status {status}."),
            None => "The provider failed.".to_owned(),
        };
        let details = serde_json::json!({ "provider": provider.as_ref(), "status": self.status });
        let note = format!("{provider}: {}", self.note);
        Box::new(Denial::new(Kind::Upstream, message).details(details).note(note))
    }
}

/// Sends the request to a place and waits for its answer to begin.
pub(super) async fn attempt(
    place: &Place,
    request: &Request<'_>,
    body: &Wire,
    client: &mut ServerSession,
    watch: &mut Watch,
    (account, known): (&mut Account, Option<&Known>),
) -> Result<Answer, Trouble> {
    let mut fresh = false;
    let (talk, peer) = loop {
        let connection = connect(place, fresh, client, watch).await?;
        let (reused, peer) = (connection.reused, connection.peer.clone());
        account.provider_begins();
        if let (Some(known), Some(Route { provider, bucket, .. })) = (known, &account.route) {
            known.note_sent(provider, *bucket);
        }
        match send(connection, place, request, body, client, watch).await? {
            Ok(talk) => break (talk, peer),
            // Once, on a fresh connection: the request was not seen.
            Err(lost) if !fresh && (lost.refused || reused && lost.unseen) => fresh = true,
            Err(lost) => return Err(Trouble::Next(Failure::new(UpstreamFault::Broken, lost.why))),
        }
    };
    check_status(&talk, place)?;
    let decoder = place.provider.dialect().decoder(request.wanted);
    let frames = Vec::with_capacity(1);
    let talk = Some(talk);
    let mut answer = Answer { frames, talk, peer, decoder, ended: false };
    answer.begin(request.wanted.streamed, client, watch, account).await?;
    Ok(answer)
}

async fn connect(
    place: &Place,
    fresh: bool,
    client: &mut ServerSession,
    watch: &mut Watch,
) -> Result<Connection, Trouble> {
    watch.alarm.wait_for(Ring::Connect);
    match watch.over(client, place.provider.connect(fresh)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(ConnectError::TimedOut)) => {
            Err(Trouble::Next(Failure::new(UpstreamFault::ConnectTimeout, "no connection in time")))
        }
        Ok(Err(error)) => {
            Err(Trouble::Next(Failure::new(UpstreamFault::Connect, error.to_string())))
        }
        Err(Interrupt::Ring(Ring::Connect)) => {
            Err(Trouble::Next(Failure::new(UpstreamFault::ConnectTimeout, "no connection in time")))
        }
        Err(interrupt) => Err(Trouble::End(interrupted(interrupt))),
    }
}

async fn send(
    connection: Connection,
    place: &Place,
    request: &Request<'_>,
    body: &Wire,
    client: &mut ServerSession,
    watch: &mut Watch,
) -> Result<Result<Talk, Lost>, Trouble> {
    watch.alarm.wait_for(Ring::FirstByte);
    let extra = Extra {
        body_len: body.len(),
        streamed: request.wanted.streamed,
        trace_parent: request.trace_parent,
        passed: request.passed,
    };
    let talk = talk::open(connection, place, request.endpoint, &extra, body);
    watch.over(client, talk).await.map_err(|interrupt| Trouble::End(interrupted(interrupt)))
}

/// Lets an answer pass, or says where the request goes next.
fn check_status(talk: &Talk, place: &Place) -> Result<(), Trouble> {
    let status = talk.head().map_or(0, |head| head.status.as_u16());
    let (fault, elsewhere) = match place.provider.dialect().judge(status) {
        Judgement::Answer => return Ok(()),
        Judgement::Busy => (UpstreamFault::RateLimited, true),
        Judgement::Failed => (UpstreamFault::Failed, true),
        Judgement::BadCredential => (UpstreamFault::Credential, place.provider.falls_back()),
        Judgement::Refused => (UpstreamFault::Refused, false),
        Judgement::Nonsense => (UpstreamFault::Nonsense, false),
    };
    let failure = Failure { status: Some(status), fault, note: format!("status {status}") };
    if elsewhere {
        return Err(Trouble::Next(failure));
    }
    Err(Trouble::Final(failure))
}

impl Answer {
    /// The answer's head.
    pub fn head(&self) -> Option<&pingora::http::ResponseHeader> {
        self.talk.as_ref().and_then(Talk::head)
    }

    /// Whether the provider's body was read to its end.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Reads up to the first event of a stream, or all of a whole answer. Nothing has left for the
    /// client yet, so an error in place of that event may still be better elsewhere.
    async fn begin(
        &mut self,
        streamed: bool,
        client: &mut ServerSession,
        watch: &mut Watch,
        account: &mut Account,
    ) -> Result<(), Trouble> {
        while self.frames.is_empty() && !self.ended {
            match watch.over(client, self.read()).await {
                Ok(Ok(())) => {
                    if account.first_byte() && streamed {
                        // Comments only, so far: the client is not to wait for longer than a beat.
                        watch.alarm.heard();
                    }
                    watch.alarm.wait_for(Ring::BetweenBytes);
                }
                Ok(Err(broken)) => return Err(Trouble::Next(broken.into())),
                Err(Interrupt::Ring(Ring::Heartbeat)) => return Ok(()),
                Err(interrupt) => return Err(Trouble::End(interrupted(interrupt))),
            }
        }
        match self.frames.first() {
            Some(Decoded::Error) => Err(Trouble::Next(Failure::new(
                UpstreamFault::Failed,
                "an error in place of an answer",
            ))),
            _ => Ok(()),
        }
    }

    /// Reads and decodes one piece. May be dropped and made again at any time.
    pub async fn read(&mut self) -> Result<(), Break> {
        let Some(talk) = &mut self.talk else { return Ok(()) };
        match talk.read().await {
            Ok(Some(piece)) => self.decoder.feed(&piece, &mut self.frames).map_err(Break::Nonsense),
            Ok(None) => {
                self.ended = true;
                self.decoder.finish(&mut self.frames).map_err(Break::Nonsense)
            }
            Err(error) => Err(Break::Lost(error.to_string())),
        }
    }

    /// Reads on to the provider's end, for nothing but to use the connection again.
    pub async fn read_out(&mut self) -> Result<(), Break> {
        while !self.ended {
            self.read().await?;
        }
        Ok(())
    }

    /// Gives the connection back, if the provider's body was read to its end.
    pub async fn give_back(&mut self, place: &Place) {
        if !self.ended {
            return;
        }
        if let Some(used) = self.talk.take().and_then(Talk::into_used) {
            place.provider.recycle(used, &self.peer).await;
        }
    }
}

/// Why an answer broke off.
#[derive(Debug)]
pub enum Break {
    /// The connection is gone. For the log.
    Lost(String),
    /// It makes no sense.
    Nonsense(Nonsense),
    /// It reports an error.
    Reported,
}

impl Break {
    /// What it says of the provider.
    pub fn fault(&self) -> UpstreamFault {
        match self {
            Self::Lost(_) => UpstreamFault::Broken,
            Self::Nonsense(_) => UpstreamFault::Nonsense,
            Self::Reported => UpstreamFault::Failed,
        }
    }

    /// What the client is told.
    pub fn denial(self, place: &Place) -> Box<Denial> {
        Failure::from(self).denial(place)
    }
}

impl From<Break> for Failure {
    fn from(broken: Break) -> Self {
        let fault = broken.fault();
        match broken {
            Break::Lost(why) => Self::new(fault, why),
            Break::Nonsense(what) => Self::new(fault, what.0),
            Break::Reported => Self::new(fault, "an error within the stream"),
        }
    }
}

/// How an interrupt ends an exchange of which the client has seen nothing.
fn interrupted(interrupt: Interrupt) -> Stop {
    match interrupt {
        Interrupt::ClientLeft => Stop::ClientLeft,
        Interrupt::Ring(ring) => Stop::Refused(deadline(ring)),
        Interrupt::Stopped(why) => Stop::Refused(super::stopping(why)),
    }
}
