//! What reaches an upstream byte by byte, and what comes back, when either side does not play fair.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::proxy::{Front, to};
use crate::support::*;

/// The bytes that reached it.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<Vec<u8>>>);

impl Wire {
    fn take(&self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut *self.0.lock().unwrap())).into_owned()
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// An upstream that gives this answer whenever what is sent to it pauses.
async fn upstream(answer: &'static str) -> (SocketAddr, Wire) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let wire = Wire::default();
    let kept = wire.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let kept = kept.clone();
            tokio::spawn(async move {
                let (mut buffer, mut waiting) = ([0; 4096], false);
                loop {
                    match tokio::time::timeout(Duration::from_millis(100), stream.read(&mut buffer)).await {
                        Ok(Ok(n @ 1..)) => {
                            kept.0.lock().unwrap().extend_from_slice(&buffer[..n]);
                            waiting = true;
                        }
                        Ok(_) => return,
                        Err(_) if waiting => {
                            stream.write_all(answer.as_bytes()).await.unwrap();
                            waiting = false;
                        }
                        Err(_) => {}
                    }
                }
            });
        }
    });
    (address, wire)
}

fn post(headers: &str, body: &str) -> String {
    format!("POST /x HTTP/1.1\r\nhost: app.example.com\r\n{headers}\r\n{body}")
}

#[tokio::test]
async fn trailers_carry_nothing_that_a_header_may_not() {
    let (address, wire) = upstream(OK).await;
    let front = Front::new(&open("/", &to(address))).await;
    let forged = "X-Auth-Request-User: root\r\nx_auth_request_groups: admins\r\nX-Forwarded-For: 1.2.3.4\r\nCookie: a=1\r\nAuthorization: Basic eDp5\r\nHost: evil\r\nX-HTTP-Method-Override: DELETE\r\nContent-Length: 3\r\nx-sum: kept\r\n";
    let names = "x-auth-request-user, x_auth_request_groups, x-forwarded-for, cookie, authorization, host, x-http-method-override, content-length, x-sum";
    let headers = format!("transfer-encoding: chunked\r\nte: trailers\r\ntrailer: {names}\r\n");
    let answer = front.raw(&post(&headers, &format!("4\r\nabcd\r\n0\r\n{forged}\r\n"))).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let sent = wire.take();
    assert!(sent.ends_with("4\r\nabcd\r\n0\r\nx-sum: kept\r\n\r\n"), "{sent}");
}

#[tokio::test]
async fn a_length_beside_chunks_never_goes_further() {
    let (address, wire) = upstream(OK).await;
    let front = Front::new(&open("/", &to(address))).await;
    for headers in
        ["content-length: 4\r\ntransfer-encoding: chunked\r\n", "transfer-encoding: chunked\r\ncontent-length: 4\r\n"]
    {
        let answer = front.raw(&post(headers, "8\r\nabcdefgh\r\n0\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{headers}: {answer}");
        let sent = wire.take();
        assert!(!sent.contains("content-length"), "{sent}");
        assert!(sent.ends_with("\r\n\r\n8\r\nabcdefgh\r\n0\r\n\r\n"), "{sent}");
    }

    let both = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n6\r\nabcdef\r\n0\r\n\r\n";
    let (address, _) = upstream(both).await;
    let front = Front::new(&open("/", &to(address))).await;
    let answer = front.raw("GET / HTTP/1.1\r\nhost: app.example.com\r\n\r\n").await;
    assert!(!answer.contains("content-length") && answer.ends_with("\r\n6\r\nabcdef\r\n0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_body_of_unknown_length_arrives_whatever_the_method() {
    let (address, wire) = upstream(OK).await;
    let front = Front::new(&open("/", &to(address))).await;
    for method in ["GET", "DELETE", "QUERY"] {
        let request = post("transfer-encoding: chunked\r\n", "4\r\nabcd\r\n0\r\n\r\n").replace("POST", method);
        front.raw(&request).await;
        let sent = wire.take();
        assert!(sent.starts_with(method) && sent.ends_with("\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"), "{sent}");
    }
    front.raw("GET /x HTTP/1.1\r\nhost: app.example.com\r\n\r\n").await;
    let sent = wire.take();
    assert!(!sent.contains("transfer-encoding") && !sent.contains("content-length"), "{sent}");
}

#[tokio::test]
async fn an_upstream_cannot_set_our_cookie_without_a_name() {
    let answer = "HTTP/1.1 200 OK\r\nset-cookie: =__Host-gangplank=a\r\nset-cookie:  = gangplank=a\r\nset-cookie: app=1\r\ncontent-length: 0\r\n\r\n";
    let (address, _) = upstream(answer).await;
    let front = Front::new(&open("/", &to(address))).await;
    let answer = front.raw("GET / HTTP/1.1\r\nhost: app.example.com\r\n\r\n").await;
    assert!(answer.contains("set-cookie: app=1\r\n") && !answer.contains("gangplank"), "{answer}");
}

#[tokio::test]
async fn cookies_that_http_2_split_are_one_header_again() {
    let (address, wire) = upstream(OK).await;
    let front = Front::new(&open("/", &to(address))).await;
    let cookies = "cookie: a=1\r\ncookie: __Host-gangplank=x\r\ncookie: b=2; =__Host-gangplank=y\r\n";
    front.raw(&post(cookies, "")).await;
    let sent = wire.take();
    assert!(sent.contains("\r\ncookie: a=1; b=2\r\n") && !sent.contains("gangplank"), "{sent}");
}

#[tokio::test]
async fn a_method_that_a_route_guards_cannot_be_asked_for_by_another_name() {
    let (address, wire) = upstream(OK).await;
    let routes = open("/split", &to(address)) + &demo("/split", &format!("methods = [\"DELETE\"]\n{}", to(address)));
    let front = Front::new(&(routes + &open("/", &to(address)))).await;
    let over = "X-HTTP-Method-Override: DELETE\r\nx_http_method: DELETE\r\nX-Method-Override: DELETE\r\n";
    front.raw(&post(over, "").replace("/x", "/split/1")).await;
    let sent = wire.take();
    assert!(sent.starts_with("POST /split/1 ") && !sent.contains("DELETE"), "{sent}");
    // Where no route tells methods apart, it is between the client and the application.
    front.raw(&post(over, "")).await;
    assert!(wire.take().contains("x-http-method-override: DELETE"));
}
