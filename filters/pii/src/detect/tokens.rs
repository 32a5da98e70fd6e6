//! What a run of letters and digits is by itself: codes with a letter in any place, addresses, keys.

use super::reader::{Reader, is_alnum};
use super::scan::{CERTAIN, Scan};
use super::secrets::{Hit, beginning_with, is_random};
use super::tail::{Class, Tail};
use crate::checks::americas::{mx_curp, us_mbi};
use crate::checks::asia::in_gstin;
use crate::checks::banking::{iban, iban_length, icao, vin};
use crate::checks::europe::{it_fiscal_code, uk_driving_licence};
use crate::checks::wallets::{base58check, bech32, eip55};
use crate::entity::Entity;
use smallvec::SmallVec;

/// Whether the token from `start` to `end` can be anything: numbers are only with certain signs beside them.
#[inline]
pub(crate) fn may_be_any(text: &Reader<'_>, start: usize, end: usize) -> bool {
    let (before, after, len) = (text.before(start), text.at(end), end - start);
    let beside = |sign: u8| before == sign || after == sign;
    let signed = match (before, after) {
        (b':' | b'+' | b'/', _) | (_, b':' | b'+' | b'/') => true,
        _ => after == b'.' && len <= 3 || beside(b'-') && len == 2 || beside(b'.') && len == 4,
    };
    signed || len == CLOUD_SECRET || text.digit_end(start, len) < end
}

/// Proposes what the token from `start` to `end` can be; its first digit that asks stands at `digit`.
pub(crate) fn token(scan: &mut Scan<'_, '_>, start: usize, end: usize, digit: usize) {
    let text = scan.text.slice(start, end);
    if scan.text.digit_end(start, end - start) < end {
        codes(scan, start, end, text);
        account(scan, start, text);
        wallet(scan, start, end, text);
        keys(scan, start, end, text);
    } else {
        numeric(scan, start, end);
    }
    scan.asked(start);
    hex_groups(scan, start, end, digit);
    scan.asked(start.min(digit));
    cloud_secret(scan, start, end);
}

fn capitals(text: &[u8]) -> SmallVec<[u8; 32]> {
    text.iter().map(u8::to_ascii_uppercase).collect()
}

/// A code's kind, its check, and its confidence without and with a word.
type Code = (Entity, fn(&[u8]) -> bool, u8, u8);

/// Codes of a fixed length whose letters may stand in various places.
fn codes(scan: &mut Scan<'_, '_>, start: usize, end: usize, text: &[u8]) {
    let code: Code = match text.len() {
        9 | 10 => return identity_card(scan, start, end, text),
        11 => (Entity::US_MBI, us_mbi, 90, 95),
        15 => (Entity::IN_GSTIN, in_gstin, 95, 98),
        16 => {
            fixed(scan, start, end, text, (Entity::IT_FISCAL_CODE, it_fiscal_code, 100, 100));
            (Entity::UK_DRIVING_LICENCE, uk_driving_licence, 85, 95)
        }
        17 => (Entity::VIN, vin, 85, 95),
        18 => (Entity::MX_CURP, mx_curp, 95, 98),
        _ => return,
    };
    fixed(scan, start, end, text, code);
}

fn fixed(
    scan: &mut Scan<'_, '_>,
    start: usize,
    end: usize,
    text: &[u8],
    (entity, check, bare, told): Code,
) {
    if scan.wants(entity) && check(&capitals(text)) {
        let score = if scan.told(start, entity) { told } else { bare };
        scan.propose(start, end, entity, score);
    }
}

/// Germany's identity cards and passports: nine of ICAO's characters, perhaps
/// with their check digit, and only with a word.
fn identity_card(scan: &mut Scan<'_, '_>, start: usize, end: usize, text: &[u8]) {
    if !icao(&capitals(text)) {
        return;
    }
    for entity in [Entity::DE_ID_CARD, Entity::DE_PASSPORT] {
        if scan.wants(entity) && scan.told(start, entity) {
            scan.propose(start, end, entity, 85);
        }
    }
}

