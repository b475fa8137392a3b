//! Whose session is whose, how large a body is, and when a stream ends.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::Frame;

use crate::mcp_upstream::*;
use crate::support::*;

const URL: &str = "https://app.example.com/mcp";
const KEY_A: &str = "rFqv3Yd1pZs7kT0wUxN5mB2cH8jL4gQe6aOiSy9VtXo=";
const KEY_B: &str = "another-secret-of-sufficient-length-0123456789";

async fn world(mcp: &str) -> (World, McpServer) {
    let server = McpServer::start().await;
    (World::new(&format!("{}{}", head(""), protected("/mcp", &server, mcp))), server)
}

fn bearer(world: &World, user: &str) -> String {
    format!("Bearer {}", world.token(user))
}

/// Begins a session and gives its id.
async fn begin(world: &World, url: &str, token: &str) -> String {
    let begun = world.send(STRANGER, post(url, &[("authorization", token)], INITIALIZE)).await;
    assert_eq!(begun.status, StatusCode::OK, "{begun:?}");
    begun.header("mcp-session-id").expect("a session").to_owned()
}

async fn status(world: &World, method: &str, token: &str, ids: &[&str]) -> u16 {
    let mut headers = vec![("authorization", token)];
    headers.extend(ids.iter().map(|id| ("mcp-session-id", *id)));
    let sent = if method == "POST" { post(URL, &headers, PING) } else { request(method, URL, &headers) };
    world.gate.handle(sent, peer_of(STRANGER)).await.status().as_u16()
}

/// A body that does not say how long it is.
struct InParts(std::vec::IntoIter<Bytes>);

impl hyper::body::Body for InParts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next().map(|part| Ok(Frame::data(part))))
    }
}

#[tokio::test]
async fn a_session_is_its_callers_own_by_every_method() {
    let (world, server) = world("").await;
    let (alice, bob) = (bearer(&world, "alice"), bearer(&world, "bob"));
    let id = begin(&world, URL, &alice).await;
    assert!(id.starts_with("upstream-0."), "{id}");
    server.seen();
    for method in ["POST", "GET", "DELETE"] {
        assert_eq!(status(&world, method, &bob, &[&id]).await, 404, "{method}: another caller");
        assert_eq!(status(&world, method, &bob, &["upstream-0"]).await, 404, "{method}: the upstream's own id");
        assert_eq!(status(&world, method, &alice, &["upstream-0"]).await, 404, "{method}: not as it was handed out");
    }
    assert!(server.seen().is_empty(), "nothing reached the server");
    // A new token of the same caller is the same caller.
    world.pass(Duration::from_secs(60));
    assert_eq!(status(&world, "POST", &bearer(&world, "alice"), &[&id]).await, 200);
    assert_eq!(status(&world, "GET", &alice, &[&id]).await, 200);
    assert_eq!(status(&world, "DELETE", &alice, &[&id]).await, 204);
    assert_eq!(status(&world, "POST", &alice, &[&id]).await, 404, "the server's own word, as the id is good");
}

#[tokio::test]
async fn hostile_ids_reach_nobody() {
    let (world, server) = world("").await;
    let alice = bearer(&world, "alice");
    let id = begin(&world, URL, &alice).await;
    server.seen();
    let (own, tag) = id.rsplit_once('.').unwrap();
    let long = "x".repeat(1000);
    for (ids, expected) in [
        (&[id.as_str(), &id][..], 400),
        (&[&id, "upstream-0"], 400),
        (&["", &id], 400),
        (&[""], 400),
        (&["a b"], 400),
        (&["upstream-0\u{e9}"], 400),
        (&[&long], 400),
        (&["upstream-0."], 404),
        (&[&format!("upstream-1.{tag}")], 404),
        (&[&format!("{own}.{}", "A".repeat(43))], 404),
        (&[&format!("{id}.{tag}")], 404),
        (&[&format!("{id},upstream-0")], 404),
        (&[tag], 404),
    ] {
        assert_eq!(status(&world, "POST", &alice, ids).await, expected, "{ids:?}");
    }
    assert!(server.seen().is_empty());
    // What a server could fold into the header does not come through, whoever sends it.
    let headers =
        [("authorization", alice.as_str()), ("mcp_session_id", "upstream-0"), ("mcp.session.id", "upstream-0")];
    world.send(STRANGER, post(URL, &headers, PING)).await;
    let seen = server.seen();
    assert!(seen[0].headers.keys().all(|name| !name.as_str().contains("session")), "{:?}", seen[0].headers);
}

