//! Applications that sign in by themselves: secrets, certificates, federated credentials, and what their tokens say.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use std::sync::Arc;

use gangplank_idp::{
    API_ID, API_V1_ID, BATCH_ID, CertificateKey, ClientCertificate, FederatedCredentialConfig, InProcess,
    PUBLIC_CLIENT_ID, TENANT_ID, Tenant, WORKER_ID,
};
use gangplank_jose::{Algorithm, Claims, Purpose, SigningKey, UnixTime, Unverified};
use gangplank_oauth::{
    AssertionOptions, Client, ClientAuthentication, ClientSettings, Clock, IssuerUrl, PrivateKeyJwt, Provider,
};
use http::StatusCode;
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use support::*;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const SCOPE: &str = "api://podinfo/.default";

struct Still;

impl Clock for Still {
    fn now(&self) -> UnixTime {
        NOW
    }
}

fn client(tenant: &Arc<Tenant>, issuer: &str, id: &str, authentication: ClientAuthentication) -> Client {
    let transport = Arc::new(InProcess::new(Arc::clone(tenant), Arc::new(Still)));
    let provider = Provider::new(IssuerUrl::parse(issuer).unwrap(), transport.clone());
    let settings = ClientSettings {
        provider: Arc::new(provider),
        id: id.to_owned(),
        authentication,
        scopes: Vec::new(),
        prompt: None,
    };
    Client::new(settings, transport)
}

fn batch_secret(tenant: &Tenant) -> String {
    tenant.client_secret(BATCH_ID).unwrap().expose_secret().to_owned()
}

/// Asks for a token by client credentials as the batch application, with changes.
fn ask(tenant: &Tenant, changes: &[(&str, &str)]) -> (StatusCode, Value) {
    let secret = batch_secret(tenant);
    let mut fields = vec![
        ("grant_type", "client_credentials"),
        ("client_id", BATCH_ID),
        ("client_secret", secret.as_str()),
        ("scope", SCOPE),
    ];
    for (name, value) in changes {
        fields.retain(|(n, _)| n != name);
        if !value.is_empty() {
            fields.push((name, value));
        }
    }
    let response = post(tenant, &format!("/{TENANT_ID}/oauth2/v2.0/token"), &[], form(&fields), NOW);
    (response.status(), body(&response))
}

fn code_of(answer: &(StatusCode, Value)) -> u64 {
    answer.1["error_codes"][0].as_u64().unwrap_or_default()
}

fn peek(token: &str) -> Claims {
    Unverified::parse(token).unwrap().claims_unverified().clone()
}

#[test]
fn an_application_gets_a_token_of_its_own_and_nothing_else() {
    let tenant = tenant();
    let (status, answer) = ask(&tenant, &[]);
    assert_eq!(status, StatusCode::OK, "{answer}");
    let mut names: Vec<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["access_token", "expires_in", "ext_expires_in", "token_type"]);
    assert_eq!(tenant.counts().client_credentials_grants, 1);
    let token = answer["access_token"].as_str().unwrap();
    let claims = verify(&tenant, token, tenant.issuer(), API_ID, Purpose::AccessToken, NOW).unwrap();
    let object_id = tenant.service_principal(BATCH_ID).unwrap();
    assert_eq!(
        (claims.str("oid"), claims.subject(), claims.str("idtyp")),
        (Some(object_id), Some(object_id), Some("app"))
    );
    assert_eq!(
        (claims.str("azp"), claims.str("azpacr"), claims.strings("roles")),
        (Some(BATCH_ID), Some("1"), Some(vec!["Reader"]))
    );
    for absent in ["scp", "appid", "sid", "preferred_username", "upn", "name", "amr", "groups"] {
        assert!(!claims.has(absent), "{absent}");
    }
    let endpoint = claims.get("_claim_sources").unwrap()["src1"]["endpoint"].as_str().unwrap().to_owned();
    assert!(endpoint.ends_with(&format!("/servicePrincipals/{object_id}/getMemberObjects")), "{endpoint}");
}

