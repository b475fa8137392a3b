//! Every OAuth 2.0 and OpenID Connect exchange that Gangplank makes, as a pure request/response pair, plus a thin
//! driver over a [`Transport`].
//!
//! The pure half builds an [`http::Request`] and reads an [`http::Response`]; it is tested without a socket. The
//! driver is two values: a [`Provider`] remembers the provider's metadata, a [`Client`] is ourselves as that provider
//! registered us. Every failure is an [`ExchangeError`] with an entry in the catalogue of reasons.

pub mod aadsts;
mod answer;
mod assertion;
pub mod authorize;
pub mod callback;
mod challenge;
mod client;
mod client_auth;
pub mod config;
pub mod discovery;
pub mod end_session;
mod error;
mod escape;
mod exchange;
mod form;
pub mod freshness;
pub mod grant;
mod issuer_url;
mod pkce;
mod ports;
mod provider;
mod published;
mod random;
mod reasons;
mod single_flight;
#[cfg(test)]
mod testing;
pub mod token;
mod token_type;

pub use assertion::{AssertionOptions, PrivateKeyJwt, certificate_expires};
pub use authorize::AuthorizationParams;
pub use callback::{Callback, CallbackError};
pub use challenge::ClaimsChallenge;
pub use client::{Client, ClientSettings};
pub use client_auth::{ClientAuthentication, CredentialError};
pub use discovery::Metadata;
pub use error::{Endpoint, ExchangeError, ProviderError};
pub use grant::{Actor, KeycloakExchange, TokenExchange};
pub use issuer_url::{IssuerUrl, IssuerUrlError};
pub use pkce::Pkce;
pub use ports::{BoxFuture, Budget, Clock, Transport, TransportError};
pub use provider::Provider;
pub use published::Form;
pub use random::{random_token, random_unit};
pub use single_flight::{Lost, SingleFlight};
pub use token::TokenResponse;
pub use token_type::{TokenType, TokenTypeError};
