//! `behest project`

use super::administer::Called;
use super::budgets::Budgets;
use super::call::{Call, Members};
use super::further::Further;
use clap::{Args, Subcommand};

/// What to do with projects.
#[derive(Debug, Subcommand)]
pub(super) enum Project {
    /// Tell all projects.
    List {
        /// Only those of this tenant.
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Make one.
    Create {
        /// The tenant that owns it.
        #[arg(long)]
        tenant: String,
        /// The project's id; made up when it is not given.
        #[arg(long)]
        id: Option<String>,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Tell one.
    Show {
        /// The project's id.
        id: String,
    },
    /// Change what is said, and nothing else.
    Update {
        /// The project's id.
        id: String,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Delete one, and all of its keys.
    Delete {
        /// The project's id.
        id: String,
    },
}

/// Settings of a project. Those that have no option of their own are given as JSON.
#[derive(Debug, Args)]
pub(super) struct Settings {
    /// The host label that names it.
    #[arg(long)]
    slug: Option<String>,
    /// The model for requests that name none.
    #[arg(long)]
    model: Option<String>,
    /// The models that it may call, separated by commas.
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
    /// A browser origin that may call it; may be given several times.
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// Whether API keys are accepted for chat.
    #[arg(long, value_name = "true|false")]
    allow_key_on_chat: Option<bool>,
    /// Whether its keys and tokens are refused.
    #[arg(long, value_name = "true|false")]
    suspended: Option<bool>,
    /// The tier of end users that a key names.
    #[arg(long, value_name = "TIER")]
    default_tier: Option<String>,
    #[command(flatten)]
    further: Further,
    #[command(flatten)]
    budgets: Budgets,
}

impl Called for Project {
    fn call(&self) -> Result<Call, String> {
        Ok(match self {
            Self::List { tenant } => {
                let columns = &["id", "tenant", "slug", "model", "suspended", "declared"];
                Call::list(&["projects"], columns).query("tenant", tenant.as_ref())
            }
            Self::Create { tenant, id, settings } => {
                let body = settings.members()?.with("id", id.clone());
                Call::new("POST", &["projects"]).body(body.with("tenant", Some(tenant.clone())))
            }
            Self::Show { id } => Call::new("GET", &["projects", id]),
            Self::Update { id, settings } => {
                Call::new("PATCH", &["projects", id]).body(settings.members()?)
            }
            Self::Delete { id } => Call::new("DELETE", &["projects", id]),
        })
    }
}

impl Settings {
    /// What the object says, and over it what the options say.
    fn members(&self) -> Result<Members, String> {
        let members = self.budgets.over(self.further.members()?)?;
        let some = |list: &Vec<String>| Some(list.clone()).filter(|list| !list.is_empty());
        Ok(members
            .with("slug", self.slug.clone())
            .with("model", self.model.clone())
            .with("models", some(&self.models))
            .with("allowed_origins", some(&self.origins))
            .with("allow_key_on_chat", self.allow_key_on_chat)
            .with("suspended", self.suspended)
            .with("default_tier", self.default_tier.clone()))
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::administer::tests::call;
    use serde_json::json;

    #[test]
    fn options_stand_over_the_object() {
        let line = "project create --tenant t --id p --models a,b --origin https://x --origin https://y \
                    --rpm 5 --json {\"limits\":{\"requests_per_minute\":1,\"max_in_flight\":2},\"slug\":\"s\"}";
        let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            call(&words).unwrap().body,
            Some(json!({
                "limits": { "requests_per_minute": 5, "max_in_flight": 2 },
                "slug": "s",
                "models": ["a", "b"],
                "allowed_origins": ["https://x", "https://y"],
                "id": "p",
                "tenant": "t",
            }))
        );
    }

    #[test]
    fn an_update_is_a_merge_patch() {
        let call = call("project update p --suspended true --json {\"model\":null}").unwrap();
        assert_eq!((call.method, call.target().as_str()), ("PATCH", "projects/p"));
        assert_eq!(call.body, Some(json!({ "model": null, "suspended": true })));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for json in ["[]", "{", "1"] {
            assert!(call(&format!("project update p --json {json}")).is_err(), "{json}");
        }
        assert!(call("project update p --file /no/such/file").is_err());
    }
}
