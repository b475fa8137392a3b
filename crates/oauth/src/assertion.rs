//! A client assertion signed with the key of a certificate (RFC 7523 §3; Entra ID's certificate credentials).
//!
//! 1. The key is that of the first certificate, or nothing is made.
//! 2. `alg` follows the key: PS256 for RSA unless told otherwise, ES256 and ES384 for their curves. There are no others.
//! 3. The header names the certificate: `x5t#S256` always, `x5t` (SHA-1) and `kid` where a provider wants them, and `x5c`,
//!    the certificates themselves, where it trusts an authority instead of a certificate.
//! 4. `aud` is the token endpoint, `iss` and `sub` are the client id, `jti` is fresh every time, and it lasts ten minutes
//!    unless told otherwise: from ten seconds to an hour.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gangplank_jose::{Algorithm, SigningKey, UnixTime};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use crate::{CredentialError, random_token};

const LIFETIME: Duration = Duration::from_secs(600);
const SHORTEST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(3600);
/// No chain needs more, and the header travels with every request.
const MAX_CHAIN: usize = 8;

/// A certificate with its key.
pub struct PrivateKeyJwt {
    key: SigningKey,
    header: Map<String, Value>,
    lifetime: Duration,
    expires: UnixTime,
}

/// What may differ from the default.
#[derive(Clone, Debug, Default)]
pub struct AssertionOptions {
    /// Another algorithm than the key's default: RS256 for a provider that has no PS256.
    pub algorithm: Option<Algorithm>,
    /// Also send `x5t`, the SHA-1 thumbprint, for providers that know no other.
    pub x5t: bool,
    /// Also send this `kid`.
    pub kid: Option<String>,
    /// Also send `x5c`, all certificates of the PEM text, for subject name and issuer authentication.
    pub x5c: bool,
    /// How long an assertion lasts; ten minutes if nothing is said.
    pub lifetime: Option<Duration>,
}

impl PrivateKeyJwt {
    /// Takes the first certificate of a PEM text, and its key. Those that follow are its chain.
    pub fn from_pem(certificate: &str, key: &str, options: AssertionOptions) -> Result<Self, CredentialError> {
        let lifetime = options.lifetime.unwrap_or(LIFETIME);
        if !(SHORTEST..=LONGEST).contains(&lifetime) {
            return Err(CredentialError::Lifetime(lifetime));
        }
        let chain = chain(certificate)?;
        let unusable = |problem: &str| CredentialError::Certificate(problem.to_owned());
        let (rest, parsed) =
            X509Certificate::from_der(&chain[0]).map_err(|_| unusable("it is not an X.509 certificate"))?;
        if !rest.is_empty() {
            return Err(unusable("it has bytes after its end"));
        }
        let fitting = algorithms(&parsed);
        let algorithm = options.algorithm.or(fitting.first().copied());
        let algorithm = algorithm.ok_or_else(|| unusable("its key is neither RSA nor P-256 nor P-384"))?;
        if !fitting.contains(&algorithm) {
            let fitting: Vec<_> = fitting.iter().map(|a| a.name()).collect();
            return Err(unusable(&format!("its key signs {}, not {}", fitting.join(" or "), algorithm.name())));
        }
        let key = SigningKey::from_pem(key, algorithm)?;
        if key.public_key_der() != parsed.public_key().raw {
            return Err(CredentialError::Mismatch);
        }
        let expires = ends(&parsed);
        Ok(PrivateKeyJwt { key, header: header(&chain, options), lifetime, expires })
    }

    /// When the certificate ends. It is refused by the provider then, not by us: whoever made this can warn before.
    pub fn expires(&self) -> UnixTime {
        self.expires
    }

    /// A fresh assertion for a token endpoint.
    pub fn assertion(&self, client_id: &str, audience: &str, now: UnixTime) -> Result<SecretString, CredentialError> {
        let claims = json!({
            "aud": audience,
            "iss": client_id,
            "sub": client_id,
            "jti": random_token(16),
            "iat": now.as_secs(),
            "nbf": now.as_secs(),
            "exp": (now + self.lifetime).as_secs(),
        });
        Ok(SecretString::from(self.key.sign(&self.header, &claims)?))
    }
}

/// When the first certificate of a PEM text ends.
///
/// # Errors
/// It holds none, or one that is none.
pub fn certificate_expires(certificate: &str) -> Result<UnixTime, CredentialError> {
    let chain = chain(certificate)?;
    let (_, parsed) = X509Certificate::from_der(&chain[0])
        .map_err(|_| CredentialError::Certificate("it is not an X.509 certificate".to_owned()))?;
    Ok(ends(&parsed))
}

fn ends(certificate: &X509Certificate<'_>) -> UnixTime {
    UnixTime::from_secs(u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0))
}

