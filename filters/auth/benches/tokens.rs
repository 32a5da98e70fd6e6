//! What tokens and keys cost, each beside what it cannot be cheaper than, in one run:
//! `cargo bench -p behest-auth --bench tokens`, with the name of a section for that one alone.
//!
//! Ratios hold on a busy machine, times do not: the rounds of what is compared take turns, and the
//! fastest round of each counts.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement, run by hand")]

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use behest_auth::{
    Auth, AuthConfig, Authority, AuthoritySpec, EndUserRule, KeyRecord, KeyState, MintRequest,
    NewKey, OwnKey, ProjectRecord, Role, Tokens, TokensSpec,
};
use behest_contract::clock::{Clock, SystemClock};
use behest_contract::facts::{Endpoint, Facts, HostProject};
use behest_contract::filter::Filter;
use behest_contract::ports::{Busy, Job, Offload};
use futures::executor::block_on;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use pingora_http::RequestHeader;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

/// Many and short: on a busy machine some of them are left alone.
const ROUNDS: usize = 101;

/// Tokens that a round verifies.
const ROUND: usize = 40;

struct InPlace;

impl Offload for InPlace {
    fn run(&self, job: Job) -> Result<(), Busy> {
        job();
        Ok(())
    }
}

/// Everything that is measured is measured on this.
struct Bench {
    authority: Arc<Authority>,
    own: OwnKey,
    new: NewKey,
    key: Arc<KeyRecord>,
    request: MintRequest,
}

/// What one part of this measures and prints.
type Section = fn(&Bench);

fn main() {
    let bench = Bench::new();
    let sections: [(&str, Section); 5] = [
        ("minting", Bench::minting),
        ("verifying", Bench::verifying),
        ("remembered", Bench::remembered),
        ("filter", Bench::filter),
        ("rebuilding", Bench::rebuilding),
    ];
    // Cargo passes flags of its own.
    let wanted: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    for (name, section) in sections {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            section(&bench);
        }
    }
}

/// The fastest round of each, in nanoseconds a call.
fn fastest<const N: usize>(calls: u32, mut work: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut fastest = [f64::MAX; N];
    for _ in 0..ROUNDS {
        for (fastest, work) in fastest.iter_mut().zip(&mut work) {
            let from = SystemClock.now();
            for _ in 0..calls {
                work();
            }
            let took = SystemClock.now().duration_since(from).as_secs_f64();
            *fastest = fastest.min(took * 1e9 / f64::from(calls));
        }
    }
    fastest
}

fn told(what: &str, nanoseconds: f64) {
    println!("{what:<58} {:>9.2} µs", nanoseconds / 1e3);
}

fn record(new: &NewKey, id: &str) -> KeyRecord {
    KeyRecord {
        id: id.into(),
        tenant: "acme".into(),
        project: "demo".into(),
        lookup: new.lookup,
        phc: new.phc.clone(),
        end_user: EndUserRule::Allow,
        allow_on_chat: true,
        role: Role::User,
        expires_at: None,
    }
}

fn projects() -> Vec<ProjectRecord> {
    let (id, tenant) = ("demo".into(), "acme".into());
    vec![ProjectRecord { id, tenant, tiers: Vec::new(), default_tier: None }]
}

impl Bench {
    fn new() -> Self {
        let own = OwnKey::generate(KeyState::Active, SystemClock.unix()).unwrap();
        let new = NewKey::generate().unwrap();
        let key = Arc::new(record(&new, "demo/ci"));
        let spec = AuthoritySpec {
            api_keys: vec![key.clone()],
            projects: projects(),
            issuer: "https://api.behest.app".into(),
            own_keys: vec![own.clone()],
            ..AuthoritySpec::default()
        };
        let authority =
            Authority::new(spec, None, Arc::new(InPlace), Arc::new(SystemClock)).unwrap();
        block_on(authority.keys.authenticate(new.secret.expose()).settled()).unwrap();
        let request = MintRequest::parse(br#"{"user_id":"user_42","role":"user"}"#).unwrap();
        Self { authority: Arc::new(authority), own, new, key, request }
    }

    fn mint(&self) -> String {
        let (_, unsigned) = self.authority.mint(&self.key, &self.request).unwrap();
        unsigned.sign().unwrap().jwt.expose().to_owned()
    }

    fn tokens(&self) -> Tokens {
        let spec = TokensSpec {
            issuer: "https://api.behest.app".into(),
            own_keys: vec![self.own.clone()],
            tenant_keys: Vec::new(),
            user_epochs: Vec::new(),
        };
        Tokens::new(spec, self.authority.projects.clone(), Arc::new(SystemClock))
    }

    fn pair(&self) -> (RsaKeyPair, Vec<u8>) {
        let der = STANDARD.decode(self.own.private_half().expose()).unwrap();
        (RsaKeyPair::from_pkcs8(&der).unwrap(), der)
    }

    fn minting(&self) {
        let (pair, der) = self.pair();
        let signed = self.mint().rsplit_once('.').unwrap().0.to_owned();
        let mut signature = vec![0; 256];
        let random = SystemRandom::new();
        // PKCS#8 holds PKCS#1 after 26 bytes that say what it is.
        let library = EncodingKey::from_rsa_der(der.get(26..).unwrap());
        let [mint, raw, library] = fastest(
            20,
            [
                &mut || drop(black_box(self.mint())),
                &mut || {
                    pair.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature)
                        .unwrap();
                },
                &mut || {
                    drop(crypto::sign(signed.as_bytes(), &library, Algorithm::RS256).unwrap());
                },
            ],
        );
        told("mint, signature included", mint);
        told("raw RS256 signature, key parsed (aws-lc-rs)", raw);
        told("raw RS256 signature (jsonwebtoken)", library);
        println!(
            "  mint rate / raw rate: {:.3}, / jsonwebtoken's: {:.2}",
            raw / mint,
            library / mint
        );
    }

