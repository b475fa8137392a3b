//! Bad input at the real executable, over sockets: what is said outside, what stands in the log, and that it goes on.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::process::{PATIENCE, Process, Scratch, gangplank, resident};

struct World {
    /// The tenant that the gate asks.
    _dev: Process,
    _scratch: Scratch,
    gate: Process,
    address: String,
    /// Good for the closed route.
    token: String,
}

/// A gate that asks the tenant of `gangplank dev`, with this `[log]`.
fn world(name: &str, log: &str) -> World {
    let scratch = Scratch::new(name);
    scratch.write("cookie.key", "0123456789abcdef0123456789abcdef");
    let mut command = gangplank();
    command.args(["dev", "--port", "0"]).env("TMPDIR", scratch.path(""));
    let mut dev = Process::start(command);
    let line = dev.wait_for("Authorization: Bearer");
    let token = line.split(['\'', ' ']).find(|word| word.starts_with("eyJ")).expect("a token").to_owned();
    let tenant = dev.wait_for("Tenant ").split_whitespace().last().expect("a URL").trim_end_matches('/').to_owned();
    let audiences = dev.wait_for("audiences = ").trim().to_owned();
    let client = dev.wait_for("id = ").trim().to_owned();
    let config = format!(
        r#"
gate = {{ listen = "127.0.0.1:0", public_url = "http://gate.test" }}
cookies.keys = [{{ file = "cookie.key" }}]
[log]
format = "json"
{log}
[issuers.dev]
entra = {{ tenant = "dca11c8d-0000-4000-8000-000000000001", authority = "{tenant}" }}
{audiences}
[clients.dev]
issuer = "dev"
{client}
secret = {{ env = "CLIENT_SECRET" }}
[[routes]]
path = "/"
sign_in = "dev"
allow.signed_in = true
upstream = "{tenant}"
"#
    );
    let file = scratch.write("gangplank.toml", &config);
    let mut command = gangplank();
    command.args(["serve", "--config"]).arg(file).current_dir(scratch.path("")).env("CLIENT_SECRET", "unused");
    let mut gate = Process::start(command);
    let line = gate.wait_for("\"message\":\"listening\"");
    let address = line.split("\"address\":\"").nth(1).and_then(|a| a.split('"').next()).expect("an address").to_owned();
    World { _dev: dev, _scratch: scratch, gate, address, token }
}

