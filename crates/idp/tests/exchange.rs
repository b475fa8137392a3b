//! Token exchange at the standard face: who may, for whom, with what.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use gangplank_idp::{
    API_ID, API_V1_ID, BATCH_ID, ExchangeConfig, FederatedCredentialConfig, PUBLIC_CLIENT_ID, Tenant, WEB_APP_ID,
};
use gangplank_jose::{Algorithm, Claims, SigningKey, UnixTime, Unverified};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use support::*;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID: &str = "urn:ietf:params:oauth:token-type:id_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// As the API, which was called with `subject`, with changes; a name that is given again stands several times.
fn exchange_at(tenant: &Tenant, subject: &str, changes: &[(&str, &str)], now: UnixTime) -> Value {
    let secret = tenant.client_secret(API_ID).unwrap().expose_secret().to_owned();
    let mut fields = vec![
        ("grant_type", GRANT),
        ("client_id", API_ID),
        ("client_secret", secret.as_str()),
        ("subject_token", subject),
        ("subject_token_type", ACCESS),
        ("audience", API_V1_ID),
    ];
    fields.retain(|(name, _)| changes.iter().all(|(n, _)| n != name));
    fields.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    body(&post(tenant, "/standard/token", &[], form(&fields), now))
}

fn exchange(tenant: &Tenant, subject: &str, changes: &[(&str, &str)]) -> Value {
    exchange_at(tenant, subject, changes, NOW)
}

fn subject(tenant: &Tenant) -> String {
    tenant.mint_standard_token("alice", WEB_APP_ID, "api://podinfo", "openid access_as_user", NOW).unwrap()
}

fn claims(answer: &Value) -> Claims {
    let token = answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    Unverified::parse(&token).unwrap().claims_unverified().clone()
}

#[test]
fn the_new_token_is_the_users_for_the_next_api_and_names_who_asked() {
    let tenant = tenant();
    let answer = exchange(&tenant, &subject(&tenant), &[]);
    assert_eq!((&answer["issued_token_type"], &answer["token_type"]), (&json!(ACCESS), &json!("Bearer")));
    assert_eq!((&answer["expires_in"], &answer["scope"]), (&json!(3600), &json!("read")));
    assert!(answer.get("refresh_token").is_none() && answer.get("id_token").is_none());
    let (new, old) = (claims(&answer), Unverified::parse(&subject(&tenant)).unwrap().claims_unverified().clone());
    assert_eq!((new.subject(), new.audiences()), (old.subject(), &[API_V1_ID.to_owned()][..]));
    assert_eq!((new.str("client_id"), new.str("preferred_username")), (Some(API_ID), Some("alice@dev.test")));
    assert_eq!(new.strings("groups").map(|g| g.len()), Some(50));
    assert!(!new.has("act"));
    let several = exchange(
        &tenant,
        &subject(&tenant),
        &[("audience", API_V1_ID), ("audience", API_ID), ("resource", "api://podinfo-v1")],
    );
    assert_eq!(claims(&several).audiences(), ["api://podinfo-v1", API_V1_ID, API_ID]);
    let own = exchange(&tenant, &subject(&tenant), &[("audience", "")]);
    assert_eq!(claims(&own).audiences(), [API_ID]);
    let jwt = exchange(&tenant, &subject(&tenant), &[("requested_token_type", JWT), ("scope", "access_as_user")]);
    assert_eq!((&jwt["issued_token_type"], &jwt["scope"]), (&json!(JWT), &json!("access_as_user")));
    assert_eq!(tenant.counts().token_exchange_grants, 4);
}

