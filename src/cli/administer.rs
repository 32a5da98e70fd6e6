//! The commands that administer a running gateway over its admin API.

use super::audit::Audit;
use super::call::Call;
use super::client::{Client, Connection};
use super::events::Events;
use super::key::Key;
use super::limits::Limits;
use super::output;
use super::project::Project;
use super::provider_key::ProviderKey;
use super::serve::{eprint_lines, print_lines};
use super::signing_key::SigningKey;
use super::switch::Switch;
use super::tenant::Tenant;
use super::tier::Tier;
use super::token::Token;
use super::usage::Usage;
use super::user::User;
use clap::{Args, Subcommand};
use std::process::ExitCode;

/// What is administered.
#[derive(Debug, Subcommand)]
pub(super) enum Administer {
    /// Owners of projects.
    Tenant(Of<Tenant>),
    /// What requests act for.
    Project(Of<Project>),
    /// API keys of a project.
    Key(Of<Key>),
    /// A tenant's own keys for providers.
    ProviderKey(Of<ProviderKey>),
    /// Keys that tokens are signed with.
    SigningKey(Of<SigningKey>),
    /// Classes of end users.
    Tier(Of<Tier>),
    /// End users.
    User(Of<User>),
    /// Limits, and what is used of them.
    Limits(Of<Limits>),
    /// Tokens for trying things out.
    Token(Of<Token>),
    /// Kill switches.
    Switch(Of<Switch>),
    /// Tell what was used, by time.
    Usage(Asked<Usage>),
    /// Tell what the guardrails have found, newest first.
    Events(Asked<Events>),
    /// Tell who changed what, newest first.
    Audit(Asked<Audit>),
    /// Read the configuration file again.
    Reload(Asked<Reload>),
}

/// Something with commands of its own, and where it is.
#[derive(Debug, Args)]
pub(super) struct Of<C: Subcommand> {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: C,
}

/// A command, and where it is sent.
#[derive(Debug, Args)]
pub(super) struct Asked<C: Args> {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    command: C,
}

/// Read the configuration file again.
#[derive(Debug, Args)]
pub(super) struct Reload {}

/// A command that comes to one call of the API.
pub(super) trait Called {
    /// The call.
    fn call(&self) -> Result<Call, String>;
}

impl Called for Reload {
    fn call(&self) -> Result<Call, String> {
        Ok(Call::new("POST", &["reload"]))
    }
}

impl Administer {
    /// Does it.
    pub(super) fn run(&self) -> ExitCode {
        let (connection, called) = self.parts();
        match asked(connection, called) {
            Ok(text) => {
                if !text.is_empty() {
                    print_lines(&text);
                }
                ExitCode::SUCCESS
            }
            Err(message) => {
                eprint_lines(&message);
                ExitCode::FAILURE
            }
        }
    }

    fn parts(&self) -> (&Connection, &dyn Called) {
        match self {
            Self::Tenant(of) => (&of.connection, &of.command),
            Self::Project(of) => (&of.connection, &of.command),
            Self::Key(of) => (&of.connection, &of.command),
            Self::ProviderKey(of) => (&of.connection, &of.command),
            Self::SigningKey(of) => (&of.connection, &of.command),
            Self::Tier(of) => (&of.connection, &of.command),
            Self::User(of) => (&of.connection, &of.command),
            Self::Limits(of) => (&of.connection, &of.command),
            Self::Token(of) => (&of.connection, &of.command),
            Self::Switch(of) => (&of.connection, &of.command),
            Self::Usage(of) => (&of.connection, &of.command),
            Self::Events(of) => (&of.connection, &of.command),
            Self::Audit(of) => (&of.connection, &of.command),
            Self::Reload(of) => (&of.connection, &of.command),
        }
    }
}

/// The answer to a command's call, as text.
pub(super) fn asked(connection: &Connection, called: &dyn Called) -> Result<String, String> {
    let call = called.call()?;
    let answer = Client::new(connection)?.ask(&call)?;
    Ok(answer
        .map(|answer| output::told(&answer, connection.output, call.columns))
        .unwrap_or_default())
}

