//! What goes wrong, with the numbers that Entra gives it.
//!
//! An [`AuthError`] becomes a JSON answer (token endpoint), parameters of a redirect (authorize endpoint) or a page
//! (when there is nowhere safe to redirect to). The numbers are what applications and people search for.

use gangplank_jose::UnixTime;
use http::StatusCode;
use serde_json::{Value, json};

use crate::guid;

/// One kind of failure.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Aadsts {
    /// The number after `AADSTS`.
    pub(crate) code: u32,
    /// The OAuth error.
    pub(crate) error: &'static str,
    /// The status of the token endpoint's answer.
    pub(crate) status: u16,
}

macro_rules! table {
    ($($name:ident = $code:literal $error:literal $status:literal;)*) => {
        $(pub(crate) const $name: Aadsts = Aadsts { code: $code, error: $error, status: $status };)*
        #[cfg(test)]
        const ALL: &[Aadsts] = &[$($name),*];
    };
}

table! {
    TENANT_UNKNOWN = 90002 "invalid_request" 400;
    PARAMETER_MISSING = 900144 "invalid_request" 400;
    PARAMETER_DUPLICATED = 9000411 "invalid_request" 400;
    MALFORMED = 9002313 "invalid_request" 400;
    NOT_A_POST = 900561 "invalid_request" 405;
    CLIENT_UNKNOWN = 700016 "unauthorized_client" 400;
    SECRET_MISSING = 7000218 "invalid_client" 401;
    SECRET_WRONG = 7000215 "invalid_client" 401;
    CLIENT_IS_PUBLIC = 700025 "invalid_client" 401;
    ASSERTION_MALFORMED = 50027 "invalid_client" 401;
    ASSERTION_CLIENT = 700021 "invalid_client" 401;
    ASSERTION_AUDIENCE = 700023 "invalid_client" 401;
    ASSERTION_TIME = 700024 "invalid_client" 401;
    ASSERTION_KEY = 700027 "invalid_client" 401;
    FEDERATED_ISSUER = 700211 "invalid_client" 401;
    FEDERATED_AUDIENCE = 700212 "invalid_client" 401;
    FEDERATED_SUBJECT = 700213 "invalid_client" 401;
    USER_ASSERTION_INVALID = 50013 "invalid_grant" 400;
    USER_ASSERTION_AUDIENCE = 500131 "invalid_grant" 400;
    USER_ASSERTION_TIME = 500133 "invalid_grant" 400;
    USER_ASSERTION_ID_TOKEN = 240002 "invalid_grant" 400;
    USER_ASSERTION_APP_ONLY = 7000114 "unauthorized_client" 400;
    CONSENT_MISSING = 65001 "invalid_grant" 400;
    MFA_REQUIRED = 50076 "interaction_required" 400;
    PASSWORD_WRONG = 50126 "invalid_grant" 400;
    DEVICE_PENDING = 70016 "authorization_pending" 400;
    DEVICE_CODE_UNKNOWN = 70018 "bad_verification_code" 400;
    DEVICE_CODE_EXPIRED = 70020 "expired_token" 400;
    DEVICE_DECLINED = 650040 "authorization_declined" 400;
    NOT_DEFAULT_SCOPE = 1002012 "invalid_scope" 400;
    REDIRECT_UNKNOWN = 50011 "invalid_request" 400;
    RESPONSE_TYPE_UNSUPPORTED = 70005 "unsupported_response_type" 400;
    RESPONSE_MODE_UNSUPPORTED = 70007 "invalid_request" 400;
    PROMPT_UNSUPPORTED = 90023 "invalid_request" 400;
    PKCE_REQUIRED = 9002325 "invalid_request" 400;
    PKCE_MALFORMED = 501491 "invalid_request" 400;
    SIGN_IN_REQUIRED = 50058 "login_required" 400;
    OTHER_USER_SIGNED_IN = 16000 "interaction_required" 400;
    USER_UNKNOWN = 50034 "invalid_grant" 400;
    CANCELLED = 65004 "access_denied" 400;
    GRANT_UNSUPPORTED = 70003 "unsupported_grant_type" 400;
    GRANT_INVALID = 70000 "invalid_grant" 400;
    GRANT_REVOKED = 50173 "invalid_grant" 400;
    CODE_EXPIRED = 70008 "invalid_grant" 400;
    CODE_REDEEMED = 54005 "invalid_grant" 400;
    REDIRECT_MISMATCH = 500112 "invalid_client" 400;
    PKCE_MISMATCH = 501481 "invalid_grant" 400;
    REFRESH_EXPIRED = 700082 "invalid_grant" 400;
    SCOPE_INVALID = 70011 "invalid_scope" 400;
    SCOPE_UNKNOWN = 650053 "invalid_client" 400;
    OWN_BY_URI = 90009 "invalid_request" 400;
    SEVERAL_RESOURCES = 28000 "invalid_grant" 400;
    RESOURCE_UNKNOWN = 500011 "invalid_resource" 400;
    RESOURCE_WITH_SCOPES = 9010010 "invalid_target" 400;
    INTERNAL = 90033 "temporarily_unavailable" 503;
    TOO_LARGE = 90015 "invalid_request" 413;
}

