use super::*;
use crate::json::{Malformed, Scanner, Span, Str};
use proptest::prelude::*;

/// A front door for tests: `messages` is a list of strings, everything else is another member.
fn outline(body: &[u8]) -> Outline {
    let mut outline = Outline::default();
    let mut scanner = Scanner::new(body);
    let root = scanner.object(|scanner, key| {
        if key.is(body, b"messages") {
            let list = scanner.array(|scanner| {
                let value = scanner.value()?;
                outline.messages.push(Message { span: value.span, role: None });
                if let Some(text) = value.string() {
                    outline.texts.push(Text {
                        kind: TextKind::Content,
                        value: text,
                        name: Str::default(),
                        message: None,
                    });
                }
                Ok::<(), Malformed>(())
            })?;
            outline.list = Some(list);
            let whole = Span { start: key.quoted().start, end: list.end };
            let value = json::Value { span: list, kind: json::Kind::Array };
            outline.members.push(Member { role: Role::Messages, whole, value });
            return Ok(());
        }
        let value = scanner.value()?;
        let whole = Span { start: key.quoted().start, end: value.span.end };
        outline.members.push(Member { role: Role::Other, whole, value });
        Ok::<(), Malformed>(())
    });
    outline.root = root.unwrap();
    outline
}

fn prompt(body: &str) -> Prompt {
    Prompt::new(Bytes::copy_from_slice(body.as_bytes()), outline(body.as_bytes()))
}

fn spliced(prompt: &Prompt) -> String {
    String::from_utf8(prompt.splice(&Edits::default()).to_vec()).unwrap()
}

