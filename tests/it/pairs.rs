//! Every pair of layers: one refuses, and the other is exactly as it was (CONTRACT 7).

use serde_json::{Value, json};

use crate::layers::{LAYERS, Way};
use crate::support::client::{Answer, Ask, Client};
use crate::support::conf::{conf, set};
use crate::support::gateway::Gateway;
use crate::support::metered::{capped, early_in_the_minute, used};
use crate::support::plan::{Plan, Remote};
use crate::support::provider::Provider;
use crate::support::rsa::KEYS;
use crate::support::token::{claims, header, signed};

/// What each request uses, at a dollar per million tokens. Of a layer that fits a thousand, too little is
/// left for another one, and yet something: so it is not known to be full before it is asked.
const USED: u64 = 950;

/// So little is left of a layer of tokens or money that no request fits it.
const LEFT: u64 = 20;

/// A project whose layers are filled one by one.
struct Filling<'a> {
    gateway: &'a Gateway,
    provider: &'a Provider,
    id: String,
    ask: Ask,
    /// One connection: what was asked on it is settled when the next is.
    client: Client,
    /// Requests that were served.
    served: u64,
}

#[tokio::test]
async fn a_layer_that_refuses_leaves_each_other_one_as_it_was() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/models/0/price", json!({ "input": 1, "output": 1 }));
    let gateway = Gateway::start(conf).await;
    let key = json!({ "kid": "sk_1", "public_key": KEYS[0].public_pem() });
    gateway.make("tenants/acme/signing-keys", key).await;
    for (full, section, member, way) in LAYERS {
        early_in_the_minute(8).await;
        let mut filling = Filling::new(&gateway, &provider, full).await;
        filling.limit(section, member, first_limit(member)).await;
        filling.refuse_often(full, way).await;
        filling.limit(section, member, wide(member)).await;
        for (other, section, member, way) in LAYERS {
            if other != full {
                filling.check(other, section, member, way).await;
                filling.limit(section, member, wide(member)).await;
            }
        }
    }
}

/// Room for one request.
fn first_limit(member: &str) -> Value {
    match member {
        member if member.contains("usd") => json!(0.001),
        member if member.contains("tokens") => json!(1000),
        _ => json!(1),
    }
}

fn wide(member: &str) -> Value {
    match member {
        member if member.contains("usd") => json!(100),
        member if member.contains("tokens") => json!(100_000_000),
        _ => json!(10_000),
    }
}

impl<'a> Filling<'a> {
    async fn new(gateway: &'a Gateway, provider: &'a Provider, full: &str) -> Self {
        let id = full.replace('_', "-");
        let mut project = json!({ "id": id, "tenant": "acme" });
        for (_, section, member, _) in LAYERS {
            project[section][member] = wide(member);
        }
        gateway.make("projects", project).await;
        let token = signed(&KEYS[0], &header("sk_1"), &claims("acme", &id, "ann"));
        let ask = capped(100).header("X-Session-Id", "s").key(&token);
        let client = gateway.client().await;
        Self { gateway, provider, id, ask, client, served: 0 }
    }

    async fn limit(&self, section: &str, member: &str, limit: Value) {
        let patch = json!({ (section): { (member): limit } });
        let answer = self.gateway.call("PATCH", &format!("projects/{}", self.id), patch).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// Fills the layer with one request, and has it refuse many: one by one, and at once.
    async fn refuse_often(&mut self, layer: &str, way: Way) {
        let held = match way {
            Way::Busy => Some(self.hold().await),
            _ => {
                self.pass(layer).await;
                None
            }
        };
        let asked = (0..8).map(|_| self.gateway.ask(&self.ask));
        for answer in futures::future::join_all(asked).await {
            refused_by(&answer, layer);
        }
        for _ in 0..3 {
            refused_by(&self.gateway.ask(&self.ask).await, layer);
        }
        if let Some(remote) = held {
            self.release(&remote, layer).await;
        }
    }

    async fn pass(&mut self, layer: &str) {
        self.provider.next(used(USED - 100, 100));
        let answer = self.client.ask(&self.ask).await;
        assert_eq!(answer.status, 200, "{}, {layer}: {}", self.id, answer.text());
        self.served += 1;
    }

    /// Has a request in flight.
    async fn hold(&mut self) -> Remote {
        let (plan, remote) = Plan::live();
        self.provider.next(plan);
        let arrived = self.provider.count();
        self.client.send(self.ask.bytes()).await;
        self.provider.request(arrived).await;
        remote
    }

    async fn release(&mut self, remote: &Remote, layer: &str) {
        used(USED - 100, 100).steps.into_iter().for_each(|step| remote.say(step));
        let answer = self.client.answer().await;
        assert_eq!(answer.status, 200, "{}, {layer}: {}", self.id, answer.text());
        self.served += 1;
    }

    /// Finds in this layer what was served, and nothing else.
    async fn check(&mut self, layer: &str, section: &str, member: &str, way: Way) {
        let id = self.id.clone();
        if way == Way::Busy {
            self.limit(section, member, json!(1)).await;
            let remote = self.hold().await;
            refused_by(&self.gateway.ask(&self.ask).await, layer);
            return self.release(&remote, layer).await;
        }
        if !member.contains("usd") && !member.contains("tokens") {
            self.limit(section, member, json!(self.served + 1)).await;
            self.pass(layer).await;
            refused_by(&self.client.ask(&self.ask).await, layer);
            return;
        }
        let all = self.served * USED;
        let limit = match member.contains("usd") {
            true => json!((all + LEFT) as f64 / 1e6),
            false => json!(all + LEFT),
        };
        self.limit(section, member, limit).await;
        let details = refused_by(&self.client.ask(&self.ask).await, layer);
        let found = match way {
            Way::Quota(_, used) => details["usage"][used].as_u64(),
            Way::Budget(_, "usd") => details["used"].as_f64().map(|usd| (usd * 1e6).round() as u64),
            Way::Budget(..) => details["used"].as_u64(),
            _ => details["remaining"].as_u64().map(|left| all + LEFT - left),
        };
        assert_eq!(found, Some(all), "{layer} after refusals by {id}: {details}");
    }
}

#[track_caller]
fn refused_by(answer: &Answer, layer: &str) -> Value {
    assert!([402, 429].contains(&answer.status), "{layer}: {}", answer.text());
    let details = answer.json()["error"]["details"].clone();
    assert_eq!(details["layer"], layer, "{details}");
    details
}