/// IBANs: together, or in groups with a blank or a dash between.
fn account(scan: &mut Scan<'_, '_>, start: usize, text: &[u8]) {
    let &[a, b, c, d, ..] = text else { return };
    let begins = a.is_ascii_alphabetic()
        && b.is_ascii_alphabetic()
        && c.is_ascii_digit()
        && d.is_ascii_digit();
    if !begins || !scan.wants(Entity::IBAN_CODE) {
        return;
    }
    let Some(length) = iban_length(&[a.to_ascii_uppercase(), b.to_ascii_uppercase()]) else {
        return;
    };
    let mut compact = [0; 34];
    let mut places = compact.iter_mut().take(length);
    let mut at = start;
    for byte in scan.text.text().get(start..).unwrap_or_default() {
        if is_alnum(*byte) {
            let Some(place) = places.next() else { break };
            *place = byte.to_ascii_uppercase();
        } else if places.len() == 0 {
            break;
        } else if !(matches!(byte, b' ' | b'-') && is_alnum(scan.text.at(at + 1))) {
            return;
        }
        at += 1;
    }
    if places.len() > 0 {
        // It may go on.
        scan.text.at(at);
        return;
    }
    if iban(compact.get(..length).unwrap_or_default()) && !is_alnum(scan.text.at(at)) {
        scan.propose(start, at, Entity::IBAN_CODE, 100);
    }
}

fn wallet(scan: &mut Scan<'_, '_>, start: usize, end: usize, text: &[u8]) {
    if !scan.wants(Entity::CRYPTO) {
        return;
    }
    let bech = |text: &[u8]| text.get(..3).is_some_and(|head| head.eq_ignore_ascii_case(b"bc1"));
    let score = match (text.len(), text.first()) {
        (42, Some(b'0')) if text.get(1).is_some_and(|x| *x == b'x') => match text.get(2..) {
            Some(hex) if hex.iter().all(u8::is_ascii_hexdigit) => match eip55(hex) {
                Some(true) => 100,
                Some(false) => 0,
                None if scan.told(start, Entity::CRYPTO) => 90,
                None => 60,
            },
            _ => 0,
        },
        (26..=35, Some(b'1' | b'3')) if base58check(text) => 100,
        (14..=74, _) if bech(text) && bech32(text) => 100,
        _ => 0,
    };
    scan.propose(start, end, Entity::CRYPTO, score);
}

/// Keys without a literal of four bytes, which a digit leads to.
fn keys(scan: &mut Scan<'_, '_>, start: usize, end: usize, text: &[u8]) {
    let hex = |part: Option<&[u8]>| {
        part.is_some_and(|part| part.iter().all(u8::is_ascii_hexdigit) && is_random(part))
    };
    match text.len() {
        34 if (text.starts_with(b"SK") || text.starts_with(b"AC")) && hex(text.get(2..)) => {
            scan.propose(start, end, Entity::TWILIO_KEY, 90);
        }
        32 if hex(Some(text)) => {
            if scan.text.says(end, b"-us") && scan.text.at(end + 3).is_ascii_digit() {
                let last = scan.text.run(end + 3, 2, |byte| byte.is_ascii_digit());
                scan.propose(start, last, Entity::MAILCHIMP_KEY, 95);
            } else if scan.wants(Entity::TWILIO_KEY) && scan.told(start, Entity::TWILIO_KEY) {
                scan.propose(start, end, Entity::TWILIO_KEY, 75);
            }
        }
        20 if text.starts_with(b"A3T") && is_access_key(text) => {
            scan.propose(start, end, Entity::AWS_ACCESS_KEY, 95);
        }
        4 if BY_DIGIT.as_bytes().starts_with(text) => by_digit(scan, start),
        7 if text == b"atlasv1" => terraform(scan, start, end),
        23..=28 if scan.text.at(end) == b'.' => discord(scan, start, end),
        _ => {}
    }
    if scan.text.at(end) == b'~' && matches!(text, [.., b'0'..=b'9', b'Q']) {
        azure(scan, start, end);
    }
}

/// The beginning of a secret that a digit leads to: a token, and a dot.
pub(crate) const BY_DIGIT: &str = "ya29.";

fn by_digit(scan: &mut Scan<'_, '_>, start: usize) {
    for secret in beginning_with(scan.text.at(start)) {
        if let Some(hit) = secret.read(&scan.text, start) {
            scan.propose_hit(start, &hit, CERTAIN);
        }
    }
}

/// AWS: capitals and the digits of base 32.
fn is_access_key(text: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(byte);
    text.get(4..).is_some_and(|rest| rest.iter().all(fits)) && is_random(text)
}

/// Discord: a snowflake in base64, six characters, then 27 or more.
fn discord(scan: &mut Scan<'_, '_>, start: usize, end: usize) {
    let middle = scan.text.run(end + 1, 6, |byte| Class::Word.has(byte));
    if middle - end != 7 || scan.text.at(middle) != b'.' {
        return;
    }
    let last = scan.text.run(middle + 1, 27, |byte| Class::Word.has(byte));
    if last - middle == 28 && matches!(scan.text.at(start), b'M' | b'N' | b'O') {
        let tail = Tail::Run(Class::Word);
        let hit = Hit::eaten(&scan.text, Entity::DISCORD_BOT_TOKEN, start, last, tail);
        scan.propose_hit(start, &hit, CERTAIN);
    }
}

