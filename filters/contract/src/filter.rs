//! What a filter is: built once, visited by every request.

use crate::delta::Delta;
use crate::denial::{Denial, Verdict};
use crate::facts::{FactKey, Facts};
use crate::outcome::Outcome;
use crate::prompt::Prompt;
use futures::future::BoxFuture;
use http::HeaderMap;
use pingora_http::RequestHeader;

/// What a hook that may wait gives back. Rooms that need not wait cost no allocation.
pub enum Step<'a> {
    /// Decided.
    Done(Verdict),
    /// To be awaited.
    Wait(BoxFuture<'a, Verdict>),
}

impl Step<'_> {
    /// Go on.
    pub fn go() -> Self {
        Self::Done(Ok(()))
    }

    /// Waits if there is something to wait for.
    pub async fn verdict(self) -> Verdict {
        match self {
            Self::Done(verdict) => verdict,
            Self::Wait(future) => future.await,
        }
    }
}

impl From<Verdict> for Step<'_> {
    fn from(verdict: Verdict) -> Self {
        Self::Done(verdict)
    }
}

/// What of an answer a room listens to. A room that hears less costs less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Hears {
    /// Nothing.
    #[default]
    Nothing,
    /// Usage and the end.
    Usage,
    /// Everything.
    Text,
}

/// Something that must be done before the last event of an answer may leave.
pub type Commit = BoxFuture<'static, Verdict>;

/// Built once from its configuration, shared by all requests.
pub trait Filter: Send + Sync {
    /// The filter's name, in metrics and messages.
    fn name(&self) -> &'static str;

    /// Facts that it cannot work without.
    fn reads(&self) -> Vec<FactKey> {
        Vec::new()
    }

    /// Facts that it states.
    fn states(&self) -> Vec<FactKey> {
        Vec::new()
    }

    /// Facts that it reads in `close` only, from whichever room.
    fn reads_at_close(&self) -> Vec<FactKey> {
        Vec::new()
    }

    /// What of an answer its visits listen to.
    fn hears(&self) -> Hears {
        Hears::Nothing
    }

    /// A visit for one request.
    fn enter(&self) -> Box<dyn Visit>;
}

/// One request's passage through one filter. What it must remember is its own.
///
/// The hooks come in the order of time. `close` is not called after a panic or a forced exit.
pub trait Visit: Send + Sync {
    /// The head has come, the body has not. May change the head and may refuse.
    fn head<'a>(&'a mut self, head: &'a mut RequestHeader, facts: &'a mut Facts) -> Step<'a> {
        let _ = (head, facts);
        Step::go()
    }

    /// The prompt is read. May edit it and may refuse.
    fn prompt<'a>(&'a mut self, prompt: &'a mut Prompt, facts: &'a mut Facts) -> Step<'a> {
        let _ = (prompt, facts);
        Step::go()
    }

    /// The answer's head is about to leave with these headers. Refusals pass here too.
    fn reply(&mut self, headers: &mut HeaderMap, facts: &Facts) {
        let _ = (headers, facts);
    }

    /// A piece of the answer. What goes on is pushed to `out`: it, another, several or nothing.
    /// What is held back of a text leaves before what follows in its [line](crate::delta::Channel::line);
    /// nothing may be of one that [comes whole](crate::delta::ChannelKind::comes_whole).
    fn delta(&mut self, delta: Delta, out: &mut Vec<Delta>) {
        out.push(delta);
    }

    /// Why the answer must end here, if it must. Asked after each round of deltas; what the client is
    /// then told is that the stream broke.
    fn broken(&mut self) -> Option<Box<Denial>> {
        None
    }

    /// The answer is complete; its last event waits for this.
    fn commit(&mut self) -> Option<Commit> {
        None
    }

    /// It is over, one way or another.
    fn close(&mut self, outcome: &Outcome, facts: &Facts) {
        let _ = (outcome, facts);
    }
}
