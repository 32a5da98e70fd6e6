use super::Folder;
use crate::config::EmbeddedConfig;
use crate::{Embedded, book_suite};
use behest_contract::testing::{ManualClock, purse_suite};
use std::cell::RefCell;
use std::sync::Arc;

/// Opens stores in new folders, which are kept.
fn makes(folders: &RefCell<Vec<Folder>>) -> impl Fn(ManualClock) -> Arc<Embedded> {
    |clock| {
        let folder = Folder::new();
        let config = EmbeddedConfig::default();
        let store = Embedded::open_with_clock(folder.path(), &config, Arc::new(clock)).unwrap();
        folders.borrow_mut().push(folder);
        Arc::new(store)
    }
}

#[test]
fn it_behaves_as_a_purse() {
    purse_suite::run(makes(&RefCell::default()));
}

#[test]
fn it_behaves_as_a_book() {
    book_suite::run(makes(&RefCell::default()));
}
