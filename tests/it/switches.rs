//! Kill switches, and what revoking does to streams that are under way (CONTRACT 10).

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::client::{Answer, Ask, Client, Streamed};
use crate::support::conf::{FOREIGN_KEY, KEY, OTHER_KEY, conf_of_two, set};
use crate::support::gateway::Gateway;
use crate::support::plan::{DONE, LO, Plan, ROLE, Remote, STOP, STREAMED, WHOLE};
use crate::support::provider::Provider;
use crate::support::refusal::{broken, refused, refused_by_admin};
use crate::support::rsa::KEYS;
use crate::support::token::{Parts, claims, header, signed};
use crate::support::wire::End;

/// The contract's bound for everything here.
const BOUND: Duration = Duration::from_secs(1);

async fn start() -> (Provider, Gateway) {
    let provider = Provider::start().await;
    let mut conf = conf_of_two(&[provider.url()]);
    // So that one body is good for every project.
    set(&mut conf, "/tenants/0/projects/1/models", json!(["m", "n"]));
    let gateway = Gateway::start(conf).await;
    (provider, gateway)
}

/// A chat with each kind of credential that there is.
async fn callers(gateway: &Gateway) -> Vec<(&'static str, Ask)> {
    let token = async |key: &str, user: &str| {
        let answer: Answer = gateway.mint(key, json!({ "user_id": user })).await;
        Ask::chat(WHOLE).key(answer.json()["jwt"].as_str().unwrap())
    };
    let signer = &KEYS[0];
    let body = json!({ "kid": "sk_acme", "public_key": signer.public_pem() });
    gateway.make("tenants/acme/signing-keys", body).await;
    let local = |project: &str, user: &str| {
        Ask::chat(WHOLE).key(&signed(signer, &header("sk_acme"), &claims("acme", project, user)))
    };
    let named = |key: &str, user: &str| Ask::chat(WHOLE).key(key).header("X-End-User-Id", user);
    vec![
        ("demo", Ask::chat(WHOLE).key(KEY)),
        ("demo for ann", named(KEY, "ann")),
        ("demo for bob", named(KEY, "bob")),
        ("demo, minted for ann", token(KEY, "ann").await),
        ("demo, minted for bob", token(KEY, "bob").await),
        ("demo, signed for ann", local("demo", "ann")),
        ("other", Ask::chat(WHOLE).key(OTHER_KEY)),
        ("other, minted for ann", token(OTHER_KEY, "ann").await),
        ("other, signed for bob", local("other", "bob")),
        ("shop", Ask::chat(WHOLE).key(FOREIGN_KEY)),
        ("shop, minted for ann", token(FOREIGN_KEY, "ann").await),
    ]
}

