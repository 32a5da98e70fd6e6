//! Refusals, in the shape of the data listener's.

use super::answer::{self, Answer};
use crate::reply;
use behest_contract::denial::{Denial, Kind};
use behest_contract::directory::Failure;
use behest_contract::ports::Busy;
use http::header;
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;

/// How long to wait when the store or the machine cannot do it now.
const WAIT: Duration = Duration::from_secs(1);

/// Why a call is not carried out.
#[derive(Debug)]
pub(super) struct Refusal {
    kind: Kind,
    message: Box<str>,
    param: Option<Box<str>>,
    details: Option<Box<Value>>,
    allow: Option<Box<str>>,
    wait: Option<Duration>,
}

impl Refusal {
    fn new(kind: Kind, message: impl Into<Box<str>>) -> Self {
        let message = message.into();
        Self { kind, message, param: None, details: None, allow: None, wait: None }
    }

    /// A member of the body or the query is wrong.
    pub(super) fn wrong(param: impl Into<Box<str>>, message: impl Into<Box<str>>) -> Self {
        Self { param: Some(param.into()), ..Self::new(Kind::Invalid, message) }
    }

    /// The request as a whole is wrong.
    pub(super) fn invalid(message: impl Into<Box<str>>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    /// It is right, and this version does not do it yet.
    pub(super) fn unprocessable(param: Option<&str>, message: impl Into<Box<str>>) -> Self {
        Self { param: param.map(Box::from), ..Self::new(Kind::Unprocessable, message) }
    }

    /// Wrong or missing secret.
    pub(super) fn unauthenticated() -> Self {
        Self::new(Kind::Unauthenticated, "Wrong or missing admin secret.")
    }

    /// There is no such thing.
    pub(super) fn missing(what: &str, id: &str) -> Self {
        Self::new(Kind::NotFound, format!("There is no {what} {id:?}."))
    }

    /// There is nothing at this path.
    pub(super) fn no_path() -> Self {
        Self::new(Kind::NotFound, "There is nothing at this path.")
    }

    /// A known path with another method.
    pub(super) fn other_method(allow: String) -> Self {
        let refusal = Self::new(Kind::MethodNotAllowed, "This path knows other methods.");
        Self { allow: Some(allow.into()), ..refusal }
    }

    /// Something stands in the way.
    pub(super) fn conflict(message: impl Into<Box<str>>) -> Self {
        Self::new(Kind::Conflict, message)
    }

    /// Somebody else was faster, and not only once.
    pub(super) fn outrun() -> Self {
        Self::conflict("This was changed meanwhile. Try again.")
    }

    /// The configuration file owns it.
    pub(super) fn declared(what: &str, id: &str) -> Self {
        Self::conflict(format!(
            "The configuration file declares the {what} {id:?}; change it there."
        ))
    }

    /// The body is too large.
    pub(super) fn too_large(bytes_max: usize) -> Self {
        Self::new(Kind::TooLarge, format!("A body may have at most {bytes_max} bytes."))
    }

    /// The body did not come, or not in time.
    pub(super) fn too_slow() -> Self {
        Self::new(Kind::ClientTimeout, "The body did not come in time.")
    }

    /// Something of ours cannot do it now. What it is goes to the log.
    pub(super) fn unavailable(why: impl fmt::Display) -> Self {
        log::error!("admin: {why}");
        let refusal = Self::new(Kind::Unavailable, "This cannot be done now.");
        Self { wait: Some(WAIT), ..refusal }
    }

    /// Adds machine-readable particulars.
    pub(super) fn details(self, details: Value) -> Self {
        Self { details: Some(Box::new(details)), ..self }
    }

    /// The answer.
    pub(super) fn into_answer(self) -> Answer {
        let (status, of_type) = reply::row(self.kind);
        let code = self.kind.code();
        let body = json!({
            "error": {
                "message": self.message,
                "type": of_type,
                "code": code,
                "param": self.param,
                "details": self.details,
            },
            "code": code,
            "message": self.message,
        });
        let mut answer = answer::json(status, &body);
        if let Some(allow) = &self.allow {
            answer = answer::with(answer, header::ALLOW, allow);
        }
        if let Some(wait) = self.wait {
            let seconds = wait.as_secs().max(1).to_string();
            answer = answer::with(answer, header::RETRY_AFTER, &seconds);
        }
        answer
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Conflict(_) => Self::outrun(),
            Failure::Unavailable(why) => Self::unavailable(why),
        }
    }
}

impl From<Busy> for Refusal {
    fn from(_: Busy) -> Self {
        Self::unavailable("no room for more work off the event loop")
    }
}

impl From<Box<Denial>> for Refusal {
    fn from(denial: Box<Denial>) -> Self {
        Self {
            kind: denial.kind,
            message: denial.message.into(),
            param: denial.param.map(Box::from),
            details: denial.details,
            allow: None,
            wait: denial.retry_after,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Refusal;
    use serde_json::{Value, json};

    #[test]
    fn a_refusal_has_every_key_and_its_mirror() {
        let answer = Refusal::wrong("name", "No.").details(json!({ "a": 1 })).into_answer();
        assert_eq!(answer.status(), 400);
        let body: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(
            body,
            json!({
                "error": {"message": "No.", "type": "invalid_request_error",
                    "code": "validation_error", "param": "name", "details": {"a": 1}},
                "code": "validation_error",
                "message": "No.",
            })
        );
    }

    #[test]
    fn a_refusal_says_what_would_help() {
        let answer = Refusal::other_method("GET, POST".to_owned()).into_answer();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["allow"]),
            (405, &"GET, POST".parse().unwrap())
        );
        let answer = Refusal::unavailable("down").into_answer();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["retry-after"]),
            (503, &"1".parse().unwrap())
        );
        assert!(!String::from_utf8_lossy(answer.body()).contains("down"));
    }
}
