//! A second factor, where an application's registration demands one of a user (`mfa`), as conditional access would.
//!
//! 1. Whoever signs in for such an application on a page, a device's included, brings it there: the page asks for nothing
//!    anyway.
//! 2. Any other way to a token for it (refresh, on-behalf-of, password) is answered with AADSTS50076 and a
//!    claims challenge, unless the sign-in that it comes from had the second factor: `amr` says so.
//! 3. A client that brings the challenge to the authorization endpoint in `claims` gets the page, whatever session there
//!    is; that sign-in has the second factor, for whatever resource.
//! 4. Other contents of `claims` change nothing (MSAL states its capabilities there), but it has to be a JSON object.

use serde_json::{Value, json};

use crate::directory::User;
use crate::errors::{self, AuthError};
use crate::params::Params;
use crate::scopes::{Granted, Resource};

/// The conditional access policy that the challenge names.
const POLICY: &str = "ca000000-0000-4000-8000-000000000001";

/// Whether the resource of a grant demands a second factor of a user.
pub(crate) fn is_demanded(granted: &Granted, user: &User) -> bool {
    matches!(&granted.resource, Resource::Application(application) if application.demands_mfa_of(user))
}

/// Rule 2. `had` is whether the sign-in had a second factor.
pub(crate) fn require(granted: &Granted, user: &User, had: bool) -> Result<(), AuthError> {
    if had || !is_demanded(granted, user) { Ok(()) } else { Err(challenge(&granted.audience)) }
}

/// The refusal with its challenge.
pub(crate) fn challenge(resource: &str) -> AuthError {
    let message = format!(
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '{resource}'.",
    );
    let claims = json!({ "access_token": { "capolids": { "essential": true, "values": [POLICY] } } });
    AuthError { claims: Some(claims), ..errors::MFA_REQUIRED.because(message) }
}

/// Rules 3 and 4.
pub(crate) fn is_brought(params: &Params) -> Result<bool, AuthError> {
    let Some(text) = params.get("claims") else { return Ok(false) };
    let claims: Option<Value> = serde_json::from_str(text).ok().filter(Value::is_object);
    let claims = claims.ok_or_else(|| errors::MALFORMED.because("The parameter 'claims' must be a JSON object."))?;
    Ok(claims["access_token"]["capolids"].is_object())
}