#[test]
fn a_v1_resource_gets_the_v1_shape_and_a_v1_endpoint_says_numbers_as_text() {
    let tenant = tenant();
    let claims = peek(&tenant.mint_app_token(BATCH_ID, "api://podinfo-v1/.default", NOW).unwrap());
    assert_eq!(
        (claims.str("ver"), claims.str("appid"), claims.str("appidacr")),
        (Some("1.0"), Some(BATCH_ID), Some("1"))
    );
    assert_eq!(
        (claims.issuer(), claims.str("idp")),
        (Some(tenant.v1_issuer().as_str()), Some(tenant.v1_issuer().as_str()))
    );
    assert_eq!((claims.str("idtyp"), claims.has("scp"), claims.has("azp")), (Some("app"), false, false));
    let secret = batch_secret(&tenant);
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", BATCH_ID),
        ("client_secret", &secret),
        ("resource", API_V1_ID),
    ];
    let answer = body(&post(&tenant, &format!("/{TENANT_ID}/oauth2/token"), &[], form(&fields), NOW));
    assert_eq!((&answer["expires_in"], &answer["resource"]), (&json!("3600"), &json!(API_V1_ID)));
    assert_eq!(peek(answer["access_token"].as_str().unwrap()).audiences(), [API_V1_ID.to_owned()]);
}

#[test]
fn without_roles_groups_or_idtyp_the_token_says_none() {
    let tenant = tenant_with(|config| config.application_mut(API_ID).unwrap().idtyp = false);
    let claims = peek(&tenant.mint_app_token(WORKER_ID, SCOPE, NOW).unwrap());
    for absent in ["idtyp", "roles", "groups", "_claim_names", "scp"] {
        assert!(!claims.has(absent), "{absent}");
    }
}

#[test]
fn what_client_credentials_refuse() {
    let tenant = tenant();
    for (changes, code) in [
        (&[("scope", "api://podinfo/read")][..], 1_002_012),
        (&[("scope", "openid api://podinfo/.default")], 1_002_012),
        (&[("scope", "api://nobody/.default")], 500_011),
        (&[("scope", "")], 900_144),
        (&[("resource", "https://mcp.example.com/")], 9_010_010),
        (&[("client_secret", "guess")], 7_000_215),
        (&[("client_secret", "")], 7_000_218),
        (&[("client_id", PUBLIC_CLIENT_ID), ("client_secret", "")], 7_000_218),
        (&[("client_id", PUBLIC_CLIENT_ID)], 700_025),
        (&[("client_assertion", "a.b.c"), ("client_assertion_type", JWT_BEARER)], 9_002_313),
    ] {
        assert_eq!(code_of(&ask(&tenant, changes)), code, "{changes:?}");
    }
    assert_eq!(
        ask(&tenant, &[("resource", "api://podinfo/")]).0,
        StatusCode::OK,
        "its own resource contradicts nothing"
    );
}

#[tokio::test]
async fn our_client_signs_in_with_every_kind_of_certificate_at_both_endpoints() {
    for (key, algorithm, options) in [
        (CertificateKey::Rsa, Algorithm::PS256, AssertionOptions::default()),
        (CertificateKey::Rsa, Algorithm::RS256, AssertionOptions { x5t: true, ..AssertionOptions::default() }),
        (CertificateKey::P256, Algorithm::ES256, AssertionOptions { x5c: true, ..AssertionOptions::default() }),
        (
            CertificateKey::P384,
            Algorithm::ES384,
            AssertionOptions { kid: Some("any".into()), ..AssertionOptions::default() },
        ),
    ] {
        let made = ClientCertificate::generate(key).unwrap();
        let tenant =
            Arc::new(tenant_with(|config| assert!(config.register_certificate(WORKER_ID, &made.certificate_pem))));
        assert!(tenant.client_secret(WORKER_ID).is_none(), "a certificate takes the place of a made-up secret");
        let options = AssertionOptions { algorithm: Some(algorithm), ..options };
        let key = Arc::new(PrivateKeyJwt::from_pem(&made.certificate_pem, &made.key_pem, options).unwrap());
        for issuer in [tenant.issuer(), tenant.v1_issuer()] {
            let client = client(&tenant, &issuer, WORKER_ID, ClientAuthentication::PrivateKeyJwt(key.clone()));
            let scopes = if issuer == tenant.issuer() { &[SCOPE][..] } else { &[] };
            let answer = client.client_credentials(scopes, NOW).await;
            if scopes.is_empty() {
                // The v1 endpoint takes a resource instead of scopes: the client got through, and that was missing.
                assert_eq!(answer.unwrap_err().provider().unwrap().codes, [900_144]);
            } else {
                let claims = peek(answer.unwrap().access_token.expose_secret());
                assert_eq!((claims.str("azp"), claims.str("azpacr")), (Some(WORKER_ID), Some("2")), "{algorithm:?}");
            }
        }
    }
}

