//! On-behalf-of: an application that was called with a user's token asks for one to call another application with.
//!
//! 1. The application is confidential (AADSTS7000218), and says `requested_token_use=on_behalf_of` (900144, 9002313).
//! 2. The assertion is a token of this tenant, signed with a published key (50013), and within its time (500133).
//! 3. It is an access token, not an ID token (240002); of a user, not of an application (7000114); and for the application
//!    that exchanges it (500131).
//! 4. The user exists (50034), the scopes resolve and do not name the application itself by its URI (90009), consent is not
//!    missing (65001), and a second factor, where one is demanded, was part of the user's sign-in (50076 with `claims`;
//!    [`crate::step_up`]).
//! 5. A refresh token comes with `offline_access`, an ID token with `openid`: MSAL asks for both.

use std::sync::Arc;

use gangplank_jose::{Algorithm, Claims, Leeway, Purpose, Rules, TokenRefusal, Unverified};
use serde_json::Value;

use crate::claims::Version;
use crate::client::Client;
use crate::directory::{Application, User};
use crate::errors::{self, AuthError};
use crate::params::Params;
use crate::refresh::Grant;
use crate::scopes::{Granted, resource};
use crate::step_up;
use crate::tenant::{Call, Tenant};
use crate::token;

/// `grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer`
pub(crate) fn grant(
    tenant: &Tenant,
    call: &Call<'_>,
    params: &Params,
    client: &Client,
    version: Version,
) -> Result<Value, AuthError> {
    client.confidential()?;
    if params.require("requested_token_use")? != "on_behalf_of" {
        return Err(errors::MALFORMED.because("The parameter 'requested_token_use' must be 'on_behalf_of'."));
    }
    let application = &client.application;
    let (user, claims) = caller(tenant, call, application, params.require("assertion")?)?;
    let granted = tenant.granted_to(application, params, version)?;
    tenant.check_consent(application, &granted)?;
    let mfa = claims.strings("amr").is_some_and(|methods| methods.contains(&"mfa"));
    let session = claims.str("sid").unwrap_or_default().to_owned();
    let grant = Grant { client_id: application.id.clone(), user, granted, endpoint: version, session, mfa };
    step_up::require(&grant.granted, &grant.user, mfa)?;
    let refresh_token = token::begin_family(tenant, call, &grant);
    token::respond(tenant, call, params, client, &grant, None, refresh_token)
}

/// Rules 2 and 3, and the first part of rule 4.
fn caller(
    tenant: &Tenant,
    call: &Call<'_>,
    application: &Application,
    assertion: &str,
) -> Result<(Arc<User>, Claims), AuthError> {
    let claims = verify(tenant, call, assertion)?;
    if !claims.has("azp") && !claims.has("appid") {
        let message = "Input id_token cannot be used as 'urn:ietf:params:oauth:grant-type:jwt-bearer' grant.";
        return Err(errors::USER_ASSERTION_ID_TOKEN.because(message));
    }
    if !claims.has("scp") || claims.str("idtyp") == Some("app") {
        return Err(errors::USER_ASSERTION_APP_ONLY.because(format!(
            "Application '{}' is not allowed to make application on-behalf-of calls.",
            application.id
        )));
    }
    let own = |audience: &String| *audience == application.id || application.identifier_uris.contains(audience);
    if !claims.audiences().iter().any(own) {
        return Err(errors::USER_ASSERTION_AUDIENCE.because(format!(
            "Assertion failed signature validation. [Reason - Assertion audience does not match the Client app presenting the assertion. The audience in the assertion was '{}' and the expected audience is '{}' or one of the Application Uris of this application.]",
            claims.audiences().join(" "),
            application.id
        )));
    }
    let user = claims.str("oid").and_then(|id| tenant.directory.user(id)).map(Arc::clone);
    let user = user.ok_or_else(|| errors::USER_UNKNOWN.because("The user of the assertion does not exist."))?;
    Ok((user, claims))
}

/// Rule 2. Audience and kind are judged after, since each has a number of its own.
fn verify(tenant: &Tenant, call: &Call<'_>, assertion: &str) -> Result<Claims, AuthError> {
    let invalid = || errors::USER_ASSERTION_INVALID.because("Assertion failed signature validation.");
    let token = Unverified::parse(assertion).map_err(|_| invalid())?;
    let rules = Rules {
        issuers: vec![tenant.token_issuer(Version::V1), tenant.token_issuer(Version::V2)],
        audiences: token.claims_unverified().audiences().to_vec(),
        algorithms: vec![Algorithm::RS256],
        purpose: Purpose::IdToken,
        leeway: Leeway::NONE,
    };
    let keys = tenant.state.keys().key_set();
    let verified = token.verify(&keys, &rules, call.now).map_err(|refusal| match refusal {
        TokenRefusal::Expired { .. } | TokenRefusal::NotYetValid { .. } | TokenRefusal::IssuedInFuture { .. } => {
            errors::USER_ASSERTION_TIME.because("Assertion is not within its valid time range.")
        }
        _ => invalid(),
    });
    Ok(verified?.into_inner())
}

impl Tenant {
    /// Whether somebody consented to what an application asks for of a resource.
    pub(crate) fn check_consent(&self, application: &Application, granted: &Granted) -> Result<(), AuthError> {
        let graph = self.graph_url();
        let same = |name: &String| {
            resource(name, &self.directory, &graph).is_some_and(|missing| missing.id() == granted.resource.id())
        };
        if !application.consent_missing.iter().any(same) {
            return Ok(());
        }
        Err(errors::CONSENT_MISSING.because(format!(
            "The user or administrator has not consented to use the application with ID '{}' named '{}'. Send an interactive authorization request for this user and resource.",
            application.id, application.name
        )))
    }
}
