//! The server's certificate, exchangeable while connections are open.
//!
//! 1. Chain and key are PEM files; the key (PKCS#8, PKCS#1 or SEC1) must be the one of the first certificate.
//! 2. TLS 1.2 and 1.3; ALPN offers `h2`, then `http/1.1`.
//! 3. With an [authority of clients](ReloadingTls::requiring) only clients with its certificates are shaken hands with.
//! 4. Clients can be [asked](ReloadingTls::ask_for_certificates) for a certificate without needing one, from one moment to
//!    the next: connections that shake hands later are asked.
//! 5. A reload that fails keeps what was there and says why. Connections already open keep what they shook hands with.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use gangplank_jose::UnixTime;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::ask_for_certificate::AskForCertificate;
use crate::client_authority::ClientAuthority;

/// Why a certificate cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The chain cannot be read, or is not PEM.
    #[error("cannot read the certificate {}: {cause}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What the system or the parser said.
        cause: String,
    },
    /// The file holds no certificate.
    #[error("{} holds no certificate (expected PEM blocks that say BEGIN CERTIFICATE)", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The key cannot be read, is not PEM or of an unknown kind.
    #[error("cannot use the private key {}: {cause}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What the system or the parser said.
        cause: String,
    },
    /// The key is not the certificate's.
    #[error("the private key {} does not belong to the first certificate of {}", key.display(), certificate.display())]
    Mismatch {
        /// The chain's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The authorities of clients can't be used.
    #[error("cannot use {} to judge clients: {cause}", path.display())]
    ClientAuthority {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The TLS library refuses its own settings.
    #[error("TLS cannot be set up: {cause}")]
    Setup {
        /// What it said.
        cause: String,
    },
}

/// A server's TLS settings whose certificate is read again on [`reload`](Self::reload).
#[derive(Debug)]
pub struct ReloadingTls {
    certificate: PathBuf,
    key: PathBuf,
    current: Arc<Current>,
    clients: Option<Arc<ClientAuthority>>,
    config: ArcSwap<ServerConfig>,
    asked_for: Mutex<Option<Vec<Vec<u8>>>>,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ReloadingTls {
    /// Reads chain and key.
    ///
    /// # Errors
    /// A file cannot be read or understood, or the key is not the certificate's.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let current = Arc::new(Current(ArcSwap::from_pointee(read(certificate, key, &provider)?)));
        let config = ArcSwap::from_pointee(configure(provider.clone(), current.clone(), Clients::Anybody)?);
        let (certificate, key) = (certificate.to_path_buf(), key.to_path_buf());
        let asked_for = Mutex::new(None);
        Ok(ReloadingTls { certificate, key, current, clients: None, config, asked_for, provider })
    }

    /// The same, for clients only that have a certificate of an authority in the PEM file `authorities`.
    ///
    /// # Errors
    /// The file cannot be read or understood.
    pub fn requiring(mut self, authorities: &Path) -> Result<Self, TlsError> {
        let clients = Arc::new(ClientAuthority::load(authorities, self.provider.clone())?);
        let config = configure(self.provider.clone(), self.current.clone(), Clients::Only(clients.clone()))?;
        self.config = ArcSwap::from_pointee(config);
        self.clients = Some(clients);
        Ok(self)
    }

    /// From now on asks clients for a certificate, telling them the names of these authorities (DER, without the
    /// sequence around them); `None`: asks no longer. Nobody needs to have one, and nobody's is judged: the
    /// [`Peer`](crate::Peer) tells it. Does nothing to one that [requires](Self::requiring) certificates.
    ///
    /// # Errors
    /// The TLS library refuses its own settings; then nothing changes.
    pub fn ask_for_certificates(&self, authorities: Option<Vec<Vec<u8>>>) -> Result<(), TlsError> {
        let mut asked_for = self.asked_for.lock().unwrap_or_else(PoisonError::into_inner);
        if self.clients.is_some() || *asked_for == authorities {
            return Ok(());
        }
        let ask = |names: &Vec<Vec<u8>>| Clients::Asked(Arc::new(AskForCertificate::new(names, &self.provider)));
        let clients = authorities.as_ref().map_or(Clients::Anybody, ask);
        // With keys of its own for tickets: who was not asked before is not resumed, but asked.
        self.config.store(Arc::new(configure(self.provider.clone(), self.current.clone(), clients)?));
        *asked_for = authorities;
        Ok(())
    }

    /// Reads all files again. `Ok(true)` if what they hold differs from before; a file with an error changes nothing.
    ///
    /// # Errors
    /// As [`load`](Self::load) and [`requiring`](Self::requiring).
    pub fn reload(&self) -> Result<bool, TlsError> {
        let clients = self.clients.as_ref().map_or(Ok(false), |clients| clients.reload());
        let fresh = read(&self.certificate, &self.key, &self.provider)?;
        let changed = self.current.0.load().cert != fresh.cert;
        self.current.0.store(Arc::new(fresh));
        clients.map(|clients| clients || changed)
    }

    /// The files that [`reload`](Self::reload) reads, to be watched.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        [&*self.certificate, &self.key].into_iter().chain(self.clients.as_ref().map(|clients| clients.file()))
    }

    /// When the present certificate expires; `None` if it cannot be read out.
    pub fn not_after(&self) -> Option<UnixTime> {
        let current = self.current.0.load();
        let (_, certificate) = x509_parser::parse_x509_certificate(current.cert.first()?).ok()?;
        u64::try_from(certificate.validity().not_after.timestamp()).ok().map(UnixTime::from_secs)
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.config.load_full()
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// Which clients are shaken hands with.
enum Clients {
    Anybody,
    /// Anybody, and they are asked for a certificate.
    Asked(Arc<AskForCertificate>),
    /// Those with a certificate of these authorities.
    Only(Arc<ClientAuthority>),
}

fn configure(provider: Arc<CryptoProvider>, current: Arc<Current>, clients: Clients) -> Result<ServerConfig, TlsError> {
    let setup = |e: rustls::Error| TlsError::Setup { cause: e.to_string() };
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(setup)?;
    let tickets = || rustls::crypto::aws_lc_rs::Ticketer::new().map_err(setup);
    let mut config = match clients {
        Clients::Anybody => {
            let mut config = builder.with_no_client_auth().with_cert_resolver(current);
            config.ticketer = tickets()?;
            config
        }
        Clients::Asked(ask) => {
            let mut config = builder.with_client_cert_verifier(ask).with_cert_resolver(current);
            config.ticketer = tickets()?;
            config
        }
        Clients::Only(clients) => {
            let mut config = builder.with_client_cert_verifier(clients).with_cert_resolver(current);
            // A resumed handshake would not be judged by the authorities that there are now.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
            config
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn read(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let unreadable = |e: rustls_pki_types::pem::Error| TlsError::Certificate {
        path: certificate.to_path_buf(),
        cause: e.to_string(),
    };
    let unusable = |cause: String| TlsError::Key { path: key.to_path_buf(), cause };
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .map_err(unreadable)?
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { path: certificate.to_path_buf() });
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|e| unusable(e.to_string()))?;
    let secret = provider.key_provider.load_private_key(secret).map_err(|e| unusable(e.to_string()))?;
    let certified = CertifiedKey::new(chain, secret);
    match certified.keys_match() {
        Ok(()) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(TlsError::Mismatch { certificate: certificate.to_path_buf(), key: key.to_path_buf() })
        }
        Err(e) => Err(TlsError::Certificate { path: certificate.to_path_buf(), cause: e.to_string() }),
    }
}
