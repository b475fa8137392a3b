//! What the wire presented, and who it is: one [`Identity`], made only from evidence.
//!
//! This crate decides; it does not dial. Whatever it needs from a provider goes through the
//! [`Transport`](gangplank_oauth::Transport) it is given, and the time is an argument.
//!
//! | evidence | made by |
//! |---|---|
//! | [`SignedIn`] | [`Issuer::verify_id_token`]: a sign-in or its refresh |
//! | [`Authenticated`] | a verified token ([`BearerAuthenticator`], [`kubernetes::KubernetesAuthenticator`]), a static key ([`static_keys`]), a password ([`basic`]), a cluster's word ([`token_review`]), a session, or [`Anonymous`] |
//! | [`session::SessionRecord`] | a [`SignedIn`], or the seal ([`seal::KeyRing`]) that only we can make |
//!
//! An [`Authenticator`] answers with an [`Outcome`]; a [`Chain`] asks several. Every "no" is a [`Refusal`] with an
//! entry in the catalogue.

mod anonymous;
mod authenticator;
pub mod basic;
mod bearer;
mod bearer_token;
pub mod cel;
mod chain;
mod challenge;
mod entra;
mod file;
mod generation;
mod identity;
mod issuer;
mod jwks;
pub mod kubeconfig;
pub mod kubernetes;
mod layer;
mod mapping;
mod overage;
mod refusal;
mod remembering;
pub mod seal;
pub mod session;
mod signed_in;
mod source;
pub mod static_keys;
#[cfg(test)]
mod testing;
pub mod token_review;
mod user_info;

pub use anonymous::Anonymous;
pub use authenticator::{Authenticator, Credentials, NotMine, Outcome, SourceHealth};
pub use bearer::BearerAuthenticator;
pub use bearer_token::BearerToken;
pub use chain::{Chain, Fingerprint};
pub use challenge::{Challenge, Realm};
pub use file::FileError;
pub use generation::Generation;
pub use identity::{Authenticated, Identity, Method};
pub use issuer::{ClaimRules, Issuer, IssuerKind, IssuerRefusal, IssuerSettings, KeysFrom, RequiredClaim, Tenants};
pub use jwks::JwksHealth;
pub use layer::{AuthenticationLayer, AuthenticationService, Denied, PeerCertificates};
pub use mapping::{ClaimName, ClaimNames};
pub use refusal::{Denial, Refusal};
pub use remembering::Remembering;
pub use signed_in::SignedIn;
pub use user_info::UserInfo;
