//! A labelled corpus, drawn by lot from a seed: values in the sentences that people and programs write
//! around them, the same thinly disguised, numbers that only look personal, and prose.
//!
//! Check digits are worked out here, apart from the checks that are under test; kinds whose rule is too
//! long for that keep their published sample.

use crate::samples::SAMPLES;

pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..4).for_each(|_| {
            dice.roll(2);
        });
        dice
    }

    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    pub(crate) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + self.roll(10) as u8)).collect()
    }

    fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.roll(high - low + 1)
    }
}

/// What a message is there to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Value,
    Disguised,
    Negative,
    Clean,
}

pub(crate) struct Message {
    pub(crate) text: String,
    pub(crate) purpose: Purpose,
    /// Entity, start, end.
    pub(crate) labels: Vec<(&'static str, usize, usize)>,
}

fn number(text: &str) -> Vec<u32> {
    text.bytes().map(|byte| u32::from(byte - b'0')).collect()
}

fn dot(text: &str, weights: &[u32]) -> u32 {
    number(text).iter().zip(weights).map(|(d, w)| d * w).sum()
}

fn with_luhn(body: &str) -> String {
    let sum: u32 = number(body)
        .iter()
        .rev()
        .enumerate()
        .map(|(n, d)| if n % 2 == 0 { d * 2 / 10 + d * 2 % 10 } else { *d })
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

fn date(dice: &mut Dice) -> (usize, usize, usize) {
    (dice.between(1940, 1999), dice.between(1, 12), dice.between(1, 28))
}

/// A number drawn again until its rule gives a digit.
fn until(dice: &mut Dice, draw: impl Fn(&mut Dice) -> Option<String>) -> String {
    loop {
        if let Some(found) = draw(dice) {
            return found;
        }
    }
}

fn grouped(text: &str, groups: &[usize], sign: &str) -> String {
    let mut rest = text;
    let mut parts = Vec::new();
    for group in groups {
        let (part, left) = rest.split_at((*group).min(rest.len()));
        parts.push(part);
        rest = left;
    }
    parts.push(rest);
    parts.retain(|part| !part.is_empty());
    parts.join(sign)
}

fn iban(dice: &mut Dice) -> String {
    let (country, len, code) =
        [("DE", 18, "1314"), ("FR", 23, "1527"), ("ES", 20, "1428"), ("BE", 12, "1114")]
            [dice.roll(4)];
    let body = dice.digits(len);
    let rest = format!("{body}{code}00")
        .bytes()
        .fold(0u32, |rest, b| (rest * 10 + u32::from(b - b'0')) % 97);
    let whole = format!("{country}{:02}{body}", 98 - rest);
    if dice.roll(2) == 0 { grouped(&whole, &[4; 8], " ") } else { whole }
}

fn email(dice: &mut Dice) -> String {
    let first = dice.pick(&["jane", "omar", "li", "zoe", "pedro", "anna", "raj", "kim"]);
    let last =
        dice.pick(&["doe", "haddad", "wei", "martin", "garcia", "kowalska", "patel", "park"]);
    let sign = dice.pick(&[".", "_", "", "+", "-"]);
    let host = dice.pick(&[
        "example.com",
        "mail.example.org",
        "corp.example.co.uk",
        "example.de",
        "uni.example.edu",
    ]);
    format!(
        "{first}{sign}{last}{}@{host}",
        if dice.roll(2) == 0 { dice.digits(2) } else { String::new() }
    )
}

/// The same kind with other characters of the same classes, from `keep` on.
fn redrawn(dice: &mut Dice, value: &str, keep: usize) -> String {
    let hex = value[keep..].bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
    let redraw = |(at, c): (usize, char)| match c {
        _ if at < keep => c,
        'a'..='f' if hex => char::from(b'a' + dice.roll(6) as u8),
        '0'..='9' => char::from(b'0' + dice.roll(10) as u8),
        'a'..='z' => char::from(b'a' + dice.roll(26) as u8),
        'A'..='Z' => char::from(b'A' + dice.roll(26) as u8),
        other => other,
    };
    value.char_indices().map(redraw).collect()
}

/// How much of a key's sample is its beginning.
fn beginning(entity: &str, value: &str) -> Option<usize> {
    Some(match entity {
        "JWT" => 37,
        "AWS_ACCESS_KEY" | "GOOGLE_API_KEY" | "DATABRICKS_TOKEN" => 4,
        "AZURE_AD_SECRET" => 6,
        "SLACK_TOKEN" => 5,
        "TELEGRAM_BOT_TOKEN" => 12,
        "DISCORD_BOT_TOKEN" => 1,
        "PYPI_TOKEN" => 20,
        "SLACK_WEBHOOK" => 25,
        "AWS_SECRET_KEY" | "BEARER_TOKEN" | "AZURE_STORAGE_KEY" => 0,
        "AGE_SECRET_KEY" => 16,
        "TWILIO_KEY" => 2,
        "TERRAFORM_TOKEN" | "MAILCHIMP_KEY" | "PRIVATE_KEY" | "GENERIC_SECRET" => return None,
        "OPENAI_API_KEY" => 8,
        "ANTHROPIC_API_KEY" => 13,
        "SENDGRID_API_KEY" | "HUGGINGFACE_TOKEN" | "REPLICATE_TOKEN" => 3,
        _ => value.rfind(['_', '-']).filter(|at| *at < 14).map_or(4, |at| at + 1),
    })
}

/// A fresh value of a kind.
fn value(dice: &mut Dice, entity: &str, sample: &str) -> String {
    match entity {
        "CREDIT_CARD" => {
            let start = dice.pick(&["4", "51", "55", "2221", "6011", "37", "3528"]);
            let len = if start == "37" { 14 } else { 15 };
            let card = with_luhn(&format!("{start}{}", dice.digits(len - start.len())));
            let groups: &[usize] = if len == 14 { &[4, 6] } else { &[4, 4, 4] };
            let sign = dice.pick(&["", " ", "-"]);
            grouped(&card, groups, sign)
        }
        "IBAN_CODE" => iban(dice),
        "EMAIL_ADDRESS" => email(dice),
        "PHONE_NUMBER" => match dice.roll(5) {
            0 => format!("+49 {} {}", 30 + dice.roll(60), dice.digits(7)),
            1 => format!("+44 20 7{} {}", dice.digits(3), dice.digits(4)),
            2 => format!("({}) 555-{}", dice.between(212, 219), dice.digits(4)),
            3 => {
                format!("{}-{}-{}", dice.between(720, 789), dice.between(220, 290), dice.digits(4))
            }
            _ => format!(
                "+33 6 {} {} {} {}",
                dice.digits(2),
                dice.digits(2),
                dice.digits(2),
                dice.digits(2)
            ),
        },
        "IP_ADDRESS" if !sample.contains(':') => {
            format!(
                "{}.{}.{}.{}",
                dice.between(11, 223),
                dice.roll(256),
                dice.roll(256),
                dice.between(1, 254)
            )
        }
        "MAC_ADDRESS" => {
            let sign = dice.pick(&[":", "-"]);
            let pairs: Vec<String> = (0..6)
                .map(|n| format!("{:02x}", dice.roll(256) | usize::from(n == 0) << 4 & 0x30))
                .collect();
            pairs.join(sign)
        }
        "DATE_OF_BIRTH" if sample.starts_with('1') => {
            let (y, m, d) = date(dice);
            [
                format!("{y}-{m:02}-{d:02}"),
                format!("{d:02}.{m:02}.{y}"),
                format!("{m:02}/{d:02}/{y}"),
            ][dice.roll(3)]
            .clone()
        }
        "IMEI" => {
            let body = format!("35{}", dice.digits(12));
            with_luhn(&body)
        }
        "US_SSN" => format!(
            "{}-{:02}-{}",
            dice.between(100, 650),
            dice.between(10, 99),
            1000 + dice.roll(8999)
        ),
        "US_ITIN" => format!("9{}-7{}-{}", dice.digits(2), dice.roll(9), 1000 + dice.roll(8999)),
        "CA_SIN" => {
            let body = format!("4{}", dice.digits(7));
            grouped(&with_luhn(&body), &[3, 3], " ")
        }
        "US_NPI" => until(dice, |dice| {
            let body = format!("1{}", dice.digits(8));
            with_luhn(&format!("80840{body}")).get(5..).map(str::to_owned)
        }),
        "ABA_ROUTING_NUMBER" => until(dice, |dice| {
            let body = format!("0{}{}", dice.between(1, 9), dice.digits(6));
            let sum = dot(&body, &[3, 7, 1, 3, 7, 1, 3, 7]);
            Some(format!("{body}{}", (10 - sum % 10) % 10))
        }),
        "UK_NHS" => until(dice, |dice| {
            let body = format!("{}{}", dice.pick(&["40", "41", "60", "70"]), dice.digits(7));
            let check = (11 - dot(&body, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
            (check < 10).then(|| grouped(&format!("{body}{check}"), &[3, 3], " "))
        }),
        "UK_NINO" => format!(
            "{}{}{}",
            dice.pick(&["AB", "CE", "JK", "PR"]),
            dice.digits(6),
            dice.pick(&["A", "B", "C", "D"])
        ),
        "FR_NIR" => {
            let (y, m, _) = date(dice);
            let body = format!(
                "{}{:02}{m:02}{:02}{}{}",
                1 + dice.roll(2),
                y % 100,
                dice.between(10, 95),
                dice.digits(3),
                dice.digits(3)
            );
            let key = 97 - body.parse::<u64>().unwrap() % 97;
            grouped(
                &format!("{body}{key:02}"),
                &[1, 2, 2, 2, 3, 3],
                if dice.roll(2) == 0 { " " } else { "" },
            )
        }
        "ES_NIF" => {
            let body = dice.digits(8);
            let letter = b"TRWAGMYFPDXBNJZSQVHLCKE"[body.parse::<usize>().unwrap() % 23];
            format!("{body}{}", char::from(letter))
        }
        "PL_PESEL" => {
            let (y, m, d) = date(dice);
            let body = format!("{:02}{m:02}{d:02}{}", y % 100, dice.digits(4));
            format!("{body}{}", (10 - dot(&body, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10)
        }
        "NL_BSN" => until(dice, |dice| {
            let body = format!("1{}", dice.digits(7));
            let check = dot(&body, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
            (check < 10).then(|| format!("{body}{check}"))
        }),
        "BE_NRN" => {
            let (y, m, d) = date(dice);
            let body = format!("{:02}{m:02}{d:02}{}", y % 100, dice.digits(3));
            let check = 97 - body.parse::<u64>().unwrap() % 97;
            format!("{}.{}.{}-{}.{check:02}", &body[..2], &body[2..4], &body[4..6], &body[6..])
        }
        "CH_AHV" => {
            let body = format!("756{}", dice.digits(9));
            let check = (10 - dot(&body, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]) % 10) % 10;
            grouped(&format!("{body}{check}"), &[3, 4, 4], ".")
        }
        "SE_PERSONNUMMER" => {
            let (y, m, d) = date(dice);
            let whole = with_luhn(&format!("{:02}{m:02}{d:02}{}", y % 100, dice.digits(3)));
            grouped(&whole, &[6], "-")
        }
        "FI_PERSONAL_IDENTITY_CODE" => {
            let (y, m, d) = date(dice);
            let (day, serial) =
                (format!("{d:02}{m:02}{:02}", y % 100), format!("{:03}", dice.between(2, 899)));
            let rest = format!("{day}{serial}").parse::<usize>().unwrap() % 31;
            format!("{day}-{serial}{}", char::from(b"0123456789ABCDEFHJKLMNPRSTUVWXY"[rest]))
        }
        "IN_PAN" => format!(
            "{}P{}{}{}",
            redrawn(dice, "ABC", 0),
            redrawn(dice, "K", 0),
            dice.digits(3),
            format_args!("7{}", redrawn(dice, "F", 0))
        ),
        "SG_NRIC_FIN" => {
            let body = dice.digits(7);
            let letter = b"JZIHGFEDCBA"[dot(&body, &[2, 7, 6, 5, 4, 3, 2]) as usize % 11];
            format!("S{body}{}", char::from(letter))
        }
        "CN_RESIDENT_ID" => {
            let (y, m, d) = date(dice);
            let body = format!("110105{y}{m:02}{d:02}{}", dice.digits(3));
            let sum = dot(&body, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
            format!("{body}{}", char::from(b"10X98765432"[sum as usize % 11]))
        }
        "BR_CPF" => {
            let body = format!("1{}", dice.digits(8));
            let check = |text: &str, weights: &[u32]| match dot(text, weights) % 11 {
                0 | 1 => 0,
                rest => 11 - rest,
            };
            let first = check(&body, &[10, 9, 8, 7, 6, 5, 4, 3, 2]);
            let body = format!("{body}{first}");
            let second = check(&body, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
            format!("{}.{}.{}-{}{second}", &body[..3], &body[3..6], &body[6..9], &body[9..])
        }
        "ZA_ID_NUMBER" => {
            let (y, m, d) = date(dice);
            with_luhn(&format!("{:02}{m:02}{d:02}{}08", y % 100, dice.digits(4)))
        }
        "KR_RRN" => {
            let (y, m, d) = date(dice);
            format!("{:02}{m:02}{d:02}-1{}", y % 100, dice.digits(6))
        }
        "US_BANK_NUMBER" => {
            let len = dice.between(9, 12);
            format!("5{}", dice.digits(len))
        }
        "IN_VOTER" | "IN_PASSPORT" | "US_DRIVER_LICENSE" => redrawn(dice, sample, 1),
        _ if is_secret(entity) => match beginning(entity, sample) {
            Some(keep) => redrawn(dice, sample, keep),
            None => sample.to_owned(),
        },
        _ => sample.to_owned(),
    }
}

pub(crate) fn is_secret(entity: &str) -> bool {
    behest_pii::Entity::named(entity).is_some_and(behest_pii::Entity::is_secret)
}

const BEFORE: &[&str] = &[
    "Hi team, for the file: ",
    "Thanks for getting back to me so quickly. ",
    "",
    "Please update my record. ",
    "As discussed on Monday, ",
    "{\"note\": \"none\", \"details\": \"",
    "Name: J. Doe\n",
    "I moved last year and nobody noticed. ",
    "ticket opened by support; ",
    "> quoted from the customer:\n> ",
    "- ",
    "The form asks for several things. ",
];
const AFTER: &[&str] = &[
    ", thanks.",
    ".",
    " and nothing else.",
    "\n",
    " (please keep it safe)",
    "; see you soon",
    ", can you confirm that it arrived?",
    " which I hope is what you need for the application.",
    "\nBest wishes, and sorry for the delay in answering",
    " | done",
];
const PROSE: &[&str] = &[
    "Could you write a short poem about the sea in winter?",
    "We should meet on Tuesday and talk about the budget for next year.",
    "The cat sat on the mat, as cats do, and looked out of the window at the rain.",
    "Explain recursion to a child of ten.",
    "def add(a, b):\n    return a + b  # simple",
    "Please summarise the chapter in three sentences.",
    "I would rather walk than drive; the road is long.",
    "Der schnelle braune Fuchs springt über den faulen Hund.",
    "これは個人情報を含まない文章です。",
    "Le chat dort sur le canapé depuis midi.",
];

fn labelled(
    dice: &mut Dice,
    purpose: Purpose,
    disguise: impl Fn(&mut Dice, &str) -> Option<String>,
) -> Message {
    loop {
        let (entity, label, sample) = SAMPLES[dice.roll(SAMPLES.len())];
        if behest_pii::Entity::named(entity).is_none_or(|one| !one.by_default())
            || sample.ends_with('@')
        {
            continue;
        }
        let value = value(dice, entity, sample);
        let label = if BARE.contains(&entity) && !value.starts_with("01 ") && dice.roll(2) == 0 {
            dice.pick(&["answer", "entry for this row", "new one"])
        } else {
            label
        };
        let Some(value) = disguise(dice, &value) else { continue };
        let tight = label.ends_with('/') || label.ends_with('=') && !label.ends_with(" =");
        let gap = if tight { "" } else { dice.pick(&[" ", ": ", " is ", " = ", " - "]) };
        let gap = if label.ends_with([':', '=']) && !tight || label.contains("Bearer") {
            " "
        } else {
            gap
        };
        let text = format!("{}My {label}{gap}", dice.pick(BEFORE));
        let (start, end) = (text.len(), text.len() + value.len());
        let text = format!("{text}{value}{} {}", dice.pick(AFTER), dice.pick(PROSE));
        return Message { text, purpose, labels: vec![(entity, start, end)] };
    }
}

/// Kinds that are found without any word beside them.
const BARE: &[&str] = &[
    "CREDIT_CARD",
    "IBAN_CODE",
    "EMAIL_ADDRESS",
    "IP_ADDRESS",
    "MAC_ADDRESS",
    "VIN",
    "US_SSN",
    "UK_NINO",
    "FR_NIR",
    "ES_NIF",
    "CH_AHV",
    "SE_PERSONNUMMER",
    "FI_PERSONAL_IDENTITY_CODE",
    "BE_NRN",
    "IN_PAN",
    "SG_NRIC_FIN",
    "CN_RESIDENT_ID",
    "BR_CPF",
    "KR_RRN",
    "GITHUB_TOKEN",
    "GITLAB_TOKEN",
    "SLACK_TOKEN",
    "STRIPE_KEY",
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "GOOGLE_API_KEY",
    "NPM_TOKEN",
    "JWT",
    "PRIVATE_KEY",
    "SENDGRID_API_KEY",
    "SHOPIFY_TOKEN",
    "HUGGINGFACE_TOKEN",
];

/// The disguises of the first rows of the project's table.
fn disguised(dice: &mut Dice, value: &str) -> Option<String> {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    match dice.roll(5) {
        0 if digits > 7 && value.len() < 30 => {
            let wide = |c: char| {
                if c.is_ascii_digit() { char::from_u32(0xfee0 + u32::from(c)).unwrap() } else { c }
            };
            Some(value.chars().map(wide).collect())
        }
        1 if value.contains(' ') => Some(value.replace(' ', "\u{a0}")),
        2 if value.contains('-') && digits > 7 && value.len() < 30 => {
            Some(value.replace('-', "\u{2011}"))
        }
        3 if digits > 7 && value.len() < 30 => {
            let at = 1 + dice.roll(value.len() - 2);
            let (left, right) = value.split_at_checked(at)?;
            Some(format!("{left}\u{200b}{right}"))
        }
        4 if value.contains('@') => {
            let sign = dice.pick(&["%40", "&#64;", " [at] ", "(at)", "＠"]);
            Some(value.replace('@', sign))
        }
        _ => None,
    }
}

fn negative(dice: &mut Dice) -> String {
    let number = match dice.roll(16) {
        0 => {
            format!("release {}.{}.{}.{}", dice.roll(9), dice.roll(30), dice.roll(9), dice.roll(9))
        }
        1 => format!("at 17{} ms", dice.digits(11)),
        2 => format!(
            "uuid {}-{}-4{}-9{}-{}",
            dice.digits(8),
            dice.digits(4),
            dice.digits(3),
            dice.digits(3),
            dice.digits(12)
        ),
        3 => format!("commit {}", redrawn(dice, "3f786850e387550fdab836ed7e6dc881de23001b", 0)),
        4 => format!("order no. {}", dice.digits(10)),
        5 => format!("${}.{}", 1 + dice.roll(9999), dice.digits(2)),
        6 => format!(
            "on {}-{:02}-{:02} at {:02}:{}",
            dice.between(2001, 2029),
            dice.between(1, 12),
            dice.between(1, 28),
            dice.roll(24),
            dice.between(10, 59)
        ),
        7 => format!("pages {}-{}", dice.roll(300), dice.roll(300)),
        8 => format!("npm i @types/node@{}.{}.1", dice.roll(20), dice.roll(20)),
        9 => format!("git clone git@host.example:team/repo{}.git", dice.roll(99)),
        10 => format!("vector[{}] = {}.{}", dice.roll(99), dice.roll(9), dice.digits(9)),
        11 => format!("part {}-{}-{}", dice.digits(3), dice.digits(2), dice.digits(2)),
        12 => format!(
            "ISBN 978-{}-{}-{}-{}",
            dice.roll(9),
            dice.digits(2),
            dice.digits(6),
            dice.roll(9)
        ),
        13 => format!("std::vector<int{}> x{}::y", dice.pick(&["8", "16", "32"]), dice.roll(9)),
        14 => format!("icon{}@2x.png", dice.roll(99)),
        _ => {
            // A card with a wrong check digit.
            let card = with_luhn(&format!("4{}", dice.digits(14)));
            let last = (number(&card)[15] + 1 + dice.roll(8) as u32) % 10;
            grouped(&format!("{}{last}", &card[..15]), &[4, 4, 4], " ")
        }
    };
    format!(
        "{}{number}{} {}",
        dice.pick(&["", "See ", "It was ", "We saw "]),
        dice.pick(AFTER),
        dice.pick(PROSE)
    )
}

pub(crate) fn corpus(seed: u64, size: usize) -> Vec<Message> {
    let mut dice = Dice::new(seed);
    let message = |dice: &mut Dice| match dice.roll(10) {
        0..=4 => labelled(dice, Purpose::Value, |_, value| Some(value.to_owned())),
        5 => labelled(dice, Purpose::Disguised, disguised),
        6..=8 => Message { text: negative(dice), purpose: Purpose::Negative, labels: vec![] },
        _ => {
            let text = format!("{} {}", dice.pick(PROSE), dice.pick(PROSE));
            Message { text, purpose: Purpose::Clean, labels: vec![] }
        }
    };
    (0..size).map(|_| message(&mut dice)).collect()
}
