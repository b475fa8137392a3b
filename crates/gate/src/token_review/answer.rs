//! What is said outward. For a bad token that is always the same.

use gangplank_authn::token_review::{ReviewVersion, TokenReviewStatus};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use serde_json::json;

use super::refusal::TokenReviewRefusal;
use crate::Body;
use crate::context::X_REQUEST_ID;
use crate::metrics::Reviewed;

/// A review that was answered.
pub(super) fn status(version: ReviewVersion, status: &TokenReviewStatus) -> Response<Body> {
    json(StatusCode::OK, status.to_json(version))
}

/// A review that was refused, and what it is counted as. With `id` the API server gets a text to log.
pub(super) fn refusal(
    version: ReviewVersion,
    refusal: &TokenReviewRefusal,
    id: Option<&String>,
) -> (Response<Body>, Reviewed) {
    match refusal.status() {
        StatusCode::OK => {
            let error = id.map(|id| format!("the token is not accepted, see the webhook's log for request {id}"));
            let no = TokenReviewStatus { error: error.unwrap_or_default(), ..TokenReviewStatus::default() };
            (status(version, &no), Reviewed::Refused)
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            (failure(StatusCode::SERVICE_UNAVAILABLE, "the token can't be judged now"), Reviewed::Undecided)
        }
        status => {
            // About the form of the question, and nothing about its token.
            let mut response = failure(status, &refusal.to_string());
            if status == StatusCode::METHOD_NOT_ALLOWED {
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            }
            (response, Reviewed::Malformed)
        }
    }
}

/// The request's id, to find it in the log by.
pub(super) fn with_id(mut response: Response<Body>, id: &str) -> Response<Body> {
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    response
}

/// A `Status` as API servers and their clients read and show it.
fn failure(status: StatusCode, message: &str) -> Response<Body> {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": status.canonical_reason().unwrap_or_default().replace(' ', ""), "code": status.as_u16(),
    });
    json(status, body.to_string().into_bytes())
}

fn json(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
