//! Servers, certificates and raw connections for the tests.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use gangplank_net::{DrainReport, Peer, ReloadingTls, ServerLimits, Shutdown, bind, serve};
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::Full;
use hyper::body::Incoming;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// No test waits longer than this for something that should happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn soon<F: Future>(what: F) -> F::Output {
    tokio::time::timeout(PATIENCE, what).await.expect("should have happened by now")
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: Shutdown,
    task: JoinHandle<DrainReport>,
}

impl Running {
    pub(crate) fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://localhost:{}{path}", self.address.port())
    }

    pub(crate) async fn stopped(self) -> DrainReport {
        self.shutdown.trigger();
        soon(self.task).await.unwrap()
    }
}

/// Serves on a free port. Short of what a test sets, limits are the default ones.
pub(crate) fn start<H, F, B>(limits: ServerLimits, tls: Option<Arc<ReloadingTls>>, handler: H) -> Running
where
    H: Fn(Request<Incoming>, Peer) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = Shutdown::new();
    let task = tokio::spawn(serve(listener, tls, limits, handler, shutdown.clone()));
    Running { address, shutdown, task }
}

/// Says what came: protocol, method, path, whether by TLS, and the peer's port.
pub(crate) async fn tell(request: Request<Incoming>, peer: Peer) -> Response<Full<Bytes>> {
    let told = format!(
        "{:?} {} {} tls={} {}",
        request.version(),
        request.method(),
        request.uri().path(),
        peer.tls,
        peer.remote.port()
    );
    Response::new(Full::from(told))
}

pub(crate) async fn connect(to: SocketAddr) -> TcpStream {
    soon(TcpStream::connect(to)).await.unwrap()
}

/// Sends bytes and reads until the other side closes.
pub(crate) async fn exchange(to: SocketAddr, bytes: &[u8]) -> String {
    let mut tcp = connect(to).await;
    tcp.write_all(bytes).await.unwrap();
    read_to_end(&mut tcp).await
}

/// Reads until the other side closes; a reset is an end too.
pub(crate) async fn read_to_end(tcp: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let _ = soon(tcp.read_to_end(&mut read)).await;
    String::from_utf8_lossy(&read).into_owned()
}

/// Reads until `mark` has come.
pub(crate) async fn read_until(tcp: &mut TcpStream, mark: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(mark) {
        let byte = soon(tcp.read_u8()).await.expect("closed before the mark");
        read.push(byte);
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// A body that is whatever is sent into the channel, when it is sent.
pub(crate) struct ChannelBody(pub(crate) mpsc::Receiver<Result<Bytes, &'static str>>);

impl Body for ChannelBody {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        self.0.poll_recv(cx).map(|next| next.map(|chunk| chunk.map(Frame::data)))
    }
}

/// A directory that is gone when the test is.
pub(crate) struct TempDir(pub(crate) PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("gangplank-net-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        TempDir(path)
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A certificate authority of the test's own.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, format!("CA {}", COUNT.fetch_add(1, Ordering::Relaxed)));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn write(&self, path: &Path) {
        std::fs::write(path, self.0.pem()).unwrap();
    }

    /// Writes a certificate for `name` and its key.
    pub(crate) fn issue(&self, name: &str, certificate: &Path, key: &Path) {
        let pair = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2100, 1, 2);
        let signed = params.signed_by(&pair, &self.0).unwrap();
        std::fs::write(certificate, signed.pem()).unwrap();
        std::fs::write(key, pair.serialize_pem()).unwrap();
    }
}

/// A TLS server's files in one place.
pub(crate) struct TlsFiles {
    pub(crate) dir: TempDir,
    pub(crate) ca: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl TlsFiles {
    pub(crate) fn for_name(name: &str) -> Self {
        let dir = TempDir::new();
        let (ca, certificate, key) = (dir.join("ca.pem"), dir.join("tls.crt"), dir.join("tls.key"));
        let authority = Authority::new();
        authority.write(&ca);
        authority.issue(name, &certificate, &key);
        TlsFiles { dir, ca, certificate, key }
    }

    pub(crate) fn load(&self) -> Arc<ReloadingTls> {
        Arc::new(ReloadingTls::load(&self.certificate, &self.key).unwrap())
    }
}
