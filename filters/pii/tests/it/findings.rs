//! What is found in single texts.

use crate::negatives::NEGATIVES;
use crate::samples::{SAMPLES, sentence};
use crate::support::{detector_config, redactor, shield};
use behest_pii::{Action, Context, Entity, PatternConfig, Reading, Shield};

#[test]
fn every_kind_is_found_by_its_sample() {
    let mut wrong = Vec::new();
    for (entity, label, value) in SAMPLES {
        let text = sentence(label, value);
        let found = shield().detector().find(&text, Context::default());
        let told: Vec<_> = found
            .iter()
            .map(|one| {
                (
                    shield().detector().name(one.entity).to_owned(),
                    text[one.start..one.end].to_owned(),
                )
            })
            .collect();
        let shown = value.trim_end_matches('@');
        if !told.iter().any(|(name, found)| name == entity && found == shown) {
            wrong.push(format!("{entity} {value}: {told:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let sampled = |entity: &Entity| SAMPLES.iter().any(|(name, ..)| *name == entity.name());
    let missing: Vec<_> = Entity::ALL.iter().filter(|entity| !sampled(entity)).collect();
    assert!(missing.is_empty(), "without a sample: {missing:?}");
}

#[test]
fn every_kind_has_texts_in_which_it_is_not() {
    let shield = shield();
    for (entity, text) in NEGATIVES {
        let found = shield.detector().find(text, Context::default());
        let told: Vec<_> = found.iter().map(|one| shield.detector().name(one.entity)).collect();
        assert!(!told.contains(entity), "{entity}: {text}");
    }
    let sampled = |entity: &Entity| NEGATIVES.iter().any(|(name, ..)| *name == entity.name());
    let missing: Vec<_> = Entity::ALL.iter().filter(|entity| !sampled(entity)).collect();
    assert!(missing.is_empty(), "without a negative: {missing:?}");
}

#[test]
fn keys_are_found_whatever_stands_before_them() {
    let by_itself = |label: &str| !label.ends_with(['=', '/']) && !label.contains("Bearer");
    for (entity, label, value) in SAMPLES.iter().filter(|(_, label, _)| by_itself(label)) {
        let secret = Entity::named(entity).is_some_and(Entity::is_secret);
        let needs_word = ["TWILIO_KEY", "GENERIC_SECRET", "AWS_SECRET_KEY", "URL_CREDENTIALS"];
        if !secret || needs_word.contains(entity) {
            continue;
        }
        for before in ["see ", "in", "x: ", "(", "\"", "a=", "<b>", "\n", "é", "9 "] {
            let tight = before == "in";
            let text = format!("{before}{value}");
            let found = shield().detector().find(&text, Context::default());
            let hit = found.iter().any(|one| text.get(one.start..one.end) == Some(value));
            assert!(hit != tight, "{entity} {label} {text}: {found:?}");
        }
    }
}

#[test]
fn a_members_name_counts_as_a_word() {
    let text = "121000358";
    let find = |name| shield().detector().find(text, Context { name });
    assert!(find("description").is_empty());
    assert_eq!(find("routing_number")[0].entity.builtin(), Some(Entity::ABA_ROUTING_NUMBER));
    assert_eq!(find("bankRouting").len(), 1);
}

#[test]
fn hard_negatives_are_left_alone() {
    for text in [
        "npm i @types/node@1.2.3",
        "git@host.example:path",
        "user@localhost",
        "icon@2x.png",
        "version 4.18.2.1",
        "at 12:34:56 on 2024-01-15",
        "1700000000000",
        "a::b and std::io",
        "order 4111 1111 1111 1112",
        "UUID 12345678-1234-1234-1234-123456789012",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "part 123-45-67",
        "ISBN 978-3-16-148410-0",
        "https://example.com/a/b?c=1#d",
        "x = 1234567890",
        "pages 120-135",
        "3.14159265358979",
        "ACCOUNTING DEPARTMENT",
        "sk-learn and sklearn",
        "task-force",
        "-----BEGIN CERTIFICATE-----",
        "token = get_token()",
        "password: required",
        "http://user:password@localhost/",
    ] {
        let found = shield().detector().find(text, Context::default());
        assert!(found.is_empty(), "{text}: {found:?}");
    }
}

#[test]
fn one_value_has_one_placeholder_however_it_is_written() {
    let mut redactor = redactor(shield());
    let mut redact =
        |text: &str| redactor.redact(text, Context::default(), Reading::Plain).unwrap().unwrap();
    let first = redact("4111 1111 1111 1111");
    assert_eq!(first, redact("4111-1111-1111-1111"));
    assert_eq!(first, redact("４１１１ 1111\u{a0}1111 11\u{200b}11"));
    assert_ne!(first, redact("5555 5555 5555 4444"));
    assert_eq!(redact("jane@example.com"), redact("JANE [at] example [dot] com"));
    assert_eq!(first.len(), "<CREDIT_CARD_".len() + 9);
}

#[test]
fn text_that_looks_like_a_placeholder_is_made_harmless_and_comes_back() {
    let mut redactor = redactor(shield());
    let text = "write <EMAIL_ADDRESS_ABCDEFGH> and <credit_card> and <b>";
    let redacted = redactor.redact(text, Context::default(), Reading::Plain).unwrap().unwrap();
    assert!(!redacted.contains("EMAIL_ADDRESS") && redacted.ends_with("and <b>"), "{redacted}");
    let (vault, ..) = redactor.into_answer();
    let restorer = behest_pii::Restorer::new(vault, behest_pii::Spelling::Plain);
    assert_eq!(restorer.restore(&redacted).as_deref(), Some(text));
}

#[test]
fn brackets_around_a_value_are_its_own() {
    for text in [
        "Jane <jane@example.com>, (joe@example.com), [zoe@example.com], {ann@example.com}",
        "<<jane@example.com>> and \"4111 1111 1111 1111\" *4111 1111 1111 1111*",
    ] {
        let mut redactor = redactor(shield());
        let redacted = redactor.redact(text, Context::default(), Reading::Plain).unwrap().unwrap();
        let (vault, ..) = redactor.into_answer();
        let restorer = behest_pii::Restorer::new(vault, behest_pii::Spelling::Plain);
        assert_eq!(restorer.restore(&redacted).as_deref(), Some(text), "{redacted}");
    }
}

#[test]
fn numbers_of_json_become_strings_and_inner_text_does_not() {
    let mut redactor = redactor(shield());
    let text =
        r#"{"card":4111111111111111,"note":"card: 4111111111111111, ok","m":"a\u0040example.com"}"#;
    let redacted = redactor.redact(text, Context::default(), Reading::Json).unwrap().unwrap();
    let read: serde_json::Value = serde_json::from_str(&redacted).unwrap();
    let card = read["card"].as_str().unwrap();
    assert_eq!(read["note"], format!("card: {card}, ok"));
    assert!(read["m"].as_str().unwrap().starts_with("<EMAIL_ADDRESS_"), "{redacted}");
    let (vault, ..) = redactor.into_answer();
    let restored =
        behest_pii::Restorer::new(vault, behest_pii::Spelling::Json).restore(&redacted).unwrap();
    let read: serde_json::Value = serde_json::from_str(&restored).unwrap();
    assert_eq!(
        (read["card"].as_str(), read["m"].as_str()),
        (Some("4111111111111111"), Some("a@example.com"))
    );
}

#[test]
fn wrong_patterns_and_names_are_told_all_at_once() {
    let mut config = detector_config();
    let pattern = |name: &str, regex: &str| PatternConfig {
        name: name.into(),
        regex: regex.into(),
        action: Action::Mask,
    };
    config.patterns = vec![
        pattern("A", "(unclosed"),
        pattern("B", "x*"),
        pattern("EMAIL_ADDRESS", "x"),
        pattern("lower", "x"),
        pattern("C", "(a|b){1000}{1000}"),
        pattern("GOOD", "EMP-[0-9]{6}"),
    ];
    config.entities.insert("NOBODY".into(), Action::Mask);
    let errors = Shield::new(&config).unwrap_err();
    let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "entities.NOBODY",
            "patterns[0].regex",
            "patterns[1].regex",
            "patterns[2].name",
            "patterns[3].name",
            "patterns[4].regex"
        ]
    );
}

#[test]
fn nothing_of_a_value_is_shown_by_debug() {
    let mut redactor = redactor(shield());
    redactor.redact("jane@example.com", Context::default(), Reading::Plain).unwrap();
    assert!(!format!("{redactor:?}").contains("jane"));
}
