//! The certificate that a client shows.

use std::fmt;
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate, its chain and its key. Cheap to clone.
#[derive(Clone)]
pub struct ClientCertificate(Arc<SingleCertAndKey>);

/// Why a client can't be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientCertificateError {
    /// The chain is not PEM, or holds no certificate.
    #[error("cannot read the certificate: {0}")]
    Certificate(String),
    /// The key is not PEM, of an unknown kind, or not the certificate's.
    #[error("cannot use the private key: {0}")]
    Key(String),
}

impl ClientCertificate {
    /// From PEM text: the certificate with its chain, and the key.
    ///
    /// # Errors
    /// One of them is none, or they do not belong together.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, ClientCertificateError> {
        let chain = CertificateDer::pem_slice_iter(certificate)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| ClientCertificateError::Certificate(e.to_string()))?;
        if chain.is_empty() {
            return Err(ClientCertificateError::Certificate("there is none".to_owned()));
        }
        let unusable = |e: &dyn fmt::Display| ClientCertificateError::Key(e.to_string());
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|e| unusable(&e))?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let certified = CertifiedKey::from_der(chain, key, &provider).map_err(|e| unusable(&e))?;
        Ok(ClientCertificate(Arc::new(SingleCertAndKey::from(certified))))
    }

    pub(crate) fn resolver(&self) -> Arc<dyn ResolvesClientCert> {
        self.0.clone()
    }
}

/// Never the key.
impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").finish_non_exhaustive()
    }
}