#[test]
fn an_assertion_is_refused_for_what_is_wrong_with_it() {
    let made = ClientCertificate::generate(CertificateKey::P256).unwrap();
    let other = ClientCertificate::generate(CertificateKey::P256).unwrap();
    let tenant = tenant_with(|config| assert!(config.register_certificate(WORKER_ID, &made.certificate_pem)));
    let header = |of: &ClientCertificate| {
        let jwt = PrivateKeyJwt::from_pem(&of.certificate_pem, &of.key_pem, AssertionOptions::default()).unwrap();
        let jwt = jwt.assertion("c", "a", NOW).unwrap();
        part(jwt.expose_secret(), 0)
    };
    let endpoint = format!("{BASE}/{TENANT_ID}/oauth2/v2.0/token");
    let good = json!({"iss": WORKER_ID, "sub": WORKER_ID, "aud": endpoint, "jti": "1", "exp": NOW.as_secs() + 600});
    let answer = |key: &ClientCertificate, header: &Map<String, Value>, changes: Value| {
        let key = SigningKey::from_pem(&key.key_pem, Algorithm::ES256).unwrap();
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let mut header = header.clone();
        header.remove("alg");
        let jwt = key.sign(&header, &claims).unwrap();
        ask(
            &tenant,
            &[
                ("client_id", WORKER_ID),
                ("client_secret", ""),
                ("client_assertion_type", JWT_BEARER),
                ("client_assertion", &jwt),
            ],
        )
    };
    let known = header(&made);
    assert_eq!(answer(&made, &known, json!({})).0, StatusCode::OK);
    for (changes, code) in [
        (json!({"exp": NOW.as_secs() - 301}), 700_024),
        (json!({"nbf": NOW.as_secs() + 301}), 700_024),
        (json!({"aud": "https://login.microsoftonline.com/common/oauth2/v2.0/token"}), 700_023),
        (json!({"sub": BATCH_ID}), 700_021),
        (json!({"iss": BATCH_ID}), 700_021),
        (json!({"iss": "https://kubernetes", "sub": "system:serviceaccount:a:b"}), 700_211),
        (json!({"exp": "soon"}), 50_027),
    ] {
        let answer = answer(&made, &known, changes.clone());
        assert_eq!((answer.0, code_of(&answer)), (StatusCode::UNAUTHORIZED, code), "{changes}");
    }
    // Floating point seconds are what MSAL for Python sends.
    assert_eq!(answer(&made, &known, json!({"exp": NOW.as_secs() as f64 + 600.25})).0, StatusCode::OK);
    assert_eq!(code_of(&answer(&other, &header(&other), json!({}))), 700_027, "another certificate");
    assert_eq!(code_of(&answer(&other, &known, json!({}))), 700_027, "another key under a known certificate's name");
    let nameless = Map::from_iter([("typ".to_owned(), json!("JWT"))]);
    assert_eq!(code_of(&answer(&made, &nameless, json!({}))), 700_027);
    let other_type = [("client_id", WORKER_ID), ("client_secret", ""), ("client_assertion", "a.b.c")];
    let other_type = [&other_type[..], &[("client_assertion_type", "password")]].concat();
    assert_eq!(code_of(&ask(&tenant, &other_type)), 9_002_313);
}

