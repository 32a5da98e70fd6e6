//! Who asks.

use crate::layer::Scope;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::sync::Arc;

/// Who asks, and under which name it is booked.
#[derive(Debug, Clone, Copy)]
pub struct Party<'a> {
    /// The tenant, whose counters lie together.
    pub tenant: &'a Arc<str>,
    /// The project's id, unique over all tenants.
    pub project: &'a Arc<str>,
    /// The end user, where one is named. Without one, the layers for end users are not asked.
    pub user: Option<&'a str>,
    /// The end user's tier.
    pub tier: Option<&'a str>,
    /// The session.
    pub session: &'a str,
    /// The API key's public id, or the `kid` of the token's key.
    pub key: &'a Arc<str>,
}

/// The names of a party's counters; see [`behest_contract::purse::Ask::subjects`].
pub(crate) type Subjects = SmallVec<[Arc<str>; 3]>;

impl Party<'_> {
    pub(crate) fn subjects(&self) -> Subjects {
        let project = self.project;
        let user = self.user.map_or(Cow::Borrowed(""), one_part);
        let mut subjects = Subjects::new();
        subjects.push(["p:", project].concat().into());
        subjects.push(["u:", project, "/", &user].concat().into());
        subjects.push(["s:", project, "/", &user, "/", self.session].concat().into());
        subjects
    }
}

impl Scope {
    /// Where [`Party::subjects`] has whose counter it is.
    pub(crate) const fn subject(self) -> u8 {
        match self {
            Self::Project => 0,
            Self::User => 1,
            Self::Session => 2,
        }
    }
}

/// A name without slashes, so that user `a` with session `b/c` is not user `a/b` with session `c`. A
/// project's id has none.
fn one_part(name: &str) -> Cow<'_, str> {
    if name.contains(['/', '%']) {
        return name.replace('%', "%25").replace('/', "%2F").into();
    }
    name.into()
}

#[cfg(test)]
mod tests {
    use super::Party;

    fn subjects(user: Option<&str>, session: &str) -> Vec<String> {
        let (tenant, project, key) = ("t".into(), "demo".into(), "k".into());
        let party =
            Party { tenant: &tenant, project: &project, user, tier: None, session, key: &key };
        party.subjects().iter().map(|subject| subject.to_string()).collect()
    }

    #[test]
    fn each_counter_has_a_name() {
        assert_eq!(subjects(Some("ann"), "s1"), ["p:demo", "u:demo/ann", "s:demo/ann/s1"]);
        assert_eq!(subjects(None, "default"), ["p:demo", "u:demo/", "s:demo//default"]);
    }

    #[test]
    fn no_two_sessions_share_a_name() {
        let names = [
            subjects(Some("a"), "b/c"),
            subjects(Some("a/b"), "c"),
            subjects(Some("a%2Fb"), "c"),
            subjects(Some("a%252Fb"), "c"),
            subjects(None, "a/b/c"),
        ];
        let mut names: Vec<_> = names.iter().map(|subjects| &subjects[2]).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 5);
    }
}
