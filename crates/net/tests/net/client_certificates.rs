//! Clients that are asked for a certificate.

use std::sync::Arc;

use bytes::Bytes;
use gangplank_net::{Peer, ReloadingTls, ServerLimits};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SignatureScheme, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use crate::support::{Authority, Running, TlsFiles, connect, soon, start};

/// Says how many certificates the peer showed, and the first one's octets.
async fn show(_: Request<Incoming>, peer: Peer) -> Response<Full<Bytes>> {
    let certificates = peer.certificates.unwrap_or_default();
    let first = certificates.first().map(|leaf| format!("{:?}", leaf.as_ref())).unwrap_or_default();
    Response::new(Full::from(format!("{} {first}", certificates.len())))
}

/// A client's certificate and the key it is used with, and what it was told of authorities.
#[derive(Debug)]
struct Holder {
    key: Arc<CertifiedKey>,
    expects_hint: Option<Vec<u8>>,
}

impl ResolvesClientCert for Holder {
    fn resolve(&self, hints: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        if let Some(expected) = &self.expects_hint {
            assert!(hints.iter().any(|hint| hint.ends_with(expected)), "{hints:?}");
        }
        Some(self.key.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

struct World {
    files: TlsFiles,
    tls: Arc<ReloadingTls>,
    server: Running,
}

fn world() -> World {
    let files = TlsFiles::for_name("localhost");
    let tls = files.load();
    let server = start(ServerLimits::default(), Some(tls.clone()), show);
    World { files, tls, server }
}

impl World {
    fn client(&self, holder: Option<Holder>, version: &'static SupportedProtocolVersion) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.files.ca).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
        let builder = builder.with_root_certificates(roots);
        TlsConnector::from(Arc::new(match holder {
            Some(holder) => builder.with_client_cert_resolver(Arc::new(holder)),
            None => builder.with_no_client_auth(),
        }))
    }

    /// What the server says, and whether the handshake was a whole one.
    async fn ask(&self, client: &TlsConnector) -> Result<(String, HandshakeKind), std::io::Error> {
        let tcp = connect(self.server.address).await;
        let mut tls = soon(client.connect(ServerName::try_from("localhost").unwrap(), tcp)).await?;
        tls.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
        let mut said = String::new();
        soon(tls.read_to_string(&mut said)).await?;
        let kind = tls.get_ref().1.handshake_kind().unwrap();
        Ok((said.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned(), kind))
    }

    /// A certificate of whoever, with its own key or another.
    fn holder(&self, key_of: &str, expects_hint: Option<Vec<u8>>) -> (Holder, String) {
        let authority = Authority::new();
        let path = |name: &str| self.files.dir.join(name);
        authority.issue("ada", &path("ada.crt"), &path("ada.key"));
        authority.issue("eve", &path("eve.crt"), &path("eve.key"));
        let leaf = CertificateDer::from_pem_file(path("ada.crt")).unwrap();
        let shown = format!("1 {:?}", leaf.as_ref());
        let key = PrivateKeyDer::from_pem_file(path(&format!("{key_of}.key"))).unwrap();
        let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
        (Holder { key: Arc::new(CertifiedKey::new(vec![leaf], key)), expects_hint }, shown)
    }
}

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

#[tokio::test]
async fn nobody_is_asked_until_it_is_said_and_nobody_needs_to_have_one() {
    for version in VERSIONS {
        let world = world();
        let (holder, shown) = world.holder("ada", Some(b"\x0c\x02CA".to_vec()));
        let (with, without) = (world.client(Some(holder), version), world.client(None, version));
        assert_eq!(world.ask(&with).await.unwrap().0, "0 ", "not asked");
        world.tls.ask_for_certificates(Some(vec![b"\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x02CA".to_vec()])).unwrap();
        // Who was not asked before is not resumed from before.
        assert_eq!(world.ask(&with).await.unwrap(), (shown.clone(), HandshakeKind::Full), "{version:?}");
        assert_eq!(world.ask(&without).await.unwrap().0, "0 ");
        assert_eq!(world.ask(&with).await.unwrap(), (shown, HandshakeKind::Resumed), "{version:?}");
        world.tls.ask_for_certificates(None).unwrap();
        assert_eq!(world.ask(&with).await.unwrap().0, "0 ");
    }
}

#[tokio::test]
async fn a_certificate_without_its_key_ends_the_handshake() {
    for version in VERSIONS {
        let world = world();
        world.tls.ask_for_certificates(Some(Vec::new())).unwrap();
        let (thief, _) = world.holder("eve", None);
        assert!(world.ask(&world.client(Some(thief), version)).await.is_err(), "{version:?}");
    }
}

#[tokio::test]
async fn a_reloaded_certificate_goes_on_asking() {
    let world = world();
    world.tls.ask_for_certificates(Some(Vec::new())).unwrap();
    let next = Authority::new();
    next.write(&world.files.ca);
    next.issue("localhost", &world.files.certificate, &world.files.key);
    assert_eq!(world.tls.reload(), Ok(true));
    let (holder, shown) = world.holder("ada", None);
    let client = world.client(Some(holder), &rustls::version::TLS13);
    assert_eq!(world.ask(&client).await.unwrap().0, shown);
}
