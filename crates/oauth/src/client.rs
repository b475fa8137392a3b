//! Ourselves, as one provider has registered us.

use std::sync::Arc;

use gangplank_jose::UnixTime;
use secrecy::SecretString;
use url::Url;

use crate::end_session::{self, EndSessionParams};
use crate::form::Form;
use crate::token::Wanted;
use crate::{
    AuthorizationParams, Budget, ClientAuthentication, ExchangeError, Metadata, Provider, TokenResponse, Transport,
    authorize, token,
};

/// How we are registered.
#[derive(Debug)]
pub struct ClientSettings {
    /// At whom.
    pub provider: Arc<Provider>,
    /// `client_id`.
    pub id: String,
    /// How we prove that it is us.
    pub authentication: ClientAuthentication,
    /// What we ask for at sign-in.
    pub scopes: Vec<String>,
    /// The OpenID Connect `prompt`.
    pub prompt: Option<String>,
}

/// Makes the exchanges of one registration. It remembers nothing; the provider's metadata are the provider's.
pub struct Client {
    settings: ClientSettings,
    transport: Arc<dyn Transport>,
}

impl Client {
    /// A client that sends over `transport`.
    pub fn new(settings: ClientSettings, transport: Arc<dyn Transport>) -> Self {
        Client { settings, transport }
    }

    /// `client_id`.
    pub fn id(&self) -> &str {
        &self.settings.id
    }

    /// How we prove that it is us.
    pub fn authentication(&self) -> &ClientAuthentication {
        &self.settings.authentication
    }

    /// Whose client this is.
    pub fn provider(&self) -> &Arc<Provider> {
        &self.settings.provider
    }

    /// What we ask for at sign-in.
    pub fn scopes(&self) -> &[String] {
        &self.settings.scopes
    }

    /// Where to send the browser to sign in.
    pub fn authorization_url(&self, metadata: &Metadata, params: &AuthorizationParams<'_>) -> Url {
        authorize::url(metadata, &self.settings.id, &self.settings.scopes, self.settings.prompt.as_deref(), params)
    }

    /// Where to send the browser to sign out, if the provider has such a place.
    pub fn end_session_url(
        &self,
        metadata: &Metadata,
        post_logout_redirect_uri: &str,
        logout_hint: Option<&str>,
    ) -> Option<Url> {
        let params = EndSessionParams { post_logout_redirect_uri, logout_hint, id_token_hint: None };
        end_session::url(metadata, &self.settings.id, &params)
    }

    /// Redeems an authorization code (RFC 6749 §4.1.3, RFC 7636 §4.5). A code is good for one call.
    pub async fn redeem_code(
        &self,
        code: &str,
        verifier: &str,
        redirect_uri: &str,
        now: UnixTime,
    ) -> Result<TokenResponse, ExchangeError> {
        let form = Form::default()
            .plain("grant_type", "authorization_code")
            .plain("redirect_uri", redirect_uri)
            .secret("code", SecretString::from(code))
            .secret("code_verifier", SecretString::from(verifier));
        self.ask(form, &Wanted::AccessToken, now).await
    }

    /// Redeems a refresh token (RFC 6749 §6), for the scopes that it was given for. Providers that rotate take each
    /// one once: never call this twice with the same token.
    pub async fn refresh(&self, refresh_token: &SecretString, now: UnixTime) -> Result<TokenResponse, ExchangeError> {
        let form = Form::default().plain("grant_type", "refresh_token").secret("refresh_token", refresh_token.clone());
        self.ask(form, &Wanted::AccessToken, now).await
    }

    /// The same, for these scopes of those that it was given for.
    pub async fn refresh_for(
        &self,
        refresh_token: &SecretString,
        scopes: &[String],
        now: UnixTime,
    ) -> Result<TokenResponse, ExchangeError> {
        let form = Form::default()
            .plain("grant_type", "refresh_token")
            .plain("scope", scopes.join(" "))
            .secret("refresh_token", refresh_token.clone());
        self.ask(form, &Wanted::AccessToken, now).await
    }

