use super::*;
use behest_contract::testing::cut_everywhere;

fn frame(payload: &str) -> Frame {
    frame_of(payload, Form::Event)
}

fn frame_of(payload: &str, form: Form) -> Frame {
    match read(Bytes::copy_from_slice(payload.as_bytes()), Hears::Text, form) {
        Ok(Decoded::Frame(frame)) => frame,
        other => panic!("{payload}: {other:?}"),
    }
}

/// The texts of a message, or a piece of one, in both forms: a whole answer and an event.
fn heard(message: &str) -> [Vec<String>; 2] {
    [("message", Form::Whole), ("delta", Form::Event)].map(|(name, form)| {
        told(&frame_of(&format!(r#"{{"choices":[{{"{name}":{message}}}]}}"#), form))
    })
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
fn what_tools_and_functions_are_given_is_heard() {
    for texts in heard(
        r#"{"function_call":{"name":"g","arguments":"a"},"tool_calls":[{"index":0,"type":"custom",
        "custom":{"name":"f","input":"b\n"}},{"index":1,"function":{"arguments":"c"}},{"index":2,"custom":{"input":"d"}}]}"#,
    ) {
        assert_eq!(
            texts,
            [
                "FunctionArguments 0: a",
                "ToolInput(0) 0: b\n",
                "ToolArguments(1) 0: c",
                "ToolInput(2) 0: d",
            ]
        );
    }
}

#[test]
fn a_content_that_is_a_list_is_heard_by_its_parts() {
    let message = r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"a"},{"type":"reference",
        "reference_ids":[1]},{"type":"text","text":"b"}]},{"type":"text","text":"c"},{"type":"image_url","image_url":
        {"url":"no"}},{"text":"d","type":"text"},{"type":"thinking","thinking":"e"},{"type":"text","text":""}]}"#;
    let [whole, event] = heard(message);
    assert_eq!(
        whole,
        [
            "Thinking(1) 0: a",
            "Thinking(2) 0: b",
            "ContentText(3) 0: c",
            "ContentText(4) 0: d",
            "Thinking(5) 0: e",
        ]
    );
    // In a stream each is the next piece, whatever stands before it in its event.
    assert_eq!(
        event,
        [
            "Thinking(0) 0: a",
            "Thinking(0) 0: b",
            "ContentText(0) 0: c",
            "ContentText(0) 0: d",
            "Thinking(0) 0: e",
        ]
    );
}

#[test]
fn reasoning_details_are_heard_by_their_index() {
    let message = r#"{"reasoning":"r","reasoning_details":[{"type":"reasoning.text","text":"a","index":4,"signature":"no"},
        {"type":"reasoning.summary","summary":"b","format":"f"},{"type":"reasoning.encrypted","data":"no"},
        {"type":"reasoning.text","text":"c","index":4}]}"#;
    let [whole, event] = heard(message);
    let plain = "Reasoning(Plain) 0: r";
    assert_eq!(
        whole,
        [plain, "ReasoningText(0) 0: a", "ReasoningSummary(1) 0: b", "ReasoningText(3) 0: c"]
    );
    assert_eq!(
        event,
        [plain, "ReasoningText(4) 0: a", "ReasoningSummary(1) 0: b", "ReasoningText(4) 0: c"]
    );
}

#[test]
fn a_voice_and_citations_are_heard() {
    let message = r#"{"audio":{"id":"no","data":"bm8=","transcript":"a","expires_at":1},"annotations":[{"type":"url_citation",
        "url_citation":{"start_index":0,"end_index":3,"title":"b","url":"c"}},{"type":"file","file":{"file_id":"no","x":["d",""]}}]}"#;
    for texts in heard(message) {
        assert_eq!(
            texts,
            ["Transcript 0: a", "Citation(1) 0: b", "Citation(2) 0: c", "Citation(3) 0: d"]
        );
    }
}

