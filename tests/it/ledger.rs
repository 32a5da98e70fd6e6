//! The ledger as the operator sees it: sums, rows, exports (CONTRACT 1 and 7).

use serde_json::{Value, json};

use crate::support::api::NONE;
use crate::support::client::Ask;
use crate::support::conf::{FOREIGN_KEY, conf_of_two, set};
use crate::support::gateway::Gateway;
use crate::support::metered::{of_user, streamed, used};
use crate::support::plan::{STREAMED, WHOLE};
use crate::support::provider::Provider;
use crate::support::refusal::refused_by_admin;
use crate::support::until_then;

/// Two tenants that have used something, and how they were told.
async fn some_use() -> (Provider, Gateway) {
    let provider = Provider::start().await;
    let mut conf = conf_of_two(&[provider.url()]);
    set(&mut conf, "/models/0/price", json!({ "input": 1, "output": 1 }));
    let gateway = Gateway::start(conf).await;
    provider.next(used(10, 1));
    let ask = of_user(Ask::chat(WHOLE), "ann").header("X-Session-Id", "s1");
    assert_eq!(gateway.ask(&ask).await.status, 200);
    provider.next(streamed(20, 2));
    let ask = of_user(Ask::chat(STREAMED), "a \"b\", c");
    assert_eq!(gateway.ask(&ask).await.status, 200);
    provider.next(used(40, 4));
    assert_eq!(gateway.ask(&Ask::chat(WHOLE).key(FOREIGN_KEY)).await.status, 200);
    until_then("three rows", async || (gateway.list("usage/rows").await.len() == 3).then_some(()))
        .await;
    (provider, gateway)
}

#[tokio::test]
async fn the_operator_sees_everybodys_usage() {
    let (_provider, gateway) = some_use().await;
    for (query, requests, tokens) in [
        ("", 3, 77),
        ("?tenant=acme", 2, 33),
        ("?project=shop", 1, 44),
        ("?tenant=acme&project=demo&user_id=ann", 1, 11),
        ("?tenant=acme&project=shop", 0, 0),
        ("?from=2020-01-01&to=2020-01-31", 0, 0),
        ("?granularity=hour&group_by=model", 3, 77),
    ] {
        let told = gateway.look(&format!("usage{query}")).await;
        let totals = [&told["totals"]["requests"], &told["totals"]["tokens"]];
        assert_eq!(totals, [&json!(requests), &json!(tokens)], "{query}: {told}");
    }
    let by_bucket = gateway.look("usage?group_by=bucket").await;
    assert_eq!(by_bucket["breakdown"][0]["bucket"], "platform", "{by_bucket}");
    for wrong in ["usage?group_by=colour", "usage?from=then", "usage/rows?format=xml"] {
        refused_by_admin(&gateway.call("GET", wrong, NONE).await, 400, "validation_error");
    }
}

#[tokio::test]
async fn each_row_says_all_that_is_known_of_a_request() {
    let (_provider, gateway) = some_use().await;
    let rows = gateway.rows("demo").await;
    let line = json!({
        "tenant": "acme", "project": "demo", "user_id": "ann", "session_id": "s1",
        "thread_id": null, "key_id": "demo/ci", "model": "m", "provider": "p0",
        "bucket": "platform", "status": 200, "ending": "completed", "prompt_tokens": 10,
        "completion_tokens": 1, "cached_tokens": 0, "reasoning_tokens": 0, "attempts": 1,
        "estimated": false, "overrun": false,
    });
    for (name, value) in line.as_object().unwrap() {
        assert_eq!(&rows[0][name], value, "{name} of {}", rows[0]);
    }
    assert_eq!(rows[0]["cost_usd"], 0.000_011);
    for row in &rows {
        assert!(row["time"].as_str().unwrap().ends_with('Z'), "{row}");
        let (latency, first) = (row["latency_ms"].as_u64(), row["first_byte_ms"].as_u64());
        assert!(first <= latency && first.is_some(), "{row}");
    }
    assert_eq!(rows[1]["session_id"], "default");
}

#[tokio::test]
async fn rows_are_paged_and_exported_as_a_table() {
    let (_provider, gateway) = some_use().await;
    let all = gateway.list("usage/rows").await;
    let mut cursor = String::new();
    for (at, row) in all.iter().enumerate() {
        let page = gateway.look(&format!("usage/rows?limit=1{cursor}")).await;
        assert_eq!(page["data"], json!([row]));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => assert_eq!(at, 2, "the last page"),
        }
    }
    let table = gateway.call("GET", "usage/rows?format=csv&project=demo", NONE).await;
    assert_eq!(table.status, 200, "{}", table.text());
    let kind = table.header("content-type").unwrap();
    assert!(kind.starts_with("text/csv"), "{kind}");
    let lines: Vec<&str> = table.text().split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 3, "{}", table.text());
    let columns: Vec<&str> = lines[0].split(',').collect();
    let members: Vec<&str> = all[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(columns, members);
    assert!(lines[1].starts_with(all[0]["id"].as_str().unwrap()), "{}", lines[1]);
    assert!(lines[2].contains(r#","a ""b"", c","#), "{}", lines[2]);
    assert_eq!(table.header("x-next-cursor"), None);
    let page = gateway.call("GET", "usage/rows?format=csv&limit=1", NONE).await;
    let next = page.header("x-next-cursor").expect("a cursor").to_owned();
    let rest = gateway.call("GET", &format!("usage/rows?format=csv&cursor={next}"), NONE).await;
    assert_eq!(rest.text().split_terminator("\r\n").count(), 3, "{}", rest.text());
}

#[tokio::test]
async fn an_erased_users_rows_stay_under_another_name() {
    let (_provider, gateway) = some_use().await;
    let answer = gateway.call("DELETE", "projects/demo/users/ann", Value::Null).await;
    assert!((200..300).contains(&answer.status), "{}", answer.text());
    let rows = gateway.rows("demo").await;
    assert_eq!(rows.len(), 2);
    let name = rows[0]["user_id"].as_str().expect("a name").to_owned();
    assert!(name != "ann" && name.len() > 12, "{name}");
    let told = gateway.look("usage?project=demo&group_by=user").await;
    assert!(!told.to_string().contains("\"ann\""), "{told}");
    assert_eq!((&told["totals"]["requests"], &told["totals"]["tokens"]), (&json!(2), &json!(33)));
    for path in gateway.folder.files() {
        let bytes = std::fs::read(&path).unwrap_or_default();
        let is_there = crate::support::wire::find(&bytes, b"\"user\":\"ann\"").is_some();
        assert!(!is_there, "{} still names the user", path.display());
    }
}
