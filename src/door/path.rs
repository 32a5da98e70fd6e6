//! Paths and methods.

use http::Method;

/// The routes of the data listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Chat,
    Embeddings,
    Models,
    Model(String),
    Preflight,
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

/// Finds the route. Only a model's name may hold an encoded slash, which some clients send plain.
pub(super) fn find(path: &str, method: &Method) -> Asked {
    let template = match path {
        "/v1/chat/completions" => "/v1/chat/completions",
        "/v1/embeddings" => "/v1/embeddings",
        "/v1/models" => "/v1/models",
        _ => return find_model(path, method),
    };
    match (template, method) {
        (_, &Method::OPTIONS) => Asked::Route(Route::Preflight, template),
        ("/v1/chat/completions", &Method::POST) => Asked::Route(Route::Chat, template),
        ("/v1/embeddings", &Method::POST) => Asked::Route(Route::Embeddings, template),
        ("/v1/models", &Method::GET) => Asked::Route(Route::Models, template),
        ("/v1/models", _) => Asked::OtherMethod("GET, OPTIONS", template),
        _ => Asked::OtherMethod("POST, OPTIONS", template),
    }
}

fn find_model(path: &str, method: &Method) -> Asked {
    const TEMPLATE: &str = "/v1/models/{id}";
    let Some(id) = path.strip_prefix("/v1/models/").filter(|id| !id.is_empty()) else {
        let encoded = path.as_bytes().windows(3).any(|three| three.eq_ignore_ascii_case(b"%2f"));
        return if encoded { Asked::BadPath } else { Asked::Nothing };
    };
    let Some(id) = percent_decoded(id) else { return Asked::BadPath };
    match *method {
        Method::OPTIONS => Asked::Route(Route::Preflight, TEMPLATE),
        Method::GET => Asked::Route(Route::Model(id), TEMPLATE),
        _ => Asked::OtherMethod("GET, OPTIONS", TEMPLATE),
    }
}

/// `None` for an encoding that is broken or hides a control character.
fn percent_decoded(text: &str) -> Option<String> {
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
    use super::{Asked, Route, find};
    use http::Method;

    #[test]
    fn paths_lead_where_they_say() {
        let model = |id: &str| Asked::Route(Route::Model(id.to_owned()), "/v1/models/{id}");
        for (method, path, wanted) in [
            (
                Method::POST,
                "/v1/chat/completions",
                Asked::Route(Route::Chat, "/v1/chat/completions"),
            ),
            (Method::GET, "/v1/models/gpt-4o", model("gpt-4o")),
            (Method::GET, "/v1/models/a%2Fb", model("a/b")),
            (Method::GET, "/v1/models/a/b", model("a/b")),
            (Method::GET, "/v1/models/a%0ab", Asked::BadPath),
            (Method::GET, "/v1/models/a%zz", Asked::BadPath),
            (Method::GET, "/v1/models/a%2", Asked::BadPath),
            (Method::POST, "/v1%2Fchat/completions", Asked::BadPath),
            (Method::POST, "/v1/chat", Asked::Nothing),
            (Method::GET, "/v1/models/", Asked::Nothing),
            (Method::GET, "/", Asked::Nothing),
            (
                Method::HEAD,
                "/v1/chat/completions",
                Asked::OtherMethod("POST, OPTIONS", "/v1/chat/completions"),
            ),
            (Method::POST, "/v1/models/x", Asked::OtherMethod("GET, OPTIONS", "/v1/models/{id}")),
        ] {
            assert_eq!(find(path, &method), wanted, "{method} {path}");
        }
    }
}
