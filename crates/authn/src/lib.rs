//! What the wire presented, and who it is: one [`Identity`], made only from evidence.
//!
//! This crate decides; it does not dial. Whatever it needs from a provider goes through the
//! [`Transport`](gangplank_oauth::Transport) it is given, and the time is an argument.
//!
//! | evidence | made by |
//! |---|---|
//! | [`SignedIn`] | [`Issuer::verify_id_token`]: a sign-in or its refresh |
//! | [`Authenticated`] | a verified token ([`BearerAuthenticator`], [`kubernetes::KubernetesAuthenticator`]), a static key ([`static_keys`]), a password ([`basic`]), a client certificate ([`x509`]), a cluster's word ([`token_review`]), a session, or [`Anonymous`] |
//! | [`session::SessionRecord`] | a [`SignedIn`], or the seal ([`seal::KeyRing`]) that only we can make |
//!
//! An [`Authenticator`] answers with an [`Outcome`]; a [`Chain`] asks several. Every "no" is a [`Refusal`] with an
//! entry in the catalogue.
//!
//! # In a service of your own
//!
//! `examples/service.rs` is one in 30 lines of code, with static keys, an OpenID Connect issuer and the tower layer
//! ([`AuthenticationLayer`]). Its parts can be asked without a server, too:
//!
//! ```
//! use std::sync::Arc;
//! use gangplank_authn::static_keys::{NewKey, StaticKeys};
//! use gangplank_authn::{Authenticator, Chain, Credentials, Outcome};
//! use gangplank_jose::UnixTime;
//! use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now = UnixTime::from_secs(1_800_000_000);
//! let key = NewKey::generate()?;
//! let hash: String = key.digest().iter().map(|octet| format!("{octet:02x}")).collect();
//! let file = std::env::temp_dir().join(format!("keys-{}", std::process::id()));
//! std::fs::write(&file, format!("ci:{hash}; groups=robots\n"))?;
//!
//! let keys = StaticKeys::load("keys", &file, now).map_err(|errors| format!("{errors:?}"))?;
//! let chain = Chain::new("orders", vec![Arc::new(keys)]);
//! let mut headers = HeaderMap::new();
//! headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {}", key.expose()))?);
//! let Outcome::Authenticated(caller) = chain.authenticate(Credentials::headers(&headers), now).await else {
//!     return Err("not known".into());
//! };
//! assert_eq!((caller.identity().username.as_str(), &caller.identity().groups[..]), ("ci", &["robots".to_owned()][..]));
//!
//! headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer guessed"));
//! let Outcome::Rejected(why) = chain.authenticate(Credentials::headers(&headers), now).await else {
//!     return Err("known".into());
//! };
//! println!("{why}: {}", why.reason().remedy);
//! # std::fs::remove_file(&file)?;
//! # Ok(())
//! # }
//! ```

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
pub mod x509;

pub use anonymous::Anonymous;
pub use authenticator::{Authenticator, Credentials, NotMine, Outcome, SourceHealth};
pub use bearer::BearerAuthenticator;
pub use bearer_token::BearerToken;
pub use chain::{Chain, Fingerprint};
pub use challenge::{Challenge, Realm, ResourceChallenge, Scope};
pub use file::FileError;
pub use generation::Generation;
pub use identity::{Authenticated, Identity, Method};
pub use issuer::{ClaimRules, Issuer, IssuerKind, IssuerRefusal, IssuerSettings, KeysFrom, RequiredClaim, Tenants};
pub use jwks::JwksHealth;
pub use layer::{AuthenticationLayer, AuthenticationService, Denied, PeerCertificates};
pub use mapping::{ClaimName, ClaimNames};
pub use overage::{GroupsBy, GroupsResolver, GroupsSettings};
pub use refusal::{Denial, Refusal};
pub use remembering::Remembering;
pub use signed_in::SignedIn;
pub use user_info::UserInfo;
