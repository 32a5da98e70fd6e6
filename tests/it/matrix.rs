//! Every route with every kind of credential (CONTRACT 2 and 3). The routes are those that the program
//! itself lists, so that a new one cannot be forgotten here.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::support::client::{Answer, Ask};
use crate::support::conf::{FOREIGN_KEY, KEY, OTHER_KEY, conf_of_two, set};
use crate::support::folder::Folder;
use crate::support::gateway::{Gateway, spawn};
use crate::support::plan::WHOLE;
use crate::support::provider::Provider;
use crate::support::rsa::KEYS;
use crate::support::token::{claims, header, signed};
use crate::support::until;

/// Who asks, and whether it is at the host of the project `demo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Nobody,
    Garbage,
    ExpiredToken,
    RevokedKey,
    TokenOfRevokedKey,
    ForeignKey,
    ForeignKeyAtOurHost,
    ForeignTokenAtOurHost,
    TokenOfOtherProjectAtOurHost,
    MintOnlyKey,
    GoodKey,
    GoodKeyAtOurHost,
    GoodToken,
    GoodTokenAtOurHost,
    TwoKeys,
    KeyAndToken,
    KeyTwice,
    TokenTwice,
    KeyInQuery,
    TokenInQuery,
}

use Who::*;

/// What is to come where a key or a token will do.
const TOKEN_OR_KEY: [(Who, u16); 20] = [
    (Nobody, 401),
    (Garbage, 401),
    (ExpiredToken, 401),
    (RevokedKey, 401),
    (TokenOfRevokedKey, 401),
    (ForeignKey, 200),
    (ForeignKeyAtOurHost, 403),
    (ForeignTokenAtOurHost, 403),
    (TokenOfOtherProjectAtOurHost, 403),
    (MintOnlyKey, 401),
    (GoodKey, 200),
    (GoodKeyAtOurHost, 200),
    (GoodToken, 200),
    (GoodTokenAtOurHost, 200),
    (TwoKeys, 400),
    (KeyAndToken, 400),
    (KeyTwice, 200),
    (TokenTwice, 200),
    (KeyInQuery, 401),
    (TokenInQuery, 401),
];

/// Where only a key will do.
const KEY_ONLY: [(Who, u16); 20] = [
    (Nobody, 401),
    (Garbage, 401),
    (ExpiredToken, 401),
    (RevokedKey, 401),
    (TokenOfRevokedKey, 401),
    (ForeignKey, 200),
    (ForeignKeyAtOurHost, 403),
    (ForeignTokenAtOurHost, 401),
    (TokenOfOtherProjectAtOurHost, 401),
    (MintOnlyKey, 200),
    (GoodKey, 200),
    (GoodKeyAtOurHost, 200),
    (GoodToken, 401),
    (GoodTokenAtOurHost, 401),
    (TwoKeys, 400),
    (KeyAndToken, 400),
    (KeyTwice, 200),
    (TokenTwice, 401),
    (KeyInQuery, 401),
    (TokenInQuery, 401),
];

/// A route that this test knows: the credential that it wants, its path and a good body.
struct Known {
    credential: &'static str,
    path: &'static str,
    body: &'static str,
    /// The status where all is well.
    fine: u16,
}

const MINT: &str = r#"{"user_id":"u"}"#;

