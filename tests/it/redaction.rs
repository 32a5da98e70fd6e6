//! No value that a project protects reaches a provider (CONTRACT 9).

use serde_json::{Value, json};

use crate::support::client::Ask;
use crate::support::conf::set;
use crate::support::gateway::Gateway;
use crate::support::guarded::{
    CARD, JANE, Place, Spelling, chat, content, everything, gateway, holds, placeholder,
    placeholders, readable, sent, shielded,
};
use crate::support::json::with_value;
use crate::support::plan::{EMBEDDING, Plan, Step};
use crate::support::provider::Provider;
use crate::support::samples::{SAMPLES, sentence};

const EMBEDDINGS: &str = "/v1/embeddings";

/// Every place of a chat where somebody may write: a text goes where `@T` stands, JSON that holds the text
/// where `@J` stands.
const PLACES: &str = r#"{
  "model": "m",
  "messages": [
    {"role":"system","content":@T,"name":@T},
    {"role":"developer","content":[{"type":"text","text":@T}]},
    {"role":"user","content":@T,"name":@T,"x_note":@T,"x_deep":[{"a":[@T,{"b":@T,"id":@T,"type":@T,"role":@T}]}]},
    {"role":"user","content":[{"type":"text","text":@T},
      {"type":"image_url","image_url":{"url":"https://img.example/a.png","detail":"low","x_caption":@T}},
      {"type":"file","file":{"filename":@T,"file_data":@T}},
      {"type":"x_new","x_new":{"words":@T,"type":@T,"detail":@T},"id":@T}, @T]},
    {"role":"assistant","content":@T,"refusal":@T,"reasoning_content":@T,"reasoning":@T,
      "tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":@J}}],
      "function_call":{"name":"f","arguments":@J}},
    {"role":"assistant","content":null,"tool_calls":[{"id":"call_2","type":"custom","custom":{"name":"g","input":@T}}]},
    {"role":"tool","tool_call_id":"call_1","content":@J},
    {"role":"tool","tool_call_id":"call_2","content":[{"type":"text","text":@J}]},
    {"role":"function","name":"f","content":@T}
  ],
  "tools": [{"type":"function","function":{"name":"f","description":@T,
    "parameters":{"type":"object","description":@T,"properties":{"to":{"type":"string","description":@T,"default":@T,"examples":[@T]}}}}}],
  "functions": [{"name":"f","description":@T,"parameters":{}}],
  "response_format": {"type":"json_schema","json_schema":{"name":"s","description":@T,"schema":{"title":@T}}},
  "prediction": {"type":"content","content":@T},
  "web_search_options": {"user_location":{"type":"approximate","approximate":{"city":@T}}},
  "metadata": {"note":@T,"id":@T,"type":@T,"detail":@T,"format":@T,"model":@T,"voice":@T}, "user": @T, "stop": [@T], "safety_identifier": @T,
  "x_unknown": @T, "x_list": [@T,[@T]], "x_object": {"a":{"b":{"c":@T,"$ref":@T,"tool_call_id":@T}}}, "id": @T
}"#;

const EMBEDDED: &str =
    r#"{"model":"m","input":[@T,@T],"user":@T,"x_unknown":{"a":[@T],"id":@T,"model":@T}}"#;

/// A template with a text in every place.
fn filled(template: &str, text: &str, spelling: Spelling) -> String {
    let inner = format!(r#"{{"to":[{}],"n":1}}"#, spelling.quote(text));
    template.replace("@T", &spelling.quote(text)).replace("@J", &Value::from(inner).to_string())
}

/// A text with a value of every kind.
fn all_kinds() -> String {
    let sentences = SAMPLES.iter().map(|(_, label, value)| sentence(label, value));
    sentences.collect::<Vec<_>>().join("\n\n")
}

/// The kinds whose value can be read there.
fn kinds_in(readable: &str) -> Vec<&'static str> {
    let seen = SAMPLES.iter().filter(|(_, _, value)| holds(readable, value));
    seen.map(|(entity, ..)| *entity).collect()
}

