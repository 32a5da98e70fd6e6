//! What must hold for any bytes. The fuzz targets call this, and the tests of behest-pii replay the seeds
//! with it.

use behest_contract::secret::Secret;
use behest_pii::{
    Action, Context, DenyListConfig, Entity, Mode, Owner, PatternConfig, PiiConfig, Reading,
    Redactor, Restorer, SecretMac, Shield, Spelling, StreamRedactor, StreamRestorer,
};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

static SHIELD: LazyLock<Arc<Shield>> = LazyLock::new(|| {
    let all = Entity::ALL.iter().map(|entity| (entity.name().to_owned(), Action::Mask));
    let pattern = PatternConfig {
        name: "PIN".into(),
        regex: r"\bPIN-[0-9]{4,8}\b".into(),
        action: Action::Mask,
    };
    let list = DenyListConfig {
        name: "CODENAME".into(),
        terms: vec!["project zephyr".into(), "機密".into()],
        action: Action::Mask,
    };
    let config = PiiConfig {
        mode: Mode::Enforce,
        entities: all.collect(),
        patterns: vec![pattern],
        deny_lists: vec![list],
        answers: true,
        ..PiiConfig::default()
    };
    Arc::new(Shield::new(&config).unwrap())
});

fn redactor() -> Redactor {
    let owner = Owner { tenant: "t".into(), project: "p".into(), user: None };
    Redactor::new(SHIELD.clone(), Arc::new(SecretMac::new(&Secret::new("key"))), owner)
}

/// Nothing that was found is sent, and what is sent becomes what was said again.
pub fn redact_restore(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let found = SHIELD.detector().find(&text, Context::default());
    let mut end = 0;
    for one in &found {
        assert!(one.start >= end && one.start < one.end && text.get(one.start..one.end).is_some());
        end = one.end;
    }
    let mut one = redactor();
    let Some(sent) = one.redact(&text, Context::default(), Reading::Plain).unwrap() else {
        assert!(found.is_empty());
        return;
    };
    // A value that is written in two ways comes back in its first one.
    let mut spelt: HashMap<String, &str> = HashMap::new();
    for finding in &found {
        let value = &text[finding.start..finding.end];
        let mut alone = redactor();
        let placeholder = alone.redact(value, Context::default(), Reading::Plain).unwrap();
        if *spelt.entry(placeholder.unwrap_or_default()).or_insert(value) != value {
            return;
        }
    }
    // What the text already had in the manner of a mangled placeholder may be read as one, and so may
    // letters that touch one.
    let (vault, ..) = one.into_answer();
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let letters = letters.to_ascii_uppercase();
    let guessed =
        |one: String| letters.contains(one.trim_matches(['<', '>']).rsplit('_').next().unwrap());
    if vault.placeholders().any(guessed) {
        return;
    }
    let names = ["<", "[", "&", "\\", "*", "`", "_"];
    if names.iter().any(|sign| text.contains(sign)) {
        return;
    }
    let touched = found.iter().any(|one| {
        let before = text[..one.start].chars().next_back().is_some_and(char::is_alphanumeric);
        before || text[one.end..].chars().next().is_some_and(char::is_alphanumeric)
    });
    if !touched {
        let restored = Restorer::new(vault, Spelling::Plain).restore(&sent);
        assert_eq!(restored.as_deref(), Some(&*text), "{sent}");
    }
}

/// However a text is cut, its pieces leave as the whole does. The first byte says how to cut.
pub fn stream_splits(data: &[u8]) {
    let Some((how, data)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(data);
    let reading = if how & 1 == 0 { Reading::Plain } else { Reading::Json };
    let whole = streamed(&[&text], reading);
    let size = usize::from(how >> 1) % 31 + 1;
    let chars: Vec<char> = text.chars().collect();
    let pieces: Vec<String> = chars.chunks(size).map(|piece| piece.iter().collect()).collect();
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    assert_eq!(streamed(&pieces, reading), whole);
    let mut one = redactor();
    let _ = one.redact(&text, Context::default(), reading);
    let (vault, ..) = one.into_answer();
    let restored = |pieces: &[&str]| {
        let mut stream = StreamRestorer::new(Restorer::new(vault.clone(), Spelling::Plain));
        let mut out = String::new();
        pieces.iter().for_each(|piece| stream.push(piece, &mut out));
        stream.finish(&mut out);
        out
    };
    assert_eq!(restored(&pieces), restored(&[&text]));
}

fn streamed(pieces: &[&str], reading: Reading) -> String {
    let mut one = redactor();
    let mut stream = StreamRedactor::new(reading);
    let mut out = String::new();
    for piece in pieces {
        stream.push(&mut one, piece, &mut out).unwrap();
    }
    stream.finish(&mut one, &mut out).unwrap();
    out
}
