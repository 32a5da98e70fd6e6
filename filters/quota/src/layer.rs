//! The layers of limits, by name.

use behest_contract::purse::{Measure, Window};

/// One of the limits that a request must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer {
    /// Requests per client address and minute.
    Ip,
    /// Minted tokens per API key and minute.
    Mint,
    /// Requests per project and minute.
    Project,
    /// A project's requests in flight.
    ProjectConcurrency,
    /// Requests per end user and minute.
    User,
    /// An end user's requests in flight.
    UserConcurrency,
    /// Requests per end user and day.
    UserRequestsDay,
    /// Tokens per end user and minute.
    UserTokensMinute,
    /// Tokens per end user and day.
    UserTokensDay,
    /// Tokens per end user and month.
    UserTokensMonth,
    /// Money per end user and day.
    UserUsdDay,
    /// Money per end user and month.
    UserUsdMonth,
    /// Tokens per project and day.
    ProjectTokensDay,
    /// Tokens per project and month.
    ProjectTokensMonth,
    /// Money per project and day.
    ProjectUsdDay,
    /// Money per project and month.
    ProjectUsdMonth,
    /// Tokens of a session.
    SessionTokens,
    /// Money of a session.
    SessionUsd,
}

/// Whose counter a layer asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Project,
    User,
    Session,
}

/// What a layer's refusal is called (CONTRACT 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Waiting helps.
    Rate,
    /// The end user has used up what is theirs.
    Quota,
    /// Somebody's tokens or money are used up.
    Budget,
}

impl Layer {
    /// Every layer, in the order of refusal (CONTRACT 7).
    pub const ALL: [Self; 18] = [
        Self::Ip,
        Self::Mint,
        Self::Project,
        Self::ProjectConcurrency,
        Self::User,
        Self::UserConcurrency,
        Self::UserRequestsDay,
        Self::UserTokensMinute,
        Self::UserTokensDay,
        Self::UserTokensMonth,
        Self::UserUsdDay,
        Self::UserUsdMonth,
        Self::ProjectTokensDay,
        Self::ProjectTokensMonth,
        Self::ProjectUsdDay,
        Self::ProjectUsdMonth,
        Self::SessionTokens,
        Self::SessionUsd,
    ];

