//! Pingora's phases, each handed over in a few lines. The only file that sees every phase.

use crate::door::{self, Way};
use crate::exchange::{self, Model, Stop};
use crate::house::House;
use crate::listener::Guarded;
use crate::passage::Passage;
use crate::routes::{Here, jwks, mint, models, usage};
use crate::{intake, reply};
use async_trait::async_trait;
use behest_contract::denial::{Denial, Kind, Verdict};
use behest_contract::facts::{Endpoint, ModelChoice, Principal};
use behest_contract::outcome::Ending;
use behest_contract::ports::others_first;
use behest_ledger::Decision;
use behest_quota::Layer;
use pingora::http::RequestHeader;
use pingora::modules::http::HttpModules;
use pingora::prelude::HttpPeer;
use pingora::protocols::http::ServerSession;
use pingora::{Error, ErrorType, Result};
use pingora_proxy::{FailToProxy, ProxyHttp, Session};
use std::sync::Arc;
use std::time::Duration;

/// The gateway, as Pingora sees it.
pub struct Gateway {
    house: Arc<House>,
}

impl Gateway {
    /// A gateway for this house.
    pub fn new(house: Arc<House>) -> Self {
        Self { house }
    }
}

#[async_trait]
impl ProxyHttp for Gateway {
    /// Boxed: Pingora hands it from future to future.
    type CTX = Box<Passage>;

    fn new_ctx(&self) -> Box<Passage> {
        Box::new(Passage::new(&self.house))
    }

    /// None: answers leave as they are, and Pingora's compression would look at each head.
    fn init_downstream_modules(&self, _: &mut HttpModules) {}

    /// A head has come.
    async fn early_request_filter(
        &self,
        session: &mut Session,
        passage: &mut Box<Passage>,
    ) -> Result<()> {
        let client = &mut session.downstream_session;
        Guarded::set_serving(client.stream(), true);
        let config = &passage.snapshot.config;
        client.set_total_drain_timeout(Some(Duration::from_secs(1)));
        client.set_pipelining_enabled(true);
        let keep = !passage.house.drain.is_draining() && client.get_keepalive().is_some();
        let idle = config.connections.idle.duration().as_secs().max(1);
        client.set_keepalive(keep.then_some(idle));
        Ok(())
    }

    /// Door, rooms, intake. What is answered here is answered here.
    async fn request_filter(
        &self,
        session: &mut Session,
        passage: &mut Box<Passage>,
    ) -> Result<bool> {
        match admit(session, passage).await {
            Ok(Admitted::Exchange(model)) => {
                passage.model = Some(model);
                Ok(false)
            }
            Ok(Admitted::Here(Here::Json(body))) => {
                reply::whole(&mut session.downstream_session, passage, body).await?;
                Ok(true)
            }
            Ok(Admitted::Here(Here::NotModified)) => {
                reply::not_modified(&mut session.downstream_session, passage).await?;
                Ok(true)
            }
            Ok(Admitted::Preflight) => {
                reply::nothing(&mut session.downstream_session, passage).await?;
                Ok(true)
            }
            Err(denial) => {
                refuse(&mut session.downstream_session, passage, &denial).await?;
                Ok(true)
            }
        }
    }

    /// The exchange, whole: Pingora's own proxy loop is never reached.
    async fn proxy_upstream_filter(
        &self,
        session: &mut Session,
        passage: &mut Box<Passage>,
    ) -> Result<bool> {
        let client = &mut session.downstream_session;
        let Some(model) = passage.model.take() else {
            return Err(Error::new(ErrorType::InternalError));
        };
        match exchange::run(client, passage, &model).await {
            Ok(()) => {
                passage.account.ending = Ending::Completed;
                Ok(false)
            }
            Err(Stop::Refused(denial)) => {
                refuse(client, passage, &denial).await?;
                Ok(false)
            }
            Err(Stop::Broken(denial)) => {
                let status = passage.account.status;
                passage.refused(&denial, status);
                Err(aborted())
            }
            Err(Stop::ClientLeft) => {
                passage.account.ending = Ending::ClientLeft;
                Err(aborted())
            }
        }
    }

    async fn upstream_peer(&self, _: &mut Session, _: &mut Box<Passage>) -> Result<Box<HttpPeer>> {
        Err(Error::new(ErrorType::InternalError))
    }

    /// Whatever is to be said was said. An answer that broke off must not end as if it were whole.
    async fn fail_to_proxy(
        &self,
        _: &mut Session,
        error: &Error,
        passage: &mut Box<Passage>,
    ) -> FailToProxy {
        if passage.account.ending == Ending::Internal && passage.account.kind.is_none() {
            // A failed write to the client, most of the time.
            passage.account.ending = Ending::ClientLeft;
            log::debug!("request ended early: {}", error.reason_str());
        }
        FailToProxy { error_code: 0, can_reuse_downstream: false }
    }

