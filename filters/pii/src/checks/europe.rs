//! United Kingdom, Ireland, the European Union and its neighbours.

use super::{
    base36, ddmmyy, digit, is_date, letter, luhn, luhn_sum, mod_11_10, number, uniform, weighted,
    yymmdd,
};

/// NHS number: modulo 11, and no check digit of ten.
pub(crate) fn uk_nhs(text: &[u8]) -> bool {
    let check = 11 - weighted(text, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    check % 11 == digit(text, 9) && check != 10 && !uniform(text)
}

/// HMRC, NIM39110: letters that are not used, and prefixes that are not given out.
pub(crate) fn uk_nino(text: &[u8]) -> bool {
    let first = letter(text, 0);
    let second = letter(text, 1);
    !b"DFIQUV".contains(&first)
        && !b"DFIQUVO".contains(&second)
        && ![b"BG", b"GB", b"NK", b"KN", b"TN", b"NT", b"ZZ"].contains(&&[first, second])
        && matches!(text.last(), Some(b'A'..=b'D'))
}

/// DVLA: name, decade, month (with 50 for women), day, year, initials, then three characters.
pub(crate) fn uk_driving_licence(text: &[u8]) -> bool {
    let name = text.get(..5).unwrap_or_default();
    let letters = name.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let padded = letters >= 1 && name.iter().skip(letters).all(|byte| *byte == b'9');
    let dated = text.get(5..11).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    let month = match number(text, 6, 2) {
        month @ 51..=62 => month - 50,
        month => month,
    };
    let initial = |byte: &u8| byte.is_ascii_uppercase() || *byte == b'9';
    text.len() == 16
        && padded
        && dated
        && matches!(month, 1..=12)
        && matches!(number(text, 8, 2), 1..=31)
        && text.iter().skip(11).take(2).all(initial)
        && text.iter().skip(13).all(u8::is_ascii_alphanumeric)
}

/// The areas of Royal Mail's postcodes.
pub(crate) fn uk_postcode(text: &[u8]) -> bool {
    const AREAS: &str = "AB AL B BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG \
        DH DL DN DT DY E EC EH EN EX FK FY G GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW \
        KY L LA LD LE LL LN LS LU M ME MK ML N NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM S SA \
        SE SG SK SL SM SN SO SP SR SS ST SW SY TA TD TF TN TQ TR TS TW UB W WA WC WD WF WN WR WS WV YO ZE";
    let area = text.split(u8::is_ascii_digit).next().unwrap_or_default();
    let inward = text.get(text.len().saturating_sub(2)..).unwrap_or_default();
    AREAS.split_ascii_whitespace().any(|known| known.as_bytes() == area)
        && inward.iter().all(|byte| byte.is_ascii_uppercase() && !b"CIKMOV".contains(byte))
}

/// Ireland: modulo 23 over seven digits and the second letter.
pub(crate) fn ie_ppsn(text: &[u8]) -> bool {
    let second = match letter(text, 8) {
        b' ' | b'W' | b'T' | b'X' => 0,
        byte => base36(byte) - 9,
    };
    let sum = weighted(text, &[8, 7, 6, 5, 4, 3, 2]) + second * 9;
    b"WABCDEFGHIJKLMNOPQRSTUV".get((sum % 23) as usize) == text.get(7)
}

/// Germany's tax id: mod 11,10, and among the first ten digits one that comes twice or thrice.
pub(crate) fn de_tax_id(text: &[u8]) -> bool {
    let mut counts = [0u8; 10];
    for byte in text.iter().take(10) {
        if let Some(count) = counts.get_mut(usize::from(byte.wrapping_sub(b'0'))) {
            *count += 1;
        }
    }
    let repeated: Vec<_> = counts.iter().filter(|count| **count > 1).collect();
    digit(text, 0) != 0 && matches!(repeated.as_slice(), [2 | 3]) && mod_11_10(text)
}

/// Deutsche Rentenversicherung: area, birth date, letter, serial, and a sum of digits of products.
pub(crate) fn de_social_security(text: &[u8]) -> bool {
    let initial = base36(letter(text, 8)) - 9;
    let mut digits = [0u32; 12];
    for (to, at) in digits.iter_mut().zip((0..8).chain([12, 12]).chain(9..11)) {
        *to = digit(text, at);
    }
    let [.., tens, ones, _, _] = &mut digits;
    (*tens, *ones) = (initial / 10, initial % 10);
    let weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
    let sum: u32 = digits.iter().zip(weights).map(|(d, w)| d * w / 10 + d * w % 10).sum();
    let day = number(text, 2, 2);
    let day = if day > 50 { day - 50 } else { day };
    is_date(number(text, 6, 2), number(text, 4, 2), day) && sum % 10 == digit(text, 11)
}

/// Germany's health insurance: the letter is a number of two digits; weights one and two.
pub(crate) fn de_health_insurance(text: &[u8]) -> bool {
    let initial = base36(letter(text, 0)) - 9;
    let mut digits = [initial / 10, initial % 10, 0, 0, 0, 0, 0, 0, 0, 0];
    for (to, at) in digits.iter_mut().skip(2).zip(1..) {
        *to = digit(text, at);
    }
    let products = digits.iter().zip([1, 2].iter().cycle()).map(|(d, w)| d * w);
    let sum: u32 = products.map(|product| product / 10 + product % 10).sum();
    sum % 10 == digit(text, 9)
}

pub(crate) fn de_vat(text: &[u8]) -> bool {
    text.get(2..).is_some_and(|body| digit(body, 0) != 0 && mod_11_10(body))
}

/// France's NIR: 97 less the number modulo 97; Corsica's 2A and 2B count as 19 and 18.
pub(crate) fn fr_nir(text: &[u8]) -> bool {
    let mut plain = [0u8; 13];
    for (to, from) in plain.iter_mut().zip(text) {
        *to = *from;
    }
    match (plain.get(5).copied(), plain.get_mut(5), text.get(6)) {
        (Some(b'2'), Some(_), Some(letter @ (b'A' | b'B'))) => {
            let department = if *letter == b'A' { b'9' } else { b'8' };
            let [.., tens, ones, _, _, _, _, _, _] = &mut plain;
            (*tens, *ones) = (b'1', department);
        }
        (_, _, Some(b'0'..=b'9')) => {}
        _ => return false,
    }
    let key = 97 - number(&plain, 0, 13) % 97;
    matches!(text.first(), Some(b'1'..=b'4' | b'7' | b'8'))
        && matches!(number(text, 3, 2), 1..=12 | 20..=42 | 50..=99)
        && key == number(text, 13, 2)
}

/// INSEE: Luhn over the company and over the whole.
pub(crate) fn fr_siret(text: &[u8]) -> bool {
    text.get(..9).is_some_and(luhn) && luhn(text)
}

const SPANISH: &[u8] = b"TRWAGMYFPDXBNJZSQVHLCKE";

pub(crate) fn es_nif(text: &[u8]) -> bool {
    SPANISH.get((number(text, 0, 8) % 23) as usize) == text.get(8)
}

pub(crate) fn es_nie(text: &[u8]) -> bool {
    let series = match text.first() {
        Some(b'X') => 0,
        Some(b'Y') => 10_000_000,
        Some(b'Z') => 20_000_000,
        _ => return false,
    };
    SPANISH.get(((series + number(text, 1, 7)) % 23) as usize) == text.get(8)
}

/// Italy's fiscal code: the months' letters, letters in place of digits where codes would clash, and
/// the ministry's table for odd places.
pub(crate) fn it_fiscal_code(text: &[u8]) -> bool {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let classes = b"aaaaaannanncnnna".iter().zip(text).all(|(wanted, byte)| match wanted {
        b'n' => byte.is_ascii_digit() || b"LMNPQRSTUV".contains(byte),
        _ => byte.is_ascii_uppercase(),
    });
    let ordinal = |byte: u8| {
        if byte.is_ascii_digit() { base36(byte) } else { base36(byte).saturating_sub(10) }
    };
    let sum: u32 = text
        .iter()
        .take(15)
        .enumerate()
        .map(|(n, byte)| match n % 2 {
            0 => ODD.get(ordinal(*byte) as usize).copied().unwrap_or(0),
            _ => ordinal(*byte),
        })
        .sum();
    text.len() == 16
        && classes
        && b"ABCDEHLMPRST".contains(&letter(text, 8))
        && sum % 26 + 10 == base36(letter(text, 15))
}

pub(crate) fn it_vat(text: &[u8]) -> bool {
    luhn(text) && !uniform(text)
}

pub(crate) fn pl_nip(text: &[u8]) -> bool {
    weighted(text, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == digit(text, 9) && !uniform(text)
}

pub(crate) fn pt_nif(text: &[u8]) -> bool {
    let check = match weighted(text, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    check == digit(text, 8) && digit(text, 0) != 0 && !uniform(text)
}

/// The Netherlands' eleven-test, the last digit counting minus one.
pub(crate) fn nl_bsn(text: &[u8]) -> bool {
    let sum = weighted(text, &[9, 8, 7, 6, 5, 4, 3, 2]);
    sum % 11 == digit(text, 8) && sum != 0 && !uniform(text)
}

/// Belgium: 97 less the first nine digits modulo 97, with a 2 before them from the year 2000 on.
pub(crate) fn be_nrn(text: &[u8]) -> bool {
    let body = number(text, 0, 9);
    let check = number(text, 9, 2);
    let month = number(text, 2, 2) % 20;
    matches!(month, 0..=12)
        && number(text, 4, 2) <= 31
        && (97 - body % 97 == check || 97 - (2_000_000_000 + body) % 97 == check)
}

/// Austria: weights 3 7 9 around the check digit, which is the fourth.
pub(crate) fn at_svnr(text: &[u8]) -> bool {
    let sum = weighted(text, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]);
    digit(text, 0) != 0 && sum % 11 == digit(text, 3) && ddmmyy(text, 4)
}

/// Switzerland: an EAN-13 with the prefix 756.
pub(crate) fn ch_ahv(text: &[u8]) -> bool {
    let sum = weighted(text, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]);
    text.starts_with(b"756") && (10 - sum % 10) % 10 == digit(text, 12)
}

/// A date whose month says the century: 80 more for the 1800s, 20 for the 2000s, and so on.
fn dated_by_month(text: &[u8], step: u64) -> bool {
    let month = number(text, 2, 2);
    is_date(number(text, 0, 2), month % step, number(text, 4, 2)) && month / step <= 4
}

pub(crate) fn pl_pesel(text: &[u8]) -> bool {
    let sum = weighted(text, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]);
    dated_by_month(text, 20) && (10 - sum % 10) % 10 == digit(text, 10)
}