/// A failure with its facts. The message may repeat what the caller sent; every way out escapes it.
#[derive(Debug)]
pub(crate) struct AuthError {
    pub(crate) kind: Aadsts,
    pub(crate) message: String,
    /// What the client has to bring from the sign-in next.
    pub(crate) claims: Option<Value>,
}

impl Aadsts {
    /// This failure, with its facts in one sentence.
    pub(crate) fn because(self, message: impl Into<String>) -> AuthError {
        AuthError { kind: self, message: message.into(), claims: None }
    }
}

impl AuthError {
    /// The answer's status at the token endpoint.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::BAD_REQUEST)
    }

    /// One line, as pages show it.
    pub(crate) fn headline(&self) -> String {
        format!("AADSTS{}: {}", self.kind.code, self.message)
    }

    /// `error_description`.
    pub(crate) fn description(&self, trace: &Trace) -> String {
        format!(
            "{} Trace ID: {} Correlation ID: {} Timestamp: {}",
            self.headline(),
            trace.id,
            trace.correlation,
            trace.timestamp
        )
    }

    /// The token endpoint's body.
    pub(crate) fn to_json(&self, trace: &Trace) -> Value {
        let mut body = json!({
            "error": self.kind.error,
            "error_description": self.description(trace),
            "error_codes": [self.kind.code],
            "timestamp": trace.timestamp,
            "trace_id": trace.id,
            "correlation_id": trace.correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.kind.code),
        });
        if let Some(claims) = &self.claims {
            // As text: so does the original.
            body["claims"] = json!(claims.to_string());
            body["suberror"] = json!("basic_action");
        }
        body
    }
}

/// What identifies one answer in a support case.
#[derive(Debug)]
pub(crate) struct Trace {
    id: String,
    correlation: String,
    timestamp: String,
}

impl Trace {
    /// `asked_for` is the client's `client-request-id`; anything but a GUID is ignored.
    pub(crate) fn new(asked_for: Option<&str>, now: UnixTime) -> Trace {
        let asked_for = asked_for.map(str::to_ascii_lowercase).filter(|id| guid::is_guid(id));
        Trace {
            id: guid::random(),
            correlation: asked_for.unwrap_or_else(guid::random),
            timestamp: now.to_string().replace('T', " "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique() {
        let mut codes: Vec<_> = ALL.iter().map(|kind| kind.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ALL.len());
    }

    #[test]
    fn the_body_has_what_msal_reads() {
        let id = "0B000000-0000-4000-8000-000000000000";
        let trace = Trace::new(Some(id), UnixTime::from_secs(1_795_305_600));
        let body = GRANT_INVALID.because("No.").to_json(&trace);
        assert_eq!(body["error_codes"], json!([70000]));
        assert_eq!(body["timestamp"], "2026-11-22 00:00:00Z");
        assert_eq!(body["correlation_id"], id.to_ascii_lowercase());
        assert!(body["error_description"].as_str().unwrap().starts_with("AADSTS70000: No. Trace ID: "));
    }
}
