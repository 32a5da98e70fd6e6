//! Rooms for tests.

use behest_contract::delta::{Channel, Delta, Text};
use behest_contract::denial::{Denial, Kind};
use behest_contract::facts::{Endpoint, Fact, FactKey, Facts, Principal};
use behest_contract::filter::{Commit, Filter, Hears, Step, Visit};
use behest_contract::outcome::Outcome;
use behest_contract::prompt::{Fragment, Prompt};
use bytes::Bytes;
use parking_lot::Mutex;
use pingora::http::RequestHeader;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Holds back the last so many characters of each channel.
pub(super) struct Hold(pub(super) usize);

impl Filter for Hold {
    fn name(&self) -> &'static str {
        "hold"
    }
    fn hears(&self) -> Hears {
        Hears::Text
    }
    fn enter(&self) -> Box<dyn Visit> {
        Box::new(Holding { keep: self.0, held: HashMap::new() })
    }
}

struct Holding {
    keep: usize,
    /// By line, with the channel of the latest piece.
    held: HashMap<Channel, (Channel, String)>,
}

impl Visit for Holding {
    fn delta(&mut self, delta: Delta, out: &mut Vec<Delta>) {
        match delta {
            Delta::Text(text) if text.channel.kind.comes_whole() => out.push(Delta::Text(text)),
            Delta::Text(text) => {
                let before = self.held.remove(&text.channel.line());
                let (_, mut words) = before.unwrap_or((text.channel, String::new()));
                words.push_str(&text.read());
                let leaves = words.chars().count().saturating_sub(self.keep);
                let cut = words.char_indices().nth(leaves).map_or(words.len(), |(at, _)| at);
                self.held.insert(text.channel.line(), (text.channel, words.split_off(cut)));
                if !words.is_empty() {
                    out.push(Delta::Text(text.with(words)));
                }
            }
            Delta::Finish { choice } => {
                let lines: Vec<_> =
                    self.held.keys().filter(|line| line.choice == choice).copied().collect();
                for line in lines {
                    let (channel, words) = self.held.remove(&line).unwrap();
                    if !words.is_empty() {
                        out.push(Delta::Text(Text::written(channel, words)));
                    }
                }
                out.push(delta);
            }
            other => out.push(other),
        }
    }
}

/// Makes one text of each character.
pub(super) struct Split;

impl Filter for Split {
    fn name(&self) -> &'static str {
        "split"
    }
    fn hears(&self) -> Hears {
        Hears::Text
    }
    fn enter(&self) -> Box<dyn Visit> {
        Box::new(Self)
    }
}

impl Visit for Split {
    fn delta(&mut self, delta: Delta, out: &mut Vec<Delta>) {
        match delta {
            Delta::Text(text) => {
                for character in text.read().chars() {
                    out.push(Delta::Text(text.with(character.to_string())));
                }
            }
            other => out.push(other),
        }
    }
}

/// Changes every text.
pub(super) struct Change;

impl Filter for Change {
    fn name(&self) -> &'static str {
        "change"
    }
    fn hears(&self) -> Hears {
        Hears::Text
    }
    fn enter(&self) -> Box<dyn Visit> {
        Box::new(Self)
    }
}

impl Visit for Change {
    fn delta(&mut self, delta: Delta, out: &mut Vec<Delta>) {
        out.push(match delta {
            Delta::Text(text) => Delta::Text(text.with(text.read().to_uppercase())),
            other => other,
        });
    }
}

/// Swallows every `x`, and a text that is nothing else.
pub(super) struct Swallow;

impl Filter for Swallow {
    fn name(&self) -> &'static str {
        "swallow"
    }
    fn hears(&self) -> Hears {
        Hears::Text
    }
    fn enter(&self) -> Box<dyn Visit> {
        Box::new(Self)
    }
}

impl Visit for Swallow {
    fn delta(&mut self, delta: Delta, out: &mut Vec<Delta>) {
        match delta {
            Delta::Text(text) if text.read().contains('x') => {
                let words = text.read().replace('x', "");
                if !words.is_empty() {
                    out.push(Delta::Text(text.with(words)));
                }
            }
            other => out.push(other),
        }
    }
}

/// States who asks, as `auth` would.
pub(super) struct Identify;

impl Filter for Identify {
    fn name(&self) -> &'static str {
        "identify"
    }
    fn reads(&self) -> Vec<FactKey> {
        vec![FactKey::of::<Endpoint>()]
    }
    fn states(&self) -> Vec<FactKey> {
        vec![FactKey::of::<Principal>()]
    }
    fn enter(&self) -> Box<dyn Visit> {
        Box::new(Self)
    }
}

