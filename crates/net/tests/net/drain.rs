//! The end: who may finish, who is cut off, and that it is counted.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gangplank_net::{DrainReport, ServerLimits};
use http::Response;
use http_body_util::Full;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::support::{connect, read_to_end, read_until, soon, start, tell};

const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn requests_in_flight_finish_idle_connections_close_and_new_ones_are_refused() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (seen, wait) = (begun.clone(), go.clone());
    let server = start(ServerLimits::default(), None, move |request, _| {
        let (seen, wait) = (seen.clone(), wait.clone());
        async move {
            if http::Request::<hyper::body::Incoming>::uri(&request).path() == "/wait" {
                seen.notify_one();
                wait.notified().await;
            }
            Response::new(Full::<Bytes>::from("whole"))
        }
    });
    let mut idle = connect(server.address).await;
    idle.write_all(ASK).await.unwrap();
    read_until(&mut idle, "whole").await;
    let mut silent = connect(server.address).await;
    let mut busy = connect(server.address).await;
    busy.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    soon(begun.notified()).await;

    server.shutdown.trigger();
    assert_eq!(read_to_end(&mut idle).await, "");
    assert_eq!(read_to_end(&mut silent).await, "");
    assert!(TcpStream::connect(server.address).await.is_err());
    go.notify_one();
    let answer = read_to_end(&mut busy).await;
    assert!(answer.contains("200 OK") && answer.ends_with("whole"), "{answer}");
    let report = server.stopped().await;
    assert_eq!(report.cut, 0);
    assert!(report.finished >= 1, "{report:?}");
}

#[tokio::test]
async fn what_does_not_finish_is_cut_off_and_counted() {
    let begun = Arc::new(Notify::new());
    let seen = begun.clone();
    let limits = ServerLimits { drain: Duration::from_millis(50), ..ServerLimits::default() };
    let server = start(limits, None, move |_, _| {
        seen.notify_one();
        std::future::pending::<Response<Full<Bytes>>>()
    });
    let mut stuck = connect(server.address).await;
    stuck.write_all(ASK).await.unwrap();
    soon(begun.notified()).await;
    assert_eq!(server.stopped().await, DrainReport { finished: 0, cut: 1 });
    assert_eq!(read_to_end(&mut stuck).await, "");
}

#[tokio::test]
async fn nothing_to_drain_takes_no_time() {
    let server = start(ServerLimits { drain: Duration::from_secs(3600), ..ServerLimits::default() }, None, tell);
    assert_eq!(server.stopped().await, DrainReport { finished: 0, cut: 0 });
}
