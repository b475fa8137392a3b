//! `gangplank serve`: starts, reloads, stops.

use bytes::Bytes;
use gangplank_idp::DevCa;
use gangplank_net::{HttpClient, Roots, SystemClock};
use gangplank_oauth::{Budget, Clock, Transport};
use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::browser::call;
use crate::process::{Process, Scratch, gangplank};

const GOOD: &str = r#"
[gate]
listen = "127.0.0.1:0"
public_url = "http://gate.test"
metrics_listen = "127.0.0.1:0"
[cookies]
keys = [{ file = "cookie.key" }]
[[routes]]
path = "/open"
allow.anonymous = true
upstream = "http://127.0.0.1:1"
"#;

/// What a route answers whose upstream is not there.
const ROUTED: StatusCode = StatusCode::BAD_GATEWAY;

struct Served {
    process: Process,
    url: String,
    scratch: Scratch,
}

fn serve(name: &str, config: &str) -> Served {
    start(name, config, "listening address=", "address=")
}

fn serve_json(name: &str, config: &str) -> Served {
    start(name, config, "\"message\":\"listening\"", "\"address\":\"")
}

fn start(name: &str, config: &str, ready: &str, before: &str) -> Served {
    start_in(Scratch::new(name), config, ready, before)
}

fn start_in(scratch: Scratch, config: &str, ready: &str, before: &str) -> Served {
    scratch.write("cookie.key", "0123456789abcdef0123456789abcdef");
    let file = scratch.write("gangplank.toml", config);
    let mut command = gangplank();
    command.args(["serve", "--config"]).arg(file).current_dir(scratch.path(""));
    let mut process = Process::start(command);
    let line = process.wait_for(ready);
    let address = line.split(before).nth(1).and_then(|a| a.split([' ', '"']).next()).expect("an address");
    let url = format!("http://{address}");
    Served { process, url, scratch }
}

