use super::combiner::NotWritten;
use super::combiner::Sink;
use super::record::Record;
use super::tail::Tail;
use super::{Boot, HEADER, Journal, Position, file_of, numbers_of};
use crate::embedded::accounts::counters::Spent;
use crate::embedded::accounts::key::{Key, Keyer};
use crate::embedded::accounts::places::Progress;
use crate::embedded::alarm::Alarm;
use behest_contract::book::Row;
use behest_contract::clock::SystemClock;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::sync::Arc;

mod waiting;

const BOOT: Boot = Boot(7);
const KEPT_MAX: usize = 1 << 20;

fn key(name: &str) -> Key {
    Keyer::new(&[9; 16]).tenant("t").lease(name)
}

fn alarm() -> Arc<Alarm> {
    Arc::new(Alarm::new(Path::new("/"), Arc::new(SystemClock)))
}

fn journal(folder: &Path, file_max: u64) -> Journal {
    Journal::new((folder, BOOT), file_max, KEPT_MAX, alarm())
}

fn open(on: &Journal, id: &str) -> Result<(), NotWritten> {
    on.settle(on.open(key(id), &[], (&Row::default(), None), (id, "t"))?)
}

fn close(on: &Journal, id: &str) {
    let spent = Spent { tokens: 1, micro_usd: 0, void: false };
    let row = Row { id: id.into(), ..Row::default() };
    on.close(Some((key(id), spent)), Some(&row)).unwrap();
    on.flush();
}

fn tail(folder: &Path) -> Tail {
    Tail::new(folder, BOOT, Position::default())
}

fn read(tail: &mut Tail) -> Vec<Record> {
    let mut all = Vec::new();
    while let Some(records) = tail.read().unwrap() {
        all.extend(records);
    }
    all
}

/// How often each lease was opened, taken back, and closed.
fn standing(records: &[Record]) -> BTreeMap<String, (usize, usize, usize)> {
    let mut all = BTreeMap::<String, (usize, usize, usize)>::new();
    let names: Vec<_> = (0..1000).map(|n| n.to_string()).map(|id| (key(&id), id)).collect();
    let name = |key: &Key| names.iter().find(|named| named.0 == *key).unwrap().1.clone();
    for record in records {
        match record {
            Record::Open(lease, _) => all.entry(name(lease)).or_default().0 += 1,
            Record::Close(Some((lease, spent)), _) if spent.void => {
                all.entry(name(lease)).or_default().1 += 1;
            }
            Record::Close(Some((lease, _)), _) => all.entry(name(lease)).or_default().2 += 1,
            _ => {}
        }
    }
    all
}

#[test]
fn what_was_appended_is_read_in_its_order_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path(), 1 << 20);
    let mut tail = tail(folder.path());
    assert_eq!(read(&mut tail), []);
    for n in 0..50 {
        let id = n.to_string();
        open(&journal, &id).unwrap();
        let progress = Progress { tokens: n, sent: None };
        journal.progress(&[(key(&id), progress)]);
        close(&journal, &id);
        let records = read(&mut tail);
        assert!(
            matches!(&records[..], [
                Record::Open(opened, _),
                Record::Progress(known, progress),
                Record::Close(Some((closed, _)), Some(_)),
            ] if [opened, known, closed] == [&key(&id); 3] && progress.tokens == n),
            "{records:?}"
        );
    }
    assert_eq!(numbers_of(folder.path(), BOOT).unwrap(), [1]);
}

#[test]
fn a_file_that_is_full_is_followed_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path(), 500);
    let (mut behind, mut late) = (tail(folder.path()), tail(folder.path()));
    for n in 0..100 {
        open(&journal, &n.to_string()).unwrap();
        assert_eq!(read(&mut behind).len(), 1);
    }
    let numbers = numbers_of(folder.path(), BOOT).unwrap();
    assert!(numbers.len() > 5, "{numbers:?}");
    assert_eq!(standing(&read(&mut late)).len(), 100);
    assert_eq!(late.position(), behind.position());
    // Others' files are nothing to it.
    fs::write(folder.path().join("8-000001.log"), "x").unwrap();
    fs::write(folder.path().join("7-x.log"), "x").unwrap();
    assert_eq!(numbers_of(folder.path(), BOOT).unwrap(), numbers);
}

#[test]
fn a_page_that_is_turned_is_followed_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path(), 1 << 20);
    for id in ["1", "2"] {
        open(&journal, id).unwrap();
        journal.turn_page();
    }
    assert_eq!(standing(&read(&mut tail(folder.path()))).len(), 2);
    assert_eq!(numbers_of(folder.path(), BOOT).unwrap(), [1, 2, 3]);
}

#[test]
fn a_tail_cut_off_anywhere_is_the_end_of_its_file_and_not_of_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path(), 1 << 20);
    let (path, mut ends) = (file_of(folder.path(), BOOT, 1), Vec::new());
    for n in 0..5 {
        open(&journal, &n.to_string()).unwrap();
        ends.push(fs::metadata(&path).unwrap().len());
    }
    journal.turn_page();
    open(&journal, "last").unwrap();
    let whole = fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let records = read(&mut tail(folder.path()));
        let want = ends.iter().filter(|end| **end <= cut as u64).count();
        assert_eq!(records.len(), want + 1, "cut at {cut}");
        // What a power cut leaves where data was to be.
        let zeros = [&whole[..cut], &vec![0; whole.len() - cut]].concat();
        fs::write(&path, &zeros).unwrap();
        let is_whole = |end: &&u64| zeros.get(..**end as usize) == whole.get(..**end as usize);
        let want = ends.iter().filter(is_whole).count();
        assert_eq!(read(&mut tail(folder.path())).len(), want + 1, "zeros from {cut}");
    }
}

