//! Gateways with guardrails, what they send instead of a value, and answers that say what a test wants.

use serde_json::{Map, Value, json};

use super::client::{Answer, Ask};
use super::conf::{conf, set};
use super::gateway::Gateway;
use super::plan::{DONE, Plan, ROLE, STOP};
use super::provider::{Provider, Request};
use super::samples::SAMPLES;

/// A value that every test may use, and another one.
pub(crate) const JANE: &str = "jane.doe@mail.example.com";
pub(crate) const JOHN: &str = "john.roe@mail.example.com";
pub(crate) const CARD: &str = "4111 1111 1111 1111";

/// A configuration whose project `demo` has this shield.
pub(crate) fn shielded(urls: &[String], pii: Value) -> Value {
    let mut conf = conf(urls);
    set(&mut conf, "/tenants/0/projects/0/pii", pii);
    conf
}

/// A shield that does the same with every kind there is a sample of.
pub(crate) fn everything(action: &str) -> Value {
    let listed = SAMPLES.iter().map(|(entity, ..)| ((*entity).to_owned(), json!(action)));
    json!({ "mode": "enforce", "entities": listed.collect::<Map<_, _>>() })
}

/// A gateway before one provider, with this shield.
pub(crate) async fn gateway(pii: Value) -> (Provider, Gateway) {
    let provider = Provider::start().await;
    let gateway = Gateway::start(shielded(&[provider.url()], pii)).await;
    (provider, gateway)
}

/// A chat of one message, whole or streamed.
pub(crate) fn chat(content: &str) -> Ask {
    Ask::chat(json!({ "model": "m", "messages": [message(content)] }).to_string())
}

pub(crate) fn streamed(content: &str) -> Ask {
    let body = json!({ "model": "m", "stream": true, "messages": [message(content)] });
    Ask::chat(body.to_string())
}

pub(crate) fn message(content: &str) -> Value {
    json!({ "role": "user", "content": content })
}

/// What the provider gets to read of a chat of one message.
pub(crate) async fn sent(gateway: &Gateway, provider: &Provider, ask: &Ask) -> String {
    let before = provider.count();
    let answer = gateway.ask(ask).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    content(&provider.request(before).await)
}

/// The content of the first message.
pub(crate) fn content(request: &Request) -> String {
    request.json()["messages"][0]["content"].as_str().expect("a text").to_owned()
}

/// Everything in these bytes that somebody could read: themselves, their strings with the escapes
/// resolved, and the strings of JSON within those.
pub(crate) fn readable(bytes: &[u8]) -> String {
    let mut all = String::from_utf8_lossy(bytes).into_owned();
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        strings(&value, &mut all);
    }
    all
}

fn strings(value: &Value, all: &mut String) {
    match value {
        Value::String(text) => {
            all.push('\n');
            all.push_str(text);
            if let Ok(inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                strings(&inner, all);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| strings(value, all)),
        Value::Object(members) => members.values().for_each(|value| strings(value, all)),
        _ => {}
    }
}

/// Whether a value, or a whole line of it, can be read there.
pub(crate) fn holds(readable: &str, value: &str) -> bool {
    value.lines().filter(|line| !line.starts_with("-----")).any(|line| readable.contains(line))
}

/// What stands for values in a text, in its order: `<ENTITY_` + 8 characters of base 32 + `>`.
pub(crate) fn placeholders(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('<') {
        let Some(length) = text[at..].find('>') else { break };
        let inside = &text[at + 1..at + length];
        let Some((name, suffix)) = inside.rsplit_once('_') else { continue };
        let named = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        let coined = |byte: u8| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte);
        if name.bytes().all(named) && suffix.len() == 8 && suffix.bytes().all(coined) {
            found.push(format!("<{inside}>"));
        }
    }
    found
}

/// The only placeholder of a text.
#[track_caller]
pub(crate) fn placeholder(text: &str) -> String {
    let found = placeholders(text);
    let [only] = &found[..] else { panic!("{found:?} in {text:?}") };
    only.clone()
}

/// How a text is written within a JSON string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    Plain,
    /// Every character as `\uXXXX`.
    Escaped,
}

impl Spelling {
    pub(crate) const ALL: [Self; 2] = [Self::Plain, Self::Escaped];

    /// The JSON string, with its quotes.
    pub(crate) fn quote(self, text: &str) -> String {
        match self {
            Self::Plain => Value::from(text).to_string(),
            Self::Escaped => {
                let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
                format!("\"{}\"", units.collect::<String>())
            }
        }
    }
}

