//! The password grant (RFC 6749 §4.3), for clients that are tested with it. It protects nothing here: whoever reaches the
//! tenant can be any user.
//!
//! 1. The user exists (AADSTS50034), and the password is the first part of the user name (50126): `alice`.
//! 2. It is one factor (50076 where two are demanded).

use std::sync::Arc;

use serde_json::Value;

use crate::claims::Version;
use crate::client::Client;
use crate::directory::User;
use crate::errors::{self, AuthError};
use crate::guid;
use crate::params::Params;
use crate::refresh::Grant;
use crate::step_up;
use crate::tenant::{Call, Tenant};
use crate::token;

/// `grant_type=password`
pub(crate) fn grant(
    tenant: &Tenant,
    call: &Call<'_>,
    params: &Params,
    client: &Client,
    version: Version,
) -> Result<Value, AuthError> {
    let user = who(tenant, params)?;
    let granted = tenant.granted_to(&client.application, params, version)?;
    tenant.check_consent(&client.application, &granted)?;
    step_up::require(&granted, user, false)?;
    let grant = Grant {
        client_id: client.application.id.clone(),
        user: Arc::clone(user),
        granted,
        endpoint: version,
        session: guid::random(),
        mfa: false,
    };
    let refresh_token = token::begin_family(tenant, call, &grant);
    token::respond(tenant, call, params, client, &grant, None, refresh_token)
}

/// Rule 1.
pub(crate) fn who<'t>(tenant: &'t Tenant, params: &Params) -> Result<&'t Arc<User>, AuthError> {
    let (username, password) = (params.require("username")?, params.require("password")?);
    let Some(user) = tenant.directory.user(username) else {
        return Err(errors::USER_UNKNOWN.because(format!(
            "The user account {username} does not exist in the {} directory.",
            tenant.settings.domain
        )));
    };
    if user.username.split('@').next() != Some(password) {
        return Err(errors::PASSWORD_WRONG.because("Error validating credentials due to invalid username or password."));
    }
    Ok(user)
}
