//! Tokens that somebody made up, each one step away from a good one: all of them are told the same,
//! and nobody hears of what they ask (CONTRACT 4.3).

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::support::client::{Ask, Client};
use crate::support::conf::{conf_of_two, now};
use crate::support::gateway::Gateway;
use crate::support::plan::WHOLE;
use crate::support::provider::Provider;
use crate::support::refusal::refused;
use crate::support::rsa::{KEYS, Rsa};
use crate::support::token::{Parts, claims, header, signed, signed_text};

/// Algorithms that are not the one: none at all, a secret made of what is public, and others.
mod algorithms;
/// Claims that are missing, of another type, or not true.
mod claimed;
/// Headers that want to choose the key.
mod heads;
/// Texts that are no token, or two at once.
mod shapes;

/// A made-up token, and what is wrong with it.
type Forgery = (String, String);

/// What forgers know: all that is public, a tenant's own key, and one good token of each kind.
struct Forger {
    /// The key of `acme`, known to the gateway as `sk_acme`.
    acme: &'static Rsa,
    /// The key of `globex`, known to the gateway as `sk_globex`.
    globex: &'static Rsa,
    /// A key that the gateway does not know.
    stranger: &'static Rsa,
    /// A token that the gateway minted.
    minted: String,
    /// The published key that it was signed with.
    ours: Value,
    /// A name that a key of either tenant has.
    common: &'static str,
}

impl Forger {
    /// The claims of a good token of `acme`.
    fn claims(&self) -> Value {
        claims("acme", "demo", "u")
    }

    /// A good token of `acme` but for its header's extra or other members.
    fn headed(&self, more: Value) -> String {
        let mut header = header("sk_acme");
        for (name, value) in more.as_object().unwrap() {
            header[name] = value.clone();
        }
        signed(self.acme, &header, &self.claims())
    }

    /// A good token of `acme` but for one claim.
    fn claimed(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims();
        claims[name] = value;
        signed(self.acme, &header("sk_acme"), &claims)
    }

    /// A good token of `acme` but for one claim's spelling.
    fn spelt(&self, name: &str, spelling: &str) -> String {
        let payload = self.claimed_text(name, "@");
        self.paid(&payload.replace("\"@\"", spelling))
    }

    fn claimed_text(&self, name: &str, value: &str) -> String {
        let mut claims = self.claims();
        claims[name] = json!(value);
        claims.to_string()
    }

    /// A token of `acme` with this payload.
    fn paid(&self, payload: &str) -> String {
        signed_text(self.acme, &header("sk_acme").to_string(), payload)
    }

    /// A token of `acme` with this header.
    fn head(&self, header: &str) -> String {
        signed_text(self.acme, header, &self.claims().to_string())
    }

    /// A good token of `acme`.
    fn good(&self) -> String {
        signed(self.acme, &header("sk_acme"), &self.claims())
    }
}

struct World {
    gateway: Gateway,
    provider: Provider,
    forger: Forger,
}

async fn start() -> World {
    let provider = Provider::start().await;
    let gateway = Gateway::start(conf_of_two(&[provider.url()])).await;
    let [acme, globex, stranger] = &*KEYS;
    for (tenant, key) in [("acme", acme), ("globex", globex)] {
        for kid in [format!("sk_{tenant}"), "same-name".to_owned()] {
            let body = json!({ "kid": kid, "public_key": key.public_pem() });
            gateway.make(&format!("tenants/{tenant}/signing-keys"), body).await;
        }
    }
    let minted = gateway.token("u").await;
    let keys = gateway.ask(&Ask::new("GET", "/.well-known/jwks.json")).await.json();
    let kid = &Parts::of(&minted).header["kid"];
    let ours = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == *kid);
    let ours = ours.expect("our key is published").clone();
    let forger = Forger { acme, globex, stranger, minted, ours, common: "same-name" };
    World { gateway, provider, forger }
}

impl World {
    /// The good tokens, which must pass before and after: else the forgeries would show nothing.
    async fn the_good_ones_pass(&self) {
        let forger = &self.forger;
        let shop = claims("globex", "shop", "u");
        let mut issued_otherwise = forger.claims();
        issued_otherwise["iss"] = json!("https://api.behest.ai");
        for (name, token) in [
            ("minted", forger.minted.clone()),
            ("acme's", forger.good()),
            (
                "acme's, with the other issuer",
                signed(forger.acme, &header("sk_acme"), &issued_otherwise),
            ),
            ("acme's, with a number put in", forger.spelt("exp", &(now() + 300).to_string())),
            ("acme's, with a type of content", forger.headed(json!({ "cty": "JWT" }))),
            (
                "acme's, of the common name",
                signed(forger.acme, &header("same-name"), &forger.claims()),
            ),
            ("globex's", signed(forger.globex, &header("sk_globex"), &shop)),
            ("globex's, of the common name", signed(forger.globex, &header("same-name"), &shop)),
        ] {
            let answer = self.gateway.ask(&Ask::chat(WHOLE).key(&token)).await;
            assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        }
    }
}

/// Sends each forgery, and gives the names of those that were not refused as they should be.
async fn try_all(world: &World, forgeries: &[Forgery], told: &Bytes) -> Vec<String> {
    let mut passed = Vec::new();
    let mut client: Option<Client> = None;
    for (name, token) in forgeries {
        let mut open = match client.take() {
            Some(open) => open,
            None => world.gateway.client().await,
        };
        let answer = open.ask(&Ask::chat(WHOLE).key(token)).await;
        if answer.status != 401 || answer.body != *told {
            passed.push(format!("{name}: {} {}", answer.status, answer.text()));
        }
        if answer.header("connection") != Some("close") {
            client = Some(open);
        }
    }
    passed
}

#[tokio::test]
async fn no_forgery_passes_and_all_are_told_the_same() {
    let world = start().await;
    world.the_good_ones_pass().await;
    let good = world.provider.count();
    let forger = &world.forger;
    let mut forgeries = algorithms::all(forger);
    forgeries.extend(heads::all(forger));
    forgeries.extend(shapes::all(forger));
    forgeries.extend(claimed::all(forger));
    let mut seen = BTreeSet::new();
    forgeries.retain(|(_, token)| seen.insert(token.clone()));
    assert!(forgeries.len() >= 400, "{}", forgeries.len());
    let wrong_key = world.gateway.ask(&Ask::chat(WHOLE).key("behest_sk_live_wrong")).await;
    refused(&wrong_key, 401, "invalid_token");
    let passed = try_all(&world, &forgeries, &wrong_key.body).await;
    assert!(passed.is_empty(), "{} of {}: {passed:#?}", passed.len(), forgeries.len());
    assert_eq!(world.provider.count(), good, "nothing of them was sent on");
    world.the_good_ones_pass().await;
    let output = world.gateway.output();
    assert!(!output.contains("panicked"), "nothing of ours fell over");
    for (name, token) in &forgeries {
        // Short ones may stand in the log by chance.
        assert!(token.len() < 40 || !output.contains(token.as_str()), "{name} is in the log");
    }
}
