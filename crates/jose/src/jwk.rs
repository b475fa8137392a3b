//! One JSON Web Key (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2): a public key that may verify, or why it may not.
//!
//! 1. A symmetric key (`oct`) is passed over: verifying with it would mean that whoever reads the set can sign.
//! 2. A key with private members is passed over: it is no longer anybody's secret.
//! 3. `use`, if given, is `sig`; `key_ops`, if given, holds `verify`. In a SPIFFE bundle `use` is `jwt-svid`, always
//!    given, and so is `kid`.
//! 4. The type and curve say which algorithms the key can verify; `alg`, if given, narrows that to one.
//! 5. RSA: a modulus of 2048 to 8192 bits, odd; an exponent odd, 3 or more, at most 32 bits; no leading zero octets;
//!    not of the generator whose keys can be computed (ROCA).
//! 6. EC: coordinates of exactly the curve's size, a point on the curve.
//! 7. Ed25519: 32 octets, and no point of small order.

mod weak;

use aws_lc_rs::signature::{self, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents};
use serde_json::{Map, Value};

use crate::excerpt::Excerpt;
use crate::{Algorithm, encoding};

/// The longest key id that is looked at, in keys and in tokens.
pub(crate) const MAX_KEY_ID: usize = 1024;

/// A public key, parsed once for every algorithm it may verify.
#[derive(Debug)]
pub(crate) struct PublicKey {
    pub(crate) kid: Option<String>,
    pub(crate) verifiers: Vec<(Algorithm, ParsedPublicKey)>,
}

impl PublicKey {
    pub(crate) fn verifier(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        self.verifiers.iter().find(|(a, _)| *a == algorithm).map(|(_, key)| key)
    }
}

/// Why a key of a set is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// `alg` names an algorithm that keys of this type and curve do not have, or that is unknown.
    #[error("its alg {0} is not a signature algorithm of its type")]
    Algorithm(Excerpt),
    /// Another key with this id claims the same algorithm.
    #[error("another key has the same kid and algorithm, so neither is used")]
    Ambiguous,
    /// Elliptic curve of no known name.
    #[error("its curve {0} is not known")]
    Curve(Excerpt),
    /// `kid` is missing where it must not be, or not a string of reasonable length.
    #[error("its kid is not a string of at most {MAX_KEY_ID} octets")]
    KeyId,
    /// A required member is missing, malformed or out of range.
    #[error("its {member} {problem}")]
    Member {
        /// Which one.
        member: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Private members are present: the key has been given away.
    #[error("it holds private members, so its secret is out; the provider has to replace it")]
    Private,
    /// A shared secret.
    #[error("it is symmetric, and a published secret proves nothing")]
    Symmetric,
    /// `kty` unknown.
    #[error("its type {0} is not known")]
    Type(Excerpt),
    /// `use` or `key_ops` says it does not verify signatures.
    #[error("it is not for signatures (use or key_ops)")]
    Use,
}

/// Where a key stands, which says what its `use` must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// In an issuer's JWK set.
    Jwks,
    /// In the bundle of a SPIFFE trust domain.
    SpiffeBundle,
}

/// Reads one member of `keys`.
pub(crate) fn public_key(jwk: &Map<String, Value>, origin: Origin) -> Result<PublicKey, KeyProblem> {
    let kid = key_id(jwk)?;
    if origin == Origin::SpiffeBundle && kid.as_ref().is_none_or(String::is_empty) {
        return Err(KeyProblem::KeyId);
    }
    refuse_secrets(jwk)?;
    refuse_other_uses(jwk, origin)?;
    let verifiers = match jwk.get("kty").and_then(Value::as_str) {
        Some("RSA") => rsa(jwk)?,
        Some("EC") => ec(jwk)?,
        Some("OKP") => okp(jwk)?,
        other => return Err(KeyProblem::Type(Excerpt::of(other.unwrap_or("(none)")))),
    };
    Ok(PublicKey { kid, verifiers })
}

pub(crate) fn key_id(jwk: &Map<String, Value>) -> Result<Option<String>, KeyProblem> {
    match jwk.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) if kid.len() <= MAX_KEY_ID => Ok(Some(kid.clone())),
        Some(_) => Err(KeyProblem::KeyId),
    }
}

fn refuse_secrets(jwk: &Map<String, Value>) -> Result<(), KeyProblem> {
    if jwk.get("kty").and_then(Value::as_str) == Some("oct") {
        return Err(KeyProblem::Symmetric);
    }
    let secret = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|member| jwk.contains_key(*member));
    if secret { Err(KeyProblem::Private) } else { Ok(()) }
}

fn refuse_other_uses(jwk: &Map<String, Value>, origin: Origin) -> Result<(), KeyProblem> {
    let stated = jwk.get("use");
    let use_fits = match origin {
        Origin::Jwks => stated.is_none_or(|value| value == "sig"),
        Origin::SpiffeBundle => stated.is_some_and(|value| value == "jwt-svid"),
    };
    let operations_fit = match jwk.get("key_ops") {
        None => true,
        Some(Value::Array(operations)) => operations.iter().any(|operation| operation == "verify"),
        Some(_) => false,
    };
    if use_fits && operations_fit { Ok(()) } else { Err(KeyProblem::Use) }
}

