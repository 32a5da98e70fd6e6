//! What stands for a value: the same for one user everywhere and always, another for anybody else
//! (CONTRACT 9).

use serde_json::{Value, json};

use crate::support::client::Ask;
use crate::support::conf::{FOREIGN_KEY, OTHER_KEY, conf_of_two, set};
use crate::support::gateway::Gateway;
use crate::support::guarded::{
    CARD, JANE, JOHN, Place, Spelling, chat, content, everything, gateway, message, placeholder,
    placeholders, readable, sent, shielded, streamed,
};
use crate::support::plan::Plan;
use crate::support::provider::Provider;

#[tokio::test]
async fn ten_turns_of_a_conversation_have_one_prefix_and_one_placeholder_for_a_value() {
    let (provider, gateway) = gateway(everything("MASK")).await;
    let values = [JANE, CARD, JOHN, "+49 30 901820", "203.0.113.77"];
    let (mut messages, mut before) = (Vec::<Value>::new(), String::new());
    let mut stands = vec![None::<String>; values.len()];
    for turn in 0..10 {
        let value = values[turn % values.len()];
        messages.push(message(&format!("Turn {turn}: my card or phone or ip {value}, please.")));
        let list = json!(messages).to_string();
        let stream = turn % 2 == 1;
        let body = format!(r#"{{"model":"m","stream":{stream},"x":{turn},"messages":{list}}}"#);
        // The history comes first where it is to be compared.
        let body = body.replace(&format!(r#""stream":{stream},"x":{turn},"#), "");
        let body = body.replacen("]}", &format!(r#"],"stream":{stream}}}"#), 1);
        let number = provider.count();
        let (plan, remote) = Plan::live();
        provider.next(plan);
        let mut client = gateway.client().await;
        client.send(Ask::chat(body).bytes()).await;
        let request = provider.request(number).await;
        let up = request.text().to_owned();
        let all = readable(&request.body);
        assert!(values.iter().all(|value| !all.contains(value)), "turn {turn}: {all}");
        assert!(up.starts_with(&before), "turn {turn}:\n{before}\n{up}");
        let shown = request.json()["messages"][messages.len() - 1]["content"].clone();
        let now = placeholder(shown.as_str().unwrap());
        let known = stands[turn % values.len()].get_or_insert(now.clone());
        assert_eq!(*known, now, "turn {turn}");
        before = up[..up.rfind("}]").unwrap() + 1].to_owned();
        // The model says it back; the client reads the value, and goes on with what it read.
        let said = format!("Noted {now}.");
        let plan = match stream {
            true => Place::Content.stream(&["Noted ", &now[..7], &now[7..], "."], Spelling::Plain),
            false => Place::Content.whole(&said, Spelling::Plain),
        };
        plan.steps.into_iter().for_each(|step| remote.say(step));
        let read = Place::Content.read(&client.answer().await);
        assert_eq!(read, format!("Noted {value}."), "turn {turn}");
        messages.push(json!({ "role": "assistant", "content": read }));
    }
    let mut different: Vec<_> = stands.into_iter().flatten().collect();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), values.len(), "{different:?}");
}

#[tokio::test]
async fn a_value_has_one_placeholder_however_and_wherever_it_is_written() {
    let (provider, gateway) = gateway(everything("MASK")).await;
    let cards = [CARD, "4111111111111111", "4111-1111-1111-1111"];
    let text = format!("cards {}, as agreed", cards.join(", card "));
    let found = placeholders(&sent(&gateway, &provider, &chat(&text)).await);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().all(|one| *one == found[0]), "{found:?}");
    let body = json!({ "model": "m", "input": format!("card {CARD}") }).to_string();
    let before = provider.count();
    assert_eq!(gateway.ask(&Ask::post("/v1/embeddings", body)).await.status, 200);
    let embedded = provider.request(before).await.json();
    assert_eq!(placeholder(embedded["input"].as_str().unwrap()), found[0]);
    let arguments = json!({ "card": CARD }).to_string();
    let body = json!({ "model": "m", "messages": [
        { "role": "assistant", "tool_calls": [{ "id": "c", "type": "function",
            "function": { "name": "f", "arguments": arguments } }] },
        { "role": "tool", "tool_call_id": "c", "content": json!({ "card": CARD }).to_string() },
    ] });
    let before = provider.count();
    assert_eq!(gateway.ask(&Ask::chat(body.to_string())).await.status, 200);
    let found_there = placeholders(provider.request(before).await.text());
    assert_eq!(found_there, [found[0].clone(), found[0].clone()]);
    // A value that may be written in many ways comes back as it was first written.
    provider.next(Place::Content.whole(&found[0], Spelling::Plain));
    assert_eq!(Place::Content.read(&gateway.ask(&chat(&text)).await), CARD);
}

#[tokio::test]
async fn nobody_else_has_the_same_placeholder() {
    let provider = Provider::start().await;
    let mut conf = conf_of_two(&[provider.url()]);
    for project in ["/tenants/0/projects/0", "/tenants/0/projects/1", "/tenants/1/projects/0"] {
        set(&mut conf, &format!("{project}/pii"), everything("MASK"));
    }
    let gateway = Gateway::start(conf).await;
    let token = gateway.token("bob").await;
    let body = json!({ "messages": [message(&format!("card {CARD}"))] }).to_string();
    let ask = Ask::chat(body);
    let everybody = [
        ask.clone(),
        ask.clone().header("X-End-User-Id", "alice"),
        ask.clone().header("X-End-User-Id", "bob"),
        ask.clone().key(OTHER_KEY),
        ask.clone().key(OTHER_KEY).header("X-End-User-Id", "alice"),
        ask.clone().key(FOREIGN_KEY),
        ask.clone().key(FOREIGN_KEY).header("X-End-User-Id", "alice"),
    ];
    let mut all = Vec::new();
    for ask in &everybody {
        let first = placeholder(&sent(&gateway, &provider, ask).await);
        assert!(first.starts_with("<CREDIT_CARD_"), "{first}");
        assert_eq!(placeholder(&sent(&gateway, &provider, ask).await), first);
        all.push(first);
    }
    // A token names its user as a header does for a key, whatever the session.
    let by_token = ask.clone().key(&token).header("X-Session-Id", "another");
    assert_eq!(placeholder(&sent(&gateway, &provider, &by_token).await), all[2]);
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count, "{all:?}");
}

#[tokio::test]
async fn a_placeholder_outlives_the_process() {
    let provider = Provider::start().await;
    let conf = shielded(&[provider.url()], everything("MASK"));
    let gateway = Gateway::start(conf.clone()).await;
    let first = placeholder(&sent(&gateway, &provider, &chat(JANE)).await);
    let gateway = gateway.restart("KILL").await;
    assert_eq!(placeholder(&sent(&gateway, &provider, &chat(JANE)).await), first);
}

#[tokio::test]
async fn a_text_that_looks_like_a_placeholder_is_harmless() {
    let (provider, gateway) = gateway(everything("MASK")).await;
    let janes = placeholder(&sent(&gateway, &provider, &chat(JANE)).await);
    let invented = "<EMAIL_ADDRESS_AAAAAAAA>";
    for typed in [janes.as_str(), invented, "<US_SSN_K7Q2M3AB>"] {
        let text = format!("Mail {JOHN}, not {typed}!");
        let up = sent(&gateway, &provider, &chat(&text)).await;
        let johns = placeholders(&up)[0].clone();
        assert!(johns.starts_with("<EMAIL_ADDRESS_") && johns != janes, "{up}");
        // Whatever went up, the client reads what it wrote, in every way of answering.
        provider.next(Place::Content.whole(&up, Spelling::Plain));
        assert_eq!(Place::Content.read(&gateway.ask(&chat(&text)).await), text);
        provider.next(Place::Content.stream(&[&up[..13], &up[13..]], Spelling::Plain));
        assert_eq!(Place::Content.read(&gateway.ask(&streamed(&text)).await), text);
    }
    // Somebody else's, typed by a user who does not know the value, is not turned into it.
    let text = format!("Who is {janes}?");
    let ask = chat(&text).header("X-End-User-Id", "mallory");
    let up = sent(&gateway, &provider, &ask).await;
    provider.next(Place::Content.whole(&format!("{up} {janes}"), Spelling::Plain));
    let read = Place::Content.read(&gateway.ask(&ask).await);
    assert!(!read.contains("jane"), "{read}");
    assert!(read.starts_with(&text), "{read}");
}

#[tokio::test]
async fn different_values_of_one_request_are_told_apart() {
    let (provider, gateway) = gateway(everything("MASK")).await;
    let people: Vec<String> = (0..200).map(|n| format!("person{n}@mail.example.com")).collect();
    let text = people.join(" ; ");
    let up = sent(&gateway, &provider, &chat(&text)).await;
    let mut stands = placeholders(&up);
    assert_eq!(stands.len(), people.len());
    provider.next(Place::Content.whole(&up, Spelling::Plain));
    assert_eq!(Place::Content.read(&gateway.ask(&chat(&text)).await), text);
    stands.sort();
    stands.dedup();
    assert_eq!(stands.len(), people.len());
    // Over several messages too, the same order or not.
    let reversed: Vec<&str> = people.iter().rev().map(String::as_str).collect();
    let messages: Vec<Value> = reversed.iter().map(|one| message(one)).collect();
    let body = json!({ "model": "m", "messages": messages }).to_string();
    let before = provider.count();
    assert_eq!(gateway.ask(&Ask::chat(body)).await.status, 200);
    let request = provider.request(before).await;
    let mut again = placeholders(request.text());
    assert_eq!(Some(content(&request)), placeholders(&up).pop());
    again.sort();
    assert_eq!(again, stands);
}