    fn verifying(&self) {
        let (pair, _) = self.pair();
        let minted: Vec<_> = (0..ROUNDS * ROUND).map(|_| self.mint()).collect();
        let parsed =
            ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref()).unwrap();
        let library = DecodingKey::from_rsa_der(pair.public_key().as_ref());
        let (signed, encoded) = minted.first().and_then(|token| token.rsplit_once('.')).unwrap();
        let signature = URL_SAFE_NO_PAD.decode(encoded).unwrap();
        let mut rounds = minted.chunks(ROUND);
        let tokens = self.tokens();
        let per_round = fastest(
            1,
            [
                // Others each time: nothing is recalled, and all is remembered.
                &mut || {
                    for token in rounds.next().unwrap_or_default() {
                        drop(black_box(tokens.verify(token).unwrap()));
                    }
                },
                &mut || {
                    for _ in 0..ROUND {
                        parsed.verify_sig(black_box(signed.as_bytes()), &signature).unwrap();
                    }
                },
                &mut || {
                    for _ in 0..ROUND {
                        let signed = black_box(signed.as_bytes());
                        crypto::verify(encoded, signed, &library, Algorithm::RS256).unwrap();
                    }
                },
            ],
        );
        let [ours, raw, library] = per_round.map(|nanoseconds| nanoseconds / ROUND as f64);
        told("verify a token for the first time", ours);
        told("raw RS256 verification, key parsed (aws-lc-rs)", raw);
        told("raw RS256 verification (jsonwebtoken)", library);
        println!("  verify / raw: {:.3}, / jsonwebtoken's: {:.3}", ours / raw, ours / library);
    }

    fn remembered(&self) {
        let (tokens, token) = (&self.authority.tokens, self.mint());
        let keys = &self.authority.keys;
        let [token, key, unknown] = fastest(
            1_000,
            [
                &mut || drop(black_box(tokens.verify(&token).unwrap())),
                &mut || drop(black_box(keys.authenticate(self.new.secret.expose()))),
                &mut || {
                    drop(black_box(keys.authenticate("behest_sk_live_unknown_unknown_unknown")))
                },
            ],
        );
        told("verify a token again", token);
        told("an API key that has been verified", key);
        told("an unknown API key", unknown);
    }

    fn filter(&self) {
        let auth = Auth::new(self.authority.clone());
        let token = format!("Bearer {}", self.mint());
        let key = format!("Bearer {}", self.new.secret.expose());
        let visit = |credential: &str| {
            let mut head = RequestHeader::build("POST", b"/v1/chat/completions", None).unwrap();
            for (name, value) in [
                ("Host", "amber-fox-042.behest.localhost"),
                ("Authorization", credential),
                ("Content-Type", "application/json"),
                ("Accept", "*/*"),
                ("User-Agent", "curl/8.7.1"),
                ("Content-Length", "120"),
            ] {
                head.append_header(name, value).unwrap();
            }
            let mut facts = Facts::default();
            facts.state(Endpoint::Chat);
            facts.state(HostProject(None));
            (head, facts)
        };
        let run = |credential: &str| {
            let (mut head, mut facts) = visit(credential);
            block_on(auth.enter().head(&mut head, &mut facts).verdict()).unwrap();
        };
        let [with_key, with_token, without] = fastest(
            1_000,
            [&mut || run(&key), &mut || run(&token), &mut || drop(black_box(visit(&key)))],
        );
        told("the room, with a key", with_key - without);
        told("the room, with a token that is known", with_token - without);
    }

    fn rebuilding(&self) {
        let new = |n: u32| {
            let mut lookup = self.new.lookup;
            lookup.iter_mut().zip(n.to_be_bytes()).for_each(|(byte, by)| *byte ^= by);
            let id = format!("demo/{n}");
            Arc::new(KeyRecord { lookup, ..record(&self.new, &id) })
        };
        let records: Vec<_> = (0..10_000).map(new).collect();
        let build = |previous: Option<&Authority>| {
            let spec = AuthoritySpec {
                api_keys: records.clone(),
                projects: projects(),
                own_keys: vec![self.own.clone()],
                config: AuthConfig {
                    verified_for: Duration::from_mins(1),
                    ..AuthConfig::default()
                },
                ..AuthoritySpec::default()
            };
            Authority::new(spec, previous, Arc::new(InPlace), Arc::new(SystemClock)).unwrap()
        };
        let first = build(None);
        let [anew, next] = fastest(
            1,
            [&mut || drop(black_box(build(None))), &mut || drop(black_box(build(Some(&first))))],
        );
        told("an authority of 10,000 keys, the first", anew);
        told("an authority of 10,000 keys, the next", next);
    }
}
