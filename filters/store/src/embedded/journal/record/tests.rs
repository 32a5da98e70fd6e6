use super::{Open, Record, put_close, put_open, put_progress, read};
use crate::embedded::accounts::counters::{Kind, Spent, Taken};
use crate::embedded::accounts::key::{Key, Keyer};
use behest_contract::book::{Bucket, Row};
use behest_contract::purse::{Measure, Window};

fn key(name: &str) -> Key {
    Keyer::new(&[9; 16]).tenant("t").subject(name)
}

fn full() -> Row {
    Row {
        id: "id".into(),
        at_ms: u64::MAX,
        tenant: "t".into(),
        project: "p".into(),
        user: Some("änn".into()),
        session: Some("".into()),
        thread: Some("x".repeat(300).into()),
        key: "k".into(),
        model: "m".into(),
        provider: "v".into(),
        bucket: Bucket::Byok,
        status: u16::MAX,
        ending: "completed".into(),
        prompt_tokens: 1,
        completion_tokens: 127,
        cached_tokens: 128,
        reasoning_tokens: 16_384,
        micro_usd: Some(0),
        latency_ms: u64::MAX - 1,
        first_byte_ms: Some(1 << 40),
        attempts: u32::MAX,
        estimated: true,
        overrun: true,
    }
}

/// All there is, nothing, and each option alone.
fn rows() -> Vec<Row> {
    let bare = Row::default;
    vec![
        full(),
        bare(),
        Row { user: Some("u".into()), ..bare() },
        Row { session: Some("s".into()), ..bare() },
        Row { thread: Some("th".into()), ..bare() },
        Row { micro_usd: Some(3), ..bare() },
        Row { first_byte_ms: Some(3), ..bare() },
        Row { bucket: Bucket::Byok, ..bare() },
        Row { estimated: true, ..bare() },
        Row { overrun: true, ..bare() },
    ]
}

fn written(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    match record {
        Record::Open(lease, open) => {
            let Open { taken, sketch, .. } = &**open;
            put_open(&mut bytes, *lease, taken, sketch, (&sketch.id, &sketch.tenant));
        }
        Record::Progress(lease, tokens) => put_progress(&mut bytes, *lease, *tokens),
        Record::Close(lease, row) => put_close(&mut bytes, *lease, row.as_deref()),
    }
    bytes
}

fn records() -> Vec<Record> {
    let taken = |n: u64| Taken {
        key: key(&n.to_string()),
        kind: Kind::new(Measure::MicroUsd, Window::Month),
        since: u32::MAX,
        amount: u64::MAX - n,
    };
    let mut records = vec![Record::Progress(key("p"), 12)];
    for (row, count) in rows().into_iter().zip([0, 1, 10, 12].into_iter().cycle()) {
        let taken = (0..count).map(taken).collect();
        let open = Open { taken, sketch: row.clone(), known_tokens: 0 };
        records.push(Record::Open(key("o"), Box::new(open)));
        let spent = Spent { tokens: count, micro_usd: u64::MAX, void: count % 2 == 0 };
        records.push(Record::Close(Some((key("c"), spent)), Some(Box::new(row.clone()))));
        records.push(Record::Close(Some((key("c"), spent)), None));
        records.push(Record::Close(None, Some(Box::new(row))));
    }
    records
}

#[test]
fn what_was_written_is_read() {
    for record in records() {
        assert_eq!(read(&written(&record)), Some(record));
    }
}

#[test]
fn a_record_cut_off_anywhere_is_none_and_does_no_harm() {
    for record in records() {
        let bytes = written(&record);
        for cut in 0..bytes.len() {
            assert_eq!(read(&bytes[..cut]), None, "{record:?} cut at {cut}");
        }
    }
}

#[test]
fn a_lease_is_booked_under_its_own_names() {
    let mut bytes = Vec::new();
    put_open(&mut bytes, key("o"), &[], &full(), ("other", "tenant"));
    let Some(Record::Open(_, open)) = read(&bytes) else { panic!("no lease") };
    assert_eq!((&*open.sketch.id, &*open.sketch.tenant), ("other", "tenant"));
    assert_eq!(open.sketch.project, full().project);
}

#[test]
fn what_a_later_version_appends_to_a_row_is_passed_over() {
    let mut bytes = written(&Record::Close(None, Some(Box::new(full()))));
    // The row's length lies behind the record's two bytes.
    let length = u32::from_le_bytes(bytes[2..6].try_into().unwrap());
    bytes[2..6].copy_from_slice(&(length + 3).to_le_bytes());
    bytes.extend([1, 2, 3]);
    assert_eq!(read(&bytes), Some(Record::Close(None, Some(Box::new(full())))));
}

#[test]
fn what_another_version_writes_besides_is_none() {
    assert_eq!(read(&[99, 1, 2, 3]), None);
    assert_eq!(read(&[]), None);
}
