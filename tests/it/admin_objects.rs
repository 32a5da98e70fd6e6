//! Tenants, projects and what they own, made and changed at run time over the admin API.

use serde_json::{Value, json};

use crate::support::api::NONE;
use crate::support::client::Ask;
use crate::support::conf::{KEY, conf_of_two};
use crate::support::gateway::Gateway;
use crate::support::plan::WHOLE;
use crate::support::provider::Provider;
use crate::support::refusal::{refused, refused_by_admin};

async fn start() -> (Provider, Gateway) {
    let provider = Provider::start().await;
    let gateway = Gateway::start(conf_of_two(&[provider.url()])).await;
    (provider, gateway)
}

fn ids(list: &[Value]) -> Vec<&str> {
    list.iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_tenant_a_project_and_a_key_are_made_and_chat_at_once() {
    let (provider, gateway) = start().await;
    let tenant = gateway.make("tenants", json!({ "id": "initech", "name": "Initech" })).await;
    assert_eq!((&tenant["id"], &tenant["name"]), (&json!("initech"), &json!("Initech")));
    let body = json!({
        "id": "tps",
        "tenant": "initech",
        "slug": "quiet-lake-777",
        "model": "n",
        "models": ["n"],
        "allowed_origins": ["https://initech.example"],
    });
    let project = gateway.make("projects", body.clone()).await;
    for (name, value) in body.as_object().unwrap() {
        assert_eq!(project[name], *value, "{name}");
    }
    let (_, key) = gateway.new_key("tps", json!({})).await;
    let chat = Ask::chat(r#"{"messages":[{"role":"user","content":"hi"}]}"#).key(&key);
    for host in ["localhost", "quiet-lake-777.behest.localhost"] {
        let answer = gateway.ask(&chat.clone().header("Host", host)).await;
        assert_eq!(answer.status, 200, "{host}: {}", answer.text());
    }
    assert_eq!(provider.request(0).await.json()["model"], "up-n");
    let other = chat.clone().body(WHOLE);
    assert_eq!(refused(&gateway.ask(&other).await, 400, "validation_error")["param"], "model");
    let models = gateway.ask(&Ask::get("/v1/models").key(&key)).await.json();
    assert_eq!(ids(models["data"].as_array().unwrap()), ["n"]);
    for (origin, status) in [("https://initech.example", 200), ("http://localhost:5173", 403)] {
        let answer = gateway.ask(&chat.clone().header("Origin", origin)).await;
        assert_eq!(answer.status, status, "{origin}");
    }
    let minted = gateway.mint(&key, json!({ "user_id": "u" })).await.json();
    assert_eq!(minted["project_id"], "tps");
    let token = minted["jwt"].as_str().unwrap();
    assert_eq!(gateway.ask(&chat.key(token)).await.status, 200);
}

#[tokio::test]
async fn ids_and_slugs_are_made_where_none_are_given() {
    let (_provider, gateway) = start().await;
    let tenant = gateway.make("tenants", json!({})).await;
    let project = gateway.make("projects", json!({ "tenant": tenant["id"] })).await;
    for id in [&tenant["id"], &project["id"]] {
        let id = id.as_str().unwrap();
        assert!((1..=64).contains(&id.len()), "{id}");
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        assert!(id.bytes().all(allowed), "{id}");
    }
    let slug = project["slug"].as_str().unwrap();
    let parts: Vec<&str> = slug.split('-').collect();
    let [adjective, noun, number] = parts[..] else { panic!("{slug}") };
    let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase());
    assert!(word(adjective) && word(noun), "{slug}");
    assert!(number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit()), "{slug}");
    let (_, key) = gateway.new_key(project["id"].as_str().unwrap(), json!({})).await;
    let host = format!("{slug}.behest.localhost");
    let answer = gateway.ask(&Ask::chat(WHOLE).key(&key).header("Host", &host)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn a_project_is_changed_in_part_and_as_a_whole() {
    let (_provider, gateway) = start().await;
    let body = json!({ "id": "p", "tenant": "acme", "slug": "new-moon-001", "models": ["m"] });
    gateway.make("projects", body).await;
    let (_, key) = gateway.new_key("p", json!({})).await;
    let chat = |model: &str| Ask::chat(WHOLE.replace(r#""m""#, &format!("{model:?}"))).key(&key);
    let status = async |model: &str| gateway.ask(&chat(model)).await.status;
    assert_eq!((status("m").await, status("n").await), (200, 400));
    let patch = async |body: Value| {
        let answer = gateway.call("PATCH", "projects/p", body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    patch(json!({ "models": ["n"], "model": "n" })).await;
    assert_eq!((status("m").await, status("n").await), (400, 200));
    // `null` takes a member away: then all models are allowed.
    let patched = patch(json!({ "models": null })).await;
    assert_eq!((&patched["model"], &patched["slug"]), (&json!("n"), &json!("new-moon-001")));
    assert_eq!((status("m").await, status("n").await), (200, 200));
    patch(json!({ "allow_key_on_chat": false })).await;
    assert_eq!(status("m").await, 401);
    let whole = json!({ "id": "p", "tenant": "acme", "slug": "old-moon-001", "models": ["m"] });
    let put = gateway.call("PUT", "projects/p", whole).await;
    assert_eq!(put.status, 200, "{}", put.text());
    assert_eq!((status("m").await, status("n").await), (200, 400), "the rest is as by default");
    let at = |slug: &str| chat("m").header("Host", &format!("{slug}.behest.localhost"));
    assert_eq!(gateway.ask(&at("old-moon-001")).await.status, 200);
    refused(&gateway.ask(&at("new-moon-001")).await, 404, "not_found");
    assert_eq!(gateway.look("projects/p").await["slug"], "old-moon-001");
}

#[tokio::test]
async fn a_suspended_project_has_no_keys_and_no_tokens() {
    let (_provider, gateway) = start().await;
    let body = json!({ "id": "p", "tenant": "acme", "slug": "new-moon-001" });
    gateway.make("projects", body).await;
    let (_, key) = gateway.new_key("p", json!({})).await;
    let minted = gateway.mint(&key, json!({ "user_id": "u" })).await.json();
    let by_key = Ask::chat(WHOLE).key(&key);
    let by_token = Ask::chat(WHOLE).key(minted["jwt"].as_str().unwrap());
    for (suspended, status) in [(false, 200), (true, 401), (false, 200)] {
        let body = json!({ "suspended": suspended });
        assert_eq!(gateway.call("PATCH", "projects/p", body).await.status, 200);
        assert_eq!(gateway.look("projects/p").await["suspended"], suspended);
        assert_eq!(gateway.ask(&by_key).await.status, status);
        assert_eq!(gateway.ask(&by_token).await.status, status);
        assert_eq!(gateway.mint(&key, json!({ "user_id": "u" })).await.status, status);
    }
}

#[tokio::test]
async fn what_is_deleted_is_gone_with_all_that_it_owned() {
    let (_provider, gateway) = start().await;
    gateway.make("tenants", json!({ "id": "initech" })).await;
    let body = json!({ "id": "p", "tenant": "initech", "slug": "new-moon-001" });
    gateway.make("projects", body.clone()).await;
    let (_, key) = gateway.new_key("p", json!({})).await;
    let minted = gateway.mint(&key, json!({ "user_id": "u" })).await.json();
    let in_the_way = gateway.call("DELETE", "tenants/initech", NONE).await;
    refused_by_admin(&in_the_way, 409, "validation_error");
    gateway.remove("projects/p").await;
    for credential in [&key, minted["jwt"].as_str().unwrap()] {
        let answer = gateway.ask(&Ask::chat(WHOLE).key(credential)).await;
        refused(&answer, 401, "invalid_token");
    }
    for path in ["projects/p", "projects/p/keys"] {
        refused_by_admin(&gateway.call("GET", path, NONE).await, 404, "not_found");
    }
    // Another of the same name begins anew.
    gateway.make("projects", body).await;
    assert_eq!(gateway.list("projects/p/keys").await, Vec::<Value>::new());
    assert_eq!(gateway.ask(&Ask::chat(WHOLE).key(&key)).await.status, 401);
    gateway.remove("projects/p").await;
    gateway.remove("tenants/initech").await;
    refused_by_admin(&gateway.call("DELETE", "tenants/initech", NONE).await, 404, "not_found");
}

#[tokio::test]
async fn what_the_file_declares_is_shown_and_cannot_be_changed() {
    let (_provider, gateway) = start().await;
    let tenants = gateway.list("tenants").await;
    assert_eq!(ids(&tenants), ["acme", "globex"]);
    let projects = gateway.list("projects").await;
    assert_eq!(ids(&projects), ["demo", "other", "shop"]);
    assert!(tenants.iter().chain(&projects).all(|object| object["declared"] == true));
    let demo = gateway.look("projects/demo").await;
    assert_eq!((&demo["tenant"], &demo["slug"]), (&json!("acme"), &json!("amber-fox-042")));
    assert!(!demo.to_string().contains(KEY));
    for (method, path, body) in [
        ("DELETE", "tenants/acme", NONE),
        ("PATCH", "tenants/acme", json!({ "name": "x" })),
        ("DELETE", "projects/demo", NONE),
        ("PATCH", "projects/demo", json!({ "model": "n" })),
        ("PUT", "projects/demo", json!({ "tenant": "acme", "slug": "amber-fox-042" })),
        ("POST", "tenants", json!({ "id": "acme" })),
        ("POST", "projects", json!({ "id": "demo", "tenant": "acme" })),
        ("POST", "projects", json!({ "id": "x", "tenant": "acme", "slug": "amber-fox-042" })),
    ] {
        let answer = gateway.call(method, path, body.clone()).await;
        assert_eq!(answer.status, 409, "{method} {path} {body}: {}", answer.text());
        refused_by_admin(&answer, 409, "validation_error");
    }
    // What they own may be made all the same, a project beside them too.
    gateway.new_key("demo", json!({})).await;
    let body = json!({ "id": "mine", "tenant": "acme", "slug": "new-moon-001" });
    assert_eq!(gateway.make("projects", body).await["declared"], false);
    assert_eq!(ids(&gateway.list("projects?tenant=acme").await), ["demo", "mine", "other"]);
}

#[tokio::test]
async fn lists_come_in_pages() {
    let (_provider, gateway) = start().await;
    for number in 0..7 {
        gateway.make("tenants", json!({ "id": format!("t{number}") })).await;
    }
    let (mut all, mut pages, mut path) = (Vec::new(), 0, "tenants?limit=4".to_owned());
    loop {
        let page = gateway.look(&path).await;
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= 4, "{page}");
        all.extend(ids(data).into_iter().map(str::to_owned));
        pages += 1;
        match &page["next_cursor"] {
            Value::Null => break,
            Value::String(cursor) => path = format!("tenants?limit=4&cursor={cursor}"),
            other => panic!("next_cursor: {other}"),
        }
    }
    assert_eq!(all, ["acme", "globex", "t0", "t1", "t2", "t3", "t4", "t5", "t6"]);
    assert_eq!(pages, 3);
    for wrong in ["limit=0", "limit=x", "limit=-1", "cursor=%00"] {
        let answer = gateway.call("GET", &format!("tenants?{wrong}"), NONE).await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
    }
}

#[tokio::test]
async fn what_is_wrong_in_a_body_is_named() {
    let (_provider, gateway) = start().await;
    let project = |name: &str, value: Value| {
        let mut body = json!({ "id": "p", "tenant": "acme", "slug": "new-moon-001" });
        body[name] = value;
        ("projects", body, Some(name.to_owned()))
    };
    let long = "t".repeat(65);
    for (path, body, param) in [
        ("tenants", json!({ "id": "a/b" }), Some("id".to_owned())),
        ("tenants", json!({ "id": "" }), Some("id".to_owned())),
        ("tenants", json!({ "id": long }), Some("id".to_owned())),
        ("tenants", json!({ "id": 1 }), Some("id".to_owned())),
        ("tenants", json!({ "nmae": "x" }), Some("nmae".to_owned())),
        ("tenants", json!([]), None),
        ("tenants", json!("acme"), None),
        ("projects", json!({ "id": "p" }), Some("tenant".to_owned())),
        project("slug", json!("Not A Slug")),
        project("slug", json!("a.b")),
        project("model", json!("no-such-model")),
        project("models", json!(["no-such-model"])),
        project("models", json!("m")),
        project("allowed_origins", json!(["https://*.*.example"])),
        project("allowed_origins", json!(["example.com"])),
        project("limits", json!({ "requests_per_minute": -1 })),
        project("limits", json!({ "no_such": 1 })),
        project("api_keys", json!([])),
        project("no_such_member", json!(1)),
    ] {
        let answer = gateway.call("POST", path, body.clone()).await;
        assert_eq!(answer.status, 400, "{path} {body}: {}", answer.text());
        let error = refused_by_admin(&answer, 400, "validation_error");
        if let Some(param) = param {
            let named = error["param"].as_str().unwrap_or_default();
            assert!(named.starts_with(&param), "{body}: {error}");
        }
    }
    let (path, body, _) = project("memory", json!({ "enabled": true }));
    let answer = gateway.call("POST", path, body).await;
    assert_eq!(answer.status, 422, "memory is not built yet: {}", answer.text());
    refused_by_admin(&answer, 422, "validation_error");
    let nobodys = gateway.call("POST", "projects", json!({ "tenant": "nobody" })).await;
    assert!([400, 404].contains(&nobodys.status), "{}", nobodys.text());
    assert_eq!(ids(&gateway.list("projects").await), ["demo", "other", "shop"]);
    let raw = |body: &str| Ask::new("POST", "/admin/v1/tenants").body(body.to_owned());
    let double = r#"{"id":"a","id":"b"}"#;
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(70_000));
    for body in ["", "{", "nonsense", double, &large] {
        let answer = gateway.admin_secretly(raw(body)).await;
        let shown = body.get(..20).unwrap_or(body);
        assert!([400, 413].contains(&answer.status), "{shown}: {}", answer.text());
    }
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there() {
    let (_provider, gateway) = start().await;
    for (method, path, status) in [
        ("GET", "tenants/none", 404),
        ("PATCH", "projects/none", 404),
        ("GET", "projects/demo/keys/none", 404),
        ("GET", "nothing", 404),
        ("GET", "projects/demo/nothing", 404),
        ("GET", "tenants/", 404),
        ("PUT", "tenants", 405),
        ("DELETE", "projects", 405),
        ("POST", "projects/demo", 405),
        ("POST", "audit", 405),
    ] {
        let answer = gateway.call(method, path, json!({})).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
    }
}

#[tokio::test]
async fn every_path_needs_the_secret() {
    let (_provider, gateway) = start().await;
    for (method, path) in [
        ("GET", "tenants"),
        ("POST", "tenants"),
        ("GET", "projects/demo"),
        ("POST", "projects/demo/keys"),
        ("POST", "projects/demo/tokens"),
        ("GET", "signing-keys"),
        ("POST", "signing-keys/rotate"),
        ("PUT", "tenants/acme/provider-keys/p0"),
        ("POST", "kill-switches"),
        ("DELETE", "kill-switches?scope=global"),
        ("GET", "audit"),
    ] {
        let ask = || Ask::new(method, &format!("/admin/v1/{path}")).body("{}");
        for wrong in [ask(), ask().header("X-Admin-Secret", "wrong"), ask().key(KEY)] {
            refused_by_admin(&gateway.admin(wrong).await, 401, "invalid_token");
        }
        // And none of them is on the data listener.
        assert_eq!(gateway.ask(&ask().key(KEY)).await.status, 404, "{path}");
    }
    assert_eq!(gateway.changes().await, Vec::<Value>::new());
}

#[tokio::test]
async fn the_admin_api_mints_for_trying_things_out() {
    let (_provider, gateway) = start().await;
    let path = "projects/demo/tokens";
    let answer = gateway.call("POST", path, json!({ "user_id": "u", "ttl": 60 })).await;
    assert!((200..=201).contains(&answer.status), "{}", answer.text());
    let minted = answer.json();
    assert_eq!((&minted["project_id"], &minted["ttl"]), (&json!("demo"), &json!(60)));
    let token = minted["jwt"].as_str().unwrap();
    assert_eq!(gateway.ask(&Ask::chat(WHOLE).key(token)).await.status, 200);
    for wrong in [json!({}), json!({ "user_id": "admin" }), json!({ "user_id": "u", "ttl": 1 })] {
        refused_by_admin(&gateway.call("POST", path, wrong).await, 400, "validation_error");
    }
}
