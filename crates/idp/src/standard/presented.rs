//! Tokens that are brought to an exchange: who they are about, proved by a signature.
//!
//! 1. It is a token of the kind that it is said to be; only JWTs are known (`invalid_request`).
//!    An access token says that it is one: `typ` is `at+jwt`, or, at the other face, it names the client that it was issued to.
//! 2. It is this face's own: signed with a published key, within its time. Or, where `subject_issuer` names it (Keycloak v1),
//!    the other face's.
//! 3. A subject token is for the client that brings it: its audience is the client, one of its identifier URIs, or one that
//!    the client's policy names; or it was issued to this client. An ID token is for the client, always.
//! 4. An actor token is this face's own and somebody's, or one of an issuer that vouches for the client
//!    (`federated_credentials`).

use gangplank_jose::{Algorithm, Claims, Leeway, Purpose, Rules, Unverified};

use super::config::Exchange;
use super::error::OAuthError;
use crate::assertion;
use crate::claims::Version;
use crate::directory::Application;
use crate::tenant::{Call, Tenant};

/// Names of token types (RFC 8693 §3).
pub(super) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
pub(super) const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
pub(super) const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// Which issuer a subject token is from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Own,
    Entra,
}

impl Origin {
    /// `subject_issuer` or `requested_issuer`: an alias, or the issuer itself.
    pub(super) fn named(tenant: &Tenant, name: &str) -> Option<Origin> {
        let entra = [tenant.issuer(), tenant.v1_issuer(), "entra".to_owned()];
        let own = [tenant.standard_issuer(), super::NAME.to_owned()];
        if own.iter().any(|n| n == name) {
            Some(Origin::Own)
        } else {
            entra.iter().any(|n| n == name).then_some(Origin::Entra)
        }
    }
}

/// Rules 1 to 3.
pub(super) fn subject(
    tenant: &Tenant,
    call: &Call<'_>,
    client: &Application,
    policy: &Exchange,
    token: &str,
    kind: &str,
    origin: Origin,
) -> Result<Claims, OAuthError> {
    let claims = verify(tenant, call, token, kind, origin)?;
    let own = |audience: &String| *audience == client.id || client.identifier_uris.contains(audience);
    let allowed = |audience: &String| kind != ID_TOKEN && policy.from.contains(audience);
    let issued_to = ["azp", "client_id", "appid"].iter().any(|name| claims.str(name) == Some(&client.id));
    let fits = claims.audiences().iter().any(|audience| own(audience) || allowed(audience));
    if fits || (issued_to && kind != ID_TOKEN) {
        return Ok(claims);
    }
    Err(invalid("The subject token is for somebody else."))
}

/// Rule 4.
pub(super) fn actor(
    tenant: &Tenant,
    call: &Call<'_>,
    client: &Application,
    token: &str,
    kind: &str,
) -> Result<Claims, OAuthError> {
    let parsed = Unverified::parse(token).map_err(|_| invalid("The actor token is not a JWT."))?;
    let claims = parsed.claims_unverified().clone();
    if claims.issuer() == Some(&tenant.standard_issuer()) {
        return verify(tenant, call, token, kind, Origin::Own);
    }
    assertion::federated(call, client, parsed, &claims)
        .map(|()| claims)
        .map_err(|error| invalid(format!("The actor token is not accepted: {}", error.message)))
}

/// Rules 1 and 2.
fn verify(tenant: &Tenant, call: &Call<'_>, token: &str, kind: &str, origin: Origin) -> Result<Claims, OAuthError> {
    let purpose = match kind {
        ACCESS_TOKEN | JWT => Purpose::AccessToken,
        ID_TOKEN => Purpose::IdToken,
        other => return Err(invalid(format!("Tokens of type '{other}' are not exchanged."))),
    };
    let parsed = Unverified::parse(token).map_err(|_| invalid("The token is not a JWT."))?;
    let claims = parsed.claims_unverified();
    let says_so = match origin {
        Origin::Own => parsed.header().typ.as_deref() == Some("at+jwt"),
        Origin::Entra => claims.has("azp") || claims.has("appid"),
    };
    if !says_so && purpose == Purpose::AccessToken {
        return Err(invalid("The token is not an access token."));
    }
    let (issuers, keys) = match origin {
        Origin::Own => (vec![tenant.standard_issuer()], tenant.standard.keys().key_set()),
        Origin::Entra => {
            let issuers = [Version::V1, Version::V2].map(|version| tenant.token_issuer(version));
            (issuers.to_vec(), tenant.state.keys().key_set())
        }
    };
    let rules = Rules {
        issuers,
        // Who it may be for is judged after, for the refusal to say so.
        audiences: claims.audiences().to_vec(),
        algorithms: vec![Algorithm::RS256, Algorithm::ES256],
        purpose,
        leeway: Leeway::NONE,
    };
    let verified = parsed.verify(&keys, &rules, call.now);
    Ok(verified.map_err(|refusal| invalid(format!("The token is not accepted: {refusal}.")))?.into_inner())
}

/// RFC 8693 §2.2.2: a token that is invalid for any reason.
fn invalid(message: impl Into<String>) -> OAuthError {
    OAuthError::new("invalid_request", message)
}
