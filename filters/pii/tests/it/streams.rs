//! Streams say what whole texts say, however they are cut.

use crate::realistic::FOUND;
use crate::samples::{SAMPLES, sentence};
use crate::support::{detector_config, redactor, shield};
use behest_contract::testing::cut_everywhere;
use behest_pii::{
    Action, Context, PatternConfig, Reading, Restorer, Spelling, StreamRedactor, StreamRestorer,
};
use proptest::prelude::*;

/// What leaves for some pieces, and the most that was held.
fn streamed(pieces: &[&str], reading: Reading) -> (String, usize) {
    let mut redactor = redactor(shield());
    let mut stream = StreamRedactor::new(reading);
    let (mut out, mut held) = (String::new(), 0);
    for piece in pieces {
        stream.push(&mut redactor, piece, &mut out).unwrap();
        held = held.max(stream.held());
    }
    stream.finish(&mut redactor, &mut out).unwrap();
    (out, held)
}

/// Cuts a text at every character and pair of characters.
fn cut(text: &str, mut check: impl FnMut(&[&str])) {
    cut_everywhere(text.as_bytes(), |pieces| {
        let pieces: Option<Vec<_>> =
            pieces.iter().map(|piece| std::str::from_utf8(piece).ok()).collect();
        if let Some(pieces) = pieces {
            check(&pieces);
        }
    });
}

#[test]
fn no_kind_leaks_at_any_cut() {
    for (entity, label, value) in SAMPLES {
        let text = sentence(label, value);
        let (whole, _) = streamed(&[&text], Reading::Plain);
        let shown = value.trim_end_matches('@');
        assert!(!whole.contains(shown), "{entity}: {whole}");
        cut(&text, |pieces| {
            let (out, _) = streamed(pieces, Reading::Plain);
            assert_eq!(out, whole, "{entity} {pieces:?}");
        });
    }
}

#[test]
fn no_kind_leaks_from_escapes_within_tool_arguments() {
    for (entity, label, value) in SAMPLES.iter().filter(|(entity, ..)| *entity != "PRIVATE_KEY") {
        let escaped: String = value.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
        let tight = if label.ends_with('/') || label.ends_with('=') { "" } else { " " };
        let tail = if value.ends_with('@') { "db.example.com" } else { "" };
        let text = format!("{{\"a\":\"{label}{tight}{escaped}{tail}\", \"b\":1}}");
        let (whole, _) = streamed(&[&text], Reading::Json);
        assert!(!whole.contains(&escaped.trim_end_matches("\\u0040")[..20]), "{entity}: {whole}");
        for at in (0..text.len()).step_by(5) {
            let Some((left, right)) = text.split_at_checked(at) else { continue };
            assert_eq!(streamed(&[left, right], Reading::Json).0, whole, "{entity} {at}");
        }
    }
}

#[test]
fn values_of_many_countries_do_not_leak_at_any_cut() {
    for (text, _, value) in FOUND {
        let text = format!("é {text} 是");
        let (whole, _) = streamed(&[&text], Reading::Plain);
        assert!(!whole.contains(value), "{whole}");
        for at in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
            let (left, right) = text.split_at(at);
            assert_eq!(streamed(&[left, right], Reading::Plain).0, whole, "{left}|{right}");
        }
        let single: Vec<String> = text.chars().map(String::from).collect();
        let single: Vec<&str> = single.iter().map(String::as_str).collect();
        assert_eq!(streamed(&single, Reading::Plain).0, whole, "{text}");
    }
}

#[test]
fn prose_leaves_a_word_late_and_nothing_is_held_for_long() {
    let prose = "It was a bright cold day in April, and the clocks were striking thirteen. Nobody \
                 had told the others what to do about it, so they went home and slept. ";
    let mut redactor = redactor(shield());
    let mut stream = StreamRedactor::new(Reading::Plain);
    let (mut held, mut count) = (0, 0);
    for piece in prose.as_bytes().chunks(4) {
        let mut out = String::new();
        stream.push(&mut redactor, std::str::from_utf8(piece).unwrap(), &mut out).unwrap();
        held += stream.held();
        count += 1;
    }
    println!("mean held: {held}/{count}");
    assert!(held / count <= 6, "{held} {count}");
}

