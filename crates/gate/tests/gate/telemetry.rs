//! What traces and metrics tell of requests: the spans of an exchange and of a message to an MCP server, those of whoever goes
//! away, and how many series a flood makes.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use gangplank_gate::trace::{SpanKind, SpanRecord, SpanSink, Tracer, Value};
use gangplank_idp::{API_ID, PUBLIC_CLIENT_ID, WEB_APP_ID};
use gangplank_jose::Unverified;
use gangplank_oauth::Clock;
use http::{Request, StatusCode};
use http_body_util::Full;
use tokio::net::TcpListener;

use crate::mcp_upstream::McpServer;
use crate::support::*;

/// Keeps what it is given.
#[derive(Default)]
struct Kept(Mutex<Vec<SpanRecord>>);

impl SpanSink for Kept {
    fn take(&self, span: SpanRecord) {
        self.0.lock().unwrap().push(span);
    }
}

impl Kept {
    fn take_all(&self) -> Vec<SpanRecord> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn traced(config: &str) -> (World, Arc<Kept>) {
    let kept = Arc::new(Kept::default());
    (World::traced(config, Tracer::new(kept.clone(), 1.0, false)), kept)
}

fn named<'s>(spans: &'s [SpanRecord], name: &str) -> &'s SpanRecord {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    let [one] = found.as_slice() else { panic!("{name}: {spans:#?}") };
    one
}

