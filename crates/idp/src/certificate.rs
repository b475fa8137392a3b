//! A certificate that is registered for an application: what its client assertions are checked with.
//!
//! 1. It is found by its SHA-256 or SHA-1 thumbprint (`x5t#S256`, `x5t`), or as a whole (`x5c`). Whatever an assertion's
//!    header says of it has to be true of the same certificate.
//! 2. Thumbprints are compared without padding, and `x5c` without line breaks: MSAL for Python pads the one and breaks the
//!    other, against RFC 7515 §2 and §4.1.6, and the others do not.
//! 3. Its key is RSA, P-256 or P-384.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gangplank_jose::{KeySet, UnixTime};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256};
use serde_json::{Map, Value, json};
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

use crate::CertificateError;

/// A registered certificate.
#[derive(Debug)]
pub(crate) struct Certificate {
    der: Vec<u8>,
    x5t: String,
    x5t_s256: String,
    jwk: Value,
    not_before: UnixTime,
    not_after: UnixTime,
}

impl Certificate {
    /// The first certificate of a PEM text.
    pub(crate) fn from_pem(text: &str) -> Result<Certificate, &'static str> {
        let block = Pem::iter_from_buffer(text.as_bytes()).find(|block| match block {
            Ok(block) => block.label == "CERTIFICATE",
            Err(_) => true,
        });
        let block = block.ok_or("there is no certificate in it")?.map_err(|_| "not PEM")?;
        let (_, parsed) = X509Certificate::from_der(&block.contents).map_err(|_| "not an X.509 certificate")?;
        let time =
            |time: x509_parser::time::ASN1Time| UnixTime::from_secs(u64::try_from(time.timestamp()).unwrap_or(0));
        Ok(Certificate {
            x5t: URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &block.contents)),
            x5t_s256: URL_SAFE_NO_PAD.encode(digest(&SHA256, &block.contents)),
            jwk: jwk(&parsed).ok_or("its key is neither RSA nor P-256 nor P-384")?,
            not_before: time(parsed.validity().not_before),
            not_after: time(parsed.validity().not_after),
            der: block.contents,
        })
    }

    /// Rules 1 and 2. A header that names no certificate fits none.
    pub(crate) fn fits(&self, header: &Map<String, Value>) -> bool {
        let text = |name: &str| header.get(name).map(|value| value.as_str().unwrap_or_default().trim_end_matches('='));
        let leaf = header.get("x5c").map(|chain| chain.get(0).and_then(Value::as_str).unwrap_or_default());
        let said = [
            text("x5t#S256").map(|found| found == self.x5t_s256),
            text("x5t").map(|found| found == self.x5t),
            leaf.map(|leaf| STANDARD.decode(leaf.replace('\n', "")).is_ok_and(|der| der == self.der)),
        ];
        said.contains(&Some(true)) && !said.contains(&Some(false))
    }

    /// Whether it is this one.
    pub(crate) fn is(&self, der: &[u8]) -> bool {
        self.der == der
    }

    /// Whether it is within its time.
    pub(crate) fn is_valid_at(&self, now: UnixTime) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// Its key alone, under the key id that an assertion gives it: that need not mean anything here.
    pub(crate) fn keys(&self, kid: Option<&str>) -> KeySet {
        let mut jwk = self.jwk.clone();
        if let Some(kid) = kid {
            jwk["kid"] = json!(kid);
        }
        KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap_or_default()
    }
}

fn jwk(certificate: &X509Certificate<'_>) -> Option<Value> {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    match certificate.public_key().parsed().ok()? {
        PublicKey::RSA(key) => {
            let strip = |integer: &[u8]| encode(integer.strip_prefix(&[0]).unwrap_or(integer));
            Some(json!({ "kty": "RSA", "n": strip(key.modulus), "e": strip(key.exponent) }))
        }
        PublicKey::EC(point) => {
            let coordinates = point.data().strip_prefix(&[4])?;
            let (x, y) = coordinates.split_at_checked(coordinates.len() / 2)?;
            let curve = match x.len() {
                32 => "P-256",
                48 => "P-384",
                _ => return None,
            };
            Some(json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y) }))
        }
        _ => None,
    }
}

/// A certificate and its key, made for a test or a demonstration: to be registered for an application, and used by a
/// client.
pub struct ClientCertificate {
    /// The certificate.
    pub certificate_pem: String,
    /// Its private key, PKCS#8.
    pub key_pem: String,
}

/// The kinds of keys that client certificates have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateKey {
    /// RSA with 2048 bits, for PS256 and RS256.
    Rsa,
    /// P-256, for ES256.
    P256,
    /// P-384, for ES384.
    P384,
}

impl ClientCertificate {
    /// A fresh one, signed by itself.
    pub fn generate(key: CertificateKey) -> Result<ClientCertificate, CertificateError> {
        let algorithm = match key {
            CertificateKey::Rsa => &PKCS_RSA_SHA256,
            CertificateKey::P256 => &PKCS_ECDSA_P256_SHA256,
            CertificateKey::P384 => &PKCS_ECDSA_P384_SHA384,
        };
        let pair = KeyPair::generate_for(algorithm)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "gangplank dev client");
        let certificate = params.self_signed(&pair)?;
        Ok(ClientCertificate { certificate_pem: certificate.pem(), key_pem: pair.serialize_pem() })
    }
}

/// Without the key.
impl std::fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientCertificate").field("certificate_pem", &self.certificate_pem).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_a_header_says_must_be_true_of_one_certificate() {
        let made = ClientCertificate::generate(CertificateKey::P256).unwrap();
        let one = Certificate::from_pem(&format!("{}{}", made.key_pem, made.certificate_pem)).unwrap();
        let other = ClientCertificate::generate(CertificateKey::P384).unwrap();
        let other = Certificate::from_pem(&other.certificate_pem).unwrap();
        let fits = |header: Value| one.fits(header.as_object().unwrap());
        let leaf = STANDARD.encode(&one.der);
        assert!(fits(json!({ "x5t#S256": one.x5t_s256 })));
        assert!(fits(
            json!({ "x5t#S256": format!("{}=", one.x5t_s256), "x5t": one.x5t, "kid": "k", "x5c": [leaf, "root"] })
        ));
        let (start, end) = leaf.split_at(64);
        assert!(fits(json!({ "x5c": [format!("{start}\n{end}")] })));
        for bad in [
            json!({}),
            json!({ "kid": one.x5t }),
            json!({ "x5t": other.x5t }),
            json!({ "x5t": one.x5t, "x5t#S256": other.x5t_s256 }),
            json!({ "x5t": one.x5t, "x5c": [] }),
            json!({ "x5t": one.x5t, "x5c": leaf }),
            json!({ "x5t": 1 }),
            json!({ "x5t": "" }),
        ] {
            assert!(!fits(bad.clone()), "{bad}");
        }
        assert!(!one.is_valid_at(UnixTime::EPOCH));
        assert!(Certificate::from_pem(&made.key_pem).is_err() && Certificate::from_pem("").is_err());
    }
}
