use super::outline;
use behest_contract::prompt::{Role, TextKind};

#[test]
fn members_are_found_by_role() {
    let body = br#"{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true,
        "stream_options":{"include_usage":true},"max_tokens":5,"n":2,"tools":[],"thread_id":"t","x":1}"#;
    let found = outline(body).unwrap();
    let roles: Vec<_> = found.members.iter().map(|member| member.role).collect();
    assert_eq!(
        roles,
        [
            Role::Model,
            Role::Messages,
            Role::Stream,
            Role::StreamOptions,
            Role::OutputCap,
            Role::Choices,
            Role::Tools,
            Role::Private,
            Role::Other
        ]
    );
    assert!(found.streamed && found.usage_asked());
    assert_eq!(found.root.len(), body.len());
    assert_eq!(found.messages.len(), 1);
}

#[test]
fn texts_are_found_wherever_they_stand() {
    let body = br#"{"messages":[
        {"role":"user","content":[{"type":"text","text":"one"},{"type":"image_url","image_url":{"url":"two"}}]},
        {"role":"assistant","content":null,"tool_calls":[{"id":"x","type":"function","function":{"name":"three","arguments":"four"}}]},
        {"content":"five","tool_call_id":"x","role":"tool"}],
        "metadata":{"k":"six"},"tools":[{"type":"function","function":{"description":"seven"}}],"model":"no","unknown":["eight",""]}"#;
    let found = outline(body).unwrap();
    let texts: Vec<_> = found
        .texts
        .iter()
        .map(|t| (t.value.decode(body).into_owned(), t.kind, t.message))
        .collect();
    let text = |word: &str, kind, message| (word.to_owned(), kind, message);
    assert_eq!(
        texts,
        [
            text("one", TextKind::Content, Some(0)),
            text("two", TextKind::Content, Some(0)),
            text("three", TextKind::Other, Some(1)),
            text("four", TextKind::ToolArguments, Some(1)),
            text("five", TextKind::ToolResult, Some(2)),
            text("six", TextKind::Other, None),
            text("seven", TextKind::Other, None),
            text("eight", TextKind::Other, None),
        ]
    );
}

#[test]
fn a_name_is_structure_only_where_it_is_known_to_be() {
    let body = br#"{"messages":[
        {"role":"user","id":"no","content":[{"type":"text","text":"a","detail":"b","id":"c"},
            {"type":"image_url","image_url":{"detail":"no","format":"d"}},
            {"type":"input_audio","input_audio":{"format":"no"}},
            {"type":"x","x":{"type":"e","role":"f"}},{"type":"Call me!"}]},
        {"role":"tool","tool_call_id":"no","content":null,"x":{"tool_call_id":"g","model":"h"}},
        {"role":"assistant","tool_calls":[{"id":"no","type":"function","function":{"arguments":"i"}}]}],
        "tools":[{"type":"function","function":{"id":"j","parameters":{"type":"object","$ref":"no",
            "properties":{"k":{"type":"string","format":"date-time","default":{"type":"l@m.n"}}}}}}],
        "response_format":{"type":"json_schema","json_schema":{"schema":{"type":"object"}}},
        "tool_choice":"no","service_tier":"no","verbosity":"no","reasoning_effort":"no",
        "metadata":{"id":"m","type":"n","detail":"o","format":"p","voice":"q"},"id":"r","role":"s"}"#;
    let found = outline(body).unwrap();
    let texts: Vec<_> = found.texts.iter().map(|text| text.value.decode(body)).collect();
    let expected = "a b c d e f Call me! g h i j l@m.n m n o p q r s";
    assert_eq!(texts.join(" "), expected);
}

#[test]
fn images_are_told_from_words() {
    let body = br#"{"messages":[
        {"role":"user","content":[{"type":"text","text":"one","url":"two"},
            {"type":"image_url","image_url":{"url":"three","detail":"high","alt":"four"}},
            {"type":"image_url","image_url":"five"},"six",null]},
        {"role":"user","content":"seven","image_url":{"url":"eight"}}],
        "image_url":{"url":"nine"}}"#;
    let found = outline(body).unwrap();
    let words = |of: &mut dyn Iterator<Item = behest_contract::json::Str>| {
        of.map(|place| place.decode(body).into_owned()).collect::<Vec<_>>().join(" ")
    };
    let texts = words(&mut found.texts.iter().map(|text| text.value));
    assert_eq!(texts, "one two three four five six seven eight nine");
    assert_eq!(words(&mut found.images.iter().copied()), "three five");
}

#[test]
fn it_is_known_whether_the_answer_is_to_be_json() {
    for (format, asked) in [
        (r#"{"type":"json_object"}"#, true),
        (r#"{"json_schema":{"schema":{"type":"text"}},"\u0074ype":"json\u005fschema"}"#, true),
        (r#"{"type":"text","type":"json_object"}"#, true),
        (r#"{"type":"json_object","type":"text"}"#, false),
        (r#"{"type":"text","json_schema":{"type":"json_object"}}"#, false),
        (r#"{"type":["json_object"]}"#, false),
        (r#""json_object""#, false),
        ("null", false),
    ] {
        let body = format!(r#"{{"response_format":{format},"messages":[{{"role":"user"}}]}}"#);
        let found = outline(body.as_bytes()).unwrap();
        assert_eq!(found.json_asked, asked, "{format}");
        assert_eq!(found.members[0].role, Role::AnswerFormat);
    }
    let other = br#"{"x":{"type":"json_object"},"messages":[{"role":"user"}]}"#;
    assert!(!outline(other).unwrap().json_asked);
}

#[test]
fn what_is_wrong_is_named() {
    let message = r#"{"role":"user","content":"x"}"#;
    let with = |members: &str| format!(r#"{{"messages":[{message}],{members}}}"#);
    for (body, param) in [
        ("[]".to_owned(), Some("body")),
        ("{".to_owned(), None),
        ("{}".to_owned(), Some("messages")),
        (r#"{"messages":{}}"#.to_owned(), Some("messages")),
        (r#"{"messages":[]}"#.to_owned(), Some("messages")),
        (r#"{"messages":["x"]}"#.to_owned(), Some("messages")),
        (r#"{"messages":[{"content":"x"}]}"#.to_owned(), Some("messages")),
        (r#"{"messages":[{"role":1}]}"#.to_owned(), Some("role")),
        (r#"{"messages":[{"role":"user","content":1}]}"#.to_owned(), Some("messages")),
        (r#"{"messages":[{"role":"a","r\u006fle":"b"}]}"#.to_owned(), Some("messages")),
        (with(r#""model":1"#), Some("model")),
        (with(r#""stream":"yes""#), Some("stream")),
        (with(r#""stream_options":1"#), Some("stream_options")),
        (with(r#""stream_options":{"include_usage":1}"#), Some("include_usage")),
        (with(r#""max_tokens":"5""#), Some("max_tokens")),
        (with(r#""max_completion_tokens":-1"#), Some("max_completion_tokens")),
        (with(r#""n":0"#), Some("n")),
        (with(r#""x":1,"\u0078":2"#), Some("body")),
        (with(r#""x":{"y":1,"y":2},"z":01"#), None),
    ] {
        let denial = outline(body.as_bytes()).unwrap_err();
        assert_eq!(denial.param, param, "{body}: {}", denial.message);
    }
    for fine in [with(r#""x":{"y":1,"y":2}"#), with(r#""model":null,"n":null,"stream":null"#)] {
        assert!(outline(fine.as_bytes()).is_ok(), "{fine}");
    }
}
