//! A second opinion on JSON bytes: the members of an object exactly as they are spelt, and edits of
//! them, written without a look at the gateway's own code.

/// A member as its bytes say it: the name with its quotes, and the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a str,
}

impl Member<'_> {
    /// Whether the name, its escapes resolved, is this one.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        serde_json::from_str::<String>(self.name).unwrap() == name
    }
}

/// The members of an object's text, in their order.
pub(crate) fn members(object: &str) -> Vec<Member<'_>> {
    let mut rest = object.trim_start().strip_prefix('{').expect("an object").trim_start();
    let mut members = Vec::new();
    while !rest.starts_with('}') {
        let (name, after) = rest.split_at(value_length(rest));
        let after = after.trim_start().strip_prefix(':').expect("a colon").trim_start();
        let (value, after) = after.split_at(value_length(after));
        members.push(Member { name, value });
        let after = after.trim_start();
        rest = after.strip_prefix(',').unwrap_or(after).trim_start();
    }
    members
}

/// The length of the value that the text begins with.
fn value_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut depth, mut in_string, mut at) = (0_usize, false, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if in_string => at += 1,
            b'"' => {
                in_string = !in_string;
                if !in_string && depth == 0 {
                    return at + 1;
                }
            }
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

/// The object's text with one member's value in another spelling, everything else untouched.
pub(crate) fn with_value(object: &str, name: &str, value: &str) -> String {
    let members = members(object);
    let member = members.iter().find(|member| member.is_called(name)).expect("such a member");
    let from = member.value.as_ptr() as usize - object.as_ptr() as usize;
    [&object[..from], value, &object[from + member.value.len()..]].concat()
}

#[test]
fn the_second_opinion_sees_members_as_they_are_spelt() {
    let text = r#" { "a" : [1.0,{"b":"}\""}] ,"\u0061":-0,"c":{},"d":"x\\" } "#;
    let seen: Vec<_> = members(text).iter().map(|m| (m.name, m.value)).collect();
    let expected = [
        (r#""a""#, r#"[1.0,{"b":"}\""}]"#),
        (r#""\u0061""#, "-0"),
        (r#""c""#, "{}"),
        (r#""d""#, r#""x\\""#),
    ];
    assert_eq!(seen, expected);
    assert!(members(text)[1].is_called("a"));
    assert_eq!(with_value(r#"{"a":1, "m" : "x" }"#, "m", "2"), r#"{"a":1, "m" : 2 }"#);
}
