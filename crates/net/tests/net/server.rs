//! What one peer may do to us, and what it may not do to the others.

use std::time::Duration;

use bytes::Bytes;
use gangplank_net::{Peer, Roots, ServerLimits, UpstreamClient, UpstreamSettings};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use tokio::io::AsyncWriteExt as _;

use crate::support::{TlsFiles, connect, exchange, read_to_end, read_until, start, tell};

const PLAIN: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

fn short(time: Duration) -> ServerLimits {
    ServerLimits { head: time, handshake: time, ..ServerLimits::default() }
}

fn client() -> UpstreamClient<Empty<Bytes>> {
    UpstreamClient::new(&Roots::System, &UpstreamSettings::default()).unwrap()
}

fn get(url: &str) -> Request<Empty<Bytes>> {
    Request::get(url).body(Empty::new()).unwrap()
}

#[tokio::test]
async fn one_port_speaks_http1_and_http2() {
    let server = start(ServerLimits::default(), None, tell);
    for (scheme, protocol) in [("http", "HTTP/1.1"), ("h2c", "HTTP/2.0")] {
        let answer = client().send(get(&server.url(scheme, "/p"))).await.unwrap();
        let told = answer.into_body().collect().await.unwrap().to_bytes();
        let told = String::from_utf8_lossy(&told);
        assert!(told.starts_with(&format!("{protocol} GET /p tls=false")), "{told}");
    }
}

#[tokio::test]
async fn a_connection_carries_several_requests() {
    let server = start(ServerLimits::default(), None, tell);
    let mut tcp = connect(server.address).await;
    let port = tcp.local_addr().unwrap().port().to_string();
    for _ in 0..3 {
        tcp.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        read_until(&mut tcp, &port).await;
    }
}

#[tokio::test]
async fn too_much_head_is_431_and_closes() {
    let server = start(ServerLimits { head_bytes: 8 << 10, ..ServerLimits::default() }, None, tell);
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\ncookie: {}\r\n\r\n", "c".repeat(9000));
    assert!(exchange(server.address, long.as_bytes()).await.starts_with("HTTP/1.1 431 "));
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(120));
    assert!(exchange(server.address, many.as_bytes()).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn too_much_head_is_431_over_http2() {
    let server = start(ServerLimits { head_bytes: 8 << 10, ..ServerLimits::default() }, None, tell);
    let mut request = get(&server.url("h2c", "/"));
    request.headers_mut().insert("cookie", "c".repeat(9000).parse().unwrap());
    let answer = client().send(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}

#[tokio::test]
async fn what_is_not_http_is_400_and_closes() {
    let server = start(ServerLimits::default(), None, tell);
    for bad in ["GET / HTTP/1.1\r\nbad header\r\n\r\n", "G@T / HTTP/1.1\r\n\r\n", "\0\0\0\0\r\n\r\n"] {
        assert!(exchange(server.address, bad.as_bytes()).await.starts_with("HTTP/1.1 400 "), "{bad:?}");
    }
    let smuggled = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab";
    assert!(exchange(server.address, smuggled.as_bytes()).await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn who_is_slow_or_silent_is_closed() {
    let server = start(short(Duration::from_millis(50)), None, tell);
    for begun in
        ["", "GET / HTTP/1.1\r\nhost: x\r\ncook", "P", "PRI * HTTP/2.0\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    {
        let mut tcp = connect(server.address).await;
        tcp.write_all(begun.as_bytes()).await.unwrap();
        let answer = read_to_end(&mut tcp).await;
        assert!(!answer.contains("200 OK"), "{begun:?}: {answer}");
    }
    assert!(exchange(server.address, PLAIN).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn silence_between_requests_has_a_limit_of_its_own() {
    let ask = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let limits = ServerLimits { idle: Duration::from_millis(50), ..ServerLimits::default() };
    let server = start(limits, None, tell);
    let mut tcp = connect(server.address).await;
    tcp.write_all(ask).await.unwrap();
    read_until(&mut tcp, "tls=").await;
    read_to_end(&mut tcp).await;

    let limits = ServerLimits { head: Duration::from_millis(50), ..ServerLimits::default() };
    let server = start(limits, None, tell);
    let mut tcp = connect(server.address).await;
    tcp.write_all(ask).await.unwrap();
    read_until(&mut tcp, "tls=").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    tcp.write_all(ask).await.unwrap();
    read_until(&mut tcp, "tls=").await;
    tcp.write_all(b"GET / HT").await.unwrap();
    read_to_end(&mut tcp).await;
}

#[tokio::test]
async fn a_slow_handshake_is_closed() {
    let files = TlsFiles::for_name("localhost");
    let server = start(short(Duration::from_millis(50)), Some(files.load()), tell);
    let mut tcp = connect(server.address).await;
    tcp.write_all(b"\x16\x03\x01").await.unwrap();
    assert_eq!(read_to_end(&mut tcp).await, "");
}

#[tokio::test]
async fn a_slow_answer_is_not_a_slow_request() {
    let server = start(short(Duration::from_millis(50)), None, |_: Request<Incoming>, _: Peer| async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Response::new(Full::<Bytes>::from("late"))
    });
    assert!(exchange(server.address, PLAIN).await.ends_with("late"));
}

#[tokio::test]
async fn a_panic_costs_its_own_connection_only() {
    let server = start(ServerLimits::default(), None, |request: Request<Incoming>, peer| async move {
        assert_ne!(request.uri().path(), "/panic");
        tell(request, peer).await
    });
    let mut other = connect(server.address).await;
    other.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_until(&mut other, "tls=").await;

    assert_eq!(exchange(server.address, b"GET /panic HTTP/1.1\r\nhost: x\r\n\r\n").await, "");

    other.write_all(PLAIN).await.unwrap();
    assert!(read_to_end(&mut other).await.contains("200 OK"));
    assert!(exchange(server.address, PLAIN).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_their_turn() {
    let server = start(ServerLimits { connections: 1, ..ServerLimits::default() }, None, tell);
    let mut first = connect(server.address).await;
    first.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_until(&mut first, "tls=").await;

    let mut second = connect(server.address).await;
    second.write_all(PLAIN).await.unwrap();
    // The second has asked, but only the first is heard.
    first.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_until(&mut first, "tls=").await;
    assert!(second.try_read(&mut [0; 1]).is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock));

    drop(first);
    assert!(read_to_end(&mut second).await.starts_with("HTTP/1.1 200 "));
}
