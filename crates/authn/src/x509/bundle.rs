//! The authorities: a PEM file of their certificates.
//!
//! Each is trusted by itself, also one that another one issued, as Kubernetes does with `--client-ca-file`. A certificate
//! of nobody who may issue any is refused: it would be a mistake, such as the server's own.

use gangplank_jose::UnixTime;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use x509_parser::prelude::{FromDer as _, Validity, X509Certificate};

use crate::file::FileError;

/// Whom to trust.
#[derive(Debug)]
pub struct Authorities {
    pub(super) anchors: Vec<TrustAnchor<'static>>,
    validity: Vec<(UnixTime, UnixTime)>,
}

impl Authorities {
    /// The largest file that is read.
    pub const LARGEST: u64 = 1 << 20;

    /// Understands a PEM file. What is no certificate in it is passed over.
    ///
    /// # Errors
    /// It holds no certificate, or one that is no authority's.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<FileError>> {
        let begins = bytes.split(|b| *b == b'\n').enumerate();
        let begins: Vec<usize> =
            begins.filter(|(_, line)| line.starts_with(b"-----BEGIN CERTIFICATE-----")).map(|(i, _)| i + 1).collect();
        let (mut authorities, mut errors) = (Authorities { anchors: Vec::new(), validity: Vec::new() }, Vec::new());
        for (i, certificate) in CertificateDer::pem_slice_iter(bytes).enumerate() {
            let at = |problem: &str| FileError { line: begins.get(i).copied(), problem: problem.to_owned() };
            match certificate.map_err(|_| at("is not well-formed PEM")).and_then(|der| authority(&der).map_err(at)) {
                Ok((anchor, validity)) => {
                    authorities.anchors.push(anchor);
                    authorities.validity.push(validity);
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() && authorities.anchors.is_empty() {
            errors.push(FileError::whole("holds no certificate (PEM blocks that say BEGIN CERTIFICATE)"));
        }
        if errors.is_empty() { Ok(authorities) } else { Err(errors) }
    }

    /// From when until when this one of the anchors is good.
    pub(super) fn validity_of(&self, anchor: &TrustAnchor<'_>) -> Option<(UnixTime, UnixTime)> {
        let same = |own: &&(&TrustAnchor<'_>, &(UnixTime, UnixTime))| {
            own.0.subject == anchor.subject
                && own.0.subject_public_key_info == anchor.subject_public_key_info
                && own.0.name_constraints == anchor.name_constraints
        };
        // Of several certificates of one authority the one that lasts longest counts.
        let all: Vec<_> = self.anchors.iter().zip(&self.validity).collect();
        all.iter().filter(same).map(|(_, validity)| **validity).max_by_key(|(_, end)| *end)
    }

    /// Their names in DER, without the sequence around them.
    pub(super) fn names(&self) -> impl Iterator<Item = Vec<u8>> {
        self.anchors.iter().map(|anchor| anchor.subject.as_ref().to_vec())
    }
}

type Authority = (TrustAnchor<'static>, (UnixTime, UnixTime));

fn authority(der: &CertificateDer<'_>) -> Result<Authority, &'static str> {
    let anchor = webpki::anchor_from_trusted_cert(der).map_err(|_| "is no certificate")?.to_owned();
    let (_, parsed) = X509Certificate::from_der(der).map_err(|_| "is no certificate")?;
    if !parsed.is_ca() {
        return Err("is the certificate of somebody who may not issue any, so no authority's");
    }
    Ok((anchor, validity(parsed.validity())))
}

/// From when until when, in our terms.
pub(super) fn validity(validity: &Validity) -> (UnixTime, UnixTime) {
    let time = |t: x509_parser::time::ASN1Time| UnixTime::from_secs(u64::try_from(t.timestamp()).unwrap_or(0));
    (time(validity.not_before), time(validity.not_after))
}
