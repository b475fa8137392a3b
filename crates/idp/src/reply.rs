//! Answers: JSON, pages and redirects with the headers that each needs.

use std::time::Duration;

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde_json::Value;

/// An answer, and what the edge has to do to it: a pure function can neither be slow nor hang up.
#[derive(Debug)]
pub struct Reply {
    /// The answer.
    pub response: Response<Bytes>,
    /// How long to wait before it is sent.
    pub delay: Duration,
    /// Whether to close the connection instead of sending it.
    pub hang_up: bool,
}

impl From<Response<Bytes>> for Reply {
    fn from(response: Response<Bytes>) -> Self {
        Reply { response, delay: Duration::ZERO, hang_up: false }
    }
}

/// The only script there is: it sends the form of a `form_post` answer, which also has a button.
pub(crate) const SUBMIT_SCRIPT: &str = "document.forms[0].submit()";

/// An answer with headers; those that can't be written are left out.
pub(crate) fn answer(status: StatusCode, body: impl Into<Bytes>, headers: &[(HeaderName, String)]) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let common = [(header::CACHE_CONTROL, "no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    for (name, value) in common {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().append(name.clone(), value);
        }
    }
    response
}

/// JSON. Readable from every origin, as Entra's metadata is; nothing here depends on a cookie.
pub(crate) fn json(status: StatusCode, body: &Value) -> Response<Bytes> {
    let headers = [
        (header::CONTENT_TYPE, "application/json; charset=utf-8".to_owned()),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*".to_owned()),
    ];
    answer(status, body.to_string(), &headers)
}

/// A page. `targets` are schemes to which its forms may lead, by redirects as well: browsers apply `form-action` to
/// the whole chain.
pub(crate) fn page(status: StatusCode, template: &impl Template, target: Option<&url::Url>) -> Response<Bytes> {
    let Ok(body) = template.render() else {
        return answer(StatusCode::INTERNAL_SERVER_ERROR, "This page cannot be shown.", &[]);
    };
    let scheme = target.map(|url| format!(" {}:", url.scheme())).unwrap_or_default();
    let script = STANDARD.encode(digest(&SHA256, SUBMIT_SCRIPT.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'sha256-{script}'; form-action 'self' http: https:{scheme}; frame-ancestors 'none'; base-uri 'none'"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_FRAME_OPTIONS, "DENY".to_owned()),
        // Not no-referrer: the sign-in form's POST has to say its origin.
        (header::REFERRER_POLICY, "same-origin".to_owned()),
    ];
    answer(status, body, &headers)
}

/// A redirect, with cookies to set.
pub(crate) fn redirect(location: &str, cookies: Vec<String>) -> Response<Bytes> {
    let mut headers = vec![(header::LOCATION, location.to_owned())];
    headers.extend(cookies.into_iter().map(|cookie| (header::SET_COOKIE, cookie)));
    answer(StatusCode::FOUND, "", &headers)
}