async fn status(served: &Served, path: &str) -> StatusCode {
    call(&format!("{}{path}", served.url), &[("host", "gate.test"), ("accept", "*/*")]).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_takes_over_and_a_wrong_one_does_not() {
    let mut served = serve("serve-reload", GOOD);
    assert_eq!(status(&served, "/open").await, ROUTED);
    assert_eq!(status(&served, "/later").await, StatusCode::NOT_FOUND);

    served.scratch.write("gangplank.toml", &GOOD.replace("/open", "/later"));
    let line = served.process.wait_for("configuration reloaded");
    assert!(line.contains("routes[0].path"), "{line}");
    assert_eq!(status(&served, "/later").await, ROUTED);
    assert_eq!(status(&served, "/open").await, StatusCode::NOT_FOUND);

    served.scratch.write("gangplank.toml", &GOOD.replace("path = ", "paht = "));
    let line = served.process.wait_for("did you mean");
    assert!(line.contains("gangplank.toml:9: "), "{line}");
    served.process.wait_for("the configuration in force stays");
    assert_eq!(status(&served, "/later").await, ROUTED);

    served.process.signal("HUP");
    served.process.wait_for("why=SIGHUP");
    served.process.signal("TERM");
    assert_eq!(served.process.wait().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_is_answered_after_the_signal_to_end() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = upstream.local_addr().expect("an address");
    let mut served = serve("serve-in-flight", &GOOD.replace("127.0.0.1:1", &address.to_string()));
    let gate = served.url.trim_start_matches("http://").to_owned();
    let url = format!("{}/open", served.url);
    let request = tokio::spawn(async move { call(&url, &[("host", "gate.test")]).await });
    // It has reached the upstream, which takes its time.
    let (mut asked, _) = upstream.accept().await.expect("the gate");
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        assert!(asked.read_buf(&mut head).await.expect("a request") > 0);
    }
    served.process.signal("TERM");
    while TcpStream::connect(&gate).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!request.is_finished());
    asked.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nfinished").await.expect("the gate still listens");
    let page = request.await.expect("an answer");
    assert_eq!((page.status, page.text.as_str()), (StatusCode::OK, "finished"));
    assert_eq!(served.process.wait().code(), Some(0));
    let said = served.process.said.join("\n");
    // More than one may have finished: what found out that nobody listens any more was perhaps accepted, too.
    assert!(said.contains(" cut=0") && !said.contains("finished=0"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_shown_without_a_restart() {
    let scratch = Scratch::new("serve-tls");
    let [first, second] = [(); 2].map(|()| DevCa::generate(&["127.0.0.1"], SystemClock.now()).expect("a certificate"));
    scratch.write("tls.crt", &first.chain_pem);
    scratch.write("tls.key", &first.key_pem);
    let config =
        GOOD.replace("http://gate.test\"", "https://gate.test\"\ntls = { cert = \"tls.crt\", key = \"tls.key\" }");
    let mut served = start_in(scratch, &config, "listening address=", "address=");
    let url = format!("{}/healthz", served.url.replace("http:", "https:"));
    let trusting =
        |ca: &DevCa| HttpClient::new(&Roots::File(served.scratch.write("ca.pem", &ca.ca_pem))).expect("a client");
    let (of_first, of_second) = (trusting(&first), trusting(&second));
    let ask = async |client: &HttpClient| {
        let request = http::Request::get(&url).body(Bytes::new()).expect("a request");
        client.send(request, Budget::DEFAULT).await.map(|answer| answer.status())
    };
    assert_eq!(ask(&of_first).await.ok(), Some(StatusCode::OK));
    assert!(ask(&of_second).await.is_err(), "not yet");

    served.scratch.write("tls.key", &second.key_pem);
    served.scratch.write("tls.crt", &second.chain_pem);
    served.process.wait_for("certificate reloaded");
    assert_eq!(ask(&of_second).await.ok(), Some(StatusCode::OK));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_in_that_appears_is_read() {
    let mut served = serve("serve-drop-in", GOOD);
    served.scratch.write(
        "gangplank.d/app.toml",
        "[[routes]]\npath = '/dropped'\nallow.anonymous = true\nupstream = 'http://127.0.0.1:1'\n",
    );
    served.process.signal("HUP");
    let line = served.process.wait_for("configuration reloaded");
    assert!(line.contains("routes[1]"), "{line}");
    assert_eq!(status(&served, "/dropped").await, ROUTED);
    // The directory is watched now: another needs no signal.
    served.scratch.write("gangplank.d/more.toml", "[[routes]]\npath = '/more'\nallow.anonymous = true\n");
    assert!(served.process.wait_for("configuration reloaded").contains("routes[2]"));
}

#[test]
fn what_is_read_at_the_start_only_is_said_to_be() {
    let mut served = serve("serve-listen", GOOD);
    served.scratch.write("gangplank.toml", &GOOD.replacen("127.0.0.1:0", "127.0.0.1:1", 1));
    assert!(served.process.wait_for("restart to apply").contains("gate.listen"));
}

#[test]
fn a_taken_address_and_a_wrong_file_have_their_own_status() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("an address");
    let address = taken.local_addr().expect("an address").to_string();
    let scratch = Scratch::new("serve-taken");
    scratch.write("cookie.key", "0123456789abcdef0123456789abcdef");
    let run = |text: &str| {
        let file = scratch.write("gangplank.toml", text);
        let mut command = gangplank();
        command.args(["serve", "--config"]).arg(file).current_dir(scratch.path(""));
        let mut process = Process::start(command);
        (process.wait().code(), process.said.join("\n"))
    };
    let (code, said) = run(&GOOD.replacen("127.0.0.1:0", &address, 1));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&address), "{said}");
    let (code, said) = run("[gate]\n");
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("`gate.listen` is missing") && said.contains("`gate.public_url` is missing"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_leave_a_line_that_machines_read_and_no_credential_does() {
    let config = format!(
        "{GOOD}[[routes]]\npath = '/closed'\naccept = ['dev']\nallow.signed_in = true\nupstream = 'http://127.0.0.1:1'\n\
        [issuers.dev]\nurl = 'http://127.0.0.1:1'\naudiences = ['a']\n[log]\nformat = 'json'\nlevel = 'debug'\n"
    );
    let served = serve_json("serve-audit", &config);
    let token = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJodHRwOi8vMTI3LjAuMC4xOjEifQ.c2lnbmF0dXJl";
    let headers =
        [("host", "gate.test"), ("authorization", &*format!("Bearer {token}")), ("cookie", "gangplank=hunter2")];
    let answer = call(&format!("{}/closed?code=hunter2", served.url), &headers).await;
    assert!(answer.status == StatusCode::UNAUTHORIZED || answer.status == StatusCode::SERVICE_UNAVAILABLE);
    let mut served = served;
    let line = served.process.wait_for("\"target\":\"audit\"");
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(line["decision"], "deny");
    assert_eq!(line["path"], "/closed");
    served.process.signal("TERM");
    assert_eq!(served.process.wait().code(), Some(0));
    let said = served.process.said.join("\n");
    assert!(!said.contains("hunter2") && !said.contains("eyJ"), "{said}");
    for line in &served.process.said {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_health_have_a_listener_of_their_own() {
    let mut served = serve("serve-metrics", GOOD);
    let line = served.process.wait_for("listening for metrics");
    let address = line.split("address=").nth(1).and_then(|a| a.split_whitespace().next()).expect("an address");
    let metrics = call(&format!("http://{address}/metrics"), &[]).await;
    assert_eq!(metrics.status, StatusCode::OK);
    assert!(metrics.text.ends_with("# EOF\n"), "{}", metrics.text);
    assert_eq!(call(&format!("http://{address}/readyz"), &[]).await.status, StatusCode::OK);
    assert_eq!(call(&format!("http://{address}/open"), &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(status(&served, "/metrics").await, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_per_decision_can_be_switched_off_while_it_runs() {
    let mut served = serve("serve-no-audit", GOOD);
    assert_eq!(status(&served, "/open").await, ROUTED);
    assert!(served.process.wait_for("audit:").contains("path=/open"));
    served.scratch.write("gangplank.toml", &format!("{GOOD}[log]\naudit = false\n"));
    assert!(served.process.wait_for("configuration reloaded").contains("changed=log"));
    let before = served.process.said.len();
    assert_eq!(status(&served, "/open").await, ROUTED);
    served.process.signal("TERM");
    assert_eq!(served.process.wait().code(), Some(0));
    assert!(!served.process.said[before..].iter().any(|line| line.contains("audit:")), "{:?}", served.process.said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_changes_during_a_reload_is_not_missed() {
    let unreachable = r#"
[issuers.down]
entra = { tenant = "dca11c8d-0000-4000-8000-000000000001", authority = "http://127.0.0.1:1" }
audiences = ["x"]
[[routes]]
path = "/closed"
accept = ["down"]
allow.signed_in = true
upstream = "http://127.0.0.1:1"
"#;
    let config = format!("{GOOD}{unreachable}");
    let mut served = serve("serve-reload-secret", &config);
    served.scratch.write("gangplank.toml", &config.replace("/open", "/later"));
    // Said once the new gate is built. It now waits for its provider before it takes over.
    served.process.wait_for("gate.public_url is http");
    served.scratch.write("cookie.key", "another0another0another0another0");
    let line = served.process.wait_for("configuration reloaded");
    assert!(line.contains("routes[0].path"), "{line}");
    let line = served.process.wait_for("configuration reloaded");
    assert!(line.contains("why=") && line.contains("cookie.key"), "{line}");
}