#[test]
fn what_is_wrong_is_named() {
    let tenant = tenant();
    let stranger = support::tenant();
    let good = subject(&tenant);
    let forged = format!("{}AAAA", &good[..good.len() - 4]);
    let elsewhere = tenant.mint_standard_token("alice", WEB_APP_ID, "https://other.example", "read", NOW).unwrap();
    let entra = tenant.mint_access_token("alice", WEB_APP_ID, "api://podinfo/read", NOW).unwrap();
    for bad in [&self::subject(&stranger), &forged, &elsewhere, &entra, "not.a.jwt", ""] {
        assert_eq!(exchange(&tenant, bad, &[])["error"], "invalid_request", "{bad}");
    }
    assert_eq!(exchange_at(&tenant, &good, &[], after(3_601))["error"], "invalid_request");
    for (changes, error) in [
        (&[("subject_token_type", "")][..], "invalid_request"),
        (&[("subject_token_type", "urn:ietf:params:oauth:token-type:saml2")], "invalid_request"),
        (&[("requested_token_type", ID)], "invalid_request"),
        (&[("actor_token", "x")], "invalid_request"),
        (&[("actor_token_type", JWT)], "invalid_request"),
        (&[("actor_token", "x"), ("actor_token_type", JWT)], "invalid_request"),
        (&[("audience", "nobody")], "invalid_target"),
        (&[("audience", BATCH_ID)], "invalid_target"),
        (&[("audience", API_V1_ID), ("audience", "nobody")], "invalid_target"),
        (&[("resource", "https://x.example/#f")], "invalid_target"),
        (&[("resource", "https://mcp.example.com/")], "invalid_target"),
        (&[("scope", "mcp:tools")], "invalid_scope"),
        (&[("subject_issuer", "github")], "invalid_request"),
        (&[("requested_issuer", "github")], "invalid_request"),
        (&[("requested_issuer", "entra")], "invalid_request"),
        (&[("requested_subject", "bob")], "invalid_request"),
        (&[("subject_token", "a"), ("subject_token", "b")], "invalid_request"),
        (&[("client_secret", "guess")], "invalid_client"),
        (&[("client_id", "nobody")], "invalid_client"),
        (&[("client_id", PUBLIC_CLIENT_ID), ("client_secret", "")], "unauthorized_client"),
    ] {
        assert_eq!(exchange(&tenant, &good, changes)["error"], error, "{changes:?}");
    }
    let batch = tenant.client_secret(BATCH_ID).unwrap().expose_secret().to_owned();
    let changes = [("client_id", BATCH_ID), ("client_secret", batch.as_str())];
    assert_eq!(exchange(&tenant, &good, &changes)["error"], "unauthorized_client", "it has no policy");
}

#[test]
fn a_policy_says_for_whom_a_client_was_called() {
    const MCP: &str = "https://gate.example.com/mcp";
    let tenant = tenant_with(|config| {
        config.standard.exchanges = vec![ExchangeConfig {
            client: "podinfo".to_owned(),
            audiences: vec!["https://api.example.com".to_owned()],
            from: vec![MCP.to_owned()],
            scopes: Vec::new(),
        }];
    });
    let subject = tenant.mint_standard_token("bob", PUBLIC_CLIENT_ID, MCP, "mcp:tools", NOW).unwrap();
    let answer = exchange(&tenant, &subject, &[("audience", ""), ("resource", "https://api.example.com")]);
    assert_eq!(claims(&answer).audiences(), ["https://api.example.com"]);
    assert_eq!(answer["scope"], "mcp:tools", "where the policy names none, those of the subject token");
    assert_eq!(exchange(&tenant, &subject, &[])["error"], "invalid_target");
    for (client, what) in [("nobody", "no application"), (PUBLIC_CLIENT_ID, "public")] {
        let mut config = gangplank_idp::TenantConfig::built_in();
        config.standard.exchanges[0].client = client.to_owned();
        let errors = Tenant::new(config, url::Url::parse(BASE).unwrap()).unwrap_err();
        assert_eq!(errors[0].path, "standard.exchanges[0].client");
        assert!(errors[0].message.contains(what), "{errors:?}");
    }
}

#[test]
fn an_id_token_is_for_the_client_that_asked_for_it() {
    let tenant = tenant();
    let id_token = |client: &str| {
        let now = NOW.as_secs();
        let sub = Unverified::parse(&subject(&tenant)).unwrap().claims_unverified().subject().unwrap().to_owned();
        json!({ "iss": tenant.standard_issuer(), "sub": sub, "aud": client, "azp": API_ID, "iat": now, "exp": now + 60, "nonce": "n" })
    };
    let sign = |claims: &Value| tenant.mint_standard_claims("JWT", claims).unwrap();
    let own = exchange(&tenant, &sign(&id_token(API_ID)), &[("subject_token_type", ID)]);
    assert!(own["access_token"].is_string(), "{own}");
    let others = exchange(&tenant, &sign(&id_token(WEB_APP_ID)), &[("subject_token_type", ID)]);
    assert_eq!(others["error"], "invalid_request");
    let mut bare = id_token(API_ID);
    bare.as_object_mut().unwrap().remove("nonce");
    for claims in [id_token(API_ID), bare] {
        assert_eq!(
            exchange(&tenant, &sign(&claims), &[])["error"],
            "invalid_request",
            "an ID token is no access token"
        );
    }
    let entra = tenant.mint_id_token("alice", API_ID, None, NOW).unwrap();
    assert_eq!(exchange(&tenant, &entra, &[("subject_issuer", "entra")])["error"], "invalid_request");
}

