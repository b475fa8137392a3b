//! What an exchange says to the provider.

use std::path::PathBuf;

use gangplank_jose::UnixTime;
use gangplank_oauth::config::read_text;
use gangplank_oauth::{
    Actor, Client, CredentialError, ExchangeError, KeycloakExchange, TokenExchange, TokenResponse, TokenType,
};
use secrecy::SecretString;

use super::{ExchangeRefusal, Subject};

/// The request, but for the caller's token.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    /// Entra ID's on-behalf-of.
    OnBehalfOf {
        /// `scope`.
        scopes: Vec<String>,
    },
    /// RFC 8693.
    TokenExchange {
        /// `subject_token_type`.
        subject_type: TokenType,
        /// `requested_token_type`.
        requested_type: Option<TokenType>,
        /// `audience`, each.
        audiences: Vec<String>,
        /// `resource`, each.
        resources: Vec<String>,
        /// `scope`.
        scopes: Vec<String>,
        /// Who acts, by a token in a file.
        actor: Option<(PathBuf, TokenType)>,
    },
    /// Keycloak's own.
    Keycloak {
        /// `subject_token_type`.
        subject_type: TokenType,
        /// `requested_token_type`.
        requested_type: Option<TokenType>,
        /// `audience`.
        audience: Option<String>,
        /// `subject_issuer`.
        subject_issuer: Option<String>,
        /// `requested_issuer`.
        requested_issuer: Option<String>,
        /// `scope`.
        scopes: Vec<String>,
    },
    /// A token of ours, whoever calls.
    ClientCredentials {
        /// `scope`.
        scopes: Vec<String>,
    },
}

impl Request {
    /// The configuration's word for it.
    pub(super) fn strategy(&self) -> &'static str {
        match self {
            Request::OnBehalfOf { .. } => "on-behalf-of",
            Request::TokenExchange { .. } => "token-exchange",
            Request::Keycloak { .. } => "keycloak-v1",
            Request::ClientCredentials { .. } => "client-credentials",
        }
    }

    /// Whether upstreams see us instead of the caller.
    pub(crate) fn replaces_caller(&self) -> bool {
        matches!(self, Request::ClientCredentials { .. })
    }

    /// Whether there is any use in asking. Entra ID's delegated tokens always have `scp`, and those of applications never.
    pub(super) fn fits(&self, exchange: &str, subject: &Subject) -> Result<(), ExchangeRefusal> {
        let app_only = || {
            let own = subject.look(|claims| {
                let has_client = claims.has("appid") || claims.has("azp");
                claims.str("idtyp") == Some("app") || (has_client && !claims.has("scp"))
            });
            own == Some(true)
        };
        match self {
            Request::OnBehalfOf { .. } if app_only() => Err(ExchangeRefusal::AppOnly { exchange: exchange.to_owned() }),
            _ => Ok(()),
        }
    }

    /// Asks.
    pub(super) async fn send(
        &self,
        client: &Client,
        subject: &Subject,
        now: UnixTime,
    ) -> Result<TokenResponse, ExchangeError> {
        match self {
            Request::OnBehalfOf { scopes } => client.on_behalf_of(subject.token(), scopes, now).await,
            Request::ClientCredentials { scopes } => client.client_credentials(scopes, now).await,
            Request::TokenExchange { subject_type, requested_type, audiences, resources, scopes, actor } => {
                let acting = actor.as_ref().map(|(file, kind)| actor_token(file).map(|token| (token, kind)));
                let acting = acting.transpose()?;
                let exchange = TokenExchange {
                    subject_token: subject.token(),
                    subject_token_type: subject_type.clone(),
                    requested_token_type: requested_type.clone(),
                    audiences,
                    resources,
                    scopes,
                    actor: acting.as_ref().map(|(token, kind)| Actor { token, token_type: (*kind).clone() }),
                };
                client.exchange(&exchange, now).await
            }
            Request::Keycloak { subject_type, requested_type, audience, subject_issuer, requested_issuer, scopes } => {
                let exchange = KeycloakExchange {
                    subject_token: subject.token(),
                    subject_token_type: subject_type.clone(),
                    subject_issuer: subject_issuer.as_deref(),
                    requested_token_type: requested_type.clone(),
                    requested_issuer: requested_issuer.as_deref(),
                    requested_subject: None,
                    audience: audience.as_deref(),
                    scopes,
                };
                client.exchange_keycloak(&exchange, now).await
            }
        }
    }
}

/// Read at every use, as whoever keeps it fresh writes it.
fn actor_token(file: &std::path::Path) -> Result<SecretString, ExchangeError> {
    let unusable =
        |problem: String| ExchangeError::Credential(CredentialError::TokenFile { path: file.to_owned(), problem });
    let text = read_text(file).map_err(|error| unusable(error.to_string()))?;
    match text.trim() {
        "" => Err(unusable("it is empty".to_owned())),
        token => Ok(SecretString::from(token)),
    }
}
