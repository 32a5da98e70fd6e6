//! Tokens that a tenant signs by itself: which keys it may register, and what its tokens can do
//! (CONTRACT 4.3).

use aws_lc_rs::rsa::KeySize;
use serde_json::{Value, json};

use crate::support::client::Ask;
use crate::support::conf::conf_of_two;
use crate::support::gateway::Gateway;
use crate::support::plan::WHOLE;
use crate::support::provider::Provider;
use crate::support::refusal::{refused, refused_by_admin};
use crate::support::rsa::{CUBE_PEM, CURVE_PEM, KEYS, Rsa, SMALL_PEM, base64url, pem};
use crate::support::token::{claims, header, signed};

const PATH: &str = "tenants/acme/signing-keys";

async fn start() -> (Provider, Gateway) {
    let provider = Provider::start().await;
    let gateway = Gateway::start(conf_of_two(&[provider.url()])).await;
    (provider, gateway)
}

async fn register(gateway: &Gateway, kid: &str, key: &Rsa) -> Value {
    gateway.make(PATH, json!({ "kid": kid, "public_key": key.public_pem() })).await
}

/// A chat with a token of `acme` that this key signed.
fn chat(kid: &str, key: &Rsa, claims: &Value) -> Ask {
    Ask::chat(WHOLE).key(&signed(key, &header(kid), claims))
}