/// `None` for a route that nobody thought of.
fn known(method: &str, path: &str) -> Option<Known> {
    let (credential, path, body) = match (method, path) {
        ("OPTIONS", path) => return Some(preflight(path)),
        ("POST", "/v1/chat/completions") => ("token or key", "/v1/chat/completions", WHOLE),
        ("POST", "/v1/embeddings") => {
            ("token or key", "/v1/embeddings", r#"{"model":"m","input":"hi"}"#)
        }
        ("GET", "/v1/models") => ("token or key", "/v1/models", ""),
        ("GET", "/v1/models/{id}") => ("token or key", "/v1/models/m", ""),
        ("GET", "/v1/usage") => ("token or key", "/v1/usage", ""),
        ("GET", "/v1/billing/usage") => ("token or key", "/v1/billing/usage", ""),
        ("POST", "/v1/auth/mint") => ("key", "/v1/auth/mint", MINT),
        ("POST", "/auth/v1/auth/mint") => ("key", "/auth/v1/auth/mint", MINT),
        ("GET", "/.well-known/jwks.json") => ("none", "/.well-known/jwks.json", ""),
        _ => return None,
    };
    Some(Known { credential, path, body, fine: 200 })
}

/// Whoever asks before a request shows no credential yet.
fn preflight(path: &str) -> Known {
    // Each of these lives as long as the program, and there are few.
    let path = Box::leak(path.replace("{id}", "m").into_boxed_str());
    Known { credential: "none", path, body: "", fine: 204 }
}

/// The routes that the program lists: method, path and credential.
async fn listed() -> Vec<(String, String, String)> {
    let folder = Folder::new();
    let mut program = spawn(&["routes"], folder.path());
    let status = until("the program's end", || program.try_wait().unwrap()).await;
    assert!(status.success(), "{}", folder.read("stderr"));
    let line = |line: &str| {
        let route: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        let text = |name: &str| route[name].as_str().expect(name).to_owned();
        (text("method"), text("path"), text("credential"))
    };
    folder.read("stdout").lines().map(line).collect()
}

const OUR_HOST: &str = "amber-fox-042.behest.localhost";

struct World {
    gateway: Gateway,
    provider: Provider,
    revoked_key: String,
    mint_only_key: String,
    token: String,
    other_token: String,
    foreign_token: String,
    expired_token: String,
    token_of_revoked_key: String,
}

async fn start() -> World {
    let provider = Provider::start().await;
    let mut conf = conf_of_two(&[provider.url()]);
    let mint_only =
        json!({ "id": "mint-only", "slug": "mint-only-001", "allow_key_on_chat": false });
    let projects = conf["tenants"][0]["projects"].as_array_mut().unwrap();
    projects.push(mint_only);
    // So that one body is good for every project.
    set(&mut conf, "/tenants/0/projects/1/models", json!(["m", "n"]));
    let gateway = Gateway::start(conf).await;
    let (id, revoked_key) = gateway.new_key("demo", json!({})).await;
    let (_, mint_only_key) = gateway.new_key("mint-only", json!({})).await;
    let [good, revoked, _] = &*KEYS;
    for (kid, key) in [("sk_good", good), ("sk_revoked", revoked)] {
        let body = json!({ "kid": kid, "public_key": key.public_pem() });
        gateway.make("tenants/acme/signing-keys", body).await;
    }
    let token = gateway.token("u").await;
    let minted = |answer: Answer| answer.json()["jwt"].as_str().unwrap().to_owned();
    let other_token = minted(gateway.mint(OTHER_KEY, json!({ "user_id": "u" })).await);
    let foreign_token = minted(gateway.mint(FOREIGN_KEY, json!({ "user_id": "u" })).await);
    let mut expired = claims("acme", "demo", "u");
    for name in ["iat", "nbf", "exp"] {
        expired[name] = json!(expired[name].as_u64().unwrap() - 1000);
    }
    let expired_token = signed(good, &header("sk_good"), &expired);
    let token_of_revoked_key = signed(revoked, &header("sk_revoked"), &claims("acme", "demo", "u"));
    // They worked until now.
    for credential in [&revoked_key, &token_of_revoked_key] {
        assert_eq!(gateway.ask(&Ask::get("/v1/models").key(credential)).await.status, 200);
    }
    gateway.remove(&format!("projects/demo/keys/{id}")).await;
    gateway.remove("tenants/acme/signing-keys/sk_revoked").await;
    World {
        gateway,
        provider,
        revoked_key,
        mint_only_key,
        token,
        other_token,
        foreign_token,
        expired_token,
        token_of_revoked_key,
    }
}

impl World {
    fn ask(&self, method: &str, known: &Known, who: Who) -> Ask {
        let with = |path: &str| {
            let ask = Ask::new(method, path);
            let json = !known.body.is_empty();
            if json { ask.header("Content-Type", "application/json").body(known.body) } else { ask }
        };
        let ask = with(known.path);
        let at_our_host = |ask: Ask| ask.header("Host", OUR_HOST);
        let bearer = |text: &str| format!("Bearer {text}");
        match who {
            Nobody => ask,
            Garbage => ask.key("garbage"),
            ExpiredToken => ask.key(&self.expired_token),
            RevokedKey => ask.key(&self.revoked_key),
            TokenOfRevokedKey => ask.key(&self.token_of_revoked_key),
            ForeignKey => ask.key(FOREIGN_KEY),
            ForeignKeyAtOurHost => at_our_host(ask).key(FOREIGN_KEY),
            ForeignTokenAtOurHost => at_our_host(ask).key(&self.foreign_token),
            TokenOfOtherProjectAtOurHost => at_our_host(ask).key(&self.other_token),
            MintOnlyKey => ask.key(&self.mint_only_key),
            GoodKey => ask.key(KEY),
            GoodKeyAtOurHost => at_our_host(ask).key(KEY),
            GoodToken => ask.key(&self.token),
            GoodTokenAtOurHost => at_our_host(ask).key(&self.token),
            TwoKeys => ask.key(KEY).also("Authorization", &bearer(OTHER_KEY)),
            KeyAndToken => ask.key(&self.token).also("X-Api-Key", KEY),
            KeyTwice => ask.key(KEY).also("X-Api-Key", KEY),
            TokenTwice => ask.key(&self.token).also("Authorization", &bearer(&self.token)),
            KeyInQuery => with(&format!("{}?api_key={KEY}&key={KEY}", known.path)),
            TokenInQuery => {
                let token = &self.token;
                with(&format!("{}?access_token={token}&token={token}", known.path))
            }
        }
    }
}

/// The code that goes with a status here.
fn code(status: u16) -> &'static str {
    match status {
        400 => "validation_error",
        401 => "invalid_token",
        _ => "forbidden",
    }
}

