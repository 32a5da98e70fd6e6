//! How fast texts are read. Prints GB/s on one core, and how many times that is what the same kinds cost
//! as regular expressions run one after another, in the same run.
//!
//! `cargo bench -p behest-pii --bench redaction`

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench prints, and fails by panicking"
)]

#[path = "../tests/it/corpus.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
mod corpus;
#[path = "../tests/it/samples.rs"]
mod samples;

use behest_contract::clock::{Clock, SystemClock};
use behest_contract::secret::Secret;
use behest_pii::{
    Action, Context, DenyListConfig, Detector, Mode, Owner, PiiConfig, Reading, Redactor, Restorer,
    SecretMac, Shield, Spelling, StreamRedactor, StreamRestorer,
};
use corpus::Dice;
use regex::bytes::Regex;
use samples::{SAMPLES, sentence};
use std::hint::black_box;
use std::sync::Arc;

const SIZE: usize = 4 << 20;

/// The same kinds as people write them as regular expressions.
const NAIVE: &[&str] = &[
    r"\b(?:\d[ -]?){13,19}\b",
    r"\b[A-Z]{2}\d{2}[ ]?(?:[A-Z0-9]{4}[ ]?){2,7}[A-Z0-9]{1,4}\b",
    r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}",
    r"\+\d{1,3}[ -]?(?:\d[ -]?){6,12}\d",
    r"\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}\b",
    r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b",
    r"\b(?:[0-9a-fA-F]{1,4}:){2,7}[0-9a-fA-F]{1,4}\b",
    r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b",
    r"\b[13][1-9A-HJ-NP-Za-km-z]{25,34}\b",
    r"\bbc1[a-z0-9]{11,71}\b",
    r"\b0x[0-9a-fA-F]{40}\b",
    r"\b\d{3}-\d{2}-\d{4}\b",
    r"\b9\d{2}-\d{2}-\d{4}\b",
    r"\b\d{2}-\d{7}\b",
    r"\b[A-Z]{2}\d{7}\b",
    r"\b\d{3}[ -]\d{3}[ -]\d{3}\b",
    r"\b[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z0-9]\d\b",
    r"\b\d{3} \d{3} \d{4}\b",
    r"\b[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b",
    r"\b\d{7}[A-Z]{1,2}\b",
    r"\b\d{2} \d{3} \d{3} \d{3}\b",
    r"\b\d{8}[A-Z]\d{3}\b",
    r"\b[12] \d{2} \d{2} \d{2} \d{3} \d{3} \d{2}\b",
    r"\b\d{8}-?[A-Z]\b",
    r"\b[XYZ]\d{7}[A-Z]\b",
    r"\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b",
    r"\b\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}\b",
    r"\b756\.\d{4}\.\d{4}\.\d{2}\b",
    r"\b\d{11}\b",
    r"\b\d{6}[-+]\d{4}\b",
    r"\b\d{4} \d{4} \d{4}\b",
    r"\b[A-Z]{5}\d{4}[A-Z]\b",
    r"\b[STFGM]\d{7}[A-Z]\b",
    r"\b\d{6}-\d{7}\b",
    r"\b\d{17}[0-9X]\b",
    r"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b",
    r"\b\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}\b",
    r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
    r"\bgh[posur]_[A-Za-z0-9]{36}\b",
    r"\bsk-(?:proj-|ant-)[A-Za-z0-9_-]{40,}\b",
    r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+",
    r"://[^/\s:@]+:[^/\s:@]+@",
    r"\b\d{4}[-/.]\d{2}[-/.]\d{2}\b",
    r"\b\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}\b",
    r"\b\d{15}\b",
    r"\b[A-HJ-NPR-Z0-9]{17}\b",
    r"\b[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?\b",
    r"\b\d{9}\b",
    r"\b\d{10}\b",
    r"\b\d[A-Z][A-Z0-9]\d-?[A-Z][A-Z0-9]\d-?[A-Z]{2}\d{2}\b",
    r"\b[A-Z9]{5}\d{6}[A-Z9]{2}[A-Z0-9]{3}\b",
    r"\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b",
    r"\b[CFGHJKLMNPRTVWXYZ0-9]{9}\b",
    r"\bDE ?\d{9}\b",
    r"\b[A-Z]{2}\d{8,12}\b",
    r"\b[A-Z]\d{9}\b",
    r"\b\d{3} \d{3} \d{3} \d{5}\b",
    r"\b\d{4} \d{6}\b",
    r"\b\d{6}/\d{4}\b",
    r"\b\d{13}\b",
    r"\b\d{2}[A-Z]{5}\d{4}[A-Z][A-Z0-9]Z[A-Z0-9]\b",
    r"\b[A-Z]{3}\d{7}\b",
    r"\b[A-Z]\d{7}\b",
    r"\b\d{4} \d{5} \d\b",
    r"\b\d{12}\b",
    r"\b\d-\d{4}-\d{5}-\d{2}-\d\b",
    r"\b[A-Z]{1,2}\d{6}\(?[0-9A]\)?",
    r"\b\d{6}-\d{2}-\d{4}\b",
    r"\b\d{2}-\d{8}-\d\b",
    r"\b\d{1,2}\.\d{3}\.\d{3}-[\dkK]\b",
    r"\b784-\d{4}-\d{7}-\d\b",
    r"\bABSK[A-Za-z0-9+/=]{100,}",
    r"\bgithub_pat_[A-Za-z0-9_]{60,}",
    r"\bgl(?:pat|dt|rt|ptt|cbt|soat|ft|imt|oas|agent)-[A-Za-z0-9_.-]{20,}",
    r"\bxox[bpase][-.][A-Za-z0-9-]{20,}",
    r"hooks\.slack\.com/services/[A-Za-z0-9+/]{40,}",
    r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}",
    r"\bwhsec_[A-Za-z0-9+/=]{24,}",
    r"\bAIza[A-Za-z0-9_-]{35}\b",
    r"\bGOCSPX-[A-Za-z0-9_-]{24,}",
    r"\bya29\.[A-Za-z0-9_.-]{20,}",
    r"[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}",
    r"(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/=]{40,}",
    r"\bhf_[A-Za-z]{34}\b",
    r"\bnpm_[A-Za-z0-9]{36}\b",
    r"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}",
    r"\bdckr_[po]at_[A-Za-z0-9_-]{27,}",
    r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",
    r"\b(?:SK|AC)[0-9a-f]{32}\b",
    r"\bkey-[0-9a-f]{32}\b",
    r"\b[0-9a-f]{32}-us\d{1,2}\b",
    r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b",
    r"\bsq0(?:atp|csp)-[A-Za-z0-9_-]{22,}",
    r"\bdo[opr]_v1_[0-9a-f]{64}\b",
    r"\bdapi[0-9a-f]{32}",
    r"\bhv[sb]\.[A-Za-z0-9_-]{24,}",
    r"\bgl(?:sa|c)_[A-Za-z0-9+/_=]{32,}",
    r"\bNR(?:AK|II|JS)-[A-Za-z0-9_-]{19,}",
    r"\b(?:lin_api_|ntn_|secret_)[A-Za-z0-9]{32,}",
    r"\bPMAK-[A-Za-z0-9-]{40,}",
    r"\bfigd_[A-Za-z0-9_-]{32,}",
    r"\b\d{8,10}:AA[A-Za-z0-9_-]{33}\b",
    r"\b[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
    r"\b(?:sbp_|gsk_|r8_|pplx-|xai-)[A-Za-z0-9]{37,}",
    r"\bAGE-SECRET-KEY-1[A-Z0-9]{58}",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    r"\b[Bb]earer [A-Za-z0-9._~+/=-]{20,}",
    r"\b(?:SWIFT|swift|BIC|bic)[ :]+[A-Z]{6}[A-Z0-9]{2,5}\b",
];