/// Sends octets, reads to the end.
fn talk(address: &str, octets: &[u8]) -> String {
    let mut tcp = TcpStream::connect(address).expect("it accepts connections");
    tcp.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    // It may have heard enough before everything is sent.
    let _ = tcp.write_all(octets);
    let mut answer = Vec::new();
    let _ = tcp.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

impl World {
    fn get(&self, path: &str, headers: &[(&str, &[u8])]) -> String {
        let mut octets = format!("GET {path} HTTP/1.1\r\nhost: gate.test\r\nconnection: close\r\n").into_bytes();
        for (name, value) in headers {
            octets.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        octets.extend_from_slice(b"\r\n");
        talk(&self.address, &octets)
    }

    #[track_caller]
    fn lives(&self) {
        let answer = self.get("/healthz", &[]);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// The reason in the next line of the audit.
    fn reason(&mut self) -> String {
        let line = self.gate.wait_for("\"target\":\"audit\"");
        let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        line["reason"].as_str().unwrap_or_default().to_owned()
    }

    /// It ends well, and has shown nothing of these.
    #[track_caller]
    fn ends_without_having_said(mut self, secrets: &[&str]) {
        self.gate.signal("TERM");
        assert_eq!(self.gate.wait().code(), Some(0));
        for line in &self.gate.said {
            assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
            assert!(!line.contains("panic"), "{line}");
            assert!(secrets.iter().all(|s| !line.contains(s)), "{line}");
        }
    }
}

fn status(answer: &str) -> u16 {
    answer.get(9..12).and_then(|s| s.parse().ok()).unwrap_or(0)
}

/// An answer without what is another's every time.
fn plain(answer: &str) -> String {
    let id = answer.split("\"request_id\":\"").nth(1).and_then(|a| a.split('"').next()).unwrap_or("none");
    let lines: Vec<_> = answer.lines().filter(|l| !l.starts_with("date:")).collect();
    lines.join("\n").replace(id, "ID")
}

#[test]
fn every_bad_credential_gets_one_answer_and_its_own_line() {
    let mut world = world("hostile-credentials", "level = 'info'");
    let good = format!("Bearer {}", world.token);
    let answer = world.get("/", &[("authorization", good.as_bytes())]);
    assert_eq!(status(&answer), 200, "{answer}");
    assert_eq!(world.reason(), "", "it is let in");

    let token = world.token.clone();
    let (signed, signature) = token.rsplit_once('.').expect("a token");
    let (header, payload) = signed.split_once('.').expect("a token");
    let other = format!("AAAA{}", &signature[4..]);
    let long = "A".repeat(30_000);
    let mut outward = Vec::new();
    for (bearer, reason) in [
        (token[..token.len() / 2].to_owned(), "token-not-compact"),
        (signed.to_owned(), "token-not-compact"),
        (format!("{signed}."), "token-signature-missing"),
        (format!("{signed}.{other}"), "token-signature-invalid"),
        (format!("{token}{signature}"), "token-signature-invalid"),
        (format!("{token}.{signature}"), "token-not-compact"),
        (format!("{header}.e30.{signature}"), "issuer-unknown"),
        (format!("eyJhbGciOiJub25lIn0.{payload}."), "token-algorithm-none"),
        (format!("{long}.{long}.A"), "token-header-malformed"),
        ("a.b.c".to_owned(), "token-not-base64url"),
        ("%2e%2e".to_owned(), "bearer-malformed"),
        ("🦀.é.ß".to_owned(), "bearer-malformed"),
        (format!("{token} {token}"), "bearer-malformed"),
        (String::new(), "bearer-malformed"),
    ] {
        let answer = world.get("/", &[("authorization", format!("Bearer {bearer}").as_bytes())]);
        outward.push(plain(&answer));
        assert_eq!((status(&answer), &*world.reason()), (401, reason), "{:.60}", bearer);
    }
    for second in [good.as_bytes(), b"Bearer x", b"Basic eDp5"] {
        let answer = world.get("/", &[("authorization", good.as_bytes()), ("authorization", second)]);
        outward.push(plain(&answer));
        assert_eq!((status(&answer), &*world.reason()), (401, "authorization-repeated"));
    }
    outward.dedup();
    assert_eq!(outward.len(), 1, "{outward:#?}");
    assert!(outward[0].contains("error=\"invalid_token\"") && outward[0].ends_with(BODY), "{}", outward[0]);

    let sealed = "A".repeat(90);
    let mut outward = Vec::new();
    for (cookie, reason) in [
        (b"other=1".to_vec(), "not-signed-in"),
        (b"gangplank=".to_vec(), "sealed-malformed"),
        (b"gangplank=x".to_vec(), "sealed-malformed"),
        (format!("gangplank={sealed}").into_bytes(), "sealed-malformed"),
        (format!("gangplank={}", "A".repeat(20_000)).into_bytes(), "sealed-malformed"),
        (format!("gangplank={sealed}; gangplank=x").into_bytes(), "cookie-repeated"),
        (b"gangplank=\xff\xfe".to_vec(), "sealed-malformed"),
        (b"gangplank=\"quoted\"; ;;=;".to_vec(), "sealed-malformed"),
    ] {
        let answer = world.get("/", &[("cookie", &cookie)]);
        outward.push(plain(&answer));
        assert_eq!((status(&answer), &*world.reason()), (401, reason), "{:?}", String::from_utf8_lossy(&cookie));
    }
    outward.dedup();
    assert_eq!(outward.len(), 1, "{outward:#?}");
    assert!(!outward[0].contains("error=\"") && outward[0].ends_with(BODY), "{}", outward[0]);
    world.ends_without_having_said(&[signature, payload, &sealed]);
}

/// What a program is told, whatever was wrong.
const BODY: &str = r#"{"error":"unauthorized","request_id":"ID"}"#;

#[test]
fn heads_and_forms_that_make_no_sense_are_refused_and_the_next_is_answered() {
    let mut world = world("hostile-heads", "level = 'info'");
    let head = |lines: &str| format!("GET / HTTP/1.1\r\nconnection: close\r\n{lines}\r\n").into_bytes();
    let post = |path: &str, more: &str, body: &str| {
        format!("POST {path} HTTP/1.1\r\nhost: gate.test\r\nconnection: close\r\n{more}\r\n{body}").into_bytes()
    };
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let out = "/oauth2/sign_out";
    let large = "x".repeat(70_000);
    // Without a reason: the HTTP library made no request of it. 0: and hung up.
    for (octets, expected, reason) in [
        (head(""), 400, "host-malformed"),
        (head("host: a\r\nhost: b\r\n"), 400, "host-malformed"),
        (head("host: user@gate.test\r\n"), 400, "host-malformed"),
        (head("host: gate.test, other.test\r\n"), 400, "host-malformed"),
        (head("host: elsewhere.test\r\n"), 404, "host-unknown"),
        (head(&format!("host: gate.test\r\nx: {large}\r\n")), 431, ""),
        (head(&format!("host: gate.test\r\n{}", "a: b\r\n".repeat(2000))), 431, ""),
        (head("host: gate.test\r\nx: \0\r\n"), 400, ""),
        (head("host: gate.test\r\nx : y\r\n"), 400, ""),
        (head("host: gate.test\r\nno colon\r\n"), 400, ""),
        (b"GET /%2e%2e/x HTTP/1.1\r\nhost: gate.test\r\nconnection: close\r\n\r\n".to_vec(), 400, "path-ambiguous"),
        (b"GET /a%00b HTTP/1.1\r\nhost: gate.test\r\nconnection: close\r\n\r\n".to_vec(), 400, "path-ambiguous"),
        (b"GET / HTTP/9.9\r\nhost: gate.test\r\n\r\n".to_vec(), 400, ""),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), 400, ""),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(), 0, ""),
        (post(out, &format!("{form}content-length: -1\r\n"), ""), 400, ""),
        (post(out, &format!("{form}content-length: 5\r\ncontent-length: 6\r\n"), "abcdef"), 400, ""),
        (post(out, &format!("{form}transfer-encoding: chunked\r\n"), "zz\r\n"), 400, "body-broken"),
        (post(out, &format!("{form}content-length: 70000\r\n"), &large), 413, "form-too-large"),
        (post(out, &format!("{form}content-length: 9\r\n"), "csrf=%zz%"), 403, "sign-out-cross-site"),
        (post("/oauth2/callback", &format!("{form}content-length: 3\r\n"), "a=b"), 405, "endpoint-method"),
    ] {
        let answer = talk(&world.address, &octets);
        let shown = String::from_utf8_lossy(&octets[..octets.len().min(90)]).into_owned();
        assert_eq!(status(&answer), expected, "{shown:?}: {answer}");
        if !reason.is_empty() {
            assert_eq!(world.reason(), reason, "{shown:?}");
        }
        world.lives();
    }
    world.ends_without_having_said(&[&large[..1000]]);
}

