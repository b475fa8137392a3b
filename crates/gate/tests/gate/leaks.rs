//! What leaves the gate: an allow-list of headers for every kind of answer, and nothing of a credential anywhere.

use http::StatusCode;

use crate::support::*;

const APP: &str = "https://app.example.com";

const OURS: &[&str] = &[
    "content-type",
    "cache-control",
    "x-content-type-options",
    "www-authenticate",
    "x-request-id",
    "allow",
    "retry-after",
    "location",
    "set-cookie",
    "content-security-policy",
    "x-frame-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
    "clear-site-data",
    "vary",
];

#[tokio::test]
async fn refusals_have_headers_of_a_list_only_and_repeat_nothing() {
    let config = head("redirect_from_auth = true")
        + &demo("/", "upstream = \"http://127.0.0.1:9\"")
        + &open("/down", "upstream = \"http://127.0.0.1:9\"");
    let world = World::new(&config);
    let secret = "c2VjcmV0LXRoYXQtaXMtbm90LXRvbGQ";
    let bearer = format!("Bearer {secret}.{secret}.{secret}");
    let session = format!("__Host-gangplank={secret}");
    for headers in [&[][..], BROWSER] {
        for path in [
            "/",
            "/%00",
            "/oauth2/auth",
            "/oauth2/start?rd=//evil",
            "/oauth2/callback",
            "/oauth2/callback?state=x&code=y",
            "/oauth2/sign_in",
            "/oauth2/sign_out",
            "/oauth2/signed_out",
            "/oauth2/userinfo",
            "/oauth2/none",
            "/down",
            "/oauth2/auth?route=x",
            "/oauth2/static/none.css",
        ] {
            for credential in [None, Some(("authorization", bearer.as_str())), Some(("cookie", session.as_str()))] {
                let mut all = with(headers, &[("x-auth-request-user", "root"), ("x-secret", secret)]);
                all.extend(credential);
                let answer = world.get(&format!("{APP}{path}"), &all).await;
                for name in answer.headers.keys() {
                    assert!(OURS.contains(&name.as_str()), "{name} on {path}");
                }
                assert!(answer.block() <= 4096, "{path}");
                let said = format!("{:?}{}", answer.headers, answer.body);
                assert!(!said.contains(secret), "{path}: {said}");
                assert!(!said.contains("root"), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn every_bad_credential_gets_the_same_answer() {
    let world = World::new(&(head("") + &demo("/", "upstream = \"http://127.0.0.1:9\"")));
    let good = world.token("alice");
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let now = gangplank_oauth::Clock::now(&*world.clock).as_secs();
    let expired = serde_json::json!({"iss": world.tenant.issuer(), "aud": gangplank_idp::API_ID, "exp": now - 900});
    let stranger = serde_json::json!({"iss": "https://evil.test", "aud": "x", "exp": now + 900});
    let tokens = [
        "x".to_owned(),
        format!("{signed}.{}", signature.chars().rev().collect::<String>()),
        format!("{signed}."),
        world.tenant.mint_claims(&expired).unwrap(),
        world.tenant.mint_claims(&stranger).unwrap(),
        "eyJhbGciOiJub25lIn0.e30.".to_owned(),
    ];
    let mut said = Vec::new();
    for token in &tokens {
        let id = [("authorization", &*format!("Bearer {token}")), ("x-request-id", "same")];
        let answer = world.check(&format!("{APP}/"), &id).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        said.push(format!("{:?}{}", answer.headers, answer.body));
    }
    said.dedup();
    assert_eq!(said.len(), 1, "{said:#?}");
}