    fn suppress_error_log(&self, _: &Session, _: &Box<Passage>, _: &Error) -> bool {
        true
    }

    /// It is over, one way or another.
    async fn logging(&self, session: &mut Session, _: Option<&Error>, passage: &mut Box<Passage>) {
        passage.close();
        Guarded::set_serving(session.downstream_session.stream(), false);
        let book = &passage.house.fixtures.book;
        if book.owes_a_flush() {
            // Whoever is at their end too leaves what they have for the same write.
            others_first().await;
            book.flush_closed();
        }
    }
}

/// Tells a refusal to the client, or notes that there is nobody left to tell.
async fn refuse(client: &mut ServerSession, passage: &mut Passage, denial: &Denial) -> Result<()> {
    let told = reply::refuse(client, passage, denial).await;
    if told.is_err() {
        passage.account.ending = Ending::ClientLeft;
    }
    told
}

/// Ends the connection without ending the answer.
fn aborted() -> Box<Error> {
    Error::explain(ErrorType::WriteError, "the answer broke off")
}

/// What was let in.
enum Admitted {
    Exchange(Arc<Model>),
    Here(Here),
    Preflight,
}

async fn admit(session: &mut Session, passage: &mut Passage) -> Result<Admitted, Box<Denial>> {
    let client = &mut session.downstream_session;
    let peer = client.client_addr().and_then(|address| address.as_inet()).map(|inet| inet.ip());
    let way = door::enter(client.req_header(), peer, passage)?;
    match way {
        Way::Preflight => return Ok(Admitted::Preflight),
        Way::Jwks(project) => {
            let here = jwks::jwks(client.req_header(), project.as_deref(), passage);
            return Ok(Admitted::Here(here));
        }
        _ => {}
    }
    visit_heads(client.req_header_mut(), passage).await?;
    match way {
        Way::Exchange(endpoint) => {
            let model = take_in(session, passage, endpoint).await?;
            Ok(Admitted::Exchange(model))
        }
        Way::Mint => mint::mint(client, passage).await.map(here),
        Way::Usage => usage::usage(passage, client.req_header().uri.query()).await.map(here),
        Way::Billing => usage::billing(passage, client.req_header().uri.query()).await.map(here),
        Way::Models => models::list(passage).map(here),
        Way::Model(id) => models::one(passage, &id).map(here),
        Way::Preflight | Way::Jwks(_) => Ok(Admitted::Preflight),
    }
}

fn here(body: bytes::Bytes) -> Admitted {
    Admitted::Here(Here::Json(body))
}

/// Leads the head through the rooms. Who asks is known afterwards, and so is whose origins count.
async fn visit_heads(head: &mut RequestHeader, passage: &mut Passage) -> Verdict {
    let Passage { visits, facts, .. } = passage;
    visits.head(head, facts).await?;
    let project = passage.facts.read::<Principal>().map(|who| who.project.clone());
    match project {
        Some(project) => door::check_project(head, &project, passage),
        None => Ok(()),
    }
}

/// Reads the body and leads the prompt through the rooms.
async fn take_in(
    session: &mut Session,
    passage: &mut Passage,
    endpoint: Endpoint,
) -> Result<Arc<Model>, Box<Denial>> {
    let prompt = intake::read(&mut session.downstream_session, passage, endpoint).await?;
    let prompt = passage.prompt.insert(Box::new(prompt));
    let asked = prompt.model().map(std::borrow::Cow::into_owned);
    let model = find_model(passage, asked.as_deref())?;
    passage.facts.state(ModelChoice(model.id.clone()));
    let Passage { visits, facts, prompt: Some(prompt), .. } = passage else {
        return Err(Box::new(Denial::new(Kind::Internal, "The gateway has failed.")));
    };
    visits.prompt(prompt, facts).await?;
    passage.house.metrics.limit_decided(Layer::Project.label(), Decision::Admitted);
    Ok(model)
}

/// The model that is asked for, or the project's own; only among those that the project may use.
fn find_model(passage: &Passage, asked: Option<&str>) -> Result<Arc<Model>, Box<Denial>> {
    let refuse =
        |message: &'static str| Box::new(Denial::new(Kind::Invalid, message).param("model"));
    let principal = passage.facts.read::<Principal>();
    let project = principal.and_then(|who| passage.snapshot.projects.by_id(&who.project));
    let Some(project) = project else { return Err(refuse("There is no such project.")) };
    let Some(id) = asked.or(project.model.as_deref()) else {
        return Err(refuse("The project has no model of its own: name one."));
    };
    let model =
        passage.snapshot.routing.of(&project.tenant).model(id).filter(|_| project.may_use(id));
    model.cloned().ok_or_else(|| refuse("There is no such model, or this project may not use it."))
}
