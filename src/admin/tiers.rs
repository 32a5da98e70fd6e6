//! `projects/{id}/tiers`

use super::answer::{self, Answer};
use super::call::Call;
use super::known::{self, Project};
use super::members::Members;
use super::page::Page;
use super::refusal::Refusal;
use super::{ids, settings};
use crate::config::{self, Flaw};
use crate::directory::{Draft, Kept, ProjectObject};
use crate::routes::usage::dollars;
use crate::snapshot::{Snapshot, resolved_tier};
use behest_contract::directory::Expect;
use behest_quota::{Tier, Tiers};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Members that are told and cannot be changed.
const FIXED: [&str; 4] = ["name", "shipped", "overrides", "declared"];

/// Where a project's own tiers begin in the order, if nobody says where.
const OWN_FROM: u32 = 4;

/// `GET projects/{id}/tiers`
pub(super) fn list(call: &Call) -> Result<Answer, Refusal> {
    let snapshot = call.snapshot();
    let project = known::project(&snapshot, call.id(0))?;
    let tiers = all(project.settings());
    // Numbers of one width, so that their order as texts is that of the tiers.
    let by_order = tiers.iter().map(|tier| (format!("{:010}", tier.sort_order), tier));
    Ok(Page::of(&call.query)?.answer(by_order.collect(), |tier| shape(tier, &project)))
}

/// `GET projects/{id}/tiers/{tier}`
pub(super) fn show(call: &Call) -> Result<Answer, Refusal> {
    let snapshot = call.snapshot();
    let project = known::project(&snapshot, call.id(0))?;
    Ok(answer::ok(&shape(&find(project.settings(), call.id(1))?, &project)))
}

/// `GET projects/{id}/tiers/{tier}/resolved`
pub(super) fn resolved(call: &Call) -> Result<Answer, Refusal> {
    let snapshot = call.snapshot();
    let project = known::project(&snapshot, call.id(0))?;
    let resolved = resolved_tier(&snapshot.config, project.settings(), call.id(1));
    let resolved = resolved.ok_or_else(|| Refusal::missing("tier", call.id(1)))?;
    Ok(answer::ok(&json!({
        "name": resolved.name,
        "sort_order": resolved.sort_order,
        "requests_per_minute": resolved.requests_per_minute,
        "requests_per_day": resolved.requests_per_day,
        "tokens_per_minute": resolved.tokens_per_minute,
        "tokens_per_day": resolved.tokens_per_day,
        "tokens_per_month": resolved.tokens_per_month,
        "usd_per_day": resolved.micro_usd_per_day.map(dollars),
        "usd_per_month": resolved.micro_usd_per_month.map(dollars),
        "max_in_flight": resolved.max_in_flight,
    })))
}

/// `POST projects/{id}/tiers`
pub(super) async fn create(call: Call) -> Result<Answer, Refusal> {
    let mut body = call.members()?;
    let name = ids::chosen("name", body.needed_text("name")?)?;
    let given = said(body);
    let audit = call.audit("tier.create", path(&call, &name));
    let (project, wanted) = (call.id(0).to_owned(), name.clone());
    let change = call.change_off_loop(&audit, move |snapshot| {
        let kept = known::made_project(snapshot, &project)?;
        let tiers = all(&kept.object.settings);
        if tiers.by_name(&wanted).is_some() {
            return Err(Refusal::conflict(format!("There is a tier {wanted:?} already.")));
        }
        let mut given = given.clone();
        // Kept from now on: tokens name tiers by their numbers.
        given.entry("sort_order").or_insert_with(|| json!(free_order(&tiers)));
        put(snapshot, kept, &wanted, Some(given))
    });
    let project = change.await?;
    Ok(answer::created(&made_shape(&project, &name)?))
}

/// `PUT projects/{id}/tiers/{tier}`
pub(super) async fn set(call: Call) -> Result<Answer, Refusal> {
    let audit = call.audit("tier.change", path(&call, call.id(1)));
    let call = Arc::new(call);
    let asked = call.clone();
    let change = call.change_off_loop(&audit, move |snapshot| {
        let (call, name) = (&asked, asked.id(1));
        let kept = known::made_project(snapshot, call.id(0))?;
        let tier = find(&kept.object.settings, name)?;
        let mut body = call.members()?;
        let shown = shape(&tier, &Project::Made(kept));
        settings::take_fixed_of(&mut body, &shown, &FIXED)?;
        let mut given = said(body);
        // A shipped tier goes back to its own place; another one has none to go back to.
        if !is_shipped(name) {
            given.entry("sort_order").or_insert_with(|| json!(tier.sort_order));
        }
        put(snapshot, kept, name, Some(given))
    });
    let project = change.await?;
    Ok(answer::ok(&made_shape(&project, call.id(1))?))
}

