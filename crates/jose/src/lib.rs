//! Bytes, keys, rules and a time go in; [`Verified`] claims or a named [`TokenRefusal`] come out.
//!
//! This crate does no I/O, reads no clock and no environment, and is not async. It implements the part of
//! JOSE that an identity gateway needs and nothing that has been used against one: compact JWS (RFC 7515) with
//! asymmetric algorithms, JWK sets (RFC 7517) and JWT claims (RFC 7519) under the rules of RFC 8725.

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
