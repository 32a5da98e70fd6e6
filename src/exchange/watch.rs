//! What may cut a wait short: the client leaving, a deadline, the gateway stopping.

use super::alarm::{Alarm, Ring};
use crate::drain::{StopSignal, Stopped};
use crate::passage::Bearer;
use pingora::protocols::http::ServerSession;
use std::future::{Future, pending};

/// Why a wait was cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// The client is gone.
    ClientLeft,
    /// Time is up for something.
    Ring(Ring),
    /// The gateway ends what still runs, or whoever it acts for was revoked.
    Stopped(Stopped),
}

/// Watches over one exchange.
pub struct Watch {
    /// The exchange's deadlines.
    pub alarm: Alarm,
    stop: StopSignal,
    bearer: Bearer,
}

impl Watch {
    /// A watch.
    pub fn new(alarm: Alarm, stop: StopSignal, bearer: Bearer) -> Self {
        Self { alarm, stop, bearer }
    }

    /// Waits for `work`, unless something else comes first. Then `work` is dropped: pass a reference
    /// to what must live on. `work` has precedence.
    pub async fn over<T>(
        &mut self,
        client: &mut ServerSession,
        work: impl Future<Output = T>,
    ) -> Result<T, Interrupt> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = gone(client) => Err(Interrupt::ClientLeft),
            ring = self.alarm.ring() => Err(Interrupt::Ring(ring)),
            why = self.stop.stopped(|| self.bearer.is_revoked()) => Err(Interrupt::Stopped(why)),
        }
    }
}

/// Resolves when the client has left. A client that half-closes counts as gone.
async fn gone(client: &mut ServerSession) {
    if client.read_body_or_idle(true).await.is_ok() {
        pending::<()>().await;
    }
}
