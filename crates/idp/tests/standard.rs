//! The standard face: metadata, registration, sign-in, refresh.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use bytes::Bytes;
use gangplank_idp::{
    API_ID, BATCH_ID, CertificateKey, ClientCertificate, Face, Fault, FaultKind, PUBLIC_CLIENT_ID, ShownCertificate,
    Tenant, WEB_APP_ID, WORKER_ID,
};
use gangplank_jose::{Algorithm, KeySet, Purpose, Rules, UnixTime, Unverified};
use http::{Request, Response, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use support::*;
use url::Url;

const MCP: &str = "https://gate.example.com/mcp";

fn at(path: &str) -> String {
    format!("{BASE}{path}")
}

fn document(tenant: &Tenant) -> Value {
    body(&get(tenant, &at("/.well-known/oauth-authorization-server/standard"), &[], NOW).response)
}

fn register(tenant: &Tenant, client: &Value) -> Response<Bytes> {
    post(tenant, "/standard/register", &[("content-type", "application/json")], client.to_string(), NOW)
}

fn authorize(client: &str, changes: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("client_id", client),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", "openid profile offline_access mcp:tools"),
        ("state", "st<a>te"),
        ("resource", MCP),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in changes {
        fields.retain(|(n, _)| n != name);
        if !value.is_empty() {
            fields.push((name, value));
        }
    }
    at(&format!("/standard/authorize?{}", form(&fields)))
}

fn token(tenant: &Tenant, fields: &[(&str, &str)], now: UnixTime) -> Response<Bytes> {
    post(tenant, "/standard/token", &[], form(fields), now)
}

/// As the web application, with a code.
fn tokens(tenant: &Tenant, code: &str, more: &[(&str, &str)]) -> Response<Bytes> {
    let secret = secret(tenant);
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("client_id", WEB_APP_ID),
        ("client_secret", &secret),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    fields.extend_from_slice(more);
    token(tenant, &fields, NOW)
}

fn claims(tenant: &Tenant, token: &str, audience: &str, purpose: Purpose) -> Value {
    let set = body(&get(tenant, document(tenant)["jwks_uri"].as_str().unwrap(), &[], NOW).response);
    let keys = KeySet::parse(set.to_string().as_bytes()).unwrap();
    let rules = Rules {
        issuers: vec![tenant.standard_issuer()],
        audiences: vec![audience.to_owned()],
        algorithms: vec![Algorithm::ES256],
        purpose,
        leeway: Rules::LEEWAY,
    };
    let verified = Unverified::parse(token).unwrap().verify(&keys, &rules, NOW).unwrap().into_inner();
    let names: Vec<String> = verified.names().map(str::to_owned).collect();
    names.into_iter().map(|name| (name.clone(), verified.get(&name).unwrap())).collect::<serde_json::Map<_, _>>().into()
}

fn code_of(tenant: &Tenant, url: &str, user: &str) -> Url {
    Url::parse(&tenant.drive_sign_in(url, user, NOW).unwrap()).unwrap()
}

#[test]
fn the_metadata_is_wherever_clients_look_and_names_itself() {
    let tenant = tenant();
    let all = [
        "/.well-known/oauth-authorization-server/standard",
        "/.well-known/openid-configuration/standard",
        "/standard/.well-known/openid-configuration",
        "/standard/.well-known/oauth-authorization-server",
    ]
    .map(|path| body(&get(&tenant, &at(path), &[], NOW).response));
    assert!(all.iter().all(|one| *one == all[0]));
    assert_eq!(all[0]["issuer"], at("/standard"));
    assert_eq!(all[0]["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(all[0]["registration_endpoint"], at("/standard/register"));
    assert!(all[0]["scopes_supported"].as_array().unwrap().contains(&json!("mcp:tools")));
    let ask = Request::options(at("/standard/register")).header("origin", "http://localhost:6274");
    let answer = tenant.handle(ask.body(Bytes::new()).unwrap(), NOW).response;
    assert_eq!(
        (answer.status(), &answer.headers()["access-control-allow-origin"] == "*"),
        (StatusCode::NO_CONTENT, true)
    );
    let mine = body(&get(&tenant, &at("/standard/keys"), &[], NOW).response);
    let entra = body(&get(&tenant, &at("/common/discovery/v2.0/keys"), &[], NOW).response);
    assert_ne!(mine["keys"][0]["kid"], entra["keys"][0]["kid"]);
    assert_eq!(get(&tenant, &at("/.well-known/oauth-authorization-server"), &[], NOW).response.status(), 404);
}

#[test]
fn a_code_is_redeemed_for_tokens_of_the_resource() {
    let tenant = tenant();
    let callback = code_of(&tenant, &authorize(WEB_APP_ID, &[("nonce", "n-1")]), "alice");
    assert_eq!((param(&callback, "state"), param(&callback, "iss")), ("st<a>te".to_owned(), at("/standard")));
    let answer = tokens(&tenant, &param(&callback, "code"), &[("resource", MCP)]);
    let answer = body(&answer);
    let access = claims(&tenant, answer["access_token"].as_str().unwrap(), MCP, Purpose::AccessToken);
    assert_eq!(
        Unverified::parse(answer["access_token"].as_str().unwrap()).unwrap().header().typ.as_deref(),
        Some("at+jwt")
    );
    assert_eq!((&access["client_id"], &access["scope"]), (&json!(WEB_APP_ID), &answer["scope"]));
    assert_eq!((&access["aud"], access["groups"].as_array().unwrap().len()), (&json!(MCP), 50));
    let id = claims(&tenant, answer["id_token"].as_str().unwrap(), WEB_APP_ID, Purpose::IdToken);
    assert_eq!(
        (&id["nonce"], &id["preferred_username"], &id["sub"]),
        (&json!("n-1"), &json!("alice@dev.test"), &access["sub"])
    );
    let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    let user = body(&get(&tenant, &at("/standard/userinfo"), &[("authorization", &bearer)], NOW).response);
    assert_eq!((&user["sub"], &user["email"]), (&access["sub"], &json!("alice@dev.test")));
    let none = get(&tenant, &at("/standard/userinfo"), &[("authorization", "Bearer x.y.z")], NOW).response;
    assert_eq!(none.status(), StatusCode::UNAUTHORIZED);
}

#[test]
fn what_is_wrong_goes_back_to_the_client_or_nowhere() {
    let tenant = tenant();
    for (changes, error) in [
        (&[("code_challenge", "")][..], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge", "short")], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_mode", "fragment")], "invalid_request"),
        (&[("scope", "openid fly")], "invalid_scope"),
        (&[("resource", "https://x.example/#f")], "invalid_target"),
        (&[("resource", "relative")], "invalid_target"),
        (&[("prompt", "none")], "login_required"),
    ] {
        let back = location(&get(&tenant, &authorize(WEB_APP_ID, changes), &[], NOW).response);
        assert!(back.as_str().starts_with(REDIRECT), "{back}");
        assert_eq!((param(&back, "error"), param(&back, "iss")), (error.to_owned(), at("/standard")), "{changes:?}");
    }
    for changes in [[("client_id", "nobody")], [("redirect_uri", "https://evil.example/")], [("redirect_uri", "")]] {
        let page = get(&tenant, &authorize(WEB_APP_ID, &changes), &[], NOW).response;
        assert_eq!(page.status(), StatusCode::BAD_REQUEST, "{changes:?}");
        assert!(!page.headers().contains_key("location"));
    }
    let twice = format!("{}&state=other", authorize(WEB_APP_ID, &[]));
    assert_eq!(get(&tenant, &twice, &[], NOW).response.status(), StatusCode::BAD_REQUEST);
    let forged = form(&[("request", authorize(WEB_APP_ID, &[]).split_once('?').unwrap().1), ("username", "alice")]);
    let elsewhere = post(&tenant, "/standard/login", &[("origin", "https://evil.example")], forged, NOW);
    assert_eq!(elsewhere.status(), StatusCode::BAD_REQUEST);
}

#[test]
fn codes_and_refresh_tokens_are_used_once_and_give_no_more_than_was_granted() {
    let tenant = tenant();
    let secret = secret(&tenant);
    let code = param(&code_of(&tenant, &authorize(WEB_APP_ID, &[]), "alice"), "code");
    assert_eq!(body(&tokens(&tenant, &code, &[("code_verifier", "")]))["error"], "invalid_request");
    let first = body(&tokens(&tenant, &code, &[]));
    let refresh = |token_: &Value, more: &[(&str, &str)]| {
        let mut fields = vec![
            ("grant_type", "refresh_token"),
            ("client_id", WEB_APP_ID),
            ("client_secret", &secret),
            ("refresh_token", token_.as_str().unwrap()),
        ];
        fields.extend_from_slice(more);
        body(&token(&tenant, &fields, NOW))
    };
    let one = &first["refresh_token"];
    assert_eq!(refresh(one, &[("resource", "https://other.example/")])["error"], "invalid_target");
    assert_eq!(refresh(one, &[("scope", "openid read")])["error"], "invalid_scope");
    let second = refresh(one, &[("scope", "mcp:tools")]);
    assert_eq!(second["scope"], "mcp:tools");
    assert!(second.get("id_token").is_none());
    let third = refresh(&second["refresh_token"], &[]);
    assert!(
        third["scope"].as_str().unwrap().contains("openid"),
        "a narrower answer does not narrow the grant: {third}"
    );
    assert_eq!(refresh(one, &[])["error"], "invalid_grant", "used before");
    assert_eq!(refresh(&third["refresh_token"], &[])["error"], "invalid_grant", "and so is its family gone");
    let code = param(&code_of(&tenant, &authorize(WEB_APP_ID, &[]), "alice"), "code");
    let first = body(&tokens(&tenant, &code, &[]));
    assert_eq!(body(&tokens(&tenant, &code, &[]))["error"], "invalid_grant");
    assert_eq!(refresh(&first["refresh_token"], &[])["error"], "invalid_grant", "what a replayed code gave is revoked");
}

#[test]
fn whoever_registers_is_a_client_and_always_asks() {
    let tenant = tenant();
    let asked = json!({
        "client_name": "An agent", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "scope": "mcp:tools offline_access", "application_type": "native",
    });
    let answer = register(&tenant, &asked);
    assert_eq!(answer.status(), StatusCode::CREATED);
    let client = body(&answer);
    assert!(client.get("client_secret").is_none() && client["scope"] == asked["scope"], "{client}");
    let id = client["client_id"].as_str().unwrap();
    let url = authorize(id, &[]);
    let query = url.split_once('?').unwrap().1;
    let login = post(&tenant, "/standard/login", &[], form(&[("request", query), ("username", "alice")]), NOW);
    let cookie = login.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let again = |url: &str| get(&tenant, url, &[("cookie", &cookie)], NOW).response;
    assert_eq!(again(&url).status(), StatusCode::OK, "the page, although alice is signed in");
    assert!(text(&again(&url)).contains("An agent"));
    assert_eq!(param(&location(&again(&authorize(id, &[("prompt", "none")]))), "error"), "consent_required");
    assert_eq!(again(&authorize(WEB_APP_ID, &[])).status(), StatusCode::FOUND, "unlike whom the tenant knows");
    let code = param(&location(&login), "code");
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", id),
        ("code", &code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    let answer = body(&token(&tenant, &fields, NOW));
    assert_eq!(claims(&tenant, answer["access_token"].as_str().unwrap(), MCP, Purpose::AccessToken)["azp"], id);
    let machine = json!({ "grant_types": ["client_credentials"], "response_types": [] });
    let machine = body(&register(&tenant, &machine));
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", machine["client_id"].as_str().unwrap()),
        ("client_secret", machine["client_secret"].as_str().unwrap()),
    ];
    let own = body(&token(&tenant, &fields, NOW));
    let id = machine["client_id"].as_str().unwrap();
    assert_eq!(claims(&tenant, own["access_token"].as_str().unwrap(), id, Purpose::AccessToken)["sub"], id);
}

#[test]
fn a_registration_that_makes_no_sense_is_refused() {
    let tenant = tenant();
    for (client, error) in [
        (json!([]), "invalid_client_metadata"),
        (json!({}), "invalid_redirect_uri"),
        (json!({ "redirect_uris": "https://a.example" }), "invalid_client_metadata"),
        (json!({ "redirect_uris": ["http://a.example/"] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": ["javascript:alert(1)"] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": ["https://a.example/#x"] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": ["https://u@a.example/"] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": [REDIRECT], "grant_types": ["implicit"] }), "invalid_client_metadata"),
        (json!({ "redirect_uris": [REDIRECT], "response_types": ["token"] }), "invalid_client_metadata"),
        (
            json!({ "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "private_key_jwt" }),
            "invalid_client_metadata",
        ),
        (json!({ "redirect_uris": [REDIRECT], "scope": "fly" }), "invalid_client_metadata"),
    ] {
        let answer = register(&tenant, &client);
        assert_eq!((answer.status(), &body(&answer)["error"]), (StatusCode::BAD_REQUEST, &json!(error)), "{client}");
    }
    let closed = tenant_with(|config| config.standard.registration = false);
    assert_eq!(register(&closed, &json!({ "redirect_uris": [REDIRECT] })).status(), StatusCode::NOT_FOUND);
    assert!(document(&closed).get("registration_endpoint").is_none());
}

#[test]
fn clients_prove_themselves_in_each_way() {
    let made = ClientCertificate::generate(CertificateKey::P256).unwrap();
    let tenant = tenant_with(|config| assert!(config.register_certificate(WORKER_ID, &made.certificate_pem)));
    let secret = tenant.client_secret(BATCH_ID).unwrap().expose_secret().to_owned();
    let fields = [("grant_type", "client_credentials"), ("resource", MCP), ("scope", "read")];
    let basic = {
        use base64::Engine;
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{BATCH_ID}:{secret}")))
    };
    let answer = body(&post(&tenant, "/standard/token", &[("authorization", &basic)], form(&fields), NOW));
    let own = claims(&tenant, answer["access_token"].as_str().unwrap(), MCP, Purpose::AccessToken);
    assert_eq!((&own["sub"], own["groups"].as_array().unwrap().len()), (&json!(BATCH_ID), 250), "and no overage");
    let wrong = post(&tenant, "/standard/token", &[("authorization", "Basic YTpi")], form(&fields), NOW);
    assert_eq!((wrong.status(), &body(&wrong)["error"]), (StatusCode::UNAUTHORIZED, &json!("invalid_client")));
    let public = body(&token(&tenant, &[fields[0], ("client_id", PUBLIC_CLIENT_ID)], NOW));
    assert_eq!(public["error"], "unauthorized_client");

    let der =
        x509_parser::pem::Pem::iter_from_buffer(made.certificate_pem.as_bytes()).next().unwrap().unwrap().contents;
    let worker = form(&[fields[0], ("client_id", WORKER_ID)]);
    let shown = |path: &str, der: Vec<u8>| {
        let request = Request::post(at(path)).header("content-type", "application/x-www-form-urlencoded");
        let request = request.extension(ShownCertificate(der)).body(Bytes::from(worker.clone())).unwrap();
        tenant.handle(request, UnixTime::from_secs(1_800_000_000)).response
    };
    assert_eq!(shown("/standard/token", der.clone()).status(), StatusCode::OK);
    assert_eq!(shown("/standard/token", b"other".to_vec()).status(), StatusCode::UNAUTHORIZED);
    assert_eq!(shown("/common/oauth2/v2.0/token", der).status(), StatusCode::UNAUTHORIZED, "Entra ID does not do that");
    assert_eq!(
        body(&token(&tenant, &[("grant_type", "fly"), ("client_id", PUBLIC_CLIENT_ID)], NOW))["error"],
        "unsupported_grant_type"
    );
}

#[test]
fn one_face_has_a_bad_day_and_the_other_has_not() {
    let tenant = tenant();
    let secret = secret(&tenant);
    let ask = || {
        let fields = [
            ("grant_type", "password"),
            ("client_id", WEB_APP_ID),
            ("client_secret", &secret),
            ("username", "alice"),
            ("password", "alice"),
            ("scope", "openid"),
        ];
        token(&tenant, &fields, NOW)
    };
    let faulty = |kind: FaultKind| {
        tenant.set_fault(Fault::new(kind).at(Face::Standard).times(1));
        ask()
    };
    assert!(body(&faulty(FaultKind::NoToken)).get("access_token").is_none());
    assert_eq!(body(&faulty(FaultKind::TokenType { token_type: "mac".to_owned() }))["token_type"], "mac");
    assert_eq!(body(&faulty(FaultKind::TextExpiresIn))["expires_in"], "3600");
    assert!(body(&faulty(FaultKind::NoExpiresIn)).get("expires_in").is_none());
    assert!(body(&faulty(FaultKind::StepUp))["claims"].as_str().unwrap().contains("capolids"));
    let refused = faulty(FaultKind::TokenError { error: "server_error".to_owned() });
    assert_eq!(refused.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(faulty(FaultKind::Broken).status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(faulty(FaultKind::Down).status(), StatusCode::SERVICE_UNAVAILABLE);
    let foreign = body(&faulty(FaultKind::WrongAudience));
    claims(&tenant, foreign["access_token"].as_str().unwrap(), "https://elsewhere.invalid/", Purpose::AccessToken);
    claims(&tenant, foreign["id_token"].as_str().unwrap(), WEB_APP_ID, Purpose::IdToken);
    assert_eq!(ask().status(), StatusCode::OK);
    tenant.set_fault(Fault::new(FaultKind::Down).at(Face::Standard));
    assert_eq!(ask().status(), StatusCode::SERVICE_UNAVAILABLE);
    let entra = get(&tenant, &at(&format!("/common/v2.0/.well-known/openid-configuration?{API_ID}")), &[], NOW);
    assert_eq!(entra.response.status(), StatusCode::OK);
}
