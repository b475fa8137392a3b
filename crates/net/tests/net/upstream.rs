//! The proxy's client: both ways at once, connections kept, upgrades let through.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use gangplank_net::{
    ClientCertificate, DrainReport, Peer, Roots, ServerLimits, UpstreamClient, UpstreamError, UpstreamSettings,
};
use http::header::{CONNECTION, UPGRADE};
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::support::{ChannelBody, TlsFiles, soon, start, tell};

fn client<B>(roots: &Roots) -> UpstreamClient<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    UpstreamClient::new(roots, &UpstreamSettings::default()).unwrap()
}

fn get(url: &str) -> Request<Empty<Bytes>> {
    Request::get(url).body(Empty::new()).unwrap()
}

async fn text(answer: Response<Incoming>) -> String {
    String::from_utf8(soon(answer.into_body().collect()).await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Answers a request for an upgrade by sending back whatever comes.
async fn echo(mut request: Request<Incoming>, _: Peer) -> Response<Full<Bytes>> {
    let version = format!("{:?}", request.version());
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let (mut from, mut to) = tokio::io::split(TokioIo::new(upgraded));
        let _ = tokio::io::copy(&mut from, &mut to).await;
    });
    let answer = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    answer
        .header(CONNECTION, "upgrade")
        .header(UPGRADE, "echo")
        .header("x-version", version)
        .body(Full::default())
        .unwrap()
}

fn upgrade(url: &str) -> Request<Empty<Bytes>> {
    Request::get(url).header(CONNECTION, "upgrade").header(UPGRADE, "echo").body(Empty::new()).unwrap()
}

#[tokio::test]
async fn streams_both_ways_at_the_same_time() {
    for scheme in ["http", "h2c"] {
        let server = start(ServerLimits::default(), None, |request: Request<Incoming>, _| async {
            Response::new(request.into_body())
        });
        let (sender, body) = mpsc::channel(1);
        let request = Request::post(server.url(scheme, "/")).body(ChannelBody(body)).unwrap();
        let client = client(&Roots::System);
        let mut answer = soon(client.send(request)).await.unwrap().into_body();
        // Each piece comes back before the next is sent: nothing on the way waits for more.
        for piece in ["one", "two", "three"] {
            sender.send(Ok(Bytes::from(piece))).await.unwrap();
            let frame = soon(answer.frame()).await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), piece);
        }
        drop(sender);
        assert!(soon(answer.collect()).await.unwrap().to_bytes().is_empty());
    }
}

#[tokio::test]
async fn connections_are_used_again() {
    let server = start(ServerLimits::default(), None, tell);
    let client = client(&Roots::System);
    let first = text(client.send(get(&server.url("http", "/"))).await.unwrap()).await;
    let second = text(client.send(get(&server.url("http", "/"))).await.unwrap()).await;
    assert_eq!(first, second, "the peer's port differs");
}

#[tokio::test]
async fn a_request_that_came_by_http2_goes_on_by_http1() {
    let server = start(ServerLimits::default(), None, tell);
    let mut request = get(&server.url("http", "/"));
    *request.version_mut() = http::Version::HTTP_2;
    let told = text(client(&Roots::System).send(request).await.unwrap()).await;
    assert!(told.starts_with("HTTP/1.1 "), "{told}");
}

