//! Health, metrics, and reading the configuration again.

use super::answer::{self, Answer};
use super::call::Call;
use super::refusal::Refusal;
use crate::reload::{NotReloaded, reload_off_loop};
use http::StatusCode;
use serde_json::json;

/// `GET /metrics`
pub(super) fn metrics(call: &Call) -> Result<Answer, Refusal> {
    let fixtures = &call.house.fixtures;
    fixtures.events.count_dropped();
    fixtures.own_store.read();
    if let Some(store) = &fixtures.shared_store {
        store.read();
    }
    let (content_type, text) = fixtures.meter.render();
    Ok(answer::bytes(StatusCode::OK, content_type, text))
}

/// `GET /healthz`
pub(super) fn health(_: &Call) -> Result<Answer, Refusal> {
    Ok(answer::ok(&json!({ "status": "ok" })))
}

/// `GET /readyz`
///
/// Ready: the configuration is in force, the store can be used, the listeners are open, and nobody has
/// told us to stop.
pub(super) fn readiness(call: &Call) -> Result<Answer, Refusal> {
    let house = &call.house;
    if house.is_ready() {
        return Ok(answer::ok(&json!({ "status": "ready" })));
    }
    let status = if house.drain.is_draining() {
        "draining"
    } else if house.fixtures.directory.is_healthy() {
        "starting"
    } else {
        "store unavailable"
    };
    Ok(answer::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": status })))
}

/// `POST /admin/v1/reload`
pub(super) async fn reload(call: Call) -> Result<Answer, Refusal> {
    match reload_off_loop(&call.house, &call.config_path).await {
        Ok(waiting) => Ok(answer::ok(&json!({ "status": "reloaded", "restart_needed": waiting }))),
        Err(NotReloaded(errors)) => {
            let message = "The configuration in force stays in force.";
            Err(Refusal::unprocessable(None, message).details(json!({ "errors": errors })))
        }
    }
}
