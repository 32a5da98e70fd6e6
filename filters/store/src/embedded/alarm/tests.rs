use super::{Alarm, Part};
use behest_contract::clock::ManualClock;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::{Arc, Once};
use std::time::Duration;

/// What was logged of each folder. The logger is the process's, and other tests log too.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Lines;

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LINES.lock().push(format!("{} {}", record.level(), record.args()));
    }

    fn flush(&self) {}
}

/// An alarm of a folder of this name, its clock, and what it has said since it was last asked.
fn alarm(folder: &'static str) -> (Alarm, ManualClock, impl Fn() -> Vec<String>) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Lines).unwrap();
        log::set_max_level(log::LevelFilter::Warn);
    });
    let clock = ManualClock::at(1_750_000_000);
    let said = move || {
        let mut lines = LINES.lock();
        let own = lines.extract_if(.., |line| line.contains(folder));
        own.map(|line| line.replace(&format!("store {folder}: "), "")).collect()
    };
    (Alarm::new(Path::new(folder), Arc::new(clock.clone())), clock, said)
}

#[test]
fn the_first_error_is_told_and_the_end_and_few_of_those_between() {
    let (alarm, clock, said) = alarm("/one");
    alarm.works(Part::Journal);
    assert_eq!(said(), [""; 0]);
    for _ in 0..250 {
        alarm.failed(Part::Journal, "No space left on device");
        clock.advance(Duration::from_millis(500));
    }
    assert_eq!(
        said(),
        [
            "ERROR No space left on device",
            "ERROR No space left on device (121 errors in 60 s)",
            "ERROR No space left on device (241 errors in 120 s)",
        ]
    );
    alarm.works(Part::Journal);
    alarm.works(Part::Journal);
    assert_eq!(said(), ["WARN the journal can be written again after 125.0 s and 250 errors"]);
    assert_eq!((alarm.errors(Part::Journal), alarm.errors(Part::Database)), (250, 0));
}

#[test]
fn what_comes_and_goes_fills_no_log() {
    let (alarm, clock, said) = alarm("/two");
    for _ in 0..100 {
        alarm.failed(Part::Journal, "full");
        clock.advance(Duration::from_millis(100));
        alarm.works(Part::Journal);
    }
    let end = "WARN the journal can be written again after 0.1 s and 1 errors";
    assert_eq!(said(), ["ERROR full", end]);
    clock.advance(Duration::from_secs(60));
    alarm.failed(Part::Journal, "full");
    assert_eq!(said(), ["ERROR full"]);
}

#[test]
fn each_part_has_its_own_say() {
    let (alarm, _, said) = alarm("/three");
    alarm.failed(Part::Journal, "a");
    alarm.failed(Part::Database, "b");
    alarm.works(Part::Database);
    let end = "WARN the database can be written again after 0.0 s and 1 errors";
    assert_eq!(said(), ["ERROR a", "ERROR b", end]);
}