#[tokio::test]
async fn https_is_http2_by_negotiation_and_http1_for_upgrades() {
    let files = TlsFiles::for_name("localhost");
    let server = start(ServerLimits::default(), Some(files.load()), |request: Request<Incoming>, peer| async move {
        if request.headers().contains_key(UPGRADE) { echo(request, peer).await } else { tell(request, peer).await }
    });
    let client = client(&Roots::File(files.ca.clone()));
    let told = text(client.send(get(&server.url("https", "/"))).await.unwrap()).await;
    assert!(told.starts_with("HTTP/2.0 "), "{told}");
    let answer = client.send(upgrade(&server.url("https", "/"))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(answer.headers()["x-version"], "HTTP/1.1");
}

#[tokio::test]
async fn an_upgraded_connection_carries_bytes_and_counts_until_its_end() {
    let limits = ServerLimits { drain: Duration::from_millis(50), ..ServerLimits::default() };
    let server = start(limits, None, echo);
    let answer = client(&Roots::System).send(upgrade(&server.url("http", "/"))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    let mut tunnel = TokioIo::new(soon(hyper::upgrade::on(answer)).await.unwrap());
    let sent = vec![7; 300_000];
    let (mut from, mut to) = tokio::io::split(&mut tunnel);
    let mut back = vec![0; sent.len()];
    let (wrote, read) = soon(async { tokio::join!(to.write_all(&sent), from.read_exact(&mut back)) }).await;
    wrote.unwrap();
    read.unwrap();
    assert_eq!(back, sent);
    assert_eq!(server.stopped().await, DrainReport { finished: 0, cut: 1 });
}

#[tokio::test]
async fn connecting_is_limited_in_time_tls_included() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let files = TlsFiles::for_name("localhost");
    let limit = Duration::from_millis(50);
    let settings = UpstreamSettings { connect_timeout: limit, ..UpstreamSettings::default() };
    let client = UpstreamClient::new(&Roots::File(files.ca.clone()), &settings).unwrap();
    let refused = soon(client.send(get(&url))).await.unwrap_err();
    assert_eq!(refused, UpstreamError::ConnectTimeout { after: limit });
}

#[tokio::test]
async fn each_failure_has_its_name() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let refused = soon(client(&Roots::System).send(get(&nobody))).await.unwrap_err();
    assert!(matches!(refused, UpstreamError::Connect { .. }), "{refused:?}");

    let files = TlsFiles::for_name("localhost");
    let server = start(ServerLimits::default(), Some(files.load()), tell);
    let other = TlsFiles::for_name("localhost");
    let refused = soon(client(&Roots::File(other.ca.clone())).send(get(&server.url("https", "/")))).await.unwrap_err();
    assert!(matches!(refused, UpstreamError::Tls { .. }), "{refused:?}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closes = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.read_u8().await.unwrap();
    });
    let refused = soon(client(&Roots::System).send(get(&closes))).await.unwrap_err();
    assert!(matches!(refused, UpstreamError::Broken { .. }), "{refused:?}");

    for url in ["/relative", "ftp://localhost/"] {
        let refused = soon(client(&Roots::System).send(get(url))).await.unwrap_err();
        assert!(matches!(refused, UpstreamError::Uri { .. }), "{refused:?}");
    }
}

#[tokio::test]
async fn a_request_whose_body_breaks_off_is_not_the_upstreams_fault() {
    let server = start(ServerLimits::default(), None, |request: Request<Incoming>, _| async {
        let _ = request.into_body().collect().await;
        Response::new(Empty::<Bytes>::new())
    });
    let (sender, body) = mpsc::channel(2);
    sender.send(Ok(Bytes::from_static(b"half of"))).await.unwrap();
    sender.send(Err("the client went away")).await.unwrap();
    let request = Request::post(server.url("http", "/")).body(ChannelBody(body)).unwrap();
    let refused = soon(client(&Roots::System).send(request)).await.unwrap_err();
    assert_eq!(refused, UpstreamError::RequestBody { cause: "the client went away".to_owned() });
}

#[tokio::test]
async fn an_upstream_is_shown_our_certificate_under_the_name_it_is_known_by() {
    let files = TlsFiles::for_name("kubernetes.default.svc");
    let tls = files.load();
    tls.ask_for_certificates(Some(Vec::new())).unwrap();
    let server = start(ServerLimits::default(), Some(tls), |request: Request<Incoming>, peer: Peer| async move {
        let shown = peer.certificates.map_or(0, |certificates| certificates.len());
        Response::new(Full::<Bytes>::from(format!("{:?} {shown}", request.version())))
    });
    let roots = Roots::File(files.ca.clone());
    let own = || {
        let (certificate, key) = (std::fs::read(&files.certificate).unwrap(), std::fs::read(&files.key).unwrap());
        Some(ClientCertificate::from_pem(&certificate, &key).unwrap())
    };
    let ask = async |http2: bool, own, name| {
        let settings = UpstreamSettings { http2, ..UpstreamSettings::default() };
        let client = UpstreamClient::known_as(&roots, &settings, own, name).unwrap();
        soon(client.send(get(&server.url("https", "/")))).await
    };
    let name = Some("kubernetes.default.svc");
    for (http2, own, said) in [
        (true, own(), "HTTP/2.0 1"),
        (false, own(), "HTTP/1.1 1"),
        (true, None, "HTTP/2.0 0"),
        (false, None, "HTTP/1.1 0"),
    ] {
        assert_eq!(text(ask(http2, own, name).await.unwrap()).await, said);
    }
    let refused = ask(true, own(), None).await.unwrap_err();
    assert!(matches!(refused, UpstreamError::Tls { .. }), "it is not localhost: {refused:?}");
    let none = UpstreamClient::<Empty<Bytes>>::known_as(&roots, &UpstreamSettings::default(), None, Some("no name"));
    assert!(none.is_err());
}

#[test]
fn the_future_is_small_and_sendable() {
    fn small<F: Send>(future: &F) -> usize {
        size_of_val(future)
    }
    let client: UpstreamClient<http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>> = client(&Roots::System);
    let request = Request::get("http://localhost/").body(Empty::<Bytes>::new().boxed_unsync()).unwrap();
    assert!(small(&client.send(request)) < 1024);
}
