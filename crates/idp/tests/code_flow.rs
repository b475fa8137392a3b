//! Authorization code with PKCE, from discovery to verified tokens.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use gangplank_idp::{DEMO_GROUP_ID, Fault, FaultKind, PUBLIC_CLIENT_ID, TENANT_ID, WEB_APP_ID};
use gangplank_jose::Purpose;
use http::{StatusCode, header};
use serde_json::json;
use support::*;
use url::Url;

#[test]
fn discovery_names_what_works_by_every_name_of_the_tenant() {
    let tenant = tenant();
    for (name, issuer) in [(TENANT_ID, TENANT_ID), ("dev.test", TENANT_ID), ("common", "{tenantid}")] {
        let v2 = get(&tenant, &format!("{BASE}/{name}/v2.0/.well-known/openid-configuration"), &[], NOW).response;
        assert_eq!(body(&v2)["issuer"], format!("{BASE}/{issuer}/v2.0"));
        let v1 = get(&tenant, &format!("{BASE}/{name}/.well-known/openid-configuration"), &[], NOW).response;
        assert_eq!(body(&v1)["issuer"], format!("{BASE}/{issuer}/"));
    }
    let unknown = get(&tenant, &format!("{BASE}/elsewhere/v2.0/.well-known/openid-configuration"), &[], NOW).response;
    assert_eq!((unknown.status(), &body(&unknown)["error_codes"]), (StatusCode::BAD_REQUEST, &json!([90002])));
    let instance =
        format!("{BASE}/common/discovery/instance?authorization_endpoint={BASE}/dev.test/oauth2/v2.0/authorize");
    let instance = get(&tenant, &instance, &[], NOW).response;
    let endpoint = format!("{BASE}/dev.test/v2.0/.well-known/openid-configuration");
    assert_eq!(body(&instance)["tenant_discovery_endpoint"], endpoint);
}

#[test]
fn a_sign_in_gives_verified_tokens() {
    let tenant = tenant();
    let callback = tenant.drive_sign_in(&authorize_url(&[("client_info", "1")]), "alice", NOW).unwrap();
    let callback = Url::parse(&callback).unwrap();
    assert_eq!(param(&callback, "state"), "st<a>te");
    assert!(!param(&callback, "client_info").is_empty());
    let response = redeem(&tenant, &param(&callback, "code"));
    assert_eq!(response.status(), StatusCode::OK, "{}", text(&response));
    let tokens = body(&response);
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert!(tokens["refresh_token"].is_string());
    let id_token = tokens["id_token"].as_str().unwrap();
    let claims = verify(&tenant, id_token, tenant.issuer(), WEB_APP_ID, Purpose::IdToken, NOW).unwrap();
    assert_eq!(claims.str("nonce"), Some("n-1"));
    assert_eq!(claims.str("preferred_username"), Some("alice@dev.test"));
    assert_eq!(claims.str("tid"), Some(TENANT_ID));
    assert_eq!(claims.strings("roles"), Some(vec!["Captain"]));
    let groups = claims.strings("groups").unwrap();
    assert!(groups.len() == 50 && groups.contains(&DEMO_GROUP_ID));
    assert!(verify(&tenant, id_token, tenant.issuer(), WEB_APP_ID, Purpose::IdToken, after(3_601)).is_err());
}

