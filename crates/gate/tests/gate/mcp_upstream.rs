//! An MCP server for tests, which keeps what it saw. It speaks three ways:
//!
//! - `/mcp…`: Streamable HTTP with sessions: `initialize` by POST gives an id (JSON), other POSTs answer with an event stream,
//!   GET is a stream that never ends, DELETE ends the session. An id that it did not give out is 404.
//! - `/stateless`: JSON, and no session.
//! - `/sse` and `/messages`: the transport of 2024-11-05.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use gangplank_net::{ServerLimits, Shutdown, serve};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use tokio::net::TcpListener;

use crate::support::*;

type Boxed = BoxBody<Bytes, Infallible>;

/// One request that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
}

/// The server, and what it saw.
#[derive(Clone)]
pub(crate) struct McpServer {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Arrived>>>,
    sessions: Arc<Mutex<BTreeSet<String>>>,
    next: Arc<AtomicUsize>,
}

impl McpServer {
    pub(crate) async fn start() -> McpServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = McpServer {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            sessions: Arc::default(),
            next: Arc::default(),
        };
        let answering = server.clone();
        let answer = move |request: Request<Incoming>, _| {
            let server = answering.clone();
            async move { server.answer(request).await }
        };
        tokio::spawn(serve(listener, None, ServerLimits::default(), answer, Shutdown::new()));
        server
    }

    /// All that arrived since the last time this was asked.
    pub(crate) fn seen(&self) -> Vec<Arrived> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Boxed> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.ok().map(http_body_util::Collected::to_bytes);
        let target = head.uri.path_and_query().unwrap().to_string();
        let arrived =
            Arrived { method: head.method.clone(), target, headers: head.headers.clone(), body: body.clone() };
        self.seen.lock().unwrap().push(arrived);
        let text = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
        match (head.method.as_str(), head.uri.path()) {
            ("GET", "/sse") => {
                stream(Some(format!("event: endpoint\ndata: /messages?session_id={}\n\n", self.begin())))
            }
            ("POST", "/messages") => {
                let known = head.uri.query().and_then(|query| query.strip_prefix("session_id="));
                self.in_session(known, || status(StatusCode::ACCEPTED))
            }
            ("POST", "/stateless") => json(&text),
            ("POST", path) if path.starts_with("/mcp") && text.contains("\"initialize\"") => {
                let mut answer = json(&text);
                answer.headers_mut().insert("mcp-session-id", self.begin().parse().unwrap());
                answer
            }
            (method, path) if path.starts_with("/mcp") => {
                let id = head.headers.get("mcp-session-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
                self.in_session(id.as_deref(), || match method {
                    "GET" => stream(None),
                    "DELETE" => {
                        self.sessions.lock().unwrap().remove(id.as_deref().unwrap_or_default());
                        status(StatusCode::NO_CONTENT)
                    }
                    _ => events(&format!("event: message\nid: 1\ndata: {text}\n\n")),
                })
            }
            _ => status(StatusCode::NOT_FOUND),
        }
    }

    fn begin(&self) -> String {
        let id = format!("upstream-{}", self.next.fetch_add(1, Ordering::SeqCst));
        self.sessions.lock().unwrap().insert(id.clone());
        id
    }

    fn in_session(&self, id: Option<&str>, answer: impl FnOnce() -> Response<Boxed>) -> Response<Boxed> {
        let known = id.is_some_and(|id| self.sessions.lock().unwrap().contains(id));
        if known { answer() } else { status(StatusCode::NOT_FOUND) }
    }
}

fn status(status: StatusCode) -> Response<Boxed> {
    let answer = Response::builder().status(status).header("access-control-allow-origin", "*");
    answer.body(Full::default().boxed()).unwrap()
}

fn json(text: &str) -> Response<Boxed> {
    let answer = Response::builder().header("content-type", "application/json");
    answer.header("access-control-allow-origin", "*").body(Full::from(text.to_owned()).boxed()).unwrap()
}

fn events(text: &str) -> Response<Boxed> {
    let answer = Response::builder().header("content-type", "text/event-stream");
    answer.body(Full::from(text.to_owned()).boxed()).unwrap()
}

fn stream(first: Option<String>) -> Response<Boxed> {
    let answer = Response::builder().header("content-type", "text/event-stream; charset=utf-8");
    answer.body(Endless(Some(first.unwrap_or_else(|| ": open\n\n".to_owned()))).boxed()).unwrap()
}

/// One chunk, and then nothing, without an end.
struct Endless(Option<String>);

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.take().map_or(Poll::Pending, |first| Poll::Ready(Some(Ok(Frame::data(first.into())))))
    }
}

/// A route to it, for everybody with a token.
pub(crate) fn protected(path: &str, server: &McpServer, mcp: &str) -> String {
    let address = server.address;
    format!(
        "\n[[routes]]\npath = \"{path}\"\naccept = [\"corp\"]\nallow.signed_in = true\nupstream = \"http://{address}\"\n\
         [routes.mcp]\n{mcp}\n"
    )
}

/// A POST of a JSON-RPC message.
pub(crate) fn post(url: &str, headers: &[(&str, &str)], body: &str) -> Request<Full<Bytes>> {
    let headers =
        with(headers, &[("content-type", "application/json"), ("accept", "application/json, text/event-stream")]);
    request("POST", url, &headers).map(|_| Full::from(body.to_owned()))
}

pub(crate) const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#;
pub(crate) const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
