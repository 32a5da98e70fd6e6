//! Where a provider listens: a URL that is nothing but scheme, host, port and path.

use http::Uri;

use super::text::text_value;

/// A provider's base URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    tls: bool,
    host: String,
    port: u16,
    path: String,
}

impl BaseUrl {
    /// Reads `https://host[:port][/path]`. Userinfo, query and fragment are refused, and errors do
    /// not repeat a URL that may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (tls, uri) = absolute(text)?;
        let host = uri.host().unwrap_or_default();
        if host.is_empty() {
            return Err("has no host".into());
        }
        if uri.port().is_some_and(|port| port.as_u16() == 0) || has_bad_port(&uri) {
            return Err("has no valid port".into());
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Self {
            tls,
            host: bare.to_ascii_lowercase(),
            port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// Whether the scheme is `https`.
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// The host name or address, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, given or the scheme's own.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path that every request's path is put behind: empty, or `/…` without a slash at its end.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What the `Host` header says: the host, and the port unless it is the scheme's own.
    pub fn authority(&self) -> String {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

/// Checks a token issuer: an absolute URL that nothing is ever sent to.
pub(super) fn parse_issuer(text: &str) -> Result<(), String> {
    let (_, uri) = absolute(text)?;
    match uri.host() {
        Some(host) if !host.is_empty() => Ok(()),
        _ => Err("has no host".into()),
    }
}

fn absolute(text: &str) -> Result<(bool, Uri), String> {
    let tls = match text.split_once("://") {
        Some(("https", _)) => true,
        Some(("http", _)) => false,
        _ => return Err("must be a URL that starts with https:// or http://".into()),
    };
    if text.contains('@') {
        return Err("must not hold a user name or password".into());
    }
    if text.contains(['?', '#']) {
        return Err("must not have a query or a fragment".into());
    }
    let uri = text.parse().map_err(|_| "is no valid URL".to_owned())?;
    Ok((tls, uri))
}

/// `http::Uri` accepts `host:` and reports no port for it.
fn has_bad_port(uri: &Uri) -> bool {
    let authority = uri.authority().map(|authority| authority.as_str());
    uri.port().is_none() && authority != uri.host()
}

impl std::fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

text_value!(
    BaseUrl,
    "base-url",
    "description": "An http or https URL with a host, and nothing behind its path. \
        Requests go there with /chat/completions and the like put behind it.",
    "examples": ["https://api.openai.com/v1", "http://127.0.0.1:11434/v1"],
);
