//! What the provider wants to see first goes back to the caller.

use super::*;

#[tokio::test]
async fn a_step_up_goes_back_to_the_program_as_a_claims_challenge() {
    let setting = Setting::of(demanding_mfa_of("alice"), "").await;
    let token = setting.token("/obo", "alice");
    let answer = setting.call("/obo", "alice", &token).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let said = answer.header("www-authenticate").unwrap();
    let claims = said.split_once(r#"error="insufficient_claims", claims=""#).unwrap().1.strip_suffix('"').unwrap();
    let claims = gangplank_oauth::ClaimsChallenge::from_base64(claims).unwrap();
    assert!(claims.as_str().contains("capolids"), "{claims:?}");
    assert!(setting.metric(r#"gangplank_exchanges_total{exchange="obo",outcome="step_up"} 1"#).await);
    let scope = format!("api://{WEB_APP_ID}/access_as_user");
    let stepped_up = setting.tenant.mint_access_token_after_mfa("alice", PUBLIC_CLIENT_ID, &scope, setting.clock.now());
    assert_eq!(setting.call("/obo", "alice", &stepped_up.unwrap()).await.status, StatusCode::OK);
    assert_eq!(setting.call("/obo", "bob", &setting.token("/obo", "bob")).await.status, StatusCode::OK);
    for head in setting.seen.take() {
        judge(&head, API_ID, true);
    }
}

#[tokio::test]
async fn a_step_up_by_levels_goes_back_as_levels() {
    let setting = Setting::new().await;
    for (levels, said) in [
        (r#""urn:mfa phr""#, Some(r#"error="insufficient_user_authentication", acr_values="urn:mfa phr""#)),
        (r#""x\", error=\"invalid_token""#, None),
        ("7", None),
    ] {
        let body = format!(r#"{{"error":"insufficient_user_authentication","acr_values":{levels}}}"#);
        setting.meddle(move |_| Ok(Response::builder().status(400).body(Bytes::from(body.clone())).unwrap()));
        let answer = setting.call("/rfc", "alice", &setting.token("/rfc", "alice")).await;
        let challenge = answer.header("www-authenticate").map(str::to_owned);
        assert_eq!(
            challenge.as_deref(),
            said.map(|s| format!(r#"Bearer realm="gangplank", {s}"#)).as_deref(),
            "{answer:?}"
        );
        assert_eq!(answer.status, if said.is_some() { 401 } else { 502 });
    }
}

#[tokio::test]
async fn a_step_up_sends_a_browser_to_the_provider_with_the_claims_and_then_it_gets_there() {
    let setting = Setting::of(demanding_mfa_of("dana"), "").await;
    let session = setting.sign_in("/oauth2/start?client=web&rd=/session", "dana", None).await;
    let page = with(BROWSER, &[cookie(&session), ("x-test-user", "dana")]);
    let refused = setting.get("/session?page=2", &page).await;
    assert_eq!((refused.status, setting.seen.take().len()), (StatusCode::FOUND, 0), "{refused:?}");
    let start = refused.location().strip_prefix("https://app.example.com").unwrap().to_owned();
    assert!(start.starts_with("/oauth2/start?") && start.contains("&claims="), "{start}");
    let session = setting.sign_in(&start, "dana", Some(&session)).await;
    let page = with(BROWSER, &[cookie(&session), ("x-test-user", "dana")]);
    assert_eq!(setting.get("/session?page=2", &page).await.status, StatusCode::OK);
    judge(&setting.seen.take()[0], API_ID, true);
    // What is no navigation is told so.
    let program = [cookie(&session), ("accept", "application/json")];
    setting.pass(3_500);
    setting.tenant.set_fault(Fault::new(FaultKind::StepUp).on(Endpoint::Token).times(1));
    assert!(matches!(setting.get("/session", &program).await.status.as_u16(), 200 | 401));
}