#[tokio::test]
async fn a_value_of_any_kind_goes_up_as_a_placeholder_of_its_name() {
    let (provider, gateway) = gateway(everything("MASK")).await;
    let mut client = gateway.client().await;
    let mut wrong = Vec::new();
    for (entity, label, value) in SAMPLES {
        for around in ["", "é", "😀日本 "] {
            let text = format!("{around}{}{around}", sentence(label, value));
            for spelling in Spelling::ALL {
                let body = format!(
                    r#"{{"model":"m","messages":[{{"role":"user","content":{}}}]}}"#,
                    spelling.quote(&text)
                );
                let before = provider.count();
                assert_eq!(client.ask(&Ask::chat(body)).await.status, 200, "{entity}");
                let sent = provider.request(before).await;
                let found = placeholders(&content(&sent));
                let named = found.iter().any(|one| one.starts_with(&format!("<{entity}_")));
                if !named || holds(&readable(&sent.body), value) {
                    wrong.push((entity, around, spelling, content(&sent)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of them: {wrong:#?}", wrong.len());
}

#[tokio::test]
async fn a_value_of_any_kind_is_found_in_every_place_of_a_request() {
    let (provider, gateway) = gateway(everything("MASK")).await;
    let mut client = gateway.client().await;
    let mut wrong = Vec::new();
    for (entity, label, value) in SAMPLES {
        for (path, template) in [("/v1/chat/completions", PLACES), (EMBEDDINGS, EMBEDDED)] {
            for spelling in Spelling::ALL {
                let body = filled(template, &sentence(label, value), spelling);
                let before = provider.count();
                let answer = client.ask(&Ask::post(path, body)).await;
                assert_eq!(answer.status, 200, "{entity}: {}", answer.text());
                let sent = provider.request(before).await;
                if holds(&readable(&sent.body), value) {
                    let mut places = Vec::new();
                    places_of(&sent.json(), value, String::new(), &mut places);
                    wrong.push((entity, path, spelling, places));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of them: {wrong:#?}", wrong.len());
}

/// Where a value stands.
fn places_of(json: &Value, value: &str, path: String, found: &mut Vec<String>) {
    match json {
        Value::String(_) if holds(&readable(json.to_string().as_bytes()), value) => {
            found.push(path)
        }
        Value::Array(values) => (0..).zip(values).for_each(|(at, inner): (usize, _)| {
            places_of(inner, value, format!("{path}/{at}"), found);
        }),
        Value::Object(members) => members.iter().for_each(|(name, inner)| {
            places_of(inner, value, format!("{path}/{name}"), found);
        }),
        _ => {}
    }
}

#[tokio::test]
async fn what_is_not_redacted_stays_byte_for_byte() {
    let (provider, gateway) = gateway(everything("MASK")).await;
    let body = r#"{ "x":[1.50e+3,-0,12345678901234567890], "messages" :[{"role":"user","content":"\u00e9 w\/o \"it\": 😀 MARK\t!","n":1.0}],"model":"m" ,"y":"\u0041"}"#;
    assert_eq!(gateway.ask(&Ask::chat(body)).await.status, 200);
    let clean = provider.request(0).await;
    assert_eq!(clean.text(), with_value(body, "model", r#""up-m""#));
    assert_eq!(gateway.ask(&Ask::chat(body.replace("MARK", JANE))).await.status, 200);
    let sent = provider.request(1).await;
    let stands = placeholder(sent.text());
    // The text that held a value may be written anew; everything else is as it was.
    let (before, after) = (clean.text().find(r#""content""#), clean.text().find(r#","n":1.0"#));
    let (before, after) = (before.unwrap(), after.unwrap());
    assert!(sent.text().starts_with(&clean.text()[..before]), "{}", sent.text());
    assert!(sent.text().ends_with(&clean.text()[after..]), "{}", sent.text());
    assert_eq!(content(&sent), format!("é w/o \"it\": 😀 {stands}\t!"));
}

#[tokio::test]
async fn a_value_that_is_cut_over_parts_of_a_message_is_found_all_the_same() {
    let (provider, gateway) = gateway(everything("MASK")).await;
    let mut client = gateway.client().await;
    for cut in 1..CARD.len() {
        let (first, second) = CARD.split_at(cut);
        let parts = json!([
            { "type": "text", "text": format!("My card number {first}") },
            { "type": "text", "text": format!("{second}, as agreed.") },
        ]);
        let body = json!({ "model": "m", "messages": [{ "role": "user", "content": parts }] });
        let before = provider.count();
        assert_eq!(client.ask(&Ask::chat(body.to_string())).await.status, 200);
        let sent = provider.request(before).await.json();
        let text = |at: usize| sent["messages"][0]["content"][at]["text"].as_str().unwrap();
        let both = format!("{}{}", text(0), text(1));
        let digits = both.bytes().filter(u8::is_ascii_digit).count();
        let stands = placeholders(&both);
        assert_eq!(stands.len(), 1, "cut at {cut}: {both}");
        let coined = stands[0].bytes().filter(u8::is_ascii_digit).count();
        assert_eq!(digits, coined, "cut at {cut}: {both}");
    }
}

#[tokio::test]
async fn a_disguise_does_not_help_a_value() {
    let (provider, gateway) = gateway(everything("MASK")).await;
    for (entity, text) in [
        ("CREDIT_CARD", "card ４１１１ １１１１ １１１１ １１１１ please"),
        ("CREDIT_CARD", "card 4111\u{a0}1111\u{a0}1111\u{a0}1111 please"),
        ("CREDIT_CARD", "card 4111\u{2011}1111\u{2011}1111\u{2011}1111 please"),
        ("CREDIT_CARD", "card 4111\u{200b}1111\u{200b}1111\u{200b}1111 please"),
        ("EMAIL_ADDRESS", "to jane.doe%40mail.example.com please"),
        ("EMAIL_ADDRESS", "to JANE.DOE@MAIL.EXAMPLE.COM please"),
        ("EMAIL_ADDRESS", "to jane.doe [at] mail.example.com please"),
    ] {
        let sent = sent(&gateway, &provider, &chat(text)).await;
        assert!(placeholder(&sent).starts_with(&format!("<{entity}_")), "{text}: {sent}");
    }
}

#[tokio::test]
async fn no_attempt_at_any_provider_holds_a_value_and_nothing_that_is_kept_does() {
    let mut providers = Vec::new();
    for _ in 0..6 {
        providers.push(Provider::start().await);
    }
    let urls: Vec<_> = providers.iter().map(Provider::url).collect();
    let mut conf = shielded(&urls, everything("MASK"));
    set(&mut conf, "/log", json!({ "level": "debug" }));
    set(&mut conf, "/data", "./data");
    let gateway = Gateway::start(conf).await;
    let failures: [fn() -> Plan; 5] = [
        || Plan::json(503, "{}"),
        || Plan::new([Step::Close]),
        || Plan::json(429, r#"{"error":{"message":"x"}}"#),
        || Plan::new([Step::Reset]),
        || Plan::json(500, "{}"),
    ];
    let text = all_kinds();
    for (path, template) in [("/v1/chat/completions", PLACES), (EMBEDDINGS, EMBEDDED)] {
        let body = filled(template, &text, Spelling::Plain);
        for failing in 0..=5 {
            let before: Vec<usize> = providers.iter().map(Provider::count).collect();
            for at in 0..failing {
                providers[at].next(failures[(at + failing) % 5]());
            }
            let answer = gateway.ask(&Ask::post(path, body.clone())).await;
            assert!(kinds_in(answer.text()).is_empty());
            let mut bodies = Vec::new();
            for (provider, before) in providers.iter().zip(before) {
                for number in before..provider.count() {
                    bodies.push(provider.request(number).await.body);
                }
            }
            assert!(!bodies.is_empty(), "{path}");
            for sent in &bodies {
                let seen = kinds_in(&readable(sent));
                assert!(seen.is_empty(), "{path}, {failing} failing: {seen:?}");
                assert_eq!(*sent, bodies[0], "one value has one placeholder in all attempts");
            }
            gateway.log_line(&answer).await;
        }
    }
    let asked = providers.iter().filter(|provider| provider.count() > 0).count();
    assert!(asked > 2, "only {asked} of the providers were ever asked");
    let mut kept = gateway.output() + &gateway.metrics().await;
    let events = gateway.list("events").await;
    assert!(events.len() >= 12, "an event of each request: {}", events.len());
    kept += &json!(events).to_string();
    for path in gateway.folder.files() {
        if path.file_name().is_some_and(|name| name != "behest.yaml") {
            kept += &String::from_utf8_lossy(&std::fs::read(&path).unwrap());
        }
    }
    assert_eq!(kinds_in(&kept), Vec::<&str>::new());
}

#[tokio::test]
async fn a_value_that_is_refused_or_comes_back_is_kept_nowhere_either() {
    let provider = Provider::start().await;
    let mut conf = shielded(&[provider.url()], everything("MASK"));
    set(&mut conf, "/log", json!({ "level": "debug" }));
    let gateway = Gateway::start(conf).await;
    let masked = sent(&gateway, &provider, &chat(JANE)).await;
    for reply in [masked.as_str(), JANE] {
        provider.next(Place::Content.whole(reply, Spelling::Plain));
        provider.next(Plan::json(400, &json!({ "error": { "message": reply } }).to_string()));
        for _ in 0..2 {
            let answer = gateway.ask(&chat(JANE)).await;
            gateway.log_line(&answer).await;
        }
    }
    let wrong = [
        Ask::chat(format!(r#"{{"model":"{JANE}","messages":[{{"role":"user","content":"x"}}]}}"#)),
        Ask::chat(format!(r#"{{"messages":"{JANE}"}}"#)),
        Ask::chat(format!(r#"{{"messages":[],"{JANE}":1,"{JANE}":2}}"#)),
        Ask::post(EMBEDDINGS, format!(r#"{{"model":"m","input":{{"{JANE}":1}}}}"#)),
        chat(JANE).key(JANE),
    ];
    for ask in wrong {
        let answer = gateway.ask(&ask).await;
        gateway.log_line(&answer).await;
    }
    let kept = gateway.output() + &gateway.metrics().await;
    assert!(!kept.contains(JANE), "a value is in the log or the metrics");
}

#[tokio::test]
async fn an_embedding_comes_back_as_it_is() {
    let (provider, gateway) = gateway(everything("MASK")).await;
    let body = json!({ "model": "m", "input": format!("write to {JANE}") }).to_string();
    let answer = gateway.ask(&Ask::post(EMBEDDINGS, body)).await;
    assert_eq!((answer.status, answer.text()), (200, EMBEDDING));
    let sent = provider.request(0).await.json();
    let input = sent["input"].as_str().unwrap();
    assert_eq!(input, format!("write to {}", placeholder(input)));
}
