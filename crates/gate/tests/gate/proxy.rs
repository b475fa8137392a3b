//! The reverse proxy between real sockets on loopback: a client, the gate, an upstream.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gangplank_net::{ServerLimits, Shutdown, serve};
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::support::*;

type Boxed = BoxBody<Bytes, Infallible>;

/// What the upstream saw of the last request.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Option<http::request::Parts>>>);

impl Seen {
    fn header(&self, name: &str) -> Option<String> {
        let seen = self.0.lock().unwrap();
        let values: Vec<_> = seen.as_ref()?.headers.get_all(name).iter().map(|v| v.to_str().unwrap()).collect();
        (!values.is_empty()).then(|| values.join(" | "))
    }

    fn take(&self) -> Option<http::request::Parts> {
        self.0.lock().unwrap().take()
    }
}

struct Events(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}

/// An upstream: `/echo` gives the body back as it comes, `/whole` when it is all there, `/sse` sends an event now and then, `/upgrade` echoes after a
/// 101, `/never` does not answer, `/headers` answers with headers that should not go further.
async fn upstream() -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let kept = seen.clone();
    let answer = move |request: Request<Incoming>, _| {
        let kept = kept.clone();
        async move { answer(request, &kept).await }
    };
    tokio::spawn(serve(listener, None, ServerLimits::default(), answer, Shutdown::new()));
    (address, seen)
}

