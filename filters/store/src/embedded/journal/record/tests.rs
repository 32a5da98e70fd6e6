use super::{Open, Record, put_close, put_open, put_progress, put_raise, read};
use crate::embedded::accounts::counters::{AllTaken, Kind, Spent, Taken};
use crate::embedded::accounts::key::{Key, Keyer};
use crate::embedded::accounts::places::Progress;
use behest_contract::book::{Bucket, Row};
use behest_contract::money::MicroUsd;
use behest_contract::price::{Price, Rates};
use behest_contract::purse::{Measure, Sent, Window};

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
            let Open { taken, sketch, price, .. } = &**open;
            let told = (sketch, price.as_ref());
            put_open(&mut bytes, *lease, taken, told, (&sketch.id, &sketch.tenant));
        }
        Record::Progress(lease, progress) => put_progress(&mut bytes, *lease, progress),
        Record::Raise(to) => put_raise(&mut bytes, to),
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
    let mut records = vec![
        Record::Raise(taken(3)),
        Record::Progress(key("p"), Progress { tokens: 12, sent: None }),
    ];
    for (row, count) in rows().into_iter().zip([0, 1, 10, 12].into_iter().cycle()) {
        let taken = (0..count).map(taken).collect();
        let open = Open { taken, sketch: row.clone(), price: None, known_tokens: 0 };
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

fn prices() -> Vec<Price> {
    let usd = MicroUsd::new;
    let plain = Price::new(usd(0), usd(u64::MAX));
    let rates = Rates { reasoning: Some(usd(200)), ..plain.rates };
    let above = Some((128, Price::new(usd(1), usd(2)).cached_input(usd(3)).rates));
    vec![
        plain,
        plain.cached_input(usd(7)),
        Price { rates, above: None },
        Price { rates: Rates { cached_input: Some(usd(1)), ..rates }, above },
        Price { rates: plain.rates, above: Some((u64::MAX, rates)) },
    ]
}

/// What was appended to a record after versions that did not know of it: without it, it is theirs.
#[test]
fn what_was_appended_later_is_read_and_may_be_absent() {
    let mut pairs = Vec::new();
    let open = |price| {
        let open = Open { taken: AllTaken::new(), sketch: full(), price, known_tokens: 0 };
        Record::Open(key("o"), Box::new(open))
    };
    pairs.extend(prices().into_iter().map(|price| (open(Some(price)), open(None))));
    let sent = Sent { provider: "v".into(), bucket: Bucket::Byok };
    let progress = |sent| Record::Progress(key("p"), Progress { tokens: 1 << 40, sent });
    pairs.push((progress(Some((sent, 300))), progress(None)));
    for (record, before) in pairs {
        let (bytes, theirs) = (written(&record), written(&before));
        assert!(bytes.starts_with(&theirs));
        assert_eq!(read(&theirs), Some(before));
        for cut in theirs.len() + 1..bytes.len() {
            assert_eq!(read(&bytes[..cut]), None, "{record:?} cut at {cut}");
        }
        assert_eq!(read(&bytes), Some(record));
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
    put_open(&mut bytes, key("o"), &[], (&full(), None), ("other", "tenant"));
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
