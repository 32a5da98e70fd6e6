//! Paths and methods: the one table of routes of the admin listener.

use super::answer::Answer;
use super::call::Call;
use super::query::percent_decoded;
use super::refusal::Refusal;
use super::{
    audit, events, keys, limits, own_keys, process, projects, provider_keys, redact, rows,
    signing_keys, switches, tenants, tiers, tokens, usage, users,
};
use futures::future::BoxFuture;
use http::Method;

/// How a route answers.
#[derive(Clone, Copy)]
pub(super) enum Handler {
    /// From what is in force.
    Told(fn(&Call) -> Result<Answer, Refusal>),
    /// By changing or making something.
    Done(fn(Call) -> BoxFuture<'static, Result<Answer, Refusal>>),
}
use Handler::{Done, Told};

/// A row of the table.
pub(super) struct Row {
    method: Method,
    /// The path, whose segments in braces are names. One that ends with [`REST`] may hold slashes, as
    /// the ids of declared keys do.
    template: &'static str,
    pub(super) handler: Handler,
    /// Whether the body may be long: projects and tiers hold lists of words, and a text is tried whole.
    pub(super) is_long: bool,
}

const fn row(method: Method, template: &'static str, handler: Handler) -> Row {
    Row { method, template, handler, is_long: false }
}

/// A row whose body may be long.
const fn long(method: Method, template: &'static str, handler: Handler) -> Row {
    Row { method, template, handler, is_long: true }
}

const DELETE: Method = Method::DELETE;
const GET: Method = Method::GET;
const PATCH: Method = Method::PATCH;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;

/// Every route. Of two that fit a path the first one is taken.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    row(GET, "/metrics", Told(process::metrics)),
    row(GET, "/healthz", Told(process::health)),
    row(GET, "/readyz", Told(process::readiness)),
    row(POST, "/admin/v1/reload", Done(|call| Box::pin(process::reload(call)))),
    row(GET, "/admin/v1/tenants", Told(tenants::list)),
    row(POST, "/admin/v1/tenants", Done(|call| Box::pin(tenants::create(call)))),
    row(GET, "/admin/v1/tenants/{id}", Told(tenants::show)),
    row(PATCH, "/admin/v1/tenants/{id}", Done(|call| Box::pin(tenants::change(call)))),
    row(DELETE, "/admin/v1/tenants/{id}", Done(|call| Box::pin(tenants::delete(call)))),
    row(GET, "/admin/v1/tenants/{id}/signing-keys", Told(signing_keys::list)),
    row(POST, "/admin/v1/tenants/{id}/signing-keys", Done(|call| Box::pin(signing_keys::create(call)))),
    row(GET, "/admin/v1/tenants/{id}/signing-keys/{kid}", Told(signing_keys::show)),
    row(DELETE, "/admin/v1/tenants/{id}/signing-keys/{kid}", Done(|call| Box::pin(signing_keys::revoke(call)))),
    row(GET, "/admin/v1/tenants/{id}/provider-keys", Told(provider_keys::list)),
    row(GET, "/admin/v1/tenants/{id}/provider-keys/{provider}", Told(provider_keys::show)),
    row(PUT, "/admin/v1/tenants/{id}/provider-keys/{provider}", Done(|call| Box::pin(provider_keys::set(call)))),
    row(DELETE, "/admin/v1/tenants/{id}/provider-keys/{provider}", Done(|call| Box::pin(provider_keys::delete(call)))),
    row(GET, "/admin/v1/projects", Told(projects::list)),
    long(POST, "/admin/v1/projects", Done(|call| Box::pin(projects::create(call)))),
    row(GET, "/admin/v1/projects/{id}", Told(projects::show)),
    long(PUT, "/admin/v1/projects/{id}", Done(|call| Box::pin(projects::replace(call)))),
    long(PATCH, "/admin/v1/projects/{id}", Done(|call| Box::pin(projects::change(call)))),
    row(DELETE, "/admin/v1/projects/{id}", Done(|call| Box::pin(projects::delete(call)))),
    row(GET, "/admin/v1/projects/{id}/keys", Told(keys::list)),
    row(POST, "/admin/v1/projects/{id}/keys", Done(|call| Box::pin(keys::create(call)))),
    row(POST, "/admin/v1/projects/{id}/keys/{key...}/rotate", Done(|call| Box::pin(keys::rotate(call)))),
    row(GET, "/admin/v1/projects/{id}/keys/{key...}", Told(keys::show)),
    row(PATCH, "/admin/v1/projects/{id}/keys/{key...}", Done(|call| Box::pin(keys::change(call)))),
    row(DELETE, "/admin/v1/projects/{id}/keys/{key...}", Done(|call| Box::pin(keys::revoke(call)))),
    row(POST, "/admin/v1/projects/{id}/tokens", Done(|call| Box::pin(tokens::mint(call)))),
    row(GET, "/admin/v1/projects/{id}/tiers", Told(tiers::list)),
    long(POST, "/admin/v1/projects/{id}/tiers", Done(|call| Box::pin(tiers::create(call)))),
    row(GET, "/admin/v1/projects/{id}/tiers/{tier}", Told(tiers::show)),
    long(PUT, "/admin/v1/projects/{id}/tiers/{tier}", Done(|call| Box::pin(tiers::set(call)))),
    row(DELETE, "/admin/v1/projects/{id}/tiers/{tier}", Done(|call| Box::pin(tiers::delete(call)))),
    row(GET, "/admin/v1/projects/{id}/tiers/{tier}/resolved", Told(tiers::resolved)),
    row(GET, "/admin/v1/projects/{id}/limits", Done(|call| Box::pin(limits::show(call)))),
    long(POST, "/admin/v1/projects/{id}/redact", Done(|call| Box::pin(redact::try_out(call)))),
    row(DELETE, "/admin/v1/projects/{id}/users/{user}", Done(|call| Box::pin(users::erase(call)))),
    row(POST, "/admin/v1/projects/{id}/users/{user}/revoke", Done(|call| Box::pin(users::revoke(call)))),
    row(GET, "/admin/v1/signing-keys", Told(own_keys::list)),
    row(POST, "/admin/v1/signing-keys/rotate", Done(|call| Box::pin(own_keys::rotate(call)))),
    row(DELETE, "/admin/v1/signing-keys/{kid}", Done(|call| Box::pin(own_keys::revoke(call)))),
    row(GET, "/admin/v1/kill-switches", Told(switches::list)),
    row(POST, "/admin/v1/kill-switches", Done(|call| Box::pin(switches::turn_on(call)))),
    row(DELETE, "/admin/v1/kill-switches", Done(|call| Box::pin(switches::turn_off(call)))),
    row(GET, "/admin/v1/kill-switches/{scope}", Told(switches::show)),
    row(DELETE, "/admin/v1/kill-switches/{scope}", Done(|call| Box::pin(switches::turn_off(call)))),
    row(GET, "/admin/v1/kill-switches/{scope}/{id...}", Told(switches::show)),
    row(DELETE, "/admin/v1/kill-switches/{scope}/{id...}", Done(|call| Box::pin(switches::turn_off(call)))),
    row(GET, "/admin/v1/usage", Done(|call| Box::pin(usage::show(call)))),
    row(GET, "/admin/v1/usage/rows", Done(|call| Box::pin(rows::list(call)))),
    row(GET, "/admin/v1/events", Done(|call| Box::pin(events::list(call)))),
    row(GET, "/admin/v1/audit", Done(|call| Box::pin(audit::list(call)))),
];

