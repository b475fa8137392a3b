//! What machines ask token endpoints for, as forms: a token of their own, or one on behalf of somebody else.
//!
//! 1. Client credentials (RFC 6749 §4.4): scopes, and nothing about a person.
//! 2. On-behalf-of (Entra ID): the caller's access token is the `assertion`. It must be for the application that exchanges.
//! 3. Token exchange (RFC 8693 §2.1): subject token, where the new one is for (`audience`, `resource`, each any number of
//!    times), what it may do, of which type it is, and, if another acts, the actor's token.
//! 4. Keycloak's own exchange (its version 1): the same grant with one audience, and an issuer beside the subject token or
//!    the requested token where either is another provider's.
//! 5. What is not given is not sent: an empty `audience` or `scope` would mean something.

use secrecy::SecretString;

use crate::TokenType;
use crate::form::Form;

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A token exchange by RFC 8693. Only the subject token is needed; see [`TokenExchange::of`].
#[derive(Clone, Debug)]
pub struct TokenExchange<'a> {
    /// The token of whom the new one is about.
    pub subject_token: &'a SecretString,
    /// What it is.
    pub subject_token_type: TokenType,
    /// What is wanted; the provider decides where nothing is said.
    pub requested_token_type: Option<TokenType>,
    /// `audience`: the services that it is for, by the names that the provider has for them.
    pub audiences: &'a [String],
    /// `resource`: the same by absolute URI.
    pub resources: &'a [String],
    /// `scope`.
    pub scopes: &'a [String],
    /// Who acts for the subject.
    pub actor: Option<Actor<'a>>,
}

/// The acting party of a token exchange (RFC 8693 §1.1).
#[derive(Clone, Debug)]
pub struct Actor<'a> {
    /// Its token.
    pub token: &'a SecretString,
    /// What that is.
    pub token_type: TokenType,
}

/// A token exchange by Keycloak's version 1 of it.
#[derive(Clone, Debug)]
pub struct KeycloakExchange<'a> {
    /// The token of whom the new one is about.
    pub subject_token: &'a SecretString,
    /// What it is.
    pub subject_token_type: TokenType,
    /// The identity provider that issued it, by its alias in the realm, if it was not the realm itself.
    pub subject_issuer: Option<&'a str>,
    /// What is wanted.
    pub requested_token_type: Option<TokenType>,
    /// The identity provider whose token is wanted, by its alias, if not the realm's own.
    pub requested_issuer: Option<&'a str>,
    /// The user to become, for clients that may impersonate.
    pub requested_subject: Option<&'a str>,
    /// The client that the new token is for.
    pub audience: Option<&'a str>,
    /// `scope`.
    pub scopes: &'a [String],
}

impl<'a> TokenExchange<'a> {
    /// Of an access token, with nothing else said.
    pub fn of(subject_token: &'a SecretString) -> Self {
        TokenExchange {
            subject_token,
            subject_token_type: TokenType::access_token(),
            requested_token_type: None,
            audiences: &[],
            resources: &[],
            scopes: &[],
            actor: None,
        }
    }

    pub(crate) fn form(&self) -> Form {
        let mut form = subject(self.subject_token, &self.subject_token_type, self.requested_token_type.as_ref());
        for audience in self.audiences {
            form = form.plain("audience", audience);
        }
        for resource in self.resources {
            form = form.plain("resource", resource);
        }
        form = scope(form, self.scopes);
        match &self.actor {
            None => form,
            Some(actor) => {
                form.plain("actor_token_type", actor.token_type.as_str()).secret("actor_token", actor.token.clone())
            }
        }
    }
}

impl<'a> KeycloakExchange<'a> {
    /// Of an access token of the realm, with nothing else said.
    pub fn of(subject_token: &'a SecretString) -> Self {
        KeycloakExchange {
            subject_token,
            subject_token_type: TokenType::access_token(),
            subject_issuer: None,
            requested_token_type: None,
            requested_issuer: None,
            requested_subject: None,
            audience: None,
            scopes: &[],
        }
    }

    pub(crate) fn form(&self) -> Form {
        let mut form = subject(self.subject_token, &self.subject_token_type, self.requested_token_type.as_ref());
        for (name, value) in [
            ("subject_issuer", self.subject_issuer),
            ("requested_issuer", self.requested_issuer),
            ("requested_subject", self.requested_subject),
            ("audience", self.audience),
        ] {
            if let Some(value) = value {
                form = form.plain(name, value);
            }
        }
        scope(form, self.scopes)
    }
}

