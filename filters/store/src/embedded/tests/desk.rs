//! A store whose time is the test's, and who asks it.

use super::Folder;
use crate::Embedded;
use crate::book_suite::{all_rows, row};
use crate::config::EmbeddedConfig;
use behest_contract::book::{Book, Row};
use behest_contract::clock::{Clock, ManualClock};
use behest_contract::directory::Directory;
use behest_contract::purse::{Ask, Demand, Purse, Refused, Settlement};
use futures::executor::block_on;
use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub(super) const START: u64 = 1_750_000_000;

/// One that folds only when it is asked, so that a test knows what is in the journal.
pub(super) fn unhurried() -> EmbeddedConfig {
    EmbeddedConfig { fold_interval: Duration::from_secs(3600), ..EmbeddedConfig::default() }
}

/// One that looks after itself all the time.
pub(super) fn hurried() -> EmbeddedConfig {
    EmbeddedConfig { fold_interval: Duration::from_millis(5), ..EmbeddedConfig::default() }
}

pub(super) struct Desk<C = ManualClock> {
    pub(super) store: Embedded,
    pub(super) clock: C,
    /// Leases that somebody still has.
    pub(super) held: RefCell<Vec<Ask>>,
    pub(super) folder: Folder,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self::with(unhurried())
    }

    pub(super) fn with(config: EmbeddedConfig) -> Self {
        Self::opened_with(Folder::new(), ManualClock::at(START), config)
    }
}

impl<C: Clock + Clone + 'static> Desk<C> {
    pub(super) fn opened(folder: Folder, clock: C) -> Self {
        Self::opened_with(folder, clock, unhurried())
    }

    pub(super) fn opened_with(folder: Folder, clock: C, config: EmbeddedConfig) -> Self {
        let its = Arc::new(clock.clone());
        let store = Embedded::open_with_clock(folder.path(), &config, its).unwrap();
        Self { store, clock, held: RefCell::default(), folder }
    }

    /// The lease is the caller's.
    pub(super) fn admit(&self, id: &str, demands: &[Demand]) -> Result<Ask, Refused> {
        admit_on(&self.store, id, demands)
    }

    pub(super) fn admit_and_hold(&self, id: &str, demands: &[Demand]) {
        self.held.borrow_mut().push(self.admit(id, demands).unwrap());
    }

    pub(super) fn close(&self, id: &str) {
        close_on(&self.store, row(id, 0));
    }

    pub(super) fn void(&self, id: &str) {
        self.store.settle(Settlement {
            id: id.into(),
            tenant: "t".into(),
            tokens: 0,
            micro_usd: 0,
            void: true,
        });
    }

    /// What a counter has come to, after what others have written.
    pub(super) fn used(&self, mut of: Demand) -> u64 {
        (of.limit, of.amount) = (0, 1);
        match self.admit("count", &[of]) {
            Err(Refused::Full { used, .. }) => used,
            other => panic!("{other:?}"),
        }
    }

    /// The same from memory alone.
    pub(super) fn peeked(&self, mut of: Demand) -> u64 {
        (of.limit, of.amount) = (0, 1);
        match self.store.peek("t", &ask("count", &[]).subjects, &[of]) {
            Err(Refused::Full { used, .. }) => used,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        block_on(self.store.rows(all_rows(None))).unwrap()
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.store.is_healthy()
    }

    /// Waits for what another thread does. The bound is only for a test that fails.
    pub(super) fn comes_true(&self, condition: impl Fn(&Self) -> bool) {
        for _ in 0..4000 {
            if condition(self) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it did not come true");
    }
}

pub(super) fn close_on(store: &Embedded, row: Row) {
    store.close(Some(crate::book_suite::settlement(&row)), Some(row));
}

pub(super) fn admit_on(store: &Embedded, id: &str, demands: &[Demand]) -> Result<Ask, Refused> {
    admitted(store, ask(id, demands))
}

pub(super) fn admitted(store: &Embedded, ask: Ask) -> Result<Ask, Refused> {
    block_on(store.admit(ask.clone()).settled()).map(|_| ask)
}

pub(super) fn ask(id: &str, demands: &[Demand]) -> Ask {
    Ask {
        id: id.into(),
        tenant: "t".into(),
        subjects: ["p:p", "u:p/ann", "s:p/ann/default"].map(Arc::from).into_iter().collect(),
        demands: demands.iter().copied().collect(),
        sketch: Arc::new(row(id, 0)),
        known: Arc::default(),
    }
}

/// A folder as a process that dies now would leave it.
pub(super) fn crashed(folder: &Folder) -> Folder {
    let image = Folder::new();
    fs::create_dir_all(image.path().join("journal")).unwrap();
    // The journals first: what is folded later is in them too.
    for from in ["journal", ""] {
        for file in fs::read_dir(folder.path().join(from)).unwrap() {
            let file = file.unwrap();
            let name = file.file_name();
            let to = image.path().join(from).join(&name);
            if !file.path().is_dir() && !name.to_string_lossy().ends_with("-shm") {
                fs::copy(file.path(), to).unwrap();
            }
        }
    }
    image
}

impl Folder {
    pub(super) fn journal(&self, boot: u64, number: u32) -> PathBuf {
        self.path().join("journal").join(format!("{boot}-{number:06}.log"))
    }

    /// The names of all files beside the database.
    pub(super) fn journals(&self) -> Vec<String> {
        let files = fs::read_dir(self.path().join("journal")).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }
}
