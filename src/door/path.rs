//! Paths and methods: the one table of routes of the data listener.

use behest_contract::facts::{Accepts, Endpoint};
use http::Method;
use std::sync::Arc;

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Chat,
    Embeddings,
    Models,
    Model(Arc<str>),
    Mint,
    Jwks,
    Usage,
    Billing,
    /// A browser's question before a request to this endpoint.
    Preflight(Option<Endpoint>),
}

/// A row of the table.
struct Row {
    /// The path, whose last segment may be `{id}`.
    template: &'static str,
    /// The one method that it knows, beside OPTIONS, and HEAD where it is GET.
    method: Method,
    /// What is asked; whoever asks must show what [`Endpoint::accepts`] says, or nothing at all.
    endpoint: Option<Endpoint>,
    /// The route, given the `{id}`.
    route: fn(Arc<str>) -> Route,
    /// What `Allow` says.
    allow: &'static str,
}

impl Row {
    /// A HEAD request is a GET request whose answer has no body (RFC 9110, 9.3.2).
    fn answers(&self, method: &Method) -> bool {
        *method == self.method || (*method == Method::HEAD && self.method == Method::GET)
    }
}

/// Every route. One without a policy does not compile.
const TABLE: [Row; 9] = [
    Row {
        template: "/v1/chat/completions",
        method: Method::POST,
        endpoint: Some(Endpoint::Chat),
        route: |_| Route::Chat,
        allow: "POST, OPTIONS",
    },
    Row {
        template: "/v1/embeddings",
        method: Method::POST,
        endpoint: Some(Endpoint::Embeddings),
        route: |_| Route::Embeddings,
        allow: "POST, OPTIONS",
    },
    Row {
        template: "/v1/auth/mint",
        method: Method::POST,
        endpoint: Some(Endpoint::Mint),
        route: |_| Route::Mint,
        allow: "POST, OPTIONS",
    },
    Row {
        template: "/auth/v1/auth/mint",
        method: Method::POST,
        endpoint: Some(Endpoint::Mint),
        route: |_| Route::Mint,
        allow: "POST, OPTIONS",
    },
    Row {
        template: "/v1/models",
        method: Method::GET,
        endpoint: Some(Endpoint::Models),
        route: |_| Route::Models,
        allow: "GET, HEAD, OPTIONS",
    },
    Row {
        template: "/v1/usage",
        method: Method::GET,
        endpoint: Some(Endpoint::Usage),
        route: |_| Route::Usage,
        allow: "GET, HEAD, OPTIONS",
    },
    Row {
        template: "/v1/billing/usage",
        method: Method::GET,
        endpoint: Some(Endpoint::Usage),
        route: |_| Route::Billing,
        allow: "GET, HEAD, OPTIONS",
    },
    Row {
        template: "/.well-known/jwks.json",
        method: Method::GET,
        endpoint: None,
        route: |_| Route::Jwks,
        allow: "GET, HEAD, OPTIONS",
    },
    Row {
        template: "/v1/models/{id}",
        method: Method::GET,
        endpoint: Some(Endpoint::Models),
        route: Route::Model,
        allow: "GET, HEAD, OPTIONS",
    },
];

/// What stands for the last segment in a template.
const ID: &str = "{id}";

/// A route as it is told to people and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Listed {
    /// The method.
    pub method: &'static str,
    /// The path's template.
    pub path: &'static str,
    /// The credential that it wants: `none`, `key` or `token or key`.
    pub credential: &'static str,
}

/// All routes, and the preflights of all paths.
pub fn list() -> Vec<Listed> {
    let listed = TABLE.iter().flat_map(|row| {
        let method = if row.method == Method::GET { "GET" } else { "POST" };
        let credential = match row.endpoint.map(Endpoint::accepts) {
            None => "none",
            Some(Accepts::Key) => "key",
            Some(Accepts::TokenOrKey) => "token or key",
        };
        [(method, credential), ("OPTIONS", "none")].map(|(method, credential)| Listed {
            method,
            path: row.template,
            credential,
        })
    });
    listed.collect()
}

