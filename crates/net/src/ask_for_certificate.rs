//! Clients are asked for a certificate, and need not have one.
//!
//! 1. Who shows one has proved in the handshake that they hold its key: the signature is checked, by the algorithms of the
//!    crypto provider. A signature that does not fit ends the handshake.
//! 2. Who vouches for the certificate is not judged here: whoever reads the [`Peer`](crate::Peer) does, at each request's
//!    time, also after a resumed handshake, which has the certificate of the first.
//! 3. Clients are told the names of the authorities that would be accepted, so that browsers offer what fits, or
//!    nothing at all. More than [`MOST_NAMES`] bytes of them are left out: then any certificate is offered.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

/// How long the list of names may be: all of a handshake's messages have 64 KiB.
const MOST_NAMES: usize = 16 << 10;

/// Asks, and takes what it gets.
#[derive(Debug)]
pub(crate) struct AskForCertificate {
    authorities: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl AskForCertificate {
    /// With the names of authorities in DER, without the sequence around them.
    pub(crate) fn new(authorities: &[Vec<u8>], provider: &CryptoProvider) -> Self {
        let size: usize = authorities.iter().map(|name| name.len() + 8).sum();
        let told = if size <= MOST_NAMES { authorities } else { &[] };
        AskForCertificate {
            authorities: told.iter().map(|name| DistinguishedName::in_sequence(name)).collect(),
            algorithms: provider.signature_verification_algorithms,
        }
    }
}

impl ClientCertVerifier for AskForCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.authorities
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
