//! Provider events → rooms → client events.
//!
//! Whatever the provider has already sent is read and relayed before each write, so that a burst
//! shares a write; a lone event leaves at once. Nothing is held on a timer. The last event waits for
//! the rooms' commits.

use crate::exchange::{Answer, Break, Interrupt, Place, Ring, Stop, Watch, deadline, stopping};
use crate::front::{Spelling, StreamSpeller, spell_whole};
use crate::passage::{Account, Passage};
use crate::reply;
use behest_contract::chain::Visits;
use behest_contract::delta::{Decoded, Delta};
use behest_contract::denial::{Denial, Verdict};
use behest_contract::filter::Commit;
use behest_contract::sse;
use behest_pii::Restoring;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::try_join_all;
use pingora::protocols::http::ServerSession;

/// What is gathered for one write; more waits for the next one.
const WRITE_MAX: usize = 32 * 1024;

/// Relays an answer to its end.
pub async fn relay(
    answer: &mut Answer,
    place: &Place,
    client: &mut ServerSession,
    passage: &mut Passage,
    watch: &mut Watch,
) -> Result<(), Stop> {
    // Sent, and not needed any more: a stream may run for long.
    let prompt = passage.prompt.take();
    let (streamed, usage_asked) =
        prompt.map_or((false, false), |p| (p.outline().streamed, p.outline().usage_asked()));
    let without_logprobs = passage.facts.read::<Restoring>().is_some();
    let spelling = Spelling { usage_asked, without_logprobs };
    if streamed {
        stream(answer, spelling, place, client, passage, watch).await
    } else {
        whole(answer, spelling, client, passage, watch).await
    }
}

/// A whole answer is here already: the rooms see it, then it leaves.
async fn whole(
    answer: &mut Answer,
    spelling: Spelling,
    client: &mut ServerSession,
    passage: &mut Passage,
    watch: &mut Watch,
) -> Result<(), Stop> {
    let mut body = Bytes::new();
    for decoded in answer.frames.drain(..) {
        if let Decoded::Frame(mut frame) = decoded {
            let mut said = frame.deltas.drain(..).collect();
            passage.visits.deltas(&mut said);
            passage.account.hear(&said);
            if let Some(denial) = passage.visits.broken() {
                return Err(Stop::Refused(denial));
            }
            body = spell_whole(spelling, &frame, &said);
        }
    }
    let committed = commit(client, passage, watch, false).await?;
    committed.map_err(Stop::Refused)?;
    reply::whole(client, passage, body).await.map_err(|_| Stop::ClientLeft)
}

async fn stream(
    answer: &mut Answer,
    spelling: Spelling,
    place: &Place,
    client: &mut ServerSession,
    passage: &mut Passage,
    watch: &mut Watch,
) -> Result<(), Stop> {
    reply::begin_stream(client, passage).await.map_err(|_| Stop::ClientLeft)?;
    let mut events = Events::new(spelling);
    watch.alarm.wait_for(Ring::BetweenBytes);
    watch.alarm.heard();
    loop {
        if let Err(cut) = events.gather(answer, passage) {
            return Err(events.tell(client, passage, place, cut).await);
        }
        if events.over {
            // The provider's end is here already, most of the time: its connection is given back
            // before the client can send its next request.
            let _ = answer.read_out().now_or_never();
            answer.give_back(place).await;
            return events.finish(client, passage, watch).await;
        }
        if !events.out.is_empty() {
            events.write(client).await?;
            watch.alarm.heard();
        }
        match watch.over(client, answer.read()).await {
            Ok(Ok(())) => watch.alarm.wait_for(Ring::BetweenBytes),
            Ok(Err(broken)) => {
                // What came before the break is still the client's, unless a room says no.
                let cut = match events.take(&mut answer.frames, passage) {
                    Err(Cut::Room(denial)) => Cut::Room(denial),
                    _ => Cut::Provider(broken),
                };
                return Err(events.tell(client, passage, place, cut).await);
            }
            Err(Interrupt::Ring(Ring::Heartbeat)) => events.out.extend_from_slice(sse::PING),
            Err(Interrupt::ClientLeft) => return Err(Stop::ClientLeft),
            Err(Interrupt::Ring(ring)) => {
                return Err(events.break_off(client, deadline(ring)).await);
            }
            Err(Interrupt::Stopped(why)) => {
                return Err(events.break_off(client, stopping(why)).await);
            }
        }
    }
}

/// Why a stream ends before its end.
#[derive(Debug)]
pub enum Cut {
    /// The provider broke off.
    Provider(Break),
    /// A room lets nothing more pass.
    Room(Box<Denial>),
}

/// The client's side of a stream.
pub struct Events {
    speller: StreamSpeller,
    said: Vec<Delta>,
    /// What is spelt and not yet written.
    out: Vec<u8>,
    over: bool,
}

impl Events {
    /// A stream that is to be spelt like this.
    pub fn new(spelling: Spelling) -> Self {
        Self {
            speller: StreamSpeller::new(spelling),
            said: Vec::with_capacity(4),
            out: Vec::with_capacity(2048),
            over: false,
        }
    }

