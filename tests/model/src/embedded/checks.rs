//! What must hold in every order.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a check fails by panicking")]

use super::accounts::counters::Spent;
use super::accounts::key::{Key, Keyer};
use super::accounts::places::{Names, Places};
use super::journal::combiner::{Combiner, Sink};
use super::sync::Mutex;
use behest_contract::clock::{Clock, SystemClock};
use behest_contract::purse::{Ask, Demand, Measure, Refused, Window};
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const TIME: Duration = Duration::from_secs(1_750_000_000);

/// Of each request; the budget has room for two.
const RESERVED: u64 = 10;
const LIMIT: u64 = 20;

/// Admission and a journal, put together as the store does it.
struct Desk {
    places: Places,
    journal: Combiner<Disk>,
    disk: Arc<Mutex<Vec<u8>>>,
    now: Instant,
}

/// What was written: for each request a letter, small when it was opened, great when it was closed, and
/// `!` behind one that was taken back.
struct Disk {
    written: Arc<Mutex<Vec<u8>>>,
    fails: bool,
}

impl Sink for Disk {
    fn write(&mut self, group: &[u8]) -> Result<(), Box<str>> {
        thread::yield_now();
        let fails = self.fails && thread_rng().gen_bool(0.3);
        // Of a write that fails, any part may be there.
        let length =
            if fails { thread_rng().gen_range(0..=group.len() / 2) * 2 } else { group.len() };
        self.written.lock().extend(group.get(..length).unwrap());
        if fails { Err("full".into()) } else { Ok(()) }
    }

    fn repair(&mut self, kept: &[u8]) -> Result<(), Box<str>> {
        self.write(kept)
    }

    fn undo(&self, group: &[u8], kept: &mut Vec<u8>) {
        for record in group.chunks(2) {
            match *record {
                [letter, b' '] if letter.is_ascii_lowercase() => kept.extend([letter, b'!']),
                _ => kept.extend(record),
            }
        }
    }
}

fn demand(limit: u64, amount: u64) -> Demand {
    Demand { subject: 0, measure: Measure::Tokens, window: Window::Day, limit, amount }
}

fn ask(letter: u8, demand: Demand) -> Ask {
    Ask {
        id: char::from(letter).to_string().into(),
        tenant: "t".into(),
        subjects: ["s".into()].into_iter().collect(),
        demands: [demand].into_iter().collect(),
        sketch: Arc::default(),
        known: Arc::default(),
    }
}

fn names(ask: &Ask) -> Names {
    Names::of(&Keyer::new(&[0; 16]), &ask.tenant, &ask.id, &ask.subjects)
}

fn lease(letter: u8) -> Key {
    names(&ask(letter, demand(0, 0))).lease
}

fn spent(tokens: u64) -> Spent {
    Spent { tokens, micro_usd: 0, void: false }
}

impl Desk {
    fn new(fails: bool) -> Arc<Self> {
        let disk = Arc::<Mutex<Vec<u8>>>::default();
        let sink = Disk { written: disk.clone(), fails };
        let now = SystemClock.now();
        Arc::new(Self { places: Places::new(), journal: Combiner::new(sink, 1 << 10), disk, now })
    }

    /// As the store admits.
    fn admit(&self, ask: &Ask) -> bool {
        let Ok(_) = self.places.admit(&names(ask), ask, TIME) else { return false };
        let letter = ask.id.as_bytes().first().copied().unwrap();
        if self.journal.append(&[letter, b' ']).is_err() {
            self.places.close(lease(letter), &Spent::VOID, TIME);
            return false;
        }
        assert!(self.disk.lock().contains(&letter), "what is answered is written");
        true
    }

    /// As the store closes. Whether it was this one that did.
    fn close(&self, letter: u8, tokens: u64) -> bool {
        let closed = self.places.close(lease(letter), &spent(tokens), TIME);
        if closed {
            self.journal.post_or_keep(&[letter.to_ascii_uppercase(), b' ']).unwrap();
            self.journal.flush();
        }
        closed
    }

