//! The signing keys of a face.
//!
//! 1. Two keys are published from the start: the one that signs and the one that will sign next, as Entra does.
//! 2. An announced rotation signs with the second, publishes a third, and leaves the first published.
//! 3. An unannounced rotation signs with a key that nobody has seen, and withdraws all others.
//! 4. Entra's are RSA; `kid` and `x5t` are the same value, the SHA-1 thumbprint of the key's certificate; `alg` is absent. The
//!    standard face's are P-256, `kid` is the key's own thumbprint (RFC 7638), and `alg` is there.

use std::sync::Arc;
use std::thread;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gangplank_jose::{Algorithm, KeySet, SigningKey};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::faults::Face;

/// How keys change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// The next key signs, a new one is published, the old one stays published.
    Announced,
    /// A key that was never published signs, and every other is withdrawn.
    Unannounced,
    /// Keys that no longer sign, and won't next, are withdrawn.
    Withdraw,
}

/// What made key making fail; never expected.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a signing key: {0}")]
pub(crate) struct KeyError(String);

/// One key, with its certificate if it has one.
pub(crate) struct Key {
    kid: String,
    certificate: Option<String>,
    signer: SigningKey,
}

/// The ring.
pub(crate) struct Keys {
    retired: Vec<Arc<Key>>,
    signing: Arc<Key>,
    next: Arc<Key>,
}

impl Key {
    /// Rule 4.
    fn generate(face: Face) -> Result<Arc<Key>, KeyError> {
        match face {
            Face::Entra => Key::rsa(),
            Face::Standard => {
                let signer = SigningKey::generate(Algorithm::ES256).map_err(|e| KeyError(e.to_string()))?;
                Ok(Arc::new(Key { kid: signer.thumbprint(), certificate: None, signer }))
            }
        }
    }

    /// A fresh one of 2048 bits.
    fn rsa() -> Result<Arc<Key>, KeyError> {
        let failed = |e: &dyn std::fmt::Display| KeyError(e.to_string());
        let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).map_err(|e| failed(&e))?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "accounts.accesscontrol.gangplank.test");
        let certificate = params.self_signed(&pair).map_err(|e| failed(&e))?;
        let signer = SigningKey::from_pem(&pair.serialize_pem(), Algorithm::RS256).map_err(|e| failed(&e))?;
        let thumbprint = digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate.der());
        Ok(Arc::new(Key {
            kid: URL_SAFE_NO_PAD.encode(thumbprint),
            certificate: Some(STANDARD.encode(certificate.der())),
            signer,
        }))
    }

    /// A compact JWS over `claims`.
    pub(crate) fn sign(&self, kind: &str, claims: &Value) -> Result<String, gangplank_jose::SigningError> {
        let mut header = Map::new();
        header.insert("typ".to_owned(), json!(kind));
        header.insert("kid".to_owned(), json!(self.kid));
        if self.certificate.is_some() {
            header.insert("x5t".to_owned(), json!(self.kid));
        }
        self.signer.sign(&header, claims)
    }

    fn jwk(&self, issuer: &str) -> Value {
        let mut jwk = self.signer.public_jwk(&self.kid);
        if let (Some(members), Some(certificate)) = (jwk.as_object_mut(), &self.certificate) {
            members.remove("alg");
            members.insert("x5t".to_owned(), json!(self.kid));
            members.insert("x5c".to_owned(), json!([certificate]));
            members.insert("issuer".to_owned(), json!(issuer));
        }
        jwk
    }
}

impl Keys {
    /// Two fresh keys, made side by side: one takes long enough to notice.
    pub(crate) fn generate(face: Face) -> Result<Keys, KeyError> {
        let (signing, next) = thread::scope(|scope| {
            let other = scope.spawn(|| Key::generate(face));
            let signing = Key::generate(face);
            (signing, other.join().unwrap_or_else(|_| Err(KeyError("its thread ended".to_owned()))))
        });
        Ok(Keys { retired: Vec::new(), signing: signing?, next: next? })
    }

    /// Keys for [`Self::rotate`], made before anything is locked.
    pub(crate) fn spares(face: Face, rotation: Rotation) -> Result<Vec<Arc<Key>>, KeyError> {
        let count = match rotation {
            Rotation::Withdraw => 0,
            Rotation::Announced => 1,
            Rotation::Unannounced => 2,
        };
        (0..count).map(|_| Key::generate(face)).collect()
    }

    /// Rules 2 and 3.
    pub(crate) fn rotate(&mut self, rotation: Rotation, spares: Vec<Arc<Key>>) {
        let mut spares = spares.into_iter();
        match rotation {
            Rotation::Withdraw => self.retired.clear(),
            Rotation::Announced => {
                if let Some(fresh) = spares.next() {
                    let next = std::mem::replace(&mut self.next, fresh);
                    self.retired.push(std::mem::replace(&mut self.signing, next));
                }
                // Nobody's token is as old as four rotations, and the set stays small.
                let surplus = self.retired.len().saturating_sub(4);
                self.retired.drain(..surplus);
            }
            Rotation::Unannounced => {
                if let (Some(signing), Some(next)) = (spares.next(), spares.next()) {
                    (self.signing, self.next) = (signing, next);
                    self.retired.clear();
                }
            }
        }
    }

    /// The key that signs now.
    pub(crate) fn signing(&self) -> Arc<Key> {
        Arc::clone(&self.signing)
    }

    /// The published set.
    pub(crate) fn jwks(&self, issuer: &str) -> Value {
        let keys = [&self.signing, &self.next].into_iter().chain(self.retired.iter().rev());
        json!({ "keys": keys.map(|key| key.jwk(issuer)).collect::<Vec<_>>() })
    }

    /// The published set, to verify our own tokens with. Empty, hence matching nothing, if it can't be parsed.
    pub(crate) fn key_set(&self) -> KeySet {
        KeySet::parse(self.jwks("").to_string().as_bytes()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kids(keys: &Keys) -> Vec<String> {
        let set = keys.jwks("https://issuer");
        set["keys"].as_array().unwrap().iter().map(|k| k["kid"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn an_announced_rotation_uses_the_key_that_was_already_published() {
        let mut keys = Keys::generate(Face::Entra).unwrap();
        let before = kids(&keys);
        assert_eq!(before.len(), 2);
        keys.rotate(Rotation::Announced, Keys::spares(Face::Entra, Rotation::Announced).unwrap());
        let after = kids(&keys);
        assert_eq!((keys.signing().kid.as_str(), after.len()), (before[1].as_str(), 3));
        assert!(after.contains(&before[0]));
        keys.rotate(Rotation::Withdraw, Vec::new());
        assert!(!kids(&keys).contains(&before[0]));
    }

    #[test]
    fn an_unannounced_rotation_shares_nothing_with_before() {
        let mut keys = Keys::generate(Face::Entra).unwrap();
        let before = kids(&keys);
        keys.rotate(Rotation::Unannounced, Keys::spares(Face::Entra, Rotation::Unannounced).unwrap());
        assert!(kids(&keys).iter().all(|kid| !before.contains(kid)));
    }
}
