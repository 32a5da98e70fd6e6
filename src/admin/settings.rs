//! A project's settings in a body: what may be said, what may be changed, and what is left out.

use super::members::Members;
use super::refusal::Refusal;
use crate::config::{Config, Flaw, Project};
use crate::directory::ProjectObject;
use serde_json::{Map, Value, json};

/// Members that are told and cannot be changed. Sending back what was told is no attempt to.
const FIXED: [&str; 4] = ["id", "tenant", "created_at", "declared"];

/// Refuses another value of what cannot be changed, and takes these members out.
pub(super) fn take_fixed(body: &mut Members, shown: &Value) -> Result<(), Refusal> {
    take_fixed_of(body, shown, &FIXED)
}

/// The same for other members.
pub(super) fn take_fixed_of(
    body: &mut Members,
    shown: &Value,
    fixed: &[&str],
) -> Result<(), Refusal> {
    for name in fixed {
        let differs = body
            .take(name)
            .is_some_and(|given| given.as_ref() != shown.get(name).filter(|v| !v.is_null()));
        if differs {
            return Err(Refusal::wrong(*name, format!("{name} cannot be changed.")));
        }
    }
    Ok(())
}

/// Settings as the file would have them, checked as there.
pub(super) fn checked(settings: Map<String, Value>, config: &Config) -> Result<Project, Refusal> {
    if settings.contains_key("api_keys") {
        let message = "Keys of a project are made at projects/{id}/keys.";
        return Err(Refusal::wrong("api_keys", message));
    }
    Project::checked(Value::Object(settings), config).map_err(|flaws| refusal(&flaws))
}

/// Wrong comes before unbuilt: who mends the one should not find the other afterwards.
pub(super) fn refusal(flaws: &[Flaw]) -> Refusal {
    let first = flaws.iter().find(|flaw| !flaw.is_unbuilt).or(flaws.first());
    let member = first.map_or("", |flaw| flaw.member.as_str());
    let message = first.map_or_else(
        || "The project is not as it should be.".to_owned(),
        |flaw| {
            format!("{} {}", if member.is_empty() { "The project:" } else { member }, flaw.message)
        },
    );
    let param = Some(member).filter(|member| !member.is_empty());
    let refusal = match param {
        _ if first.is_some_and(|flaw| flaw.is_unbuilt) => Refusal::unprocessable(param, message),
        Some(param) => Refusal::wrong(param, message),
        None => Refusal::invalid(message),
    };
    let errors = flaws.iter().map(|flaw| json!({ "param": flaw.member, "message": flaw.message }));
    refusal.details(json!({ "errors": errors.collect::<Vec<_>>() }))
}

/// Settings as members of an object. Keys that the file declares have a list of their own.
pub(super) fn told(settings: &Project) -> Map<String, Value> {
    let told = serde_json::to_value(settings).unwrap_or_default();
    let Value::Object(mut members) = told else { return Map::new() };
    members.shift_remove("api_keys");
    members
}

/// The project with its settings merged with a patch (RFC 7396).
pub(super) fn patched(
    project: &ProjectObject,
    patch: &Map<String, Value>,
    config: &Config,
) -> Result<ProjectObject, Refusal> {
    let mut patch = patch.clone();
    let suspended = taken_suspended(&mut patch)?;
    let before = told(&project.settings);
    let mut after = Value::Object(before.clone());
    merge(&mut after, Value::Object(patch));
    let after = after.as_object().cloned().unwrap_or_default();
    // A project must be suspendable even if one of its models has left the configuration since.
    let settings = if after == before { project.settings.clone() } else { checked(after, config)? };
    let suspended = suspended.unwrap_or(project.suspended);
    Ok(ProjectObject { suspended, settings, ..project.clone() })
}

