//! Whom we trust when we dial.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Where the trusted certificate authorities come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Roots {
    /// The system's (`SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured). Read once per process, when the first TLS
    /// connection is made: reading them takes longer than everything else at start.
    #[default]
    System,
    /// A PEM file, and nobody else. Read when the client is built.
    File(PathBuf),
    /// PEM text, and nobody else.
    Pem(Vec<u8>),
}

/// Why there are no trusted certificate authorities.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootsError {
    /// The file could not be read, or is not PEM.
    #[error("cannot read the certificate authorities in {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system or the parser said.
        cause: String,
    },
    /// The PEM text is none, or holds no certificate.
    #[error("cannot read the certificate authorities: {cause}")]
    Inline {
        /// What the parser said.
        cause: String,
    },
    /// The file holds no certificate.
    #[error("{} holds no certificate (expected PEM blocks that say BEGIN CERTIFICATE)", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The name that a server should have is none.
    #[error("{name:?} is no name that a certificate could be for")]
    NotAName {
        /// What was given.
        name: String,
    },
    /// The system has none.
    #[error("the system has no certificate authorities ({cause}): install ca-certificates or set SSL_CERT_FILE")]
    NoneOnSystem {
        /// What was wrong with the places looked at.
        cause: String,
    },
}

/// Roots as a client holds them: a file's are already read, the system's may still be to come.
#[derive(Clone, Debug)]
pub(crate) enum PreparedRoots {
    System,
    Read(Arc<RootCertStore>),
}

impl Roots {
    /// Reads what has to be read now.
    pub(crate) fn prepare(&self) -> Result<PreparedRoots, RootsError> {
        match self {
            Roots::System => Ok(PreparedRoots::System),
            Roots::File(path) => read(path).map(|(store, _)| PreparedRoots::Read(Arc::new(store))),
            Roots::Pem(pem) => {
                let (store, _) = collect(CertificateDer::pem_slice_iter(pem)).map_err(|cause| RootsError::Inline {
                    cause: if cause.is_empty() { "there is none".to_owned() } else { cause },
                })?;
                Ok(PreparedRoots::Read(Arc::new(store)))
            }
        }
    }
}

impl PreparedRoots {
    /// The store. Blocks for some milliseconds the first time the system's are asked for.
    pub(crate) fn load(&self) -> Result<Arc<RootCertStore>, RootsError> {
        match self {
            PreparedRoots::Read(store) => Ok(store.clone()),
            PreparedRoots::System => system(),
        }
    }
}

/// The authorities in a PEM file, as a store and one by one.
pub(crate) fn read(path: &Path) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), RootsError> {
    let unreadable = |cause: String| RootsError::Unreadable { path: path.to_path_buf(), cause };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|e| unreadable(e.to_string()))?;
    match collect(certificates) {
        Err(cause) if cause.is_empty() => Err(RootsError::Empty { path: path.to_path_buf() }),
        read => read.map_err(unreadable),
    }
}

/// The error is empty if there is no certificate at all.
fn collect<E: ToString>(
    found: impl Iterator<Item = Result<CertificateDer<'static>, E>>,
) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), String> {
    let certificates = found.collect::<Result<Vec<_>, _>>().map_err(|e| e.to_string())?;
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store.add(certificate.clone()).map_err(|e| e.to_string())?;
    }
    if store.is_empty() { Err(String::new()) } else { Ok((store, certificates)) }
}

fn system() -> Result<Arc<RootCertStore>, RootsError> {
    static SYSTEM: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    if let Some(store) = SYSTEM.get() {
        return Ok(store.clone());
    }
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    // A bundle may hold certificates that rustls does not accept: the others still count.
    store.add_parsable_certificates(found.certs);
    if store.is_empty() {
        let cause = found.errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let cause = if cause.is_empty() { "none of the usual places holds any".to_owned() } else { cause };
        return Err(RootsError::NoneOnSystem { cause });
    }
    Ok(SYSTEM.get_or_init(|| Arc::new(store)).clone())
}
