//! Connections that are kept and used again and again.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::client::Ask;
use crate::support::conf::{KEY, conf, set};
use crate::support::gateway::Gateway;

/// The time for a head begins with the head, not with the connection.
#[tokio::test]
async fn a_connection_in_use_outlives_the_time_that_a_head_may_take() {
    let mut conf = conf(&["http://127.0.0.1:9/v1".to_owned()]);
    set(&mut conf, "/connections", json!({ "request_head": "500ms" }));
    let gateway = Gateway::start(conf).await;
    let mint = Ask::post("/v1/auth/mint", r#"{"user_id":"u"}"#);
    for (what, ask, pause) in [
        ("busy", Ask::get("/v1/models").key(KEY), 5),
        ("now and then", Ask::get("/v1/models").key(KEY), 200),
        ("with bodies", mint, 5),
    ] {
        let mut client = gateway.client().await;
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(1500) {
            client.send(ask.bytes()).await;
            let head = client.try_head().await;
            let head = head.unwrap_or_else(|| panic!("{what}: cut after {:?}", began.elapsed()));
            assert!(head.first.contains(" 200 "), "{what}: {}", head.first);
            let mut body = crate::support::wire::BodyReader::new(head.framing().unwrap());
            while client.piece(&mut body).await.is_some() {}
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }
}
