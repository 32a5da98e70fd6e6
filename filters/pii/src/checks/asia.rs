//! Asia, Pacific, Africa, Middle East.

use super::{base36, digit, is_date, letter, luhn, number, uniform, verhoeff, weighted, yymmdd};

/// UIDAI: Verhoeff, first digit 2 to 9, and no palindrome.
pub(crate) fn in_aadhaar(text: &[u8]) -> bool {
    let palindrome = text.iter().eq(text.iter().rev());
    matches!(text.first(), Some(b'2'..=b'9')) && !palindrome && verhoeff(text)
}

/// India's Income Tax Department: the fourth letter is the holder's kind.
pub(crate) fn in_pan(text: &[u8]) -> bool {
    b"ABCFGHLJPTK".contains(&letter(text, 3)) && number(text, 5, 4) != 0
}

/// GSTN: state, PAN, entity, `Z`, and a check character modulo 36.
pub(crate) fn in_gstin(text: &[u8]) -> bool {
    let (body, check) = text.split_at(text.len().saturating_sub(1));
    let classes = b"nnaaaaannnnaxZ".iter().zip(body).all(|(wanted, byte)| match wanted {
        b'a' => byte.is_ascii_uppercase(),
        b'n' => byte.is_ascii_digit(),
        b'Z' => *byte == b'Z',
        _ => byte.is_ascii_alphanumeric(),
    });
    let sum: u32 = body
        .iter()
        .zip([1, 2].iter().cycle())
        .map(|(byte, factor)| {
            let product = base36(*byte) * factor;
            product / 36 + product % 36
        })
        .sum();
    text.len() == 15
        && classes
        && matches!(number(text, 0, 2), 1..=38 | 97)
        && base36(letter(check, 0)) == (36 - sum % 36) % 36
}

pub(crate) fn au_tfn(text: &[u8]) -> bool {
    weighted(text, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11) && !uniform(text)
}

pub(crate) fn au_acn(text: &[u8]) -> bool {
    let sum = weighted(text, &[8, 7, 6, 5, 4, 3, 2, 1]);
    (10 - sum % 10) % 10 == digit(text, 8) && !uniform(text)
}