#[test]
fn a_code_is_for_one_use_one_client_one_uri_and_one_verifier() {
    let tenant = tenant();
    let refused = |changes: &[(&str, &str)], now| {
        let response = redeem_with(&tenant, &code(&tenant, "alice", &[]), changes, now);
        body(&response)["error_codes"][0].as_u64().unwrap_or_default()
    };
    assert_eq!(refused(&[("code_verifier", &"x".repeat(43))], NOW), 501481);
    assert_eq!(refused(&[("code_verifier", "")], NOW), 501481);
    assert_eq!(refused(&[("redirect_uri", "http://127.0.0.1:4181/oauth2/callback")], NOW), 500112);
    assert_eq!(refused(&[("client_id", PUBLIC_CLIENT_ID), ("client_secret", "")], NOW), 70000);
    assert_eq!(refused(&[("client_secret", "guess")], NOW), 7000215);
    assert_eq!(refused(&[("client_secret", "")], NOW), 7000218);
    assert_eq!(refused(&[("client_id", "nobody")], NOW), 700016);
    assert_eq!(refused(&[("code", "made-up")], NOW), 70000);
    // True to the original: there is no RFC 8693 here.
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    assert_eq!(refused(&[("grant_type", exchange)], NOW), 70003);
    assert_eq!(refused(&[], after(601)), 70008);
    let once = code(&tenant, "alice", &[]);
    let tokens = body(&redeem(&tenant, &once));
    let again = redeem(&tenant, &once);
    assert_eq!(body(&again)["error_codes"], json!([54005]));
    // What the code gave is revoked with it.
    let refreshed = refresh(&tenant, tokens["refresh_token"].as_str().unwrap(), &[], NOW);
    assert_eq!(body(&refreshed)["error"], "invalid_grant");
}

#[test]
fn a_wrong_secret_is_a_401_also_by_basic() {
    let tenant = tenant();
    let basic = |secret: &str| {
        use base64::Engine;
        let value = format!("{WEB_APP_ID}:{secret}");
        let value = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(value));
        let fields = form(&[
            ("grant_type", "authorization_code"),
            ("code", &code(&tenant, "alice", &[])),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ]);
        let path = format!("/{TENANT_ID}/oauth2/v2.0/token");
        post(&tenant, &path, &[("authorization", &value)], fields, NOW)
    };
    assert_eq!(basic(&secret(&tenant)).status(), StatusCode::OK);
    let wrong = basic("wrong");
    assert_eq!((wrong.status(), &body(&wrong)["error"]), (StatusCode::UNAUTHORIZED, &json!("invalid_client")));
    assert!(wrong.headers().contains_key(header::WWW_AUTHENTICATE));
}

#[test]
fn only_registered_redirect_uris_are_ever_redirected_to() {
    let tenant = tenant();
    for uri in [
        "https://evil.example/oauth2/callback",
        "http://127.0.0.1:4180/other",
        "http://127.0.0.1:4180/x/../oauth2/callback",
        "http:/\\127.0.0.1/oauth2/callback",
        "javascript:alert(1)",
        "x",
    ] {
        let response = get(&tenant, &authorize_url(&[("redirect_uri", uri)]), &[], NOW).response;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert!(!response.headers().contains_key(header::LOCATION));
        assert!(text(&response).contains("AADSTS50011"));
    }
    let twice = format!("{}&redirect_uri=https://evil.example/", authorize_url(&[]));
    assert!(text(&get(&tenant, &twice, &[], NOW).response).contains("AADSTS9000411"));
}

#[test]
fn refusals_after_that_go_back_to_the_client() {
    let tenant = tenant();
    for (changes, error, number) in [
        (vec![("response_type", "token")], "unsupported_response_type", "70005"),
        (vec![("response_mode", "web_message")], "invalid_request", "70007"),
        (vec![("scope", "openid api://nobody/x")], "invalid_resource", "500011"),
        (vec![("code_challenge_method", "plain")], "invalid_request", "501491"),
        (vec![("code_challenge_method", "")], "invalid_request", "501491"),
        (vec![("code_challenge", "short")], "invalid_request", "501491"),
        (vec![("prompt", "none")], "login_required", "50058"),
        (vec![("prompt", "sing")], "invalid_request", "90023"),
        (vec![("resource", "api://podinfo")], "invalid_target", "9010010"),
        (
            vec![("client_id", PUBLIC_CLIENT_ID), ("redirect_uri", "http://localhost:1"), ("code_challenge", "")],
            "invalid_request",
            "9002325",
        ),
    ] {
        let url = location(&get(&tenant, &authorize_url(&changes), &[], NOW).response);
        assert_eq!((param(&url, "error").as_str(), param(&url, "state").as_str()), (error, "st<a>te"), "{changes:?}");
        assert!(param(&url, "error_description").starts_with(&format!("AADSTS{number}: ")), "{changes:?} {url}");
    }
}

