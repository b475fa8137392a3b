//! One exchange within its budget, whatever the other side does.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use gangplank_net::{HttpClient, Roots, RootsError, ServerLimits};
use gangplank_oauth::{Budget, Transport, TransportError};
use http::header::LOCATION;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::support::{ChannelBody, TempDir, TlsFiles, read_until, soon, start, tell};

fn client() -> HttpClient {
    HttpClient::new(&Roots::System).unwrap()
}

fn get(url: &str) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).unwrap()
}

async fn ask(client: &HttpClient, url: &str) -> Result<Response<Bytes>, TransportError> {
    soon(client.send(get(url), Budget::DEFAULT)).await
}

#[tokio::test]
async fn carries_method_headers_and_body_there_and_the_answer_back() {
    let server = start(ServerLimits::default(), None, |request: Request<hyper::body::Incoming>, _| async move {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let echo = format!("{} {} {}", head.method, head.headers["x-mark"].to_str().unwrap(), body.len());
        Response::builder().status(StatusCode::CREATED).body(Full::<Bytes>::from(echo)).unwrap()
    });
    let request = Request::post(server.url("http", "/")).header("x-mark", "m").body(Bytes::from(vec![1; 100_000]));
    let answer = soon(client().send(request.unwrap(), Budget::DEFAULT)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(answer.body(), "POST m 100000");
}

#[tokio::test]
async fn speaks_http2_over_tls_with_an_authority_it_was_told_to_trust() {
    let files = TlsFiles::for_name("localhost");
    let server = start(ServerLimits::default(), Some(files.load()), tell);
    let client = HttpClient::new(&Roots::File(files.ca.clone())).unwrap();
    let answer = ask(&client, &server.url("https", "/x")).await.unwrap();
    let told = String::from_utf8(answer.body().to_vec()).unwrap();
    assert!(told.starts_with("HTTP/2.0 GET /x tls=true"), "{told}");
}

#[tokio::test]
async fn refuses_a_certificate_of_an_unknown_authority_or_for_another_name() {
    let files = TlsFiles::for_name("localhost");
    let server = start(ServerLimits::default(), Some(files.load()), tell);
    let stranger = TlsFiles::for_name("localhost");
    let client = HttpClient::new(&Roots::File(stranger.ca.clone())).unwrap();
    let refused = ask(&client, &server.url("https", "/secret?code=1")).await.unwrap_err();
    let TransportError::Tls { host, cause } = &refused else { panic!("{refused:?}") };
    assert_eq!(*host, format!("localhost:{}", server.address.port()));
    assert!(cause.contains("UnknownIssuer"), "{cause}");
    assert!(!refused.to_string().contains("secret"));

    let client = HttpClient::new(&Roots::File(files.ca.clone())).unwrap();
    let refused = ask(&client, &format!("https://{}/", server.address)).await.unwrap_err();
    assert!(matches!(&refused, TransportError::Tls { .. }), "{refused:?}");
}

#[tokio::test]
async fn tls_with_somebody_who_does_not_speak_it_is_a_tls_failure() {
    let server = start(ServerLimits::default(), None, tell);
    let files = TlsFiles::for_name("localhost");
    let client = HttpClient::new(&Roots::File(files.ca.clone())).unwrap();
    let refused = ask(&client, &server.url("https", "/")).await.unwrap_err();
    assert!(matches!(&refused, TransportError::Tls { .. }), "{refused:?}");
}

#[test]
fn roots_without_a_certificate_are_an_error_that_names_the_file() {
    let dir = TempDir::new();
    let missing = dir.join("missing.pem");
    let refused = HttpClient::new(&Roots::File(missing.clone())).unwrap_err();
    assert!(matches!(&refused, RootsError::Unreadable { path, .. } if *path == missing), "{refused}");
    let empty = dir.join("empty.pem");
    std::fs::write(&empty, "no certificate\n").unwrap();
    let refused = HttpClient::new(&Roots::File(empty.clone())).unwrap_err();
    assert_eq!(refused, RootsError::Empty { path: empty });
    let broken = dir.join("broken.pem");
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let refused = HttpClient::new(&Roots::File(broken)).unwrap_err();
    assert!(matches!(&refused, RootsError::Unreadable { .. }), "{refused}");
}

#[tokio::test]
async fn a_stalled_answer_ends_with_the_time_budget() {
    let server = start(ServerLimits::default(), None, |_, _| std::future::pending::<Response<Full<Bytes>>>());
    let budget = Budget { time: Duration::from_millis(50), ..Budget::DEFAULT };
    let refused = soon(client().send(get(&server.url("http", "/")), budget)).await.unwrap_err();
    let host = format!("localhost:{}", server.address.port());
    assert_eq!(refused, TransportError::Timeout { host, after: budget.time });
}

#[tokio::test]
async fn a_stalled_body_ends_with_the_time_budget() {
    let server = start(ServerLimits::default(), None, |_, _| async {
        let (sender, body) = mpsc::channel(1);
        sender.send(Ok(Bytes::from_static(b"so far"))).await.unwrap();
        std::mem::forget(sender);
        Response::new(ChannelBody(body))
    });
    let budget = Budget { time: Duration::from_millis(50), ..Budget::DEFAULT };
    let refused = soon(client().send(get(&server.url("http", "/")), budget)).await.unwrap_err();
    assert!(matches!(refused, TransportError::Timeout { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_not_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    // Only the head ever comes: reading the body would run into the time limit instead.
    let head = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        read_until(&mut tcp, "\r\n\r\n").await;
        tcp.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4097\r\n\r\n").await.unwrap();
        let mut rest = Vec::new();
        let _ = tcp.read_to_end(&mut rest).await;
    });
    let refused = soon(client().send(get(&url), Budget { body: 4096, ..Budget::DEFAULT })).await.unwrap_err();
    assert!(matches!(refused, TransportError::TooLarge { limit: 4096, .. }), "{refused:?}");
    soon(head).await.unwrap();
}

#[tokio::test]
async fn an_endless_body_ends_with_the_size_budget_and_an_exact_one_passes() {
    let server = start(ServerLimits::default(), None, |request: Request<_>, _| async move {
        let (sender, body) = mpsc::channel(1);
        let chunks = if request.uri().path() == "/exact" { 4 } else { usize::MAX };
        tokio::spawn(async move {
            for _ in 0..chunks {
                if sender.send(Ok(Bytes::from(vec![b'x'; 1024]))).await.is_err() {
                    return;
                }
            }
        });
        Response::new(ChannelBody(body))
    });
    let budget = Budget { body: 4096, ..Budget::DEFAULT };
    let refused = soon(client().send(get(&server.url("http", "/endless")), budget)).await.unwrap_err();
    assert!(matches!(refused, TransportError::TooLarge { limit: 4096, .. }), "{refused:?}");
    let answer = soon(client().send(get(&server.url("http", "/exact")), budget)).await.unwrap();
    assert_eq!(answer.body().len(), 4096);
}

#[tokio::test]
async fn nobody_there_is_a_connect_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let refused = ask(&client(), &format!("http://user:password@{address}/")).await.unwrap_err();
    assert!(matches!(&refused, TransportError::Connect { host, .. } if *host == address.to_string()), "{refused:?}");
}

#[tokio::test]
async fn redirects_are_answers() {
    let server = start(ServerLimits::default(), None, |_, _| async {
        let away = Response::builder().status(StatusCode::FOUND).header(LOCATION, "/elsewhere");
        away.body(Full::<Bytes>::default()).unwrap()
    });
    let answer = ask(&client(), &server.url("http", "/")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn what_may_have_been_seen_is_not_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (count, mut counted) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut some = [0; 16];
            tcp.read_exact(&mut some).await.unwrap();
            count.send(()).unwrap();
        }
    });
    let refused = ask(&client(), &url).await.unwrap_err();
    assert!(matches!(refused, TransportError::Protocol { .. }), "{refused:?}");
    counted.recv().await.unwrap();
    assert!(counted.try_recv().is_err());
}

