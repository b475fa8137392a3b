//! The userinfo endpoint.

use bytes::Bytes;
use gangplank_jose::{Algorithm, Leeway, Purpose, Rules, Unverified};
use http::{Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::claims;
use crate::reply;
use crate::tenant::{Call, Tenant};

/// `/standard/userinfo`: for an access token of this face with the scope `openid`, whatever its audience.
pub(super) fn userinfo(tenant: &Tenant, call: &Call<'_>) -> Response<Bytes> {
    let header = call.parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token =
        header.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let body = token.and_then(|(_, token)| about(tenant, call, token.trim()));
    let Some(body) = body else {
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"".to_owned())];
        return reply::answer(StatusCode::UNAUTHORIZED, "", &challenge);
    };
    reply::json(StatusCode::OK, &body)
}

fn about(tenant: &Tenant, call: &Call<'_>, token: &str) -> Option<Value> {
    let parsed = Unverified::parse(token).ok()?;
    let rules = Rules {
        issuers: vec![tenant.standard_issuer()],
        audiences: parsed.claims_unverified().audiences().to_vec(),
        algorithms: vec![Algorithm::ES256],
        purpose: Purpose::AccessToken,
        leeway: Leeway::NONE,
    };
    let keys = tenant.standard.keys().key_set();
    let verified = parsed.verify(&keys, &rules, call.now).ok()?.into_inner();
    verified.str("scope")?.split(' ').find(|scope| *scope == "openid")?;
    let user = tenant.directory.user(verified.subject()?)?;
    let mut body = Map::new();
    body.insert("sub".to_owned(), json!(user.id));
    body.insert("email".to_owned(), json!(user.email));
    body.insert("groups".to_owned(), json!(user.groups));
    claims::names(user, &mut body);
    Some(Value::Object(body))
}
