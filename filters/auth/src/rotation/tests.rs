use super::{RotationPolicy, Step, by_command, carry_out, plan, revoke};
use crate::jwks::Jwks;
use crate::mint::{MintRequest, Minter};
use crate::own_key::{KeyLife, KeyState, OwnKey};
use crate::project::Projects;
use crate::project::tests::projects;
use crate::token::tests::{ISSUER, NOW, OWN};
use crate::token::{Tokens, TokensSpec};
use behest_contract::clock::Clock;
use behest_contract::testing::ManualClock;
use std::sync::Arc;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

/// The gateway of a test: its keys, and what it makes of them.
struct Gateway {
    keys: Vec<OwnKey>,
    clock: ManualClock,
    policy: RotationPolicy,
}

impl Gateway {
    fn new(policy: RotationPolicy) -> Self {
        Self { keys: Vec::new(), clock: ManualClock::at(NOW), policy }
    }

    fn lives(&self) -> Vec<KeyLife> {
        self.keys.iter().map(|key| key.life().clone()).collect()
    }

    /// What the host does each minute.
    fn tick(&mut self) -> Vec<Step> {
        let steps = plan(&self.lives(), self.clock.unix(), &self.policy);
        self.take(&steps);
        steps
    }

    fn take(&mut self, steps: &[Step]) {
        self.keys = carry_out(&self.keys, steps, self.clock.unix()).unwrap();
    }

    fn tokens(&self) -> Tokens {
        let spec = TokensSpec {
            issuer: ISSUER.into(),
            own_keys: self.keys.clone(),
            tenant_keys: Vec::new(),
            user_epochs: Vec::new(),
        };
        let projects = Arc::new(Projects::new(projects()));
        Tokens::new(spec, projects, Arc::new(self.clock.clone()))
    }