/// How much the gate's memory may grow over [`HOSTILE`] requests, once it has seen as many kinds of them.
const GROWTH: u64 = 8 << 10;
const HOSTILE: usize = 20_000;

#[test]
fn memory_is_bounded_whatever_is_sent() {
    let mut world = world("hostile-memory", "audit = false\nlevel = 'info'");
    flood(&world.address, 0, HOSTILE / 4);
    let before = resident(world.gate.pid());
    flood(&world.address, HOSTILE, HOSTILE);
    let after = resident(world.gate.pid());
    eprintln!("{HOSTILE} hostile requests: {before} KiB before, {after} KiB after");
    assert!(after < before + GROWTH, "{before} KiB before, {after} KiB after");
    world.lives();
    let answer = world.get("/", &[("authorization", format!("Bearer {}", world.token).as_bytes())]);
    assert_eq!(status(&answer), 200, "{answer}");
    world.gate.signal("TERM");
    assert_eq!(world.gate.wait().code(), Some(0));
    assert!(!world.gate.said.iter().any(|line| line.contains("panic")), "{:?}", world.gate.said);
}

/// So many requests over four connections, no two of them alike: nothing that is remembered of one serves another.
fn flood(address: &str, from: usize, count: usize) {
    std::thread::scope(|scope| {
        for lane in 0..4 {
            scope.spawn(move || {
                let mut tcp = TcpStream::connect(address).expect("it accepts connections");
                tcp.set_read_timeout(Some(PATIENCE)).expect("a timeout");
                for n in (from..from + count).skip(lane).step_by(4) {
                    tcp.write_all(hostile(n).as_bytes()).expect("it listens");
                    let status = read_answer(&mut tcp);
                    assert!((200..500).contains(&status) || status == 503, "{status}: {}", hostile(n));
                }
            });
        }
    });
}

fn hostile(n: usize) -> String {
    let long = format!("{n:08}").repeat(16 + n % 300);
    let (target, lines) = match n % 10 {
        0 => ("/".to_owned(), format!("authorization: Bearer {long}.{long}.{long}\r\n")),
        1 => ("/".to_owned(), format!("authorization: Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6Im{n}\r\n")),
        2 => ("/".to_owned(), format!("cookie: gangplank={long}\r\n")),
        3 => (format!("/oauth2/start?rd=/{}", &long[..100]), "accept: text/html\r\n".to_owned()),
        4 => (format!("/oauth2/start?rd=//evil{n}.test"), String::new()),
        5 => (format!("/oauth2/callback?code={n}&state={long}"), format!("cookie: gangplank={n}\r\n")),
        6 => (format!("/{n}/%2e%2e/{n}"), String::new()),
        7 => (format!("/{long}"), format!("x-request-id: {n}\r\nx-forwarded-for: {n}\r\n")),
        8 => (format!("/oauth2/auth?route={n}"), format!("x-forwarded-host: {n}.test\r\nx-{n}: {long}\r\n")),
        _ => (format!("/oauth2/{n}"), format!("authorization: Basic {n}\r\n")),
    };
    let host = if n.is_multiple_of(7) { format!("h{n}.test") } else { "gate.test".to_owned() };
    format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n{lines}\r\n")
}

/// The status of an answer with a length, read to its end.
fn read_answer(tcp: &mut TcpStream) -> u16 {
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(head) = head {
            let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|l| l.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if answer.len() >= head + 4 + length.unwrap_or(0) {
                return status(&text);
            }
        }
        let read = tcp.read(&mut chunk).expect("it answers");
        assert!(read > 0, "it hung up");
        answer.extend_from_slice(&chunk[..read]);
    }
}
