//! Client assertions (RFC 7523 §2.2): a JWT that the client signed with a registered certificate's key, or one of an
//! issuer that vouches for it.
//!
//! 1. The type is JWT bearer (AADSTS9002313), and it is a well-formed JWT (50027).
//! 2. One that names the client as issuer is the client's own; any other is a federated one. So one that only names the
//!    client as subject is nobody's (700021).
//! 3. The client's own: its header names a certificate of the application ([`crate::certificate`]), which is within its
//!    time (700027); RS256, PS256, ES256 or ES384, signed with its key (700027); for this tenant's token endpoint or
//!    issuer (700023); within its time (700024). A `jti` may come again: MSAL keeps an assertion for as long as it lasts.
//! 4. A federated one: issuer, subject and audience are those of one federated credential of the application (700211,
//!    700213, 700212); signed with a key of the issuer (50013); within its time (700024).

use std::sync::Arc;
use std::time::Duration;

use gangplank_jose::{Algorithm, Claims, KeySet, Leeway, Purpose, Rules, TokenRefusal, Unverified};
use serde_json::{Map, Value};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::claims::Version;
use crate::client::Registry;
use crate::directory::Application;
use crate::errors::{self, AuthError};
use crate::params::Params;
use crate::tenant::{Call, Tenant};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const OWN: [Algorithm; 4] = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384];

/// Rules 1 to 4.
pub(crate) fn check(
    registry: &impl Registry,
    call: &Call<'_>,
    params: &Params,
    application: &Application,
    jwt: &str,
) -> Result<(), AuthError> {
    if params.require("client_assertion_type")? != JWT_BEARER {
        return Err(errors::MALFORMED.because(format!("The client_assertion_type must be '{JWT_BEARER}'.")));
    }
    let malformed = || errors::ASSERTION_MALFORMED.because("JWT token is invalid or malformed.");
    let token = Unverified::parse(jwt).map_err(|_| malformed())?;
    let claims = token.claims_unverified().clone();
    if claims.issuer() == Some(&application.id) {
        let header = header(jwt).ok_or_else(malformed)?;
        own(registry, call, application, token, &claims, &header)
    } else if claims.subject() == Some(&application.id) {
        Err(errors::ASSERTION_CLIENT
            .because("Client assertion application identifier doesn't match 'client_id' parameter."))
    } else {
        federated(call, application, token, &claims)
    }
}

/// Rule 3.
fn own(
    registry: &impl Registry,
    call: &Call<'_>,
    application: &Application,
    token: Unverified<'_>,
    claims: &Claims,
    header: &Map<String, Value>,
) -> Result<(), AuthError> {
    if claims.subject() != Some(&application.id) {
        return Err(errors::ASSERTION_CLIENT
            .because("Client assertion application identifier doesn't match 'client_id' parameter."));
    }
    let key = |reason: &str| {
        errors::ASSERTION_KEY.because(format!(
            "The certificate with identifier used to sign the client assertion is not registered on application '{}' or cannot be used. [Reason - {reason}]",
            application.id
        ))
    };
    let found = application.certificates.iter().find(|certificate| certificate.fits(header));
    let certificate = found.ok_or_else(|| key("The key was not found."))?;
    if !certificate.is_valid_at(call.now) {
        return Err(key("The key used is not within its time."));
    }
    let keys = certificate.keys(token.header().kid.as_deref());
    let rules = rules(vec![application.id.clone()], registry.audiences(), &OWN);
    verify(token, &keys, &rules, call).map_err(|refusal| match refusal {
        TokenRefusal::AudienceMissing | TokenRefusal::AudienceMismatch { .. } => {
            errors::ASSERTION_AUDIENCE.because("Client assertion audience claim does not match Realm issuer.")
        }
        other => of_time(&other).unwrap_or_else(|| key("The signature or the algorithm is not one of the key.")),
    })
}

/// Rule 4.
pub(crate) fn federated(
    call: &Call<'_>,
    application: &Application,
    token: Unverified<'_>,
    claims: &Claims,
) -> Result<(), AuthError> {
    let unmatched = |kind: errors::Aadsts, what: &str, found: &str| {
        kind.because(format!("No matching federated identity record found for presented assertion {what} '{found}'."))
    };
    let (issuer, subject) = (claims.issuer().unwrap_or_default(), claims.subject().unwrap_or_default());
    let mut candidates: Vec<_> = application.federated.iter().filter(|f| f.issuer == issuer).collect();
    if candidates.is_empty() {
        return Err(unmatched(errors::FEDERATED_ISSUER, "issuer", issuer));
    }
    candidates.retain(|f| f.subject == subject);
    if candidates.is_empty() {
        return Err(unmatched(errors::FEDERATED_SUBJECT, "subject", subject));
    }
    candidates.retain(|f| claims.audiences().contains(&f.audience));
    let Some(credential) = candidates.first() else {
        return Err(unmatched(errors::FEDERATED_AUDIENCE, "audience", &claims.audiences().join(" ")));
    };
    let rules = rules(vec![credential.issuer.clone()], vec![credential.audience.clone()], &Algorithm::ALL);
    verify(token, &credential.keys, &rules, call).map_err(|refusal| {
        of_time(&refusal)
            .unwrap_or_else(|| errors::USER_ASSERTION_INVALID.because("Assertion failed signature validation."))
    })
}

fn rules(issuers: Vec<String>, audiences: Vec<String>, algorithms: &[Algorithm]) -> Rules {
    Rules {
        issuers,
        audiences,
        algorithms: algorithms.to_vec(),
        purpose: Purpose::ClientAssertion,
        leeway: Leeway::both(Duration::from_secs(300)),
    }
}

fn verify(token: Unverified<'_>, keys: &KeySet, rules: &Rules, call: &Call<'_>) -> Result<(), TokenRefusal> {
    token.verify(keys, rules, call.now).map(drop)
}

fn of_time(refusal: &TokenRefusal) -> Option<AuthError> {
    let time = matches!(
        refusal,
        TokenRefusal::Expired { .. }
            | TokenRefusal::NotYetValid { .. }
            | TokenRefusal::IssuedInFuture { .. }
            | TokenRefusal::ExpiryMissing
    );
    time.then(|| errors::ASSERTION_TIME.because("Client assertion is not within its valid time range."))
}

impl Registry for Tenant {
    fn client(&self, id: &str) -> Result<Arc<Application>, AuthError> {
        self.client(id)
    }

    /// A token endpoint by any of its names, or an issuer.
    fn audiences(&self) -> Vec<String> {
        let base = &self.settings.base;
        let endpoints = self
            .names()
            .map(|name| [format!("{base}/{name}/oauth2/token"), format!("{base}/{name}/oauth2/v2.0/token")]);
        let issuers = [Version::V1, Version::V2].map(|version| self.token_issuer(version));
        endpoints.into_iter().flatten().chain(issuers).collect()
    }
}

/// The members that the verifier does not read: it takes keys from nobody but the application's registration.
fn header(jwt: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(jwt.split('.').next()?).ok()?;
    serde_json::from_slice(&bytes).ok()
}
