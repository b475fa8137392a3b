//! Private keys that sign: for client assertions (RFC 7523) and for the dev tenant.

use std::fmt;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaKeyPair, RsaSignatureEncoding,
};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Map, Value};
use zeroize::Zeroize as _;

use crate::encoding::encode;
use crate::{Algorithm, public_jwk};

/// A private key bound to one algorithm.
pub struct SigningKey {
    algorithm: Algorithm,
    pair: Pair,
    /// The required public members of the JWK, in the order of RFC 7638 §3.
    public: Value,
    public_der: Vec<u8>,
    thumbprint: String,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// Why a private key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// The PEM is protected with a passphrase.
    #[error("the private key is encrypted; give it decrypted (openssl pkey -in KEY -out PLAIN-KEY)")]
    Encrypted,
    /// The random generator or the key generation failed.
    #[error("a {} key could not be generated", algorithm.name())]
    Generation {
        /// For which algorithm.
        algorithm: Algorithm,
    },
    /// `alg` is set by the key.
    #[error("the header already has a member `alg`; the key sets it")]
    HeaderAlgorithm,
    /// No private key in the PEM.
    #[error("no PEM private key found (PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY): {0}")]
    NotPem(String),
    /// The signature operation failed.
    #[error("the {} signature could not be made", algorithm.name())]
    Signature {
        /// With which algorithm.
        algorithm: Algorithm,
    },
    /// The key has another type, curve or size than the algorithm demands.
    #[error("the private key cannot sign {}, which takes {}: {problem}", algorithm.name(), wants(*algorithm))]
    WrongKey {
        /// For which algorithm.
        algorithm: Algorithm,
        /// What the crypto library said.
        problem: String,
    },
}

impl SigningKey {
    /// A fresh key (RSA: 2048 bits).
    pub fn generate(algorithm: Algorithm) -> Result<Self, SigningError> {
        let failed = |_| SigningError::Generation { algorithm };
        let pair = match Kind::of(algorithm) {
            Kind::Rsa(_) => Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?),
            Kind::Ec(curve) => Pair::Ec(EcdsaKeyPair::generate(curve).map_err(failed)?),
            Kind::Ed => Pair::Ed(Ed25519KeyPair::generate().map_err(failed)?),
        };
        Self::new(algorithm, pair)
    }

    /// The first PKCS#8, PKCS#1 (`RSA PRIVATE KEY`) or SEC 1 (`EC PRIVATE KEY`) key of a PEM text; certificates and
    /// parameters beside it are passed over.
    pub fn from_pem(pem: &str, algorithm: Algorithm) -> Result<Self, SigningError> {
        let mut key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|e| not_pem(pem, &e))?;
        let result = Self::from_der(&key, algorithm);
        key.zeroize();
        result
    }

    /// The algorithm it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The RFC 7638 thumbprint of the public key (SHA-256, base64url): the default key id.
    pub fn thumbprint(&self) -> String {
        self.thumbprint.clone()
    }

    /// The public half as a JWK with `kid`, `use: sig` and `alg`.
    pub fn public_jwk(&self, kid: &str) -> Value {
        let mut jwk = self.public.clone();
        jwk["kid"] = kid.into();
        jwk["use"] = "sig".into();
        jwk["alg"] = self.algorithm.name().into();
        jwk
    }

    /// The DER SubjectPublicKeyInfo of the public half, to compare with a certificate's.
    pub fn public_key_der(&self) -> Vec<u8> {
        self.public_der.clone()
    }

    /// A compact JWS over `claims`. `alg` is set here and may not be in `header`.
    pub fn sign(&self, header: &Map<String, Value>, claims: &Value) -> Result<String, SigningError> {
        if header.contains_key("alg") {
            return Err(SigningError::HeaderAlgorithm);
        }
        let mut header = header.clone();
        header.insert("alg".to_owned(), self.algorithm.name().into());
        let mut token = encode(Value::Object(header).to_string());
        token.push('.');
        token.push_str(&encode(claims.to_string()));
        let signature = self.signature(token.as_bytes())?;
        token.push('.');
        token.push_str(&encode(signature));
        Ok(token)
    }

    /// The bare signature over `message` in the form JWS gives it (ECDSA: r and s, fixed length).
    pub fn signature(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let failed = |_| SigningError::Signature { algorithm: self.algorithm };
        match (&self.pair, Kind::of(self.algorithm)) {
            (Pair::Rsa(pair), Kind::Rsa(padding)) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &SystemRandom::new(), message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            (Pair::Ec(pair), _) => Ok(pair.sign(&SystemRandom::new(), message).map_err(failed)?.as_ref().to_vec()),
            (Pair::Ed(pair), _) => Ok(pair.try_sign(message).map_err(failed)?.as_ref().to_vec()),
            (Pair::Rsa(_), _) => Err(SigningError::Signature { algorithm: self.algorithm }),
        }
    }

    fn from_der(key: &PrivateKeyDer<'_>, algorithm: Algorithm) -> Result<Self, SigningError> {
        let wrong = |e: aws_lc_rs::error::KeyRejected| SigningError::WrongKey { algorithm, problem: e.to_string() };
        let der = key.secret_der();
        let pair = match (Kind::of(algorithm), key) {
            (Kind::Rsa(_), PrivateKeyDer::Pkcs1(_)) => Pair::Rsa(RsaKeyPair::from_der(der).map_err(wrong)?),
            (Kind::Rsa(_), _) => Pair::Rsa(RsaKeyPair::from_pkcs8(der).map_err(wrong)?),
            (Kind::Ec(curve), _) => Pair::Ec(EcdsaKeyPair::from_private_key_der(curve, der).map_err(wrong)?),
            (Kind::Ed, _) => Pair::Ed(Ed25519KeyPair::from_pkcs8(der).map_err(wrong)?),
        };
        Self::new(algorithm, pair)
    }

    fn new(algorithm: Algorithm, pair: Pair) -> Result<Self, SigningError> {
        let (public, der) = match &pair {
            Pair::Rsa(pair) => (public_jwk::rsa(pair.public_key().as_ref()), pair.public_key().as_der()),
            Pair::Ec(pair) => (public_jwk::ec(pair.public_key().as_ref()), pair.public_key().as_der()),
            Pair::Ed(pair) => (Some(public_jwk::ed25519(pair.public_key().as_ref())), pair.public_key().as_der()),
        };
        let (Some(public), Ok(der)) = (public, der) else {
            return Err(SigningError::WrongKey { algorithm, problem: "its public half is unreadable".to_owned() });
        };
        let thumbprint = public_jwk::thumbprint(&public);
        Ok(SigningKey { algorithm, pair, public, public_der: der.as_ref().to_vec(), thumbprint })
    }
}

