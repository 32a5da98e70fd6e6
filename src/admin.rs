//! The admin listener: metrics, health, and the API. It never touches the data path.

mod secret;

pub use secret::AdminSecret;

use crate::house::House;
use crate::reload::{NotReloaded, reload_off_loop};
use async_trait::async_trait;
use http::{Method, Response, StatusCode, header};
use pingora::apps::http_app::ServeHttp;
use pingora::protocols::http::ServerSession;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A body is read to keep the connection usable; nothing of today's API has one.
const BODY_MAX: usize = 64 * 1024;
const BODY_TIME_MAX: Duration = Duration::from_secs(5);

/// The admin application.
pub struct Admin {
    house: Arc<House>,
    path: PathBuf,
    secret: AdminSecret,
}

type Answer = Response<Vec<u8>>;

impl Admin {
    /// An admin application for this house, whose configuration lies at `path`.
    pub fn new(house: Arc<House>, path: PathBuf, secret: AdminSecret) -> Self {
        Self { house, path, secret }
    }

    async fn answer(&self, session: &ServerSession) -> Answer {
        let head = session.req_header();
        let path = head.uri.path();
        let route = match path {
            "/metrics" | "/healthz" | "/readyz" => Some(Method::GET),
            "/admin/v1/reload" => Some(Method::POST),
            _ => None,
        };
        if path.starts_with("/admin/") && !self.secret.opens(&head.headers) {
            return error(
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                "Wrong or missing admin secret.",
            );
        }
        match route {
            None => error(StatusCode::NOT_FOUND, "not_found", "There is nothing at this path."),
            Some(method) if method != head.method => not_allowed(&method),
            Some(_) => match path {
                "/metrics" => self.metrics(),
                "/healthz" => json_answer(StatusCode::OK, &json!({ "status": "ok" })),
                "/readyz" => self.readiness(),
                _ => self.reload().await,
            },
        }
    }

    fn metrics(&self) -> Answer {
        let (content_type, text) = self.house.fixtures.meter.render();
        answer(StatusCode::OK, content_type, text)
    }

    /// Ready: the configuration is in force, the listeners are open, and nobody has told us to stop.
    fn readiness(&self) -> Answer {
        if self.house.is_ready() {
            return json_answer(StatusCode::OK, &json!({ "status": "ready" }));
        }
        let status = if self.house.drain.is_draining() { "draining" } else { "starting" };
        json_answer(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": status }))
    }

    async fn reload(&self) -> Answer {
        match reload_off_loop(&self.house, &self.path).await {
            Ok(()) => json_answer(StatusCode::OK, &json!({ "status": "reloaded" })),
            Err(NotReloaded(errors)) => {
                let message = "The configuration in force stays in force.";
                let mut body = error_body("validation_error", message);
                if let Some(error) = body.get_mut("error") {
                    error["details"] = json!({ "errors": errors });
                }
                json_answer(StatusCode::UNPROCESSABLE_ENTITY, &body)
            }
        }
    }
}

#[async_trait]
impl ServeHttp for Admin {
    async fn response(&self, session: &mut ServerSession) -> Answer {
        let _ = tokio::time::timeout(BODY_TIME_MAX, read_body(session)).await;
        self.answer(session).await
    }
}

async fn read_body(session: &mut ServerSession) {
    let mut read = 0;
    while let Ok(Some(piece)) = session.read_request_body().await {
        read += piece.len();
        if read > BODY_MAX {
            return;
        }
    }
}

fn not_allowed(allow: &Method) -> Answer {
    let message = "This path knows another method.";
    let mut answer = error(StatusCode::METHOD_NOT_ALLOWED, "validation_error", message);
    if let Ok(allow) = allow.as_str().parse() {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    answer
}

fn error(status: StatusCode, code: &str, message: &str) -> Answer {
    json_answer(status, &error_body(code, message))
}

/// The data listener's shape, so that one reader serves for both.
fn error_body(code: &str, message: &str) -> Value {
    let of_type =
        if code == "invalid_token" { "authentication_error" } else { "invalid_request_error" };
    json!({
        "error": { "message": message, "type": of_type, "code": code, "param": null, "details": null },
        "code": code,
        "message": message,
    })
}

fn json_answer(status: StatusCode, body: &Value) -> Answer {
    answer(status, "application/json", body.to_string().into_bytes())
}

fn answer(status: StatusCode, content_type: &str, body: Vec<u8>) -> Answer {
    let built = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, content_type)
        .header(header::CONTENT_LENGTH, body.len())
        .body(body);
    built.unwrap_or_else(|_| Response::new(Vec::new()))
}
