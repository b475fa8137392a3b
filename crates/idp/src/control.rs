//! What tests turn: `/dev/faults` and `/dev/rotate`. Off unless the configuration has `control`.
//!
//! * `GET /dev/faults`: the faults in force and the counts.
//! * `POST /dev/faults`: one more, as JSON or form: `{"fault": "slow", "millis": 500, "on": "token", "times": 2}`.
//! * `DELETE /dev/faults`, or the fault `none`: all cleared.
//! * `POST /dev/rotate`: `{"how": "announced" | "unannounced" | "withdraw"}`; without a body, announced.
//!
//! A browser that another site made send a request is refused.

use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::faults::Fault;
use crate::keys::Rotation;
use crate::reply;
use crate::tenant::{Call, Tenant};

/// The largest body that a fault may ask for: more than any reader should accept, less than what hurts.
const LARGEST: usize = 64 << 20;

/// The members of a fault. A misspelt one must not widen it.
const KNOWN: [&str; 9] = ["fault", "on", "face", "times", "millis", "bytes", "seconds", "error", "token_type"];

/// `/dev/faults`
pub(crate) fn faults(tenant: &Tenant, call: &Call<'_>) -> Response<Bytes> {
    if call.comes_from_elsewhere(tenant) {
        return refused(StatusCode::FORBIDDEN, "another site sent this");
    }
    match call.parts.method {
        Method::GET => {}
        Method::DELETE => tenant.clear_faults(),
        Method::POST => {
            let body = match body(call) {
                Ok(body) => body,
                Err(message) => return refused(StatusCode::BAD_REQUEST, &message),
            };
            if body.get("fault").and_then(Value::as_str) == Some("none") {
                tenant.clear_faults();
            } else if let Some(name) = body.keys().find(|name| !KNOWN.contains(&name.as_str())) {
                return refused(StatusCode::BAD_REQUEST, &format!("unknown member `{name}`"));
            } else {
                match Fault::deserialize(Value::Object(body)) {
                    Ok(fault) if !too_large(&fault) => tenant.set_fault(fault),
                    Ok(_) => return refused(StatusCode::BAD_REQUEST, "at most 64 MiB"),
                    Err(error) => return refused(StatusCode::BAD_REQUEST, &error.to_string()),
                }
            }
        }
        _ => return refused(StatusCode::METHOD_NOT_ALLOWED, "GET, POST or DELETE"),
    }
    let body = json!({ "faults": tenant.state.faults().list(), "counts": tenant.counts() });
    reply::json(StatusCode::OK, &body)
}

/// `/dev/rotate`
pub(crate) fn rotate(tenant: &Tenant, call: &Call<'_>) -> Response<Bytes> {
    if call.comes_from_elsewhere(tenant) {
        return refused(StatusCode::FORBIDDEN, "another site sent this");
    }
    if call.parts.method != Method::POST {
        return refused(StatusCode::METHOD_NOT_ALLOWED, "POST");
    }
    let rotation = match body(call) {
        Ok(body) => Rotation::deserialize(body.get("how").unwrap_or(&json!("announced"))).map_err(|e| e.to_string()),
        Err(message) => Err(message),
    };
    match rotation.and_then(|rotation| tenant.rotate(rotation)) {
        Ok(()) => reply::json(StatusCode::OK, &json!({ "rotated": true })),
        Err(message) => refused(StatusCode::BAD_REQUEST, &message),
    }
}

fn too_large(fault: &Fault) -> bool {
    matches!(fault.kind, crate::faults::FaultKind::Huge { bytes } if bytes > LARGEST)
}

/// A JSON object, or a form whose numbers are numbers.
fn body(call: &Call<'_>) -> Result<Map<String, Value>, String> {
    if call.body.is_empty() {
        return Ok(Map::new());
    }
    let is_form = call
        .parts
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|v| v.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    if is_form && call.body.first() != Some(&b'{') {
        let value = |text: &str| text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number));
        let pairs = url::form_urlencoded::parse(call.body);
        return Ok(pairs.map(|(name, text)| (name.into_owned(), value(&text))).collect());
    }
    serde_json::from_slice(call.body).map_err(|e| format!("not a JSON object: {e}"))
}

fn refused(status: StatusCode, message: &str) -> Response<Bytes> {
    reply::json(status, &json!({ "error": message }))
}