/// `DELETE projects/{id}/tiers/{tier}`
pub(super) async fn delete(call: Call) -> Result<Answer, Refusal> {
    let audit = call.audit("tier.delete", path(&call, call.id(1)));
    let call = Arc::new(call);
    let asked = call.clone();
    let change = call.change_off_loop(&audit, move |snapshot| {
        let (call, name) = (&asked, asked.id(1));
        let kept = known::made_project(snapshot, call.id(0))?;
        let settings = &kept.object.settings;
        find(settings, name)?;
        if !settings.tiers.contains_key(name) {
            let message = format!("The tier {name:?} is a shipped one and has no overrides.");
            return Err(Refusal::conflict(message));
        }
        if !is_shipped(name) && settings.default_tier.as_deref() == Some(name) {
            let message = format!("The project's default_tier is {name:?}; change that first.");
            return Err(Refusal::conflict(message));
        }
        put(snapshot, kept, name, None)
    });
    change.await?;
    Ok(answer::gone())
}

/// The project with another word on one of its tiers, or none.
fn put(
    snapshot: &Snapshot,
    kept: &Kept<ProjectObject>,
    name: &str,
    given: Option<Map<String, Value>>,
) -> Result<(Draft, ProjectObject), Refusal> {
    let mut told = settings::told(&kept.object.settings);
    let tiers = told.entry("tiers").or_insert_with(|| json!({}));
    if let Some(tiers) = tiers.as_object_mut() {
        match given {
            Some(given) => drop(tiers.insert(name.to_owned(), Value::Object(given))),
            None => drop(tiers.shift_remove(name)),
        }
    }
    let checked = config::Project::checked(Value::Object(told), &snapshot.config);
    let settings = checked.map_err(|flaws| refusal(&flaws, name))?;
    let next = ProjectObject { settings, ..kept.object.as_ref().clone() };
    Ok((Draft::default().put(&next, Expect::At(kept.revision)), next))
}

/// What is wrong with the tier itself is a wrong member; all else of the project stands in the way.
fn refusal(flaws: &[Flaw], name: &str) -> Refusal {
    let place = format!("tiers.{name}.");
    let own = flaws.iter().filter_map(|flaw| {
        let member = flaw.member.strip_prefix(&place)?.to_owned();
        Some(Flaw { member, ..flaw.clone() })
    });
    let own: Vec<Flaw> = own.collect();
    if !own.is_empty() {
        return settings::refusal(&own);
    }
    let first = flaws.first().map(|flaw| match flaw.member.as_str() {
        // Says itself what it is about.
        "tiers" => flaw.message.clone(),
        member => format!("{member}: {}", flaw.message),
    });
    Refusal::conflict(format!("The project does not allow it. {}.", first.unwrap_or_default()))
}

/// The members that have a value.
fn said(body: Members) -> Map<String, Value> {
    body.into_map().into_iter().filter(|(_, value)| !value.is_null()).collect()
}

/// All tiers. They were checked when they were made.
fn all(project: &config::Project) -> Tiers {
    project.all_tiers().unwrap_or_default()
}

fn find(project: &config::Project, name: &str) -> Result<Tier, Refusal> {
    let tiers = all(project);
    tiers.by_name(name).cloned().ok_or_else(|| Refusal::missing("tier", name))
}

/// The name of the tier that a name or a number means, where a parameter says it.
pub(super) fn named(project: &config::Project, tier: &str) -> Result<Arc<str>, Refusal> {
    let found = all(project).find(tier).map(|tier| tier.name.clone());
    found.ok_or_else(|| Refusal::wrong("tier", format!("There is no tier {tier:?}.")))
}

fn is_shipped(name: &str) -> bool {
    Tiers::shipped().by_name(name).is_some()
}

fn free_order(tiers: &Tiers) -> u32 {
    (OWN_FROM..).find(|order| tiers.by_order(*order).is_none()).unwrap_or(u32::MAX)
}