#[test]
fn the_page_is_escaped_and_cancelling_says_so() {
    let tenant = tenant();
    let page = get(&tenant, &authorize_url(&[("scope", "openid \"><script>alert(1)</script>")]), &[], NOW).response;
    assert!(page.status() == StatusCode::FOUND, "an odd scope is refused");
    let page = get(&tenant, &authorize_url(&[("login_hint", "bob")]), &[], NOW).response;
    let html = text(&page);
    assert!(!html.contains("st<a>te") && !html.contains("<script"));
    assert!(html.find("Bob Bosun").unwrap() < html.find("Alice Anchor").unwrap(), "the hinted user comes first");
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    let request = authorize_url(&[]);
    let request = request.split_once('?').unwrap().1;
    let path = format!("/{TENANT_ID}/oauth2/v2.0/login");
    let cancelled = post(&tenant, &path, &[], form(&[("request", request), ("cancel", "1")]), NOW);
    let url = location(&cancelled);
    assert_eq!((param(&url, "error"), param(&url, "error_subcode")), ("access_denied".into(), "cancel".into()));
    let forged = form(&[("request", request), ("username", "alice")]);
    let forged = post(&tenant, &path, &[("sec-fetch-site", "cross-site")], forged, NOW);
    assert_eq!(forged.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn form_post_and_fragment_keep_the_code_out_of_the_query() {
    let tenant = tenant();
    let request = authorize_url(&[
        ("response_mode", "form_post"),
        ("redirect_uri", "http://localhost:5000/"),
        ("client_id", PUBLIC_CLIENT_ID),
    ]);
    let fields = form(&[("request", request.split_once('?').unwrap().1), ("username", "carol")]);
    let response = post(&tenant, &format!("/{TENANT_ID}/oauth2/v2.0/login"), &[], fields, NOW);
    let html = text(&response);
    assert_eq!(response.status(), StatusCode::OK);
    assert!(html.contains("action=\"http://localhost:5000/\"") && html.contains("name=\"code\""), "{html}");
    assert!(html.contains("value=\"st&#60;a&#62;te\"") && html.contains("Continue</button>"), "{html}");
    assert!(html.contains("<script>document.forms[0].submit()</script>"));
    assert!(response.headers().contains_key(header::SET_COOKIE));
    let callback = tenant.drive_sign_in(&authorize_url(&[("response_mode", "fragment")]), "alice", NOW).unwrap();
    let callback = Url::parse(&callback).unwrap();
    assert!(callback.query().is_none() && callback.fragment().unwrap().starts_with("code="));
}

#[test]
fn the_second_application_goes_straight_through() {
    let tenant = tenant();
    let request = authorize_url(&[]);
    let fields = form(&[("request", request.split_once('?').unwrap().1), ("username", "alice")]);
    let response = post(&tenant, &format!("/{TENANT_ID}/oauth2/v2.0/login"), &[], fields, NOW);
    let cookies: Vec<_> = response.headers().get_all(header::SET_COOKIE).iter().map(|c| c.to_str().unwrap()).collect();
    assert!(
        cookies.iter().all(|c| c.contains("; HttpOnly; SameSite=Lax"))
            && cookies[0].contains(&format!("Path=/{TENANT_ID}/"))
    );
    let cookie = cookies[0].split(';').next().unwrap();
    let visit =
        |changes: &[(&str, &str)], now| get(&tenant, &authorize_url(changes), &[("cookie", cookie)], now).response;
    assert!(!param(&location(&visit(&[], NOW)), "code").is_empty());
    assert!(!param(&location(&visit(&[("prompt", "none")], NOW)), "code").is_empty());
    let other = location(&visit(&[("prompt", "none"), ("login_hint", "bob@dev.test")], NOW));
    assert_eq!(param(&other, "error"), "interaction_required");
    for (changes, now) in [
        (vec![("prompt", "login")], NOW),
        (vec![("prompt", "select_account")], NOW),
        (vec![("login_hint", "bob@dev.test")], NOW),
        (vec![], after(86_401)),
    ] {
        assert_eq!(visit(&changes, now).status(), StatusCode::OK, "{changes:?} shows the page");
    }
    let signed_out = |uri: &str| {
        let url = format!(
            "{BASE}/{TENANT_ID}/oauth2/v2.0/logout?{}",
            form(&[("post_logout_redirect_uri", uri), ("state", "s")])
        );
        get(&tenant, &url, &[("cookie", cookie)], NOW).response
    };
    let elsewhere = signed_out("https://evil.example/");
    assert!(elsewhere.status() == StatusCode::OK && !elsewhere.headers().contains_key(header::LOCATION));
    let back = location(&signed_out("http://127.0.0.1:4180/oauth2/signed_out"));
    assert_eq!(back.as_str(), "http://127.0.0.1:4180/oauth2/signed_out?state=s");
    assert_eq!(visit(&[], NOW).status(), StatusCode::OK, "the session is over");
}

#[test]
fn nothing_panics_on_rubbish() {
    let tenant = tenant();
    for path in ["/", "//", "/%00", "/a/b/c/d/e", "/common/oauth2/v2.0/token", "/graph/v1.0/", "/graph.windows.net/x"] {
        for method in ["GET", "POST", "DELETE", "OPTIONS"] {
            for body in ["", "%%%=%ff&&&", "{\"a\":", "grant_type=refresh_token&client_id=x"] {
                let request = http::Request::builder().method(method).uri(format!("{BASE}{path}?%zz=%00&a"));
                let request = request
                    .header("content-type", "application/x-www-form-urlencoded")
                    .header("cookie", "=;;gangplank-idp");
                tenant.handle(request.body(bytes::Bytes::from_static(body.as_bytes())).unwrap(), NOW);
            }
        }
    }
    let large = post(&tenant, &format!("/{TENANT_ID}/oauth2/v2.0/token"), &[], "a".repeat(70_000), NOW);
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    tenant.set_fault(Fault::new(FaultKind::Down));
    assert_eq!(redeem(&tenant, "x").status(), StatusCode::SERVICE_UNAVAILABLE);
}

/// What MCP clients do by the book, and Entra ID does not take.
#[test]
fn a_resource_at_the_token_endpoint_has_to_be_that_of_the_scopes() {
    let tenant = tenant();
    let scope = ("scope", "offline_access api://podinfo/read");
    let mcp = ("resource", "https://gate.example.com/mcp");
    let refused = body(&redeem_with(&tenant, &code(&tenant, "alice", &[scope]), &[mcp], NOW));
    assert_eq!((&refused["error"], &refused["error_codes"]), (&json!("invalid_target"), &json!([9_010_010])));
    let own = ("resource", "api://podinfo");
    let taken = body(&redeem_with(&tenant, &code(&tenant, "alice", &[scope]), &[own], NOW));
    let token = taken["refresh_token"].as_str().unwrap_or_else(|| panic!("{taken}"));
    assert_eq!(body(&refresh(&tenant, token, &[mcp], NOW))["error_codes"], json!([9_010_010]));
    assert_eq!(refresh(&tenant, token, &[own], NOW).status(), StatusCode::OK, "nor did that cost the token");
    for path in ["oauth2/v2.0/register", "v2.0/.well-known/oauth-authorization-server"] {
        let none = get(&tenant, &format!("{BASE}/{TENANT_ID}/{path}"), &[], NOW).response;
        assert_eq!(none.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let inserted = format!("{BASE}/.well-known/oauth-authorization-server/{TENANT_ID}/v2.0");
    assert_eq!(get(&tenant, &inserted, &[], NOW).response.status(), StatusCode::NOT_FOUND);
}
