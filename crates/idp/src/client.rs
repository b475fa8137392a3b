//! Client authentication at the token endpoint: a secret by form or by Basic, or, for a public client, nothing.
//!
//! Assertions (RFC 7523) will stand beside the secret here.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header;
use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret;

use crate::directory::Application;
use crate::errors::{self, AuthError};
use crate::params::Params;
use crate::tenant::{Call, Tenant};

/// Rule 2 of [`crate::token`].
pub(crate) fn authenticate(tenant: &Tenant, call: &Call<'_>, params: &Params) -> Result<Arc<Application>, AuthError> {
    let basic = basic_credentials(call)?;
    let id = match (&basic, params.get("client_id")) {
        (Some((id, _)), Some(other)) if id != other => {
            return Err(errors::MALFORMED.because("The client is named twice, and differently."));
        }
        (Some((id, _)), _) => id.as_str(),
        (None, _) => params.require("client_id")?,
    };
    let client = tenant.client(id)?;
    let presented = basic.as_ref().map(|(_, secret)| secret.as_str()).or(params.get("client_secret"));
    match (&client.secrets, presented) {
        (None, None) => Ok(client),
        (None, Some(_)) => Err(errors::CLIENT_IS_PUBLIC
            .because("Client is public so neither 'client_assertion' nor 'client_secret' should be presented.")),
        (Some(_), None) => Err(errors::SECRET_MISSING
            .because("The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")),
        (Some(secrets), Some(presented)) => {
            let equal = |secret: &str| verify_slices_are_equal(secret.as_bytes(), presented.as_bytes()).is_ok();
            if secrets.iter().any(|secret| equal(secret.expose_secret())) {
                return Ok(client);
            }
            Err(errors::SECRET_WRONG.because(format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{id}'.",
            )))
        }
    }
}

/// HTTP Basic, both halves form-encoded before (RFC 6749 §2.3.1).
fn basic_credentials(call: &Call<'_>) -> Result<Option<(String, String)>, AuthError> {
    let Some(value) = call.parts.headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let malformed = || errors::MALFORMED.because("The Authorization header is not HTTP Basic.");
    let encoded = value.to_str().ok().and_then(|v| v.split_once(' ')).ok_or_else(malformed)?;
    if !encoded.0.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let decoded = STANDARD.decode(encoded.1.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = decoded.ok_or_else(malformed)?;
    let (id, secret) = decoded.split_once(':').ok_or_else(malformed)?;
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(|t| t.into_owned()).map_err(|_| malformed())
    };
    Ok(Some((decode(id)?, decode(secret)?)))
}