#[test]
fn members_are_dropped_with_their_comma_wherever_they_stand() {
    let body = r#"{ "a": 1 , "b":2,"c" :3 }"#;
    for (drop, wanted) in [
        (vec![], r#"{ "a": 1 , "b":2,"c" :3 }"#),
        (vec![0], r#"{ "b":2,"c" :3 }"#),
        (vec![1], r#"{ "a": 1,"c" :3 }"#),
        (vec![2], r#"{ "a": 1 , "b":2 }"#),
        (vec![0, 1], r#"{ "c" :3 }"#),
        (vec![1, 2], r#"{ "a": 1 }"#),
        (vec![0, 2], r#"{ "b":2 }"#),
        (vec![0, 1, 2], "{  }"),
    ] {
        let mut prompt = prompt(body);
        for at in &drop {
            let member = prompt.outline.members[*at];
            prompt.edits().drop_member(&member);
        }
        assert_eq!(spliced(&prompt), wanted, "{drop:?}");
        prompt.edits().append(Bytes::from_static(b"\"z\":0"));
        serde_json::from_str::<serde_json::Value>(&spliced(&prompt)).unwrap();
    }
}

#[test]
fn members_are_added_at_the_end() {
    let mut prompt = prompt("{}");
    prompt.edits().append(Bytes::from_static(b"\"z\":0"));
    prompt.edits().append(Bytes::from_static(b"\"y\":1"));
    assert_eq!(spliced(&prompt), r#"{"z":0,"y":1}"#);
}

#[test]
fn messages_are_laid_before_between_and_behind() {
    let fragment = || Fragment { json: Bytes::from_static(b"8,9"), texts: vec![] };
    for (body, before, wanted) in [
        (r#"{"messages":[1,2]}"#, 0, r#"{"messages":[8,9,1,2]}"#),
        (r#"{"messages":[1,2]}"#, 1, r#"{"messages":[1,8,9,2]}"#),
        (r#"{"messages":[1,2]}"#, 2, r#"{"messages":[1,2,8,9]}"#),
        (r#"{"messages":[ ]}"#, 0, r#"{"messages":[8,9 ]}"#),
    ] {
        let mut prompt = prompt(body);
        prompt.insert_messages(before, fragment());
        assert_eq!(spliced(&prompt), wanted);
    }
}

#[test]
fn inserted_texts_can_still_be_edited() {
    let mut prompt = prompt(r#"{"messages":["one"]}"#);
    let json = Bytes::from_static(br#""two","thr\u0065e""#);
    let texts = outline(br#"{"messages":["two","thr\u0065e"]}"#).texts;
    let shifted = texts.into_iter().map(|mut text| {
        text.value.span.start -= 13;
        text.value.span.end -= 13;
        text
    });
    let texts = shifted.collect();
    prompt.insert_messages(0, Fragment { json, texts });
    let found: Vec<_> = prompt.texts().map(|(at, _, now)| (at, now.into_owned())).collect();
    let read: Vec<_> = found.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(read, ["one", "two", "three"]);
    for (at, text) in &found {
        prompt.replace_text(*at, &text.to_uppercase());
    }
    assert_eq!(spliced(&prompt), r#"{"messages":["TWO","THREE","ONE"]}"#);
    assert_eq!(prompt.texts().map(|(_, _, now)| now).collect::<Vec<_>>(), ["ONE", "TWO", "THREE"]);
}

#[test]
fn no_body_is_longer_than_is_told() {
    let mut prompt = prompt(r#"{"messages":["one","two"],"x":1}"#);
    assert_eq!(prompt.len_max(), spliced(&prompt).len());
    let at = prompt.texts().next().unwrap().0;
    prompt.replace_text(at, "longer than it was");
    let member = prompt.outline.members[1];
    prompt.edits().append(Bytes::from_static(b"\"y\":2"));
    prompt.insert_messages(1, Fragment { json: Bytes::from_static(b"8,9"), texts: vec![] });
    let before = spliced(&prompt).len();
    assert!(prompt.len_max() >= before && prompt.len_max() <= before + 5);
    prompt.edits().drop_member(&member);
    assert!(prompt.len_max() >= spliced(&prompt).len());
}

#[test]
fn edits_may_be_told_in_any_order() {
    let body = Bytes::from_static(b"{\"a\":\"b\",\"c\":\"d\"}");
    let spans = [(5, 8), (13, 16), (1, 4), (1, 1), (1, 1), (9, 12)];
    let written = |order: &[usize]| {
        let mut prompt = Prompt::new(body.clone(), Outline::default());
        for at in order {
            let (start, end) = spans[*at];
            prompt.edits().replace(Span { start, end }, Bytes::from(format!("<{at}>")));
        }
        String::from_utf8(prompt.splice(&Edits::default()).to_vec()).unwrap()
    };
    let wanted = "{<3><4><2>:<0>,<5>:<1>}";
    assert_eq!(written(&[0, 1, 2, 3, 4, 5]), wanted);
    assert_eq!(written(&[1, 3, 5, 4, 0, 2]), wanted);
    assert_eq!(written(&[2, 5, 0, 1, 3, 4, 0, 1]), wanted);
}

#[test]
fn the_later_edit_of_a_text_wins() {
    let mut prompt = prompt(r#"{"messages":["one"]}"#);
    let at = prompt.texts().next().unwrap().0;
    prompt.replace_text(at, "two\n");
    prompt.replace_text(at, "3\"");
    assert_eq!(spliced(&prompt), r#"{"messages":["3\""]}"#);
}

proptest! {
    #[test]
    fn what_is_not_edited_stays_byte_for_byte(
        members in proptest::collection::vec("[ -!#-\\[\\]-~]{0,9000}", 0..6),
        edited in proptest::collection::vec(any::<bool>(), 6),
    ) {
        let fields: Vec<_> = members.iter().enumerate().map(|(n, text)| format!("\"k{n}\" : \"{text}\"")).collect();
        let body = format!("{{{}}}", fields.join(" , "));
        let mut prompt = prompt(&body);
        let mut wanted = fields.clone();
        for (n, (_, edit)) in members.iter().zip(&edited).enumerate() {
            if *edit {
                let span = prompt.outline.members[n].value.span;
                prompt.edits().replace(span, Bytes::from_static(b"null"));
                wanted[n] = format!("\"k{n}\" : null");
            }
        }
        let wire = prompt.splice(&Edits::default());
        prop_assert_eq!(wire.len(), wire.to_vec().len());
        prop_assert_eq!(String::from_utf8(wire.to_vec()).unwrap(), format!("{{{}}}", wanted.join(" , ")));
    }
}