#[tokio::test]
async fn a_tenants_own_key_signs_with_the_fewest_claims() {
    let (provider, gateway) = start().await;
    let key = &KEYS[0];
    let made = register(&gateway, "sk_0123456789abcdef", key).await;
    assert_eq!(made["kid"], "sk_0123456789abcdef");
    assert!(made.get("private_key").is_none_or(Value::is_null), "there is none to show");
    let minimal = claims("acme", "demo", "u");
    let answer = gateway.ask(&chat("sk_0123456789abcdef", key, &minimal)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let change = |names: &[&str], more: Value| {
        let mut claims = minimal.clone();
        claims.as_object_mut().unwrap().retain(|name, _| !names.contains(&name.as_str()));
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    };
    for (what, claims) in [
        ("nothing but what is required", change(&["iat", "nbf"], json!({}))),
        ("another issuer", change(&[], json!({ "iss": "https://api.behest.ai" }))),
        ("a role that is forced to user", change(&[], json!({ "role": "admin" }))),
        ("a tier that is unknown", change(&[], json!({ "tier": "gold" }))),
        ("a tier that is unknown, by number", change(&[], json!({ "tier": 99 }))),
        (
            "all that the newer signer says",
            change(
                &[],
                json!({
                    "role": "user", "scp": [], "jti": "x", "sid": "s", "tier": 2,
                }),
            ),
        ),
        ("claims that nobody knows", change(&[], json!({ "x": [1.5, { "y": null }] }))),
        ("another project of the tenant", change(&[], json!({ "pid": "other" }))),
    ] {
        let ask = chat("sk_0123456789abcdef", key, &claims);
        let ask = if claims["pid"] == "other" {
            ask.body(WHOLE.replace(r#""m""#, r#""n""#))
        } else {
            ask
        };
        let answer = gateway.ask(&ask).await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
    }
    for number in 0..provider.count() {
        assert!(!provider.request(number).await.headers.has("x-role"));
    }
}

#[tokio::test]
async fn a_pair_that_is_made_here_shows_its_private_half_once() {
    let (_provider, gateway) = start().await;
    let made = gateway.make(PATH, json!({ "name": "backend" })).await;
    let kid = made["kid"].as_str().unwrap();
    let private = made["private_key"].as_str().unwrap();
    let key = Rsa::from_pem(private);
    let ask = chat(kid, &key, &claims("acme", "demo", "u"));
    assert_eq!(gateway.ask(&ask).await.status, 200);
    let secret: String = private.lines().nth(3).unwrap().to_owned();
    let one = gateway.call("GET", &format!("{PATH}/{kid}"), Value::Null).await;
    assert_eq!((&one.json()["kid"], &one.json()["name"]), (&json!(kid), &json!("backend")));
    let all = gateway.call("GET", PATH, Value::Null).await;
    for answer in [one, all] {
        assert_eq!(answer.status, 200);
        assert!(answer.text().contains(kid), "{}", answer.text());
        assert!(!answer.text().contains("PRIVATE") && !answer.text().contains(&secret));
    }
    // It is 2048 bits, and may be asked for under an id of the tenant's choice.
    assert_eq!(key.modulus().len(), 256);
    let named = gateway.make(PATH, json!({ "kid": "sk_of_my_own" })).await;
    assert_eq!(named["kid"], "sk_of_my_own");
    assert!(named["private_key"].as_str().unwrap().contains("PRIVATE KEY"));
}

#[tokio::test]
async fn public_keys_are_taken_as_pem_and_as_jwk_from_2048_to_4096_bits() {
    let (_provider, gateway) = start().await;
    let large = Rsa::sized(KeySize::Rsa4096);
    let jwk = |key: &Rsa, more: Value| {
        let mut jwk = key.jwk();
        jwk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        jwk
    };
    let [first, second, third] = &*KEYS;
    let usual = json!({ "alg": "RS256", "use": "sig", "key_ops": ["verify"] });
    for (kid, key, body) in [
        ("pem", first, json!(first.public_pem())),
        ("no-line-end", first, json!(first.public_pem().trim_end())),
        ("crlf", first, json!(first.public_pem().replace('\n', "\r\n"))),
        ("jwk", second, jwk(second, json!({}))),
        ("jwk-2", third, jwk(third, usual)),
        ("large", &large, json!(large.public_pem())),
    ] {
        gateway.make(PATH, json!({ "kid": kid, "public_key": body })).await;
        let answer = gateway.ask(&chat(kid, key, &claims("acme", "demo", "u"))).await;
        assert_eq!(answer.status, 200, "{kid}: {}", answer.text());
    }
}

#[tokio::test]
async fn keys_that_are_too_weak_or_no_rsa_are_refused() {
    let (_provider, gateway) = start().await;
    let good = KEYS[0].jwk();
    let jwk = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        jwk
    };
    let huge = [&[0xc5_u8][..], &[0x5a; 1022], &[1]].concat();
    for (what, body) in [
        ("1024 bits", json!(SMALL_PEM)),
        ("an exponent of 3", json!(CUBE_PEM)),
        ("a curve", json!(CURVE_PEM)),
        ("8192 bits", jwk("n", json!(base64url(huge)))),
        ("an exponent of 1", jwk("e", json!("AQ"))),
        ("an even modulus", jwk("n", json!(base64url([&[0xc5_u8][..], &[0x5a; 255]].concat())))),
        ("no modulus", jwk("n", json!(""))),
        ("another kind", jwk("kty", json!("oct"))),
        ("a key for encryption", jwk("use", json!("enc"))),
        ("another algorithm", jwk("alg", json!("PS256"))),
        ("a certificate", json!(pem("CERTIFICATE", &KEYS[0].public_der()))),
        ("broken base64", json!(KEYS[0].public_pem().replacen("MII", "M*I", 1))),
        ("half of it", json!(KEYS[0].public_pem()[..200])),
        ("nothing", json!("")),
        ("a number", json!(1)),
        ("a list", json!([KEYS[0].public_pem()])),
    ] {
        let answer = gateway.call("POST", PATH, json!({ "kid": "weak", "public_key": body })).await;
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        refused_by_admin(&answer, 400, "validation_error");
        assert_eq!(gateway.call("GET", &format!("{PATH}/weak"), Value::Null).await.status, 404);
    }
    let long = "k".repeat(65);
    for kid in ["", " ", "a/b", "a b", "../x", &long] {
        let body = json!({ "kid": kid, "public_key": KEYS[0].public_pem() });
        let answer = gateway.call("POST", PATH, body).await;
        assert_eq!(answer.status, 400, "{kid:?}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_private_key_is_refused_and_nobody_repeats_it() {
    let (_provider, gateway) = start().await;
    let key = &KEYS[0];
    // Not the key's own, but nobody who is handed it knows.
    let exponent = base64url([0x5a; 256]);
    let mut jwk = key.jwk();
    jwk["d"] = json!(exponent);
    let pkcs1 = pem("RSA PRIVATE KEY", &key.private_der());
    let both = key.public_pem() + &key.private_pem();
    for body in [json!(key.private_pem()), json!(pkcs1), json!(both), jwk] {
        let answer = gateway.call("POST", PATH, json!({ "kid": "mine", "public_key": body })).await;
        refused_by_admin(&answer, 400, "validation_error");
        let mut written = gateway.output() + answer.text();
        for path in gateway.folder.files() {
            written += &String::from_utf8_lossy(&std::fs::read(path).unwrap());
        }
        for line in key.private_pem().lines().filter(|line| line.len() == 64) {
            // The public half is in the private one: its lines may be there.
            assert!(!written.contains(line), "{line}");
        }
        assert!(!written.contains(&exponent));
    }
    assert_eq!(gateway.call("GET", &format!("{PATH}/mine"), Value::Null).await.status, 404);
}

#[tokio::test]
async fn a_kid_is_taken_once_in_a_tenant_and_again_in_another() {
    let (_provider, gateway) = start().await;
    let [ours, theirs, other] = &*KEYS;
    register(&gateway, "common", ours).await;
    let body = json!({ "kid": "common", "public_key": other.public_pem() });
    let again = gateway.call("POST", PATH, body).await;
    refused_by_admin(&again, 409, "validation_error");
    let body = json!({ "kid": "common", "public_key": theirs.public_pem() });
    gateway.make("tenants/globex/signing-keys", body).await;
    let acme = claims("acme", "demo", "u");
    assert_eq!(gateway.ask(&chat("common", ours, &acme)).await.status, 200);
    assert_eq!(gateway.ask(&chat("common", theirs, &acme)).await.status, 401);
    let globex = claims("globex", "shop", "u");
    assert_eq!(gateway.ask(&chat("common", theirs, &globex)).await.status, 200);
    assert_eq!(gateway.ask(&chat("common", ours, &globex)).await.status, 401);
    let nobodys = gateway.call("POST", "tenants/nobody/signing-keys", json!({})).await;
    refused_by_admin(&nobodys, 404, "not_found");
}

#[tokio::test]
async fn a_revoked_key_signs_no_more() {
    let (_provider, gateway) = start().await;
    let [first, second, _] = &*KEYS;
    for (kid, key) in [("first", first), ("second", second)] {
        register(&gateway, kid, key).await;
    }
    let claims = claims("acme", "demo", "u");
    assert_eq!(gateway.ask(&chat("first", first, &claims)).await.status, 200);
    gateway.remove(&format!("{PATH}/first")).await;
    // A change is in force on this node when it is answered: the very next call.
    refused(&gateway.ask(&chat("first", first, &claims)).await, 401, "invalid_token");
    assert_eq!(gateway.ask(&chat("second", second, &claims)).await.status, 200);
    let gone = gateway.call("DELETE", &format!("{PATH}/first"), Value::Null).await;
    refused_by_admin(&gone, 404, "not_found");
    let kids: Vec<Value> =
        gateway.list(PATH).await.into_iter().map(|key| key["kid"].clone()).collect();
    assert_eq!(kids, ["second"]);
}
