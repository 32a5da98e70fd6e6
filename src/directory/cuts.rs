//! Whose running requests must end.

use super::Objects;
use super::objects::Scope;
use behest_contract::facts::Principal;
use std::collections::HashMap;
use std::time::Duration;

/// Whoever was revoked together with what they have running. A request that begins afterwards is not
/// meant: whether it may begin is another question.
#[derive(Debug, Default)]
pub struct Cuts {
    /// When, in Unix time; `None` for as long as a switch is on.
    by_victim: HashMap<(&'static str, Box<str>), Option<Duration>>,
}

impl Cuts {
    /// What the objects say.
    pub fn new(objects: &Objects) -> Self {
        let mut by_victim = HashMap::new();
        for cut in objects.cuts.iter() {
            let at = Duration::try_from(cut.at.duration_since(jiff::Timestamp::UNIX_EPOCH)).ok();
            by_victim.insert((cut.scope.word(), cut.id.as_str().into()), at);
        }
        for switch in objects.switches.iter().filter(|switch| switch.end_streams) {
            by_victim.insert((switch.scope.word(), switch.id.as_str().into()), None);
        }
        Self { by_victim }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_victim.is_empty()
    }

    /// Whether a request of this principal that began at this time must end.
    /// `signer` is the `kid` of the key that signed its token, if it has one.
    pub fn end(&self, who: &Principal, signer: Option<&str>, began: Duration) -> bool {
        let is_cut = |scope: Scope, id: &str| {
            let cut = self.by_victim.get(&(scope.word(), Box::from(id)));
            cut.is_some_and(|at| at.is_none_or(|at| began <= at))
        };
        let user = who.user.as_deref().is_some_and(|user| {
            is_cut(Scope::User, user) || is_cut(Scope::User, &format!("{}/{user}", who.project))
        });
        user || is_cut(Scope::Global, "")
            || is_cut(Scope::Tenant, &who.tenant)
            || is_cut(Scope::Project, &who.project)
            || is_cut(Scope::Key, &who.key)
            || signer.is_some_and(|signer| is_cut(Scope::Key, signer))
    }
}

#[cfg(test)]
mod tests {
    use super::Cuts;
    use crate::directory::Draft;
    use crate::directory::{CutObject, Objects, Scope, SwitchObject};
    use behest_contract::directory::{Expect, Record, Revision};
    use behest_contract::facts::Principal;
    use jiff::Timestamp;
    use std::time::Duration;

    fn objects(draft: Draft) -> Objects {
        let records = draft.into_changes().into_iter().map(|change| Record {
            key: change.key,
            revision: Revision(1),
            body: change.body,
        });
        Objects::default().with(&records.collect::<Vec<_>>())
    }

    fn who(user: &str) -> Principal {
        Principal {
            tenant: "acme".into(),
            project: "demo".into(),
            key: "key_1".into(),
            user: Some(user.into()),
            tier: None,
            session: None,
        }
    }

    #[test]
    fn a_revoked_key_ends_what_had_begun() {
        let at = Timestamp::from_second(1000).unwrap();
        let cut = CutObject { scope: Scope::Key, id: "key_1".to_owned(), at };
        let cuts = Cuts::new(&objects(Draft::default().put(&cut, Expect::Anything)));
        assert!(cuts.end(&who("u"), None, Duration::from_secs(999)));
        assert!(!cuts.end(&who("u"), None, Duration::from_secs(1001)));
        let other = Principal { key: "key_2".into(), ..who("u") };
        assert!(!cuts.end(&other, Some("own_1"), Duration::from_secs(999)));
        assert!(cuts.end(&other, Some("key_1"), Duration::from_secs(999)), "what it signed");
    }

    #[test]
    fn a_switch_ends_what_runs_where_it_says_so() {
        for (id, end_streams, ends) in
            [("u", true, true), ("demo/u", true, true), ("u", false, false), ("x", true, false)]
        {
            let switch = SwitchObject {
                scope: Scope::User,
                id: id.to_owned(),
                end_streams,
                reason: None,
                created_at: Timestamp::UNIX_EPOCH,
            };
            let cuts = Cuts::new(&objects(Draft::default().put(&switch, Expect::Anything)));
            assert_eq!(cuts.end(&who("u"), None, Duration::from_secs(5)), ends, "{id}");
        }
    }
}
