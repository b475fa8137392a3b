use std::time::Duration;

use serde_json::json;

use super::*;
use crate::testing::{NOW, World, jwks, jwks_url, new_key, sign_as, with};

fn headers(values: &[&str]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for value in values {
        map.append(header::AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    map
}

async fn ask(bearer: &BearerAuthenticator, values: &[&str]) -> Result<Authenticated, &'static str> {
    let headers = headers(values);
    match bearer.authenticate(Credentials { headers: &headers }, NOW).await {
        Outcome::Authenticated(who) => Ok(who),
        Outcome::Rejected(refusal) => Err(refusal.reason().name),
        Outcome::Unavailable(_) => Err("unavailable"),
        Outcome::NotMine => Err("not mine"),
    }
}

#[test]
fn exactly_one_token_of_one_header() {
    let token = |values: &[&str]| {
        BearerAuthenticator::presented(&headers(values))
            .and_then(|presented| presented.map(|p| p.token().map(str::to_owned)).transpose())
            .map_err(|r| r.reason().name)
    };
    let found = |t: &str| Ok(Some(t.to_owned()));
    assert_eq!(token(&[]), Ok(None));
    for other in ["Basic YTpi", "Bearerx abc", "Negotiate x", ""] {
        assert_eq!(token(&[other]), Ok(None), "{other}");
    }
    for good in ["Bearer a.b-c_d~e+f/g==", "bearer a.b-c_d~e+f/g==", "BEARER  a.b-c_d~e+f/g== "] {
        assert_eq!(token(&[good]), found("a.b-c_d~e+f/g=="), "{good}");
    }
    for bad in [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer a,b",
        "Bearer =",
        "Bearer a=b",
        "Bearer \u{e9}",
        "Bearer\ta",
        "Bearer,a",
        "Bearer a, Bearer b",
    ] {
        assert_eq!(token(&[bad]), Err("bearer-malformed"), "{bad}");
    }
    for two in [["Bearer a", "Bearer a"], ["Bearer a", "Basic b"], ["Basic b", "Bearer a"]] {
        assert_eq!(token(&two), Err("authorization-repeated"), "{two:?}");
    }
    assert_eq!(token(&["Basic a", "Basic b"]), Ok(None));
}

#[tokio::test]
async fn iss_chooses_the_judge_and_an_unknown_one_is_refused() {
    let world = World::new();
    let bearer = BearerAuthenticator::new(vec![Arc::clone(&world.issuer)]);
    let good = format!("Bearer {}", world.sign(&world.access_claims()));
    assert_eq!(ask(&bearer, &[&good]).await.unwrap().identity().username, "ada@corp.example");
    assert_eq!(ask(&bearer, &[]).await.unwrap_err(), "not mine");
    for iss in [json!("https://other"), json!(null)] {
        let claims = with(world.access_claims(), "iss", iss);
        let other = format!("Bearer {}", world.sign(&claims));
        assert_eq!(ask(&bearer, &[&other]).await.unwrap_err(), "issuer-unknown");
    }
    assert!(ask(&bearer, &["Bearer opaque"]).await.is_err_and(|name| name != "not mine"));
}

#[tokio::test]
async fn of_two_issuers_with_one_name_the_one_with_the_audience_judges() {
    let (one, two) = (World::new(), World::new());
    let kind = || crate::IssuerKind::OpenId { url: crate::testing::v2_issuer() };
    let other = World::with(kind(), &["api://other"]);
    let bearer = BearerAuthenticator::new(vec![Arc::clone(&other.issuer), Arc::clone(&one.issuer)]);
    assert!(ask(&bearer, &[&format!("Bearer {}", one.sign(&one.access_claims()))]).await.is_ok());
    assert!(ask(&bearer, &[&format!("Bearer {}", two.sign(&two.access_claims()))]).await.is_err(), "another key");
}

#[tokio::test]
async fn a_verified_token_is_remembered_until_it_expires() {
    let world = World::new();
    let bearer = BearerAuthenticator::new(vec![Arc::clone(&world.issuer)]);
    let token = world.sign(&world.access_claims());
    let digest = *PresentedToken::of(token.as_bytes()).digest();
    assert!(bearer.cached(&digest, NOW).is_none());
    assert!(matches!(bearer.verify(&token, NOW).await, Outcome::Authenticated(_)));
    assert!(bearer.cached(&digest, NOW).is_some());
    let end = NOW + Duration::from_secs(3660);
    assert!(bearer.cached(&digest, end - Duration::from_secs(1)).is_some());
    assert!(bearer.cached(&digest, end).is_none());
    assert!(matches!(bearer.verify(&token, end).await, Outcome::Rejected(_)));
}

#[tokio::test]
async fn what_was_refused_is_not_remembered() {
    let world = World::new();
    let bearer = BearerAuthenticator::new(vec![Arc::clone(&world.issuer)]);
    let bad = sign_as("one", &new_key(), &world.access_claims());
    assert!(matches!(bearer.verify(&bad, NOW).await, Outcome::Rejected(_)));
    assert!(bearer.cached(PresentedToken::of(bad.as_bytes()).digest(), NOW).is_none());
    assert_eq!(bearer.remembered.len(), 0);
}

#[tokio::test]
async fn a_remembered_token_of_a_withdrawn_key_is_verified_again() {
    let world = World::new();
    let bearer = BearerAuthenticator::new(vec![Arc::clone(&world.issuer)]);
    let token = world.sign(&world.access_claims());
    assert!(matches!(bearer.verify(&token, NOW).await, Outcome::Authenticated(_)));
    let new = new_key();
    world.web.answer(&jwks_url(), 200, jwks(&[("two", &new)]));
    let rotated = sign_as("two", &new, &world.access_claims());
    assert!(matches!(bearer.verify(&rotated, NOW).await, Outcome::Authenticated(_)));
    assert!(matches!(bearer.verify(&token, NOW).await, Outcome::Rejected(_)));
    assert!(matches!(bearer.verify(&rotated, NOW).await, Outcome::Authenticated(_)));
}