#[test]
fn what_is_held_is_bounded_whatever_comes() {
    let floods = [
        "@",
        "a@",
        "1",
        "12 ",
        "1-",
        "a.",
        "GB29 NWBK ",
        "AB1 ",
        "eyJhbGciOiJI",
        "-----BEGIN ",
        "x",
        "http://a:",
        "<EMAIL",
        "(",
        "\u{200b}",
        "\u{200b}4",
        "４",
        "+1 (",
        "password: ",
        "::1",
        "[at] ",
        "é",
    ];
    for flood in floods {
        let mut redactor = redactor(shield());
        let mut stream = StreamRedactor::new(Reading::Plain);
        let mut out = String::new();
        for _ in 0..2000 {
            stream.push(&mut redactor, flood, &mut out).unwrap();
            assert!(stream.held() <= 1300, "{flood}: {}", stream.held());
        }
    }
}

#[test]
fn a_secret_of_any_length_is_swallowed() {
    let head = "token eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIi";
    let mut redactor = redactor(shield());
    let mut stream = StreamRedactor::new(Reading::Plain);
    let mut out = String::new();
    stream.push(&mut redactor, head, &mut out).unwrap();
    for _ in 0..10_000 {
        stream.push(&mut redactor, "R4tYb2LmX7vNc1pQs8", &mut out).unwrap();
        assert!(stream.held() <= 700);
    }
    stream.push(&mut redactor, " done", &mut out).unwrap();
    stream.finish(&mut redactor, &mut out).unwrap();
    assert!(out.starts_with("token <JWT_") && out.ends_with("> done") && out.len() < 40, "{out}");
}

#[test]
fn blocking_stops_before_the_value() {
    for (entity, label, value) in SAMPLES {
        let text = sentence(label, value);
        let mut config = detector_config();
        config.entities.values_mut().for_each(|action| *action = Action::Block);
        config.default_action = Some(Action::Block);
        let shield = std::sync::Arc::new(behest_pii::Shield::new(&config).unwrap());
        for size in [1, 3, 7, 1000] {
            let mut redactor = redactor(shield.clone());
            let mut stream = StreamRedactor::new(Reading::Plain);
            let mut out = String::new();
            let chars: Vec<char> = text.chars().collect();
            let pushed = chars.chunks(size).try_for_each(|piece| {
                stream.push(&mut redactor, &piece.iter().collect::<String>(), &mut out)
            });
            let ended = pushed.and_then(|()| stream.finish(&mut redactor, &mut out));
            assert!(ended.is_err(), "{entity} {out}");
            let before = text.find(value.trim_end_matches('@')).unwrap();
            assert!(out.len() <= before, "{entity} {out}");
        }
    }
}

fn restorer() -> (Restorer, Vec<(String, String)>) {
    let mut redactor = redactor(shield());
    let values = ["jane@example.com", "4111 1111 1111 1111", "+49 30 901820"];
    let mut held = Vec::new();
    for value in values {
        let placeholder =
            redactor.redact(value, Context::default(), Reading::Plain).unwrap().unwrap();
        held.push((placeholder, value.to_owned()));
    }
    let (vault, ..) = redactor.into_answer();
    (Restorer::new(vault, Spelling::Plain), held)
}

