//! Is the measuring gear itself sound? Runs before every measurement, and alone under `cargo test`.

use crate::Fallible;
use crate::answer::Answer;
use crate::workload::{BURST, WORKLOADS};
use crate::{table, upstream};

pub(crate) fn run() -> Fallible<()> {
    bodies_are_json_of_the_named_size()?;
    escapes_are_every_eighth_character()?;
    scripts_survive_every_cut()?;
    table::check()
}

fn bodies_are_json_of_the_named_size() -> Fallible<()> {
    for workload in &WORKLOADS {
        let body: serde_json::Value = serde_json::from_str(&workload.body())?;
        let text = body.pointer("/messages/0/content").and_then(|text| text.as_str());
        ensure(text.is_some_and(|text| text.len() >= 1 << 10), "a body without its text")?;
    }
    Ok(())
}

fn escapes_are_every_eighth_character() -> Fallible<()> {
    let body = crate::workload::Workload::named("256k-escapes")?.body();
    let decoded: serde_json::Value = serde_json::from_str(&body)?;
    let text = decoded.pointer("/messages/0/content").and_then(|text| text.as_str());
    let text = text.ok_or("a body without its text")?;
    let escaped = |c: &char| matches!(c, '\n' | '\t' | '"' | '\\' | 'é');
    let every = text.chars().count() as f64 / text.chars().filter(escaped).count() as f64;
    ensure((7.0..9.0).contains(&every), &format!("an escape every {every:.1} characters"))
}

fn scripts_survive_every_cut() -> Fallible<()> {
    let scripts = upstream::Scripts::new();
    survives_every_cut(&scripts.whole, 0)?;
    survives_every_cut(&scripts.burst, BURST + 1)?;
    survives_every_cut(&scripts.burst_with_usage, BURST + 2)
}

fn survives_every_cut(bytes: &[u8], events: usize) -> Fallible<()> {
    for cut in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(cut);
        let mut answer = Answer::new();
        answer.feed(head)?;
        ensure(answer.is_done() == tail.is_empty(), "an answer that ends too early")?;
        answer.feed(tail)?;
        let fine = answer.is_done() && answer.status == 200 && answer.events() == events;
        ensure(fine, "an answer that was misread")?;
    }
    Ok(())
}

pub(crate) fn ensure(fine: bool, otherwise: &str) -> Fallible<()> {
    if fine { Ok(()) } else { Err(format!("self-check: {otherwise}").into()) }
}