#[test]
fn an_actor_is_named_and_who_acted_before_is_inside() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let (issuer, pod) = ("https://kubernetes.default.svc", "system:serviceaccount:crew:gate");
    let tenant = tenant_with(|config| {
        let jwks = json!({ "keys": [key.public_jwk("k")] }).to_string();
        let credential = FederatedCredentialConfig {
            issuer: issuer.to_owned(),
            subject: pod.to_owned(),
            audience: "dev-tenant".to_owned(),
            jwks,
        };
        config.trust_federation(API_ID, credential);
        config.set_secret(API_ID, "known".to_owned().into());
    });
    let actor = |subject: &str| {
        let now = NOW.as_secs();
        let claims = json!({ "iss": issuer, "sub": subject, "aud": ["dev-tenant"], "iat": now, "exp": now + 600 });
        key.sign(&Map::from_iter([("kid".to_owned(), json!("k"))]), &claims).unwrap()
    };
    let with = |subject: &str, actor: &str| {
        exchange(&tenant, subject, &[("actor_token", actor), ("actor_token_type", JWT), ("audience", API_ID)])
    };
    let once = with(&subject(&tenant), &actor(pod));
    assert_eq!(claims(&once).get("act"), Some(json!({ "sub": pod, "iss": issuer })));
    let bob = tenant.mint_standard_token("bob", WEB_APP_ID, API_ID, "", NOW).unwrap();
    let twice = claims(&with(once["access_token"].as_str().unwrap(), &bob)).get("act").unwrap();
    assert_eq!(twice["act"]["sub"], pod, "{twice}");
    let without = exchange(&tenant, once["access_token"].as_str().unwrap(), &[]);
    assert_eq!(claims(&without).get("act"), Some(json!({ "sub": pod, "iss": issuer })), "nobody gets rid of it");
    assert_eq!(with(&subject(&tenant), &actor("system:serviceaccount:crew:other"))["error"], "invalid_request");
}

#[test]
fn keycloaks_first_version_takes_tokens_of_the_other_face() {
    let tenant = tenant();
    let entra = tenant.mint_access_token("alice", WEB_APP_ID, "api://podinfo/read", NOW).unwrap();
    for name in ["entra", &tenant.issuer()] {
        let answer = exchange(&tenant, &entra, &[("subject_issuer", name)]);
        assert_eq!(claims(&answer).str("preferred_username"), Some("alice@dev.test"));
        assert_eq!(claims(&answer).issuer(), Some(tenant.standard_issuer().as_str()));
    }
    assert!(exchange(&tenant, &subject(&tenant), &[("subject_issuer", "standard")])["access_token"].is_string());
    assert_eq!(exchange(&tenant, &subject(&tenant), &[("subject_issuer", "entra")])["error"], "invalid_request");
    let foreign = tenant.mint_access_token("alice", WEB_APP_ID, "api://podinfo-v1/read", NOW).unwrap();
    assert_eq!(exchange(&tenant, &foreign, &[("subject_issuer", "entra")])["error"], "invalid_request");
    let machine = tenant.mint_app_token(BATCH_ID, "api://podinfo/.default", NOW).unwrap();
    let answer = exchange(&tenant, &machine, &[("subject_issuer", "entra")]);
    assert_eq!(claims(&answer).subject(), Some(BATCH_ID));
    tenant.set_fault(gangplank_idp::Fault::new(gangplank_idp::FaultKind::NoIssuedTokenType).times(1));
    let answer = exchange(&tenant, &subject(&tenant), &[]);
    assert!(answer["access_token"].is_string() && answer.get("issued_token_type").is_none(), "{answer}");
}
