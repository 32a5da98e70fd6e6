//! Admission, the ledger and events: the contract's ports on the embedded engine.

use super::accounts::fold::{Fold, ended};
use super::{Embedded, events, ledger};
use behest_contract::book::{Answer, Book, Row, RowQuery, Sum, UsageQuery};
use behest_contract::directory::Failure;
use behest_contract::events::{Event, EventQuery, EventRecord, Events};
use behest_contract::ports::others_first;
use behest_contract::purse::{Ask, Decision, Demand, Opening, Purse, Refused, Settlement};
use futures::channel::oneshot;
use std::sync::Arc;
use std::time::Duration;

impl Purse for Embedded {
    fn admit(&self, ask: Ask) -> Decision {
        match self.0.accounts.admit(&ask) {
            Err(refused) => Decision::Done(Err(refused)),
            Ok(admitted) => {
                let store = self.clone();
                Decision::Wait(Box::pin(async move {
                    others_first().await;
                    store.0.accounts.written(admitted)
                }))
            }
        }
    }

    fn peek(&self, tenant: &str, subjects: &[Arc<str>], demands: &[Demand]) -> Result<(), Refused> {
        self.0.accounts.peek(tenant, subjects, demands)
    }

    fn raise(&self, tenant: &str, at: Duration, openings: Vec<Opening>) -> Answer<()> {
        Box::pin(std::future::ready(self.0.accounts.raise(tenant, at, &openings)))
    }

    fn settle(&self, settlement: Settlement) {
        self.0.accounts.close(Some(&settlement), None);
        self.0.accounts.flush();
    }
}

impl Book for Embedded {
    fn close(&self, settlement: Option<Settlement>, row: Option<Row>) {
        self.close_soon(settlement, row);
        self.flush_closed();
    }

    fn close_soon(&self, settlement: Option<Settlement>, row: Option<Row>) {
        self.0.accounts.close(settlement.as_ref(), row.as_ref());
    }

    fn owes_a_flush(&self) -> bool {
        self.0.accounts.is_owing()
    }

    fn flush_closed(&self) {
        self.0.accounts.flush();
    }

    fn usage(&self, query: UsageQuery) -> Answer<Vec<Sum>> {
        let store = self.clone();
        let folded = self.fold();
        Box::pin(async move {
            folded.await?;
            store.0.readers.ask(move |on| ledger::usage(on, &query)).await
        })
    }

    fn rows(&self, query: RowQuery) -> Answer<Vec<Row>> {
        let store = self.clone();
        let folded = self.fold();
        Box::pin(async move {
            folded.await?;
            store.0.readers.ask(move |on| ledger::rows(on, &query)).await
        })
    }

    fn erase_user(&self, project: &str, user: &str, pseudonym: &str) -> Answer<u64> {
        // The journal has the name too: what was written so far goes when it is folded.
        self.0.accounts.turn_page();
        let store = self.clone();
        let [project, user, pseudonym] = [project, user, pseudonym].map(Box::<str>::from);
        let folded = self.fold_anyway();
        Box::pin(async move {
            folded.await?;
            let erase = store
                .0
                .writer
                .submit(move |on| Ok(ledger::erase_user(on, &project, &user, &pseudonym)?));
            erase.await
        })
    }
}

impl Events for Embedded {
    fn record(&self, event: Event) {
        self.0.events.record(event);
    }

    fn list(&self, query: EventQuery) -> Answer<Vec<EventRecord>> {
        let store = self.clone();
        let written = self.flush();
        Box::pin(async move {
            written.await?;
            store.0.readers.ask(store.0.events.query(query)).await
        })
    }

    fn flush(&self) -> Answer<()> {
        Box::pin(events::ended(self.0.events.flushed(&self.0.writer)))
    }

    fn dropped(&self) -> u64 {
        self.0.events.dropped()
    }
}

impl Embedded {
    /// Brings all that was closed so far into the database.
    fn fold(&self) -> Answer<()> {
        if self.0.accounts.has_news() { self.fold_anyway() } else { Box::pin(async { Ok(()) }) }
    }

    /// The same, and deletes the files of the journal that are done with.
    fn fold_anyway(&self) -> Answer<()> {
        let first = self.ask_for_fold();
        let store = self.clone();
        Box::pin(async move {
            let mut has_more = ended(first?).await?;
            while has_more {
                has_more = ended(store.ask_for_fold()?).await?;
            }
            Ok(())
        })
    }

    fn ask_for_fold(&self) -> Result<oneshot::Receiver<Result<bool, Failure>>, Failure> {
        let (reply, end) = oneshot::channel();
        let fold = Fold::asked(self.0.accounts.clone(), reply);
        self.0.writer.put(Box::new(fold))?;
        Ok(end)
    }
}