pub(crate) fn au_medicare(text: &[u8]) -> bool {
    matches!(text.first(), Some(b'2'..=b'6'))
        && weighted(text, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == digit(text, 8)
}

/// Australian Business Register: one less in the first digit, then modulo 89.
pub(crate) fn au_abn(text: &[u8]) -> bool {
    let sum = weighted(text, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    digit(text, 0) != 0 && (sum + 89 - 10).is_multiple_of(89)
}

/// New Zealand's Inland Revenue: modulo 11, with other weights when the first give ten.
pub(crate) fn nz_ird(text: &[u8]) -> bool {
    let mut padded = [b'0'; 9];
    for (to, from) in padded.iter_mut().rev().zip(text.iter().rev()) {
        *to = *from;
    }
    let check = |weights: &[u32]| match weighted(&padded, weights) % 11 {
        0 => 0,
        rest => 11 - rest,
    };
    let wanted = match check(&[3, 2, 7, 6, 5, 4, 3, 2]) {
        10 => check(&[7, 4, 3, 2, 5, 2, 7, 6]),
        check => check,
    };
    matches!(number(&padded, 0, 9), 10_000_000..=150_000_000) && wanted == digit(&padded, 8)
}

/// Singapore's ICA: weights and a table of letters by the century and the holder's kind.
pub(crate) fn sg_nric(text: &[u8]) -> bool {
    let sum: u32 =
        text.iter().skip(1).zip([2, 7, 6, 5, 4, 3, 2]).map(|(b, w)| base36(*b) * w).sum();
    let (add, table): (u32, &[u8]) = match text.first() {
        Some(b'S') => (0, b"JZIHGFEDCBA"),
        Some(b'T') => (4, b"JZIHGFEDCBA"),
        Some(b'F') => (0, b"XWUTRQPNMLK"),
        Some(b'G') => (4, b"XWUTRQPNMLK"),
        Some(b'M') => (3, b"KLJNPQRTUWX"),
        _ => return false,
    };
    let rest = (sum + add) % 11;
    let at = if text.first() == Some(&b'M') { 10 - rest } else { rest };
    table.get(at as usize) == text.get(8)
}

/// Japan's My Number: weights 6 5 4 3 2 7 6 5 4 3 2, modulo 11 (Ordinance 85 of 2014).
pub(crate) fn jp_my_number(text: &[u8]) -> bool {
    let check = match weighted(text, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    check == digit(text, 11) && !uniform(text)
}

/// Korea: a birth date and the century's digit. Numbers given out since October 2020 have no check
/// digit any more.
pub(crate) fn kr_rrn(text: &[u8]) -> bool {
    yymmdd(text, 0) && matches!(text.get(6), Some(b'1'..=b'8'))
}

pub(crate) fn kr_brn(text: &[u8]) -> bool {
    let sum = weighted(text, &[1, 3, 7, 1, 3, 7, 1, 3, 5]) + digit(text, 8) * 5 / 10;
    (10 - sum % 10) % 10 == digit(text, 9) && number(text, 3, 2) != 0
}

/// GB 11643-1999: a date, and modulo 11-2 with `X` for ten.
pub(crate) fn cn_resident_id(text: &[u8]) -> bool {
    let sum = weighted(text, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    let check = b"10X98765432".get((sum % 11) as usize);
    let year = number(text, 6, 4);
    matches!(text.first(), Some(b'1'..=b'9'))
        && (1880..=2099).contains(&year)
        && is_date(year, number(text, 10, 2), number(text, 12, 2))
        && check == text.get(17)
}

pub(crate) fn th_tnin(text: &[u8]) -> bool {
    let sum = weighted(text, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    matches!(text.first(), Some(b'1'..=b'8'))
        && (11 - sum % 11) % 10 == digit(text, 12)
        && !uniform(text)
}

/// Taiwan: the letter is a county's number of two digits.
pub(crate) fn tw_id(text: &[u8]) -> bool {
    const ORDER: &[u8] = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";
    let Some(county) = ORDER.iter().position(|known| Some(known) == text.first()) else {
        return false;
    };
    let county = u32::try_from(county).unwrap_or(0) + 10;
    let sum: u32 =
        text.iter().skip(1).zip([8, 7, 6, 5, 4, 3, 2, 1, 1]).map(|(b, w)| base36(*b) * w).sum();
    matches!(text.get(1), Some(b'1' | b'2' | b'8' | b'9'))
        && (county / 10 + county % 10 * 9 + sum).is_multiple_of(10)
}

/// Hong Kong: one or two letters, six digits, and a check that may be `A`.
pub(crate) fn hk_id(text: &[u8]) -> bool {
    let blank = if text.len() == 8 { 36 * 9 } else { 0 };
    let weights = (1..=9u32).rev().skip(9 - text.len());
    let sum: u32 = text.iter().zip(weights).map(|(byte, weight)| base36(*byte) * weight).sum();
    (blank + sum).is_multiple_of(11)
}

pub(crate) fn my_nric(text: &[u8]) -> bool {
    yymmdd(text, 0) && number(text, 6, 2) != 0
}

/// Indonesia: the place, then a date with forty added to a woman's day.
pub(crate) fn id_nik(text: &[u8]) -> bool {
    let day = number(text, 6, 2) % 40;
    matches!(number(text, 0, 2), 11..=94)
        && is_date(number(text, 10, 2), number(text, 8, 2), day)
        && number(text, 12, 4) != 0
}

/// South Africa: a date, the citizenship's digit, and Luhn.
pub(crate) fn za_id(text: &[u8]) -> bool {
    yymmdd(text, 0) && matches!(text.get(10), Some(b'0'..=b'2')) && luhn(text)
}

pub(crate) fn il_id(text: &[u8]) -> bool {
    luhn(text) && !uniform(text)
}

pub(crate) fn ae_emirates_id(text: &[u8]) -> bool {
    text.starts_with(b"784") && luhn(text) && matches!(number(text, 3, 4), 1900..=2099)
}

/// Egypt: the century, a date, a governorate.
pub(crate) fn eg_national_id(text: &[u8]) -> bool {
    matches!(text.first(), Some(b'2' | b'3'))
        && yymmdd(text, 1)
        && matches!(number(text, 7, 2), 1..=35 | 88)
}

pub(crate) fn sa_national_id(text: &[u8]) -> bool {
    matches!(text.first(), Some(b'1' | b'2')) && luhn(text)
}
