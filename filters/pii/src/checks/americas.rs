//! United States, Canada, Mexico, Brazil, Argentina, Chile.

use super::{base36, digit, is_date, letter, luhn, luhn_sum, number, uniform, weighted};

/// Social Security Administration: no area 000, 666 or 900 and above, no zero group; and none of the
/// numbers that were printed in advertisements or documentation.
pub(crate) fn us_ssn(text: &[u8]) -> bool {
    let area = number(text, 0, 3);
    !matches!(area, 0 | 666 | 900..=999)
        && number(text, 3, 2) != 0
        && number(text, 5, 4) != 0
        && !matches!(text, b"078051120" | b"219099999" | b"123456789" | b"987654321")
        && !uniform(text)
}

/// IRS: nine first, and the fourth and fifth digit in the ranges that are given out.
pub(crate) fn us_itin(text: &[u8]) -> bool {
    digit(text, 0) == 9 && matches!(number(text, 3, 2), 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

/// IRS, "How EINs are assigned": the prefixes of its campuses.
pub(crate) fn us_ein(text: &[u8]) -> bool {
    !matches!(
        number(text, 0, 2),
        0 | 7..=9 | 17..=19 | 28 | 29 | 49 | 69 | 70 | 78 | 79 | 89 | 96 | 97
    )
}

/// Luhn over the number with 80840 before it (45 CFR 162.406), which adds 24 to the sum.
pub(crate) fn us_npi(text: &[u8]) -> bool {
    matches!(text.first(), Some(b'1' | b'2')) && (luhn_sum(text) + 24).is_multiple_of(10)
}

/// Centers for Medicare & Medicaid Services: which positions are letters, without S L O I B Z.
pub(crate) fn us_mbi(text: &[u8]) -> bool {
    let kind = |wanted: u8, byte: &u8| {
        let letter = byte.is_ascii_uppercase() && !b"SLOIBZ".contains(byte);
        match wanted {
            b'c' => (b'1'..=b'9').contains(byte),
            b'n' => byte.is_ascii_digit(),
            b'a' => letter,
            _ => letter || byte.is_ascii_digit(),
        }
    };
    text.len() == 11 && b"caxnaxnaann".iter().zip(text).all(|(wanted, byte)| kind(*wanted, byte))
}

/// Drug Enforcement Administration: the registrant's type, then a checked number.
pub(crate) fn dea(text: &[u8]) -> bool {
    let sum = digit(text, 2)
        + digit(text, 4)
        + digit(text, 6)
        + 2 * (digit(text, 3) + digit(text, 5) + digit(text, 7));
    b"ABCDEFGHJKLMPRSTUX".contains(&letter(text, 0)) && sum % 10 == digit(text, 8)
}

/// Canada Revenue Agency: Luhn; no number begins with 0 or 8.
pub(crate) fn ca_sin(text: &[u8]) -> bool {
    !matches!(text.first(), Some(b'0' | b'8')) && luhn(text) && !uniform(text)
}

/// Mexico's CURP: date, sex, state and a check digit over 37 characters (`Ñ` is the 24th letter).
pub(crate) fn mx_curp(text: &[u8]) -> bool {
    const STATES: &[u8] = b"ASBCBSCCCLCMCSCHDFDGGTGRHGJCMCMNMSNTNLOCPLQTQRSPSLSRTCTSTLVZYNZSNE";
    let classes = b"aaaannnnnnaaaaaaxn".iter().zip(text).all(|(wanted, byte)| match wanted {
        b'a' => byte.is_ascii_uppercase(),
        b'n' => byte.is_ascii_digit(),
        _ => byte.is_ascii_alphanumeric(),
    });
    let state = text.get(11..13).unwrap_or_default();
    let value = |byte: u8| base36(byte) + u32::from(byte >= b'O');
    let sum: u32 = text.iter().take(17).zip(0..).map(|(b, n)| value(*b) * (18 - n)).sum();
    text.len() == 18
        && classes
        && matches!(letter(text, 10), b'H' | b'M' | b'X')
        && STATES.as_chunks::<2>().0.iter().any(|known| known.as_slice() == state)
        && is_date(number(text, 4, 2), number(text, 6, 2), number(text, 8, 2))
        && (10 - sum % 10) % 10 == digit(text, 17)
}

/// A check digit of Brazil's Receita Federal: eleven less the rest, or nought.
fn brazilian(sum: u32) -> u32 {
    match sum % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    }
}

pub(crate) fn br_cpf(text: &[u8]) -> bool {
    let first = weighted(text, &[10, 9, 8, 7, 6, 5, 4, 3, 2]);
    let second = weighted(text, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    brazilian(first) == digit(text, 9) && brazilian(second) == digit(text, 10) && !uniform(text)
}

/// Since July 2026 the root may hold letters, each counting as its ASCII code less 48 (Instrução
/// Normativa RFB 2.229/2024).
pub(crate) fn br_cnpj(text: &[u8]) -> bool {
    const WEIGHTS: [u32; 13] = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    let sum = |weights: &[u32]| {
        let value = |byte: &u8| u32::from(byte.saturating_sub(48));
        text.iter().zip(weights).map(|(byte, weight)| value(byte) * weight).sum::<u32>()
    };
    let (_, short) = WEIGHTS.split_at_checked(1).unwrap_or_default();
    text.len() == 14
        && text.iter().skip(12).all(u8::is_ascii_digit)
        && brazilian(sum(short)) == digit(text, 12)
        && brazilian(sum(&WEIGHTS)) == digit(text, 13)
        && !uniform(text)
}

/// Argentina's AFIP: the kinds of holder, then modulo 11.
pub(crate) fn ar_cuit(text: &[u8]) -> bool {
    let sum = weighted(text, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    let check = match 11 - sum % 11 {
        11 => 0,
        10 => return false,
        check => check,
    };
    matches!(number(text, 0, 2), 20 | 23 | 24 | 25 | 26 | 27 | 30 | 33 | 34)
        && check == digit(text, 10)
}

/// Chile: modulo 11 with the weights 2 to 7 from the right; `K` is ten.
pub(crate) fn cl_rut(text: &[u8]) -> bool {
    let (body, check) = text.split_at(text.len().saturating_sub(1));
    let weights = [2, 3, 4, 5, 6, 7].iter().cycle();
    let sum: u32 = body.iter().rev().zip(weights).map(|(byte, w)| base36(*byte) * w).sum();
    let wanted = match 11 - sum % 11 {
        11 => b'0',
        10 => b'K',
        check => b'0' + u8::try_from(check).unwrap_or(0),
    };
    body.iter().all(u8::is_ascii_digit) && check == [wanted] && !uniform(body)
}
