//! Client credentials: a token for the application itself (RFC 6749 §4.4).
//!
//! 1. A public client has none (AADSTS7000218).
//! 2. v2: one scope, `<resource>/.default`, whose resource exists (1002012, 500011); a `resource` beside it names the same
//!    (9010010). v1: `resource`.
//! 3. The answer is an access token and nothing else: no refresh token, no ID token.

use serde_json::{Map, Value, json};

use crate::claims::{self, Issue, Subject, Version};
use crate::client::Client;
use crate::errors::{self, AuthError};
use crate::params::Params;
use crate::scopes::Granted;
use crate::tenant::{Call, Tenant};
use crate::token;

/// `grant_type=client_credentials`
pub(crate) fn grant(
    tenant: &Tenant,
    call: &Call<'_>,
    params: &Params,
    client: &Client,
    version: Version,
) -> Result<Value, AuthError> {
    client.confidential()?;
    let granted = granted(tenant, params, version)?;
    let issue = Issue {
        subject: Subject::Application(&client.application),
        client: &client.application,
        proof: client.proof,
        granted: &granted,
        endpoint: version,
        session: "",
        nonce: None,
        mfa: false,
        now: token::skewed(call),
    };
    let mut body = Map::new();
    token::lifetimes(tenant, call, &granted, version, &mut body);
    body.insert(
        "access_token".to_owned(),
        json!(token::sign_access(tenant, call, claims::access_token(tenant, &issue))?),
    );
    Ok(Value::Object(body))
}

/// Rule 2.
fn granted(tenant: &Tenant, params: &Params, version: Version) -> Result<Granted, AuthError> {
    match (version, params.get("scope")) {
        (Version::V2, Some(scope)) if scope.contains(' ') || !scope.ends_with("/.default") => {
            Err(errors::NOT_DEFAULT_SCOPE.because(format!(
                "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).",
            )))
        }
        (Version::V1, _) if params.get("resource").is_none() => Err(errors::PARAMETER_MISSING
            .because("The request body must contain the following parameter: 'resource'.")),
        _ => tenant.granted(params, version),
    }
}
