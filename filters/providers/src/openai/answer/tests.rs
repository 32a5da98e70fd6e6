use super::*;
use behest_contract::testing::cut_everywhere;

fn frame(payload: &str) -> Frame {
    match read(Bytes::copy_from_slice(payload.as_bytes()), Hears::Text) {
        Ok(Decoded::Frame(frame)) => frame,
        other => panic!("{payload}: {other:?}"),
    }
}

fn told(frame: &Frame) -> Vec<String> {
    let told = frame.deltas.iter().map(|delta| match delta {
        Delta::Text(text) => {
            format!("{:?} {}: {}", text.channel.kind, text.channel.choice, text.read())
        }
        Delta::Finish { choice } => format!("finish {choice}"),
        Delta::Usage(usage) => format!("usage {usage:?}"),
        Delta::End => "end".to_owned(),
    });
    told.collect()
}

#[test]
fn each_text_is_found_on_its_channel() {
    let chunk = frame(
        r#"{"choices":[{"delta":{"role":"assistant","content":"a\n","refusal":"b","reasoning_content":"c",
        "reasoning":"d","tool_calls":[{"index":3,"function":{"name":"f","arguments":"{\""}}]},"index":2,
        "finish_reason":"stop"},{"message":{"content":"e","tool_calls":[{"function":{"arguments":"x"}},
        {"function":{"arguments":"y"}}]}}],"usage":null}"#,
    );
    assert_eq!(
        told(&chunk),
        [
            "Content 2: a\n",
            "Refusal 2: b",
            "Reasoning(Content) 2: c",
            "Reasoning(Plain) 2: d",
            "ToolArguments(3) 2: {\"",
            "Content 1: e",
            "ToolArguments(0) 1: x",
            "ToolArguments(1) 1: y",
            "finish 2",
        ]
    );
    assert!(chunk.says_more && chunk.usage.is_some());
}

#[test]
fn usage_is_read_with_its_details() {
    let chunk = frame(
        r#"{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":7,"total_tokens":17,
        "prompt_tokens_details":{"cached_tokens":4,"x":1},"completion_tokens_details":{"reasoning_tokens":2},"cost":0.1}}"#,
    );
    let Some(Delta::Usage(usage)) = chunk.deltas.first() else { panic!("{chunk:?}") };
    let wanted =
        Usage { prompt_tokens: 10, completion_tokens: 7, cached_tokens: 4, reasoning_tokens: 2 };
    assert_eq!(*usage, wanted);
    assert!(chunk.no_choices && chunk.says_more);
}

#[test]
fn only_text_says_no_more() {
    for (payload, says_more) in [
        (
            r#"{"id":"1","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#,
            false,
        ),
        (r#"{"choices":[{"delta":{"role":"assistant","content":"a"}}]}"#, true),
        (r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#, true),
        (r#"{"choices":[{"delta":{"content":"a"},"logprobs":{}}]}"#, true),
        (
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"x","function":{"arguments":"a"}}]}}]}"#,
            true,
        ),
        (
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"a"}}]}}]}"#,
            false,
        ),
        (r#"{"moderation":{}}"#, true),
    ] {
        assert_eq!(frame(payload).says_more, says_more, "{payload}");
    }
}

#[test]
fn errors_and_nonsense_are_told_apart() {
    let read = |payload: &'static str| read(Bytes::from_static(payload.as_bytes()), Hears::Text);
    assert!(matches!(read(r#"{"error":{"message":"x"}}"#), Ok(Decoded::Error)));
    assert!(matches!(read(r#"{"error":null,"choices":[]}"#), Ok(Decoded::Frame(_))));
    for nonsense in ["<html>", "", "[]", "{}x", "{\"choices\":[1]}", "\"a\""] {
        assert!(read(nonsense).is_err(), "{nonsense}");
    }
}

fn decode(answer: Answer, pieces: &[&[u8]]) -> Result<Vec<String>, Nonsense> {
    use behest_contract::dialect::Dialect;
    let mut decoder = crate::OpenAi.decoder(answer);
    let mut out = Vec::new();
    for piece in pieces {
        decoder.feed(piece, &mut out)?;
    }
    decoder.finish(&mut out)?;
    Ok(out
        .iter()
        .flat_map(|decoded| match decoded {
            Decoded::Frame(frame) => told(frame),
            Decoded::Error => vec!["error".to_owned()],
        })
        .collect())
}

#[test]
fn a_stream_reads_the_same_wherever_it_is_cut() {
    let answer =
        Answer { endpoint: Endpoint::Chat, streamed: true, hears: Hears::Text, bytes_max: 4096 };
    let cases: &[(&str, Option<&[&str]>)] = &[
        (
            "data: {\"choices\":[{\"delta\":{\"content\":\"h\u{e9}\"}}]}\r\n\r\ndata: [DONE]\r\n\r\n",
            Some(&["Content 0: h\u{e9}", "end"]),
        ),
        (
            "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n: bye\n\n",
            Some(&["finish 0", "end"]),
        ),
        ("data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n", None),
        ("data: [DONE]\n\ndata: <junk>\n\n", Some(&["end"])),
        ("data: {\"error\":{}}\n\ndata: [DONE]\n\n", Some(&["error", "end"])),
        ("data: {\"choices\":[]\ndata: }\n\ndata: [DONE]\n\n", Some(&["end"])),
        ("data: junk\n\n", None),
        ("", None),
    ];
    for (stream, wanted) in cases {
        cut_everywhere(stream.as_bytes(), |pieces| {
            let told = decode(answer, pieces);
            let wanted = wanted.map(|wanted| wanted.iter().map(ToString::to_string).collect());
            assert_eq!(told.ok(), wanted, "{stream}");
        });
    }
}

#[test]
fn a_whole_answer_is_bounded_and_has_choices() {
    let whole =
        |bytes_max, endpoint| Answer { endpoint, streamed: false, hears: Hears::Text, bytes_max };
    let good: &[u8] = br#"{"choices":[{"index":0,"message":{"content":"hi"}}]}"#;
    assert_eq!(
        decode(whole(100, Endpoint::Chat), &[good]),
        Ok(vec!["Content 0: hi".to_owned(), "end".to_owned()])
    );
    assert!(decode(whole(20, Endpoint::Chat), &[good]).is_err());
    assert!(decode(whole(100, Endpoint::Chat), &[b"{}"]).is_err());
    assert_eq!(
        decode(whole(100, Endpoint::Embeddings), &[b"{\"data\":[]}"]),
        Ok(vec!["end".to_owned()])
    );
}
