//! Token exchange (RFC 8693), and what Keycloak's first version of it adds.
//!
//! 1. The client is confidential, and has a policy (`unauthorized_client`).
//! 2. `subject_token` and `subject_token_type` are there; `subject_issuer` is an issuer that is known here; the token is good,
//!    and for this client ([`super::presented`]; `invalid_request`).
//! 3. `actor_token` and `actor_token_type` come together, and the token is good (`invalid_request`).
//! 4. `requested_token_type` is an access token or a JWT (`invalid_request`). `requested_issuer` is this one: tokens of others
//!    are not given. `requested_subject` is not there: nobody becomes somebody else.
//! 5. Each `audience` and `resource` is there, and one that the policy names (`invalid_target`). Without any, the token is
//!    for the client itself.
//! 6. A scope is one that the subject token has or the policy names (`invalid_scope`). Without any, it has those of the policy,
//!    and where that names none, those of the subject token.
//! 7. The new token is about the subject. With an actor it says so in `act`, and who acted before is inside that (§4.1).

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::claims::{self, Issue, Subject};
use super::clients::Clients;
use super::config::Exchange;
use super::error::OAuthError;
use super::granted::Granted;
use super::presented::{self, ACCESS_TOKEN, JWT, Origin};
use super::token::{confidential, lifetimes, sign_access};
use crate::client::{Client, Registry};
use crate::directory::{Application, User};
use crate::params::Params;
use crate::tenant::{Call, Tenant};
use crate::token::skewed;

use gangplank_jose::Claims;

pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// Rules 1 to 7.
pub(super) fn grant(tenant: &Tenant, call: &Call<'_>, params: &Params, client: &Client) -> Result<Value, OAuthError> {
    confidential(client)?;
    let application = &client.application;
    let policy = tenant.standard.policy.exchange_by(&application.id);
    let policy = policy.ok_or_else(|| OAuthError::new("unauthorized_client", "The client may not exchange tokens."))?;
    let (subject_token, kind) = (params.require("subject_token")?, params.require("subject_token_type")?);
    let origin = issuer(tenant, params, "subject_issuer")?;
    let subject = presented::subject(tenant, call, application, policy, subject_token, kind, origin)?;
    let act = act(tenant, call, params, application, &subject)?;
    let issued = requested(tenant, params)?;
    let granted =
        Granted { audiences: targets(params, application, policy)?, scopes: scopes(params, policy, &subject)? };
    let whom = Whom::of(tenant, &subject, origin)?;
    let session = subject.str("sid").unwrap_or_default();
    let issue = Issue { subject: whom.subject(), client: application, granted: &granted, session, now: skewed(call) };
    let mut claims = claims::access_token(tenant, &issue);
    if let Some(act) = act {
        claims["act"] = act;
    }
    let mut body = Map::new();
    lifetimes(tenant, &granted, sign_access(tenant, call, claims)?, &mut body);
    body.insert("issued_token_type".to_owned(), json!(issued));
    Ok(Value::Object(body))
}

/// Whom the subject token is about.
enum Whom {
    User(Arc<User>),
    Client(Arc<Application>),
}

impl Whom {
    fn of(tenant: &Tenant, claims: &Claims, origin: Origin) -> Result<Whom, OAuthError> {
        // Entra's subject is pairwise.
        let id = claims.str(if origin == Origin::Entra { "oid" } else { "sub" }).unwrap_or_default();
        let user = tenant.directory.user(id).map(|user| Whom::User(Arc::clone(user)));
        let client = || {
            let principal = tenant.directory.service_principal(id).map(Arc::clone);
            Clients(tenant).client(id).ok().or(principal).map(Whom::Client)
        };
        let gone = || OAuthError::new("invalid_request", "There is nobody any more whom the token is about.");
        user.or_else(client).ok_or_else(gone)
    }

    fn subject(&self) -> Subject<'_> {
        match self {
            Whom::User(user) => Subject::User(user),
            Whom::Client(client) => Subject::Client(client),
        }
    }
}

fn issuer(tenant: &Tenant, params: &Params, name: &str) -> Result<Origin, OAuthError> {
    let Some(issuer) = params.get(name) else { return Ok(Origin::Own) };
    Origin::named(tenant, issuer)
        .ok_or_else(|| OAuthError::new("invalid_request", format!("The {name} '{issuer}' is not known here.")))
}

/// Rules 3 and 7.
fn act(
    tenant: &Tenant,
    call: &Call<'_>,
    params: &Params,
    application: &Application,
    subject: &Claims,
) -> Result<Option<Value>, OAuthError> {
    let before = subject.get("act");
    let (token, kind) = match (params.get("actor_token"), params.get("actor_token_type")) {
        (None, None) => return Ok(before),
        (Some(token), Some(kind)) => (token, kind),
        _ => {
            let message = "The parameters 'actor_token' and 'actor_token_type' come together.";
            return Err(OAuthError::new("invalid_request", message));
        }
    };
    let actor = presented::actor(tenant, call, application, token, kind)?;
    let mut act = json!({ "sub": actor.subject().unwrap_or_default(), "iss": actor.issuer().unwrap_or_default() });
    if let Some(before) = before {
        act["act"] = before;
    }
    Ok(Some(act))
}

/// Rule 4.
fn requested<'p>(tenant: &Tenant, params: &'p Params) -> Result<&'p str, OAuthError> {
    if issuer(tenant, params, "requested_issuer")? != Origin::Own {
        return Err(OAuthError::new("invalid_request", "Tokens of other issuers are not given."));
    }
    if params.get("requested_subject").is_some() {
        return Err(OAuthError::new("invalid_request", "Nobody becomes somebody else here."));
    }
    match params.get("requested_token_type").unwrap_or(ACCESS_TOKEN) {
        kind @ (ACCESS_TOKEN | JWT) => Ok(kind),
        other => Err(OAuthError::new("invalid_request", format!("Tokens of type '{other}' are not given."))),
    }
}

/// Rule 5.
fn targets(params: &Params, application: &Application, policy: &Exchange) -> Result<Vec<String>, OAuthError> {
    for resource in params.all("resource") {
        if !url::Url::parse(resource).is_ok_and(|url| url.fragment().is_none()) {
            return Err(OAuthError::new("invalid_target", "A resource is an absolute URI without a fragment."));
        }
    }
    let mut found = Vec::new();
    for name in params.all("resource").chain(params.all("audience")) {
        if name != application.id && !policy.audiences.iter().any(|a| a == name) {
            return Err(OAuthError::new("invalid_target", format!("The client may not have tokens for '{name}'.")));
        }
        found.push(name.to_owned());
    }
    found.dedup();
    Ok(found)
}

/// Rule 6.
fn scopes(params: &Params, policy: &Exchange, subject: &Claims) -> Result<Vec<String>, OAuthError> {
    let had = |claims: &Claims| Granted::new(claims.str("scope").or(claims.str("scp")).unwrap_or_default(), Vec::new());
    let Some(asked) = params.get("scope") else {
        return Ok(if policy.scopes.is_empty() { had(subject).scopes } else { policy.scopes.clone() });
    };
    let (asked, had) = (Granted::new(asked, Vec::new()), had(subject));
    match asked.scopes.iter().find(|scope| !had.has(scope) && !policy.scopes.contains(scope)) {
        None => Ok(asked.scopes),
        Some(scope) => Err(OAuthError::new("invalid_scope", format!("The client may not have the scope '{scope}'."))),
    }
}
