//! Tokens: good ones to begin with, and their parts to take them apart.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::conf::now;
use super::rsa::{Rsa, base64url};

/// The claims that the oldest signers send, and no more.
pub(crate) fn claims(tenant: &str, project: &str, user: &str) -> Value {
    let now = now();
    json!({
        "tid": tenant,
        "pid": project,
        "uid": user,
        "iss": "behest",
        "aud": "behest",
        "iat": now,
        "nbf": now,
        "exp": now + 300,
    })
}

pub(crate) fn header(kid: &str) -> Value {
    json!({ "alg": "RS256", "typ": "JWT", "kid": kid })
}

/// A token of these parts, signed as RS256 says.
pub(crate) fn signed(key: &Rsa, header: &Value, payload: &Value) -> String {
    signed_text(key, &header.to_string(), &payload.to_string())
}

/// The same of parts that need not be JSON.
pub(crate) fn signed_text(key: &Rsa, header: &str, payload: &str) -> String {
    let message = format!("{}.{}", base64url(header), base64url(payload));
    let signature = key.sign(message.as_bytes());
    format!("{message}.{}", base64url(signature))
}

/// A token taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) header: Value,
    pub(crate) payload: Value,
    pub(crate) signature: Vec<u8>,
    /// What is signed: the first two parts as they came.
    pub(crate) message: String,
}

impl Parts {
    #[track_caller]
    pub(crate) fn of(token: &str) -> Self {
        let parts: Vec<&str> = token.split('.').collect();
        assert_eq!(parts.len(), 3, "{token}");
        let bytes = |at: usize| URL_SAFE_NO_PAD.decode(parts[at]).unwrap();
        Self {
            header: serde_json::from_slice(&bytes(0)).unwrap(),
            payload: serde_json::from_slice(&bytes(1)).unwrap(),
            signature: bytes(2),
            message: format!("{}.{}", parts[0], parts[1]),
        }
    }

    /// The names of the claims, in their order.
    pub(crate) fn claim_names(&self) -> Vec<&str> {
        self.payload.as_object().unwrap().keys().map(String::as_str).collect()
    }
}
