//! Our own OAuth client against the tenant, in one process: each is a check of the other.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use std::sync::Arc;

use gangplank_idp::{API_ID, BATCH_ID, Fault, FaultKind, InProcess, PUBLIC_CLIENT_ID, Tenant, WEB_APP_ID};
use gangplank_jose::{Purpose, UnixTime};
use gangplank_oauth::callback::{self, Callback};
use gangplank_oauth::{
    AuthorizationParams, Client, ClientAuthentication, ClientSettings, Clock, ExchangeError, IssuerUrl, Pkce, Provider,
    TokenExchange,
};
use http::header;
use secrecy::{ExposeSecret, SecretString};
use support::*;

struct Still;

impl Clock for Still {
    fn now(&self) -> UnixTime {
        NOW
    }
}

fn client(tenant: &Arc<Tenant>, issuer: &str, id: &str, authentication: ClientAuthentication) -> Client {
    let transport = Arc::new(InProcess::new(Arc::clone(tenant), Arc::new(Still)));
    let provider = Provider::new(IssuerUrl::parse(issuer).unwrap(), transport.clone());
    let scopes = ["openid", "profile", "email", "offline_access", &format!("{}/User.Read", tenant.graph_url())];
    let settings = ClientSettings {
        provider: Arc::new(provider),
        id: id.to_owned(),
        authentication,
        scopes: scopes.map(str::to_owned).to_vec(),
        prompt: None,
    };
    Client::new(settings, transport)
}

#[tokio::test]
async fn sign_in_refresh_and_sign_out_by_every_client_authentication() {
    let tenant = Arc::new(tenant());
    let secret = || SecretString::from(secret(&tenant));
    for (issuer, id, redirect, authentication) in [
        (tenant.issuer(), WEB_APP_ID, REDIRECT, ClientAuthentication::SecretPost(secret())),
        (tenant.issuer(), WEB_APP_ID, REDIRECT, ClientAuthentication::SecretBasic(secret())),
        (tenant.issuer(), PUBLIC_CLIENT_ID, "http://localhost:5123", ClientAuthentication::None),
        (tenant.v1_issuer(), WEB_APP_ID, REDIRECT, ClientAuthentication::SecretPost(secret())),
    ] {
        let client = client(&tenant, &issuer, id, authentication);
        let metadata = client.provider().discover().await.unwrap();
        let pkce = Pkce::generate();
        let params = AuthorizationParams {
            state: "s",
            nonce: "n",
            challenge: &pkce.challenge,
            redirect_uri: redirect,
            login_hint: None,
        };
        let url = client.authorization_url(&metadata, &params);
        let landed = tenant.drive_sign_in(url.as_str(), "alice", NOW).unwrap();
        let callback = callback::parse(landed.split_once('?').unwrap().1).unwrap();
        callback.check_issuer(&metadata).unwrap();
        let Callback::Code { code, .. } = callback else { panic!("a code was expected") };
        let tokens =
            client.redeem_code(code.expose_secret(), pkce.verifier.expose_secret(), redirect, NOW).await.unwrap();
        let id_token = tokens.id_token.unwrap();
        let claims = verify(&tenant, id_token.expose_secret(), issuer.clone(), id, Purpose::IdToken, NOW).unwrap();
        assert_eq!(claims.str("nonce"), Some("n"));
        let first = tokens.refresh_token.unwrap();
        let second = client.refresh(&first, NOW).await.unwrap();
        let audience = tenant.graph_url();
        let access = second.access_token.expose_secret();
        verify(&tenant, access, tenant.v1_issuer(), &audience, Purpose::AccessToken, NOW).unwrap();
        assert!(client.refresh(&first, NOW).await.unwrap_err().is_invalid_grant());
        let out = client.end_session_url(&metadata, &format!("{redirect}/"), None).unwrap();
        let out = get(&tenant, out.as_str(), &[], NOW).response;
        assert!(out.headers().contains_key(header::LOCATION), "{issuer} {id}");
    }
}

#[tokio::test]
async fn the_client_tells_the_tenants_bad_days_apart() {
    let tenant = Arc::new(tenant());
    let authentication = ClientAuthentication::SecretPost(SecretString::from("wrong"));
    let client = client(&tenant, &tenant.issuer(), WEB_APP_ID, authentication);
    for fault in [FaultKind::Down, FaultKind::HangUp, FaultKind::Slow { millis: 11_000 }] {
        tenant.set_fault(Fault::new(fault).times(1));
        assert!(client.provider().discover().await.unwrap_err().is_unavailable());
    }
    tenant.set_fault(Fault::new(FaultKind::WrongIssuerInDiscovery).times(1));
    assert!(client.provider().discover().await.is_err());
    client.provider().discover().await.unwrap();
    let refused = client.refresh(&SecretString::from("x"), NOW).await.unwrap_err();
    assert_eq!(refused.provider().map(|p| p.codes.clone()), Some(vec![7000215]));
    assert!(!refused.is_unavailable() && !refused.is_invalid_grant());
}

#[tokio::test]
async fn a_caller_is_represented_and_a_challenge_passed_back() {
    let tenant = Arc::new(tenant_with(|config| {
        config.application_mut(gangplank_idp::API_V1_ID).unwrap().mfa = vec!["bob".to_owned()];
    }));
    let secret = tenant.client_secret(API_ID).unwrap().clone();
    let client = client(&tenant, &tenant.issuer(), API_ID, ClientAuthentication::Secret(secret));
    let scopes = ["api://podinfo-v1/.default"];
    let called_with =
        |user: &str| SecretString::from(tenant.mint_access_token(user, WEB_APP_ID, "api://podinfo/read", NOW).unwrap());
    let token = client.on_behalf_of(&called_with("alice"), &scopes, NOW).await.unwrap().access_token;
    let audience = "api://podinfo-v1";
    verify(&tenant, token.expose_secret(), tenant.v1_issuer(), audience, Purpose::AccessToken, NOW).unwrap();
    let refused = client.on_behalf_of(&called_with("bob"), &scopes, NOW).await.unwrap_err();
    let ExchangeError::StepUp { challenge, .. } = &refused else { panic!("{refused:?}") };
    assert!(challenge.as_str().contains("capolids") && refused.reason().name == "mfa-required");
    let brought = tenant.mint_access_token_after_mfa("bob", WEB_APP_ID, "api://podinfo/read", NOW).unwrap();
    assert!(client.on_behalf_of(&brought.into(), &scopes, NOW).await.is_ok());
    // What the tenant says of other failures is found in the catalogue.
    for (assertion, name) in [
        (tenant.mint_app_token(BATCH_ID, "api://podinfo/.default", NOW).unwrap(), "assertion-app-only"),
        (tenant.mint_id_token("alice", API_ID, None, NOW).unwrap(), "assertion-invalid"),
        (tenant.mint_access_token("alice", WEB_APP_ID, "User.Read", NOW).unwrap(), "assertion-invalid"),
    ] {
        let refused = client.on_behalf_of(&assertion.into(), &scopes, NOW).await.unwrap_err();
        assert_eq!(refused.reason().name, name, "{refused}");
    }
    let subject = called_with("alice");
    let exchange = client.exchange(&TokenExchange::of(&subject), NOW).await.unwrap_err();
    assert_eq!(exchange.provider().unwrap().codes, [70003], "the tenant has no RFC 8693, as Entra has none");
}
