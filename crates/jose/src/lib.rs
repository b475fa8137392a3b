//! Bytes, keys, rules and a time go in; [`Verified`] claims or a named [`TokenRefusal`] come out.
//!
//! This crate does no I/O, reads no clock and no environment, and is not async. It implements the part of
//! JOSE that an identity gateway needs and nothing that has been used against one: compact JWS (RFC 7515) with
//! asymmetric algorithms, JWK sets (RFC 7517) and JWT claims (RFC 7519) under the rules of RFC 8725.
//!
//! ```
//! use gangplank_jose::{Algorithm, KeySet, Leeway, Purpose, Rules, SigningKey, UnixTime, Unverified};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now = UnixTime::from_secs(1_800_000_000);
//! let key = SigningKey::generate(Algorithm::ES256)?;
//! let keys = KeySet::parse(format!(r#"{{"keys":[{}]}}"#, key.public_jwk("k1")).as_bytes())?;
//! let claims = serde_json::json!({ "iss": "https://issuer", "aud": "api://orders", "sub": "ada", "exp": 1_800_000_060 });
//! let token = key.sign(&serde_json::Map::new(), &claims)?;
//!
//! let rules = Rules {
//!     issuers: vec!["https://issuer".into()],
//!     audiences: vec!["api://orders".into()],
//!     algorithms: vec![Algorithm::ES256],
//!     purpose: Purpose::AccessToken,
//!     leeway: Leeway::NONE,
//! };
//! let verified = Unverified::parse(&token)?.verify(&keys, &rules, now)?;
//! assert_eq!(verified.get().subject(), Some("ada"));
//!
//! let later = UnixTime::from_secs(1_800_000_060);
//! let refusal = Unverified::parse(&token)?.verify(&keys, &rules, later).unwrap_err();
//! assert_eq!(refusal.reason().name, "token-expired");
//! println!("{refusal}: {}", refusal.reason().remedy);
//! # Ok(())
//! # }
//! ```

mod algorithm;
mod claims;
mod encoding;
mod excerpt;
mod json;
mod jwk;
mod key_set;
mod public_jwk;
mod reason;
mod refusal;
mod rules;
mod sign;
mod spiffe;
mod time;
mod token;
mod verify;

pub use algorithm::Algorithm;
pub use claims::{Claim, Claims};
pub use excerpt::Excerpt;
pub use jwk::KeyProblem;
pub use key_set::{KeySet, KeySetError, SkippedKey};
pub use reason::{Fault, Reason};
pub use refusal::TokenRefusal;
pub use rules::{Leeway, Purpose, Rules};
pub use sign::{SigningError, SigningKey};
pub use spiffe::SpiffeId;
pub use time::{TimeUnreadable, UnixTime};
pub use token::{Header, Unverified};
pub use verify::Verified;