const WORDS: &str = "the of and a to in he was that it his her with as had for at on not be she is you \
    him but they by have which from my were said this all one there so what when them we who out are more \
    been would up their if me will about into then could some very little time man other over your these \
    two has no than did down upon only made like any before now great know should how see after came good \
    never old house day come eyes well long hand where thought head much way think going place people \
    nothing looked moment night work door against himself though always without while morning another";

/// Sentences of common words; a number every 800 bytes or so.
fn prose(dice: &mut Dice, size: usize) -> String {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut text = String::with_capacity(size + 100);
    while text.len() < size {
        for n in 0..8 + dice.roll(12) {
            let word = words[dice.roll(words.len())];
            text.push_str(if n == 0 {
                ""
            } else if dice.roll(12) == 0 {
                ", "
            } else {
                " "
            });
            if n == 0 {
                text.push_str(&word[..1].to_uppercase())
            } else {
                text.push_str(&word[..1])
            }
            text.push_str(&word[1..]);
        }
        if dice.roll(10) == 0 {
            text.push_str(&format!(" {}", 1 + dice.roll(99)));
        }
        text.push_str(if dice.roll(8) == 0 { ".\n\n" } else { ". " });
    }
    text
}

fn sample(dice: &mut Dice) -> String {
    let (_, label, value) = SAMPLES[dice.roll(SAMPLES.len())];
    sentence(label, value)
}