async fn answer(mut request: Request<Incoming>, seen: &Seen) -> Response<Boxed> {
    let upgrade = request.uri().path() == "/upgrade" && request.headers().contains_key("upgrade");
    let switched = upgrade.then(|| hyper::upgrade::on(&mut request));
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    *seen.0.lock().unwrap() = Some(head);
    let text = |text: &'static str| Response::new(Full::from(text).boxed());
    match path.as_str() {
        "/echo" => Response::new(body.map_err(|e| panic!("{e}")).boxed()),
        "/whole" => Response::new(Full::from(body.collect().await.map(|b| b.to_bytes()).unwrap_or_default()).boxed()),
        "/sse" => {
            let (send, receive) = mpsc::channel(1);
            tokio::spawn(async move {
                for n in 0.. {
                    let event = Bytes::from(format!("data: {n}\n\n"));
                    if send.send(event).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            });
            Response::builder().header("content-type", "text/event-stream").body(Events(receive).boxed()).unwrap()
        }
        "/upgrade" => {
            let Some(switched) = switched else { return text("no upgrade") };
            tokio::spawn(async move {
                let mut io = TokioIo::new(switched.await.unwrap());
                let mut buffer = [0; 1024];
                while let Ok(n @ 1..) = io.read(&mut buffer).await {
                    io.write_all(&buffer[..n]).await.unwrap();
                }
            });
            let response =
                Response::builder().status(101).header("connection", "upgrade").header("upgrade", "websocket");
            response.body(Full::default().boxed()).unwrap()
        }
        "/never" => std::future::pending().await,
        "/headers" => Response::builder()
            .header("connection", "x-hop")
            .header("x-hop", "1")
            .header("keep-alive", "timeout=5")
            .header("set-cookie", "app=1")
            .header("set-cookie", "__Host-gangplank=forged; Path=/; Secure")
            .header("x-app", "kept")
            .body(Full::default().boxed())
            .unwrap(),
        _ => text("upstream"),
    }
}

/// The gate on a socket of its own. Its peers are on loopback.
pub(crate) struct Front {
    pub(crate) world: Arc<World>,
    pub(crate) address: SocketAddr,
    client: Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>>,
}

impl Front {
    pub(crate) async fn new(routes: &str) -> Front {
        Front::with(&head(""), routes).await
    }

    async fn with(head: &str, routes: &str) -> Front {
        let world = Arc::new(World::new(&format!("{head}{routes}")));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let gate = world.gate.clone();
        let handler = move |request: Request<Incoming>, peer| {
            let gate = gate.clone();
            async move { gate.handle(request, peer).await }
        };
        tokio::spawn(serve(listener, None, ServerLimits::default(), handler, Shutdown::new()));
        Front { world, address, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    fn request(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Full<Bytes>> {
        let mut builder = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        if !headers.iter().any(|(name, _)| *name == "host") {
            builder = builder.header("host", "app.example.com");
        }
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(Full::from(body.to_owned())).unwrap()
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response<Incoming> {
        self.client.request(self.request(Method::GET, path, headers, "")).await.unwrap()
    }

    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.world.token("alice"))
    }

    /// Bytes as they are, and everything that comes back before the connection is closed or falls silent.
    pub(crate) async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(Ok(n @ 1..)) = tokio::time::timeout(Duration::from_millis(500), stream.read(&mut buffer)).await {
            answer.extend_from_slice(&buffer[..n]);
        }
        String::from_utf8_lossy(&answer).into_owned()
    }
}

pub(crate) fn to(upstream: SocketAddr) -> String {
    format!("upstream = \"http://{upstream}\"\n")
}

async fn text(response: Response<Incoming>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn the_upstream_sees_who_it_is_and_nothing_that_the_client_made_up() {
    let (address, seen) = upstream().await;
    let front = Front::new(&demo("/", &to(address))).await;
    let alice = front.world.sign_in("https://app.example.com", "alice").await;
    let cookies = format!("a=1; {alice}; b=\"2 3\"");
    let forged = [
        ("cookie", cookies.as_str()),
        ("x-auth-request-user", "root"),
        ("X_Auth_Request_User", "root"),
        ("x-auth-request-groups", "admins"),
        ("x_auth_request_roles", "admins"),
        ("x-forwarded-user", "root"),
        ("x-forwarded-client-cert", "Cert=x"),
        ("ssl-client-cert", "x"),
        ("client-cert", ":x:"),
        ("client-cert-chain", ":x:"),
        ("x-forwarded-access-token", "t"),
        ("remote_user", "root"),
        ("x-original-url", "/admin"),
        ("x-rewrite-url", "/admin"),
        ("forwarded", "for=1.2.3.4"),
        ("x-forwarded-for", "1.2.3.4"),
        ("x-forwarded-proto", "gopher"),
        ("x-forwarded-host", "evil.test"),
        ("x-real-ip", "1.2.3.4"),
        ("x-request-id", "mine"),
        ("authorization", "Basic eDp5"),
        ("connection", "x-auth-request-user, x-nominated, cookie"),
        ("x-nominated", "1"),
        ("x-app", "kept"),
    ];
    let answer = front.get("/some%20path/?q=%2F", &forged).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(text(answer).await, "upstream");
    for (name, expected) in [
        ("x-auth-request-user", Some("alice@dev.test")),
        ("x-auth-request-groups", Some(gangplank_idp::DEMO_GROUP_ID)),
        ("x_auth_request_user", None),
        ("x_auth_request_roles", None),
        ("x-forwarded-user", None),
        ("x-forwarded-client-cert", None),
        ("ssl-client-cert", None),
        ("client-cert", None),
        ("client-cert-chain", None),
        ("x-forwarded-access-token", None),
        ("remote_user", None),
        ("x-original-url", None),
        ("x-rewrite-url", None),
        ("forwarded", None),
        ("x-forwarded-for", Some("127.0.0.1")),
        ("x-forwarded-proto", Some("https")),
        ("x-forwarded-host", Some("app.example.com")),
        ("x-forwarded-port", Some("443")),
        ("x-real-ip", Some("127.0.0.1")),
        ("host", Some("app.example.com")),
        ("authorization", None),
        ("x-nominated", None),
        ("x-app", Some("kept")),
        // Nominated by the client, so it went with the connection; never with ours in it.
        ("cookie", None),
    ] {
        assert_eq!(seen.header(name).as_deref(), expected, "{name}");
    }
    assert_eq!(seen.header("x-request-id").unwrap().len(), 32);
    let head = seen.take().unwrap();
    assert_eq!(head.uri.to_string(), "/some%20path/?q=%2F");

    front.get("/", &[("cookie", &cookies)]).await;
    assert_eq!(seen.header("cookie").as_deref(), Some("a=1; b=\"2 3\""));
}

#[tokio::test]
async fn cookies_that_http_2_split_are_joined_again() {
    let (address, seen) = upstream().await;
    let front = Front::new(&open("/", &to(address))).await;
    let split = [("cookie", "a=1"), ("cookie", "__Host-gangplank=x"), ("cookie", "b=2; c=3")];
    front.get("/", &split).await;
    assert_eq!(seen.header("cookie").as_deref(), Some("a=1; b=2; c=3"));
}

#[tokio::test]
async fn a_head_keeps_its_length_and_has_no_body() {
    let (address, _) = upstream().await;
    let front = Front::new(&open("/", &to(address))).await;
    let head = front.client.request(front.request(Method::HEAD, "/", &[], "")).await.unwrap();
    assert_eq!((head.status(), head.headers()["content-length"].to_str().unwrap()), (StatusCode::OK, "8"));
    assert_eq!(text(head).await, "");
}

#[tokio::test]
async fn a_trusted_proxys_account_is_continued() {
    let (address, seen) = upstream().await;
    let head = head("").replace("10.0.0.0/8", "127.0.0.0/8");
    let front = Front::with(&head, &open("/", &to(address))).await;
    let headers = [
        ("host", "inner"),
        ("x-forwarded-host", "app.example.com"),
        ("x-forwarded-for", "1.1.1.1, 192.0.2.7"),
        ("x-request-id", "abc-1"),
    ];
    front.get("/", &headers).await;
    assert_eq!(seen.header("x-forwarded-for").as_deref(), Some("1.1.1.1, 192.0.2.7, 127.0.0.1"));
    assert_eq!(seen.header("x-real-ip").as_deref(), Some("192.0.2.7"));
    assert_eq!(seen.header("host").as_deref(), Some("app.example.com"));
    assert_eq!(seen.header("x-request-id").as_deref(), Some("abc-1"));
}

#[tokio::test]
async fn what_a_route_passes_is_passed() {
    let (address, seen) = upstream().await;
    let pass = "pass = { authorization = true, access_token = true, host = false }\nmethods = [\"GET\"]\n";
    let front = Front::new(&demo("/", &format!("{}{pass}", to(address)))).await;
    let token = front.bearer();
    let headers = [("authorization", token.as_str()), ("x-http-method-override", "DELETE")];
    assert_eq!(front.get("/", &headers).await.status(), StatusCode::OK);
    assert_eq!(seen.header("authorization").as_deref(), Some(token.as_str()));
    assert_eq!(seen.header("x-auth-request-access-token").as_deref(), token.strip_prefix("Bearer "));
    assert_eq!(seen.header("host"), Some(address.to_string()));
    assert_eq!(seen.header("x-http-method-override"), None, "the route names its methods");
    let post = front.request(Method::POST, "/", &headers, "");
    assert_eq!(front.client.request(post).await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn hop_by_hop_headers_and_our_cookie_of_an_upstream_go_no_further() {
    let (address, _) = upstream().await;
    let front = Front::new(&open("/", &to(address))).await;
    let answer = front.get("/headers", &[]).await;
    let headers = answer.headers();
    assert_eq!(headers["x-app"], "kept");
    for name in ["x-hop", "keep-alive", "connection"] {
        assert!(!headers.contains_key(name), "{name}");
    }
    assert_eq!(headers.get_all("set-cookie").iter().collect::<Vec<_>>(), ["app=1"]);
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    let (address, _) = upstream().await;
    let front = Front::new(&open("/", &to(address))).await;
    let mut stream = TcpStream::connect(front.address).await.unwrap();
    let head =
        "POST /echo HTTP/1.1\r\nhost: app.example.com\r\ntransfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut buffer = vec![0; 4096];
    let n = stream.read(&mut buffer).await.unwrap();
    assert!(buffer[..n].starts_with(b"HTTP/1.1 100 Continue\r\n"), "{}", String::from_utf8_lossy(&buffer[..n]));
    // The echo of the first part is there before the second is sent.
    for part in ["first", "second"] {
        stream.write_all(format!("{:x}\r\n{part}\r\n", part.len()).as_bytes()).await.unwrap();
        let mut read = String::new();
        while !read.contains(part) {
            let n = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut buffer)).await.unwrap().unwrap();
            assert_ne!(n, 0, "{read}");
            read += &String::from_utf8_lossy(&buffer[..n]);
        }
    }
}

#[tokio::test]
async fn http_2_works_on_both_sides() {
    let (address, seen) = upstream().await;
    let route = format!("upstream = \"h2c://{address}\"\n");
    let front = Front::new(&open("/", &route)).await;
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let host = format!("http://{}/echo", front.address);
    let request =
        Request::post(host).header("host", "app.example.com").header("te", "trailers").body(Full::from("two")).unwrap();
    // A client of HTTP/2 names the host in the target: here the address, which is none of ours.
    assert_eq!(client.request(request).await.unwrap().status(), StatusCode::BAD_REQUEST);
    let head = head("").replace("app.example.com", "127.0.0.1");
    let front = Front::with(&head, &open("/", &route)).await;
    let request = Request::post(format!("http://{}/echo", front.address))
        .header("te", "trailers")
        .body(Full::from("two"))
        .unwrap();
    let answer = client.request(request).await.unwrap();
    assert_eq!((answer.status(), answer.version()), (StatusCode::OK, Version::HTTP_2));
    assert_eq!(text(answer).await, "two");
    assert_eq!(seen.header("te").as_deref(), Some("trailers"));
    assert_eq!(seen.take().unwrap().version, Version::HTTP_2);
}

#[tokio::test]
async fn events_arrive_when_they_are_sent() {
    let (address, _) = upstream().await;
    let front = Front::new(&demo("/", &to(address))).await;
    let mut answer = front.get("/sse", &[("authorization", &front.bearer())]).await;
    let start = Instant::now();
    for n in 0..4 {
        let frame = answer.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), format!("data: {n}\n\n"));
    }
    assert!(start.elapsed() < Duration::from_millis(2_000), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let (address, _) = upstream().await;
    let front = Front::new(&demo("/", &to(address))).await;
    let alice = front.world.sign_in("https://app.example.com", "alice").await;
    let mut answer = front.get("/sse", &[("cookie", &alice)]).await;
    answer.frame().await.unwrap().unwrap();
    let headers = [cookie(&alice), ("sec-fetch-site", "same-origin"), ("origin", "https://app.example.com")];
    front.world.send(STRANGER, request("POST", "https://app.example.com/oauth2/sign_out", &headers)).await;
    assert!(cut(answer).await, "the stream goes on after the sign-out");
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let (address, _) = upstream().await;
    let front = Front::new(&demo("/", &to(address))).await;
    let mut answer = front.get("/sse", &[("authorization", &front.bearer())]).await;
    answer.frame().await.unwrap().unwrap();
    front.world.pass(Duration::from_secs(3600 + 61));
    assert!(cut(answer).await, "the stream goes on after the token's end");
}

/// Whether a stream is broken off soon.
async fn cut(mut answer: Response<Incoming>) -> bool {
    let end = async {
        loop {
            match answer.frame().await {
                Some(Ok(_)) => {}
                Some(Err(_)) => return true,
                None => return false,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), end).await.unwrap_or(false)
}

async fn open_tunnel(front: &Front, credential: (&str, &str)) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(front.address).await.unwrap();
    let (name, value) = credential;
    let head = format!(
        "GET /upgrade HTTP/1.1\r\nhost: app.example.com\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n{name}: {value}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let mut byte = [0];
    while !answer.ends_with("\r\n\r\n") && stream.read(&mut byte).await.unwrap() == 1 {
        answer.push(char::from(byte[0]));
    }
    (answer, stream)
}

#[tokio::test]
async fn a_tunnel_echoes_after_the_upstreams_101_and_ends_with_its_session() {
    let (address, _) = upstream().await;
    let front = Front::new(&demo("/", &to(address))).await;
    let alice = front.world.sign_in("https://app.example.com", "alice").await;
    let (answer, mut stream) = open_tunnel(&front, ("cookie", &alice)).await;
    assert!(answer.starts_with("HTTP/1.1 101 ") && answer.to_lowercase().contains("upgrade: websocket"), "{answer}");
    let mut buffer = [0; 5];
    for _ in 0..3 {
        stream.write_all(b"hello").await.unwrap();
        stream.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"hello");
    }
    let headers = [cookie(&alice), ("sec-fetch-site", "same-origin"), ("origin", "https://app.example.com")];
    front.world.send(STRANGER, request("POST", "https://app.example.com/oauth2/sign_out", &headers)).await;
    let end = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut buffer)).await.expect("an end");
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
}

