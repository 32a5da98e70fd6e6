//! Reading a stream of events.

use super::answer::{self, Form};
use behest_contract::delta::{Decoded, Delta, Frame};
use behest_contract::dialect::{Answer, Decoder, Nonsense};
use behest_contract::filter::Hears;
use behest_contract::sse::{DONE, Events};
use bytes::Bytes;

/// Cuts events and reads each.
pub(super) struct StreamDecoder {
    events: Events,
    progress: Progress,
}

/// How far the answer is.
struct Progress {
    hears: Hears,
    /// Some choice has finished: without `[DONE]`, which not all send, that makes it complete.
    finished: bool,
    done: bool,
}

impl StreamDecoder {
    pub(super) fn new(answer: Answer) -> Self {
        let progress = Progress { hears: answer.hears, finished: false, done: false };
        Self { events: Events::new(answer.bytes_max), progress }
    }
}

impl Decoder for StreamDecoder {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<Decoded>) -> Result<(), Nonsense> {
        let progress = &mut self.progress;
        if progress.done {
            return Ok(());
        }
        let mut result = Ok(());
        let cut = self.events.feed(bytes, |data| {
            if result.is_ok() {
                result = progress.event(data, out);
            }
        });
        result?;
        cut.map_err(|_| Nonsense("an event of the provider's is larger than answer_limit"))
    }

    fn finish(&mut self, out: &mut Vec<Decoded>) -> Result<(), Nonsense> {
        if !self.progress.done {
            // A finish makes it complete; what is cut off behind it is an end that was never closed.
            if !self.progress.finished {
                return Err(Nonsense("the provider's stream ended before its answer did"));
            }
            self.progress.end(out);
        }
        Ok(())
    }
}

impl Progress {
    fn event(&mut self, data: Bytes, out: &mut Vec<Decoded>) -> Result<(), Nonsense> {
        if self.done || data.is_empty() {
            return Ok(());
        }
        if data.trim_ascii() == DONE {
            self.end(out);
            return Ok(());
        }
        let decoded = answer::read(data, self.hears, Form::Event)?;
        if let Decoded::Frame(frame) = &decoded {
            self.finished |= frame.deltas.iter().any(|d| matches!(d, Delta::Finish { .. }));
        }
        out.push(decoded);
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Decoded>) {
        self.done = true;
        let mut frame = Frame::default();
        frame.deltas.push(Delta::End);
        out.push(Decoded::Frame(frame));
    }
}
