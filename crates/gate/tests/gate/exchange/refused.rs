//! Exchanges that came to nothing: who is told what, and what is in the log of it.

use std::collections::BTreeSet;

use super::*;
use crate::audit;

/// The provider answers with this code of its own.
fn refusing(setting: &Setting, code: u32) {
    let body = format!(r#"{{"error":"invalid_grant","error_description":"AADSTS{code}: no","error_codes":[{code}]}}"#);
    setting.meddle(move |_| Ok(Response::builder().status(400).body(Bytes::from(body.clone())).unwrap()));
}

fn lines_of(lines: &[String], request: &str) -> Vec<String> {
    let id = format!("request_id=\"{request}\"");
    let mine = lines.iter().filter(|line| line.starts_with("audit") && line.contains(&id));
    mine.cloned().collect()
}

#[track_caller]
fn has(line: &str, parts: &[&str]) {
    assert!(parts.iter().all(|part| line.contains(part)), "{parts:?}: {line}");
}

#[tokio::test]
async fn a_session_is_sent_to_sign_in_again_only_where_that_helps() {
    let setting = Setting::new().await;
    let session = setting.sign_in("/oauth2/start?client=web&rd=/session", "dana", None).await;
    let page = with(BROWSER, &[cookie(&session), ("x-test-user", "dana")]);
    for (code, by_session, by_bearer, reason) in [
        (50013, 502, 401, "exchange-session-unfit"),
        (500_131, 502, 401, "exchange-session-unfit"),
        (240_002, 502, 401, "exchange-session-unfit"),
        (500_133, 302, 401, "assertion-expired"),
        (50173, 302, 401, "exchange-sign-in-revoked"),
        (70008, 302, 401, "exchange-sign-in-revoked"),
        (700_082, 302, 401, "exchange-sign-in-revoked"),
    ] {
        refusing(&setting, code);
        let answer = setting.get("/session", &page).await;
        assert_eq!(answer.status.as_u16(), by_session, "{code}: {answer:?}");
        assert!(by_session != 302 || answer.location().contains("/oauth2/start?client=web"), "{answer:?}");
        assert!(!answer.body.contains("AADSTS") && !answer.body.contains("Sign in"), "{}", answer.body);
        let counted = format!("gangplank_refusals_total{{reason=\"{reason}\"");
        assert!(setting.refusals().await.iter().any(|line| line.starts_with(&counted)), "{code}: {reason}");
        let answer = setting.call("/obo", "alice", &setting.token("/obo", "alice")).await;
        assert_eq!(answer.status.as_u16(), by_bearer, "{code}: {answer:?}");
        assert!(answer.header("www-authenticate").is_some());
    }
    assert_eq!(setting.seen.take().len(), 0);
}

#[tokio::test]
async fn a_refused_exchange_is_denied_under_the_request_that_asked() {
    audit::listen();
    let setting = Setting::new().await;
    refusing(&setting, 50013);
    audit::taken();
    let answer = setting.call("/obo", "alice", &setting.token("/obo", "alice")).await;
    let id = answer.header("x-request-id").unwrap().to_owned();
    let lines = lines_of(&audit::taken(), &id);
    let [exchange, decision] = lines.as_slice() else { panic!("{lines:#?}") };
    has(exchange, &["decision=\"not-exchanged\"", "exchange=\"obo\"", "reason=\"assertion-invalid\""]);
    has(decision, &["decision=\"deny\"", "reason=\"assertion-invalid\"", "AADSTS50013", "route=\"/obo\""]);
    // What the session's owner can't mend is said by the name that the operator looks for, on both lines.
    setting.leave_alone();
    let session = setting.sign_in("/oauth2/start?client=web&rd=/session", "dana", None).await;
    refusing(&setting, 50013);
    audit::taken();
    let answer = setting.get("/session", &with(BROWSER, &[cookie(&session)])).await;
    let lines = lines_of(&audit::taken(), answer.header("x-request-id").unwrap());
    let [exchange, decision] = lines.as_slice() else { panic!("{lines:#?}") };
    has(exchange, &["decision=\"not-exchanged\"", "reason=\"exchange-session-unfit\""]);
    has(decision, &["decision=\"deny\"", "reason=\"exchange-session-unfit\"", "fault=\"operator\""]);
}

#[tokio::test]
async fn who_passes_is_allowed_after_the_exchange_and_who_joined_one_has_a_line_of_their_own() {
    audit::listen();
    let setting = Setting::new().await;
    let token = setting.token("/obo", "alice");
    audit::taken();
    let both = tokio::join!(setting.call("/obo", "alice", &token), setting.call("/obo", "alice", &token));
    let lines = audit::taken();
    assert_eq!((both.0.status, both.1.status), (StatusCode::OK, StatusCode::OK));
    let id = |line: &String| line.split_once("request_id=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    let ids: BTreeSet<String> = lines.iter().map(id).collect();
    let words = |id: &String| -> Vec<&str> {
        let lines = lines_of(&lines, id);
        lines.iter().map(|line| if line.contains("\"exchanged\"") { "exchanged" } else { "allow" }).collect()
    };
    let mut said: Vec<_> = ids.iter().map(words).collect();
    said.sort();
    assert_eq!(said, [vec!["allow"], vec!["exchanged", "allow"]], "{lines:#?}");
}

#[tokio::test]
async fn an_mcp_server_is_called_by_nobody_whose_exchange_was_refused_and_the_log_says_so_once() {
    audit::listen();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let route = format!(
        "[[routes]]\npath = \"/mcp\"\naccept = [\"corp\"]\nallow.signed_in = true\nexchange = \"obo\"\n\
         upstream = \"http://{}\"\n[routes.mcp]\nscopes = [\"api://{WEB_APP_ID}/access_as_user\"]\n",
        listener.local_addr().unwrap()
    );
    let setting = Setting::of(TenantConfig::built_in(), &route).await;
    refusing(&setting, 50013);
    audit::taken();
    let answer = setting.call("/mcp", "alice", &setting.token("/obo", "alice")).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer:?}");
    let lines = lines_of(&audit::taken(), answer.header("x-request-id").unwrap());
    let decisions: Vec<_> = lines.iter().filter(|line| !line.contains("exchanged\"")).collect();
    let [decision] = decisions.as_slice() else { panic!("{lines:#?}") };
    has(decision, &["decision=\"deny\"", "reason=\"assertion-invalid\"", "route=\"/mcp\""]);
}

#[tokio::test]
async fn who_chooses_where_to_sign_in_brings_the_claims_along() {
    let client = |name: &str| {
        format!(
            "[clients.{name}]\nissuer = \"corp\"\nid = \"{WEB_APP_ID}\"\nsecret = {{ env = \"SECRET\" }}\n\
             scopes = [\"openid\", \"offline_access\", \"{WEB_APP_ID}/access_as_user\"]\n"
        )
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let route = format!(
        "[[routes]]\npath = \"/chosen\"\nsign_in = [\"one\", \"two\"]\nallow.signed_in = true\nexchange = \"obo\"\n\
         upstream = \"http://{}\"\n",
        listener.local_addr().unwrap()
    );
    let setting = Setting::of(demanding_mfa_of("dana"), &(client("one") + &client("two") + &route)).await;
    let session = setting.sign_in("/oauth2/start?client=one&rd=/chosen", "dana", None).await;
    let refused = setting.get("/chosen?page=2", &with(BROWSER, &[cookie(&session)])).await;
    assert_eq!(refused.status, StatusCode::FOUND, "{refused:?}");
    let chooser = refused.location().strip_prefix("https://app.example.com").unwrap();
    assert!(chooser.starts_with("/oauth2/sign_in?rd=%2Fchosen%3Fpage%3D2&claims="), "{chooser}");
    let chooser = setting.get(chooser, &with(BROWSER, &[cookie(&session)])).await;
    let links = chooser.body.split("href=\"").filter_map(|rest| rest.split_once('"')).map(|(link, _)| link);
    let links: Vec<String> =
        links.filter(|link| link.starts_with("/oauth2/start")).map(|link| link.replace("&#38;", "&")).collect();
    assert_eq!(links.len(), 2, "{}", chooser.body);
    for link in links {
        let start = setting.get(&link, &with(BROWSER, &[cookie(&session)])).await;
        let asked = Url::parse(start.location()).unwrap();
        let claims = asked.query_pairs().find(|(name, _)| name == "claims");
        assert!(claims.is_some_and(|(_, claims)| claims.contains("capolids")), "{link}: {start:?}");
    }
    // What is no challenge does not go along.
    let chooser = setting.get("/oauth2/sign_in?rd=/chosen&claims=%22%3E", &with(BROWSER, &[])).await;
    assert!(!chooser.body.contains("claims"), "{}", chooser.body);
}
