//! A project that the admin API makes: the same shape and the same checks as in the file.

use serde_json::{Value, json};

use super::document::Problem;
use super::violations::Rules;
use super::{Config, Project, built, check, check_tenants, schema};

/// What is wrong with a project, and whether it is only not built yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The member, such as `limits.requests_per_minute`; empty for the project as a whole.
    pub member: String,
    /// What is wrong with it.
    pub message: String,
    /// It is right, but this version does not do it yet.
    pub is_unbuilt: bool,
}

/// Where the project stands in the document that it is checked in.
const PLACE: &str = "/tenants/0/projects/0";

impl Project {
    /// Reads a project as it would stand in a file beside this configuration, whose models it may
    /// name. Keys cannot be declared this way.
    pub fn checked(value: Value, beside: &Config) -> Result<Self, Vec<Flaw>> {
        let document = json!({ "tenants": [{ "id": "checked", "projects": [value] }] });
        let rules = Rules::new(schema::json_schema()).map_err(|message| vec![whole(message)])?;
        let violations = rules.violations(&document);
        let nulls = violations.empty.iter().map(|at| Problem::new(at, "has no value"));
        let problems: Vec<_> = nulls.chain(violations.problems).collect();
        if !problems.is_empty() {
            return Err(problems.into_iter().map(|problem| flaw(problem, false)).collect());
        }
        let alone: Config =
            serde_json::from_value(document).map_err(|error| vec![whole(error.to_string())])?;
        let config = Config { tenants: alone.tenants, ..beside.clone() };
        check_meaning(&config)?;
        let project = config.tenants.into_iter().flat_map(|tenant| tenant.projects).next();
        project.ok_or_else(|| vec![whole("is missing".to_owned())])
    }
}

fn check_meaning(config: &Config) -> Result<(), Vec<Flaw>> {
    let mut wrong = Vec::new();
    check::check(config, false, &mut wrong);
    check_tenants::check(config, &mut wrong);
    let mut unbuilt = Vec::new();
    built::check(config, &mut unbuilt);
    // What is wrong with the rest of the configuration was told when it was loaded.
    let ours = |problem: &Problem| problem.at.starts_with(PLACE);
    let wrong = wrong.into_iter().filter(ours).map(|problem| flaw(problem, false));
    let unbuilt = unbuilt.into_iter().filter(ours).map(|problem| flaw(problem, true));
    let flaws: Vec<_> = wrong.chain(unbuilt).collect();
    if flaws.is_empty() { Ok(()) } else { Err(flaws) }
}

fn flaw(problem: Problem, is_unbuilt: bool) -> Flaw {
    let member = problem.at.strip_prefix(PLACE).unwrap_or_default();
    let member = member.trim_start_matches('/').replace('/', ".");
    Flaw { member, message: problem.message, is_unbuilt }
}

fn whole(message: String) -> Flaw {
    Flaw { member: String::new(), message, is_unbuilt: false }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Project};
    use serde_json::json;

    fn beside() -> Config {
        let text = "providers: [{name: up, kind: openai, base_url: 'http://127.0.0.1:1/v1'}]\n\
                    models: [{id: m1, targets: [{provider: up, model: m}]}]";
        Config::parse(text, "test", "/".as_ref(), &|_| None).unwrap()
    }

    #[test]
    fn a_project_is_checked_as_in_the_file() {
        let good = json!({ "id": "p", "slug": "amber-fox-042", "model": "m1",
            "limits": { "requests_per_minute": 5 }, "allowed_origins": ["https://a.example"] });
        let project = Project::checked(good, &beside()).unwrap();
        assert_eq!((project.id.as_str(), project.model.as_deref()), ("p", Some("m1")));
        for (bad, member, is_unbuilt) in [
            (json!({ "id": "a b" }), "id", false),
            (json!({ "id": "p", "model": "m2" }), "model", false),
            (json!({ "id": "p", "colour": 1 }), "colour", false),
            (json!({ "id": "p", "slug": null }), "slug", false),
            (
                json!({ "id": "p", "limits": { "requests_per_minute": 0 } }),
                "limits.requests_per_minute",
                false,
            ),
            (json!({ "id": "p", "memory": { "enabled": true } }), "memory.enabled", true),
        ] {
            let flaws = Project::checked(bad.clone(), &beside()).unwrap_err();
            let found = flaws.iter().any(|f| f.member == member && f.is_unbuilt == is_unbuilt);
            assert!(found, "{bad}: {flaws:?}");
        }
    }
}
