//! Traces of the real executable, as a collector gets them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use bytes::Bytes;
use gangplank_authn::static_keys::{KeyEntry, digest_of};
use gangplank_net::{Peer, ServerLimits, Shutdown, bind, serve};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message as _;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use url::Url;

use crate::browser::{Page, call, send};
use crate::process::{PATIENCE, Process, Scratch, gangplank};

/// The key of the one caller.
const KEY: &str = "a-static-key-that-nobody-should-see";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

/// Whoever is asked: tells what it was asked, and answers with a status that can be changed.
struct Listener {
    url: String,
    asked: UnboundedReceiver<(HeaderMap, Bytes)>,
    status: Arc<AtomicU16>,
    stop: Shutdown,
}

impl Listener {
    fn start(status: u16) -> Self {
        let listener = bind(([127, 0, 0, 1], 0).into()).expect("an address");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (sender, asked) = unbounded_channel();
        let (status, stop) = (Arc::new(AtomicU16::new(status)), Shutdown::new());
        let answers = status.clone();
        let answer = move |request: Request<Incoming>, _: Peer| {
            let (sender, status) = (sender.clone(), answers.load(Ordering::SeqCst));
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                let _ = sender.send((head.headers, body));
                if status == 0 {
                    // As good as dead: it listens, and never answers.
                    std::future::pending::<()>().await;
                }
                let mut response = Response::new(Full::new(Bytes::from_static(b"\xff\xff garbage \0")));
                *response.status_mut() = StatusCode::from_u16(status).expect("a status");
                response
            }
        };
        tokio::spawn(serve(listener, None, ServerLimits::default(), answer, stop.clone()));
        Listener { url, asked, status, stop }
    }

    async fn next(&mut self) -> (HeaderMap, Bytes) {
        tokio::time::timeout(PATIENCE, self.asked.recv()).await.expect("in time").expect("it is asked")
    }

    /// So many spans by their names, and the bytes that they came in.
    async fn spans(&mut self, count: usize) -> (BTreeMap<String, Span>, Vec<u8>) {
        let (mut spans, mut all) = (BTreeMap::new(), Vec::new());
        while spans.len() < count {
            let (_, body) = self.next().await;
            all.extend_from_slice(&body);
            let message = ExportTraceServiceRequest::decode(body).expect("a message");
            let scopes = message.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
            for span in scopes.flat_map(|scope| scope.spans) {
                let kind = if span.kind() == SpanKind::Client { "→ " } else { "" };
                spans.insert(format!("{kind}{}", span.name), span);
            }
        }
        (spans, all)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.trigger();
    }
}

struct Served {
    process: Process,
    url: String,
    metrics: String,
    scratch: Scratch,
}

fn start(name: &str, upstream: &str, gate: &str, telemetry: &str) -> Served {
    let scratch = Scratch::new(name);
    scratch.write("keys", &KeyEntry::new("ci", digest_of(KEY)).expect("an entry").to_string());
    scratch.write("collector.key", "collector-s3cret");
    let config = format!(
        r#"
[gate]
listen = "127.0.0.1:0"
public_url = "http://gate.test"
metrics_listen = "127.0.0.1:0"
{gate}
[authenticators.keys]
keys_file = "{}"
[[routes]]
name = "app"
path = "/app"
accept = ["keys"]
allow.signed_in = true
upstream = "{upstream}"
{telemetry}
"#,
        scratch.path("keys").display()
    );
    let file = scratch.write("gangplank.toml", &config);
    let mut command = gangplank();
    command.args(["serve", "--config"]).arg(file).current_dir(scratch.path(""));
    // What happens to be in the environment has no say.
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1").env("OTEL_TRACES_SAMPLER", "always_off");
    let mut process = Process::start(command);
    let mut address = |text: &str| {
        let line = process.wait_for(text);
        let address = line.split("address=").nth(1).and_then(|a| a.split(' ').next()).expect("an address");
        format!("http://{address}")
    };
    let url = address("listening address=");
    let metrics = address("listening for metrics");
    Served { process, url, metrics, scratch }
}

