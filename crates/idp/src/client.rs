//! Client authentication at the token endpoint: a secret by form or by Basic, an assertion, or, for a public client,
//! nothing.
//!
//! 1. At most one of them is presented (AADSTS9002313).
//! 2. The client is registered (700016). A public one presents nothing (700025), a confidential one something (7000218).
//! 3. A secret is one of the application's (7000215). Assertions: [`crate::assertion`].
//! 4. At the standard face a registered certificate, shown on the connection and within its time, is a proof as well
//!    (RFC 8705).

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header;
use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret;

use crate::assertion;
use crate::directory::Application;
use crate::errors::{self, AuthError};
use crate::params::Params;
use crate::tenant::Call;

/// A client, and how it proved to be that.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) application: Arc<Application>,
    pub(crate) proof: Proof,
}

impl Client {
    /// Refuses a public one, where a grant is for confidential clients (AADSTS7000218).
    pub(crate) fn confidential(&self) -> Result<(), AuthError> {
        if self.proof == Proof::None { Err(secret_missing()) } else { Ok(()) }
    }
}

/// How a client proved itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Not at all: a public client.
    None,
    Secret,
    /// By a certificate's key, signing or on the connection, or another issuer's word.
    Assertion,
}

impl Proof {
    /// `appidacr`, `azpacr`.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Proof::None => "0",
            Proof::Secret => "1",
            Proof::Assertion => "2",
        }
    }
}

/// What differs between the faces: who is registered, and what a client calls the server in its assertions.
pub(crate) trait Registry {
    fn client(&self, id: &str) -> Result<Arc<Application>, AuthError>;
    fn audiences(&self) -> Vec<String>;

    /// Whether the certificate of the connection is a proof (RFC 8705).
    fn takes_certificates(&self) -> bool {
        false
    }
}

/// The certificate that a client showed on its connection, DER: an extension of the request, put there by whoever has
/// proved that the client holds its key.
#[derive(Clone, Debug)]
pub struct ShownCertificate(pub Vec<u8>);

/// Rules 1 to 3.
pub(crate) fn authenticate(registry: &impl Registry, call: &Call<'_>, params: &Params) -> Result<Client, AuthError> {
    let basic = basic_credentials(call)?;
    let presented = [basic.is_some(), params.get("client_secret").is_some(), params.get("client_assertion").is_some()];
    if presented.iter().filter(|given| **given).count() > 1 {
        return Err(errors::MALFORMED.because("The client presents more than one credential."));
    }
    let id = match (&basic, params.get("client_id")) {
        (Some((id, _)), Some(other)) if id != other => {
            return Err(errors::MALFORMED.because("The client is named twice, and differently."));
        }
        (Some((id, _)), _) => id.as_str(),
        (None, _) => params.require("client_id")?,
    };
    let application = registry.client(id)?;
    let secret = basic.as_ref().map(|(_, secret)| secret.as_str()).or(params.get("client_secret"));
    let proof = match (&application.secrets, secret, params.get("client_assertion")) {
        (None, None, None) => Proof::None,
        (None, ..) => {
            return Err(errors::CLIENT_IS_PUBLIC
                .because("Client is public so neither 'client_assertion' nor 'client_secret' should be presented."));
        }
        (Some(_), None, None) if registry.takes_certificates() && shows_its_own(call, &application) => Proof::Assertion,
        (Some(_), None, None) => return Err(secret_missing()),
        (Some(_), _, Some(jwt)) => {
            assertion::check(registry, call, params, &application, jwt)?;
            Proof::Assertion
        }
        (Some(_), Some(presented), None) => {
            check_secret(&application, presented)?;
            Proof::Secret
        }
    };
    Ok(Client { application, proof })
}

fn secret_missing() -> AuthError {
    errors::SECRET_MISSING
        .because("The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
}

/// Rule 4.
fn shows_its_own(call: &Call<'_>, application: &Application) -> bool {
    let shown = call.parts.extensions.get::<ShownCertificate>();
    shown.is_some_and(|shown| application.certificates.iter().any(|own| own.is(&shown.0) && own.is_valid_at(call.now)))
}

fn check_secret(application: &Application, presented: &str) -> Result<(), AuthError> {
    let equal = |secret: &str| verify_slices_are_equal(secret.as_bytes(), presented.as_bytes()).is_ok();
    if application.secrets.iter().flatten().any(|secret| equal(secret.expose_secret())) {
        return Ok(());
    }
    Err(errors::SECRET_WRONG.because(format!(
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{}'.",
        application.id
    )))
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