fn chat(dice: &mut Dice, size: usize) -> String {
    let mut text = String::new();
    while text.len() < size {
        text.push_str(&prose(dice, 2000));
        text.push_str(&sample(dice));
        text.push(' ');
    }
    text
}

/// The labelled corpus of the tests, end to end.
fn dense(size: usize) -> String {
    let mut text = String::new();
    for message in corpus::corpus(1, size / 80) {
        text.push_str(&message.text);
        text.push('\n');
    }
    text
}

fn code(size: usize) -> String {
    let files = [
        include_str!("../src/detect/numbers.rs"),
        include_str!("../src/detect/select.rs"),
        include_str!("../src/stream.rs"),
        include_str!("../src/filter.rs"),
        include_str!("../src/vault.rs"),
        include_str!("../../contract/src/json/scan.rs"),
        include_str!("../../contract/src/chain.rs"),
    ];
    files.concat().repeat(1 + size / files.concat().len())
}

/// How often something is measured.
const TIMES: usize = 7;

/// The best of several runs, in seconds.
fn best(times: usize, mut run: impl FnMut()) -> f64 {
    let clock = SystemClock;
    let times = (0..times).map(|_| {
        let from = clock.now();
        run();
        clock.now().duration_since(from).as_secs_f64()
    });
    times.fold(f64::MAX, f64::min)
}

fn config() -> PiiConfig {
    PiiConfig {
        mode: Mode::Enforce,
        default_action: Some(Action::Mask),
        answers: true,
        ..PiiConfig::default()
    }
}

fn rate(detector: &Detector, text: &str, times: usize) -> f64 {
    let seconds = best(times, || drop(black_box(detector.find(text, Context::default()))));
    text.len() as f64 / seconds / 1e9
}

fn naive_rate(patterns: &[Regex], text: &str) -> f64 {
    let text = &text.as_bytes()[..text.len() / 8];
    let seconds = best(TIMES, || {
        for pattern in patterns {
            black_box(pattern.find_iter(text).count());
        }
    });
    text.len() as f64 / seconds / 1e9
}

/// A word of eight letters.
fn word(n: usize) -> String {
    let mut dice = Dice::new(n as u64);
    (0..8).map(|_| char::from(b'a' + dice.roll(26) as u8)).collect()
}