impl Visit for Identify {
    fn head<'a>(&'a mut self, _: &'a mut RequestHeader, facts: &'a mut Facts) -> Step<'a> {
        let id = || Arc::from("p");
        facts.state(Principal {
            tenant: id(),
            project: id(),
            key: id(),
            user: None,
            tier: None,
            session: None,
        });
        Step::go()
    }
}

/// Refuses, at the head or at the prompt.
pub(super) struct Refuse {
    pub(super) at_head: bool,
}

impl Filter for Refuse {
    fn name(&self) -> &'static str {
        "refuse"
    }
    fn enter(&self) -> Box<dyn Visit> {
        Box::new(Refusing { at_head: self.at_head })
    }
}

struct Refusing {
    at_head: bool,
}

impl Visit for Refusing {
    fn head<'a>(&'a mut self, _: &'a mut RequestHeader, _: &'a mut Facts) -> Step<'a> {
        if !self.at_head {
            return Step::go();
        }
        // A refusal that has to be waited for.
        Step::Wait(Box::pin(async {
            tokio::task::yield_now().await;
            Denial::new(Kind::Forbidden, "Not at the head.").into()
        }))
    }
    fn prompt<'a>(&'a mut self, _: &'a mut Prompt, _: &'a mut Facts) -> Step<'a> {
        Step::Done(Denial::new(Kind::ContentBlocked, "Not this prompt.").into())
    }
}

/// A fact of these tests: how many texts the prompt had.
struct TextCount(usize);

impl Fact for TextCount {
    const NAME: &'static str = "TextCount";
}

/// Upper-cases the prompt's texts, lays a message before them, and states how many there were.
pub(super) struct Edit;

impl Filter for Edit {
    fn name(&self) -> &'static str {
        "edit"
    }
    fn states(&self) -> Vec<FactKey> {
        vec![FactKey::of::<TextCount>()]
    }
    fn enter(&self) -> Box<dyn Visit> {
        Box::new(Self)
    }
}

impl Visit for Edit {
    fn prompt<'a>(&'a mut self, prompt: &'a mut Prompt, facts: &'a mut Facts) -> Step<'a> {
        let texts: Vec<_> = prompt.texts().map(|(at, _, now)| (at, now.to_uppercase())).collect();
        facts.state(TextCount(texts.len()));
        for (at, words) in texts {
            prompt.replace_text(at, &words);
        }
        let json = Bytes::from_static(br#"{"role":"system","content":"before"}"#);
        prompt.insert_messages(0, Fragment { json, texts: Vec::new() });
        Step::go()
    }
}

/// Adds a member that says what an earlier room stated.
pub(super) struct Tell;

impl Filter for Tell {
    fn name(&self) -> &'static str {
        "tell"
    }
    fn reads(&self) -> Vec<FactKey> {
        vec![FactKey::of::<TextCount>()]
    }
    fn enter(&self) -> Box<dyn Visit> {
        Box::new(Self)
    }
}

impl Visit for Tell {
    fn prompt<'a>(&'a mut self, prompt: &'a mut Prompt, facts: &'a mut Facts) -> Step<'a> {
        let TextCount(count) = facts.read().unwrap();
        prompt.edits().append(format!("\"texts\":{count}").into());
        Step::go()
    }
}

/// Delays the end until told that it is committed, or not.
#[derive(Clone, Default)]
pub(super) struct Await(Arc<Mutex<Option<oneshot::Receiver<bool>>>>);

impl Await {
    pub(super) fn new() -> (oneshot::Sender<bool>, Self) {
        let (told, wait) = oneshot::channel();
        (told, Self(Arc::new(Mutex::new(Some(wait)))))
    }
}

impl Filter for Await {
    fn name(&self) -> &'static str {
        "await"
    }
    fn enter(&self) -> Box<dyn Visit> {
        Box::new(self.clone())
    }
}

impl Visit for Await {
    fn commit(&mut self) -> Option<Commit> {
        let wait = self.0.lock().take()?;
        Some(Box::pin(async move {
            match wait.await {
                Ok(true) => Ok(()),
                _ => Denial::new(Kind::Unavailable, "It could not be stored.").into(),
            }
        }))
    }
}

/// Remembers how requests ended.
#[derive(Clone, Default)]
pub(super) struct Record(pub(super) Arc<Mutex<Vec<Outcome>>>);

impl Filter for Record {
    fn name(&self) -> &'static str {
        "record"
    }
    fn enter(&self) -> Box<dyn Visit> {
        Box::new(self.clone())
    }
}

impl Visit for Record {
    fn close(&mut self, outcome: &Outcome, _: &Facts) {
        self.0.lock().push(outcome.clone());
    }
}