#[tokio::test]
async fn no_tunnel_without_a_permit_or_for_another_origin() {
    let (address, seen) = upstream().await;
    let front = Front::with(&head("return_hosts = [\"partner.test\"]"), &demo("/", &to(address))).await;
    let (answer, _) = open_tunnel(&front, ("x-none", "1")).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    let alice = front.world.sign_in("https://app.example.com", "alice").await;
    for origin in ["https://evil.test", "https://partner.test", "http://app.example.com", "null"] {
        let evil = format!("{alice}\r\norigin: {origin}");
        let (answer, _) = open_tunnel(&front, ("cookie", &evil)).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{origin}: {answer}");
    }
    assert!(seen.take().is_none(), "the upstream was asked");
    let own = format!("{alice}\r\norigin: https://app.example.com");
    let (answer, _) = open_tunnel(&front, ("cookie", &own)).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
}

/// A browser repeats a password to whoever's page asks it to, as it does a cookie.
#[tokio::test]
async fn no_tunnel_for_another_origin_with_a_password_that_the_browser_remembers() {
    let dir = crate::local::Dir::new();
    let users = dir.write("users", "ada:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n");
    let (address, seen) = upstream().await;
    let staff = format!("[authenticators.staff]\nhtpasswd = {{ file = {users:?} }}\n");
    let routes = format!("\n[[routes]]\npath = \"/\"\naccept = [\"staff\"]\nallow.signed_in = true\n{}\n", to(address));
    let front = Front::with(&(head("") + &staff), &routes).await;
    let password = "Basic YWRhOnNlY3JldA==";
    for origin in ["https://evil.test", "null"] {
        let evil = format!("{password}\r\norigin: {origin}");
        let (answer, _) = open_tunnel(&front, ("authorization", &evil)).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{origin}: {answer}");
    }
    assert!(seen.take().is_none(), "the upstream was asked");
    for own in [password.to_owned(), format!("{password}\r\norigin: https://app.example.com")] {
        let (answer, _) = open_tunnel(&front, ("authorization", &own)).await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    }
}