/// What stands in a template behind a name that may hold slashes.
const REST: &str = "...";

/// A route as it is told to people and tests.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Listed {
    /// The method.
    pub method: String,
    /// The path's template.
    pub path: String,
    /// The credential that it wants: `none` or `admin secret`.
    pub credential: &'static str,
}

/// All routes.
pub fn list() -> Vec<Listed> {
    let listed = TABLE.iter().map(|row| Listed {
        method: row.method.to_string(),
        path: row.template.replace(REST, ""),
        credential: if row.template.starts_with("/admin/") { "admin secret" } else { "none" },
    });
    listed.collect()
}

/// Finds the route, and the names in its path.
pub(super) fn find(method: &Method, path: &str) -> Result<(&'static Row, Vec<String>), Refusal> {
    let fitting: Vec<_> =
        TABLE.iter().filter_map(|row| Some((row, names_in(row.template, path)?))).collect();
    // A HEAD request is a GET request whose answer has no body (RFC 9110, 9.3.2).
    let method = if *method == Method::HEAD { &GET } else { method };
    let asked = fitting.iter().find(|(row, _)| row.method == *method);
    let Some((row, names)) = asked else {
        return Err(match fitting.as_slice() {
            [] => Refusal::no_path(),
            fitting => Refusal::other_method(methods(fitting.iter().map(|(row, _)| *row))),
        });
    };
    let names = names.iter().map(|name| percent_decoded(name));
    let names: Option<Vec<_>> = names.collect();
    let names = names.ok_or_else(|| Refusal::invalid("The path is not well encoded."))?;
    Ok((row, names))
}

fn methods<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let mut methods: Vec<&str> = rows.map(|row| row.method.as_str()).collect();
    methods.sort_unstable();
    methods.dedup();
    methods.join(", ")
}

/// What a path has in the places of a template's names, still encoded; `None` if the path is another.
fn names_in<'a>(template: &str, path: &'a str) -> Option<Vec<&'a str>> {
    let Some((before, after)) = template.split_once(REST) else {
        return segments_in(template, path);
    };
    let (before, _) = before.rsplit_once('/')?;
    let after = after.trim_start_matches('}');
    let before_ends = path.match_indices('/').nth(before.matches('/').count())?.0;
    let (head, rest) = path.split_at_checked(before_ends)?;
    let name = rest.strip_prefix('/')?.strip_suffix(after)?;
    let mut names = segments_in(before, head)?;
    names.push(Some(name).filter(|name| !name.is_empty() && !name.ends_with('/'))?);
    Some(names)
}