/// Takes `suspended` out of a body.
pub(super) fn taken_suspended(body: &mut Map<String, Value>) -> Result<Option<bool>, Refusal> {
    match body.shift_remove("suspended") {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(false)),
        Some(Value::Bool(suspended)) => Ok(Some(suspended)),
        Some(_) => Err(Refusal::wrong("suspended", "suspended must be true or false.")),
    }
}

fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            members.shift_remove(&name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{checked, merge, patched, take_fixed, told};
    use crate::admin::members::Members;
    use crate::config::Config;
    use crate::directory::ProjectObject;
    use jiff::Timestamp;
    use serde_json::{Map, Value, json};

    fn config() -> Config {
        let text = "providers: [{name: up, kind: openai, base_url: 'http://127.0.0.1:1/v1'}]\n\
                    models: [{id: m1, targets: [{provider: up, model: m}]}]";
        Config::parse(text, "test", "/".as_ref(), &|_| None).unwrap()
    }

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn project(settings: Value) -> ProjectObject {
        ProjectObject {
            tenant: "acme".to_owned(),
            suspended: false,
            created_at: Timestamp::UNIX_EPOCH,
            settings: checked(object(settings), &config()).unwrap(),
        }
    }

    /// The examples of RFC 7396, appendix A, that objects can meet.
    #[test]
    fn a_patch_merges_as_the_rfc_says() {
        for (target, patch, result) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ] {
            let mut merged = target.clone();
            merge(&mut merged, patch.clone());
            assert_eq!(merged, result, "{target} {patch}");
        }
    }

    #[test]
    fn a_project_is_told_and_patched_as_it_was_given() {
        let before =
            project(json!({ "id": "p", "model": "m1", "limits": { "requests_per_minute": 5 } }));
        assert!(!told(&before.settings).contains_key("api_keys"));
        let patch =
            json!({ "model": null, "limits": { "requests_per_minute": 9 }, "suspended": true });
        let after = patched(&before, &object(patch), &config()).unwrap();
        assert_eq!((after.suspended, after.settings.model), (true, None));
        assert_eq!(after.settings.limits.requests_per_minute, Some(9));
    }

    #[test]
    fn a_project_whose_model_is_gone_can_be_suspended() {
        let before = project(json!({ "id": "p", "model": "m1" }));
        let config = Config::default();
        assert!(patched(&before, &object(json!({ "slug": "s" })), &config).is_err());
        assert!(
            patched(&before, &object(json!({ "suspended": true })), &config).unwrap().suspended
        );
    }

    #[test]
    fn flaws_are_told_by_member_and_wrong_ones_first() {
        for (bad, status, param) in [
            (
                json!({ "id": "p", "colour": 1, "memory": { "enabled": true } }),
                400,
                json!("colour"),
            ),
            (json!({ "id": "p", "memory": { "enabled": true } }), 422, json!("memory.enabled")),
            (
                json!({ "id": "p", "limits": { "requests_per_minute": 0 } }),
                400,
                json!("limits.requests_per_minute"),
            ),
            (json!({ "id": "p", "api_keys": [] }), 400, json!("api_keys")),
        ] {
            let answer = checked(object(bad.clone()), &config()).unwrap_err().into_answer();
            let body: Value = serde_json::from_slice(answer.body()).unwrap();
            assert_eq!(
                (answer.status().as_u16(), &body["error"]["param"]),
                (status, &param),
                "{bad}"
            );
        }
    }

    #[test]
    fn what_was_told_may_be_sent_back_but_not_changed() {
        let shown = json!({ "id": "p", "tenant": "t", "created_at": null, "declared": false });
        let members = |value: Value| Members::parse(value.to_string().as_bytes()).unwrap();
        let mut same = members(shown.clone());
        assert!(take_fixed(&mut same, &shown).is_ok() && same.end().is_ok());
        for other in [json!({ "id": "q" }), json!({ "tenant": null }), json!({ "declared": true })]
        {
            assert!(take_fixed(&mut members(other.clone()), &shown).is_err(), "{other}");
        }
    }
}