fn of(span: &SpanRecord, name: &str) -> String {
    match span.attributes.iter().find(|(known, _)| *known == name) {
        Some((_, Value::Text(text))) => text.to_string(),
        Some((_, Value::Number(number))) => number.to_string(),
        Some((_, Value::Truth(truth))) => truth.to_string(),
        None => String::new(),
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

async fn exchanging() -> (World, Arc<Kept>, McpServer) {
    let upstream = McpServer::start().await;
    let config = head("").replace(&format!("\"{API_ID}\""), &format!("\"{WEB_APP_ID}\""))
        + &format!(
            r#"
[exchanges.downstream]
client = "corp"
strategy = "on-behalf-of"
scopes = ["{API_ID}/.default"]

[[routes]]
name = "api"
path = "/stateless"
accept = ["corp"]
allow.signed_in = true
exchange = "downstream"
upstream = "http://{}"
"#,
            upstream.address
        );
    let (world, kept) = traced(&config);
    (world, kept, upstream)
}

impl World {
    fn token_for_us(&self) -> String {
        let scope = format!("api://{WEB_APP_ID}/access_as_user");
        self.tenant.mint_access_token("alice", PUBLIC_CLIENT_ID, &scope, self.clock.now()).unwrap()
    }
}

#[tokio::test]
async fn an_exchange_is_a_part_of_the_request_and_the_providers_answer_a_part_of_the_exchange() {
    let (world, kept, _upstream) = exchanging().await;
    world.gate.reach_issuers().await;
    let token = bearer(&world.token_for_us());
    let first = world.get("https://app.example.com/stateless", &[("authorization", &token)]).await;
    let spans = kept.take_all();
    assert!(first.status != StatusCode::BAD_GATEWAY, "{first:?} {spans:#?}");
    let (server, exchange) = (named(&spans, "GET api"), named(&spans, "exchange downstream"));
    let provider = named(&spans, "POST");
    assert_eq!((server.parent, exchange.parent, provider.parent), (None, Some(server.id), Some(exchange.id)));
    assert!(spans.iter().all(|span| span.trace == server.trace && span.start <= span.end));
    assert_eq!((provider.kind, of(provider, "server.address").as_str()), (SpanKind::Client, "login.test"));
    assert_eq!(of(provider, "http.response.status_code"), "200");
    let words =
        |span: &SpanRecord| ["", ".strategy", ".cache", ".result"].map(|w| of(span, &format!("gangplank.exchange{w}")));
    assert_eq!(words(exchange), ["downstream", "on-behalf-of", "miss", "exchanged"]);
    let authentication = named(&spans, "authenticate");
    assert_eq!(
        ["outcome", "method", "issuer"].map(|word| of(authentication, &format!("gangplank.auth.{word}"))),
        ["allowed", "bearer", "corp"]
    );
    let (path, told) = world.internet.traceparent.lock().unwrap().take().expect("the provider is told");
    assert!(path.ends_with("/token"), "{path}");
    assert_eq!(told, format!("00-{}-{}-01", server.trace, provider.id));
    let text = format!("{spans:?}");
    for secret in [&token[7..], "alice", "client_assertion"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }

    world.get("https://app.example.com/stateless", &[("authorization", &token)]).await;
    let again = kept.take_all();
    assert_eq!(words(named(&again, "exchange downstream"))[2..], ["hit", "exchanged"]);
    assert!(again.iter().all(|span| span.name != "POST"), "the provider is not asked again");
    assert_ne!(named(&again, "GET api").trace, server.trace);
}

#[tokio::test]
async fn who_goes_away_leaves_a_span_that_says_so() {
    // It accepts, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let (world, kept) = traced(&(head("") + &open("/", &format!("upstream = \"http://{address}\""))));
    let asked = world.gate.handle(request("GET", "https://app.example.com/x", &[]), peer_of(STRANGER));
    let mut asked = Box::pin(asked);
    tokio::select! {
        _ = &mut asked => panic!("nobody answers"),
        accepted = silent.accept() => drop(accepted.map(|(tcp, _)| std::mem::forget(tcp))),
    }
    drop(asked);
    let spans = kept.take_all();
    assert_eq!(spans.len(), 3, "{spans:#?}");
    let abandoned: Vec<bool> = spans.iter().map(|span| of(span, "gangplank.abandoned") == "true").collect();
    assert_eq!(abandoned, [false, true, true], "authentication had its end");
}

/// What a token says of somebody, and a span must not.
fn names_of(token: &str) -> Vec<String> {
    let parsed = Unverified::parse(token).unwrap();
    let claims = parsed.claims_unverified();
    let said =
        ["oid", "sub", "upn", "preferred_username", "email", "name"].map(|name| claims.str(name).map(str::to_owned));
    said.into_iter().flatten().filter(|name| !name.is_empty()).collect()
}

#[tokio::test]
async fn what_a_provider_is_asked_about_somebody_says_not_whom() {
    let (world, kept) = traced(&crate::groups::config("batch", "client-credentials"));
    world.gate.reach_issuers().await;
    let token = world.token("bob");
    let answer = world.get("https://app.example.com/oauth2/auth", &[("authorization", &bearer(&token))]).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let session = world.sign_in("https://app.example.com", "bob").await;
    assert_eq!(
        world.get("https://app.example.com/oauth2/auth", &[cookie(&session)]).await.status,
        StatusCode::ACCEPTED
    );
    let spans = kept.take_all();
    let authentication = spans.iter().find(|span| span.name == "authenticate").unwrap();
    let asked: Vec<_> = spans.iter().filter(|span| span.parent == Some(authentication.id)).collect();
    assert!(asked.len() >= 2, "a token for Graph, and Graph: {spans:#?}");
    assert!(spans.iter().any(|span| span.name == "GET /oauth2/callback"), "{spans:#?}");
    let text = format!("{spans:?}");
    let names = names_of(&token);
    assert!(names.len() > 2, "{names:?}");
    let value = session.split_once('=').map_or("", |(_, value)| value);
    for secret in names.iter().map(String::as_str).chain([token.as_str(), value, "code=", "state=", "bob"]) {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

const CALL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"NAME","arguments":{"x":"s3cret-argument"}}}"#;

fn post(path: &str, headers: &[(&str, &str)], body: &str) -> Request<Full<Bytes>> {
    let headers =
        with(&[("content-type", "application/json"), ("accept", "application/json, text/event-stream")], headers);
    request("POST", &format!("https://app.example.com{path}"), &headers)
        .map(|_| Full::new(Bytes::from(body.to_owned())))
}

fn mcp(address: std::net::SocketAddr) -> String {
    format!(
        "\n[[routes]]\nname = \"tools\"\npath = \"/stateless\"\naccept = [\"corp\"]\nallow.signed_in = true\n\
         upstream = \"http://{address}\"\n[routes.mcp]\nother_tools = \"allow\"\n\
         [[routes.mcp.tools]]\nnames = [\"pods_*\"]\nallow = {{ users = [\"nobody\"] }}\n"
    )
}

#[tokio::test]
async fn a_message_to_an_mcp_server_says_its_tool_and_never_its_arguments() {
    let upstream = McpServer::start().await;
    let config = head("") + &mcp(upstream.address);
    let (world, kept) = traced(&config);
    world.gate.reach_issuers().await;
    let token = bearer(&world.token("alice"));
    for (tool, expected) in [
        ("weather", "weather"),
        ("pods_list", "pods_list"),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln", ""),
        ("ada@example.com", ""),
    ] {
        world.send(STRANGER, post("/stateless", &[("authorization", &token)], &CALL.replace("NAME", tool))).await;
        let spans = kept.take_all();
        let server = named(&spans, "POST tools");
        assert_eq!(of(server, "mcp.method.name"), "tools/call", "{tool}: {server:?}");
        assert_eq!(of(server, "gen_ai.tool.name"), expected);
        let text = format!("{spans:?}");
        assert!(!text.contains("s3cret") && !text.contains("eyJ") && !text.contains("alice"), "{text}");
    }
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"METHOD"}"#;
    for (method, expected) in [("tools/list", "tools/list"), ("s3cret/method", "_OTHER")] {
        world.send(STRANGER, post("/stateless", &[("authorization", &token)], &list.replace("METHOD", method))).await;
        let spans = kept.take_all();
        assert_eq!(of(named(&spans, "POST tools"), "mcp.method.name"), expected);
        assert_eq!(of(named(&spans, "POST tools"), "gen_ai.tool.name"), "");
    }
}

/// Lines of `/metrics` that are no comments, but for those that are there from the beginning.
fn series(world: &World) -> usize {
    world.shared.metrics().text().lines().filter(|line| !line.starts_with('#')).count()
}

#[tokio::test]
async fn nothing_that_a_caller_makes_up_becomes_a_series() {
    let upstream = McpServer::start().await;
    let config = head("").replace(&format!("\"{API_ID}\""), &format!("\"{API_ID}\", \"{WEB_APP_ID}\""))
        + &demo("/app", "")
        + &open("/wild", "host = \"*.example.com\"")
        + &mcp(upstream.address);
    let (world, kept) = traced(&config);
    world.gate.reach_issuers().await;
    let token = bearer(&world.token("alice"));
    let flood = async |from: usize, to: usize| {
        for n in from..to {
            let agent = format!("agent-{n}");
            let forged = format!("Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6Ing{n}In0.eyJpc3MiOiJ{n}In0.c2ln");
            let host = format!("h{n}.example.com");
            let own = [("user-agent", agent.as_str()), ("authorization", forged.as_str())];
            let method = format!("M{n}");
            world.send(STRANGER, request(&method, &format!("https://app.example.com/app/{n}?q={n}"), &own)).await;
            world.send(STRANGER, request("GET", &format!("https://app.example.com/{n}"), &[])).await;
            world.send(STRANGER, request("GET", &format!("https://{host}/wild/{n}"), &[])).await;
            world.send(STRANGER, request("GET", &format!("https://h{n}.test/{n}"), &[("x-request-id", &agent)])).await;
            world.send(PROXY, request("GET", &format!("https://app.example.com/oauth2/auth?route={n}"), &own)).await;
            world.send(STRANGER, request("GET", &format!("https://app.example.com/oauth2/x{n}"), &[])).await;
            world
                .send(STRANGER, request("GET", &format!("https://app.example.com/oauth2/callback?state={n}"), &[]))
                .await;
            for tool in [format!("tool-{n}"), format!("pods_{n}")] {
                let call = CALL.replace("NAME", &tool);
                let call = if n % 3 == 0 { call.replace("tools/call", &tool) } else { call };
                world.send(STRANGER, post("/stateless", &[("authorization", &token)], &call)).await;
            }
        }
        kept.take_all().iter().map(|span| span.name.to_string()).collect::<std::collections::BTreeSet<_>>()
    };
    let names = flood(0, 6).await;
    let before = series(&world);
    let more = flood(6, 150).await;
    assert_eq!(series(&world), before, "{}", world.shared.metrics().text());
    assert_eq!(more, names, "and no name of a span");
}