/// What a method and a path come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// A route, and its template for the log.
    Route(Route, &'static str),
    /// A known path with another method; those that it knows.
    OtherMethod(&'static str, &'static str),
    /// An encoding that could be read in two ways.
    BadPath,
    /// Nothing known.
    Nothing,
}

impl Asked {
    /// The route's template, for logs.
    pub(super) fn template(&self) -> &'static str {
        match self {
            Self::Route(_, template) | Self::OtherMethod(_, template) => template,
            Self::BadPath | Self::Nothing => "unknown",
        }
    }
}

/// Finds the route. Only an id may hold an encoded slash; a model's name some clients send plain.
pub(super) fn find(path: &str, method: &Method) -> Asked {
    for row in &TABLE {
        let Some(id) = id_in(row.template, path) else { continue };
        let Some(id) = percent_decoded(id) else { return Asked::BadPath };
        return match *method {
            Method::OPTIONS => Asked::Route(Route::Preflight(row.endpoint), row.template),
            _ if row.answers(method) => Asked::Route((row.route)(id.into()), row.template),
            _ => Asked::OtherMethod(row.allow, row.template),
        };
    }
    let encoded = path.as_bytes().windows(3).any(|three| three.eq_ignore_ascii_case(b"%2f"));
    if encoded { Asked::BadPath } else { Asked::Nothing }
}

/// What a path has in the place of a template's id: nothing where the template has none. `None` if the
/// path is another.
fn id_in<'a>(template: &str, path: &'a str) -> Option<&'a str> {
    match template.strip_suffix(ID) {
        None => (template == path).then_some(""),
        Some(before) => path.strip_prefix(before).filter(|id| !id.is_empty()),
    }
}

/// `None` for an encoding that is broken or hides a control character.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
        decoded.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(decoded).ok().filter(|text| !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::{Asked, Route, find, list};
    use http::Method;

    #[test]
    fn paths_lead_where_they_say() {
        let model = |id: &str| Asked::Route(Route::Model(id.into()), "/v1/models/{id}");
        for (method, path, wanted) in [
            (
                Method::POST,
                "/v1/chat/completions",
                Asked::Route(Route::Chat, "/v1/chat/completions"),
            ),
            (Method::GET, "/v1/models/gpt-4o", model("gpt-4o")),
            (Method::HEAD, "/v1/models/gpt-4o", model("gpt-4o")),
            (Method::GET, "/v1/models/a%2Fb", model("a/b")),
            (Method::GET, "/v1/models/a/b", model("a/b")),
            (Method::GET, "/v1/models/a%0ab", Asked::BadPath),
            (Method::GET, "/v1/models/a%zz", Asked::BadPath),
            (Method::GET, "/v1/models/a%2", Asked::BadPath),
            (Method::POST, "/v1%2Fchat/completions", Asked::BadPath),
            (Method::POST, "/v1/chat", Asked::Nothing),
            (Method::GET, "/v1/models/", Asked::Nothing),
            (Method::GET, "/", Asked::Nothing),
            (Method::POST, "/auth/v1/auth/mint", Asked::Route(Route::Mint, "/auth/v1/auth/mint")),
            (
                Method::HEAD,
                "/v1/chat/completions",
                Asked::OtherMethod("POST, OPTIONS", "/v1/chat/completions"),
            ),
            (
                Method::POST,
                "/v1/models/x",
                Asked::OtherMethod("GET, HEAD, OPTIONS", "/v1/models/{id}"),
            ),
        ] {
            assert_eq!(find(path, &method), wanted, "{method} {path}");
        }
    }

    #[test]
    fn every_listed_route_is_found() {
        for listed in list() {
            let path = listed.path.replace("{id}", "x");
            let found = find(&path, &Method::from_bytes(listed.method.as_bytes()).unwrap());
            assert!(matches!(found, Asked::Route(_, template) if template == listed.path));
        }
    }
}
