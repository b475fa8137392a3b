//! placeholder
use crate::Algorithm;

/// A private key that signs, for client assertions (RFC 7523) and for the dev tenant.
pub struct SigningKey {}

/// Why a private key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// placeholder
    #[error("placeholder")]
    Placeholder,
}

impl SigningKey {
    /// A fresh key (RSA: 2048 bits).
    pub fn generate(_algorithm: Algorithm) -> Result<Self, SigningError> {
        todo!()
    }
    /// A PKCS#8, PKCS#1 (`RSA PRIVATE KEY`) or SEC 1 (`EC PRIVATE KEY`) key from PEM.
    pub fn from_pem(_pem: &str, _algorithm: Algorithm) -> Result<Self, SigningError> {
        todo!()
    }
    /// The algorithm it signs with.
    pub fn algorithm(&self) -> Algorithm {
        todo!()
    }
    /// The RFC 7638 thumbprint of the public key (SHA-256, base64url): the default key id.
    pub fn thumbprint(&self) -> String {
        todo!()
    }
    /// The public half as a JWK with `kid`, `use: sig` and `alg`.
    pub fn public_jwk(&self, _kid: &str) -> serde_json::Value {
        todo!()
    }
    /// The DER SubjectPublicKeyInfo of the public half, to compare with a certificate's.
    pub fn public_key_der(&self) -> Vec<u8> {
        todo!()
    }
    /// A compact JWS over `claims`. `alg` is set here and may not be in `header`.
    pub fn sign(
        &self,
        _header: &serde_json::Map<String, serde_json::Value>,
        _claims: &serde_json::Value,
    ) -> Result<String, SigningError> {
        todo!()
    }
}