#[tokio::test]
async fn an_upgrade_to_http_2_is_not_a_way_around() {
    let (address, seen) = upstream().await;
    let front = Front::new(&open("/", &to(address))).await;
    let request = "GET /plain HTTP/1.1\r\nhost: app.example.com\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n";
    let answer = front.raw(request).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    for name in ["upgrade", "connection", "http2-settings"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn requests_that_two_readers_read_differently_reach_no_upstream() {
    let (address, seen) = upstream().await;
    let front = Front::new(&open("/", &to(address))).await;
    for (what, request) in [
        ("two lengths", "POST / HTTP/1.1\r\nhost: app.example.com\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
        ("a signed length", "POST / HTTP/1.1\r\nhost: app.example.com\r\ncontent-length: +1\r\n\r\na"),
        (
            "chunked not last",
            "POST / HTTP/1.1\r\nhost: app.example.com\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        ),
        ("unknown coding", "POST / HTTP/1.1\r\nhost: app.example.com\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n"),
        ("two hosts", "GET / HTTP/1.1\r\nhost: app.example.com\r\nhost: app.example.com\r\n\r\n"),
        ("no host", "GET / HTTP/1.1\r\n\r\n"),
        ("another host in the target", "GET http://evil.test/ HTTP/1.1\r\nhost: app.example.com\r\n\r\n"),
        ("a space before the colon", "GET / HTTP/1.1\r\nhost : app.example.com\r\n\r\n"),
        ("a folded header", "GET / HTTP/1.1\r\nhost: app.example.com\r\nx: a\r\n b\r\n\r\n"),
        ("a NUL", "GET / HTTP/1.1\r\nhost: app.example.com\r\nx: a\0b\r\n\r\n"),
        ("CONNECT", "CONNECT app.example.com:443 HTTP/1.1\r\nhost: app.example.com:443\r\n\r\n"),
        ("*", "OPTIONS * HTTP/1.1\r\nhost: app.example.com\r\n\r\n"),
    ] {
        let answer = front.raw(request).await;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{what}: {answer}");
        assert!(seen.take().is_none(), "{what} reached the upstream");
    }
}

#[tokio::test]
async fn a_length_beside_chunks_is_dropped_and_what_follows_is_no_request() {
    let (address, seen) = upstream().await;
    let front = Front::new(&open("/", &to(address))).await;
    let smuggled = "POST /echo HTTP/1.1\r\nhost: app.example.com\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = front.raw(smuggled).await;
    let reached = seen.take();
    assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    if let Some(head) = reached {
        assert!(!(head.headers.contains_key("content-length") && head.headers.contains_key("transfer-encoding")));
    }
}

#[tokio::test]
async fn an_upstream_that_is_down_is_a_502_and_one_that_is_slow_a_504() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (address, _) = upstream().await;
    let slow = format!("{}timeout = \"300ms\"\n", to(address));
    let routes = open("/", &to(closed)) + &open("/never", &slow) + &open("/echo", &slow);
    let front = Front::new(&routes).await;
    let html = [("accept", "text/html")];
    let answer = front.get("/", &html).await;
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    assert!(text(answer).await.contains("does not answer"));
    let started = Instant::now();
    let answer = front.get("/never", &[]).await;
    assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(text(answer).await.contains("\"error\":\"gateway_timeout\""));
    let text = front.world.shared.metrics().text();
    assert!(text.contains(r#"gangplank_upstream_errors_total{route="/",kind="upstream-unreachable"} 1"#), "{text}");
}

#[tokio::test]
async fn an_upload_may_take_longer_than_the_upstreams_time() {
    let (address, _) = upstream().await;
    let front = Front::new(&open("/", &format!("{}timeout = \"400ms\"\n", to(address)))).await;
    let mut stream = TcpStream::connect(front.address).await.unwrap();
    stream.write_all(b"POST /whole HTTP/1.1\r\nhost: app.example.com\r\ncontent-length: 8\r\n\r\n").await.unwrap();
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stream.write_all(b"x").await.unwrap();
    }
    let mut answer = String::new();
    let mut buffer = [0; 1024];
    while !answer.ends_with("xxxxxxxx") {
        let n = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut buffer)).await.unwrap().unwrap();
        assert_ne!(n, 0, "{answer}");
        answer += &String::from_utf8_lossy(&buffer[..n]);
    }
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