fn segments_in<'a>(template: &str, path: &'a str) -> Option<Vec<&'a str>> {
    let mut names = Vec::new();
    let mut segments = path.split('/');
    for wanted in template.split('/') {
        let segment = segments.next()?;
        if wanted.starts_with('{') {
            names.push(Some(segment).filter(|name| !name.is_empty())?);
        } else if wanted != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(names)
}

#[cfg(test)]
mod tests {
    use super::{REST, find, list};
    use http::Method;
    use std::collections::BTreeSet;

    fn found(method: &str, path: &str) -> Result<(&'static str, Vec<String>), u16> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        find(&method, path)
            .map(|(row, names)| (row.template, names))
            .map_err(|refusal| refusal.into_answer().status().as_u16())
    }

    #[test]
    fn paths_lead_where_they_say() {
        let key = "/admin/v1/projects/{id}/keys/{key...}";
        let rotate = "/admin/v1/projects/{id}/keys/{key...}/rotate";
        let switch = "/admin/v1/kill-switches/{scope}/{id...}";
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        for (method, path, wanted) in [
            ("GET", "/healthz", Ok(("/healthz", names(&[])))),
            ("GET", "/admin/v1/projects/p/keys/p%2Fci", Ok((key, names(&["p", "p/ci"])))),
            (
                "POST",
                "/admin/v1/signing-keys/rotate",
                Ok(("/admin/v1/signing-keys/rotate", names(&[]))),
            ),
            (
                "DELETE",
                "/admin/v1/signing-keys/rotate",
                Ok(("/admin/v1/signing-keys/{kid}", names(&["rotate"]))),
            ),
            ("GET", "/admin/v1/projects/p/keys/p/ci", Ok((key, names(&["p", "p/ci"])))),
            ("POST", "/admin/v1/projects/p/keys/p/ci/rotate", Ok((rotate, names(&["p", "p/ci"])))),
            (
                "DELETE",
                "/admin/v1/kill-switches/user/p/a%20b",
                Ok((switch, names(&["user", "p/a b"]))),
            ),
            ("GET", "/admin/v1/projects/p/keys/", Err(404)),
            ("POST", "/admin/v1/projects/p/keys/rotate", Err(405)),
            ("GET", "/admin/v1/projects/", Err(404)),
            ("GET", "/admin/v1/projects/p/", Err(404)),
            ("GET", "/admin/v1", Err(404)),
            ("PUT", "/admin/v1/projects", Err(405)),
            ("GET", "/admin/v1/reload", Err(405)),
            ("GET", "/admin/v1/projects/%zz", Err(400)),
            ("GET", "/admin/v1/projects/a%00", Err(400)),
        ] {
            assert_eq!(found(method, path), wanted, "{method} {path}");
        }
    }

    #[test]
    fn another_method_is_told_which_there_are() {
        let refusal = find(&Method::POST, "/admin/v1/projects/p").err().unwrap();
        let allow = refusal.into_answer().headers()["allow"].clone();
        assert_eq!(allow, "DELETE, GET, PATCH, PUT");
    }

    #[test]
    fn every_route_is_listed_once_and_found() {
        let mut seen = BTreeSet::new();
        for route in list() {
            let found = found(&route.method, &route.path.replace(['{', '}'], ""));
            let is_found = |(template, _): (&str, _)| template.replace(REST, "") == route.path;
            assert!(found.is_ok_and(is_found), "{route:?}");
            assert!(seen.insert((route.method.clone(), route.path.clone())), "{route:?}");
        }
    }

    /// The page's table, as method and path.
    fn documented() -> BTreeSet<(String, String)> {
        let page = include_str!("README.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
        let pairs = rows.flat_map(|row| {
            let cells: Vec<&str> = row.split('|').collect();
            let paths = cells[0]
                .split('`')
                .step_by(2)
                .filter(|path| !path.trim_matches(',').trim().is_empty());
            let methods = cells[1].split(',').map(str::trim);
            let methods: Vec<_> = methods.collect();
            paths
                .flat_map(|path| {
                    methods.iter().map(move |method| ((*method).to_owned(), path.to_owned()))
                })
                .collect::<Vec<_>>()
        });
        pairs.collect()
    }

    #[test]
    fn the_page_and_the_table_name_the_same_routes() {
        let listed: BTreeSet<(String, String)> = list()
            .into_iter()
            .filter_map(|route| {
                Some((route.method, route.path.strip_prefix("/admin/v1/")?.to_owned()))
            })
            .collect();
        assert_eq!(documented(), listed);
    }
}
