use serde_json::json;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use super::*;
use crate::testing::{NOW, World, jwks, jwks_url, new_key, sign_as, with};
use crate::{Authenticated, NotMine};

fn headers(values: &[&str]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for value in values {
        map.append(AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    map
}

async fn ask(bearer: &BearerAuthenticator, values: &[&str]) -> Result<Authenticated, &'static str> {
    let headers = headers(values);
    match bearer.authenticate(Credentials::headers(&headers), NOW).await {
        Outcome::Authenticated(who) => Ok(who),
        Outcome::Rejected(_) => Err("rejected"),
        Outcome::Unavailable(_) => Err("unavailable"),
        Outcome::NotMine(NotMine::Absent) => Err("absent"),
        Outcome::NotMine(NotMine::Unknown(refusal)) => Err(refusal.reason().name),
    }
}

#[tokio::test]
async fn iss_chooses_the_judge_and_an_unknown_one_is_refused() {
    let world = World::new();
    let bearer = BearerAuthenticator::new(vec![Arc::clone(&world.issuer)]);
    let good = format!("Bearer {}", world.sign(&world.access_claims()));
    assert_eq!(ask(&bearer, &[&good]).await.unwrap().identity().username, "ada@corp.example");
    assert_eq!(ask(&bearer, &[]).await.unwrap_err(), "absent");
    for iss in [json!("https://other"), json!(null)] {
        let claims = with(world.access_claims(), "iss", iss);
        let other = format!("Bearer {}", world.sign(&claims));
        assert_eq!(ask(&bearer, &[&other]).await.unwrap_err(), "issuer-unknown");
    }
    assert_eq!(ask(&bearer, &["Bearer opaque"]).await.unwrap_err(), "token-not-compact");
    let expired = format!("Bearer {}", world.sign(&with(world.access_claims(), "exp", json!(1))));
    assert_eq!(ask(&bearer, &[&expired]).await.unwrap_err(), "rejected", "it is ours, and bad");
}

/// One whose `iss` is ours for whoever reads JSON less strictly.
#[tokio::test]
async fn a_malformed_token_of_an_issuer_of_ours_is_not_left_to_laxer_readers() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let world = World::new();
    let bearer = BearerAuthenticator::new(vec![Arc::clone(&world.issuer)]);
    let iss = crate::testing::v2_issuer();
    let token = |payload: String| format!("Bearer e30.{}.AAAA", URL_SAFE_NO_PAD.encode(payload));
    for payload in [
        format!(r#"{{"iss":"{iss}","sub":"a","sub":"b"}}"#),
        format!(r#"{{"iss":"https://other","iss":"{iss}"}}"#),
        format!(r#"{{"iss":"{iss}","exp":"soon"}}"#),
    ] {
        assert_eq!(ask(&bearer, &[&token(payload.clone())]).await.unwrap_err(), "rejected", "{payload}");
    }
    for payload in [format!(r#"{{"iss":"{iss}","iss":"https://other"}}"#), r#"{"sub":"a","sub":"b"}"#.to_owned()] {
        let answer = ask(&bearer, &[&token(payload.clone())]).await.unwrap_err();
        assert!(!matches!(answer, "rejected" | "absent"), "{payload}: {answer}");
    }
}

#[tokio::test]
async fn of_two_issuers_with_one_name_the_one_with_the_audience_judges() {
    let (one, two) = (World::new(), World::new());
    let kind = || crate::IssuerKind::open_id(crate::testing::v2_issuer());
    let other = World::with(kind(), &["api://other"]);
    let bearer = BearerAuthenticator::new(vec![Arc::clone(&other.issuer), Arc::clone(&one.issuer)]);
    assert!(ask(&bearer, &[&format!("Bearer {}", one.sign(&one.access_claims()))]).await.is_ok());
    assert!(ask(&bearer, &[&format!("Bearer {}", two.sign(&two.access_claims()))]).await.is_err(), "another key");
}

#[tokio::test]
async fn evidence_of_a_withdrawn_key_does_not_hold() {
    let world = World::new();
    let bearer = BearerAuthenticator::new(vec![Arc::clone(&world.issuer)]);
    let token = world.sign(&world.access_claims());
    let before = ask(&bearer, &[&format!("Bearer {token}")]).await.unwrap();
    assert!(before.holds(NOW));
    let new = new_key();
    world.web.answer(&jwks_url(), 200, jwks(&[("two", &new)]));
    let rotated = sign_as("two", &new, &world.access_claims());
    assert!(matches!(bearer.verify(&rotated, NOW).await, Outcome::Authenticated(_)));
    assert!(!before.holds(NOW));
    assert!(matches!(bearer.verify(&token, NOW).await, Outcome::Rejected(_)));
    assert!(matches!(bearer.verify(&rotated, NOW).await, Outcome::Authenticated(_)));
}