    /// The layer's name in `details.layer` and in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            // A key that mints acts for its project, and the words are a closed set.
            Self::Project | Self::Mint => "project",
            Self::ProjectConcurrency => "project_concurrency",
            Self::User => "user",
            Self::UserConcurrency => "user_concurrency",
            Self::UserRequestsDay => "user_requests_day",
            Self::UserTokensMinute => "user_tokens_minute",
            Self::UserTokensDay => "user_tokens_day",
            Self::UserTokensMonth => "user_tokens_month",
            Self::UserUsdDay => "user_usd_day",
            Self::UserUsdMonth => "user_usd_month",
            Self::ProjectTokensDay => "project_tokens_day",
            Self::ProjectTokensMonth => "project_tokens_month",
            Self::ProjectUsdDay => "project_usd_day",
            Self::ProjectUsdMonth => "project_usd_month",
            Self::SessionTokens => "session_tokens",
            Self::SessionUsd => "session_usd",
        }
    }

    pub(crate) const fn scope(self) -> Scope {
        match self {
            Self::Ip
            | Self::Mint
            | Self::Project
            | Self::ProjectConcurrency
            | Self::ProjectTokensDay
            | Self::ProjectTokensMonth
            | Self::ProjectUsdDay
            | Self::ProjectUsdMonth => Scope::Project,
            Self::User
            | Self::UserConcurrency
            | Self::UserRequestsDay
            | Self::UserTokensMinute
            | Self::UserTokensDay
            | Self::UserTokensMonth
            | Self::UserUsdDay
            | Self::UserUsdMonth => Scope::User,
            Self::SessionTokens | Self::SessionUsd => Scope::Session,
        }
    }

    /// Whose counter it asks: `project`, `user` or `session`.
    pub const fn scope_label(self) -> &'static str {
        match self.scope() {
            Scope::Project => "project",
            Scope::User => "user",
            Scope::Session => "session",
        }
    }

    /// What it counts: `requests`, `tokens` or `usd`, whose numbers are micro-dollars.
    pub const fn unit(self) -> &'static str {
        match self.measure() {
            Measure::Requests | Measure::InFlight => "requests",
            Measure::Tokens => "tokens",
            Measure::MicroUsd => "usd",
        }
    }

    pub(crate) const fn measure(self) -> Measure {
        match self {
            Self::Ip | Self::Mint | Self::Project | Self::User | Self::UserRequestsDay => {
                Measure::Requests
            }
            Self::ProjectConcurrency | Self::UserConcurrency => Measure::InFlight,
            Self::UserTokensMinute
            | Self::UserTokensDay
            | Self::UserTokensMonth
            | Self::ProjectTokensDay
            | Self::ProjectTokensMonth
            | Self::SessionTokens => Measure::Tokens,
            Self::UserUsdDay
            | Self::UserUsdMonth
            | Self::ProjectUsdDay
            | Self::ProjectUsdMonth
            | Self::SessionUsd => Measure::MicroUsd,
        }
    }

    pub(crate) const fn window(self) -> Window {
        match self {
            Self::Ip | Self::Mint | Self::Project | Self::User | Self::UserTokensMinute => {
                Window::Minute
            }
            Self::UserRequestsDay
            | Self::UserTokensDay
            | Self::UserUsdDay
            | Self::ProjectTokensDay
            | Self::ProjectUsdDay => Window::Day,
            Self::UserTokensMonth
            | Self::UserUsdMonth
            | Self::ProjectTokensMonth
            | Self::ProjectUsdMonth => Window::Month,
            Self::ProjectConcurrency
            | Self::UserConcurrency
            | Self::SessionTokens
            | Self::SessionUsd => Window::Life,
        }
    }

    pub(crate) const fn class(self) -> Class {
        match (self.measure(), self.window(), self.scope()) {
            (Measure::MicroUsd, _, _) => Class::Budget,
            (Measure::InFlight, _, _) | (_, Window::Minute, _) => Class::Rate,
            (_, _, Scope::User) => Class::Quota,
            (_, _, Scope::Project | Scope::Session) => Class::Budget,
        }
    }

    /// Whether the provider must not be let write beyond what is reserved: all but end users' quotas.
    pub(crate) const fn is_hard(self) -> bool {
        matches!(self.class(), Class::Budget)
    }

    /// Who it is that has reached the limit.
    pub(crate) const fn whose(self) -> &'static str {
        match (self, self.scope()) {
            (Self::Ip, _) => "This address",
            (Self::Mint, _) => "This key",
            (_, Scope::Project) => "This project",
            (_, Scope::User) => "This end user",
            (_, Scope::Session) => "This session",
        }
    }

    /// What the limit is on.
    pub(crate) const fn what(self) -> &'static str {
        match (self.measure(), self.window()) {
            (Measure::Requests, Window::Minute) => "requests per minute",
            (Measure::Requests, Window::Day) => "requests per day",
            (Measure::Requests, Window::Month) => "requests per month",
            (Measure::Requests, Window::Life) => "requests",
            (Measure::InFlight, _) => "requests at the same time",
            (Measure::Tokens, Window::Minute) => "tokens per minute",
            (Measure::Tokens, Window::Day) => "tokens per day",
            (Measure::Tokens, Window::Month) => "tokens per month",
            (Measure::Tokens, Window::Life) => "tokens",
            (Measure::MicroUsd, Window::Minute) => "US dollars per minute",
            (Measure::MicroUsd, Window::Day) => "US dollars per day",
            (Measure::MicroUsd, Window::Month) => "US dollars per month",
            (Measure::MicroUsd, Window::Life) => "US dollars",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Class, Layer};

    #[test]
    fn the_words_are_those_of_the_contract_and_only_one_is_used_twice() {
        let mut words: Vec<_> = Layer::ALL.map(Layer::label).into();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Layer::ALL.len() - 1);
        let want = "ip project project_concurrency project_tokens_day project_tokens_month \
                    project_usd_day project_usd_month session_tokens session_usd user \
                    user_concurrency user_requests_day user_tokens_day user_tokens_minute \
                    user_tokens_month user_usd_day user_usd_month";
        assert_eq!(words.join(" "), want);
    }

    #[test]
    fn a_minute_is_waited_for_an_end_users_day_is_a_quota_and_the_rest_is_a_budget() {
        let of = |class| {
            let all = Layer::ALL.into_iter().filter(move |layer| layer.class() == class);
            all.map(Layer::label).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            of(Class::Rate),
            "ip project project project_concurrency user user_concurrency user_tokens_minute"
        );
        assert_eq!(of(Class::Quota), "user_requests_day user_tokens_day user_tokens_month");
        assert_eq!(
            of(Class::Budget),
            "user_usd_day user_usd_month project_tokens_day project_tokens_month project_usd_day \
             project_usd_month session_tokens session_usd"
        );
    }
}
