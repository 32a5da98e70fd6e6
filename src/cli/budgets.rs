//! The options that say what a project, its end users and its sessions may use.

use super::call::Members;
use clap::Args;
use serde_json::{Number, Value, json};

/// What takes a limit away.
const NONE: &str = "none";

/// Limits, by the names that they have in the file. `none` takes one away.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits; `none` takes one away")]
pub(super) struct Budgets {
    /// Requests per minute.
    #[arg(long, visible_alias = "rpm", value_name = "N", value_parser = whole)]
    requests_per_minute: Option<Value>,
    /// Requests per end user and minute, where no tier says otherwise.
    #[arg(long, value_name = "N", value_parser = whole)]
    user_requests_per_minute: Option<Value>,
    /// Requests at the same time.
    #[arg(long, value_name = "N", value_parser = whole)]
    max_in_flight: Option<Value>,
    /// Tokens per UTC day.
    #[arg(long, value_name = "N", value_parser = whole)]
    tokens_per_day: Option<Value>,
    /// Tokens per calendar month (UTC).
    #[arg(long, value_name = "N", value_parser = whole)]
    tokens_per_month: Option<Value>,
    /// US dollars per UTC day.
    #[arg(long, value_name = "USD", value_parser = dollars)]
    usd_per_day: Option<Value>,
    /// US dollars per calendar month (UTC).
    #[arg(long, value_name = "USD", value_parser = dollars)]
    usd_per_month: Option<Value>,
    /// Requests of each end user per UTC day.
    #[arg(long, value_name = "N", value_parser = whole)]
    user_requests_per_day: Option<Value>,
    /// Tokens of each end user per minute.
    #[arg(long, value_name = "N", value_parser = whole)]
    user_tokens_per_minute: Option<Value>,
    /// Tokens of each end user per UTC day.
    #[arg(long, value_name = "N", value_parser = whole)]
    user_tokens_per_day: Option<Value>,
    /// Tokens of each end user per calendar month (UTC).
    #[arg(long, value_name = "N", value_parser = whole)]
    user_tokens_per_month: Option<Value>,
    /// US dollars of each end user per UTC day.
    #[arg(long, value_name = "USD", value_parser = dollars)]
    user_usd_per_day: Option<Value>,
    /// US dollars of each end user per calendar month (UTC).
    #[arg(long, value_name = "USD", value_parser = dollars)]
    user_usd_per_month: Option<Value>,
    /// Requests of each end user at the same time.
    #[arg(long, value_name = "N", value_parser = whole)]
    user_max_in_flight: Option<Value>,
    /// Tokens of each session, over its whole life.
    #[arg(long, value_name = "N", value_parser = whole)]
    session_tokens: Option<Value>,
    /// US dollars of each session, over its whole life.
    #[arg(long, value_name = "USD", value_parser = dollars)]
    session_usd: Option<Value>,
}

impl Budgets {
    /// These over what was said before.
    pub(super) fn over(&self, mut members: Members) -> Result<Members, String> {
        for (section, name, limit) in self.all() {
            let Some(limit) = limit else { continue };
            let limits = members.0.entry(section).or_insert_with(|| json!({}));
            let limits = limits.as_object_mut();
            let limits = limits.ok_or_else(|| format!("{section} must be an object"))?;
            limits.insert(name.to_owned(), limit.clone());
        }
        Ok(members)
    }

    /// Where each stands in a project's settings.
    fn all(&self) -> [(&'static str, &'static str, &Option<Value>); 16] {
        let (project, user, session) = ("limits", "user_limits", "session_limits");
        [
            (project, "requests_per_minute", &self.requests_per_minute),
            (project, "user_requests_per_minute", &self.user_requests_per_minute),
            (project, "max_in_flight", &self.max_in_flight),
            (project, "tokens_per_day", &self.tokens_per_day),
            (project, "tokens_per_month", &self.tokens_per_month),
            (project, "usd_per_day", &self.usd_per_day),
            (project, "usd_per_month", &self.usd_per_month),
            (user, "requests_per_day", &self.user_requests_per_day),
            (user, "tokens_per_minute", &self.user_tokens_per_minute),
            (user, "tokens_per_day", &self.user_tokens_per_day),
            (user, "tokens_per_month", &self.user_tokens_per_month),
            (user, "usd_per_day", &self.user_usd_per_day),
            (user, "usd_per_month", &self.user_usd_per_month),
            (user, "max_in_flight", &self.user_max_in_flight),
            (session, "tokens", &self.session_tokens),
            (session, "usd", &self.session_usd),
        ]
    }
}

fn whole(text: &str) -> Result<Value, String> {
    limit(text, |text| Some(text.parse::<u64>().ok()?.into()), "a whole number")
}

fn dollars(text: &str) -> Result<Value, String> {
    limit(text, |text| Some(Value::Number(text.parse::<Number>().ok()?)), "a number of dollars")
}

fn limit(
    text: &str,
    read: impl FnOnce(&str) -> Option<Value>,
    what: &str,
) -> Result<Value, String> {
    let limit = if text == NONE { Some(Value::Null) } else { read(text) };
    limit.ok_or_else(|| format!("write {what}, or {NONE}"))
}

#[cfg(test)]
mod tests {
    use crate::cli::administer::tests::call;
    use crate::config::{Config, Project};
    use serde_json::{Value, json};

    #[test]
    fn every_limit_of_a_project_has_an_option() {
        let line = "project update p --requests-per-minute 1 --user-requests-per-minute 2 \
                    --max-in-flight 3 --tokens-per-day 4 --tokens-per-month 5 --usd-per-day 6.5 \
                    --usd-per-month 7 --user-requests-per-day 8 --user-tokens-per-minute 9 \
                    --user-tokens-per-day 10 --user-tokens-per-month 11 --user-usd-per-day 12 \
                    --user-usd-per-month 13 --user-max-in-flight 14 --session-tokens 15 \
                    --session-usd 16 --default-tier pro";
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut body = call(&line).unwrap().body.unwrap();
        assert_eq!(body["limits"]["usd_per_day"], 6.5);
        assert_eq!(body["default_tier"], "pro");
        // The project that the file would have by these: what it tells again is all that was said.
        body["id"] = json!("p");
        let project = Project::checked(body.clone(), &Config::default()).unwrap();
        let told = serde_json::to_value(&project).unwrap();
        let number = |value: &Value| value.as_f64().unwrap();
        for (section, count) in [("limits", 7), ("user_limits", 7), ("session_limits", 2)] {
            let said = body[section].as_object().unwrap();
            assert_eq!(said.len(), count, "{section}");
            assert_eq!(told[section].as_object().unwrap().len(), count, "{section}");
            for (name, value) in said {
                assert_eq!(number(&told[section][name]), number(value), "{section}.{name}");
            }
        }
    }

    #[test]
    fn none_takes_a_limit_away_and_nonsense_is_refused() {
        let body = call("project update p --rpm none --session-usd none").unwrap().body;
        let wanted = json!({
            "limits": { "requests_per_minute": null }, "session_limits": { "usd": null } });
        assert_eq!(body, Some(wanted));
        for wrong in ["--tokens-per-day 1.5", "--tokens-per-day -1", "--usd-per-day much"] {
            assert!(call(&format!("project update p {wrong}")).is_err(), "{wrong}");
        }
    }
}