fn path(call: &Call, name: &str) -> String {
    format!("projects/{}/tiers/{name}", call.id(0))
}

fn made_shape(project: &ProjectObject, name: &str) -> Result<Value, Refusal> {
    Ok(told(&find(&project.settings, name)?, &project.settings, false))
}

fn shape(tier: &Tier, project: &Project<'_>) -> Value {
    told(tier, project.settings(), project.is_declared())
}

/// A tier as it is told: what it allows, and what of that is the project's own word.
fn told(tier: &Tier, project: &config::Project, is_declared: bool) -> Value {
    let own = project.tiers.get(&*tier.name);
    json!({
        "name": tier.name,
        "sort_order": tier.sort_order,
        "requests_per_minute": tier.limits.requests_per_minute,
        "requests_per_day": tier.limits.requests_per_day,
        "tokens_per_minute": tier.limits.tokens_per_minute,
        "tokens_per_day": tier.limits.tokens_per_day,
        "tokens_per_month": tier.limits.tokens_per_month,
        "pii": own.and_then(|own| own.pii.as_ref()),
        "sentinel": own.and_then(|own| own.sentinel.as_ref()),
        "shipped": is_shipped(&tier.name),
        "overrides": own,
        "declared": is_declared,
    })
}

#[cfg(test)]
mod tests {
    use super::{free_order, refusal, said, told};
    use crate::admin::members::Members;
    use crate::config::{Config, Project};
    use behest_quota::Tiers;
    use serde_json::{Value, json};

    fn project(settings: Value) -> Project {
        Project::checked(settings, &Config::default()).unwrap()
    }

    #[test]
    fn a_tier_says_what_is_the_projects_own_word() {
        let project = project(json!({ "id": "p", "tiers": {
            "pro": { "requests_per_minute": 90 },
            "gold": { "sort_order": 9, "sentinel": { "mode": "shadow" } } } }));
        let tiers = project.all_tiers().unwrap();
        let tier = |name: &str| told(tiers.by_name(name).unwrap(), &project, false);
        assert_eq!(tier("free")["overrides"], Value::Null);
        assert_eq!(tier("pro")["overrides"], json!({ "requests_per_minute": 90 }));
        assert_eq!((&tier("pro")["sentinel"], &tier("gold")["pii"]), (&Value::Null, &Value::Null));
        assert_eq!(tier("gold")["sentinel"]["mode"], "shadow");
        assert_eq!(
            (&tier("pro")["requests_per_minute"], &tier("pro")["requests_per_day"]),
            (&json!(90), &json!(10_000))
        );
        assert_eq!(
            (&tier("pro")["shipped"], &tier("gold")["shipped"]),
            (&json!(true), &json!(false))
        );
    }

    #[test]
    fn own_tiers_stand_behind_the_shipped_ones() {
        assert_eq!(free_order(&Tiers::shipped()), 4);
        let project = project(json!({ "id": "p", "tiers": { "a": {}, "b": { "sort_order": 6 } } }));
        assert_eq!(free_order(&project.all_tiers().unwrap()), 5);
    }

    #[test]
    fn a_wrong_number_is_a_members_fault_and_a_taken_one_a_conflict() {
        for (tiers, status, param) in [
            (json!({ "gold": { "requests_per_minute": 0 } }), 400, json!("requests_per_minute")),
            (json!({ "gold": { "colour": 1 } }), 400, json!("colour")),
            (json!({ "gold": { "sort_order": 2 } }), 409, Value::Null),
            (json!({ "gold": {}, "b": {}, "c": {}, "d": {} }), 409, Value::Null),
            (json!({ "gold": {}, "gold2": { "sort_order": 0 } }), 409, Value::Null),
        ] {
            let settings = json!({ "id": "p", "tiers": tiers });
            let flaws = Project::checked(settings, &Config::default()).unwrap_err();
            let answer = refusal(&flaws, "gold").into_answer();
            let body: Value = serde_json::from_slice(answer.body()).unwrap();
            assert_eq!(
                (answer.status().as_u16(), &body["error"]["param"]),
                (status, &param),
                "{tiers}: {body}"
            );
        }
    }

    #[test]
    fn null_is_not_said() {
        let body = Members::parse(br#"{"tokens_per_day":null,"sort_order":4}"#).unwrap();
        assert_eq!(Value::Object(said(body)), json!({ "sort_order": 4 }));
    }
}