#[tokio::test]
async fn a_session_is_of_one_route_and_survives_reloads_rotations_and_replicas() {
    let server = McpServer::start().await;
    let config = |keys: &str| {
        let keys = format!("[cookies]\nkeys = [{keys}]\n");
        let routes = format!("{}{}", protected("/mcp", &server, ""), protected("/mcp2", &server, ""));
        head("").replace("[issuers.corp]", &format!("{keys}\n[issuers.corp]")) + &routes
    };
    let directory = std::env::temp_dir().join(format!("gangplank-mcp-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let [a, b] = [("a", KEY_A), ("b", KEY_B)].map(|(name, key)| {
        let file = directory.join(name);
        std::fs::write(&file, key).unwrap();
        format!("{{ file = \"{}\" }}", file.display())
    });
    let first = World::new(&config(&a));
    let alice = bearer(&first, "alice");
    let id = begin(&first, URL, &alice).await;
    assert_eq!(status(&first.reloaded(&config(&a)).unwrap(), "POST", &alice, &[&id]).await, 200, "reloaded");
    let rotated = first.reloaded(&config(&format!("{b}, {a}"))).unwrap();
    assert_eq!(status(&rotated, "POST", &alice, &[&id]).await, 200, "a new key in front");
    let newer = begin(&rotated, URL, &alice).await;
    let replica = first.started_anew(&config(&b));
    assert_eq!(status(&replica, "POST", &alice, &[&newer]).await, 200, "another process with the new key");
    assert_eq!(status(&replica, "POST", &alice, &[&id]).await, 404, "the key is gone");

    let other = post(&format!("{URL}2"), &[("authorization", &alice), ("mcp-session-id", &newer)], PING);
    assert_eq!(rotated.send(STRANGER, other).await.status, StatusCode::NOT_FOUND, "another route of the same server");
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn stateless_servers_and_the_stateless_revision_pass_as_they_are() {
    let server = McpServer::start().await;
    let world = World::new(&format!("{}{}", head(""), protected("/stateless", &server, "")));
    let alice = bearer(&world, "alice");
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    let headers = [
        ("authorization", alice.as_str()),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "x"),
    ];
    let answer = world.send(STRANGER, post("https://app.example.com/stateless", &headers, call)).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, call));
    assert_eq!(answer.header("mcp-session-id"), None);
    let seen = server.seen();
    assert_eq!(seen[0].body.as_deref(), Some(call.as_bytes()));
    for name in ["mcp-protocol-version", "mcp-method", "mcp-name"] {
        assert!(seen[0].headers.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn the_older_transport_passes_only_where_it_is_let_and_its_urls_are_bound() {
    let server = McpServer::start().await;
    let route = |legacy: bool| {
        let config = protected("/", &server, &format!("legacy_sse = {legacy}"));
        World::new(&format!("{}{config}", head("")))
    };
    let closed = route(false);
    let alice = bearer(&closed, "alice");
    let broken = closed.get("https://app.example.com/sse", &[("authorization", &alice)]).await;
    assert_eq!((broken.status.as_u16(), broken.body.as_str()), (200, ""), "nobody learns of the session");
    server.seen();
    let guessed = post("https://app.example.com/messages?session_id=upstream-0", &[("authorization", &alice)], PING);
    assert_eq!(closed.send(STRANGER, guessed).await.status, StatusCode::NOT_FOUND);
    assert!(server.seen().is_empty(), "nor does anybody get into one that was begun elsewhere");

    let open = route(true);
    let (alice, bob) = (bearer(&open, "alice"), bearer(&open, "bob"));
    let headers = [("authorization", alice.as_str())];
    let stream = open.gate.handle(request("GET", "https://app.example.com/sse", &headers), peer_of(STRANGER)).await;
    let mut stream = stream.into_body();
    let event = String::from_utf8(stream.frame().await.unwrap().unwrap().into_data().unwrap().to_vec()).unwrap();
    let url = event.strip_prefix("event: endpoint\ndata: ").unwrap().trim_end();
    assert!(url.starts_with("/messages?session_id=upstream-1&gangplank_session="), "{url}");
    server.seen();
    let (untagged, _) = url.split_once('&').unwrap();
    for (token, url, expected) in [
        (&alice, url.to_owned(), 202),
        (&bob, url.to_owned(), 404),
        (&alice, untagged.to_owned(), 404),
        (&bob, untagged.to_owned(), 404),
        (&alice, url.replace("upstream-1", "upstream-0"), 404),
        (&alice, url.replace("/messages", "/mcp"), 404),
        (&alice, format!("{url}&session_id=upstream-0"), 404),
        (&alice, "/messages?".to_owned(), 404),
    ] {
        let answer = open
            .send(STRANGER, post(&format!("https://app.example.com{url}"), &[("authorization", token)], PING))
            .await;
        assert_eq!(answer.status.as_u16(), expected, "{url}");
    }
    let seen = server.seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].target, "/messages?session_id=upstream-1");
}