fn rsa(jwk: &Map<String, Value>) -> Result<Vec<(Algorithm, ParsedPublicKey)>, KeyProblem> {
    let n = octets(jwk, "n")?;
    let e = octets(jwk, "e")?;
    let bits = n.len() * 8 - n.first().map_or(0, |b| b.leading_zeros() as usize);
    if n.first() == Some(&0) || n.last().is_none_or(|b| b % 2 == 0) {
        return Err(KeyProblem::Member { member: "n", problem: "is even or has leading zeros" });
    }
    if !(2048..=8192).contains(&bits) {
        return Err(KeyProblem::Member { member: "n", problem: "is not 2048 to 8192 bits long" });
    }
    if e.first() == Some(&0) || e.len() > 4 || e.last().is_none_or(|b| b % 2 == 0) || e == [1] {
        return Err(KeyProblem::Member {
            member: "e",
            problem: "is not an odd number of at least 3 and at most 32 bits",
        });
    }
    if weak::is_roca(&n) {
        return Err(KeyProblem::Member { member: "n", problem: "is of the kind whose secret can be computed (ROCA)" });
    }
    let components = RsaPublicKeyComponents { n, e };
    narrowed(jwk, &RSA_ALGORITHMS)?
        .into_iter()
        .map(|(algorithm, parameters)| {
            let parsed = components.to_parsed_public_key(parameters);
            parsed.map(|key| (algorithm, key)).map_err(|_| BAD_POINT)
        })
        .collect()
}

fn ec(jwk: &Map<String, Value>) -> Result<Vec<(Algorithm, ParsedPublicKey)>, KeyProblem> {
    let curve = text(jwk, "crv")?;
    let (algorithm, verification, size) = match curve {
        "P-256" => (Algorithm::ES256, &signature::ECDSA_P256_SHA256_FIXED, 32),
        "P-384" => (Algorithm::ES384, &signature::ECDSA_P384_SHA384_FIXED, 48),
        "P-521" => (Algorithm::ES512, &signature::ECDSA_P521_SHA512_FIXED, 66),
        _ => return Err(KeyProblem::Curve(Excerpt::of(curve))),
    };
    narrowed(jwk, &[(algorithm, ())])?;
    let mut point = vec![4];
    for member in ["x", "y"] {
        let coordinate = octets(jwk, member)?;
        if coordinate.len() != size {
            return Err(KeyProblem::Member { member, problem: "is not of the curve's size" });
        }
        point.extend_from_slice(&coordinate);
    }
    let key = ParsedPublicKey::new(verification, point).map_err(|_| BAD_POINT)?;
    Ok(vec![(algorithm, key)])
}

fn okp(jwk: &Map<String, Value>) -> Result<Vec<(Algorithm, ParsedPublicKey)>, KeyProblem> {
    let curve = text(jwk, "crv")?;
    if curve != "Ed25519" {
        return Err(KeyProblem::Curve(Excerpt::of(curve)));
    }
    narrowed(jwk, &[(Algorithm::EdDSA, ())])?;
    let x = octets(jwk, "x")?;
    if x.len() != 32 {
        return Err(KeyProblem::Member { member: "x", problem: "is not 32 octets long" });
    }
    if weak::has_small_order(&x) {
        return Err(KeyProblem::Member {
            member: "x",
            problem: "is a point of small order, with which everybody can sign",
        });
    }
    let key = ParsedPublicKey::new(&signature::ED25519, x).map_err(|_| BAD_POINT)?;
    Ok(vec![(Algorithm::EdDSA, key)])
}

const BAD_POINT: KeyProblem = KeyProblem::Member { member: "value", problem: "is not a public key" };

const RSA_ALGORITHMS: [(Algorithm, &RsaParameters); 6] = [
    (Algorithm::RS256, &signature::RSA_PKCS1_2048_8192_SHA256),
    (Algorithm::RS384, &signature::RSA_PKCS1_2048_8192_SHA384),
    (Algorithm::RS512, &signature::RSA_PKCS1_2048_8192_SHA512),
    (Algorithm::PS256, &signature::RSA_PSS_2048_8192_SHA256),
    (Algorithm::PS384, &signature::RSA_PSS_2048_8192_SHA384),
    (Algorithm::PS512, &signature::RSA_PSS_2048_8192_SHA512),
];

/// The algorithms of the key's type, or the one of them that `alg` names.
fn narrowed<T: Copy>(jwk: &Map<String, Value>, family: &[(Algorithm, T)]) -> Result<Vec<(Algorithm, T)>, KeyProblem> {
    let Some(alg) = jwk.get("alg") else { return Ok(family.to_vec()) };
    let named = alg.as_str().and_then(Algorithm::from_name);
    match family.iter().find(|(algorithm, _)| Some(*algorithm) == named) {
        Some(one) => Ok(vec![*one]),
        None => Err(KeyProblem::Algorithm(Excerpt::of(alg.as_str().unwrap_or("(not a string)")))),
    }
}

fn text<'a>(jwk: &'a Map<String, Value>, member: &'static str) -> Result<&'a str, KeyProblem> {
    let missing = KeyProblem::Member { member, problem: "is missing or not a string" };
    jwk.get(member).and_then(Value::as_str).ok_or(missing)
}

fn octets(jwk: &Map<String, Value>, member: &'static str) -> Result<Vec<u8>, KeyProblem> {
    let octets = encoding::decode(text(jwk, member)?).filter(|octets| !octets.is_empty());
    octets.ok_or(KeyProblem::Member { member, problem: "is not base64url" })
}