/// Names the certificate by its thumbprint; nothing here is a secret but the key.
impl fmt::Debug for PrivateKeyJwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thumbprint = self.header.get("x5t#S256");
        f.debug_struct("PrivateKeyJwt").field("key", &self.key).field("x5t#S256", &thumbprint).finish_non_exhaustive()
    }
}

/// The DER of all certificates of a PEM text, at least one.
fn chain(text: &str) -> Result<Vec<Vec<u8>>, CredentialError> {
    let unusable = |problem: &str| CredentialError::Certificate(problem.to_owned());
    let mut chain = Vec::new();
    for block in Pem::iter_from_buffer(text.as_bytes()) {
        let block = block.map_err(|_| unusable("it is not PEM"))?;
        match block.label.as_str() {
            "CERTIFICATE" if chain.len() == MAX_CHAIN => return Err(unusable("more than 8 certificates in one file")),
            "CERTIFICATE" => chain.push(block.contents),
            _ if chain.is_empty() => return Err(unusable("its first PEM block is not a CERTIFICATE")),
            // A key that stands in the same file.
            _ => {}
        }
    }
    if chain.is_empty() { Err(unusable("it is not PEM")) } else { Ok(chain) }
}

/// What a certificate's key may sign, the default first.
fn algorithms(certificate: &X509Certificate<'_>) -> &'static [Algorithm] {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(_)) => &[Algorithm::PS256, Algorithm::RS256],
        Ok(PublicKey::EC(point)) if point.key_size() == 256 => &[Algorithm::ES256],
        Ok(PublicKey::EC(point)) if point.key_size() == 384 => &[Algorithm::ES384],
        _ => &[],
    }
}

/// Rule 3.
fn header(chain: &[Vec<u8>], options: AssertionOptions) -> Map<String, Value> {
    let der = &chain[0];
    let mut header = Map::new();
    header.insert("typ".into(), "JWT".into());
    header.insert("x5t#S256".into(), URL_SAFE_NO_PAD.encode(digest(&SHA256, der)).into());
    if options.x5t {
        header.insert("x5t".into(), URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, der)).into());
    }
    if let Some(kid) = options.kid {
        header.insert("kid".into(), kid.into());
    }
    if options.x5c {
        // RFC 7515 §4.1.6: base64 with padding, not base64url.
        header.insert("x5c".into(), chain.iter().map(|der| STANDARD.encode(der)).collect());
    }
    header
}

#[cfg(test)]
mod tests {
    use rcgen::{
        CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
    };
    use secrecy::ExposeSecret as _;

    use super::*;

    fn pair(algorithm: &'static rcgen::SignatureAlgorithm) -> (Vec<u8>, String, String) {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate = CertificateParams::new(vec!["client".to_owned()]).unwrap().self_signed(&key).unwrap();
        (certificate.der().to_vec(), certificate.pem(), key.serialize_pem())
    }

