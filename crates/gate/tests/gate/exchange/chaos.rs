//! Whatever a provider does or says: no upstream is called with another identity, or none.

use super::*;

fn kinds() -> Vec<FaultKind> {
    let mut kinds = vec![
        FaultKind::Down,
        FaultKind::Broken,
        FaultKind::HangUp,
        FaultKind::Gone,
        FaultKind::Slow { millis: 11_000 },
        FaultKind::Huge { bytes: 2 << 20 },
        FaultKind::Garbage,
        FaultKind::Redirected,
        FaultKind::NoToken,
        FaultKind::WrongAudience,
        FaultKind::ClockSkew { seconds: -7_200 },
        FaultKind::StepUp,
    ];
    kinds.extend(["mac", "DPoP", "N_A", ""].map(|kind| FaultKind::TokenType { token_type: kind.to_owned() }));
    let errors = ["invalid_grant", "invalid_client", "invalid_scope", "server_error", "temporarily_unavailable", "odd"];
    kinds.extend(errors.map(|error| FaultKind::TokenError { error: error.to_owned() }));
    kinds
}

type Replaced = fn(&str) -> Response<Bytes>;

/// What a provider says that has lost its way; `subject` is the token that it was given for another caller.
fn lies() -> Vec<(&'static str, Replaced)> {
    fn said(status: u16, body: impl Into<Bytes>) -> Response<Bytes> {
        Response::builder().status(status).header("content-type", "application/json").body(body.into()).unwrap()
    }
    fn token(token: &str, more: &str) -> Response<Bytes> {
        let issued = "urn:ietf:params:oauth:token-type:access_token";
        said(200, format!(r#"{{"access_token":"{token}","token_type":"Bearer","issued_token_type":"{issued}"{more}}}"#))
    }
    vec![
        ("the token of another", |other| token(other, r#","expires_in":3600"#)),
        ("nothing to read", |_| token("opaque-token", r#","expires_in":3600"#)),
        ("headers inside", |_| token(r"x\r\nX-Auth-Request-User: root", "")),
        ("two words", |_| token("Bearer x", "")),
        ("two tokens", |other| {
            said(200, format!(r#"{{"access_token":"a","access_token":"{other}","token_type":"Bearer"}}"#))
        }),
        ("an empty token", |_| token("", "")),
        ("a token in an error", |other| {
            said(400, format!(r#"{{"error":"x","access_token":"{other}","token_type":"Bearer"}}"#))
        }),
        ("a token and an error", |other| {
            said(200, format!(r#"{{"error":"x","access_token":"{other}","token_type":"Bearer"}}"#))
        }),
        ("odd life", |other| token(other, r#","expires_in":-1"#)),
        ("throttled", |_| said(429, r#"{"error":"too_many"}"#)),
        ("nothing", |_| said(200, "")),
        ("no content", |_| said(204, "")),
        ("created", |other| said(201, format!(r#"{{"access_token":"{other}","token_type":"Bearer"}}"#))),
        ("deep", |_| said(200, "[".repeat(100_000))),
    ]
}

/// All callers on all routes at once, with fresh tokens, some of them twice.
async fn everybody(setting: &Arc<Setting>) -> Vec<(&'static str, Answer)> {
    let mut callers = Vec::new();
    for (path, _) in STRATEGIES {
        for user in ["alice", "bob", "dana"] {
            let token = setting.token(path, user);
            for _ in 0..2 {
                let (setting, token) = (setting.clone(), token.clone());
                callers.push(tokio::spawn(async move { (path, setting.call(path, user, &token).await) }));
            }
        }
    }
    let mut answers = Vec::new();
    for caller in callers {
        answers.push(caller.await.unwrap());
    }
    answers
}

/// Nobody gets through but with their own token. Returns how many did.
fn nobody_else(setting: &Setting, what: &str, answers: &[(&str, Answer)]) -> usize {
    let seen = setting.seen.take();
    let passed = answers.iter().filter(|(_, answer)| answer.status == StatusCode::OK).count();
    assert_eq!(seen.len(), passed, "{what}: as many calls as answers");
    for head in &seen {
        let (path, audience) = STRATEGIES.into_iter().find(|(path, _)| head["x-test-path"] == *path).unwrap();
        judge(head, audience, path != "/ours");
    }
    for (path, answer) in answers.iter().filter(|(_, answer)| answer.status != StatusCode::OK) {
        assert!([401, 403, 502, 503].contains(&answer.status.as_u16()), "{what}, {path}: {answer:?}");
        let unavailable = answer.status == StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(answer.header("retry-after").is_some(), unavailable, "{what}: {answer:?}");
        for word in ["eyJ", "login.test", "AADSTS", "exchange", "provider"] {
            // A claims challenge is JSON in base64, and meant to be seen.
            let headers = answer.headers.iter().filter(|(name, _)| *name != "www-authenticate" || word != "eyJ");
            let shown = headers.into_iter().any(|(_, value)| value.to_str().unwrap().contains(word));
            assert!(!answer.body.contains(word) && !shown, "{what}: {word} in {answer:?}");
        }
    }
    passed
}

#[tokio::test]
async fn whatever_a_provider_does_no_upstream_is_called_with_another_identity_or_none() {
    let setting = Arc::new(Setting::new().await);
    let all = everybody(&setting).await;
    assert_eq!(nobody_else(&setting, "as ever", &all), all.len());
    for kind in kinds() {
        let what = format!("{kind:?}");
        // Tokens that are at hand would hide it.
        setting.pass(7_300);
        setting.tenant.set_fault(Fault::new(kind).on(Endpoint::Token));
        let answers = everybody(&setting).await;
        assert_eq!(nobody_else(&setting, &what, &answers), 0, "{what}");
        setting.leave_alone();
        setting.pass(61);
        for (path, audience) in STRATEGIES {
            let token = setting.token(path, "alice");
            assert_eq!(setting.call(path, "alice", &token).await.status, StatusCode::OK, "{what} is over");
            judge(&setting.seen.take()[0], audience, path != "/ours");
        }
    }
}

#[tokio::test]
async fn whatever_is_said_in_the_providers_place_no_upstream_is_called_with_another_identity_or_none() {
    let setting = Arc::new(Setting::new().await);
    for (what, replaced) in lies() {
        setting.pass(7_300);
        // Mallory's, and for the right upstream.
        let now = setting.clock.now();
        let others = setting.tenant.mint_access_token("mallory", PUBLIC_CLIENT_ID, "api://podinfo/read", now).unwrap();
        setting.meddle(move |_| Ok(replaced(&others)));
        let answers = everybody(&setting).await;
        // Of a token of ours nobody can say whom it is about: it is for the right upstream, and that is all.
        let ours = answers.iter().filter(|(path, answer)| *path == "/ours" && answer.status == StatusCode::OK).count();
        if what == "the token of another" && ours > 0 {
            assert_eq!(setting.seen.take().len(), ours, "{what}");
        } else {
            assert_eq!(nobody_else(&setting, what, &answers), 0, "{what}");
        }
        setting.leave_alone();
    }
}

#[tokio::test]
async fn a_provider_that_is_lost_now_and_then_mixes_nobody_up() {
    let setting = Arc::new(Setting::new().await);
    let turn = Arc::new(AtomicU64::new(0));
    let kept: Arc<Mutex<Option<Response<Bytes>>>> = Arc::default();
    for round in 0..30 {
        setting.pass(round * 700);
        let (turn, kept) = (turn.clone(), kept.clone());
        // Every third answer is the one before it, every fifth is lost.
        setting.meddle(move |answer| {
            let n = turn.fetch_add(1, Ordering::SeqCst);
            let before = kept.lock().unwrap().replace(answer.clone());
            match before {
                _ if n.is_multiple_of(5) => {
                    Err(TransportError::Protocol { host: "login.test".into(), cause: "lost".into() })
                }
                Some(before) if n.is_multiple_of(3) => Ok(before),
                _ => Ok(answer),
            }
        });
        let answers = everybody(&setting).await;
        nobody_else(&setting, "mixed up", &answers);
        setting.pass(61);
    }
}