#[cfg(test)]
pub(super) mod tests {
    use super::Administer;
    use crate::cli::call::Call;
    use clap::{CommandFactory as _, Parser};
    use serde_json::{Value, json};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        administer: Administer,
    }

    /// The call that a command line comes to.
    pub(in crate::cli) fn call(line: &str) -> Result<Call, String> {
        let words = ["behest"].into_iter().chain(line.split(' '));
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        line.administer.parts().1.call()
    }

    #[test]
    fn the_commands_are_well_formed() {
        Line::command().debug_assert();
    }

    #[test]
    fn each_command_comes_to_one_call() {
        for (line, wanted, body) in [
            ("tenant list", "GET tenants", Value::Null),
            (
                "tenant create --id acme --name Acme",
                "POST tenants",
                json!({"id":"acme","name":"Acme"}),
            ),
            ("tenant show acme", "GET tenants/acme", Value::Null),
            ("tenant delete acme --admin http://h:1", "DELETE tenants/acme", Value::Null),
            ("project list --tenant acme", "GET projects?tenant=acme", Value::Null),
            ("project show p", "GET projects/p", Value::Null),
            ("project delete p", "DELETE projects/p", Value::Null),
            ("key list --project p", "GET projects/p/keys", Value::Null),
            (
                "key create --project p --end-user require --ttl 60",
                "POST projects/p/keys",
                json!({"end_user":"require","ttl":60}),
            ),
            ("key show --project p p/ci", "GET projects/p/keys/p%2Fci", Value::Null),
            (
                "key rotate --project p k --overlap 0",
                "POST projects/p/keys/k/rotate",
                json!({"overlap":0}),
            ),
            (
                "key revoke --project p k --end-streams",
                "DELETE projects/p/keys/k?end_streams=true",
                Value::Null,
            ),
            ("provider-key list --tenant t", "GET tenants/t/provider-keys", Value::Null),
            (
                "provider-key show --tenant t --provider x",
                "GET tenants/t/provider-keys/x",
                Value::Null,
            ),
            (
                "provider-key delete --tenant t --provider x",
                "DELETE tenants/t/provider-keys/x",
                Value::Null,
            ),
            ("signing-key list --own", "GET signing-keys", Value::Null),
            ("signing-key list --tenant t", "GET tenants/t/signing-keys", Value::Null),
            (
                "signing-key create --tenant t --kid k",
                "POST tenants/t/signing-keys",
                json!({"kid":"k"}),
            ),
            ("signing-key revoke --tenant t k", "DELETE tenants/t/signing-keys/k", Value::Null),
            ("signing-key revoke --own k", "DELETE signing-keys/k", Value::Null),
            ("signing-key rotate --own", "POST signing-keys/rotate", Value::Null),
            (
                "token mint --project p --user u --tier 2",
                "POST projects/p/tokens",
                json!({"user_id":"u","tier":2}),
            ),
            ("switch list", "GET kill-switches", Value::Null),
            (
                "switch on --scope global --end-streams",
                "POST kill-switches",
                json!({"scope":"global","end_streams":true}),
            ),
            (
                "switch off --scope user --id p/u",
                "DELETE kill-switches?scope=user&id=p%2Fu",
                Value::Null,
            ),
            ("tier list --project p", "GET projects/p/tiers", Value::Null),
            (
                "tier create --project p gold --tokens-per-day 9",
                "POST projects/p/tiers",
                json!({"tokens_per_day":9,"name":"gold"}),
            ),
            ("tier show --project p pro", "GET projects/p/tiers/pro", Value::Null),
            (
                "tier set --project p pro --requests-per-minute 5 --sort-order 7",
                "PUT projects/p/tiers/pro",
                json!({"sort_order":7,"requests_per_minute":5}),
            ),
            ("tier delete --project p pro", "DELETE projects/p/tiers/pro", Value::Null),
            ("tier resolved --project p 2", "GET projects/p/tiers/2/resolved", Value::Null),
            (
                "tier set --project p pro --json {\"pii\":{}} --rpm 5",
                "PUT projects/p/tiers/pro",
                json!({"pii":{},"requests_per_minute":5}),
            ),
            ("user erase --project p --user a/b", "DELETE projects/p/users/a%2Fb", Value::Null),
            ("user revoke --project p --user a/b", "POST projects/p/users/a%2Fb/revoke", json!({})),
            (
                "user revoke --project p --user u --end-streams",
                "POST projects/p/users/u/revoke",
                json!({"end_streams":true}),
            ),
            ("limits show --project p", "GET projects/p/limits", Value::Null),
            (
                "limits show --project p --user a+b --session s --tier 2",
                "GET projects/p/limits?user_id=a%2Bb&session_id=s&tier=2",
                Value::Null,
            ),
            ("usage", "GET usage", Value::Null),
            (
                "usage --project p --user u --group-by model --from 2030-01-01",
                "GET usage?group_by=model&user_id=u&project=p&from=2030-01-01",
                Value::Null,
            ),
            ("usage rows", "GET usage/rows", Value::Null),
            ("usage rows --project p --user u", "GET usage/rows?user_id=u&project=p", Value::Null),
            ("usage --user u rows", "GET usage/rows?user_id=u", Value::Null),
            (
                "usage --tenant t rows --format csv --to 2030-01-01",
                "GET usage/rows?format=csv&tenant=t&to=2030-01-01",
                Value::Null,
            ),
            ("events", "GET events?limit=100", Value::Null),
            (
                "events --project p --type pii_block --limit 5 --cursor x",
                "GET events?project=p&type=pii_block&limit=5&cursor=x",
                Value::Null,
            ),
            ("audit --limit 5", "GET audit?limit=5", Value::Null),
            ("reload", "POST reload", Value::Null),
        ] {
            let call = call(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(format!("{} {}", call.method, call.target()), wanted, "{line}");
            assert_eq!(call.body.unwrap_or_default(), body, "{line}");
        }
    }

    #[test]
    fn what_is_missing_or_contradicts_itself_is_refused() {
        for line in [
            "tenant show",
            "project create",
            "key create",
            "key create --project p --ttl 60 --expires-at 2030-01-01T00:00:00Z",
            "signing-key list",
            "signing-key list --own --tenant t",
            "signing-key rotate",
            "provider-key set --tenant t --provider x --key sk-1",
            "token mint --project p",
            "switch on",
            "tier show pro",
            "tier set --project p --tokens-per-day 1",
            "user erase --project p",
            "usage --group-by colour",
            "limits show --user u",
            "user revoke --user u",
            "usage rows --group-by model",
            "usage rows --format xml",
            "events --type other",
            "project update p --output yaml",
        ] {
            assert!(call(line).is_err(), "{line}");
        }
    }
}
