//! The promises of the ports, kept on a real server.

use super::server::Server;
use super::{config, until};
use behest_contract::purse::{Demand, Demands, Measure, MemoryPurse, Purse, Settlement, Window};
use behest_contract::testing::{ManualClock, purse_suite};
use behest_store::{Embedded, EmbeddedConfig, Redis, book_suite};
use futures::executor::block_on;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;
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

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % most
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }

    fn demands(&mut self) -> Demands {
        let each = |dice: &mut Self| Demand {
            subject: u8::try_from(dice.below(3)).unwrap(),
            measure: dice.of(&[
                Measure::Requests,
                Measure::InFlight,
                Measure::Tokens,
                Measure::MicroUsd,
            ]),
            window: dice.of(&[Window::Minute, Window::Day, Window::Month, Window::Life]),
            limit: dice.of(&[3, 20, 200, 1 << 40]),
            amount: dice.of(&[0, 1, 1, 7, 30]),
        };
        // No two of one counter, of which the port says nothing.
        let mut demands = Demands::new();
        for _ in 0..=self.below(5) {
            let new = each(self);
            let same = |old: &Demand| {
                (old.subject, old.measure, old.window) == (new.subject, new.measure, new.window)
            };
            if !demands.iter().any(same) {
                demands.push(new);
            }
        }
        demands
    }
}

/// Whatever is asked, settled and waited for: it is counted as in one process that knows all.
#[test]
fn it_counts_as_a_purse_in_memory_does() {
    let (server, folders) = (Server::start(), RefCell::default());
    let make = makes(&server, &folders);
    for seed in 0..6 {
        let (mut dice, clock) = (Dice(seed), ManualClock::at(purse_suite::START));
        let (redis, memory) = (make(clock.clone()), MemoryPurse::new(Arc::new(clock.clone())));
        let mut open = Vec::new();
        for step in 0..300 {
            let tenant = dice.of(&["t", "u"]);
            match dice.below(10) {
                0..6 => {
                    let mut ask = super::ask_of(tenant, &format!("{seed} {step}"), &[]);
                    ask.subjects = ["p:p", "u:p/u", "s:p/u/s"].map(Arc::from).into();
                    ask.demands = dice.demands();
                    let want = block_on(memory.admit(ask.clone()).settled());
                    let got = block_on(redis.admit(ask.clone()).settled());
                    assert_eq!(got, want, "seed {seed}, step {step}: {:?}", ask.demands);
                    if want.is_ok() {
                        open.push(ask);
                    }
                }
                6..9 if !open.is_empty() => {
                    let at = usize::try_from(dice.below(open.len() as u64)).unwrap();
                    let ask = open.swap_remove(at);
                    let ends = Settlement {
                        micro_usd: dice.below(40),
                        void: dice.below(4) == 0,
                        ..super::settlement(&ask, dice.below(40))
                    };
                    memory.settle(ends.clone());
                    redis.settle(ends);
                }
                _ => clock.advance(Duration::from_secs(dice.of(&[1, 13, 61, 3_600]))),
            }
        }
    }
}
