//! A refusal in the form in which API servers refuse, so that kubectl and client libraries show it to people.
//!
//! It says no more than our own form does: the status in words, and the request id. That somebody may not act as somebody
//! else here is said, since it is about the request and not about the caller.

use http::header::CONTENT_LENGTH;
use http::{Response, StatusCode};
use serde::Serialize;

use super::refusal::ClusterRefusal;
use crate::{Body, Refusal};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'s> {
    kind: &'static str,
    api_version: &'static str,
    metadata: Nothing,
    status: &'static str,
    message: &'s str,
    reason: &'static str,
    code: u16,
}

#[derive(Serialize)]
struct Nothing {}

/// The same answer with Kubernetes' `Status` as its body.
pub(crate) fn say(response: Response<Body>, refusal: &Refusal, request_id: &str) -> Response<Body> {
    let (mut head, _) = response.into_parts();
    let (reason, said) = words(head.status, refusal);
    let message = format!("{said} (the gate's request id: {request_id})");
    let status = Status {
        kind: "Status",
        api_version: "v1",
        metadata: Nothing {},
        status: "Failure",
        message: &message,
        reason,
        code: head.status.as_u16(),
    };
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(head, Body::from(serde_json::to_vec(&status).unwrap_or_default()))
}

/// The reason as Kubernetes calls it, and a sentence.
fn words(status: StatusCode, refusal: &Refusal) -> (&'static str, &'static str) {
    if matches!(refusal, Refusal::Cluster(ClusterRefusal::ImpersonationAsked { .. })) {
        return ("Forbidden", "impersonation is not passed on: leave --as, --as-group and --as-uid out");
    }
    match status {
        StatusCode::BAD_REQUEST => ("BadRequest", "the gate could not understand the request"),
        StatusCode::UNAUTHORIZED => ("Unauthorized", "the gate does not know who calls"),
        StatusCode::FORBIDDEN => ("Forbidden", "the gate does not admit this caller to this cluster"),
        StatusCode::NOT_FOUND => ("NotFound", "there is nothing at this place of the gate"),
        StatusCode::METHOD_NOT_ALLOWED => ("MethodNotAllowed", "the gate does not offer this method here"),
        StatusCode::PAYLOAD_TOO_LARGE => ("RequestEntityTooLarge", "the request is larger than the gate accepts"),
        StatusCode::BAD_GATEWAY => {
            ("ServiceUnavailable", "the cluster's API server does not answer the gate, or does not know it")
        }
        StatusCode::SERVICE_UNAVAILABLE => ("ServiceUnavailable", "the gate can't decide just now who calls"),
        StatusCode::GATEWAY_TIMEOUT => ("Timeout", "the cluster's API server did not answer the gate in time"),
        _ => ("InternalError", "the gate failed"),
    }
}