#[test]
fn members_of_another_type_than_theirs_are_passed_over() {
    for message in [
        r#"{"content":[1,"a",null,[{"text":"b"}],{"text":{"text":"c"}},{"thinking":{"text":"d"}}],"audio":"e"}"#,
        r#"{"content":{"text":"a"},"tool_calls":[{"custom":"b"},{"custom":{"input":["c"]}}],"function_call":"d"}"#,
        r#"{"reasoning_details":[{"text":["a"],"summary":{"text":"b"},"index":"c"},"d"],"annotations":{"title":"e"}}"#,
        r#"{"reasoning_details":{"text":"a"},"audio":[{"transcript":"b"}],"annotations":null,"function_call":null}"#,
        r#"["content","a"]"#,
    ] {
        for texts in heard(message) {
            assert_eq!(texts, [""; 0], "{message}");
        }
    }
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
fn usage_that_cannot_be_read_is_no_report() {
    for (usage, read) in [
        (r#"{"prompt_tokens":5.0,"completion_tokens":1e2}"#, Some((5, 100))),
        (r#"{"prompt_tokens":0,"completion_tokens":0}"#, Some((0, 0))),
        (r#"{"prompt_tokens":9,"total_tokens":9}"#, Some((9, 0))),
        (r#"{"prompt_tokens":9,"completion_tokens":null,"total_tokens":12}"#, Some((9, 3))),
        (r#"{"completion_tokens":3,"total_tokens":12}"#, Some((9, 3))),
        (r#"{"prompt_tokens":-5,"completion_tokens":1}"#, None),
        (r#"{"prompt_tokens":"5","completion_tokens":1}"#, None),
        (r#"{"prompt_tokens":0.5,"completion_tokens":1}"#, None),
        (r#"{"prompt_tokens":1e300,"completion_tokens":1}"#, None),
        (r#"{"prompt_tokens":50}"#, None),
        (r#"{"total_tokens":50}"#, None),
        (r#"{"prompt_tokens":9,"total_tokens":8}"#, None),
        (r#"{"input_tokens":9,"output_tokens":8}"#, None),
        ("{}", None),
    ] {
        let chunk = frame(&format!(r#"{{"choices":[],"usage":{usage}}}"#));
        let found = chunk.deltas.iter().find_map(|delta| match delta {
            Delta::Usage(usage) => Some((usage.prompt_tokens, usage.completion_tokens)),
            _ => None,
        });
        assert_eq!(found, read, "{usage}");
        assert!(chunk.says_more && chunk.usage.is_some(), "{usage}");
    }
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
        (r#"{"choices":[{"delta":{"content":[{"type":"text","text":"a"}]}}]}"#, false),
        (r#"{"choices":[{"delta":{"content":[{"type":"reference","reference_ids":[1]}]}}]}"#, true),
        (
            r#"{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"a"}]}]}}]}"#,
            false,
        ),
        (
            r#"{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.text","text":"a","index":0,"format":"f"}]}}]}"#,
            false,
        ),
        (
            r#"{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.text","text":"a","signature":"s"}]}}]}"#,
            true,
        ),
        (r#"{"choices":[{"delta":{"audio":{"transcript":"a"}}}]}"#, false),
        (r#"{"choices":[{"delta":{"audio":{"data":"a"}}}]}"#, true),
        (r#"{"choices":[{"delta":{"function_call":{"arguments":"a"}}}]}"#, false),
        (r#"{"choices":[{"delta":{"annotations":[{"title":"a"}]}}]}"#, true),
        (r#"{"choices":[{"delta":{"annotations":[]}}]}"#, false),
        (r#"{"moderation":{}}"#, true),
    ] {
        assert_eq!(frame(payload).says_more, says_more, "{payload}");
    }
}

#[test]
fn errors_and_nonsense_are_told_apart() {
    let read = |payload: &'static str| {
        read(Bytes::from_static(payload.as_bytes()), Hears::Text, Form::Event)
    };
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
