//! Kill switches: whom the gateway no longer serves, whatever their credential says.

use behest_contract::denial::{Denial, Kind, Verdict};
use behest_contract::facts::Principal;
use std::collections::HashSet;
use std::sync::Arc;

/// Whom a switch is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everybody.
    Global,
    /// A tenant.
    Tenant,
    /// A project.
    Project,
    /// An end user.
    User,
    /// An API key and the tokens that it minted, or the key that signed a token.
    Key,
}

impl Scope {
    /// The scope that a word names.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "global" => Some(Self::Global),
            "tenant" => Some(Self::Tenant),
            "project" => Some(Self::Project),
            "user" => Some(Self::User),
            "key" => Some(Self::Key),
            _ => None,
        }
    }

    /// The scope's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Tenant => "tenant",
            Self::Project => "project",
            Self::User => "user",
            Self::Key => "key",
        }
    }
}

/// A switch that is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// Whom it is for.
    pub scope: Scope,
    /// Which of them. A user is named alone, which means in every project, or as `project/user`; where
    /// everybody is meant it says nothing.
    pub id: Arc<str>,
}

/// All switches that are on, ready to be asked. Without any, asking costs a few comparisons.
#[derive(Debug, Default)]
pub struct Switches {
    global: bool,
    tenants: HashSet<Arc<str>>,
    projects: HashSet<Arc<str>>,
    users: HashSet<Arc<str>>,
    keys: HashSet<Arc<str>>,
}

impl Switches {
    /// Compiles the switches that are on.
    pub fn new(switches: impl IntoIterator<Item = Switch>) -> Self {
        let mut compiled = Self::default();
        for Switch { scope, id } in switches {
            match scope {
                Scope::Global => compiled.global = true,
                Scope::Tenant => drop(compiled.tenants.insert(id)),
                Scope::Project => drop(compiled.projects.insert(id)),
                Scope::User => drop(compiled.users.insert(id)),
                Scope::Key => drop(compiled.keys.insert(id)),
            }
        }
        compiled
    }

    /// The widest switch that stops this caller.
    pub fn stops(&self, principal: &Principal) -> Option<Scope> {
        // Looking into an empty set costs no hash.
        if self.global {
            Some(Scope::Global)
        } else if self.tenants.contains(&principal.tenant) {
            Some(Scope::Tenant)
        } else if self.projects.contains(&principal.project) {
            Some(Scope::Project)
        } else if self.keys.contains(&principal.key) {
            Some(Scope::Key)
        } else if self.stops_user(&principal.project, principal.user.as_deref()) {
            Some(Scope::User)
        } else {
            None
        }
    }

    /// Whether a switch stops this end user of a project.
    pub fn stops_user(&self, project: &str, user: Option<&str>) -> bool {
        let Some(user) = user.filter(|_| !self.users.is_empty()) else { return false };
        self.users.contains(user) || self.users.contains(format!("{project}/{user}").as_str())
    }

    /// Whether a switch stops this key, whoever comes with it.
    pub fn stops_key(&self, key: &str) -> bool {
        self.keys.contains(key)
    }

    /// Refuses a caller whom a switch stops.
    pub fn check(&self, principal: &Principal) -> Verdict {
        self.stops(principal).map_or(Ok(()), |scope| Err(switched_off(scope)))
    }

    /// The same for a caller with a token that this key has signed.
    pub fn check_signed(&self, principal: &Principal, signer: &str) -> Verdict {
        self.check(principal)?;
        if self.stops_key(signer) { Err(switched_off(Scope::Key)) } else { Ok(()) }
    }
}

/// The refusal of a switch. It says of what kind it is, and not who else it is for.
pub(crate) fn switched_off(scope: Scope) -> Box<Denial> {
    let message = match scope {
        Scope::Global => "The gateway has been switched off.",
        Scope::Tenant => "The tenant has been switched off.",
        Scope::Project => "The project has been switched off.",
        Scope::User => "The end user has been switched off.",
        Scope::Key => "The credential has been switched off.",
    };
    Box::new(Denial::new(Kind::Forbidden, message))
}

#[cfg(test)]
mod tests {
    use super::{Scope, Switch, Switches};
    use behest_contract::denial::Kind;
    use behest_contract::facts::Principal;

    fn switches(on: &[(Scope, &str)]) -> Switches {
        Switches::new(on.iter().map(|(scope, id)| Switch { scope: *scope, id: (*id).into() }))
    }

    fn principal(user: Option<&str>) -> Principal {
        Principal {
            tenant: "acme".into(),
            project: "demo".into(),
            key: "own_1".into(),
            user: user.map(Box::from),
            tier: None,
            session: None,
        }
    }

    #[test]
    fn a_switch_stops_those_whom_it_names() {
        let cases = [
            (Scope::Global, ""),
            (Scope::Tenant, "acme"),
            (Scope::Project, "demo"),
            (Scope::User, "u1"),
            (Scope::User, "demo/u1"),
            (Scope::Key, "own_1"),
        ];
        for (scope, id) in cases {
            let on = switches(&[(scope, id)]);
            assert_eq!(on.stops(&principal(Some("u1"))), Some(scope), "{scope:?} {id}");
            let denial = on.check(&principal(Some("u1"))).unwrap_err();
            assert_eq!(denial.kind, Kind::Forbidden);
            assert!(denial.message.ends_with(" has been switched off."));
            assert!(!denial.message.contains("acme") && !denial.message.contains("u1"));
        }
    }

    #[test]
    fn a_switch_stops_nobody_else() {
        let cases = [
            (Scope::Tenant, "demo"),
            (Scope::Project, "acme"),
            (Scope::User, "u2"),
            (Scope::User, "other/u1"),
            (Scope::User, "demo"),
            (Scope::Key, "acme"),
            (Scope::Key, "own_"),
        ];
        let on = switches(&cases);
        assert_eq!(on.stops(&principal(Some("u1"))), None);
        assert_eq!(on.stops(&principal(None)), None, "a user's switch stops no call without one");
        assert!(Switches::default().check(&principal(Some("u1"))).is_ok());
    }

    #[test]
    fn the_widest_switch_is_told() {
        let on = switches(&[(Scope::User, "u1"), (Scope::Key, "own_1"), (Scope::Tenant, "acme")]);
        assert_eq!(on.stops(&principal(Some("u1"))), Some(Scope::Tenant));
        for scope in [Scope::Global, Scope::Tenant, Scope::Project, Scope::User, Scope::Key] {
            assert_eq!(Scope::parse(scope.word()), Some(scope));
        }
        assert_eq!(Scope::parse("Global"), None);
    }
}