#[tokio::test]
async fn every_route_answers_every_credential_as_its_policy_says() {
    let world = start().await;
    let routes = listed().await;
    let mut wrong = String::new();
    let mut seen = BTreeMap::new();
    let mut sent_on = world.provider.count();
    for (method, path, credential) in &routes {
        let Some(known) = known(method, path) else {
            panic!("{method} {path} ({credential}) is new: say here what it expects of whom");
        };
        assert_eq!(known.credential, credential, "{method} {path}");
        *seen.entry((method.clone(), path.clone())).or_insert(0) += 1;
        for (who, token_or_key) in TOKEN_OR_KEY {
            let key_only = KEY_ONLY.iter().find(|(other, _)| *other == who).unwrap().1;
            let expected = match known.credential {
                "none" => known.fine,
                "key" => key_only,
                _ => token_or_key,
            };
            let answer = world.gateway.ask(&world.ask(method, &known, who)).await;
            let told = if expected < 400 { Value::Null } else { answer.json()["code"].clone() };
            if answer.status != expected || expected >= 400 && told != code(expected) {
                let got = (answer.status, answer.text());
                writeln!(wrong, "{method} {path}, {who:?}: {got:?}, not {expected}").unwrap();
            }
            let asks_a_provider = known.credential == "token or key" && method == "POST";
            sent_on += usize::from(asks_a_provider && expected == 200);
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert_eq!(world.provider.count(), sent_on, "what was refused was sent on");
    assert!(seen.values().all(|times| *times == 1), "a route is listed twice: {seen:?}");
    for path in ["/v1/chat/completions", "/v1/embeddings", "/v1/models", "/v1/models/{id}"] {
        assert!(routes.iter().any(|route| route.1 == path), "{path} is not listed");
    }
    let asked = routes.iter().filter(|(method, ..)| method != "OPTIONS").count();
    assert!(asked >= 7, "{routes:?}");
}

#[tokio::test]
async fn a_path_that_is_not_listed_is_none() {
    let world = start().await;
    for (path, status) in [
        ("/V1/chat/completions", 404),
        ("/v1/chat/completions/", 404),
        ("//v1/chat/completions", 404),
        ("/v1/auth/mint/", 404),
        ("/v1/auth", 404),
        ("/v1/../v1/chat/completions", 404),
        ("/v1%2Fchat/completions", 400),
        ("/admin/v1/projects", 404),
        ("/.well-known/openid-configuration", 404),
        ("/v1/projects", 404),
    ] {
        for key in [KEY, &world.token] {
            let answer = world.gateway.ask(&Ask::post(path, WHOLE).key(key)).await;
            assert_eq!(answer.status, status, "{path}: {}", answer.text());
        }
    }
    assert_eq!(world.provider.count(), 0);
}
