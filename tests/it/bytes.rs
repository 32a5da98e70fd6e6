//! The provider gets the client's own bytes, whatever they are (principle "bytes, spans, edits").

use crate::support::client::Ask;
use crate::support::gateway::Gateway;
use crate::support::json::{members, with_value};
use crate::support::provider::Provider;
use crate::support::random::Random;

/// How many random requests; each is a few hundred bytes to a few hundred kilobytes.
const CASES: u64 = 150;

const BLANKS: [&str; 6] = ["", "", "", " ", "\n  ", "\t\r\n"];
const NUMBERS: [&str; 12] = [
    "0",
    "-0",
    "1.0",
    "1.50e+10",
    "-0.0E-0",
    "12345678901234567890123",
    "1e400",
    "0.1000",
    "9007199254740993",
    "1E5",
    "-1",
    "3.14159265358979323846264338327950288",
];
const PIECES: [&str; 16] = [
    "a",
    "hello ",
    "\\n",
    "\\\"",
    "\\\\",
    "\\/",
    "\\u00e9",
    "\\uD83D\\ude00",
    "\\u0000",
    "é",
    "😀",
    "{",
    "\\u007b]",
    "\u{7f}",
    "\u{2028}",
    "model",
];
const NAMES: [&str; 14] = [
    "x",
    "",
    "model",
    "messages",
    "m\\u006fdel",
    "stream",
    "é",
    "a b",
    "\\\"",
    "\\u0000",
    "thread_id",
    "$ref",
    "__proto__",
    "x.y",
];

struct Writer {
    random: Random,
    text: String,
}

impl Writer {
    fn blank(&mut self) {
        self.text.push_str(self.random.pick(&BLANKS));
    }

    fn string(&mut self) {
        self.text.push('"');
        for _ in 0..self.random.below(6) {
            self.text.push_str(self.random.pick(&PIECES));
        }
        self.text.push('"');
    }

    fn value(&mut self, depth: usize) {
        match self.random.below(if depth == 0 { 5 } else { 8 }) {
            0 => self.text.push_str(["true", "false", "null"][self.random.below(3)]),
            1 | 2 => self.text.push_str(self.random.pick(&NUMBERS)),
            3 | 4 => self.string(),
            5 => self.array(depth - 1),
            // Nested objects may repeat names: only the top and messages may not.
            _ => self.object(depth - 1),
        }
    }

    fn array(&mut self, depth: usize) {
        self.text.push('[');
        for at in 0..self.random.below(5) {
            if at > 0 {
                self.text.push(',');
            }
            self.blank();
            self.value(depth);
            self.blank();
        }
        self.text.push(']');
    }

    fn object(&mut self, depth: usize) {
        self.text.push('{');
        for at in 0..self.random.below(5) {
            if at > 0 {
                self.text.push(',');
            }
            let name = self.random.pick(&NAMES);
            self.member(&format!("\"{name}\""), |writer| writer.value(depth));
        }
        self.text.push('}');
    }

    fn member(&mut self, name: &str, value: impl FnOnce(&mut Self)) {
        self.blank();
        self.text.push_str(name);
        self.blank();
        self.text.push(':');
        self.blank();
        value(self);
        self.blank();
    }

    fn messages(&mut self) {
        self.text.push('[');
        for at in 0..=self.random.below(4) {
            if at > 0 {
                self.text.push(',');
            }
            self.blank();
            self.text.push('{');
            let role =
                self.random.pick(&["user", "assistant", "system", "us\\u0065r", "developer"]);
            self.member("\"role\"", |writer| writer.text.push_str(&format!("\"{role}\"")));
            self.text.push(',');
            let content = self.random.pick(&["\"content\"", "\"c\\u006fntent\""]);
            self.member(content, Self::content);
            for extra in 0..self.random.below(3) {
                self.text.push(',');
                self.member(&format!("\"x{extra}\""), |writer| writer.value(4));
            }
            self.text.push('}');
            self.blank();
        }
        self.text.push(']');
    }

    fn content(&mut self) {
        if !self.random.one_in(3) {
            return self.string();
        }
        self.text.push_str(r#"[{"type":"text","text":"#);
        self.string();
        self.text.push_str(r#"} , {"type":"image_url","image_url":{"url":"data:image\/png;base64,AAAA","x":1.0}}]"#);
    }

    /// A request with everything where chance puts it.
    fn request(&mut self) {
        let model = self.random.pick(&["\"m\"", "\"\\u006d\"", "\"default\"", "\"\""]);
        let name = self.random.pick(&["\"model\"", "\"mod\\u0065l\"", "\"\\u006D\\u006fdel\""]);
        let mut order: Vec<usize> = (0..2 + self.random.below(6)).collect();
        for at in (1..order.len()).rev() {
            order.swap(at, self.random.below(at + 1));
        }
        self.blank();
        self.text.push('{');
        for (at, member) in order.into_iter().enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            match member {
                0 => self.member(name, |writer| writer.text.push_str(model)),
                1 => self.member("\"messages\"", Self::messages),
                extra => self.member(&format!("\"x_{extra}\\t\""), |writer| writer.value(5)),
            }
        }
        self.text.push('}');
        self.blank();
    }
}

#[tokio::test]
async fn any_request_arrives_byte_for_byte_but_for_its_models_name() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let mut client = gateway.client().await;
    for seed in 1..=CASES {
        let mut writer = Writer { random: Random::new(seed), text: String::new() };
        writer.request();
        let body = writer.text;
        let before = provider.count();
        let answer = client.ask(&Ask::chat(body.clone())).await;
        assert_eq!(answer.status, 200, "seed {seed}: {} for\n{body}", answer.text());
        let sent = provider.request(before).await;
        let expected = with_value(&body, "model", r#""up-m""#);
        assert_eq!(sent.text(), expected, "seed {seed}");
    }
}

#[tokio::test]
async fn large_requests_arrive_byte_for_byte_too() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let mut client = gateway.client().await;
    let limit = 4 << 20;
    for (number, filling) in
        ["plain text ", r#"\u0041\n\" "#, "é😀", r#"\"{\"model\":\"x\"}"#].into_iter().enumerate()
    {
        let around = r#"{ "messages":[{"role":"user","content":""}],"model" :"m", "x":1.0}"#;
        let filled = filling.repeat((limit - around.len()) / filling.len());
        let body = around.replacen(r#""content":"""#, &format!(r#""content":"{filled}""#), 1);
        assert!(body.len() <= limit && body.len() > limit - 100);
        assert_eq!(client.ask(&Ask::chat(body.clone())).await.status, 200, "{filling}");
        let sent = provider.request(number).await;
        assert!(sent.text() == with_value(&body, "model", r#""up-m""#), "{filling}");
    }
    // Many small values, nested as deeply as is allowed.
    let nested = format!("{}1.0{}", r#"{"a":[1e1,"#.repeat(25), "]}".repeat(25));
    let values = vec![nested; 12_000].join(" ,");
    let body =
        format!(r#"{{"x":[{values}],"messages":[{{"role":"user","content":"hi"}}],"model":"m"}}"#);
    assert!(body.len() <= limit && body.len() > limit / 2, "{}", body.len());
    assert_eq!(client.ask(&Ask::chat(body.clone())).await.status, 200);
    let sent = provider.request(4).await;
    assert!(sent.text() == with_value(&body, "model", r#""up-m""#));
    assert_eq!(members(sent.text()).len(), 3);
}