    /// Takes what is decoded, and then whatever more the provider has already sent.
    fn gather(&mut self, answer: &mut Answer, passage: &mut Passage) -> Result<(), Cut> {
        self.take(&mut answer.frames, passage)?;
        while !self.over && !answer.has_ended() && self.out.len() < WRITE_MAX {
            match answer.read().now_or_never() {
                None => break,
                Some(read) => {
                    let taken = self.take(&mut answer.frames, passage);
                    if let Err(Cut::Room(denial)) = taken {
                        return Err(Cut::Room(denial));
                    }
                    read.map_err(Cut::Provider).and(taken)?;
                }
            }
        }
        Ok(())
    }

    /// Leads decoded frames through the rooms and spells what comes out.
    fn take(&mut self, frames: &mut Vec<Decoded>, passage: &mut Passage) -> Result<(), Cut> {
        let Passage { visits, account, .. } = passage;
        self.lead_through(frames, visits, account)
    }

    /// Leads decoded frames through these visits and spells what comes out.
    pub fn lead_through(
        &mut self,
        frames: &mut Vec<Decoded>,
        visits: &mut Visits,
        account: &mut Account,
    ) -> Result<(), Cut> {
        for decoded in frames.drain(..) {
            let Decoded::Frame(mut frame) = decoded else {
                return Err(Cut::Provider(Break::Reported));
            };
            self.said.extend(frame.deltas.drain(..));
            visits.deltas(&mut self.said);
            account.hear(&self.said);
            if let Some(denial) = visits.broken() {
                return Err(Cut::Room(denial));
            }
            self.speller.frame(&frame, &self.said, &mut self.out);
            self.over |= self.said.iter().any(|delta| matches!(delta, Delta::End));
            self.said.clear();
        }
        Ok(())
    }

    /// What is spelt and not yet taken.
    pub fn take_spelt(&mut self) -> Bytes {
        Bytes::from(std::mem::take(&mut self.out))
    }

    async fn write(&mut self, client: &mut ServerSession) -> Result<(), Stop> {
        let events = self.take_spelt();
        client.write_response_body(events, false).await.map_err(|_| Stop::ClientLeft)
    }

    /// The answer is complete: once the rooms have committed it, the client is told so.
    async fn finish(
        mut self,
        client: &mut ServerSession,
        passage: &mut Passage,
        watch: &mut Watch,
    ) -> Result<(), Stop> {
        let commits = passage.visits.commits();
        if !commits.is_empty() {
            if !self.out.is_empty() {
                self.write(client).await?;
                watch.alarm.heard();
            }
            if let Err(denial) = settle(client, watch, commits.into_vec(), true).await? {
                return Err(self.break_off(client, denial).await);
            }
        }
        sse::write_event(sse::DONE, &mut self.out);
        let last = Bytes::from(self.out);
        client.write_response_body(last, true).await.map_err(|_| Stop::ClientLeft)
    }

    /// Tells the client that the stream ends here, and the books if that is the provider's fault.
    async fn tell(
        &mut self,
        client: &mut ServerSession,
        passage: &Passage,
        place: &Place,
        cut: Cut,
    ) -> Stop {
        let denial = match cut {
            Cut::Room(denial) => denial,
            Cut::Provider(broken) => {
                passage.house.metrics.upstream_failed(place.provider.name(), broken.fault());
                broken.denial(place)
            }
        };
        self.break_off(client, denial).await
    }

    /// Tells the client within the stream that it breaks off here.
    async fn break_off(&mut self, client: &mut ServerSession, denial: Box<Denial>) -> Stop {
        reply::spell_error_event(&denial, &mut self.out);
        match self.write(client).await {
            Ok(()) => Stop::Broken(denial),
            Err(gone) => gone,
        }
    }
}

/// Waits for the rooms' commits. The outer error ends the exchange, the inner one is a room's.
async fn commit(
    client: &mut ServerSession,
    passage: &mut Passage,
    watch: &mut Watch,
    streamed: bool,
) -> Result<Verdict, Stop> {
    let commits = passage.visits.commits();
    if commits.is_empty() {
        return Ok(Ok(()));
    }
    settle(client, watch, commits.into_vec(), streamed).await
}

async fn settle(
    client: &mut ServerSession,
    watch: &mut Watch,
    commits: Vec<Commit>,
    streamed: bool,
) -> Result<Verdict, Stop> {
    let mut all = try_join_all(commits);
    watch.alarm.wait_for(Ring::Total);
    loop {
        match watch.over(client, &mut all).await {
            Ok(committed) => return Ok(committed.map(drop)),
            Err(Interrupt::Ring(Ring::Heartbeat)) if streamed => {
                let ping = Bytes::from_static(sse::PING);
                client.write_response_body(ping, false).await.map_err(|_| Stop::ClientLeft)?;
                watch.alarm.heard();
            }
            Err(Interrupt::Ring(ring)) => return Ok(Err(deadline(ring))),
            Err(Interrupt::ClientLeft) => return Err(Stop::ClientLeft),
            Err(Interrupt::Stopped(why)) => return Ok(Err(stopping(why))),
        }
    }
}

#[cfg(test)]
mod tests;
