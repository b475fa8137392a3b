//! Only clients with a certificate of one's own authority are shaken hands with.
//!
//! 1. The client shows a certificate for client authentication that leads to one of the authorities, and proves that it
//!    holds the key. Whoever does not, gets no further than the handshake.
//! 2. The authorities can be read again. For every handshake the present ones count: none is resumed from before.
//! 3. The client is not told which authorities there are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::roots;
use crate::tls::TlsError;

/// Judges clients by a file of authorities.
#[derive(Debug)]
pub(crate) struct ClientAuthority {
    file: PathBuf,
    current: ArcSwap<Authorities>,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
struct Authorities {
    certificates: Vec<CertificateDer<'static>>,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl ClientAuthority {
    pub(crate) fn load(file: &Path, provider: Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let current = ArcSwap::from_pointee(read(file, &provider)?);
        Ok(ClientAuthority { file: file.to_path_buf(), current, provider })
    }

    /// Reads the file again; on an error nothing changes.
    pub(crate) fn reload(&self) -> Result<bool, TlsError> {
        let fresh = read(&self.file, &self.provider)?;
        let changed = self.current.load().certificates != fresh.certificates;
        self.current.store(Arc::new(fresh));
        Ok(changed)
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        self.current.load().verifier.clone()
    }
}

fn read(file: &Path, provider: &Arc<CryptoProvider>) -> Result<Authorities, TlsError> {
    let unusable = |cause: String| TlsError::ClientAuthority { path: file.to_path_buf(), cause };
    let (store, certificates) = roots::read(file).map_err(|e| unusable(e.to_string()))?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider.clone())
        .build()
        .map_err(|e| unusable(e.to_string()))?;
    Ok(Authorities { certificates, verifier })
}

impl ClientCertVerifier for ClientAuthority {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verifier().verify_client_cert(own, between, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier().verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier().verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier().supported_verify_schemes()
    }
}
