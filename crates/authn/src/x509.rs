//! Client certificates, as Kubernetes reads them, or as SPIFFE does.
//!
//! 1. Where the certificate comes from is configured, and is the one place that is looked at ([`CertificateSource`]): the
//!    peer of our own TLS listener, which has proved that it holds the key; or one header of a proxy that is trusted,
//!    which had it proved ([`handed_on`]). From anybody else that header is not looked at. No certificate: none of ours.
//! 2. The chain is judged here, whatever a proxy says of it: up to an authority of the bundle, signatures, validity at `now`
//!    of every certificate and of the authority itself, name constraints, extended key usage (`judge`). What leads to
//!    no authority of the bundle is known to nobody here; another link may have its authority.
//! 3. Who it is: common name, organizations, uid; or the one SPIFFE ID (`subject`).
//! 4. Evidence ends with the first certificate of the chain that ends, and with the next change of the bundle.
//!
//! Revocation lists are not read, as Kubernetes does not: issue certificates for hours or days.

mod bundle;
mod handed_on;
mod judge;
mod refusal;
mod subject;

use std::path::Path;

use gangplank_jose::UnixTime;
use gangplank_oauth::BoxFuture;
use http::{HeaderMap, HeaderName};
use rustls_pki_types::CertificateDer;

pub use self::bundle::Authorities;
pub use self::handed_on::CertificateSource;
use self::judge::Verdict;
pub use self::refusal::CertificateRefusal;
use self::subject::Naming;
use crate::file::{FileError, TrustedFile};
use crate::{Authenticated, Authenticator, Credentials, Generation, Method, Outcome, SourceHealth};

/// What is to be accepted.
#[derive(Clone, Debug)]
pub struct CertificateSettings {
    /// The configuration's name.
    pub name: String,
    /// Where certificates come from.
    pub source: CertificateSource,
    /// If there are any: the name is the SPIFFE ID, of one of these trust domains.
    pub spiffe_trust_domains: Vec<String>,
    /// Whether names and groups that Kubernetes reserves for itself (`system:…`) are accepted: for a cluster's own
    /// authority, which makes them.
    pub allow_reserved: bool,
}

/// Accepts the holders of certificates that the authorities of one bundle vouch for.
pub struct ClientCertificates {
    name: String,
    source: CertificateSource,
    naming: Naming,
    file: TrustedFile<Authorities>,
    reads: Vec<HeaderName>,
}

impl ClientCertificates {
    /// Reads the bundle, a PEM file.
    ///
    /// # Errors
    /// It can't be read, or anything in it is no authority's certificate.
    pub fn load(settings: CertificateSettings, bundle: &Path, now: UnixTime) -> Result<Self, Vec<FileError>> {
        let file = TrustedFile::load(&settings.name, bundle, Authorities::LARGEST, Authorities::parse, now)?;
        let naming = match settings.spiffe_trust_domains {
            domains if domains.is_empty() => Naming::Subject { allow_reserved: settings.allow_reserved },
            domains => Naming::Spiffe { domains },
        };
        let reads = settings.source.headers();
        Ok(ClientCertificates { name: settings.name, source: settings.source, naming, file, reads })
    }

    /// Reads the bundle again. `Ok(true)` if it differs from before; on an error the authorities in force stay.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn reload(&self, now: UnixTime) -> Result<bool, Vec<FileError>> {
        self.file.reload(now)
    }

    /// Counts the changes of the bundle.
    pub fn generation(&self) -> &Generation {
        self.file.generation()
    }

    /// The names of the authorities, in DER: what a TLS listener tells clients, so that they choose a fitting certificate.
    pub fn authority_names(&self) -> Vec<Vec<u8>> {
        self.file.held().content.names().collect()
    }

    /// Judges a chain, its holder's certificate first. That somebody holds the key is for the caller to know.
    pub fn verify(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Outcome {
        let held = self.file.held();
        let ends = match judge::judge(&held.content, chain, now) {
            Verdict::Good { ends } => ends,
            Verdict::NotOurs(why) => return Outcome::unknown(why),
            Verdict::Bad(why) => return Outcome::Rejected(why.into()),
        };
        let Some(leaf) = chain.first() else { return Outcome::ABSENT };
        match self.naming.identity(&self.name, leaf) {
            Ok(identity) => {
                let basis = self.file.basis(&held);
                Outcome::Authenticated(Authenticated::resting_on(basis, identity, Method::Certificate, Some(ends)))
            }
            Err(Verdict::NotOurs(why)) => Outcome::unknown(why),
            Err(Verdict::Bad(why)) => Outcome::Rejected(why.into()),
            Err(Verdict::Good { .. }) => Outcome::ABSENT,
        }
    }

    fn presented(&self, credentials: Credentials<'_>) -> Result<Handed, CertificateRefusal> {
        match self.source {
            CertificateSource::Tls => Ok(Handed::OverTls),
            _ if !credentials.trusted_proxy => Ok(Handed::None),
            source => Ok(match handed_on(source, credentials.headers)? {
                chain if chain.is_empty() => Handed::None,
                chain => Handed::InHeader(chain),
            }),
        }
    }
}

/// What came.
enum Handed {
    None,
    OverTls,
    InHeader(Vec<CertificateDer<'static>>),
}

/// The chain in the header of a trusted proxy; empty if there is none.
///
/// # Errors
/// The header is there, and holds no chain.
pub fn handed_on(
    source: CertificateSource,
    headers: &HeaderMap,
) -> Result<Vec<CertificateDer<'static>>, CertificateRefusal> {
    handed_on::read(source, headers)
}

impl Authenticator for ClientCertificates {
    fn name(&self) -> &str {
        &self.name
    }

    fn authenticate<'a>(&'a self, credentials: Credentials<'a>, now: UnixTime) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match self.presented(credentials) {
                Ok(Handed::OverTls) if !credentials.certificates.is_empty() => {
                    self.verify(credentials.certificates, now)
                }
                Ok(Handed::InHeader(chain)) => self.verify(&chain, now),
                Ok(Handed::OverTls | Handed::None) => Outcome::ABSENT,
                Err(refusal) => Outcome::Rejected(refusal.into()),
            }
        })
    }

    fn reads(&self) -> &[HeaderName] {
        &self.reads
    }

    fn reads_certificates(&self) -> bool {
        self.source == CertificateSource::Tls
    }

    fn health(&self) -> Vec<SourceHealth> {
        vec![self.file.health()]
    }
}

#[cfg(test)]
mod tests;
