//! A ledger row as bytes.
//!
//! It begins with its length, so that a version that knows more can append to it, and one that knows less
//! can read it: what is too much is passed over.

use super::wire::{Reading, Writing};
use behest_contract::book::{Bucket, Row};

const HAS_USER: u64 = 1;
const HAS_SESSION: u64 = 1 << 1;
const HAS_THREAD: u64 = 1 << 2;
const HAS_PRICE: u64 = 1 << 3;
const HAS_FIRST_BYTE: u64 = 1 << 4;
const IS_BYOK: u64 = 1 << 5;
const IS_ESTIMATED: u64 = 1 << 6;
const IS_OVERRUN: u64 = 1 << 7;

/// Writes a row, under this id and tenant.
pub(super) fn put(out: &mut Vec<u8>, row: &Row, id: &str, tenant: &str) {
    let start = out.len();
    out.extend([0; 4]);
    let options = [
        (row.user.is_some(), HAS_USER),
        (row.session.is_some(), HAS_SESSION),
        (row.thread.is_some(), HAS_THREAD),
        (row.micro_usd.is_some(), HAS_PRICE),
        (row.first_byte_ms.is_some(), HAS_FIRST_BYTE),
        (row.bucket == Bucket::Byok, IS_BYOK),
        (row.estimated, IS_ESTIMATED),
        (row.overrun, IS_OVERRUN),
    ];
    out.put_number(options.iter().map(|(is, bit)| u64::from(*is) * bit).sum());
    for text in [id, tenant, &row.project, &row.key, &row.model, &row.provider, &row.ending] {
        out.put_text(text);
    }
    for text in [&row.user, &row.session, &row.thread].into_iter().flatten() {
        out.put_text(text);
    }
    let numbers = [
        row.at_ms,
        u64::from(row.status),
        row.prompt_tokens,
        row.completion_tokens,
        row.cached_tokens,
        row.reasoning_tokens,
        row.latency_ms,
        u64::from(row.attempts),
    ];
    let optional = [row.micro_usd, row.first_byte_ms];
    for number in numbers.into_iter().chain(optional.into_iter().flatten()) {
        out.put_number(number);
    }
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut::<4>) {
        *place = length.to_le_bytes();
    }
}

/// Reads a row.
pub(super) fn read(from: &mut Reading<'_>) -> Option<Row> {
    let length = u32::from_le_bytes(*from.bytes(4)?.first_chunk()?);
    let mut from = Reading(from.bytes(u64::from(length))?);
    let from = &mut from;
    let has = from.number()?;
    let text_if = |from: &mut Reading<'_>, bit: u64| {
        if has & bit == 0 { Some(None) } else { from.text().map(|text| Some(Box::from(text))) }
    };
    let number_if = |from: &mut Reading<'_>, bit: u64| {
        if has & bit == 0 { Some(None) } else { from.number().map(Some) }
    };
    // In the order in which they were written.
    Some(Row {
        id: from.text()?.into(),
        tenant: from.text()?.into(),
        project: from.text()?.into(),
        key: from.text()?.into(),
        model: from.text()?.into(),
        provider: from.text()?.into(),
        ending: from.text()?.into(),
        user: text_if(from, HAS_USER)?,
        session: text_if(from, HAS_SESSION)?,
        thread: text_if(from, HAS_THREAD)?,
        at_ms: from.number()?,
        status: u16::try_from(from.number()?).ok()?,
        prompt_tokens: from.number()?,
        completion_tokens: from.number()?,
        cached_tokens: from.number()?,
        reasoning_tokens: from.number()?,
        latency_ms: from.number()?,
        attempts: u32::try_from(from.number()?).ok()?,
        micro_usd: number_if(from, HAS_PRICE)?,
        first_byte_ms: number_if(from, HAS_FIRST_BYTE)?,
        bucket: if has & IS_BYOK == 0 { Bucket::Platform } else { Bucket::Byok },
        estimated: has & IS_ESTIMATED != 0,
        overrun: has & IS_OVERRUN != 0,
    })
}