/// Sweden: a date, with 60 added to the day for those who are not registered, and Luhn over ten digits.
pub(crate) fn se_personnummer(text: &[u8]) -> bool {
    let short = text.get(text.len().saturating_sub(10)..).unwrap_or_default();
    let day = number(short, 4, 2);
    let day = if day > 60 { day - 60 } else { day };
    let century = text.len() == 10 || matches!(number(text, 0, 2), 18..=20);
    century && is_date(number(short, 0, 2), number(short, 2, 2), day) && luhn(short)
}

pub(crate) fn fi_code(text: &[u8]) -> bool {
    const CHECKS: &[u8] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    let sign = usize::from(text.len() == 11);
    let rest = (number(text, 0, 6) * 1000 + number(text, 6 + sign, 3)) % 31;
    let known = sign == 0 || b"ABCDEFYXWVU".contains(&letter(text, 6));
    ddmmyy(text, 0) && known && CHECKS.get(rest as usize) == text.last()
}

pub(crate) fn dk_cpr(text: &[u8]) -> bool {
    ddmmyy(text, 0)
}

pub(crate) fn no_fnr(text: &[u8]) -> bool {
    let first = 11 - weighted(text, &[3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11;
    let second = 11 - weighted(text, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    let day = number(text, 0, 2) % 40;
    is_date(number(text, 4, 2), number(text, 2, 2) % 40, day)
        && first % 11 == digit(text, 9)
        && second % 11 == digit(text, 10)
}

/// Czechia and Slovakia: a date with 50 added to a woman's month (and 20 when numbers run out); the
/// whole divides by eleven.
pub(crate) fn cz_rodne_cislo(text: &[u8]) -> bool {
    let month = number(text, 2, 2) % 50;
    let month = if month > 20 { month - 20 } else { month };
    let whole = number(text, 0, 10);
    is_date(number(text, 0, 2), month, number(text, 4, 2))
        && (whole.is_multiple_of(11) || number(text, 0, 9) % 11 == 10 && digit(text, 9) == 0)
}

pub(crate) fn ro_cnp(text: &[u8]) -> bool {
    let check = match weighted(text, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11 {
        10 => 1,
        rest => rest,
    };
    matches!(text.first(), Some(b'1'..=b'9'))
        && yymmdd(text, 1)
        && matches!(number(text, 7, 2), 1..=52 | 70)
        && check == digit(text, 12)
}

pub(crate) fn tr_id(text: &[u8]) -> bool {
    let odd = weighted(text, &[1, 0, 1, 0, 1, 0, 1, 0, 1]);
    let even = weighted(text, &[0, 1, 0, 1, 0, 1, 0, 1]);
    digit(text, 0) != 0
        && (odd * 7 + 100 - even) % 10 == digit(text, 9)
        && (odd + even + digit(text, 9)) % 10 == digit(text, 10)
}

pub(crate) fn gr_amka(text: &[u8]) -> bool {
    ddmmyy(text, 0) && luhn(text)
}

pub(crate) fn hu_taj(text: &[u8]) -> bool {
    weighted(text, &[3, 7, 3, 7, 3, 7, 3, 7]) % 10 == digit(text, 8) && !uniform(text)
}

pub(crate) fn bg_egn(text: &[u8]) -> bool {
    let sum = weighted(text, &[2, 4, 8, 5, 10, 9, 7, 3, 6]);
    let month = number(text, 2, 2) % 20;
    is_date(number(text, 0, 2), month, number(text, 4, 2)) && sum % 11 % 10 == digit(text, 9)
}

pub(crate) fn hr_oib(text: &[u8]) -> bool {
    mod_11_10(text) && !uniform(text)
}

/// The unified number of former Yugoslavia, in Slovenia with the registers 50 to 59.
pub(crate) fn si_emso(text: &[u8]) -> bool {
    let sum = weighted(text, &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    let check = (11 - sum % 11) % 11;
    is_date(number(text, 4, 3), number(text, 2, 2), number(text, 0, 2))
        && matches!(number(text, 7, 2), 50..=59)
        && check == digit(text, 12)
}

/// Estonia and Lithuania share one rule.
pub(crate) fn baltic(text: &[u8]) -> bool {
    let first = weighted(text, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = weighted(text, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
    let check = if first < 10 { first } else { second % 10 };
    matches!(text.first(), Some(b'1'..=b'8')) && yymmdd(text, 1) && check == digit(text, 10)
}

pub(crate) fn lv_kods(text: &[u8]) -> bool {
    let sum = weighted(text, &[1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    let old = ddmmyy(text, 0) && (1101 - sum) % 11 % 10 == digit(text, 10);
    old || text.starts_with(b"32")
}

pub(crate) fn lu_nin(text: &[u8]) -> bool {
    let year = number(text, 0, 4);
    (1850..=2099).contains(&year)
        && is_date(year, number(text, 4, 2), number(text, 6, 2))
        && text.get(..12).is_some_and(|body| luhn_sum(body).is_multiple_of(10))
}