    /// Sends a form with our credential, and reads the answer.
    pub(crate) async fn ask(&self, form: Form, wanted: &Wanted, now: UnixTime) -> Result<TokenResponse, ExchangeError> {
        let metadata = self.settings.provider.known(now).await?;
        let form = self.settings.authentication.apply(form, &metadata, &self.settings.id, now)?;
        let endpoint = self.settings.authentication.token_endpoint(&metadata);
        let (request, secrets) = form.into_request(endpoint)?;
        let response = self.transport.send(request, Budget::DEFAULT).await?;
        token::parse_as(wanted, response, endpoint.authority(), &secrets, Budget::DEFAULT)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Client").field(&self.settings).finish()
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;
    use crate::testing::{FakeTransport, answer, form};
    use crate::{IssuerUrl, TransportError};

    const ISSUER: &str = "https://idp.example.com/t";
    const NOW: UnixTime = UnixTime::from_secs(1_000);

    fn setting() -> (Arc<FakeTransport>, Client) {
        let transport = Arc::new(FakeTransport::default());
        let provider = Provider::new(IssuerUrl::parse(ISSUER).unwrap(), transport.clone());
        let settings = ClientSettings {
            provider: Arc::new(provider),
            id: "client".into(),
            authentication: ClientAuthentication::SecretPost("hunter2!".into()),
            scopes: vec!["openid".into(), "offline_access".into()],
            prompt: Some("select_account".into()),
        };
        (transport.clone(), Client::new(settings, transport))
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[tokio::test]
    async fn a_code_is_redeemed_and_refreshed_at_the_discovered_endpoint() {
        let (transport, client) = setting();
        transport.expect_discovery(ISSUER).expect(|request| {
            assert_eq!(request.uri(), "https://idp.example.com/t/token");
            let expected = [
                ("grant_type", "authorization_code"),
                ("redirect_uri", "https://app/cb"),
                ("client_id", "client"),
                ("code", "c o+de"),
                ("code_verifier", "verifier"),
                ("client_secret", "hunter2!"),
            ];
            assert_eq!(form(&request), owned(&expected));
            answer(200, &json!({"access_token": "a", "token_type": "Bearer", "refresh_token": "r1"}))
        });
        let first = client.redeem_code("c o+de", "verifier", "https://app/cb", NOW).await.unwrap();
        transport.expect(|request| {
            let expected = [
                ("grant_type", "refresh_token"),
                ("client_id", "client"),
                ("refresh_token", "r1"),
                ("client_secret", "hunter2!"),
            ];
            assert_eq!(form(&request), owned(&expected));
            answer(200, &json!({"access_token": "b", "token_type": "Bearer", "refresh_token": "r2"}))
        });
        let second = client.refresh(&first.refresh_token.unwrap(), NOW).await.unwrap();
        assert_eq!(second.refresh_token.unwrap().expose_secret(), "r2");
    }

    #[tokio::test]
    async fn no_error_shows_what_was_sent() {
        let (transport, client) = setting();
        transport.expect_discovery(ISSUER).expect(|_| {
            let text = "AADSTS7000215: Invalid client secret hunter2! for code s3cret-code and s3cret-verifier";
            answer(401, &json!({"error": "invalid_client", "error_description": text}))
        });
        let error = client.redeem_code("s3cret-code", "s3cret-verifier", "https://app/cb", NOW).await.unwrap_err();
        assert_eq!(error.reason().name, "client-secret-wrong");
        let shown = format!("{error} {error:?} {client:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("hunter2"), "{shown}");
    }

    #[tokio::test]
    async fn without_metadata_or_answer_nothing_is_decided() {
        let (transport, client) = setting();
        let down = || Err(TransportError::Connect { host: "idp.example.com".into(), cause: "refused".into() });
        transport.expect(move |_| down());
        assert!(client.refresh(&"r".into(), NOW).await.unwrap_err().is_unavailable());
        transport.expect_discovery(ISSUER).expect(move |_| down());
        let later = NOW + std::time::Duration::from_secs(2);
        assert!(client.refresh(&"r".into(), later).await.unwrap_err().is_unavailable());
    }

    #[tokio::test]
    async fn an_unreadable_credential_stops_before_anything_is_sent() {
        let (transport, mut client) = setting();
        client.settings.authentication = ClientAuthentication::FederatedTokenFile("/nonexistent/token".into());
        transport.expect_discovery(ISSUER);
        let error = client.refresh(&"r".into(), NOW).await.unwrap_err();
        assert_eq!(error.reason().name, "client-credential-unusable");
        assert!(!error.is_unavailable() && !error.is_invalid_grant());
    }

    #[tokio::test]
    async fn a_certificate_is_shown_where_the_provider_wants_to_see_it() {
        for (alias, asked) in [(true, "https://mtls.example.com/token"), (false, "https://idp.example.com/t/token")] {
            let (transport, mut client) = setting();
            client.settings.authentication = ClientAuthentication::Tls { expires: NOW };
            let mut document = crate::testing::metadata_document(ISSUER);
            if alias {
                document["mtls_endpoint_aliases"] = json!({"token_endpoint": "https://mtls.example.com/token"});
            }
            transport.expect(move |_| answer(200, &document)).expect(move |request| {
                assert_eq!(request.uri(), asked);
                assert_eq!(form(&request), owned(&[("grant_type", "client_credentials"), ("client_id", "client")]));
                assert!(!request.headers().contains_key("authorization"));
                answer(200, &json!({"access_token": "a", "token_type": "Bearer"}))
            });
            client.client_credentials::<&str>(&[], NOW).await.unwrap();
        }
    }

    #[test]
    fn urls_carry_the_settings() {
        let (_, client) = setting();
        let metadata = crate::testing::metadata(ISSUER);
        let params = AuthorizationParams {
            state: "s",
            nonce: "n",
            challenge: "c",
            redirect_uri: "https://app/cb",
            login_hint: None,
        };
        let url = client.authorization_url(&metadata, &params).to_string();
        assert!(url.contains("client_id=client") && url.contains("scope=openid+offline_access"));
        assert!(url.contains("prompt=select_account"));
        assert!(client.end_session_url(&metadata, "https://app/", None).unwrap().as_str().contains("client_id=client"));
    }
}
