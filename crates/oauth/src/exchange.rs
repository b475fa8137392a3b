//! The exchanges of machines, as one call each: what [`crate::grant`] builds is sent with our credential, and what comes
//! back is read by [`crate::token`]. Nothing is remembered here; whoever calls decides what is kept, and for how long.

use gangplank_jose::UnixTime;
use secrecy::SecretString;

use crate::grant::{self, KeycloakExchange, TokenExchange};
use crate::token::Wanted;
use crate::{Client, ExchangeError, TokenResponse};

impl Client {
    /// A token for ourselves (RFC 6749 §4.4). At Entra ID the scope is `<resource>/.default`, and no other.
    pub async fn client_credentials<S: AsRef<str>>(
        &self,
        scopes: &[S],
        now: UnixTime,
    ) -> Result<TokenResponse, ExchangeError> {
        self.ask(grant::client_credentials(scopes), &Wanted::AccessToken, now).await
    }

    /// A token for a caller whose access token for us is `assertion` (Entra ID's on-behalf-of).
    pub async fn on_behalf_of<S: AsRef<str>>(
        &self,
        assertion: &SecretString,
        scopes: &[S],
        now: UnixTime,
    ) -> Result<TokenResponse, ExchangeError> {
        self.ask(grant::on_behalf_of(assertion, scopes), &Wanted::AccessToken, now).await
    }

    /// A token for another (RFC 8693). The answer says which type it is, and that is the one that was wanted.
    pub async fn exchange(&self, exchange: &TokenExchange<'_>, now: UnixTime) -> Result<TokenResponse, ExchangeError> {
        let wanted = Wanted::Issued { kind: exchange.requested_token_type.clone(), said: true };
        self.ask(exchange.form(), &wanted, now).await
    }

