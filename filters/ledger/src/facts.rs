//! What only the program can tell the ledger.

use behest_contract::facts::Fact;

/// The longest id of a client's that is logged.
const CLIENT_ID_MAX: usize = 128;

/// What was asked for, in words of the program's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLine {
    method: &'static str,
    route: &'static str,
    client_request_id: Option<Box<str>>,
}

impl RequestLine {
    /// A method and the template of a route such as `/v1/models/{id}`: never a path as it came, whose
    /// ids and query are the client's.
    pub fn new(method: &str, route: &'static str) -> Self {
        Self { method: known(method), route, client_request_id: None }
    }

    /// Adds the id that the client gave its request. One that is long, or not printable, is ignored.
    #[must_use]
    pub fn client_request_id(mut self, id: &[u8]) -> Self {
        let fits = !id.is_empty() && id.len() <= CLIENT_ID_MAX;
        let printable = fits && id.iter().all(u8::is_ascii_graphic);
        self.client_request_id = std::str::from_utf8(id).ok().filter(|_| printable).map(Into::into);
        self
    }

    pub(crate) fn method(&self) -> &'static str {
        self.method
    }

    pub(crate) fn route(&self) -> &'static str {
        self.route
    }

    pub(crate) fn client_id(&self) -> Option<&str> {
        self.client_request_id.as_deref()
    }
}

impl Fact for RequestLine {
    const NAME: &'static str = "RequestLine";
}

/// A client may write anything for a method; the log keeps to those that exist.
fn known(method: &str) -> &'static str {
    const METHODS: [&str; 8] =
        ["POST", "GET", "OPTIONS", "HEAD", "PUT", "DELETE", "PATCH", "CONNECT"];
    METHODS.into_iter().find(|known| *known == method).unwrap_or("OTHER")
}

/// The private note of the denial that a request ended with; stated by whoever answers the denial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenialNote(pub Box<str>);

impl Fact for DenialNote {
    const NAME: &'static str = "DenialNote";
}

#[cfg(test)]
mod tests {
    use super::{CLIENT_ID_MAX, RequestLine};

    #[test]
    fn only_a_short_printable_id_of_the_client_is_kept() {
        let line = || RequestLine::new("POST", "/v1/chat/completions");
        let kept = |id: &[u8]| line().client_request_id(id).client_id().map(str::to_owned);
        assert_eq!(kept(b"req-1_a:B/2"), Some("req-1_a:B/2".into()));
        assert_eq!(kept(&[b'a'; CLIENT_ID_MAX]).map(|id| id.len()), Some(CLIENT_ID_MAX));
        let refused: [&[u8]; 5] = [b"", b"two words", b"line\nbreak", b"\xff", "ü".as_bytes()];
        for id in refused {
            assert_eq!(kept(id), None, "{id:?}");
        }
        assert_eq!(kept(&[b'a'; CLIENT_ID_MAX + 1]), None);
    }

    #[test]
    fn a_method_of_the_client_s_own_making_is_not_repeated() {
        assert_eq!(RequestLine::new("DELETE", "/").method(), "DELETE");
        assert_eq!(RequestLine::new("hello=1", "/").method(), "OTHER");
    }
}