#[test]
fn a_record_is_read_once_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path(), 1 << 20);
    open(&journal, "1").unwrap();
    open(&journal, "2").unwrap();
    let path = file_of(folder.path(), BOOT, 1);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    let mut tail = tail(folder.path());
    assert_eq!(read(&mut tail).len(), 1);
    assert_eq!(read(&mut tail).len(), 0);
    fs::write(&path, &whole).unwrap();
    assert_eq!(read(&mut tail).len(), 1);
}

#[test]
fn a_journal_of_another_version_is_an_error_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path(), 1 << 20);
    open(&journal, "1").unwrap();
    let path = file_of(folder.path(), BOOT, 1);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [b"bhstjrn2", &whole[HEADER.len()..]].concat()).unwrap();
    let error = tail(folder.path()).read().unwrap_err().to_string();
    assert!(error.contains("7-000001.log: another version has written this journal"), "{error}");
}

#[test]
fn what_is_too_large_is_refused_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path(), 1 << 20);
    let row = Row { model: "m".repeat(300 << 10).into(), ..Row::default() };
    assert!(journal.open(key("1"), &[], (&row, None), ("1", "t")).is_err());
    assert!(journal.close(None, Some(&row)).is_err());
    assert!(journal.is_sound());
    open(&journal, "2").unwrap();
    assert_eq!(read(&mut tail(folder.path())).len(), 1);
}

#[test]
fn many_who_append_at_once_are_all_written_when_they_are_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path(), 10_000);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (journal, folder) = (&journal, folder.path());
            scope.spawn(move || {
                let mut tail = tail(folder);
                let mut seen = Vec::new();
                for n in 0..100 {
                    let id = (thread * 100 + n).to_string();
                    let is_it =
                        |record: &Record| matches!(record, Record::Open(lease, _) if *lease == key(&id));
                    open(journal, &id).unwrap();
                    seen.extend(read(&mut tail));
                    assert!(seen.iter().any(is_it), "{id}");
                    close(journal, &id);
                }
            });
        }
    });
    let standing = standing(&read(&mut tail(folder.path())));
    assert_eq!(standing.len(), 800);
    assert!(standing.values().all(|found| *found == (1, 0, 1)));
}

#[test]
fn while_it_cannot_be_written_leases_are_refused_and_what_is_closed_is_kept() {
    let place = tempfile::tempdir().unwrap();
    let (folder, aside) = (place.path().join("journal"), place.path().join("aside"));
    fs::create_dir(&folder).unwrap();
    // Each write is to a new file.
    let journal = journal(&folder, 0);
    for id in ["1", "2"] {
        open(&journal, id).unwrap();
    }
    fs::rename(&folder, &aside).unwrap();
    let refused = open(&journal, "3").unwrap_err();
    assert!(refused.0.contains("cannot be written"), "{refused:?}");
    assert!(!journal.is_sound());
    close(&journal, "1");
    journal.repair();
    assert!(!journal.is_sound() && open(&journal, "4").is_err());
    fs::rename(&aside, &folder).unwrap();
    let before = journal.groups();
    journal.repair();
    assert!(journal.is_sound() && journal.groups() > before);
    open(&journal, "5").unwrap();
    let standing = standing(&read(&mut tail(&folder)));
    let of = |id: &str| standing.get(id).copied().unwrap_or_default();
    assert_eq!([of("1"), of("2"), of("4"), of("5")], [(1, 0, 1), (1, 0, 0), (0, 0, 0), (1, 0, 0)]);
    // Nobody was told of it; if a part of it is in the file, it is taken back.
    assert_eq!(of("3"), (0, 1, 0));
}

#[test]
fn what_is_kept_has_its_bound() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("journal");
    let journal = Journal::new((&folder, BOOT), 0, 500, alarm());
    assert!(open(&journal, "1").is_err());
    let row = Row { id: "x".repeat(100).into(), ..Row::default() };
    let kept = (0..10).filter(|_| journal.close(None, Some(&row)).is_ok()).count();
    assert!((1..5).contains(&kept), "{kept}");
    fs::create_dir(&folder).unwrap();
    journal.repair();
    let is_close = |record: &&Record| matches!(record, Record::Close(None, Some(_)));
    assert_eq!(read(&mut tail(&folder)).iter().filter(is_close).count(), kept);
}

#[test]
fn a_write_that_ends_half_way_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path(), 1 << 20);
    open(&journal, "1").unwrap();
    let path = file_of(folder.path(), BOOT, 1);
    let length = fs::metadata(&path).unwrap().len();
    // As if the first of a group had been written, and the second not to its end.
    open(&journal, "2").unwrap();
    open(&journal, "3").unwrap();
    let written = fs::read(&path).unwrap();
    let group = &written[length as usize..];
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(written.len() as u64 - 3).unwrap();
    let mut kept = Vec::new();
    journal.0.with_sink(|files| {
        files.undo(group, &mut kept);
        files.repair(&kept).unwrap();
    });
    let standing = standing(&read(&mut tail(folder.path())));
    let want = [("1", (1, 0, 0)), ("2", (1, 1, 0)), ("3", (0, 1, 0))];
    assert_eq!(standing.iter().map(|(id, found)| (&**id, *found)).collect::<Vec<_>>(), want);
}