/// Who is refused at last: it is told 403, and nobody else is.
async fn are_off(gateway: &Gateway, callers: &[(&str, Ask)], off: impl Fn(&str) -> bool) {
    for (name, ask) in callers {
        let refuse = off(name);
        let answer = if refuse {
            timeout(BOUND, gateway.until_status(ask, 403)).await.unwrap_or_else(|_| {
                panic!("{name} is not refused within a second");
            })
        } else {
            gateway.ask(ask).await
        };
        if refuse {
            refused(&answer, 403, "forbidden");
        } else {
            assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn each_switch_turns_off_whom_it_names_and_nobody_else() {
    let (provider, gateway) = start().await;
    let callers = callers(&gateway).await;
    are_off(&gateway, &callers, |_| false).await;
    type Off = fn(&str) -> bool;
    let cases: [(Value, &str, Off); 6] = [
        (json!({ "scope": "global" }), "global", |_| true),
        (json!({ "scope": "tenant", "id": "acme" }), "tenant/acme", |who| !who.starts_with("shop")),
        (json!({ "scope": "project", "id": "demo" }), "project/demo", |who| {
            who.starts_with("demo")
        }),
        (json!({ "scope": "user", "id": "ann" }), "user/ann", |who| who.ends_with("ann")),
        (json!({ "scope": "user", "id": "demo/ann" }), "user/demo%2Fann", |who| {
            who.starts_with("demo") && who.ends_with("ann")
        }),
        (json!({ "scope": "project", "id": "other" }), "project/other", |who| {
            who.starts_with("other")
        }),
    ];
    for (switch, path, off) in cases {
        let made = gateway.make("kill-switches", switch.clone()).await;
        assert_eq!(made["scope"], switch["scope"]);
        are_off(&gateway, &callers, off).await;
        gateway.remove(&format!("kill-switches/{path}")).await;
        are_off(&gateway, &callers, |_| false).await;
    }
    let sent = provider.count();
    gateway.make("kill-switches", json!({ "scope": "global" })).await;
    // Everything that needs a credential is off, minting too.
    refused(&gateway.ask(&Ask::get("/v1/models")).await, 403, "forbidden");
    refused(&gateway.mint(KEY, json!({ "user_id": "u" })).await, 403, "forbidden");
    refused(&gateway.ask(&Ask::chat(WHOLE).key("wrong")).await, 401, "invalid_token");
    assert_eq!(provider.count(), sent, "nothing is sent on");
    assert_eq!(gateway.ask(&Ask::new("GET", "/.well-known/jwks.json")).await.status, 200);
}

#[tokio::test]
async fn a_key_is_switched_off_and_on_again() {
    let (_provider, gateway) = start().await;
    let (id, key) = gateway.new_key("demo", json!({})).await;
    let ask = Ask::chat(WHOLE).key(&key);
    assert_eq!(gateway.ask(&ask).await.status, 200);
    let minted = gateway.mint(&key, json!({ "user_id": "u" })).await.json();
    let token = Ask::chat(WHOLE).key(minted["jwt"].as_str().unwrap());
    assert_eq!(gateway.ask(&token).await.status, 200);
    gateway.make("kill-switches", json!({ "scope": "key", "id": id })).await;
    refused(&gateway.ask(&ask).await, 403, "forbidden");
    refused(&gateway.ask(&token).await, 403, "forbidden");
    refused(&gateway.mint(&key, json!({ "user_id": "u" })).await, 403, "forbidden");
    assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200, "another key of the project");
    gateway.remove(&format!("kill-switches?scope=key&id={id}")).await;
    assert_eq!(gateway.ask(&ask).await.status, 200);
}

#[tokio::test]
async fn switches_are_listed_and_turning_one_twice_does_nothing_more() {
    let (_provider, gateway) = start().await;
    assert_eq!(gateway.list("kill-switches").await, Vec::<Value>::new());
    let switch =
        json!({ "scope": "user", "id": "demo/ann", "reason": "abuse", "end_streams": true });
    let made = gateway.make("kill-switches", switch.clone()).await;
    for (name, value) in switch.as_object().unwrap() {
        assert_eq!(made[name], *value, "{made}");
    }
    let again = gateway.call("POST", "kill-switches", switch).await;
    assert_eq!(again.status, 200, "{}", again.text());
    gateway.make("kill-switches", json!({ "scope": "tenant", "id": "globex" })).await;
    assert_eq!(gateway.list("kill-switches").await.len(), 2);
    assert_eq!(gateway.look("kill-switches/user/demo%2Fann").await["reason"], "abuse");
    gateway.remove("kill-switches?scope=user&id=demo/ann").await;
    gateway.remove("kill-switches/tenant/globex").await;
    assert_eq!(gateway.list("kill-switches").await, Vec::<Value>::new());
    for path in ["kill-switches/tenant/globex", "kill-switches?scope=user&id=demo/ann"] {
        let answer = gateway.call("DELETE", path, Value::Null).await;
        refused_by_admin(&answer, 404, "not_found");
    }
    for wrong in [
        json!({}),
        json!({ "scope": "galaxy", "id": "x" }),
        json!({ "scope": "global", "id": "x" }),
        json!({ "scope": "tenant" }),
        json!({ "scope": "project", "id": "" }),
        json!({ "scope": "project", "id": 1 }),
        json!({ "scope": "global", "end_streams": "yes" }),
        json!({ "scope": "global", "more": 1 }),
    ] {
        let answer = gateway.call("POST", "kill-switches", wrong.clone()).await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
        refused_by_admin(&answer, 400, "validation_error");
    }
}

#[tokio::test]
async fn a_switch_is_not_turned_on_for_whom_nobody_knows() {
    let (_provider, gateway) = start().await;
    let (id, _) = gateway.new_key("demo", json!({})).await;
    let body = json!({ "kid": "sk_acme", "public_key": KEYS[0].public_pem() });
    gateway.make("tenants/acme/signing-keys", body).await;
    for (scope, id) in [
        ("tenant", "acne"),
        ("project", "domo"),
        ("key", "demo/ic"),
        ("key", "domo/ci"),
        ("key", "sk_acne"),
        ("key", "key_000000000000000000000000"),
    ] {
        let switch = json!({ "scope": scope, "id": id });
        let answer = gateway.call("POST", "kill-switches", switch.clone()).await;
        refused_by_admin(&answer, 404, "not_found");
        assert!(answer.text().contains(id), "{}", answer.text());
    }
    assert_eq!(gateway.list("kill-switches").await, Vec::<Value>::new());
    // Nobody knows end users; of keys there are several kinds; and one that is gone may have tokens.
    let own = gateway.list("signing-keys").await[0]["kid"].as_str().unwrap().to_owned();
    let known = [("user", "whoever"), ("key", &*id), ("key", "shop/ci"), ("key", "sk_acme")];
    for (scope, id) in known.into_iter().chain([("key", &*own), ("key", "admin")]) {
        gateway.make("kill-switches", json!({ "scope": scope, "id": id })).await;
    }
    let gone = json!({ "scope": "key", "id": "key_000000000000000000000000", "force": true });
    gateway.make("kill-switches", gone).await;
}

/// A stream with this credential that has begun and waits for more, on a connection of its own.
async fn running(provider: &Provider, gateway: &Gateway, ask: Ask) -> (Streamed, Remote) {
    let (plan, remote) = Plan::live_stream();
    provider.next(plan);
    remote.event(ROLE);
    let mut stream = gateway.client().await.stream(&ask.body(STREAMED)).await;
    assert_eq!(stream.data().await, ROLE);
    (stream, remote)
}

/// Checks that a stream ends with an error event, without `[DONE]`, and is cut, and that its provider
/// is let go.
async fn is_ended(provider: &Provider, mut stream: Streamed) {
    let ending = timeout(BOUND, stream.rest()).await;
    let (rest, end) = ending.expect("the stream ends within a second");
    let last = rest.last().expect("an error event");
    broken(last, "forbidden");
    assert!(!rest.iter().any(|event| event.contains(DONE)), "{rest:?}");
    assert_eq!(end, End::Cut);
    let connection = provider.arrival(provider.count() - 1).await.connection;
    let let_go = timeout(BOUND, provider.ended(connection)).await;
    let_go.expect("the provider is let go within a second");
}

/// Checks that a stream goes on to its own end.
async fn goes_on(mut stream: Streamed, remote: Remote) {
    for data in [LO, STOP, DONE] {
        remote.event(data);
    }
    remote.end();
    let (rest, end) = stream.rest().await;
    assert_eq!((rest.len(), end), (3, End::Clean), "{rest:?}");
    assert_eq!(rest[2], format!("data: {DONE}"));
}

#[tokio::test]
async fn a_switch_ends_running_streams_where_it_is_asked_to() {
    let (provider, gateway) = start().await;
    let token = gateway.token("ann").await;
    let (id, key) = gateway.new_key("demo", json!({})).await;
    let by_key = Ask::chat(STREAMED).key(&key);
    let by_token = Ask::chat(STREAMED).key(&token);
    let named = by_key.clone().header("X-End-User-Id", "ann");
    let signer = Parts::of(&token).header["kid"].clone();
    for (switch, victim) in [
        (json!({ "scope": "global" }), &by_key),
        (json!({ "scope": "tenant", "id": "acme" }), &by_token),
        (json!({ "scope": "project", "id": "demo" }), &by_key),
        (json!({ "scope": "user", "id": "ann" }), &named),
        (json!({ "scope": "user", "id": "demo/ann" }), &by_token),
        (json!({ "scope": "key", "id": id }), &by_key),
        (json!({ "scope": "key", "id": "demo/ci" }), &by_token),
        (json!({ "scope": "key", "id": signer }), &by_token),
    ] {
        let (stream, remote) = running(&provider, &gateway, victim.clone()).await;
        let mut ending = switch.clone();
        ending["end_streams"] = json!(true);
        gateway.make("kill-switches", ending).await;
        is_ended(&provider, stream).await;
        drop(remote);
        let id = switch["id"].as_str().map(|id| format!("&id={id}")).unwrap_or_default();
        let scope = switch["scope"].as_str().unwrap();
        gateway.remove(&format!("kill-switches?scope={scope}{id}")).await;
        gateway.until_status(&Ask::chat(WHOLE).key(&token), 200).await;
    }
}

#[tokio::test]
async fn a_switch_lets_running_streams_go_on_where_it_is_not_asked_to() {
    let (provider, gateway) = start().await;
    let (stream, remote) = running(&provider, &gateway, Ask::chat(STREAMED)).await;
    gateway.make("kill-switches", json!({ "scope": "project", "id": "demo" })).await;
    refused(&gateway.ask(&Ask::chat(WHOLE)).await, 403, "forbidden");
    goes_on(stream, remote).await;
    // Turned on once more with the other wish, it ends what still runs.
    gateway.remove("kill-switches/project/demo").await;
    let (stream, remote) = running(&provider, &gateway, Ask::chat(STREAMED)).await;
    gateway.make("kill-switches", json!({ "scope": "project", "id": "demo" })).await;
    let ending = json!({ "scope": "project", "id": "demo", "end_streams": true });
    assert_eq!(gateway.call("POST", "kill-switches", ending).await.status, 200);
    is_ended(&provider, stream).await;
    drop(remote);
}

#[tokio::test]
async fn a_switch_ends_nobody_elses_stream() {
    let (provider, gateway) = start().await;
    let ann = Ask::chat(STREAMED).key(&gateway.token("ann").await);
    let (stream, remote) = running(&provider, &gateway, ann).await;
    for switch in [
        json!({ "scope": "tenant", "id": "globex", "end_streams": true }),
        json!({ "scope": "project", "id": "other", "end_streams": true }),
        json!({ "scope": "user", "id": "bob", "end_streams": true }),
        json!({ "scope": "user", "id": "other/ann", "end_streams": true }),
    ] {
        gateway.make("kill-switches", switch).await;
    }
    refused(&gateway.ask(&Ask::chat(WHOLE).key(OTHER_KEY)).await, 403, "forbidden");
    goes_on(stream, remote).await;
}

#[tokio::test]
async fn a_request_that_waits_for_its_first_byte_is_ended_too() {
    let (provider, gateway) = start().await;
    provider.next(Plan::hang());
    let mut client: Client = gateway.client().await;
    client.send(Ask::chat(WHOLE).bytes()).await;
    provider.request(0).await;
    gateway.make("kill-switches", json!({ "scope": "global", "end_streams": true })).await;
    let answer = timeout(BOUND, client.answer()).await.expect("an answer within a second");
    refused(&answer, 403, "forbidden");
    timeout(BOUND, provider.ended(0)).await.expect("the provider is let go within a second");
}

#[tokio::test]
async fn revoking_ends_running_streams_where_it_is_asked_to() {
    let (provider, gateway) = start().await;
    for ends in [false, true] {
        let query = if ends { "?end_streams=true" } else { "" };
        let check = async |stream: Streamed, remote: Remote| {
            if ends { is_ended(&provider, stream).await } else { goes_on(stream, remote).await }
        };
        let (id, key) = gateway.new_key("demo", json!({})).await;
        let ask = Ask::chat(STREAMED).key(&key);
        let (stream, remote) = running(&provider, &gateway, ask.clone()).await;
        gateway.remove(&format!("projects/demo/keys/{id}{query}")).await;
        check(stream, remote).await;
        refused(&gateway.ask(&ask).await, 401, "invalid_token");

        let body = json!({ "kid": "sk_acme", "public_key": KEYS[0].public_pem() });
        gateway.make("tenants/acme/signing-keys", body).await;
        let token = signed(&KEYS[0], &header("sk_acme"), &claims("acme", "demo", "u"));
        let ask = Ask::chat(STREAMED).key(&token);
        let (stream, remote) = running(&provider, &gateway, ask.clone()).await;
        gateway.remove(&format!("tenants/acme/signing-keys/sk_acme{query}")).await;
        check(stream, remote).await;
        refused(&gateway.ask(&ask).await, 401, "invalid_token");

        let ask = Ask::chat(STREAMED).key(&gateway.token("ann").await);
        let (stream, remote) = running(&provider, &gateway, ask.clone()).await;
        let body = if ends { json!({ "end_streams": true }) } else { json!({}) };
        let revoked = gateway.call("POST", "projects/demo/users/ann/revoke", body).await;
        assert!((200..300).contains(&revoked.status), "{}", revoked.text());
        check(stream, remote).await;
        refused(&gateway.ask(&ask).await, 401, "invalid_token");
    }
}
