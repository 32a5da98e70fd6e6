//! The questions that are asked where a sign or a beginning stands.

use super::email::{self, address, is_local, spelt_out};
use super::labels::{self, BANK_LABELS, FOREIGN_LABELS, SECRET_LABELS, bank_code, password};
use super::literals::Literals;
use super::reader::is_alnum;
use super::scan::{CERTAIN, Scan};
use super::secrets::{self, JOINT_MAX, may_be_joint, plain_literals, with_joint};
use super::{links, tokens};
use crate::entity::Entity;
use memchr::memmem::Finder;
use std::sync::LazyLock;

const SIGNS: [&str; 4] = ["[at]", "(at)", "[AT]", "(AT)"];

/// Beginnings of at least four bytes, which are looked for together. One that goes on like another is found
/// with that.
static LITERALS: LazyLock<Literals> = LazyLock::new(|| {
    let long = plain_literals().filter(|literal| literal.len() > 3 && *literal != tokens::BY_DIGIT);
    let mut all: Vec<_> = long.chain(SIGNS).chain(BANK_LABELS.iter().copied()).collect();
    all.sort_unstable();
    all.dedup_by(|next, known| next.starts_with(*known));
    Literals::new(all)
});
static LABELS: LazyLock<Literals> =
    LazyLock::new(|| Literals::new(SECRET_LABELS.iter().chain(FOREIGN_LABELS).copied()));
/// A beginning that is too short to be looked for with the others without slowing them all.
static SHORT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("SG."));
static LINK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("://"));

/// Proposes the address around a sign.
pub(super) fn mail(scan: &mut Scan<'_, '_>, sign: usize, after: usize) {
    if !scan.wants(Entity::EMAIL_ADDRESS) || !is_local(scan.text.before(sign)) {
        return;
    }
    if let Some((start, end)) = address(&scan.text, sign, after) {
        scan.propose(start, end, Entity::EMAIL_ADDRESS, 95);
    }
    let anchor = email::anchor(&scan.text, sign);
    scan.asked(anchor);
}

/// `%40` and `&#64;` in place of `@`.
pub(super) fn encoded_sign(scan: &mut Scan<'_, '_>, digit: usize) {
    let (sign, rest): (usize, &[u8]) = match scan.text.before(digit) {
        b'%' => (digit - 1, b"40"),
        b'#' if digit > 2 && scan.text.before(digit - 1) == b'&' => (digit - 2, b"64;"),
        _ => return,
    };
    if scan.text.says(digit, rest) {
        mail(scan, sign, digit + rest.len());
    }
    let anchor = email::anchor(&scan.text, sign);
    scan.asked(anchor);
}

/// Secrets by the word before a `_` or `-`.
pub(super) fn joint(scan: &mut Scan<'_, '_>, sign: usize) {
    if !may_be_joint(&scan.text, sign) {
        return;
    }
    let start = scan.text.run_back(sign, JOINT_MAX, is_alnum);
    let word = sign + 1 - start;
    if word > JOINT_MAX || word == 1 && scan.text.before(sign) == b'-' {
        return;
    }
    for secret in with_joint(scan.text.slice(start, sign + 1)) {
        if let Some(hit) = secret.read(&scan.text, start) {
            scan.propose_hit(start, &hit, CERTAIN);
        }
        scan.asked(start);
    }
}

/// Secrets by their beginnings, and whatever else begins with a word.
pub(super) fn literals(scan: &mut Scan<'_, '_>, from: usize) {
    let text = scan.text.text();
    LITERALS.each(text, from, |_, start| literal(scan, start));
    for found in SHORT.find_iter(text.get(from..).unwrap_or_default()) {
        literal(scan, from + found);
    }
}

fn literal(scan: &mut Scan<'_, '_>, at: usize) {
    let first = scan.text.at(at);
    if matches!(first, b'[' | b'(') {
        if scan.wants(Entity::EMAIL_ADDRESS) && at > 0 {
            if let Some((start, end)) = spelt_out(&scan.text, at) {
                scan.propose(start, end, Entity::EMAIL_ADDRESS, 90);
            }
            let sign = at - usize::from(scan.text.before(at) == b' ');
            let anchor = email::anchor(&scan.text, sign);
            scan.asked(anchor);
        }
        return;
    }
    for secret in secrets::beginning_with(first) {
        if let Some(hit) = secret.read(&scan.text, at) {
            scan.propose_hit(at, &hit, CERTAIN);
        }
        scan.asked(at);
    }
    for label in BANK_LABELS {
        if scan.text.says(at, label.as_bytes())
            && let Some(hit) =
                bank_code(&scan.text, at + label.trim_end_matches([':', ' ', '/']).len())
        {
            scan.propose_hit(at, &hit, 80);
        }
    }
    scan.asked(at);
}

pub(super) fn urls(scan: &mut Scan<'_, '_>, from: usize) {
    if !scan.wants(Entity::URL_CREDENTIALS) {
        return;
    }
    for found in LINK.find_iter(scan.text.text().get(from..).unwrap_or_default()) {
        let sign = from + found;
        let anchor = links::scheme(&scan.text, sign);
        if anchor < sign
            && let Some((start, end)) = links::credentials(&scan.text, sign)
        {
            let hit = secrets::Hit {
                entity: Entity::URL_CREDENTIALS,
                start,
                end,
                certain: end,
                open: None,
            };
            scan.propose_hit(anchor, &hit, 90);
        }
        scan.asked(anchor);
    }
}

pub(super) fn secret_labels(scan: &mut Scan<'_, '_>, from: usize) {
    if from == 0 && scan.wanted.named.contains(Entity::GENERIC_SECRET) {
        if let Some(hit) = labels::value(&scan.text, 0) {
            scan.propose_hit(0, &hit, 70);
        }
        scan.asked(0);
    }
    LABELS.each(scan.text.text(), from, |label, start| {
        let end = start + LABELS.len_of(label);
        if let Some(hit) = password(&scan.text, end)
            && !tokens::is_cloud_secret(scan, hit.start)
        {
            scan.propose_hit(start, &hit, 70);
        }
        scan.asked(start);
    });
}