#[tokio::test]
async fn what_is_not_http_is_a_protocol_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        read_until(&mut tcp, "\r\n\r\n").await;
        tcp.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await.unwrap();
        let mut rest = Vec::new();
        let _ = tcp.read_to_end(&mut rest).await;
    });
    let refused = ask(&client(), &url).await.unwrap_err();
    assert!(matches!(refused, TransportError::Protocol { .. }), "{refused:?}");
}

#[tokio::test]
async fn other_schemes_are_refused() {
    for url in ["ftp://localhost/", "h2c://localhost/", "/relative"] {
        let refused = ask(&client(), url).await.unwrap_err();
        assert!(matches!(refused, TransportError::Protocol { .. }), "{url}: {refused:?}");
    }
}

/// The client must be usable where a trait object is asked for.
#[test]
fn is_a_transport() {
    fn takes(_: impl Into<std::sync::Arc<HttpClient>>) -> Result<(), Infallible> {
        Ok(())
    }
    takes(client()).unwrap();
    let _: std::sync::Arc<dyn Transport> = std::sync::Arc::new(client());
}

#[tokio::test]
async fn a_client_for_public_addresses_connects_to_no_other_whatever_the_name() {
    let server = start(ServerLimits::default(), None, tell);
    let port = server.url("http", "/").split(':').next_back().unwrap().trim_end_matches('/').to_owned();
    let public = HttpClient::public_only(&Roots::System).unwrap();
    for host in ["localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let refused = ask(&public, &format!("http://{host}:{port}/")).await.unwrap_err();
        let TransportError::Connect { cause, .. } = &refused else { panic!("{host}: {refused:?}") };
        assert_eq!(cause, "the host has no public address", "{host}");
    }
    assert_eq!(ask(&client(), &format!("http://localhost:{port}/")).await.unwrap().status(), StatusCode::OK);
}