    fn part(jwt: &SecretString, index: usize) -> Value {
        let part = jwt.expose_secret().split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    fn refused(certificate: &str, key: &str, options: AssertionOptions) -> CredentialError {
        PrivateKeyJwt::from_pem(certificate, key, options).unwrap_err()
    }

    #[test]
    fn the_algorithm_follows_the_key() {
        for (kind, algorithm) in
            [(&PKCS_RSA_SHA256, "PS256"), (&PKCS_ECDSA_P256_SHA256, "ES256"), (&PKCS_ECDSA_P384_SHA384, "ES384")]
        {
            let (_, certificate, key) = pair(kind);
            let made = PrivateKeyJwt::from_pem(&certificate, &key, AssertionOptions::default()).unwrap();
            let jwt = made.assertion("c", "https://idp/token", UnixTime::EPOCH).unwrap();
            assert_eq!(part(&jwt, 0)["alg"], algorithm);
        }
        let (_, certificate, key) = pair(&PKCS_RSA_SHA256);
        let rs256 = AssertionOptions { algorithm: Some(Algorithm::RS256), ..AssertionOptions::default() };
        let made = PrivateKeyJwt::from_pem(&certificate, &key, rs256).unwrap();
        assert_eq!(part(&made.assertion("c", "a", UnixTime::EPOCH).unwrap(), 0)["alg"], "RS256");
    }

    #[test]
    fn header_and_claims_are_what_entra_id_asks_for() {
        let (der, certificate, key) = pair(&PKCS_ECDSA_P256_SHA256);
        let options = AssertionOptions { x5t: true, kid: Some("k".into()), x5c: true, ..AssertionOptions::default() };
        let made = PrivateKeyJwt::from_pem(&certificate, &key, options).unwrap();
        let now = UnixTime::from_secs(1000);
        let (one, two) = (made.assertion("c", "https://idp/token", now), made.assertion("c", "https://idp/token", now));
        let (one, two) = (one.unwrap(), two.unwrap());
        let expected = json!({"typ": "JWT", "alg": "ES256", "kid": "k",
            "x5c": [STANDARD.encode(&der)],
            "x5t#S256": URL_SAFE_NO_PAD.encode(digest(&SHA256, &der)),
            "x5t": URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &der))});
        assert_eq!(part(&one, 0), expected);
        let mut claims = part(&one, 1);
        assert_ne!(claims["jti"], part(&two, 1)["jti"]);
        assert_eq!(claims["jti"].take().as_str().unwrap().len(), 22);
        let expected = json!({"aud": "https://idp/token", "iss": "c", "sub": "c", "jti": null,
            "iat": 1000, "nbf": 1000, "exp": 1600});
        assert_eq!(claims, expected);
    }

    #[test]
    fn the_chain_is_sent_whole_and_the_lifetime_is_bounded() {
        let (leaf, certificate, key) = pair(&PKCS_ECDSA_P256_SHA256);
        let (authority, authority_pem, _) = pair(&PKCS_ECDSA_P256_SHA256);
        let file = format!("{certificate}{key}{authority_pem}");
        let options = |seconds| AssertionOptions {
            x5c: true,
            lifetime: Some(Duration::from_secs(seconds)),
            ..AssertionOptions::default()
        };
        let made = PrivateKeyJwt::from_pem(&file, &file, options(300)).unwrap();
        let jwt = made.assertion("c", "a", UnixTime::from_secs(1000)).unwrap();
        assert_eq!(part(&jwt, 0)["x5c"], json!([STANDARD.encode(leaf), STANDARD.encode(authority)]));
        assert_eq!(part(&jwt, 1)["exp"], 1300);
        for seconds in [0, 9, 3601] {
            let refused = refused(&certificate, &key, options(seconds));
            assert_eq!(refused, CredentialError::Lifetime(Duration::from_secs(seconds)));
        }
        let many = authority_pem.repeat(MAX_CHAIN + 1);
        assert!(matches!(refused(&many, &key, options(300)), CredentialError::Certificate(_)));
    }

    #[test]
    fn the_signature_verifies_with_the_certificates_key() {
        let (der, certificate, key) = pair(&PKCS_ECDSA_P256_SHA256);
        let made = PrivateKeyJwt::from_pem(&certificate, &key, AssertionOptions::default()).unwrap();
        let jwt = made.assertion("c", "a", UnixTime::EPOCH).unwrap();
        let (signed, signature) = jwt.expose_secret().rsplit_once('.').unwrap();
        let (_, parsed) = X509Certificate::from_der(&der).unwrap();
        let public = &parsed.public_key().subject_public_key.data;
        aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED, public)
            .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
            .unwrap();
    }

    #[test]
    fn another_key_another_type_and_garbage_are_refused() {
        let (_, certificate, key) = pair(&PKCS_ECDSA_P256_SHA256);
        let (_, _, other) = pair(&PKCS_ECDSA_P256_SHA256);
        let (_, rsa_certificate, rsa) = pair(&PKCS_RSA_SHA256);
        let (_, ed_certificate, ed) = pair(&PKCS_ED25519);
        let default = AssertionOptions::default;
        assert_eq!(refused(&certificate, &other, default()), CredentialError::Mismatch);
        assert!(matches!(refused(&certificate, &rsa, default()), CredentialError::Key(_)));
        assert!(matches!(refused(&rsa_certificate, &key, default()), CredentialError::Key(_)));
        assert!(matches!(refused(&ed_certificate, &ed, default()), CredentialError::Certificate(_)));
        assert!(matches!(refused(&certificate, "no key", default()), CredentialError::Key(_)));
        assert!(matches!(refused("no certificate", &key, default()), CredentialError::Certificate(_)));
        let es384 = AssertionOptions { algorithm: Some(Algorithm::ES384), ..default() };
        let error = refused(&certificate, &key, es384).to_string();
        assert!(error.contains("its key signs ES256, not ES384"), "{error}");
        assert!(matches!(refused(&key, &key, default()), CredentialError::Certificate(_)));
    }

    #[test]
    fn debug_shows_the_thumbprint_and_no_key() {
        let (_, certificate, key) = pair(&PKCS_ECDSA_P256_SHA256);
        let made = PrivateKeyJwt::from_pem(&certificate, &key, AssertionOptions::default()).unwrap();
        let shown = format!("{made:?}");
        assert!(shown.contains("x5t#S256") && !shown.contains(key.lines().nth(1).unwrap()));
        assert!(made.expires() > UnixTime::EPOCH);
        assert_eq!(certificate_expires(&certificate).unwrap(), made.expires());
        assert!(certificate_expires(&key).is_err() && certificate_expires("").is_err());
        let by = crate::ClientAuthentication::PrivateKeyJwt(std::sync::Arc::new(made));
        assert!(by.expires().is_some() && crate::ClientAuthentication::None.expires().is_none());
    }
}