#[tokio::test]
async fn a_body_is_as_large_as_is_said_and_what_is_larger_never_arrives_whole() {
    let (world, server) = world("body_limit = \"1KiB\"").await;
    let alice = bearer(&world, "alice");
    let headers = [("authorization", alice.as_str())];
    let initialize = |size: usize| format!("{INITIALIZE}{}", " ".repeat(size - INITIALIZE.len()));
    assert_eq!(world.send(STRANGER, post(URL, &headers, &initialize(1024))).await.status, StatusCode::OK);
    assert_eq!(server.seen()[0].body.as_ref().unwrap().len(), 1024);
    let large = world.send(STRANGER, post(URL, &headers, &initialize(1025))).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(server.seen().is_empty(), "it said its size, and nobody was asked");

    // In parts, without a length.
    for (parts, expected) in [(4, 200), (5, 413)] {
        let text = initialize(parts * 256);
        let chunks: Vec<Bytes> = text.as_bytes().chunks(256).map(Bytes::copy_from_slice).collect();
        let sent = post(URL, &headers, "").map(|_| InParts(chunks.into_iter()));
        let answer = Answer::read(world.gate.handle(sent, peer_of(STRANGER)).await).await;
        assert_eq!(answer.status.as_u16(), expected, "{parts} parts");
        let whole =
            server.seen().into_iter().filter(|seen| seen.body.as_ref().is_some_and(|body| !body.is_empty())).count();
        assert_eq!(whole, usize::from(expected == 200), "{parts} parts");
    }
    let encoded = with(&headers, &[("content-encoding", "gzip")]);
    let refused = world.send(STRANGER, post(URL, &encoded, PING)).await;
    assert_eq!(refused.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_stream_of_a_session_breaks_off_with_the_token_that_opened_it() {
    let (world, _) = world("").await;
    let alice = bearer(&world, "alice");
    let id = begin(&world, URL, &alice).await;
    let headers = [("authorization", alice.as_str()), ("mcp-session-id", id.as_str())];
    let mut stream = world.gate.handle(request("GET", URL, &headers), peer_of(STRANGER)).await.into_body();
    assert!(stream.frame().await.unwrap().is_ok());
    world.pass(Duration::from_secs(3600 + 61));
    assert!(stream.frame().await.unwrap().is_err(), "broken off, though the server says nothing");
    assert_eq!(status(&world, "POST", &alice, &[&id]).await, 401);
    let anew = bearer(&world, "alice");
    assert_eq!(status(&world, "POST", &anew, &[&id]).await, 200, "the session is there for the next token");
}
