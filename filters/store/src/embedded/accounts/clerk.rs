//! The thread that looks after leases, journals, folds and events, whether anybody asks or not.

use super::Accounts;
use super::fold::Fold;
use crate::embedded::events::EventDesk;
use crate::embedded::health::{Health, Watched};
use crate::embedded::writer::Hand;
use crate::error::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Dropping it has the rest folded. It never waits for the writer, which may be the one who drops it.
pub(in crate::embedded) struct Clerk {
    /// Taken to send the thread home.
    open: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    accounts: Arc<Accounts>,
    events: Arc<EventDesk>,
    /// Given back before the writer is to end: it waits for all hands.
    hand: Option<Hand>,
}

impl Clerk {
    pub(in crate::embedded) fn start(
        accounts: &Arc<Accounts>,
        events: &Arc<EventDesk>,
        hand: &Hand,
        health: &Arc<Health>,
        interval: Duration,
    ) -> Result<Self, Error> {
        let (open, closes) = channel();
        let watched = Watched(health.clone());
        let (its_accounts, its_events) = (accounts.clone(), events.clone());
        let its_hand = hand.clone();
        let watched_work = move || {
            let _watched = watched;
            work(&its_accounts, &its_events, &its_hand, &closes, interval);
        };
        let thread = thread::Builder::new()
            .name("behest-store-clerk".into())
            .spawn(watched_work)
            .map_err(Error::NoThread)?;
        Ok(Self {
            open: Some(open),
            thread: Some(thread),
            accounts: accounts.clone(),
            events: events.clone(),
            hand: Some(hand.clone()),
        })
    }
}

impl Drop for Clerk {
    fn drop(&mut self) {
        drop(self.open.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
        if let Some(hand) = self.hand.take() {
            self.events.write_rest(&hand);
            // What is not folded now is when the store is opened next.
            drop(hand.put(Box::new(Fold::quiet(self.accounts.clone(), true))));
        }
    }
}

fn work(
    accounts: &Arc<Accounts>,
    events: &Arc<EventDesk>,
    hand: &Hand,
    closes: &Receiver<()>,
    interval: Duration,
) {
    // What there was to find, the store has found when it was opened.
    while let Err(RecvTimeoutError::Timeout) = closes.recv_timeout(interval) {
        accounts.look_after();
        events.look_after(hand);
        if accounts.has_news() && !accounts.is_folding.swap(true, Ordering::AcqRel) {
            let fold = Box::new(Fold::quiet(accounts.clone(), false));
            if hand.put(fold).is_err() {
                accounts.is_folding.store(false, Ordering::Release);
            }
        }
    }
}