/// Names the public key and nothing of the private one.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm).field("thumbprint", &self.thumbprint).finish()
    }
}

enum Kind {
    Rsa(&'static RsaSignatureEncoding),
    Ec(&'static EcdsaSigningAlgorithm),
    Ed,
}

impl Kind {
    fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::RS256 => Kind::Rsa(&signature::RSA_PKCS1_SHA256),
            Algorithm::RS384 => Kind::Rsa(&signature::RSA_PKCS1_SHA384),
            Algorithm::RS512 => Kind::Rsa(&signature::RSA_PKCS1_SHA512),
            Algorithm::PS256 => Kind::Rsa(&signature::RSA_PSS_SHA256),
            Algorithm::PS384 => Kind::Rsa(&signature::RSA_PSS_SHA384),
            Algorithm::PS512 => Kind::Rsa(&signature::RSA_PSS_SHA512),
            Algorithm::ES256 => Kind::Ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            Algorithm::ES384 => Kind::Ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            Algorithm::ES512 => Kind::Ec(&signature::ECDSA_P521_SHA512_FIXED_SIGNING),
            Algorithm::EdDSA => Kind::Ed,
        }
    }
}

fn wants(algorithm: Algorithm) -> &'static str {
    match Kind::of(algorithm) {
        Kind::Rsa(_) => "an RSA key of 2048 to 8192 bits",
        Kind::Ec(_) => match algorithm {
            Algorithm::ES384 => "a P-384 key",
            Algorithm::ES512 => "a P-521 key",
            _ => "a P-256 key",
        },
        Kind::Ed => "an Ed25519 key in PKCS#8",
    }
}

fn not_pem(pem: &str, error: &rustls_pki_types::pem::Error) -> SigningError {
    use rustls_pki_types::pem::Error;
    if pem.contains("ENCRYPTED") {
        return SigningError::Encrypted;
    }
    // The error's own text could repeat lines of the file.
    SigningError::NotPem(match error {
        Error::NoItemsFound => "the text holds none".to_owned(),
        Error::MissingSectionEnd { .. } => "its END line is missing".to_owned(),
        Error::IllegalSectionStart { .. } => "its BEGIN line is damaged".to_owned(),
        Error::Base64Decode(_) => "its base64 is damaged".to_owned(),
        _ => "it cannot be read".to_owned(),
    })
}