/// Rule 1.
pub(crate) fn client_credentials<S: AsRef<str>>(scopes: &[S]) -> Form {
    scope(Form::default().plain("grant_type", "client_credentials"), scopes)
}

/// Rule 2.
pub(crate) fn on_behalf_of<S: AsRef<str>>(assertion: &SecretString, scopes: &[S]) -> Form {
    let form = Form::default()
        .plain("grant_type", JWT_BEARER)
        .plain("requested_token_use", "on_behalf_of")
        .secret("assertion", assertion.clone());
    scope(form, scopes)
}

fn subject(token: &SecretString, kind: &TokenType, requested: Option<&TokenType>) -> Form {
    let form = Form::default()
        .plain("grant_type", TOKEN_EXCHANGE)
        .plain("subject_token_type", kind.as_str())
        .secret("subject_token", token.clone());
    match requested {
        None => form,
        Some(requested) => form.plain("requested_token_type", requested.as_str()),
    }
}

fn scope<S: AsRef<str>>(form: Form, scopes: &[S]) -> Form {
    let joined = scopes.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" ");
    if joined.is_empty() { form } else { form.plain("scope", joined) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::form as pairs;

    fn sent(form: Form) -> Vec<(String, String)> {
        let mut pairs = pairs(&form.into_request(&url::Url::parse("https://idp/token").unwrap()).unwrap().0);
        pairs.sort();
        pairs
    }

    fn expected(of: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut pairs: Vec<_> = of.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        pairs.sort();
        pairs
    }

    #[test]
    fn client_credentials_and_on_behalf_of() {
        let form = client_credentials(&["api://x/.default"]);
        assert_eq!(sent(form), expected(&[("grant_type", "client_credentials"), ("scope", "api://x/.default")]));
        assert_eq!(sent(client_credentials::<&str>(&[])), expected(&[("grant_type", "client_credentials")]));
        let form = on_behalf_of(&"t1.t2.t3".into(), &["api://x/read", "offline_access"]);
        let pairs = [
            ("grant_type", JWT_BEARER),
            ("assertion", "t1.t2.t3"),
            ("requested_token_use", "on_behalf_of"),
            ("scope", "api://x/read offline_access"),
        ];
        assert_eq!(sent(form), expected(&pairs));
    }

    #[test]
    fn an_exchange_sends_what_was_said_and_nothing_else() {
        let (token, actor) = ("s3cret".into(), "act0r".into());
        let bare = [
            ("grant_type", TOKEN_EXCHANGE),
            ("subject_token", "s3cret"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ];
        assert_eq!(sent(TokenExchange::of(&token).form()), expected(&bare));
        assert_eq!(sent(KeycloakExchange::of(&token).form()), expected(&bare));
        let exchange = TokenExchange {
            subject_token_type: TokenType::id_token(),
            requested_token_type: Some(TokenType::jwt()),
            audiences: &["one".into(), "two".into()],
            resources: &["https://api.example.com/".into()],
            scopes: &["a".into(), "b".into()],
            actor: Some(Actor { token: &actor, token_type: TokenType::jwt() }),
            ..TokenExchange::of(&token)
        };
        let pairs = [
            ("grant_type", TOKEN_EXCHANGE),
            ("subject_token", "s3cret"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:id_token"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:jwt"),
            ("audience", "one"),
            ("audience", "two"),
            ("resource", "https://api.example.com/"),
            ("scope", "a b"),
            ("actor_token", "act0r"),
            ("actor_token_type", "urn:ietf:params:oauth:token-type:jwt"),
        ];
        assert!(!format!("{exchange:?}").contains("s3cret") && !format!("{exchange:?}").contains("act0r"));
        assert_eq!(sent(exchange.form()), expected(&pairs));
    }

    #[test]
    fn keycloak_is_told_whose_token_it_is_and_whose_is_wanted() {
        let token = "s3cret".into();
        let exchange = KeycloakExchange {
            subject_issuer: Some("entra"),
            requested_token_type: Some(TokenType::access_token()),
            requested_issuer: Some("google"),
            requested_subject: Some("ada"),
            audience: Some("cluster"),
            scopes: &["openid".into()],
            ..KeycloakExchange::of(&token)
        };
        let pairs = [
            ("grant_type", TOKEN_EXCHANGE),
            ("subject_token", "s3cret"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("subject_issuer", "entra"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("requested_issuer", "google"),
            ("requested_subject", "ada"),
            ("audience", "cluster"),
            ("scope", "openid"),
        ];
        assert_eq!(sent(exchange.form()), expected(&pairs));
    }
}
