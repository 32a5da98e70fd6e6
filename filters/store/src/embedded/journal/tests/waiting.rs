//! Who waits while another writes.

use super::KEPT_MAX;
use crate::embedded::journal::combiner::{Combiner, NotWritten, Sink};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// A sink that says when it is asked, and waits to be told how it ends.
struct Slow {
    asked: Sender<Vec<u8>>,
    ends: Receiver<bool>,
}

impl Sink for Slow {
    fn write(&mut self, group: &[u8]) -> Result<(), Box<str>> {
        self.asked.send(group.to_vec()).unwrap();
        if self.ends.recv().unwrap() { Ok(()) } else { Err("no".into()) }
    }

    fn repair(&mut self, kept: &[u8]) -> Result<(), Box<str>> {
        self.write(kept)
    }

    fn undo(&self, group: &[u8], kept: &mut Vec<u8>) {
        kept.extend(group.iter().map(u8::to_ascii_uppercase));
    }
}

struct Waited {
    combiner: Combiner<Slow>,
    results: Vec<Result<(), NotWritten>>,
    written: Vec<Vec<u8>>,
    groups: Receiver<Vec<u8>>,
    end: Sender<bool>,
}

/// Has `a` written, and so many others wait meanwhile; then the writes end so.
fn waited(count: u8, ends: &[bool]) -> Waited {
    let ((asked, groups), (end, is_ended)) = (channel(), channel());
    let combiner = Combiner::new(Slow { asked, ends: is_ended }, KEPT_MAX);
    let mut written = Vec::new();
    let next = |groups: &Receiver<_>| groups.recv_timeout(Duration::from_secs(20)).unwrap();
    let results = std::thread::scope(|scope| {
        let combiner = &combiner;
        let mut threads = vec![scope.spawn(move || combiner.append(b"a"))];
        written.push(next(&groups));
        for byte in 1..=count {
            threads.push(scope.spawn(move || combiner.append(&[b'a' + byte])));
        }
        while combiner.queued() < usize::from(count) {
            std::thread::yield_now();
        }
        for (n, is_good) in ends.iter().enumerate() {
            end.send(*is_good).unwrap();
            if n + 1 < ends.len() {
                written.push(next(&groups));
            }
        }
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    Waited { combiner, results, written, groups, end }
}

#[test]
fn all_that_waits_is_one_write() {
    let Waited { results, mut written, .. } = waited(20, &[true, true]);
    assert!(results.iter().all(Result::is_ok));
    written[1].sort_unstable();
    assert_eq!(written, [b"a".to_vec(), (b'b'..=b'u').collect()]);
}

#[test]
fn a_failed_write_fails_all_who_wait_and_is_undone_at_the_repair() {
    let Waited { combiner, results, written, groups, end } = waited(3, &[false]);
    assert_eq!(results, vec![Err(NotWritten("no".into())); 4]);
    assert_eq!(written.len(), 1);
    assert!(!combiner.is_sound());
    assert_eq!(combiner.append(b"x"), Err(NotWritten("no".into())));
    assert_eq!(combiner.post_or_keep(b"y"), Ok(()));
    end.send(true).unwrap();
    combiner.repair().unwrap();
    let mut repaired = groups.recv().unwrap();
    repaired.sort_unstable();
    assert_eq!(repaired, b"ABCDy");
    assert!(combiner.is_sound());
    assert_eq!(combiner.repair(), Ok(()), "there is nothing to repair");
}
