//! The claims of this face's tokens: access tokens after RFC 9068, ID tokens after OpenID Connect.
//!
//! 1. `sub` is the user's object id, or a client's id in its own tokens: the same for each audience.
//! 2. `scope` is one text. `groups` are the object ids, all of them, however many.
//! 3. `aud` is one text where there is one audience.

use gangplank_jose::UnixTime;
use serde_json::{Map, Value, json};

use super::granted::Granted;
use crate::directory::{Application, User};
use crate::random;
use crate::tenant::Tenant;

/// Whom a token is about.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    User(&'a User),
    Client(&'a Application),
}

/// Everything that tokens are made from.
pub(super) struct Issue<'a> {
    pub(super) subject: Subject<'a>,
    pub(super) client: &'a Application,
    pub(super) granted: &'a Granted,
    pub(super) session: &'a str,
    pub(super) now: UnixTime,
}

/// The claims of an access token.
pub(super) fn access_token(tenant: &Tenant, issue: &Issue<'_>) -> Value {
    let mut claims = common(tenant, issue);
    let audience = match issue.granted.audiences.as_slice() {
        [] => json!(issue.client.id),
        [one] => json!(one),
        several => json!(several),
    };
    let expiry = (issue.now + tenant.settings.access_token_lifetime).as_secs();
    for (name, value) in [
        ("aud", audience),
        ("exp", json!(expiry)),
        ("client_id", json!(issue.client.id)),
        ("azp", json!(issue.client.id)),
        ("scope", json!(issue.granted.scope())),
    ] {
        claims.insert(name.to_owned(), value);
    }
    if let Subject::User(user) = issue.subject {
        names(user, &mut claims);
    }
    Value::Object(claims)
}

/// The claims of an ID token.
pub(super) fn id_token(tenant: &Tenant, issue: &Issue<'_>, nonce: Option<&str>) -> Value {
    let mut claims = common(tenant, issue);
    claims.insert("aud".to_owned(), json!(issue.client.id));
    claims.insert("azp".to_owned(), json!(issue.client.id));
    claims.insert("exp".to_owned(), json!((issue.now + tenant.settings.id_token_lifetime).as_secs()));
    claims.insert("auth_time".to_owned(), json!(issue.now.as_secs()));
    if let Some(nonce) = nonce {
        claims.insert("nonce".to_owned(), json!(nonce));
    }
    if let Subject::User(user) = issue.subject {
        if issue.granted.has("profile") {
            names(user, &mut claims);
        }
        if issue.granted.has("email") {
            claims.insert("email".to_owned(), json!(user.email));
            claims.insert("email_verified".to_owned(), json!(true));
        }
    }
    Value::Object(claims)
}

/// What is told of a user at the userinfo endpoint, too.
pub(super) fn names(user: &User, claims: &mut Map<String, Value>) {
    claims.insert("name".to_owned(), json!(user.name));
    claims.insert("preferred_username".to_owned(), json!(user.username));
}

fn common(tenant: &Tenant, issue: &Issue<'_>) -> Map<String, Value> {
    let (subject, groups) = match issue.subject {
        Subject::User(user) => (&user.id, &user.groups),
        Subject::Client(client) => (&client.id, &client.groups),
    };
    let mut claims = Map::new();
    for (name, value) in [
        ("iss", json!(tenant.standard_issuer())),
        ("sub", json!(subject)),
        ("iat", json!(issue.now.as_secs())),
        ("jti", json!(random::short())),
    ] {
        claims.insert(name.to_owned(), value);
    }
    if !groups.is_empty() {
        claims.insert("groups".to_owned(), json!(groups));
    }
    if !issue.session.is_empty() {
        claims.insert("sid".to_owned(), json!(issue.session));
    }
    claims
}