/// A place of an answer that holds a model's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Content,
    Refusal,
    Reasoning,
    Arguments,
    /// Of a tool of one's own.
    Input,
    /// Of a function, as it was called before there were tools.
    FunctionArguments,
}

impl Place {
    pub(crate) const ALL: [Self; 6] = [
        Self::Content,
        Self::Refusal,
        Self::Reasoning,
        Self::Arguments,
        Self::Input,
        Self::FunctionArguments,
    ];

    /// Whether what stands here is JSON within a string.
    pub(crate) fn is_json(self) -> bool {
        matches!(self, Self::Arguments | Self::FunctionArguments)
    }

    /// The members of a message or a delta that say this, given as a JSON string.
    fn members(self, quoted: &str) -> String {
        match self {
            Self::Content => format!(r#""content":{quoted}"#),
            Self::Refusal => format!(r#""refusal":{quoted}"#),
            Self::Reasoning => format!(r#""reasoning_content":{quoted}"#),
            Self::Arguments => format!(
                r#""tool_calls":[{{"index":0,"id":"call_1","type":"function","function":{{"name":"f","arguments":{quoted}}}}}]"#
            ),
            Self::Input => format!(
                r#""tool_calls":[{{"index":0,"id":"call_1","type":"custom","custom":{{"name":"g","input":{quoted}}}}}]"#
            ),
            Self::FunctionArguments => {
                format!(r#""function_call":{{"name":"f","arguments":{quoted}}}"#)
            }
        }
    }

    /// The event that says this piece.
    pub(crate) fn event(self, choice: usize, quoted: &str) -> String {
        let members = self.members(quoted);
        format!(
            r#"{{"id":"c1","object":"chat.completion.chunk","created":1700000000,"model":"up-m","choices":[{{"index":{choice},"delta":{{{members}}},"finish_reason":null}}]}}"#
        )
    }

    /// The whole answer that says this.
    pub(crate) fn answer(self, quoted: &str) -> String {
        let members = self.members(quoted);
        format!(
            r#"{{"id":"c1","object":"chat.completion","created":1700000000,"model":"up-m","choices":[{{"index":0,"message":{{"role":"assistant",{members}}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}}}"#
        )
    }

    /// A stream that says these pieces.
    pub(crate) fn stream(self, pieces: &[&str], spelling: Spelling) -> Plan {
        let pieces = pieces.iter().map(|piece| self.event(0, &spelling.quote(piece)));
        let events: Vec<String> = pieces.collect();
        let mut all = vec![ROLE];
        all.extend(events.iter().map(String::as_str));
        all.extend([STOP, DONE]);
        Plan::stream(&all)
    }

    /// A whole answer that says this text.
    pub(crate) fn whole(self, text: &str, spelling: Spelling) -> Plan {
        Plan::json(200, &self.answer(&spelling.quote(text)))
    }

    /// What a message or a delta says here.
    fn of(self, said: &Value) -> &str {
        let text = match self {
            Self::Content => &said["content"],
            Self::Refusal => &said["refusal"],
            Self::Reasoning => &said["reasoning_content"],
            Self::Arguments => &said["tool_calls"][0]["function"]["arguments"],
            Self::Input => &said["tool_calls"][0]["custom"]["input"],
            Self::FunctionArguments => &said["function_call"]["arguments"],
        };
        text.as_str().unwrap_or_default()
    }

    /// What an answer says here, whole or streamed.
    #[track_caller]
    pub(crate) fn read(self, answer: &Answer) -> String {
        assert_eq!(answer.status, 200, "{}", answer.text());
        if answer.header("content-type") == Some("application/json") {
            return self.of(&answer.json()["choices"][0]["message"]).to_owned();
        }
        let events = answer.events();
        assert_eq!(events.last().map(String::as_str), Some(DONE), "{events:?}");
        said(self, 0, &events)
    }
}

/// What events say in a place of a choice.
pub(crate) fn said(place: Place, choice: usize, events: &[String]) -> String {
    let mut all = String::new();
    for event in events.iter().filter(|event| *event != DONE) {
        let event: Value = serde_json::from_str(event).expect("an event of JSON");
        for one in event["choices"].as_array().into_iter().flatten() {
            if one["index"] == choice {
                all.push_str(place.of(&one["delta"]));
            }
        }
    }
    all
}