fn part(jwt: &str, index: usize) -> Map<String, Value> {
    use base64::Engine;
    let part = jwt.split('.').nth(index).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn a_federated_token_is_one_that_the_registration_describes() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let stranger = SigningKey::generate(Algorithm::ES256).unwrap();
    let (issuer, subject) = ("https://kubernetes.default.svc", "system:serviceaccount:batch:worker");
    let credential = FederatedCredentialConfig {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        audience: "api://AzureADTokenExchange".to_owned(),
        jwks: json!({"keys": [key.public_jwk("k8s")]}).to_string(),
    };
    let tenant = tenant_with(|config| assert!(config.trust_federation(WORKER_ID, credential)));
    let answer = |key: &SigningKey, changes: Value| {
        let mut claims = json!({"iss": issuer, "sub": subject, "aud": ["api://AzureADTokenExchange"],
            "iat": NOW.as_secs(), "exp": NOW.as_secs() + 3600, "kubernetes.io": {"namespace": "batch"}});
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let header = Map::from_iter([("kid".to_owned(), json!("k8s"))]);
        let jwt = key.sign(&header, &claims).unwrap();
        ask(
            &tenant,
            &[
                ("client_id", WORKER_ID),
                ("client_secret", ""),
                ("client_assertion_type", JWT_BEARER),
                ("client_assertion", &jwt),
            ],
        )
    };
    let good = answer(&key, json!({}));
    assert_eq!(good.0, StatusCode::OK, "{}", good.1);
    assert_eq!(peek(good.1["access_token"].as_str().unwrap()).str("azpacr"), Some("2"));
    for (changes, code) in [
        (json!({"iss": "https://other"}), 700_211),
        (json!({"sub": "system:serviceaccount:batch:other"}), 700_213),
        (json!({"aud": "api://other"}), 700_212),
        (json!({"exp": NOW.as_secs() - 301}), 700_024),
    ] {
        assert_eq!(code_of(&answer(&key, changes.clone())), code, "{changes}");
    }
    assert_eq!(code_of(&answer(&stranger, json!({}))), 50_013);
}

#[tokio::test]
async fn our_client_sends_a_token_file_as_it_is_at_that_moment() {
    let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
    let token = |seconds: u64| {
        let claims = json!({"iss": "https://k8s", "sub": "pod", "aud": "exchange", "exp": NOW.as_secs() + seconds});
        key.sign(&Map::from_iter([("kid".to_owned(), json!("k"))]), &claims).unwrap()
    };
    let tenant = Arc::new(tenant_with(|config| {
        let credential = FederatedCredentialConfig {
            issuer: "https://k8s".to_owned(),
            subject: "pod".to_owned(),
            audience: "exchange".to_owned(),
            jwks: json!({"keys": [key.public_jwk("k")]}).to_string(),
        };
        assert!(config.trust_federation(WORKER_ID, credential));
    }));
    let file = std::env::temp_dir().join(format!("gangplank-idp-{}", gangplank_oauth::random_token(8)));
    let authentication = ClientAuthentication::FederatedTokenFile(file.clone());
    let client = client(&tenant, &tenant.issuer(), WORKER_ID, authentication);
    std::fs::write(&file, token(60)).unwrap();
    assert!(client.client_credentials(&[SCOPE], NOW).await.is_ok());
    std::fs::write(&file, token(0).replace('.', "!")).unwrap();
    let refused = client.client_credentials(&[SCOPE], NOW).await.unwrap_err();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(refused.reason().name, "client-assertion-refused");
    let gone = client.client_credentials(&[SCOPE], NOW).await.unwrap_err();
    assert_eq!(gone.reason().name, "client-credential-unusable");
    assert_eq!(tenant.counts().token, 2, "without a token nothing is asked");
}

#[test]
fn mistakes_in_credentials_are_all_told_at_once() {
    let mut config = gangplank_idp::TenantConfig::built_in();
    config.register_certificate(WORKER_ID, "no PEM");
    config.trust_federation(
        WORKER_ID,
        FederatedCredentialConfig {
            issuer: "i".into(),
            subject: "s".into(),
            audience: "a".into(),
            jwks: "{\"keys\":[]}".into(),
        },
    );
    config.application_mut(API_ID).unwrap().mfa = vec!["nobody".into()];
    config.application_mut(BATCH_ID).unwrap().groups = vec!["nowhere".into()];
    config.register_certificate(
        PUBLIC_CLIENT_ID,
        ClientCertificate::generate(CertificateKey::P256).unwrap().certificate_pem,
    );
    let errors = Tenant::new(config, url::Url::parse(BASE).unwrap()).unwrap_err();
    let paths: Vec<_> = errors.iter().map(|e| e.path.as_str()).collect();
    for path in [
        "applications[1].mfa[0]",
        "applications[3]",
        "applications[4].groups[0]",
        "applications[5].certificates[0]",
        "applications[5].federated_credentials[0].jwks",
    ] {
        assert!(paths.contains(&path), "{path} in {paths:?}");
    }
}