    /// As the store takes for lost what nobody can close.
    fn review(&self) -> usize {
        let review = self.places.review(self.now, TIME, Duration::ZERO);
        for (key, _) in &review.lost {
            let letter = (b'a'..=b'z').find(|letter| lease(*letter) == *key).unwrap();
            self.journal.post_or_keep(&[letter.to_ascii_uppercase(), b' ']).unwrap();
        }
        self.journal.flush();
        review.lost.len()
    }

    fn used(&self) -> u64 {
        let question = ask(b'?', demand(0, 1));
        match self.places.peek(&names(&question), &question.demands, TIME) {
            Err(Refused::Full { used, .. }) => used,
            other => panic!("{other:?}"),
        }
    }

    /// How the journal leaves each request: opened, taken back, closed.
    fn told(&self) -> HashMap<u8, [usize; 3]> {
        let mut told = HashMap::<u8, [usize; 3]>::new();
        for record in self.disk.lock().chunks(2) {
            let [letter, mark] = *record else { panic!("half a record") };
            let [opened, undone, closed] = told.entry(letter.to_ascii_lowercase()).or_default();
            match (letter.is_ascii_lowercase(), mark) {
                (true, b' ') => *opened += 1,
                (true, _) => *undone += 1,
                (false, _) => {
                    assert!(*opened > 0, "a close overtook its admission");
                    *closed += 1;
                }
            }
        }
        told
    }
}

/// Three want what two can have; two of them close, one twice at once, and one is left by all.
pub fn a_budget_is_never_overdrawn_and_nothing_stays_reserved() {
    let desk = Desk::new(false);
    let threads: Vec<_> = [(b'a', Some(4)), (b'b', Some(RESERVED)), (b'c', None)]
        .into_iter()
        .map(|(letter, end)| {
            let desk = desk.clone();
            thread::spawn(move || {
                let ask = ask(letter, demand(LIMIT, RESERVED));
                ask.known.note_tokens(3);
                if !desk.admit(&ask) {
                    return 0;
                }
                assert!(desk.used() <= LIMIT);
                let Some(tokens) = end else { return 3 };
                let rival = desk.clone();
                let rival = thread::spawn(move || rival.close(letter, tokens));
                let first = desk.close(letter, tokens);
                assert!(first != rival.join().unwrap(), "closed by exactly one");
                tokens
            })
        })
        .collect();
    let clerk = {
        let desk = desk.clone();
        thread::spawn(move || desk.review())
    };
    let spent: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    clerk.join().unwrap();
    desk.review();
    assert_eq!(desk.places.leases(), 0);
    assert_eq!(desk.used(), spent);
    for (letter, told) in desk.told() {
        assert_eq!(told, [1, 0, 1], "{}", char::from(letter));
    }
}

/// The journal fails at times and is repaired: what was admitted and closed is there once it is, and what
/// was refused is not left open.
pub fn a_journal_that_fails_loses_nothing_that_was_answered() {
    let desk = Desk::new(true);
    let threads: Vec<_> = [b'a', b'b', b'c']
        .into_iter()
        .map(|letter| {
            let desk = desk.clone();
            thread::spawn(move || {
                let ask = ask(letter, demand(1000, RESERVED));
                let admitted = desk.admit(&ask);
                assert_eq!(desk.close(letter, 4), admitted);
                (letter, admitted)
            })
        })
        .collect();
    let clerk = {
        let desk = desk.clone();
        thread::spawn(move || drop(desk.journal.repair()))
    };
    let ends: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    clerk.join().unwrap();
    while !desk.journal.is_sound() {
        drop(desk.journal.repair());
    }
    let told = desk.told();
    for (letter, admitted) in &ends {
        let [opened, undone, closed] = told.get(letter).copied().unwrap_or_default();
        if *admitted {
            // What is closed twice is closed once.
            assert!(opened == 1 && undone == 0 && closed >= 1, "{told:?}");
        } else {
            assert!(closed == 0 && (opened == 0 || undone >= 1), "{told:?}");
        }
    }
    let admitted = ends.iter().filter(|end| end.1).count() as u64;
    assert_eq!((desk.places.leases(), desk.used()), (0, 4 * admitted));
}
