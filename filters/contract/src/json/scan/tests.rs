use super::*;
use proptest::prelude::*;

fn check(text: &[u8]) -> Result<Value, Malformed> {
    let mut scanner = Scanner::new(text);
    let value = scanner.value()?;
    scanner.end()?;
    Ok(value)
}

#[test]
fn what_is_json_is_accepted_and_nothing_else() {
    let good: &[&str] = &[
        "{}",
        " [ ] ",
        "null",
        "-0",
        "1.50e+0",
        "0.1E-7",
        r#"{"a":[1,{"b":null}],"a":2}"#,
        r#""\u00e9\\""#,
        "[true,false]",
        "123456789012345678901234567890",
        "\t{\"a\" :\n1 }\r\n",
    ];
    let bad: &[&str] = &[
        "",
        "{",
        "[1,]",
        "{\"a\":}",
        "{\"a\" 1}",
        "{a:1}",
        "[1 2]",
        "01",
        "1.",
        ".5",
        "1e",
        "+1",
        "nul",
        "truee",
        "\"a",
        "{\"a\":1,}",
        "[}",
        "{]",
        "1 1",
        "'a'",
        "--1",
        "\u{feff}{}",
        "{,}",
        "[,1]",
    ];
    for text in good {
        assert!(check(text.as_bytes()).is_ok(), "{text}");
    }
    for text in bad {
        assert!(check(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn nesting_stops_at_the_limit() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(check(nested(DEPTH_MAX).as_bytes()).is_ok());
    assert!(check(nested(DEPTH_MAX + 1).as_bytes()).is_err());
    assert!(check("[".repeat(100_000).as_bytes()).is_err());
    assert!(check("{\"a\":".repeat(100_000).as_bytes()).is_err());
}

#[test]
fn each_string_is_heard_with_the_member_that_holds_it() {
    let text = br#"{"a":["x",{"b":"y"},"z"],"c":{"d":"w"}}"#;
    let mut heard = Vec::new();
    let mut scanner = Scanner::new(text);
    scanner
        .walk(Str::default(), &mut |key, value| {
            heard.push(format!("{}={}", key.decode(text), value.decode(text)));
        })
        .unwrap();
    assert_eq!(heard, ["a=x", "b=y", "a=z", "d=w"]);
}

#[test]
fn whole_numbers_are_read_and_others_are_not() {
    for (text, wanted) in
        [("7", Some(7)), ("-7", None), ("7.0", None), ("1e3", None), ("\"7\"", None)]
    {
        assert_eq!(check(text.as_bytes()).unwrap().whole_number(text.as_bytes()), wanted, "{text}");
    }
}

proptest! {
    #[test]
    fn it_agrees_with_serde_json(text in r#"[\[\]{}:,"a1e.\-\\u0tnl ]{0,24}"#) {
        let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
        prop_assert_eq!(check(text.as_bytes()).is_ok(), theirs, "{}", text);
    }
}
