//! The API behind the gate: it takes tokens that are for it, from the tenant and nobody else, and says what the one that it
//! got said. Not the token: what is shown on a screen is copied.

use gangplank_gate::Body;
use gangplank_idp::{API_V1_ID, Tenant};
use gangplank_jose::{Algorithm, Claims, Purpose, Rules, UnixTime, Unverified};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::sample;

/// What it is called in scopes and, as its tokens have the v1 shape, in `aud`.
pub(super) const AUDIENCE: &str = "api://podinfo-v1";

/// What a token says of who calls, through whom, and what for.
const SHOWN: [&str; 9] = ["aud", "iss", "sub", "oid", "upn", "name", "appid", "scp", "exp"];

/// Answers one request.
pub(super) fn answer(tenant: &Tenant, headers: &HeaderMap, now: UnixTime) -> Response<Body> {
    let problem = match bearer(headers).map(|token| verify(tenant, token, now)) {
        Some(Ok(claims)) => return sample::json(StatusCode::OK, &json!({ "token": shown(&claims) })),
        Some(Err(problem)) => problem,
        None => "there is no token".to_owned(),
    };
    let mut refused = sample::json(StatusCode::UNAUTHORIZED, &json!({ "error": problem }));
    refused.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    refused
}

/// The token of an `Authorization` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn verify(tenant: &Tenant, token: &str, now: UnixTime) -> Result<Claims, String> {
    let rules = Rules {
        issuers: vec![tenant.v1_issuer()],
        audiences: vec![AUDIENCE.to_owned(), API_V1_ID.to_owned()],
        algorithms: vec![Algorithm::RS256],
        purpose: Purpose::AccessToken,
        leeway: Rules::LEEWAY,
    };
    let verified = Unverified::parse(token).and_then(|token| token.verify(&tenant.key_set(), &rules, now));
    verified.map(|verified| verified.into_inner()).map_err(|refusal| refusal.to_string())
}

fn shown(claims: &Claims) -> Map<String, Value> {
    SHOWN.iter().filter_map(|&name| Some((name.to_owned(), claims.get(name)?))).collect()
}

#[cfg(test)]
mod tests {
    use gangplank_idp::{API_ID, TenantConfig, WEB_APP_ID};
    use http_body_util::BodyExt;
    use url::Url;

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_795_305_600);

    #[tokio::test]
    async fn it_takes_tokens_for_itself_and_does_not_show_them() {
        let tenant = Tenant::new(TenantConfig::built_in(), Url::parse("http://127.0.0.1:1").unwrap()).unwrap();
        let ask = async |token: &str| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap())]);
            let response = answer(&tenant, &headers, NOW);
            let status = response.status();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(!String::from_utf8_lossy(&body).contains("eyJ"));
            (status, serde_json::from_slice::<Value>(&body).unwrap())
        };
        let token = |scope: &str| tenant.mint_access_token("dana", API_ID, scope, NOW).unwrap();
        let (status, body) = ask(&token("api://podinfo-v1/.default")).await;
        assert_eq!((status, &body["token"]["aud"]), (StatusCode::OK, &json!(AUDIENCE)));
        assert_eq!((&body["token"]["upn"], &body["token"]["appid"]), (&json!("dana@dev.test"), &json!(API_ID)));
        assert_eq!(ask(&token("api://podinfo/.default")).await.0, StatusCode::UNAUTHORIZED, "that is for another");
        let id_token = tenant.mint_id_token("dana", WEB_APP_ID, Some("n"), NOW).unwrap();
        assert_eq!(ask(&id_token).await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(answer(&tenant, &HeaderMap::new(), NOW).status(), StatusCode::UNAUTHORIZED);
    }
}
