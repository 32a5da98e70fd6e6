//! An answer's texts on their way down, each channel in a lane of its own.

use crate::config::Mode;
use crate::redactor::{Blocked, Reading, Redactor};
use crate::restore::{Restorer, Spelling, StreamRestorer};
use crate::stream::StreamRedactor;
use crate::tally::Tally;
use crate::vault::Vault;
use behest_contract::delta::{Channel, Delta, Text};
use std::sync::Arc;

/// All channels of one answer.
pub(super) struct Lanes {
    plain: Restorer,
    json: Restorer,
    redactor: Redactor,
    /// Whether the model's own words are redacted.
    redacts: bool,
    /// Whether what it says is JSON, as the arguments of tools are.
    json_said: bool,
    lanes: Vec<Lane>,
    /// Something must not be said: no text leaves any more.
    shut: bool,
}

struct Lane {
    /// The channel of the latest piece: what is held leaves as that was spelt.
    channel: Channel,
    redact: Option<StreamRedactor>,
    restore: StreamRestorer,
}

impl Lane {
    fn is_empty(&self) -> bool {
        self.restore.held() == 0 && self.redact.as_ref().is_none_or(|redact| redact.held() == 0)
    }

    /// First what the model says is redacted, then what the request held is put back: what is put back
    /// is never looked at again.
    fn push(
        &mut self,
        piece: &str,
        redactor: &mut Redactor,
        out: &mut String,
    ) -> Result<(), Blocked> {
        let Some(redact) = &mut self.redact else {
            self.restore.push(piece, out);
            return Ok(());
        };
        let mut redacted = String::with_capacity(piece.len() + redact.held());
        let verdict = redact.push(redactor, piece, &mut redacted);
        self.restore.push(&redacted, out);
        verdict
    }

    fn finish(&mut self, redactor: &mut Redactor, out: &mut String) -> Result<(), Blocked> {
        let mut redacted = String::new();
        let verdict = match &mut self.redact {
            Some(redact) => redact.finish(redactor, &mut redacted),
            None => Ok(()),
        };
        self.restore.push(&redacted, out);
        self.restore.finish(out);
        verdict
    }
}

impl Lanes {
    pub(super) fn new(vault: Arc<Vault>, redactor: Redactor, redacts: bool) -> Self {
        Self {
            plain: Restorer::new(vault.clone(), Spelling::Plain),
            json: Restorer::new(vault, Spelling::Json),
            redactor,
            redacts,
            json_said: false,
            lanes: Vec::new(),
            shut: false,
        }
    }

    /// The client has asked for JSON: what is put back into the content must not end its strings.
    pub(super) fn with_json_said(mut self, json_said: bool) -> Self {
        self.json_said = json_said;
        self
    }

    pub(super) fn tally(&self) -> &Tally {
        self.redactor.tally()
    }

    pub(super) fn mode(&self) -> Mode {
        self.redactor.shield().mode()
    }

    /// Leads one delta on. An error shuts all lanes: nothing of what caused it has left.
    pub(super) fn take(&mut self, delta: Delta, out: &mut Vec<Delta>) -> Result<(), Blocked> {
        match delta {
            Delta::Text(_) if self.shut => Ok(()),
            Delta::Text(text) => self.text(text, out),
            Delta::Finish { choice } => {
                let verdict = self.finish(|channel| channel.choice == choice, out);
                out.push(Delta::Finish { choice });
                verdict
            }
            Delta::End => {
                let verdict = self.finish(|_| true, out);
                out.push(Delta::End);
                verdict
            }
            Delta::Usage(usage) => {
                out.push(Delta::Usage(usage));
                Ok(())
            }
        }
    }

    fn text(&mut self, text: Text, out: &mut Vec<Delta>) -> Result<(), Blocked> {
        if text.channel.kind.comes_whole() {
            return self.whole(text, out);
        }
        let at = self.lane(text.channel);
        let Some(lane) = self.lanes.get_mut(at) else { return Ok(()) };
        let was_empty = lane.is_empty();
        let piece = text.read();
        let mut said = String::with_capacity(piece.len());
        let verdict = lane.push(&piece, &mut self.redactor, &mut said);
        self.shut = verdict.is_err();
        if was_empty && lane.is_empty() && said == *piece {
            drop(piece);
            out.push(Delta::Text(text));
        } else if !said.is_empty() {
            out.push(Delta::Text(text.with(said)));
        }
        verdict
    }

    /// A text of which nothing more comes.
    fn whole(&mut self, text: Text, out: &mut Vec<Delta>) -> Result<(), Blocked> {
        let mut lane = self.open(text.channel);
        let piece = text.read();
        let mut said = String::with_capacity(piece.len());
        let pushed = lane.push(&piece, &mut self.redactor, &mut said);
        let verdict = pushed.and_then(|()| lane.finish(&mut self.redactor, &mut said));
        self.shut = verdict.is_err();
        if !self.shut && said == *piece {
            drop(piece);
            out.push(Delta::Text(text));
        } else if !self.shut {
            out.push(Delta::Text(text.with(said)));
        }
        verdict
    }

    fn finish(
        &mut self,
        ends: impl Fn(&Channel) -> bool,
        out: &mut Vec<Delta>,
    ) -> Result<(), Blocked> {
        let mut verdict = Ok(());
        if self.shut {
            return verdict;
        }
        for lane in self.lanes.iter_mut().filter(|lane| ends(&lane.channel)) {
            let mut said = String::new();
            let ended = lane.finish(&mut self.redactor, &mut said);
            if !said.is_empty() {
                out.push(Delta::Text(Text::written(lane.channel, said)));
            }
            verdict = verdict.and(ended);
            if verdict.is_err() {
                break;
            }
        }
        self.shut = verdict.is_err();
        self.lanes.retain(|lane| !ends(&lane.channel));
        verdict
    }

    /// The number of a channel's lane, which is opened if it is new.
    fn lane(&mut self, channel: Channel) -> usize {
        let line = channel.line();
        if let Some(at) = self.lanes.iter().position(|lane| lane.channel.line() == line) {
            if let Some(lane) = self.lanes.get_mut(at) {
                lane.channel = channel;
            }
            return at;
        }
        let lane = self.open(channel);
        self.lanes.push(lane);
        self.lanes.len() - 1
    }

    fn open(&self, channel: Channel) -> Lane {
        let is_json = channel.kind.is_json() || self.json_said && channel.kind.is_content();
        let (reading, restorer) = match is_json {
            true => (Reading::Json, &self.json),
            false => (Reading::Plain, &self.plain),
        };
        Lane {
            channel,
            redact: self.redacts.then(|| StreamRedactor::new(reading)),
            restore: StreamRestorer::new(restorer.clone()),
        }
    }
}