    /// A token for another by Keycloak's version 1, which may leave out of which type it is.
    pub async fn exchange_keycloak(
        &self,
        exchange: &KeycloakExchange<'_>,
        now: UnixTime,
    ) -> Result<TokenResponse, ExchangeError> {
        let wanted = Wanted::Issued { kind: exchange.requested_token_type.clone(), said: false };
        self.ask(exchange.form(), &wanted, now).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
    use secrecy::ExposeSecret as _;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{FakeTransport, answer, form};
    use crate::{
        AssertionOptions, ClientAuthentication, ClientSettings, Endpoint, IssuerUrl, PrivateKeyJwt, Provider, TokenType,
    };

    const ISSUER: &str = "https://idp.example.com/t";
    const NOW: UnixTime = UnixTime::from_secs(1_000);

    fn setting(authentication: ClientAuthentication) -> (Arc<FakeTransport>, Client) {
        let transport = Arc::new(FakeTransport::default());
        let provider = Provider::new(IssuerUrl::parse(ISSUER).unwrap(), transport.clone());
        let settings = ClientSettings {
            provider: Arc::new(provider),
            id: "client".into(),
            authentication,
            scopes: Vec::new(),
            prompt: None,
        };
        transport.expect_discovery(ISSUER);
        (transport.clone(), Client::new(settings, transport))
    }

    fn certificate() -> ClientAuthentication {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = CertificateParams::new(vec!["client".to_owned()]).unwrap().self_signed(&key).unwrap();
        let key = key.serialize_pem();
        let made = PrivateKeyJwt::from_pem(&certificate.pem(), &key, AssertionOptions::default()).unwrap();
        ClientAuthentication::PrivateKeyJwt(Arc::new(made))
    }

    /// One answer to an exchange that asks for `kind`.
    async fn exchanged(kind: Option<TokenType>, body: Value) -> Result<TokenResponse, ExchangeError> {
        let (transport, client) = setting(ClientAuthentication::None);
        transport.expect(move |_| answer(200, &body));
        let token = "s3cret".into();
        client.exchange(&TokenExchange { requested_token_type: kind, ..TokenExchange::of(&token) }, NOW).await
    }

    #[tokio::test]
    async fn every_grant_goes_out_with_every_way_to_authenticate() {
        let file = std::env::temp_dir().join(format!("gangplank-oauth-{}", crate::random_token(8)));
        std::fs::write(&file, "f.e.d").unwrap();
        let ways: [(ClientAuthentication, &[&str]); 5] = [
            (ClientAuthentication::None, &["client_id"]),
            (ClientAuthentication::SecretBasic("s".into()), &[]),
            (ClientAuthentication::SecretPost("s".into()), &["client_id", "client_secret"]),
            (certificate(), &["client_assertion", "client_assertion_type", "client_id"]),
            (
                ClientAuthentication::FederatedTokenFile(file.clone()),
                &["client_assertion", "client_assertion_type", "client_id"],
            ),
        ];
        for (authentication, own) in ways {
            let (basic, own) = (own.is_empty(), own.to_vec());
            let (transport, client) = setting(authentication);
            let token = SecretString::from("s3cret-assertion");
            for grant in 0..4 {
                let own = own.clone();
                transport.expect(move |request| {
                    assert_eq!(request.uri(), "https://idp.example.com/t/token");
                    assert_eq!(request.headers().contains_key("authorization"), basic);
                    let names: Vec<String> = form(&request).into_iter().map(|(name, _)| name).collect();
                    assert!(own.iter().all(|name| names.iter().filter(|n| n == name).count() == 1), "{names:?}");
                    let kind = "urn:ietf:params:oauth:token-type:access_token";
                    let kind = if grant < 2 { Value::Null } else { json!(kind) };
                    answer(200, &json!({"access_token": "a", "token_type": "Bearer", "expires_in": "3599", "issued_token_type": kind}))
                });
                let answer = match grant {
                    0 => client.client_credentials(&["api://x/.default"], NOW).await,
                    1 => client.on_behalf_of(&token, &["api://x/.default"], NOW).await,
                    2 => client.exchange(&TokenExchange::of(&token), NOW).await,
                    _ => client.exchange_keycloak(&KeycloakExchange::of(&token), NOW).await,
                };
                let answer = answer.unwrap();
                assert_eq!(answer.access_token.expose_secret(), "a");
                assert_eq!(answer.expires_in, Some(std::time::Duration::from_secs(3599)));
            }
            assert!(transport.is_done());
        }
        std::fs::remove_file(&file).unwrap();
    }

    #[tokio::test]
    async fn an_exchange_gives_the_type_that_was_wanted_and_says_so() {
        let urn = |name: &str| json!(format!("urn:ietf:params:oauth:token-type:{name}"));
        let body = |kind: Value, token_type: &str| json!({"access_token": "s3cret-new", "token_type": token_type, "issued_token_type": kind});
        let (access, jwt, id) = (TokenType::access_token(), TokenType::jwt(), TokenType::id_token());
        for (wanted, issued, token_type) in [
            (None, "access_token", "Bearer"),
            (None, "jwt", "bearer"),
            (Some(&access), "access_token", "Bearer"),
            (Some(&jwt), "jwt", "Bearer"),
            (Some(&id), "id_token", "Bearer"),
            (Some(&id), "id_token", "N_A"),
        ] {
            let got = exchanged(wanted.cloned(), body(urn(issued), token_type)).await.unwrap();
            assert_eq!(got.issued_token_type.unwrap().as_str(), urn(issued).as_str().unwrap());
        }
        for (wanted, issued, token_type, named) in [
            (None, Value::Null, "Bearer", "issued_token_type"),
            (Some(&access), Value::Null, "Bearer", "issued_token_type"),
            (None, urn("refresh_token"), "Bearer", "issued_token_type"),
            (None, urn("id_token"), "N_A", "issued_token_type"),
            (Some(&access), urn("id_token"), "Bearer", "issued_token_type"),
            (Some(&access), urn("access_token"), "N_A", "token_type"),
            (Some(&id), urn("id_token"), "DPoP", "token_type"),
            (None, json!(1), "Bearer", "issued_token_type"),
            (None, json!("no type"), "Bearer", "issued_token_type"),
        ] {
            let error = exchanged(wanted.cloned(), body(issued, token_type)).await.unwrap_err();
            assert!(
                matches!(&error, ExchangeError::Malformed { endpoint: Endpoint::Token, problem }
                if problem.contains(named)),
                "{error}"
            );
            assert!(!error.to_string().contains("s3cret"));
        }
    }

    #[tokio::test]
    async fn keycloak_need_not_say_the_type_but_may_not_give_another() {
        for (kind, good) in [(Value::Null, true), (json!("urn:ietf:params:oauth:token-type:refresh_token"), false)] {
            let (transport, client) = setting(ClientAuthentication::None);
            transport.expect(move |_| {
                answer(200, &json!({"access_token": "a", "token_type": "Bearer", "issued_token_type": kind}))
            });
            let token = "s3cret".into();
            assert_eq!(client.exchange_keycloak(&KeycloakExchange::of(&token), NOW).await.is_ok(), good);
        }
    }

    #[tokio::test]
    async fn a_success_without_a_token_is_none() {
        for body in [
            json!({}),
            json!({"token_type": "Bearer", "expires_in": 1}),
            json!({"access_token": "", "token_type": "Bearer"}),
        ] {
            let (transport, client) = setting(ClientAuthentication::None);
            transport.expect(move |_| answer(200, &body));
            let error = client.on_behalf_of(&"s3cret".into(), &["x/.default"], NOW).await.unwrap_err();
            assert!(matches!(error, ExchangeError::Malformed { .. }), "{error}");
        }
    }

    #[tokio::test]
    async fn a_step_up_carries_its_challenge_and_never_the_assertion() {
        let (transport, client) = setting(ClientAuthentication::SecretPost("hunter2!".into()));
        let claims = r#"{"access_token":{"capolids":{"essential":true,"values":["c1"]}}}"#;
        transport.expect(move |_| {
            let text = "AADSTS50076: you must use multi-factor authentication; s3cret-assertion and hunter2!";
            let body = json!({"error": "interaction_required", "error_description": text, "error_codes": [50076],
                "suberror": "basic_action", "claims": claims});
            answer(400, &body)
        });
        let error = client.on_behalf_of(&"s3cret-assertion".into(), &["x/.default"], NOW).await.unwrap_err();
        let ExchangeError::StepUp { challenge, error: answer } = &error else { panic!("{error:?}") };
        assert_eq!(challenge.as_str(), claims);
        assert_eq!((answer.codes.as_slice(), answer.suberror.as_deref()), (&[50076][..], Some("basic_action")));
        assert_eq!((error.reason().name, error.challenge()), ("mfa-required", Some(challenge)));
        assert!(error.provider().is_some() && error.is_invalid_grant() && !error.is_unavailable());
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("hunter2"), "{shown}");
    }
}