fn texts(detector: &Detector) {
    let mut dice = Dice::new(1);
    let clean = prose(&mut dice, SIZE);
    let rows = [("chat", chat(&mut dice, SIZE)), ("code", code(SIZE)), ("dense", dense(SIZE))];
    let terms = (0..5000).map(|n| format!("{} tango", word(n))).collect();
    let list = DenyListConfig { name: "WORDS".into(), terms, action: Action::Mask };
    let listed = Detector::new(&PiiConfig { deny_lists: vec![list], ..config() }).unwrap();
    let patterns: Vec<Regex> =
        NAIVE.iter().map(|one| Regex::new(&format!("(?-u){one}")).unwrap()).collect();
    let all =
        std::iter::once(("clean", &clean)).chain(rows.iter().map(|(name, text)| (*name, text)));
    println!("{:<8}{:>10}{:>16}{:>8}", "text", "GB/s", "regexes, GB/s", "times");
    // `-- dense` measures one text alone, for a profiler; `-- "1-2 "` a flood of that. A number behind it
    // says how often.
    let only = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    if let Some(only) = &only {
        let times = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(100);
        let flood = only.repeat(SIZE / only.len());
        let known = all.into_iter().find(|(name, _)| name == only);
        let (name, text, detector) = match (known, only.as_str()) {
            (_, "listed") => ("listed", &clean, &listed),
            (Some((name, text)), _) => (name, text, detector),
            (None, _) => ("flood", &flood, detector),
        };
        println!("{name} {:.3}", rate(detector, text, times));
        std::process::exit(0);
    }
    for (name, text) in all {
        let (ours, naive) = (rate(detector, text, TIMES), naive_rate(&patterns, text));
        println!("{name:<8}{ours:>10.3}{naive:>16.4}{:>8.0}", ours / naive);
    }
    println!("{:<8}{:>10.3}", "5,000 terms, clean", rate(&listed, &clean, TIMES));
}

fn floods(detector: &Detector) {
    let floods = [
        "@",
        "GB29 NWBK ",
        "a@",
        "AB1 ",
        "12 ",
        "1",
        "1-2 3.4/5 ",
        "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0NTY3/",
        "a.b.c.d@",
        "eyJhbGci",
        "<EMAIL_ADDRESS_",
        "http://a:",
        "4111 1111 ",
        "1:2:3:",
        "AB 12 ",
        "[at] ",
    ];
    let mut worst = (f64::MAX, "");
    for flood in floods {
        let short = rate(detector, &flood.repeat((SIZE / 4) / flood.len()), TIMES);
        let long = rate(detector, &flood.repeat(SIZE / flood.len()), TIMES);
        println!(
            "  {flood:<44}{:>8.0} MB/s, {:>5.2} of that at four times the length",
            short * 1e3,
            long / short
        );
        if long < worst.0 {
            worst = (long, flood);
        }
    }
    println!("worst   {:>10.3} ({})", worst.0, worst.1);
}

fn redactor(shield: &Arc<Shield>) -> Redactor {
    let owner = Owner { tenant: "t".into(), project: "p".into(), user: None };
    Redactor::new(shield.clone(), Arc::new(SecretMac::new(&Secret::new("key"))), owner)
}

fn small() {
    let shield = Arc::new(Shield::new(&config()).unwrap());
    let text = prose(&mut Dice::new(2), 2048);
    let seconds = best(TIMES, || {
        for _ in 0..1000 {
            let mut redactor = redactor(&shield);
            black_box(redactor.redact(&text, Context { name: "content" }, Reading::Plain).unwrap());
        }
    });
    println!("2 KB prompt with nothing in it: {:.2} µs", seconds * 1e3);
    let pieces: Vec<&str> =
        text.as_bytes().chunks(5).map(|c| std::str::from_utf8(c).unwrap()).collect();
    let mut one = redactor(&shield);
    let seconds = best(TIMES, || {
        let mut stream = StreamRedactor::new(Reading::Plain);
        let mut out = String::with_capacity(4096);
        pieces.iter().for_each(|piece| stream.push(&mut one, piece, &mut out).unwrap());
        black_box(out);
    });
    println!("redacted, a delta of 5 bytes: {:.0} ns", seconds * 1e9 / pieces.len() as f64);
    one.redact("jane@example.com and 4111 1111 1111 1111", Context::default(), Reading::Plain)
        .unwrap();
    let (vault, ..) = one.into_answer();
    let restorer = Restorer::new(vault, Spelling::Plain);
    let seconds = best(TIMES, || {
        let mut stream = StreamRestorer::new(restorer.clone());
        let mut out = String::with_capacity(4096);
        pieces.iter().for_each(|piece| stream.push(piece, &mut out));
        black_box(out);
    });
    println!("restored, a delta of 5 bytes: {:.0} ns", seconds * 1e9 / pieces.len() as f64);
}

fn main() {
    let detector = Detector::new(&config()).unwrap();
    texts(&detector);
    floods(&detector);
    small();
}
