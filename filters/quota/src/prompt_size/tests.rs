use super::{Countable, PromptSize, counted_bound};
use crate::reading::prompt;
use crate::tokenizer::Vocabulary;
use behest_contract::prompt::Fragment;
use behest_contract::testing::block_on;
use bytes::Bytes;

fn counted(body: &str) -> u64 {
    let prompt = prompt(body);
    let size = PromptSize::of(&prompt);
    block_on(Countable::of(&prompt, &size, 100).counted(None)).unwrap().unwrap()
}

#[test]
fn a_prompt_is_bound_by_its_bytes_and_what_goes_around_them() {
    let tools = r#"[{"type":"function"}]"#;
    // (body, what its bound is on top of its bytes)
    let cases = [
        (r#"{"messages":["hello"]}"#.to_owned(), 64),
        (r#"{"messages":["漢字\u0000"],"temperature":1}"#.to_owned(), 64),
        (format!(r#"{{"messages":["a"],"tools":{tools}}}"#), 64 + 600 + 21),
        (r#"{"messages":["a"],"response_format":{"type":"x"}}"#.to_owned(), 64 + 12),
        (r#"{"messages":["a","data:image/png;base64,AAAA"]}"#.to_owned(), 64 + 100 - 26),
        (r#"{"input":[[1,2],[3]]}"#.to_owned(), 64),
    ];
    for (body, more) in cases {
        let bound = PromptSize::of(&prompt(&body)).bound(100);
        assert_eq!(bound, body.len() as u64 + more, "{body}");
    }
}

#[test]
fn no_count_is_above_its_bound() {
    let long = "antidisestablishmentarianism ".repeat(50);
    for body in [
        r#"{"messages":[""]}"#.to_owned(),
        format!(r#"{{"messages":["{long}","\u00e9\u6f22","{}"]}}"#, "\u{1f600}".repeat(100)),
        format!(
            r#"{{"messages":["{long}"],"tools":[{{"type":"function","description":"{long}"}}]}}"#
        ),
        r#"{"input":[[1,2,50000],[3]]}"#.to_owned(),
    ] {
        let bound = PromptSize::of(&prompt(&body)).bound(100);
        assert!(counted(&body) <= bound, "{body}");
    }
    assert_eq!(counted_bound(1_000, Vocabulary::Other, 1_500), 1_500);
    assert_eq!(counted_bound(1_000, Vocabulary::O200k, 1_500), 1_000);
}

#[test]
fn images_tools_and_numbers_are_counted_for_what_they_are() {
    let around = |texts: u64| 64 + 8 * texts;
    assert_eq!(counted(r#"{"messages":["hello world"]}"#), around(2) + 2);
    // The image's data is no text, whatever it says.
    let image = r#"{"messages":["hello world","data:hello hello hello"]}"#;
    assert_eq!(counted(image), around(3) + 2 + 100);
    let tools = counted(r#"{"messages":["hello world"],"tools":[{"type":"function"}]}"#);
    assert!(tools > around(2) + 2 + 600);
    // Numbers that stand for tokens: at least one each.
    assert!(counted(r#"{"input":[[1,2,50000],[3]]}"#) >= 4 + 64);
}

#[test]
fn what_was_laid_in_is_part_of_it() {
    let body = r#"{"messages":["hello"]}"#;
    let mut prompt = prompt(body);
    let before = PromptSize::of(&prompt).bound(100);
    prompt.insert_messages(0, Fragment { json: Bytes::from_static(br#""before""#), texts: vec![] });
    assert_eq!(PromptSize::of(&prompt).bound(100), before + 9);
}

#[test]
fn a_size_that_nobody_can_send_does_not_wrap() {
    let size = PromptSize {
        bytes: u64::MAX,
        rewritten_bytes: u64::MAX,
        images: u64::MAX,
        has_tools: true,
    };
    assert_eq!((size.bound(u64::MAX), size.estimate(u64::MAX)), (u64::MAX, u64::MAX));
}
