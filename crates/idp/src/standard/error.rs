//! What goes wrong, as RFC 6749 §5.2 says it: without numbers.

use bytes::Bytes;
use http::{Response, StatusCode, header};
use serde_json::{Value, json};

use crate::errors::{self, AuthError};
use crate::reply;

/// A failure.
#[derive(Debug)]
pub(super) struct OAuthError {
    pub(super) error: &'static str,
    pub(super) status: StatusCode,
    pub(super) message: String,
    /// What the client has to bring from the sign-in next.
    pub(super) claims: Option<Value>,
}

impl OAuthError {
    /// One that is answered with 400.
    pub(super) fn new(error: &'static str, message: impl Into<String>) -> OAuthError {
        OAuthError { error, status: StatusCode::BAD_REQUEST, message: message.into(), claims: None }
    }

    /// The answer of an endpoint for programs.
    pub(super) fn response(&self) -> Response<Bytes> {
        let mut body = json!({ "error": self.error, "error_description": self.message });
        if let Some(claims) = &self.claims {
            body["claims"] = json!(claims.to_string());
        }
        let mut response = reply::json(self.status, &body);
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = header::HeaderValue::from_static("Basic realm=\"token endpoint\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// What both faces check is refused by the same rules; some of Entra's names for it are its own.
impl From<AuthError> for OAuthError {
    fn from(error: AuthError) -> Self {
        let (name, status) = match error.kind {
            errors::CLIENT_UNKNOWN => ("invalid_client", StatusCode::UNAUTHORIZED),
            errors::REDIRECT_MISMATCH => ("invalid_grant", StatusCode::BAD_REQUEST),
            errors::INTERNAL => ("server_error", StatusCode::INTERNAL_SERVER_ERROR),
            _ => (error.kind.error, error.status()),
        };
        OAuthError { error: name, status, message: error.message, claims: error.claims }
    }
}