#[test]
fn placeholders_are_restored_however_they_are_mangled_and_cut() {
    let (restorer, held) = restorer();
    for (placeholder, value) in &held {
        let bare = &placeholder[1..placeholder.len() - 1];
        let dashed = bare.replace('_', "-");
        for mangled in [
            placeholder.clone(),
            placeholder.to_lowercase(),
            bare.to_owned(),
            format!("[{bare}]"),
            format!("[[{bare}]]"),
            format!("<<{bare}>>"),
            format!("<{dashed}>"),
            format!("<{}>", bare.replace('_', " ")),
            format!("<{}>", bare.replace('_', "\\_")),
            format!("<{}>", bare.replace('_', "")),
            format!("<**{bare}**>"),
            format!("<`{bare}`>"),
            format!("&lt;{bare}&gt;"),
            format!("<{}>", bare.replace('_', "_\u{200b}")),
            format!("<{}>", bare.replace('_', "\u{2011}")),
            format!("<{}>", bare.replace('_', "_\n")),
            format!("<{}>", &bare[..bare.len() - 9]),
        ] {
            let text = format!("Dear {mangled}, (hello) < 3 EMAIL to PHONE");
            let wanted = format!("Dear {value}, (hello) < 3 EMAIL to PHONE");
            cut(&text, |pieces| {
                let mut stream = StreamRestorer::new(restorer.clone());
                let mut out = String::new();
                for piece in pieces {
                    stream.push(piece, &mut out);
                    assert!(stream.held() <= 300);
                }
                stream.finish(&mut out);
                assert_eq!(out, wanted, "{pieces:?}");
            });
        }
    }
    for other in ["<EMAIL_ADDRESS_AAAAAAAA>", "<PHONE>", "the email address is", "<EMAIL_ADDRESS_"]
    {
        assert_eq!(restorer.restore(other), None, "{other}");
    }
}

fn fragments() -> impl Strategy<Value = String> {
    let samples: Vec<String> =
        SAMPLES.iter().map(|(_, label, value)| sentence(label, value)).collect();
    let values: Vec<String> = SAMPLES.iter().map(|(.., value)| (*value).to_owned()).collect();
    prop_oneof![
        proptest::sample::select(samples),
        proptest::sample::select(values),
        proptest::sample::select(
            FOUND.iter().map(|(text, ..)| (*text).to_owned()).collect::<Vec<_>>()
        ),
        "[a-zA-Z0-9@.:/ +-]{0,40}",
        "[0-9 -]{0,40}",
        "(PIN-[0-9]{0,12} ?|Zephyr ?|projec|t zephyr|機|密|<EMAIL_ADDRESS_ABCDEFGH>)",
        "[ -~éß４１\u{200b}\u{a0}—機密]{0,30}",
        "(\\\\u00[34][0-9a-f]|\\\\n|\\\\\"|\\\\){0,6}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn any_text_cut_anywhere_is_the_whole_text(
        parts in proptest::collection::vec(fragments(), 1..6),
        sizes in proptest::collection::vec(1usize..24, 1..12),
        json in any::<bool>(),
    ) {
        let text = parts.concat();
        let reading = if json { Reading::Json } else { Reading::Plain };
        let (whole, _) = streamed(&[&text], reading);
        let chars: Vec<char> = text.chars().collect();
        let mut pieces = Vec::new();
        let mut rest = chars.as_slice();
        for size in sizes.iter().cycle() {
            if rest.is_empty() { break; }
            let (piece, left) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece.iter().collect::<String>());
            rest = left;
        }
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let (out, held) = streamed(&pieces, reading);
        prop_assert_eq!(out, whole, "{:?}", pieces);
        prop_assert!(held <= 2000);
    }
}

#[test]
fn a_pattern_that_never_matches_is_not_held_for_ever() {
    let mut config = detector_config();
    config.patterns.push(PatternConfig {
        name: "LONG".into(),
        regex: "q[a-z]+;".into(),
        action: Action::Mask,
    });
    let shield = std::sync::Arc::new(behest_pii::Shield::new(&config).unwrap());
    let mut redactor = redactor(shield);
    let mut stream = StreamRedactor::new(Reading::Plain);
    let mut out = String::new();
    for _ in 0..1000 {
        stream.push(&mut redactor, "qqq", &mut out).unwrap();
        assert!(stream.held() <= 600);
    }
}
