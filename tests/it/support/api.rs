//! The admin API under `/admin/v1`, and minting, as the tests call them.

use serde_json::{Value, json};

use super::client::{Answer, Ask};
use super::conf::KEY;
use super::gateway::Gateway;
use super::until_then;

/// No body.
pub(crate) const NONE: Value = Value::Null;

impl Gateway {
    /// Calls the admin API with the secret.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        let ask = Ask::new(method, &format!("/admin/v1/{path}"));
        let ask = match body {
            Value::Null => ask,
            body => ask.header("Content-Type", "application/json").body(body.to_string()),
        };
        self.admin_secretly(ask).await
    }

    /// Makes something.
    pub(crate) async fn make(&self, path: &str, body: Value) -> Value {
        let answer = self.call("POST", path, body).await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.text());
        answer.json()
    }

    pub(crate) async fn look(&self, path: &str) -> Value {
        let answer = self.call("GET", path, NONE).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    pub(crate) async fn remove(&self, path: &str) {
        let answer = self.call("DELETE", path, NONE).await;
        assert_eq!((answer.status, answer.text()), (204, ""), "{path}");
    }

    /// All of a list, page by page.
    pub(crate) async fn list(&self, path: &str) -> Vec<Value> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.look(&format!("{path}{joint}limit=1000{cursor}")).await;
            all.extend(page["data"].as_array().expect("a list").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// Waits until the gateway has made the key that it will sign with next, which it does some time
    /// after its first start.
    pub(crate) async fn settled(&self) {
        until_then("the next key of our own", async || {
            let keys = self.list("signing-keys").await;
            keys.iter().any(|key| key["state"] == "next").then_some(())
        })
        .await;
    }

    /// The audit's lines, without those of what the gateway does by itself.
    pub(crate) async fn changes(&self) -> Vec<Value> {
        let lines = self.list("audit").await;
        lines.into_iter().filter(|line| line["source"] != "gateway").collect()
    }

    /// A new key of a project: its id and its secret.
    pub(crate) async fn new_key(&self, project: &str, body: Value) -> (String, String) {
        let made = self.make(&format!("projects/{project}/keys"), body).await;
        let text = |name: &str| made[name].as_str().expect("a text").to_owned();
        (text("id"), text("key"))
    }

    /// Mints with a key.
    pub(crate) async fn mint(&self, key: &str, body: Value) -> Answer {
        self.ask(&Ask::post("/v1/auth/mint", body.to_string()).key(key)).await
    }

    /// A token for a user of the project `demo`.
    pub(crate) async fn token(&self, user: &str) -> String {
        let answer = self.mint(KEY, json!({ "user_id": user })).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["jwt"].as_str().expect("a token").to_owned()
    }

    /// Asks again and again until the answer has this status: for what takes effect soon.
    pub(crate) async fn until_status(&self, ask: &Ask, status: u16) -> Answer {
        until_then(&format!("status {status}"), async || {
            Some(self.ask(ask).await).filter(|answer| answer.status == status)
        })
        .await
    }
}