    fn mint(&self) -> String {
        let lives = self.lives();
        let active = super::newest_active(&lives).unwrap();
        let active = self.keys.iter().find(|key| key.life().kid == active.kid).unwrap();
        let request = MintRequest::parse(br#"{"user_id":"u_42","ttl":86400}"#).unwrap();
        let projects = Projects::new(projects());
        let unsigned = Minter::new(active, ISSUER.into())
            .mint(&crate::api_key::tests::ci(), &request, &projects, self.clock.unix())
            .unwrap();
        unsigned.sign().unwrap().jwt.expose().to_owned()
    }

    fn published(&self) -> String {
        String::from_utf8(Jwks::new(&self.keys, &[]).document(None).body.to_vec()).unwrap()
    }

    fn in_state(&self, state: KeyState) -> Vec<Arc<str>> {
        let keys = self.keys.iter().filter(|key| key.life().state == state);
        keys.map(|key| key.life().kid.clone()).collect()
    }
}

/// A key's life without a key.
fn life(kid: &str, state: KeyState, created: u64, activated: u64, retired: u64) -> KeyLife {
    let at = |second| (second > 0).then(|| Duration::from_secs(second));
    let created_at = Duration::from_secs(created);
    let (activated_at, retired_at) = (at(activated), at(retired));
    KeyLife { kid: kid.into(), state, created_at, activated_at, retired_at }
}

fn planned(keys: &[KeyLife], now: u64) -> Vec<Step> {
    plan(keys, Duration::from_secs(now), &RotationPolicy::default())
}

#[test]
fn at_the_first_start_there_is_an_active_key_and_a_next_one() {
    let mut gateway = Gateway::new(RotationPolicy::default());
    assert_eq!(gateway.tick(), [Step::Generate(KeyState::Active), Step::Generate(KeyState::Next)]);
    assert_eq!(gateway.in_state(KeyState::Active).len(), 1);
    assert_eq!(gateway.in_state(KeyState::Next).len(), 1);
    assert_eq!(gateway.tick(), [], "and then all is well");
    assert!(gateway.tokens().verify(&gateway.mint()).is_ok());
}

#[test]
fn no_valid_token_is_refused_over_ten_rotations() {
    // Two turns a day, so that keys of several turns are passive at a time.
    let every = Duration::from_hours(12);
    let mut gateway = Gateway::new(RotationPolicy { every, ..RotationPolicy::default() });
    gateway.tick();
    let mut minted: Vec<(Duration, String)> = Vec::new();
    let mut signers = std::collections::HashSet::new();
    let step = Duration::from_hours(1);
    while signers.len() < 11 {
        signers.insert(gateway.in_state(KeyState::Active));
        minted.push((gateway.clock.unix(), gateway.mint()));
        gateway.clock.advance(step);
        gateway.tick();
        let (tokens, now) = (gateway.tokens(), gateway.clock.unix());
        for (at, token) in &minted {
            let lives = now < *at + Duration::from_secs(86_400 + 30);
            assert_eq!(tokens.verify(token).is_ok(), lives, "minted at {at:?}, asked at {now:?}");
        }
        assert!(gateway.keys.len() <= 5, "what is no longer needed is dropped");
        assert_eq!(gateway.in_state(KeyState::Active).len(), 1);
        assert_eq!(gateway.in_state(KeyState::Next).len(), 1);
    }
}

#[test]
fn who_has_cached_the_key_set_for_ten_minutes_knows_every_key_that_signs() {
    let every = Duration::from_mins(15);
    let mut gateway = Gateway::new(RotationPolicy { every, ..RotationPolicy::default() });
    gateway.tick();
    let mut published = vec![gateway.published(); 10];
    for _ in 0..60 {
        published.push(gateway.published());
        let cached = &published[published.len() - 10];
        let active = &gateway.in_state(KeyState::Active)[0];
        assert!(cached.contains(&**active));
        gateway.clock.advance(MINUTE);
        gateway.tick();
    }
}

#[test]
fn a_turn_comes_when_it_is_due_and_the_next_key_has_been_published_for_long_enough() {
    let active = life("own_a", KeyState::Active, 1, 1_000, 0);
    let due = 1_000 + 30 * 86_400;
    let keys = |created| vec![active.clone(), life("own_n", KeyState::Next, created, 0, 0)];
    assert_eq!(planned(&keys(1), due - 1), []);
    let turn = [Step::Promote("own_n".into()), Step::Generate(KeyState::Next)];
    assert_eq!(planned(&keys(1), due), turn);
    assert_eq!(planned(&keys(due - 599), due), []);
    assert_eq!(planned(&keys(due - 600), due), turn);
    assert_eq!(planned(&[active], due), [Step::Generate(KeyState::Next)], "there is none yet");
}

#[test]
fn without_an_active_key_the_next_one_does_not_wait() {
    let next = life("own_n", KeyState::Next, 100, 0, 0);
    let turn = [Step::Promote("own_n".into()), Step::Generate(KeyState::Next)];
    assert_eq!(planned(&[next], 101), turn);
}

#[test]
fn a_passive_key_is_dropped_after_the_longest_life_of_a_token() {
    let keys = [
        life("own_a", KeyState::Active, 1, 1_000, 0),
        life("own_n", KeyState::Next, 1, 0, 0),
        life("own_p", KeyState::Passive, 1, 1, 1_000),
        life("own_r", KeyState::Revoked, 1, 1, 2_000),
    ];
    let over = 1_000 + 86_400 + 30;
    assert_eq!(planned(&keys, over), []);
    assert_eq!(planned(&keys, over + 1), [Step::Drop("own_p".into())]);
    let both = [Step::Drop("own_p".into()), Step::Drop("own_r".into())];
    assert_eq!(planned(&keys, over + 1_001), both);
}

#[test]
fn by_command_keys_take_turns_at_once() {
    let mut gateway = Gateway::new(RotationPolicy::default());
    gateway.tick();
    let (before, token) = (gateway.in_state(KeyState::Next), gateway.mint());
    gateway.take(&by_command(&gateway.lives()));
    assert_eq!(gateway.in_state(KeyState::Active), before);
    assert_eq!(gateway.in_state(KeyState::Passive).len(), 1);
    assert_eq!(gateway.in_state(KeyState::Next).len(), 1);
    assert!(gateway.tokens().verify(&token).is_ok(), "what was signed before is still good");
    assert!(gateway.tokens().verify(&gateway.mint()).is_ok());
}

#[test]
fn a_revoked_key_is_refused_at_once_and_another_one_signs() {
    let mut gateway = Gateway::new(RotationPolicy::default());
    gateway.tick();
    let (token, active) = (gateway.mint(), gateway.in_state(KeyState::Active)[0].clone());
    assert!(gateway.tokens().verify(&token).is_ok());
    gateway.take(&revoke(&gateway.lives(), &active));
    assert!(gateway.tokens().verify(&token).is_err());
    assert!(!gateway.published().contains(&*active));
    assert!(gateway.tokens().verify(&gateway.mint()).is_ok());
    assert_eq!(*gateway.in_state(KeyState::Revoked), *std::slice::from_ref(&active));
    assert_eq!(revoke(&gateway.lives(), &active), [], "twice is once");
    assert_eq!(revoke(&gateway.lives(), "own_unknown"), []);

    let next = gateway.in_state(KeyState::Next)[0].clone();
    gateway.take(&revoke(&gateway.lives(), &next));
    assert_eq!(gateway.in_state(KeyState::Next).len(), 1, "there is always one that waits");
    assert!(gateway.in_state(KeyState::Revoked).contains(&next));
}

#[test]
fn of_two_active_keys_the_later_one_signs() {
    let keys = [
        life("own_b", KeyState::Active, 1, 1_000, 0),
        life("own_a", KeyState::Active, 1, 1_001, 0),
    ];
    assert_eq!(super::newest_active(&keys).map(|key| &*key.kid), Some("own_a"));
    let both: Vec<_> = keys.iter().map(|life| OWN.with_life(life.clone())).collect();
    let next = OWN.with_life(life("own_n", KeyState::Next, 1, 0, 0));
    let all = [both, vec![next]].concat();
    let now = Duration::from_secs(2_000);
    let after = carry_out(&all, &[Step::Promote("own_n".into())], now).unwrap();
    let states: Vec<_> = after.iter().map(|key| key.life().state).collect();
    assert_eq!(states, [KeyState::Passive, KeyState::Passive, KeyState::Active]);
}