/// Terraform: fourteen characters, `.atlasv1.`, and sixty or more.
fn terraform(scan: &mut Scan<'_, '_>, start: usize, end: usize) {
    let first = scan.text.run_back(start.saturating_sub(1), 15, is_alnum);
    let last = scan.text.run(end + 1, 60, |byte| Class::Word.has(byte));
    let dotted = scan.text.before(start) == b'.' && scan.text.at(end) == b'.';
    if dotted && start - first == 15 && last - end == 61 {
        let tail = Tail::Run(Class::Word);
        let hit = Hit::eaten(&scan.text, Entity::TERRAFORM_TOKEN, first, last, tail);
        scan.propose_hit(first, &hit, CERTAIN);
    }
    scan.asked(first);
}

/// Azure AD: three characters, a digit and `Q~`, then 31 to 34.
fn azure(scan: &mut Scan<'_, '_>, start: usize, tilde: usize) {
    let first = scan.text.run_back(tilde - 2, 3, |byte| Class::Dotted.has(byte) || byte == b'~');
    let last = scan.text.run(tilde + 1, 35, |byte| Class::Dotted.has(byte) || byte == b'~');
    let begins = tilde - first == 5 && !is_alnum(scan.text.before(first));
    if begins && (32..=35).contains(&(last - tilde)) {
        scan.propose(first, last, Entity::AZURE_AD_SECRET, 95);
    }
    scan.asked(first.min(start));
}

/// AWS: forty characters of base64, and only with a word.
fn cloud_secret(scan: &mut Scan<'_, '_>, start: usize, end: usize) {
    if !scan.wants(Entity::AWS_SECRET_KEY) {
        return;
    }
    let joined = |byte: u8| byte == b'+' || byte == b'/';
    let alone = !joined(scan.text.before(start)) && !joined(scan.text.at(end));
    if alone && end - start != CLOUD_SECRET {
        scan.asked(start);
        return;
    }
    let first = scan.text.run_back(start, CLOUD_SECRET + 1, is_base64);
    if start - first <= CLOUD_SECRET && scan.text.slice(first, start).iter().any(u8::is_ascii_digit)
    {
        // An earlier digit of the same run has asked.
        scan.asked(first);
        return;
    }
    let last = scan.text.run(end, CLOUD_SECRET + 1, is_base64);
    if last - first == CLOUD_SECRET && is_cloud_secret(scan, first) {
        scan.propose(first, last, Entity::AWS_SECRET_KEY, 95);
    }
    scan.asked(first);
}

const CLOUD_SECRET: usize = 40;

fn is_base64(byte: u8) -> bool {
    is_alnum(byte) || byte == b'+' || byte == b'/'
}

/// Whether such a secret begins at `start`.
pub(crate) fn is_cloud_secret(scan: &mut Scan<'_, '_>, start: usize) -> bool {
    scan.wants(Entity::AWS_SECRET_KEY)
        && scan.told(start, Entity::AWS_SECRET_KEY)
        && scan.text.run(start, CLOUD_SECRET + 1, is_base64) == start + CLOUD_SECRET
        && is_random(scan.text.slice(start, start + CLOUD_SECRET))
}

/// Dotted addresses, and the keys of Telegram's bots.
fn numeric(scan: &mut Scan<'_, '_>, start: usize, end: usize) {
    if end - start <= 3 && scan.text.at(end) == b'.' {
        dotted(scan, start);
    }
    if (8..=10).contains(&(end - start)) && scan.text.says(end, b":AA") {
        let last = scan.text.run(end + 1, 35, |byte| Class::Word.has(byte));
        if last - end == 36 && !Class::Word.has(scan.text.at(last)) {
            scan.propose(start, last, Entity::TELEGRAM_BOT_TOKEN, 100);
        }
    }
}

/// Words before four numbers that make them a version or a section.
const VERSIONS: &[&[u8]] = &[b"version", b"section", b"release", b"chapter", b"ver."];

/// Whether such a word stands before `start`, as a member's name or in a sentence.
fn is_version(text: &Reader<'_>, start: usize) -> bool {
    let gap = text.run_back(start, 6, |byte| b" \"'\\:=".contains(&byte));
    let before = text.slice(gap.saturating_sub(8), gap).to_ascii_lowercase();
    gap < start && VERSIONS.iter().any(|word| before.ends_with(word)) || text.before(start) == b'v'
}

