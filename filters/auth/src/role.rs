//! What a caller is to its project.

/// A role, as API keys and minted tokens have it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Role {
    /// An end user.
    #[default]
    User,
    /// The platform's own dashboard.
    DashboardService,
    /// An administrator of the project.
    Admin,
}

impl Role {
    /// The role that a word names. `regular` is what older clients call a user.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "user" | "regular" => Some(Self::User),
            "dashboard-service" => Some(Self::DashboardService),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }

    /// The role's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::DashboardService => "dashboard-service",
            Self::Admin => "admin",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Role;

    #[test]
    fn a_word_names_one_role_and_regular_is_a_user() {
        for role in [Role::User, Role::DashboardService, Role::Admin] {
            assert_eq!(Role::parse(role.word()), Some(role));
        }
        assert_eq!(Role::parse("regular"), Some(Role::User));
        for word in ["", "User", "ADMIN", "root", "admin "] {
            assert_eq!(Role::parse(word), None, "{word}");
        }
    }
}
