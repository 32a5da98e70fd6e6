use super::{MintRequest, Minter};
use crate::api_key::KeyRecord;
use crate::api_key::tests::{Counting, ci};
use crate::authority::{Authority, AuthoritySpec};
use crate::project::tests::projects;
use crate::project::{Projects, TierClaim};
use crate::role::Role;
use crate::switches::{Scope, Switch};
use crate::token::tests::{ISSUER, NOW, OWN};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use behest_contract::denial::{Denial, Kind};
use behest_contract::ports::Busy;
use behest_contract::testing::ManualClock;
use futures::executor::block_on;
use serde_json::Value;
use std::sync::Arc;

fn authority(switches: Vec<Switch>) -> Authority {
    let spec = AuthoritySpec {
        projects: projects(),
        switches,
        issuer: ISSUER.into(),
        own_keys: vec![OWN.clone()],
        ..AuthoritySpec::default()
    };
    let clock = Arc::new(ManualClock::at(NOW));
    Authority::new(spec, None, Counting::at_once(), clock).unwrap()
}

fn minted(body: &str) -> (Value, String) {
    let authority = authority(Vec::new());
    let request = MintRequest::parse(body.as_bytes()).unwrap();
    let (_, unsigned) = authority.mint(&ci(), &request).unwrap();
    let answer = serde_json::from_slice::<Value>(&unsigned.sign().unwrap().to_json()).unwrap();
    let claims = answer["jwt"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    (answer, claims)
}

fn refused(key: &KeyRecord, body: &str) -> Box<Denial> {
    match MintRequest::parse(body.as_bytes()) {
        Err(denial) => denial,
        Ok(request) => authority(Vec::new()).mint(key, &request).expect_err(body),
    }
}

/// The texts between quotes that stand before a colon, in order.
fn member_names(object: &str) -> Vec<&str> {
    let parts = object.split("\":").map(|part| part.rsplit('"').next().unwrap());
    let mut names: Vec<_> = parts.collect();
    names.pop();
    names
}

#[test]
fn the_answer_has_the_token_under_every_name_that_clients_read() {
    let (answer, claims) = minted(r#"{"user_id":"u_42","session_id":"s1","ttl":900,"tier":2}"#);
    assert_eq!(answer["jwt"], answer["access_token"]);
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["project_id"], "demo");
    assert_eq!((&answer["ttl"], &answer["expires_in"]), (&900.into(), &900.into()));
    assert_eq!(answer["session_id"], "s1");
    assert_eq!(answer.as_object().unwrap().len(), 7);
    assert_eq!(
        member_names(&claims),
        "tid pid uid role scp iss aud iat nbf exp jti sid tier key".split(' ').collect::<Vec<_>>()
    );
    let claims: Value = serde_json::from_str(&claims).unwrap();
    let expected = serde_json::json!({
        "tid": "acme", "pid": "demo", "uid": "u_42", "role": "user", "scp": [], "iss": ISSUER,
        "aud": "behest", "iat": NOW, "nbf": NOW, "exp": NOW + 900, "jti": claims["jti"],
        "sid": "s1", "tier": 2, "key": ci().id,
    });
    assert_eq!(claims, expected);
    assert!(is_uuid_v4(claims["jti"].as_str().unwrap()));
}

#[test]
fn what_is_minted_is_verified_as_what_was_asked_for() {
    let authority = authority(Vec::new());
    let name = "\u{e4}\u{1f600} \"quoted\" \\ /";
    let body = serde_json::json!({"user_id": name, "tier": "max", "session_id": name});
    let request = MintRequest::parse(body.to_string().as_bytes()).unwrap();
    let key = KeyRecord { role: Role::Admin, ..ci() };
    let (minter, unsigned) = authority.mint(&key, &request).unwrap();
    let offload = Counting::at_once();
    let minted = block_on(minter.minted(&*offload, unsigned)).unwrap();
    assert_eq!(offload.runs(), 1);
    let verified = authority.tokens.verify(minted.jwt.expose()).unwrap();
    assert_eq!(verified.principal.user.as_deref(), Some(name));
    assert_eq!(verified.principal.session.as_deref(), Some(name));
    assert_eq!(verified.principal.tier.as_deref(), Some("max"));
    assert_eq!((&verified.principal.key, &verified.signer), (&key.id, &OWN.life().kid));
    assert_eq!(verified.role, Role::Admin, "without a word of it, the key's own");
    assert!(!format!("{minted:?}").contains(minted.jwt.expose()));
}

#[test]
fn without_a_session_there_is_a_new_one_in_the_token_and_in_the_answer() {
    for body in [r#"{"user_id":"u"}"#, r#"{"user_id":"u","session_id":null}"#] {
        let ((answer, claims), (other, _)) = (minted(body), minted(body));
        assert!(is_uuid_v4(answer["session_id"].as_str().unwrap()));
        assert_ne!(answer["session_id"], other["session_id"]);
        let claims: Value = serde_json::from_str(&claims).unwrap();
        assert_eq!(claims["sid"], answer["session_id"]);
        assert_eq!(answer["ttl"], 3600);
        assert!(claims.get("tier").is_none());
    }
}

fn is_uuid_v4(text: &str) -> bool {
    text.len() == 36 && text.as_bytes()[14] == b'4' && uuid::Uuid::parse_str(text).is_ok()
}

#[test]
fn a_good_body_is_read() {
    let parse = |body: &str| MintRequest::parse(body.as_bytes()).unwrap();
    let least = parse(r#"{"user_id":"u"}"#);
    let expected =
        MintRequest { user_id: "u".into(), role: None, ttl: 3600, tier: None, session_id: None };
    assert_eq!(least, expected);
    let nulls = parse(
        r#" {"role":null,"ttl":null,"tier":null,"session_id":null,"user_id":"u","x":{"user_id":1}} "#,
    );
    assert_eq!(nulls, expected, "null is nothing, and what is not known is passed over");
    assert_eq!(parse(r#"{"user_id":"u","ttl":60}"#).ttl, 60);
    assert_eq!(parse(r#"{"user_id":"u","ttl":86400}"#).ttl, 86_400);
    assert_eq!(parse(r#"{"user_id":"u","role":"regular"}"#).role, Some(Role::User));
    assert_eq!(parse(r#"{"user_id":"u","tier":2}"#).tier, Some(TierClaim::Number(2)));
    assert_eq!(parse(r#"{"user_id":"u","tier":"pro"}"#).tier, Some(TierClaim::Name("pro".into())));
    assert_eq!(&*parse(r#"{"user_id":"\u0061\ud83d\ude00"}"#).user_id, "a\u{1f600}");
}

#[test]
fn every_bad_body_is_invalid_and_its_member_named() {
    let long = format!(r#"{{"user_id":"{}"}}"#, "x".repeat(256));
    let long_session = format!(r#"{{"user_id":"u","session_id":"{}"}}"#, "x".repeat(256));
    let deep = format!(r#"{{"user_id":"u","x":{}{}}}"#, "[".repeat(70), "]".repeat(70));
    let cases = [
        ("", None),
        ("null", None),
        ("[]", None),
        ("\"u\"", None),
        ("{", None),
        (r#"{"user_id":"u"}x"#, None),
        (r#"{"user_id":"u",}"#, None),
        (r#"{"user_id":"u","user_id":"v"}"#, None),
        (r#"{"user_id":"u","\u0075ser_id":"v"}"#, None),
        (r#"{"user_id":"u","x":1,"x":2}"#, None),
        (&deep, None),
        ("{}", Some("user_id")),
        (r#"{"user_id":null}"#, Some("user_id")),
        (r#"{"user_id":""}"#, Some("user_id")),
        (r#"{"user_id":1}"#, Some("user_id")),
        (r#"{"user_id":["u"]}"#, Some("user_id")),
        (r#"{"user_id":"a\nb"}"#, Some("user_id")),
        (r#"{"user_id":"\u0000"}"#, Some("user_id")),
        (r#"{"user_id":"\ud800"}"#, Some("user_id")),
        (r#"{"user_id":"admin"}"#, Some("user_id")),
        (r#"{"user_id":"Dashboard-Service"}"#, Some("user_id")),
        (r#"{"user_id":"system"}"#, Some("user_id")),
        (&long, Some("user_id")),
        (r#"{"user_id":"u","role":""}"#, Some("role")),
        (r#"{"user_id":"u","role":"root"}"#, Some("role")),
        (r#"{"user_id":"u","role":"admin"}"#, Some("role")),
        (r#"{"user_id":"u","role":"dashboard-service"}"#, Some("role")),
        (r#"{"user_id":"u","role":1}"#, Some("role")),
        (r#"{"user_id":"u","ttl":59}"#, Some("ttl")),
        (r#"{"user_id":"u","ttl":86401}"#, Some("ttl")),
        (r#"{"user_id":"u","ttl":-60}"#, Some("ttl")),
        (r#"{"user_id":"u","ttl":60.5}"#, Some("ttl")),
        (r#"{"user_id":"u","ttl":1e3}"#, Some("ttl")),
        (r#"{"user_id":"u","ttl":"900"}"#, Some("ttl")),
        (r#"{"user_id":"u","ttl":4294968196}"#, Some("ttl")),
        (r#"{"user_id":"u","tier":9}"#, Some("tier")),
        (r#"{"user_id":"u","tier":-1}"#, Some("tier")),
        (r#"{"user_id":"u","tier":1.0}"#, Some("tier")),
        (r#"{"user_id":"u","tier":"gold"}"#, Some("tier")),
        (r#"{"user_id":"u","tier":"1"}"#, Some("tier")),
        (r#"{"user_id":"u","tier":true}"#, Some("tier")),
        (r#"{"user_id":"u","tier":[1]}"#, Some("tier")),
        (r#"{"user_id":"u","session_id":""}"#, Some("session_id")),
        (r#"{"user_id":"u","session_id":1}"#, Some("session_id")),
        (r#"{"user_id":"u","session_id":"a\tb"}"#, Some("session_id")),
        (&long_session, Some("session_id")),
    ];
    for (body, param) in cases {
        let denial = refused(&ci(), body);
        assert_eq!((denial.kind, denial.param), (Kind::Invalid, param), "{body}");
    }
    let denial = MintRequest::parse(b"{\"user_id\":\"\xff\"}").unwrap_err();
    assert_eq!(denial.kind, Kind::Invalid);
}

#[test]
fn a_key_gives_its_own_role_and_that_of_a_user_and_no_other() {
    let allowed = |role: Role, word: &str| {
        let request = format!(r#"{{"user_id":"u","role":"{word}"}}"#);
        let request = MintRequest::parse(request.as_bytes()).unwrap();
        authority(Vec::new()).mint(&KeyRecord { role, ..ci() }, &request).is_ok()
    };
    let roles = [Role::User, Role::DashboardService, Role::Admin];
    for role in roles {
        assert!(allowed(role, "user") && allowed(role, "regular"));
        for asked in [Role::DashboardService, Role::Admin] {
            assert_eq!(allowed(role, asked.word()), role == asked, "{role:?} gives {asked:?}");
        }
    }
}

#[test]
fn a_user_who_is_switched_off_gets_no_token() {
    let mint = |id: &str| {
        let on = vec![Switch { scope: Scope::User, id: id.into() }];
        let request = MintRequest::parse(br#"{"user_id":"u_42"}"#).unwrap();
        authority(on).mint(&ci(), &request).map(drop)
    };
    for id in ["u_42", "demo/u_42"] {
        assert_eq!(mint(id).unwrap_err().kind, Kind::Forbidden);
    }
    assert!(mint("second/u_42").is_ok() && mint("u_4").is_ok());
}

#[test]
fn without_a_key_to_sign_with_the_client_is_to_come_back() {
    let clock = Arc::new(ManualClock::at(NOW));
    let spec = AuthoritySpec { projects: projects(), ..AuthoritySpec::default() };
    let authority = Authority::new(spec, None, Counting::at_once(), clock).unwrap();
    let request = MintRequest::parse(br#"{"user_id":"u_42"}"#).unwrap();
    let denial = authority.mint(&ci(), &request).map(drop).unwrap_err();
    assert_eq!(denial.kind, Kind::Unavailable);
    assert!(denial.retry_after.is_some());
}

#[test]
fn a_full_offload_is_busy_and_nothing_is_signed_in_place() {
    let request = MintRequest::parse(br#"{"user_id":"u_42"}"#).unwrap();
    let minter = Minter::new(&OWN, ISSUER.into());
    let now = std::time::Duration::from_secs(NOW);
    let projects = Projects::new(projects());
    let unsigned = minter.mint(&ci(), &request, &projects, now).unwrap();
    let full = Counting::full();
    assert_eq!(block_on(minter.minted(&*full, unsigned)).map(drop), Err(Busy));
}
