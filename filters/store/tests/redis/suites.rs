//! The promises of the ports, kept on a real server.

use super::server::Server;
use super::{config, until};
use behest_contract::testing::{ManualClock, purse_suite};
use behest_store::{Embedded, EmbeddedConfig, Redis, book_suite};
use std::cell::RefCell;
use std::sync::Arc;
use tempfile::TempDir;

/// Opens engines that know of nothing.
fn makes<'a>(
    server: &'a Server,
    folders: &'a RefCell<Vec<TempDir>>,
) -> impl Fn(ManualClock) -> Arc<Redis> + 'a {
    |clock| {
        server.cli(&["FLUSHALL"]);
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let clock = Arc::new(clock);
        let ledger =
            Embedded::open_with_clock(data, &EmbeddedConfig::default(), clock.clone()).unwrap();
        folders.borrow_mut().push(folder);
        let config = config(&server.url());
        let redis = Redis::open_with_clock(&config, Arc::new(ledger), clock).unwrap();
        until("the engine is connected", || redis.is_up());
        Arc::new(redis)
    }
}

#[test]
fn it_behaves_as_a_purse() {
    let server = Server::start();
    purse_suite::run(makes(&server, &RefCell::default()));
}

#[test]
fn it_behaves_as_a_book() {
    let server = Server::start();
    book_suite::run(makes(&server, &RefCell::default()));
}
