//! `GET /v1/billing/usage` and `GET /v1/usage`: what was used, as the ledger has it.

pub mod window;

use crate::passage::Passage;
use behest_auth::PresentedKey;
use behest_contract::book::{Book, Side, Sum, UsageQuery};
use behest_contract::denial::{Denial, Kind};
use behest_contract::directory::Failure;
use behest_contract::facts::Principal;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;
use std::time::Duration;
use window::{Query, Window, invalid};

/// How long to wait where the books cannot be read.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// Whose usage is asked for.
struct Asker {
    tenant: Arc<str>,
    project: Arc<str>,
    /// The one end user whose usage may be seen; anybody's if `None`.
    user: Option<Box<str>>,
    query: Query,
    window: Window,
    book: Arc<dyn Book>,
}

impl Asker {
    /// A token sees its own user, a key sees its project.
    fn new(passage: &Passage, query: Option<&str>) -> Result<Self, Box<Denial>> {
        let Some(who) = passage.facts.read::<Principal>() else {
            let denial = Denial::new(Kind::Internal, "The gateway has failed.");
            return Err(Box::new(denial.note("usage without a principal")));
        };
        let query = Query::parse(query.unwrap_or_default())?;
        let asked = query.text("user_id");
        let by_key = passage.facts.read::<PresentedKey>().is_some();
        let own = who.user.clone().filter(|_| !by_key);
        if let (Some(own), Some(asked)) = (&own, asked)
            && **own != *asked
        {
            return Err(Box::new(Denial::new(Kind::Forbidden, "This is another user's usage.")));
        }
        Ok(Self {
            tenant: who.tenant.clone(),
            project: who.project.clone(),
            user: own.or_else(|| asked.map(Box::from)),
            window: Window::of(&query, passage.house.clock.unix())?,
            query,
            book: passage.house.fixtures.book.clone(),
        })
    }

    async fn sums(
        &self,
        step: Option<Duration>,
        sides: SmallVec<[Side; 2]>,
    ) -> Result<Vec<Sum>, Box<Denial>> {
        let answer = self.book.usage(UsageQuery {
            tenant: self.tenant.clone(),
            project: Some(self.project.clone()),
            user: self.user.clone(),
            time: self.window.time.clone(),
            step,
            sides,
        });
        answer.await.map_err(unavailable)
    }
}

fn unavailable(failure: Failure) -> Box<Denial> {
    let denial = Denial::new(Kind::Unavailable, "The ledger cannot be read now.");
    Box::new(denial.note(failure.to_string()).retry_after(BUSY_WAIT))
}

/// `GET /v1/billing/usage`
pub async fn billing(passage: &Passage, query: Option<&str>) -> Result<Bytes, Box<Denial>> {
    let asker = Asker::new(passage, query)?;
    let sums = asker.sums(None, smallvec![Side::Bucket, Side::Model]).await?;
    let bucket = |name: &str| {
        let is_ours =
            |sum: &&Sum| sum.sides.first().is_some_and(|side| side.as_deref() == Some(name));
        let ours: Vec<&Sum> = sums.iter().filter(is_ours).collect();
        let mut told = bucket(&total(ours.iter().copied()));
        told.insert("by_model".to_owned(), ours.into_iter().map(by_model).collect());
        told
    };
    let body = json!({
        "project_id": asker.project,
        "window": asker.window.told(),
        "platform": bucket("platform"),
        "byok": bucket("byok"),
    });
    Ok(body.to_string().into())
}

/// `GET /v1/usage`
pub async fn usage(passage: &Passage, query: Option<&str>) -> Result<Bytes, Box<Denial>> {
    let asker = Asker::new(passage, query)?;
    let step = asker.window.step(&asker.query)?;
    let group = asker.query.text("group_by").filter(|word| !word.is_empty());
    let group = group.map(|word| side(word).ok_or_else(unknown_group)).transpose()?;
    let sums = asker.sums(Some(step), group.into_iter().map(|(side, _)| side).collect()).await?;
    let mut body = Map::new();
    body.insert("project_id".to_owned(), json!(asker.project));
    body.extend(report(&asker.window, &sums, group.map(|(_, member)| member)));
    Ok(Value::Object(body).to_string().into())
}

/// A window's usage, all of it and by steps. `member` is what the sums' first side is called.
pub fn report(window: &Window, sums: &[Sum], member: Option<&str>) -> Map<String, Value> {
    let breakdown = sums.iter().map(|sum| {
        let mut told = told(sum);
        told.insert("timestamp".to_owned(), json!(window::instant(sum.at)));
        if let Some(member) = member {
            told.insert(member.to_owned(), json!(sum.sides.first().cloned().flatten()));
        }
        Value::Object(told)
    });
    members(json!({
        "window": window.told(),
        "totals": told(&total(sums)),
        "breakdown": breakdown.collect::<Vec<_>>(),
    }))
}

/// What usage may be told apart by, and the member that says which.
pub fn side(word: &str) -> Option<(Side, &'static str)> {
    match word {
        "user" => Some((Side::User, "user_id")),
        "session" => Some((Side::Session, "session_id")),
        "model" => Some((Side::Model, "model")),
        "key" => Some((Side::Key, "key_id")),
        _ => None,
    }
}

fn unknown_group() -> Box<Denial> {
    invalid("group_by", "group_by is one of user, session, model and key.")
}

/// The sum of sums.
pub fn total<'a>(sums: impl IntoIterator<Item = &'a Sum>) -> Sum {
    sums.into_iter().fold(Sum::default(), |mut all, sum| {
        for (of, more) in [
            (&mut all.requests, sum.requests),
            (&mut all.prompt_tokens, sum.prompt_tokens),
            (&mut all.completion_tokens, sum.completion_tokens),
            (&mut all.cached_tokens, sum.cached_tokens),
            (&mut all.reasoning_tokens, sum.reasoning_tokens),
            (&mut all.micro_usd, sum.micro_usd),
            (&mut all.unpriced_requests, sum.unpriced_requests),
        ] {
            *of = of.saturating_add(more);
        }
        all
    })
}

/// A sum as `/v1/usage` tells it.
pub fn told(sum: &Sum) -> Map<String, Value> {
    let told = json!({
        "requests": sum.requests,
        "tokens": sum.prompt_tokens.saturating_add(sum.completion_tokens),
        "input_tokens": sum.prompt_tokens,
        "output_tokens": sum.completion_tokens,
        "cached_tokens": sum.cached_tokens,
        "reasoning_tokens": sum.reasoning_tokens,
        "cost_usd": dollars(sum.micro_usd),
        "unpriced_requests": sum.unpriced_requests,
    });
    members(told)
}

fn bucket(sum: &Sum) -> Map<String, Value> {
    members(json!({
        "requests": sum.requests,
        "input_tokens": sum.prompt_tokens,
        "output_tokens": sum.completion_tokens,
        "cost_usd": dollars(sum.micro_usd),
        "unpriced_requests": sum.unpriced_requests,
    }))
}

fn by_model(sum: &Sum) -> Value {
    let mut told = bucket(sum);
    told.insert("model".to_owned(), json!(sum.sides.get(1).cloned().flatten()));
    Value::Object(told)
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Micro-dollars as dollars. Exact to the micro-dollar up to nine billion dollars.
pub fn dollars(micro_usd: u64) -> f64 {
    micro_usd as f64 / 1e6
}
