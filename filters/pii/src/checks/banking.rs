//! Cards, accounts, devices and vehicles.

use super::{base36, digit, letter, luhn, number, uniform, weighted};

/// How sure a card number's first digits make it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Issuer {
    /// A range that an issuer has, with a length that it uses.
    Known,
    /// Ranges that much else begins with: Maestro, and JCB's of old.
    Vague,
}

/// ISO/IEC 7812 ranges as the networks publish them.
pub(crate) fn issuer(card: &[u8]) -> Option<Issuer> {
    let two = number(card, 0, 2);
    let four = number(card, 0, 4);
    let len = card.len();
    let known = matches!(
        (four, len),
        (4000..=4999, 13 | 16 | 19)
            | (5100..=5599 | 2221..=2720 | 2200..=2204, 16)
            | (3400..=3499 | 3700..=3799, 15)
            | (6011 | 6440..=6599 | 6200..=6299 | 8100..=8199, 16..=19)
            | (3528..=3589, 16..=19)
            | (3000..=3059 | 3095 | 3600..=3699 | 3800..=3999, 14..=19)
            | (5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763, 12..=19)
    );
    let vague = matches!(two, 50 | 56..=58 | 60..=69) || matches!(four, 1800 | 2131) && len == 15;
    match (known, vague) {
        (true, _) => Some(Issuer::Known),
        (false, true) => Some(Issuer::Vague),
        _ => None,
    }
}

pub(crate) fn card(text: &[u8]) -> bool {
    issuer(text) == Some(Issuer::Known) && luhn(text)
}

pub(crate) fn vague_card(text: &[u8]) -> bool {
    issuer(text) == Some(Issuer::Vague) && luhn(text)
}

pub(crate) fn imei(text: &[u8]) -> bool {
    luhn(text) && !uniform(text)
}

/// Lengths by country: the IBAN registry of SWIFT, release 99.
const IBAN_LENGTHS: &[u8] = b"AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24\
DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27\
JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29\
PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30";

/// How long an IBAN of this country is.
pub(crate) fn iban_length(country: &[u8]) -> Option<usize> {
    let (rows, _) = IBAN_LENGTHS.as_chunks::<4>();
    let row = rows.iter().find(|row| row.starts_with(country))?;
    usize::try_from(number(row, 2, 2)).ok()
}

/// ISO 13616: the whole, its first four characters put last, is 1 modulo 97.
pub(crate) fn iban(text: &[u8]) -> bool {
    let (head, tail) = text.split_at_checked(4).unwrap_or_default();
    let rest = tail.iter().chain(head).fold(0u64, |rest, byte| {
        // Divided once in many digits.
        let rest = if rest > u64::MAX / 1000 { rest % 97 } else { rest };
        match u64::from(base36(*byte)) {
            value @ 0..=9 => rest * 10 + value,
            value => rest * 100 + value,
        }
    });
    rest % 97 == 1 && !uniform(tail)
}

/// ISO 3166-1 alpha-2, with Kosovo's.
const COUNTRIES: &[u8] = b"ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZ\
CACCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGR\
GSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMF\
MGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSA\
SBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSXK\
YEYTZAZMZW";

pub(crate) fn is_country(code: &[u8]) -> bool {
    COUNTRIES.as_chunks::<2>().0.iter().any(|known| known.as_slice() == code)
}

/// ISO 9362: bank, country, place, and perhaps a branch.
pub(crate) fn swift_bic(text: &[u8]) -> bool {
    matches!(text.len(), 8 | 11)
        && text.iter().take(6).all(u8::is_ascii_uppercase)
        && text.get(4..6).is_some_and(is_country)
}

/// The weights 3-7-1 of the American Bankers Association, and the prefixes that the Federal Reserve uses.
pub(crate) fn aba_routing(text: &[u8]) -> bool {
    matches!(number(text, 0, 2), 1..=12 | 21..=32 | 61..=72 | 80)
        && weighted(text, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
}

/// 49 CFR 565.15: the ninth character is the weighted sum modulo 11, `X` being ten.
pub(crate) fn vin(text: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let value = |byte: u8| match byte {
        b'0'..=b'9' => Some(u32::from(byte - b'0')),
        b'A'..=b'H' => Some(u32::from(byte - b'A') + 1),
        b'J'..=b'N' | b'P' | b'R' => Some(u32::from(byte - b'J') + 1),
        b'S'..=b'Z' => Some(u32::from(byte - b'S') + 2),
        _ => None,
    };
    let mut sum = 0;
    for (byte, weight) in text.iter().zip(WEIGHTS) {
        let Some(value) = value(*byte) else { return false };
        sum += value * weight;
    }
    let check = letter(text, 8);
    let wanted = if sum % 11 == 10 { b'X' } else { b'0' + u8::try_from(sum % 11).unwrap_or(0) };
    text.len() == 17 && check == wanted && text.iter().any(u8::is_ascii_alphabetic)
}

/// Weights 7-3-1 over letters and digits, of ICAO 9303: the last character checks the others.
pub(crate) fn icao(text: &[u8]) -> bool {
    let (body, check) = text.split_at(text.len().saturating_sub(1));
    let sum: u32 = body.iter().zip([7, 3, 1].iter().cycle()).map(|(b, w)| base36(*b) * w).sum();
    check.first().is_some_and(u8::is_ascii_digit) && sum % 10 == digit(check, 0)
}