fn telemetry(collector: &Listener) -> String {
    format!(
        "[telemetry]\nendpoint = '{}'\ninterval = '50ms'\nheaders = {{ x-api-key = {{ file = 'collector.key' }} }}",
        collector.url
    )
}

async fn ask(served: &Served, path: &str, more: &[(&str, &str)]) -> Page {
    let bearer = format!("Bearer {KEY}");
    let mut headers = vec![("host", "gate.test"), ("authorization", bearer.as_str())];
    headers.extend_from_slice(more);
    call(&format!("{}{path}", served.url), &headers).await
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// An attribute, as text.
fn of(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == name)?;
    Some(match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(truth) => truth.to_string(),
        other => panic!("{other:?}"),
    })
}

fn parent_of<'s>(spans: &'s BTreeMap<String, Span>, child: &str) -> Option<&'s str> {
    let parent = &spans[child].parent_span_id;
    spans.iter().find(|(_, span)| span.span_id == *parent).map(|(name, _)| name.as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_a_tree_and_the_upstream_is_told_where_it_is_in_it() {
    let (mut upstream, mut collector) = (Listener::start(200), Listener::start(200));
    let served = start("telemetry-tree", &upstream.url, "", &telemetry(&collector));
    let answer = ask(&served, "/app/v1?code=1", &[("user-agent", "curl/8"), ("x-request-id", "mine")]).await;
    assert_eq!(answer.status, StatusCode::OK);
    let (told, _) = upstream.next().await;
    let (headers, body) = collector.next().await;
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert_eq!(headers["x-api-key"], "collector-s3cret");
    let message = ExportTraceServiceRequest::decode(body).expect("a message");
    let resource = message.resource_spans[0].resource.as_ref().expect("a resource");
    let named = |key: &str| resource.attributes.iter().any(|attribute| attribute.key == key);
    assert!(named("service.name") && named("service.version"), "{resource:?}");
    let spans: BTreeMap<String, Span> = message.resource_spans[0].scope_spans[0]
        .spans
        .iter()
        .map(|span| (format!("{}{}", if span.kind() == SpanKind::Client { "→ " } else { "" }, span.name), span.clone()))
        .collect();
    assert_eq!(spans.keys().collect::<Vec<_>>(), ["GET app", "authenticate", "→ GET"]);
    assert_eq!(parent_of(&spans, "authenticate"), Some("GET app"));
    assert_eq!(parent_of(&spans, "→ GET"), Some("GET app"));

    let server = &spans["GET app"];
    for (name, expected) in [
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("http.route", "/app"),
        ("url.path", "/app/v1"),
        ("url.scheme", "http"),
        ("server.address", "gate.test"),
        ("server.port", "80"),
        ("client.address", "127.0.0.1"),
        ("network.protocol.version", "1.1"),
        ("user_agent.original", "curl/8"),
        ("gangplank.route", "app"),
    ] {
        assert_eq!(of(server, name).as_deref(), Some(expected), "{name}");
    }
    let id = told["x-request-id"].to_str().expect("text");
    assert_eq!(of(server, "gangplank.request_id").as_deref(), Some(id), "a stranger's id is not taken");
    assert_eq!((server.kind(), server.parent_span_id.len(), &server.status), (SpanKind::Server, 0, &None));
    assert!(server.start_time_unix_nano > 1_700_000_000_000_000_000);
    assert!(server.end_time_unix_nano > server.start_time_unix_nano);

    let authentication = &spans["authenticate"];
    assert_eq!(of(authentication, "gangplank.auth.outcome").as_deref(), Some("allowed"));
    assert_eq!(of(authentication, "gangplank.auth.method").as_deref(), Some("static-key"));
    let client = &spans["→ GET"];
    assert_eq!(of(client, "server.address").as_deref(), Some("127.0.0.1"));
    assert_eq!(of(client, "http.response.status_code").as_deref(), Some("200"));
    assert_eq!(of(client, "url.full"), Some(format!("{}/app/v1", upstream.url)));
    let expected = format!("00-{}-{}-01", hex(&client.trace_id), hex(&client.span_id));
    assert_eq!(told["traceparent"], expected.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_trace_is_linked_to_and_a_trusted_proxys_is_continued() {
    let traceparent = format!("00-{TRACE}-{SPAN}-01");
    let told = [("traceparent", traceparent.as_str()), ("tracestate", "vendor=x"), ("x-forwarded-for", "192.0.2.7")];
    for (name, gate, more, continued) in [
        ("stranger", "", "", false),
        ("proxy", "trusted_proxies = ['127.0.0.1/32']", "", true),
        ("all", "", "trust_incoming = true", true),
        // What is recorded of a trusted caller's trace is not ours to say.
        ("proxy-sampled", "trusted_proxies = ['127.0.0.1/32']", "sample = 0.0", true),
    ] {
        let (mut upstream, mut collector) = (Listener::start(200), Listener::start(200));
        let telemetry = format!("{}\n{more}", telemetry(&collector));
        let served = start(&format!("telemetry-{name}"), &upstream.url, gate, &telemetry);
        ask(&served, "/app", &told).await;
        let (asked, _) = upstream.next().await;
        let (spans, _) = collector.spans(3).await;
        let server = &spans["GET app"];
        let (trace, parent) = (hex(&server.trace_id), hex(&server.parent_span_id));
        let links: Vec<String> = server.links.iter().map(|link| hex(&link.trace_id) + &hex(&link.span_id)).collect();
        let client = if gate.is_empty() { "127.0.0.1" } else { "192.0.2.7" };
        assert_eq!(of(server, "client.address").as_deref(), Some(client), "{name}");
        assert!(asked["traceparent"].to_str().expect("text").starts_with(&format!("00-{trace}-")), "{name}");
        if continued {
            assert_eq!((trace.as_str(), parent.as_str(), links.len()), (TRACE, SPAN, 0), "{name}");
            assert_eq!(asked["tracestate"], "vendor=x", "{name}");
        } else {
            assert_ne!(trace, TRACE, "{name}");
            assert_eq!((parent.as_str(), links), ("", vec![format!("{TRACE}{SPAN}")]), "{name}");
            assert!(!asked.contains_key("tracestate"), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_telemetry_a_trace_goes_through_as_it_came() {
    let mut upstream = Listener::start(200);
    let served = start("telemetry-off", &upstream.url, "", "");
    ask(&served, "/app", &[("traceparent", "00-x"), ("tracestate", "vendor=x")]).await;
    let (told, _) = upstream.next().await;
    assert_eq!((told["traceparent"].as_bytes(), told["tracestate"].as_bytes()), (&b"00-x"[..], &b"vendor=x"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_recorded_is_told_all_the_same() {
    let (mut upstream, mut collector) = (Listener::start(200), Listener::start(200));
    let served = start("telemetry-unsampled", &upstream.url, "", &format!("{}\nsample = 0.0", telemetry(&collector)));
    ask(&served, "/app", &[]).await;
    let (told, _) = upstream.next().await;
    assert!(told["traceparent"].to_str().expect("text").ends_with("-00"), "{told:?}");
    let mut served = served;
    served.process.signal("TERM");
    assert!(served.process.wait().success());
    assert!(collector.asked.try_recv().is_err(), "nobody was told");
}

/// What must not be found in any bytes that leave for the collector.
const JWT: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzM2NyZXQifQ.c2lnbmF0dXJlLXMzY3JldA";
const RANDOM: &str = "aB3dE5gH7jK9mN1pQ3sT5vX7yZ";

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_from_anywhere_is_in_what_is_exported() {
    let (upstream, mut collector) = (Listener::start(200), Listener::start(200));
    let gate = "trusted_proxies = ['127.0.0.1/32']";
    let served = start("telemetry-secrets", &upstream.url, gate, &telemetry(&collector));
    let url = |path: &str| Url::parse(&format!("{}{path}", served.url)).expect("a URL");
    let bearer = format!("Bearer {KEY}");
    let places = [
        format!("/app?code={RANDOM}&token={JWT}&state=ada@example.com"),
        format!("/app/{JWT}/{RANDOM}"),
        format!("/app/users/ada@example.com;session={RANDOM}"),
        format!("/app/{}", JWT.replace('.', "%2E").replace('e', "%65")),
        format!("/oauth2/callback?code={RANDOM}&state={JWT}"),
        format!("/oauth2/start?rd=/{RANDOM}"),
        format!("/oauth2/static/{RANDOM}"),
        format!("/{RANDOM}"),
    ];
    let cookie = format!("session={RANDOM}; gangplank={JWT}");
    let agent = format!("agent/1.0 (Bearer {RANDOM}; {JWT}; ada@example.com)");
    let state = format!("vendor={RANDOM}");
    let secrets = [("cookie", &cookie), ("user-agent", &agent), ("tracestate", &state), ("baggage", &cookie)]
        .map(|(n, v)| (n, v.as_str()));
    let id = RANDOM.to_owned();
    for path in &places {
        for authorization in [bearer.as_str(), &format!("Bearer {JWT}"), &format!("Basic {RANDOM}")] {
            for method in ["GET", "POST", RANDOM] {
                let mut headers = vec![("host", "gate.test"), ("authorization", authorization), ("x-request-id", &id)];
                headers.extend_from_slice(&secrets);
                headers.push(("x-api-key", RANDOM));
                headers.push(("traceparent", JWT));
                let method = http::Method::from_bytes(method.as_bytes()).expect("a method");
                let body = format!("{{\"token\":\"{JWT}\",\"name\":\"{RANDOM}\"}}");
                send(method, &url(path), &headers, &body).await;
            }
        }
    }
    let host = format!("{RANDOM}.gate.test");
    send(http::Method::GET, &url("/app"), &[("host", &host), ("x-forwarded-host", &host)], "").await;
    ask(&served, "/app/last", &[]).await;
    let mut bytes = Vec::new();
    let mut seen = 0;
    while !String::from_utf8_lossy(&bytes).contains("/app/last") {
        let (_, body) = collector.next().await;
        seen += 1;
        bytes.extend_from_slice(&body);
    }
    assert!(seen > 0 && bytes.len() > 10_000, "{seen} {}", bytes.len());
    let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    let sealed = |part: &str| part.to_ascii_lowercase();
    let parts: Vec<&str> = JWT.split('.').collect();
    for secret in [KEY, RANDOM, parts[0], parts[1], parts[2], "ada@example", "collector-s3cret", "vendor=", "code="] {
        let at = text.find(&sealed(secret));
        let around =
            at.map(|at| &text[text.floor_char_boundary(at.saturating_sub(80))..text.floor_char_boundary(at + 80)]);
        assert_eq!(around, None, "{secret}");
    }
    assert!(text.contains("[hidden]"));
}

async fn counted(served: &Served, outcome: &str) -> u64 {
    let metrics = call(&format!("{}/metrics", served.metrics), &[]).await.text;
    let line = format!("gangplank_spans_total{{outcome=\"{outcome}\"}} ");
    metrics.lines().find_map(|l| l.strip_prefix(&line)?.parse().ok()).unwrap_or(0)
}

/// Until so many were counted.
async fn until_counted(served: &Served, outcome: &str, at_least: u64) {
    let counting = async {
        while counted(served, outcome).await < at_least {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, counting).await.unwrap_or_else(|_| panic!("no {at_least} {outcome}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_fails_changes_nothing_but_the_count() {
    let (upstream, mut collector) = (Listener::start(200), Listener::start(400));
    let mut served = start("telemetry-failing", &upstream.url, "", &telemetry(&collector));
    assert_eq!(ask(&served, "/app", &[]).await.status, StatusCode::OK);
    collector.next().await;
    served.process.wait_for("the collector does not take traces");
    until_counted(&served, "failed", 3).await;
    collector.status.store(200, Ordering::SeqCst);
    assert_eq!(ask(&served, "/app", &[]).await.status, StatusCode::OK);
    served.process.wait_for("the collector takes traces again");
    until_counted(&served, "exported", 3).await;
    assert_eq!(counted(&served, "dropped").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_holds_up_no_request_and_no_stop_for_long() {
    let (upstream, collector) = (Listener::start(200), Listener::start(0));
    let telemetry = format!("{}\nqueue = 4\ntimeout = '60s'", telemetry(&collector));
    let mut served = start("telemetry-hanging", &upstream.url, "limits = { drain = '1s' }", &telemetry);
    for _ in 0..64 {
        assert_eq!(ask(&served, "/app", &[]).await.status, StatusCode::OK);
    }
    until_counted(&served, "dropped", 1).await;
    let started = std::time::Instant::now();
    served.process.signal("TERM");
    assert!(served.process.wait().success());
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(served.process.said.iter().any(|line| line.contains("did not take the last spans in time")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_sends_traces_elsewhere_and_what_was_begun_is_not_lost() {
    let (upstream, mut first, mut second) = (Listener::start(200), Listener::start(200), Listener::start(200));
    let slow = telemetry(&first).replace("50ms", "60s");
    let mut served = start("telemetry-reload", &upstream.url, "", &slow);
    ask(&served, "/app/first", &[]).await;
    let config = std::fs::read_to_string(served.scratch.path("gangplank.toml")).expect("the configuration");
    served.scratch.write("gangplank.toml", &config.replace(&slow, &telemetry(&second)));
    served.process.wait_for("configuration reloaded");
    ask(&served, "/app/second", &[]).await;
    let (_, told) = first.spans(3).await;
    assert!(String::from_utf8_lossy(&told).contains("/app/first"), "before its minute is over");
    let (_, told) = second.spans(3).await;
    assert!(String::from_utf8_lossy(&told).contains("/app/second"));

    served.scratch.write("gangplank.toml", &config.replace(&slow, ""));
    served.process.wait_for("configuration reloaded");
    let (before, mut upstream) = (first.asked.len() + second.asked.len(), upstream);
    while upstream.asked.try_recv().is_ok() {}
    ask(&served, "/app/third", &[("traceparent", "00-x")]).await;
    assert_eq!(upstream.next().await.0["traceparent"], "00-x");
    served.process.signal("TERM");
    assert!(served.process.wait().success());
    assert_eq!(first.asked.len() + second.asked.len(), before, "nobody is told any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_at_the_end_is_sent() {
    let (upstream, mut collector) = (Listener::start(503), Listener::start(200));
    let telemetry = telemetry(&collector).replace("50ms", "60s");
    let mut served = start("telemetry-last", &upstream.url, "", &telemetry);
    assert_eq!(ask(&served, "/app", &[]).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(call(&format!("{}/healthz", served.url), &[]).await.status, StatusCode::OK);
    let nobody = call(&format!("{}/app", served.url), &[("host", "gate.test")]).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    served.process.signal("TERM");
    assert!(served.process.wait().success());
    let (_, body) = collector.next().await;
    let message = ExportTraceServiceRequest::decode(body).expect("a message");
    let spans = &message.resource_spans[0].scope_spans[0].spans;
    assert_eq!(spans.len(), 5, "a health check leaves none");
    let failed: Vec<Option<String>> =
        spans.iter().filter(|span| span.status.is_some()).map(|span| of(span, "error.type")).collect();
    assert_eq!(failed, [Some("503".to_owned()), Some("503".to_owned())], "what the upstream said, twice");
    let refused = spans.iter().filter_map(|span| of(span, "gangplank.refusal")).collect::<Vec<_>>();
    assert_eq!(refused, ["not-signed-in", "not-signed-in"], "authentication, and the request");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_tries_the_collector_where_it_is_asked_to() {
    let (upstream, collector) = (Listener::start(200), Listener::start(200));
    let scratch = Scratch::new("telemetry-check");
    let config = format!(
        "[gate]\nlisten = '127.0.0.1:0'\npublic_url = 'http://gate.test'\n[[routes]]\npath = '/'\nallow.anonymous = true\n\
         upstream = '{}'\n[telemetry]\nendpoint = '{}'\n",
        upstream.url, collector.url
    );
    let file = scratch.write("gangplank.toml", &config);
    let mut command = gangplank();
    command.args(["check", "--reach", "--config"]).arg(&file);
    let checking = tokio::task::spawn_blocking(move || command.output().expect("it runs"));
    let said = String::from_utf8_lossy(&checking.await.expect("it ends").stdout).into_owned();
    assert!(said.contains("good  collector: takes traces"), "{said}");
}