fn dotted(scan: &mut Scan<'_, '_>, start: usize) {
    let mut at = start;
    for part in 0..4 {
        let end = scan.text.run(at, 4, |byte| byte.is_ascii_digit());
        let digits = scan.text.slice(at, end);
        let value = digits.iter().fold(0u32, |sum, byte| sum * 10 + u32::from(byte - b'0'));
        if digits.is_empty()
            || digits.len() > 3
            || value > 255
            || digits.len() > 1 && digits.starts_with(b"0")
        {
            return;
        }
        if part < 3 && scan.text.at(end) != b'.' {
            return;
        }
        at = if part < 3 { end + 1 } else { end };
    }
    let further = scan.text.at(at) == b'.' && is_alnum(scan.text.at(at + 1));
    if further || is_alnum(scan.text.at(at)) || matches!(scan.text.before(start), b'.' | b'-') {
        return;
    }
    if !is_version(&scan.text, start) {
        scan.propose(start, at, Entity::IP_ADDRESS, 80);
    }
}

/// Groups of hexadecimal digits with colons, dashes or dots: IPv6 and MAC addresses.
fn hex_groups(scan: &mut Scan<'_, '_>, start: usize, end: usize, digit: usize) {
    let around = (scan.text.before(start), scan.text.at(end));
    // Only the first digit of a run asks: it looks back over letters alone.
    if scan.wants(Entity::IP_ADDRESS) && (around.0 == b':' || around.1 == b':') {
        let letters = |byte: u8| matches!(byte, b'a'..=b'f' | b'A'..=b'F' | b':');
        let first = scan.text.run_back(digit, 45, letters);
        if !is_alnum(scan.text.before(first)) {
            if let Some(last) = ipv6_end(&scan.text, first) {
                scan.propose(first, last, Entity::IP_ADDRESS, 80);
            }
            scan.asked(first);
        }
    }
    let sign = |byte: u8| match end - start {
        2 => byte == b':' || byte == b'-',
        4 => byte == b'.',
        _ => false,
    };
    if scan.wants(Entity::MAC_ADDRESS) && (sign(around.0) || sign(around.1)) {
        let letters = |byte: u8| matches!(byte, b'a'..=b'f' | b'A'..=b'F') || sign(byte);
        let first = scan.text.run_back(digit, 17, letters);
        if !is_alnum(scan.text.before(first)) {
            if let Some(last) = mac_end(&scan.text, first) {
                scan.propose(first, last, Entity::MAC_ADDRESS, 85);
            }
            scan.asked(first);
        }
    }
}

fn ipv6_end(text: &Reader<'_>, start: usize) -> Option<usize> {
    let mut end = text.run(start, 45, |byte| byte.is_ascii_hexdigit() || byte == b':');
    if text.at(end) == b'.' {
        // The last four bytes may be written as those of an older address.
        let last = text.run(start, 45, |byte| byte.is_ascii_hexdigit() || b":.".contains(&byte));
        let spelt = std::str::from_utf8(text.slice(start, last)).ok()?.trim_end_matches('.');
        if spelt.parse::<std::net::Ipv6Addr>().is_ok() && !is_alnum(text.at(last)) {
            return Some(start + spelt.len());
        }
    }
    let mut address = text.slice(start, end);
    if let [body @ .., b':'] = address
        && !body.ends_with(b":")
    {
        (address, end) = (body, end - 1);
    }
    let spelt = std::str::from_utf8(address).ok()?;
    let groups = spelt.split(':').filter(|group| !group.is_empty()).count();
    let parsed: std::net::Ipv6Addr = spelt.parse().ok()?;
    let trivial = parsed.is_loopback() || parsed.is_unspecified();
    (groups >= 2 && !trivial && !is_alnum(text.at(end))).then_some(end)
}

/// Six pairs with colons or dashes, or three groups of four with dots.
fn mac_end(text: &Reader<'_>, start: usize) -> Option<usize> {
    let hex = |at, len| text.run(at, len, |byte| byte.is_ascii_hexdigit()) == at + len;
    let (width, count) = if hex(start, 4) { (4, 3) } else { (2, 6) };
    let sign = text.at(start + width);
    let fits = if width == 4 { sign == b'.' } else { sign == b':' || sign == b'-' };
    let end = start + count * (width + 1) - 1;
    let whole = fits
        && (0..count).all(|group| {
            let at = start + group * (width + 1);
            hex(at, width) && (group + 1 == count || text.at(at + width) == sign)
        });
    let longer =
        whole && (is_alnum(text.at(end)) || text.at(end) == sign && is_alnum(text.at(end + 1)));
    let bytes = text.slice(start, end.min(text.text().len()));
    let uniform =
        bytes.iter().filter(|byte| is_alnum(**byte)).all(|byte| Some(byte) == bytes.first());
    (whole && !longer && !uniform).then_some(end)
}
