//! Who may call which tool of an MCP server, with a server behind the gate that keeps what it gets, octet by octet.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use gangplank_gate::Gate;
use gangplank_idp::API_ID;
use gangplank_net::{ServerLimits, Shutdown, serve};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::local::Dir;
use crate::support::*;

const MCP: &str = "https://app.example.com/mcp";

/// The server: what it got, and what it answers.
#[derive(Clone, Default)]
struct Server {
    got: Arc<Mutex<Vec<(Method, HeaderMap, Bytes)>>>,
    answer: Arc<Mutex<Answering>>,
}

#[derive(Clone, Default)]
struct Answering {
    headers: Vec<(&'static str, &'static str)>,
    parts: Vec<Bytes>,
}

impl Server {
    async fn start() -> (Server, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::default();
        let own = server.clone();
        let answer = move |request: Request<Incoming>, _| {
            let server = own.clone();
            async move { server.answer(request).await }
        };
        tokio::spawn(serve(listener, None, ServerLimits::default(), answer, Shutdown::new()));
        (server, address)
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<BoxBody<Bytes, Infallible>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        self.got.lock().unwrap().push((head.method, head.headers, body));
        let Answering { headers, parts } = self.answer.lock().unwrap().clone();
        let parts = body_of(parts);
        let mut response = Response::builder();
        for (name, value) in headers {
            response = response.header(name, value);
        }
        response.body(parts).unwrap()
    }

    fn answers(&self, headers: &[(&'static str, &'static str)], parts: &[&str]) {
        let parts = parts.iter().map(|part| Bytes::copy_from_slice(part.as_bytes())).collect();
        *self.answer.lock().unwrap() = Answering { headers: headers.to_vec(), parts };
    }

    fn taken(&self) -> Vec<(Method, HeaderMap, Bytes)> {
        std::mem::take(&mut self.got.lock().unwrap())
    }
}

/// A body of these parts.
fn body_of(parts: Vec<Bytes>) -> BoxBody<Bytes, Infallible> {
    struct Parts(std::vec::IntoIter<Bytes>);
    impl hyper::body::Body for Parts {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            std::task::Poll::Ready(self.0.next().map(|part| Ok(Frame::data(part))))
        }
    }
    BodyExt::boxed(Parts(parts.into_iter()))
}

/// Ada is a developer, Olga an operator whose key has no scopes, and Otto one whose key has.
const KEYS: [(&str, &str); 3] =
    [("ada", "groups=dev"), ("olga", "groups=ops"), ("otto", "groups=ops; scopes=mcp:delete")];

const RULES: &str = r#"
[[routes.mcp.tools]]
names = ["pods_list", "pods_log"]
allow.groups = ["dev", "ops"]

[[routes.mcp.tools]]
names = ["pods_*"]
allow = { groups = ["dev"], when = "arguments.namespace.startsWith('dev-')" }

[[routes.mcp.tools]]
names = ["pods_delete"]
allow = { groups = ["ops"], scopes = ["mcp:delete"] }
"#;

struct Scene {
    world: World,
    server: Server,
    _dir: Dir,
}

impl Scene {
    async fn new(rules: &str) -> Scene {
        let (server, address) = Server::start().await;
        let dir = Dir::new();
        let lines: Vec<String> =
            KEYS.iter().map(|(name, held)| format!("{name}:{}; {held}\n", sha256_hex(&key(name)))).collect();
        let file = dir.write("keys", &lines.concat());
        let config = head("")
            + &format!("[authenticators.keys]\nkeys_file = {file:?}\n\n[[routes]]\npath = \"/mcp\"\nname = \"mcp\"\n")
            + &format!("accept = [\"keys\", \"corp\"]\nallow.signed_in = true\nupstream = \"http://{address}\"\n")
            + &format!("[routes.mcp]\n{rules}");
        Scene { world: World::new(&config), server, _dir: dir }
    }

    async fn send(&self, who: &str, method: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let token = format!("Bearer {}", key(who));
        let mut all = vec![("authorization", token.as_str()), ("accept", "application/json, text/event-stream")];
        all.extend(headers);
        let (head, _) = request(method, MCP, &all).into_parts();
        self.world.send(STRANGER, Request::from_parts(head, Full::from(body.to_vec()))).await
    }

    async fn post(&self, who: &str, body: impl AsRef<[u8]>) -> Answer {
        self.send(who, "POST", &[("content-type", "application/json")], body.as_ref()).await
    }
}

fn key(name: &str) -> String {
    format!("key-of-{name}-0123456789abcdef")
}

fn sha256_hex(text: &str) -> String {
    gangplank_authn::static_keys::digest_of(text).iter().map(|octet| format!("{octet:02x}")).collect()
}

fn call(tool: &str, arguments: Value) -> String {
    json!({"jsonrpc": "2.0", "id": "c-1", "method": "tools/call", "params": {"name": tool, "arguments": arguments}})
        .to_string()
}

#[tokio::test]
async fn a_call_that_is_admitted_goes_on_as_it_came_and_another_one_not_at_all() {
    let scene = Scene::new(RULES).await;
    scene
        .server
        .answers(&[("content-type", "application/json")], &[r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#]);
    let odd = " {\"id\" :1.0e0,\"jsonrpc\":\"2.0\",\"method\":\"tools\\/call\" , \"x\":{\"y\":[1e2]},\"params\":{\"name\":\"pods_\\u006cist\"}}\r\n";
    assert_eq!(scene.post("ada", odd).await.status, 200);
    let got = scene.server.taken();
    assert_eq!(got.iter().map(|(_, _, body)| body.as_ref()).collect::<Vec<_>>(), [odd.as_bytes()]);
    let (_, headers, _) = &got[0];
    assert_eq!(headers.get("accept-encoding").unwrap(), "identity");
    assert!(headers.get("authorization").is_none());
    assert_eq!(headers.get("content-length").unwrap(), &odd.len().to_string());

    for (who, body, status) in [
        ("ada", call("pods_exec", json!({"namespace": "dev-1"})), 200),
        ("ada", call("pods_exec", json!({"namespace": "prod"})), 403),
        ("ada", call("pods_exec", json!({})), 403),
        ("ada", call("pods_exec", json!({"namespace": "dev-1", "Namespace": "prod"})), 403),
        ("ada", call("secrets_get", json!({})), 403),
        ("ada", call("Pods_list", json!({})), 400),
        ("ada", call("pods_list\u{200b}", json!({})), 400),
        ("olga", call("pods_exec", json!({"namespace": "dev-1"})), 403),
        ("otto", call("pods_delete", json!({})), 200),
        ("ada", format!("[{},{}]", call("pods_list", json!({})), call("secrets_get", json!({}))), 403),
        ("ada", format!("[{},{}]", call("pods_list", json!({})), call("pods_log", json!({}))), 200),
        ("ada", call("pods_list", json!({})) + &call("secrets_get", json!({})), 400),
        ("ada", r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"secrets_get"}}"#.to_owned(), 403),
        ("ada", r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#.to_owned(), 400),
        ("ada", "not json".to_owned(), 400),
        ("ada", String::new(), 400),
    ] {
        let answer = scene.post(who, &body).await;
        assert_eq!(answer.status, status, "{who} {body}: {}", answer.body);
        let got = scene.server.taken();
        assert_eq!(got.len(), usize::from(status == 200), "{who} {body}");
        assert!(got.iter().all(|(_, _, octets)| octets == body.as_bytes()));
    }
}

#[tokio::test]
async fn who_waits_for_an_answer_is_told() {
    let scene = Scene::new(RULES).await;
    let answer = scene.post("ada", call("secrets_get", json!({}))).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (403, Some("application/json")));
    let said = answer.json();
    assert_eq!((&said["jsonrpc"], &said["id"]), (&json!("2.0"), &json!("c-1")));
    assert_eq!(said["error"]["code"], -32602);
    assert_eq!(said["error"]["message"], "This tool may not be called");
    assert_eq!(said["error"]["data"]["request_id"].as_str(), answer.header("x-request-id"));
    assert!(answer.header("www-authenticate").is_none(), "{:?}", answer.headers);

    // Nothing but a scope is missing.
    let answer = scene.post("olga", call("pods_delete", json!({}))).await;
    assert_eq!(answer.status, 403);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains(r#"error="insufficient_scope""#) && challenge.contains("mcp:delete"), "{challenge}");
    assert_eq!(answer.json()["id"], "c-1");
    assert!(scene.server.taken().is_empty());
}

#[tokio::test]
async fn headers_say_what_the_body_says() {
    let scene = Scene::new(RULES).await;
    let body = call("pods_list", json!({}));
    let json = ("content-type", "application/json");
    for (headers, status) in [
        (&[json, ("mcp-method", "tools/call"), ("mcp-name", "pods_list")][..], 200),
        (&[json, ("mcp-name", "pods_delete")], 400),
        (&[json, ("mcp-method", "tools/list")], 400),
        (&[("content-type", "text/plain")], 415),
        (&[], 415),
        (&[json, ("content-encoding", "gzip")], 415),
        (&[json, ("upgrade", "websocket"), ("connection", "upgrade")], 200),
        (&[json, ("mcp-param-name_space", "x")], 200),
    ] {
        let answer = scene.send("ada", "POST", headers, body.as_bytes()).await;
        assert_eq!(answer.status, status, "{headers:?}: {}", answer.body);
        assert_eq!(scene.server.taken().len(), usize::from(status == 200), "{headers:?}");
    }
    // A server that lets a header stand for the method, or reads the body of a GET, is asked for nothing by it.
    for (method, body) in [("PUT", body.as_str()), ("PATCH", &body), ("GET", &body), ("DELETE", &body), ("BREW", "")] {
        let answer = scene.send("ada", method, &[json, ("x-http-method-override", "POST")], body.as_bytes()).await;
        assert_eq!(answer.status, 405, "{method}");
        assert!(scene.server.taken().is_empty(), "{method}");
    }
    let taken_off = ["x-http-method-override", "range", "mcp_method", "mcp.name", "mcp_param-x", "upgrade"];
    for name in taken_off {
        scene.send("ada", "GET", &[(name, "x"), ("mcp-param-a_b", "y"), ("connection", "upgrade")], b"").await;
        let got = scene.server.taken();
        assert!(!got[0].1.contains_key(name) && got[0].1.contains_key("mcp-param-a_b"), "{name}: {got:?}");
    }
}

/// A proxy that only asks shows no message, so nobody could say which tool is called.
#[tokio::test]
async fn forward_auth_does_not_pass_by_the_rules() {
    for (rules, status) in [(RULES, 403), ("", 202)] {
        let scene = Scene::new(rules).await;
        let (ada, check) = (format!("Bearer {}", key("ada")), "https://app.example.com/oauth2/auth?route=mcp");
        let answer = scene.world.get(check, &[("authorization", &ada)]).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-auth-request-user").is_some()), (status, status == 202));
        assert_eq!(scene.world.get(check, &[]).await.status, 401);
    }
}

const LIST: &str = r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"pods_list"}, {"name":"pods_delete"},{"name":"pods_exec"},{"name":"secrets_get"}],"nextCursor":"x"}}"#;

fn names(list: &str) -> Vec<String> {
    let list: Value = serde_json::from_str(list).unwrap_or_else(|e| panic!("{e}: {list}"));
    list["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn lists_show_what_the_caller_may_use() {
    let scene = Scene::new(RULES).await;
    let ask = r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#;
    for (who, wanted) in [
        ("ada", &["pods_list", "pods_delete", "pods_exec"][..]),
        ("olga", &["pods_list"]),
        ("otto", &["pods_list", "pods_delete"]),
    ] {
        scene.server.answers(&[("content-type", "application/json"), ("etag", "\"x\"")], &[LIST]);
        let answer = scene.post(who, ask).await;
        assert_eq!(names(&answer.body), wanted, "{who}");
        assert!(answer.body.ends_with(r#"],"nextCursor":"x"}}"#) && answer.header("etag").is_none());
        assert_eq!(answer.header("content-length"), None);

        // As events, in the answer to a POST and on the stream of a GET, however the stream is cut.
        let events = format!(
            "id: 1\nevent: message\ndata: {LIST}\n\n: ping\n\nid: 2\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"x\"}}\n\n"
        );
        let parts: Vec<&str> = events.as_bytes().chunks(11).map(|part| std::str::from_utf8(part).unwrap()).collect();
        scene.server.answers(&[("content-type", "text/event-stream; charset=utf-8")], &parts);
        let answers = [scene.post(who, ask).await, scene.send(who, "GET", &[("last-event-id", "0")], b"").await];
        for answer in answers {
            let data = answer.body.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
            assert_eq!(names(data), wanted, "{who}");
            let rest = events.split_once(LIST).map(|(before, after)| (before.to_owned(), after.to_owned())).unwrap();
            assert!(answer.body.starts_with(&rest.0) && answer.body.ends_with(&rest.1), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_not_passed_on() {
    let scene = Scene::new(RULES).await;
    let ask = r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#;
    let twice = r#"{"id":7,"result":{"tools":[]},"result":{"tools":[{"name":"secrets_get"}]}}"#;
    for (headers, body) in [
        (&[("content-type", "application/json"), ("content-encoding", "gzip")][..], LIST),
        (&[("content-type", "text/event-stream"), ("content-encoding", "br")], "data: x\n\n"),
        (&[("content-type", "application/json")], twice),
        (&[], twice),
        (&[("content-type", "application/problem+json")], twice),
        (&[("content-type", "text/plain")], twice),
        (&[("content-type", "application/x-ndjson")], &format!("{LIST}\n{LIST}\n")),
        (&[("content-type", "application/json; charset=UTF-16LE")], "x"),
        (&[("content-type", "text/event-stream; charset=utf-16")], "x"),
        (&[("content-type", "application/json")], &format!("\u{feff}{LIST}")),
        (&[("content-type", "application/json")], &LIST.chars().flat_map(|c| [c, '\0']).collect::<String>()),
    ] {
        scene.server.answers(headers, &[body]);
        let answer = scene.post("ada", ask).await;
        assert_eq!(answer.status, 502, "{headers:?} {body}");
        assert!(!answer.body.contains("secrets_get"));
    }
    // What is no answer of the protocol is nobody's list.
    for (headers, body) in [
        (&[("content-type", "text/html; charset=utf-8")][..], "<p>the tools"),
        (&[("content-type", "application/octet-stream")], "\0tools"),
        (&[("content-type", "application/json; charset=\"utf-8\"")], r#"{"result":{"content":["tools"]}}"#),
        (&[], "Accepted"),
    ] {
        scene.server.answers(headers, &[body]);
        assert_eq!(scene.post("ada", ask).await.body, body);
    }
    // A stream that has begun breaks off.
    scene.server.answers(
        &[("content-type", "text/event-stream")],
        &[": hello\n\n", &format!("data: {twice}\n\n"), ": bye\n\n"],
    );
    let answer = scene.post("ada", ask).await;
    assert!(!answer.body.contains("secrets_get") && !answer.body.contains("bye"), "{}", answer.body);
}

#[tokio::test]
async fn without_rules_calls_are_read_and_answers_are_not() {
    let scene = Scene::new("").await;
    scene.server.answers(&[("content-type", "application/json"), ("content-encoding", "gzip")], &["not gzip, tools"]);
    let answer = scene.post("ada", call("any thing", json!({}))).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "not gzip, tools"));
    assert_eq!(scene.post("ada", "{}").await.status, 400);
    assert_eq!(scene.server.taken().len(), 1);
}

#[tokio::test]
async fn calls_are_counted_by_names_that_callers_do_not_make_up() {
    let scene = Scene::new(RULES).await;
    scene.server.answers(&[("content-type", "application/json")], &[LIST]);
    scene.post("ada", call("pods_list", json!({}))).await;
    scene.post("ada", call("pods_exec", json!({"namespace": "dev-1"}))).await;
    scene.post("ada", call("made_up_1", json!({}))).await;
    scene.post("ada", call("made_up_2", json!({}))).await;
    let text = scene.world.shared.metrics().text();
    let count = |tool: &str, decision: &str| {
        let line = format!("gangplank_mcp_calls_total{{route=\"mcp\",tool=\"{tool}\",decision=\"{decision}\"}} ");
        text.lines().find_map(|found| found.strip_prefix(&line).map(str::to_owned))
    };
    assert_eq!(count("pods_list", "allowed").as_deref(), Some("1"), "{text}");
    assert_eq!(count("pods_exec", "allowed").as_deref(), Some("1"), "{text}");
    assert_eq!(count("other", "denied").as_deref(), Some("2"), "{text}");
    assert!(!text.contains("made_up"));
}

#[tokio::test]
async fn every_call_leaves_one_line_without_its_arguments() {
    crate::audit::listen();
    let scene = Scene::new(RULES).await;
    scene.server.answers(&[("content-type", "application/json")], &["{}"]);
    let mut everything = Vec::new();
    let mut lines = || {
        let taken = crate::audit::taken();
        everything.extend(taken.clone());
        taken.into_iter().filter(|line| line.contains("decision=\"call-")).collect::<Vec<_>>()
    };
    scene.post("ada", call("pods_exec", json!({"namespace": "dev-sesame"}))).await;
    let [line] = &lines()[..] else { panic!("not one line") };
    for part in [
        "decision=\"call-allow\"",
        "route=\"mcp\"",
        "message=\"tools/call\"",
        "tool=\"pods_exec\"",
        "user=\"ada\"",
        "by=\"static-key\"",
        "client=192.0.2.1",
        "request_id=",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    scene.post("ada", call(&("secrets_get".to_owned() + &"x".repeat(100)), json!({"password": "sesame"}))).await;
    let [line] = &lines()[..] else { panic!("not one line") };
    for part in
        ["decision=\"call-deny\"", "reason=\"mcp-tool-denied\"", "detail=ada may not call secrets_get", "user=\"ada\""]
    {
        assert!(line.contains(part), "{part} in {line}");
    }
    scene.post("ada", call(&"x\u{1b}[2J".repeat(1000), json!({"password": "sesame"}))).await;
    let [line] = &lines()[..] else { panic!("not one line") };
    assert!(line.len() < 2_000 && line.contains("reason=\"mcp-tool-name\"") && !line.contains('\u{1b}'), "{line}");
    scene.post("ada", format!("[{},{}]", call("pods_list", json!({})), call("pods_log", json!({})))).await;
    assert_eq!(lines().len(), 2);
    for quiet in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    ] {
        scene.post("ada", quiet).await;
        assert!(lines().is_empty(), "{quiet}");
    }
    scene.post("ada", r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"sesame"}}"#).await;
    assert!(lines()[0].contains("message=\"resources/read\""));
    assert!(!everything.join("\n").contains("sesame"));
}

#[test]
fn rules_without_effect_are_warned_of() {
    let config = head("")
        + "[[routes]]\npath = \"/mcp\"\naccept = [\"corp\"]\nallow.signed_in = true\nupstream = \"http://127.0.0.1:1\"\n"
        + "[[routes.mcp.tools]]\nnames = [\"a*\"]\nallow.groups = [\"g\"]\n"
        + "[[routes.mcp.tools]]\nnames = [\"ab\"]\nallow.groups = [\"g\"]\n";
    let warnings = Gate::warnings(&toml::from_str(&config).unwrap());
    assert!(
        warnings.contains(
            &"routes[0].mcp.tools[1] has no effect: routes[0].mcp.tools[0] admits the same callers, to the same tools"
                .to_owned()
        ),
        "{warnings:?}"
    );
}

const KUBECONFIG: &str = "
apiVersion: v1
kind: Config
clusters: [{ name: c, cluster: { server: 'https://cluster.example.com:6443' } }]
users: [{ name: u, user: {} }]
contexts: [{ name: c, context: { cluster: c, user: u } }]
current-context: c
";

/// The token of the cluster that the argument names goes along, and for no other cluster any token.
#[tokio::test]
async fn the_argument_chooses_whose_token_goes_along() {
    let (server, address) = Server::start().await;
    server.answers(&[("content-type", "application/json")], &["{}"]);
    let dir = Dir::new();
    let file = dir.write("kubeconfig", KUBECONFIG);
    let cluster = |name: &str, more: &str| {
        format!("[clusters.{name}]\nkubeconfig = {file:?}\nauth_mode = \"passthrough\"\n{more}\n")
    };
    let config = head("")
        + &cluster("dev", &format!("token_audiences = [{API_ID:?}]"))
        + &cluster("prod", &format!("token_audiences = [{API_ID:?}]\nallow.users = [\"bob@dev.test\"]"))
        + &cluster("other", "token_audiences = [\"api://other\"]")
        + "[[routes]]\npath = \"/mcp\"\naccept = [\"corp\"]\nallow.signed_in = true\n"
        + &format!("upstream = \"http://{address}\"\n")
        + "[routes.mcp]\ntarget = { argument = \"context\", clusters = [\"dev\", \"prod\", \"other\"] }\n";
    let world = World::new(&config);
    let alice = format!("Bearer {}", world.token("alice"));
    let json = ("content-type", "application/json");
    for (arguments, status) in [
        (json!({"context": "dev"}), 200),
        (json!({"context": "prod"}), 403),
        (json!({"context": "nowhere"}), 403),
        (json!({"context": "dev", "Context": "prod"}), 400),
        (json!({}), 400),
        // Her token is not for that cluster.
        (json!({"context": "other"}), 403),
    ] {
        let (head, _) = request("POST", MCP, &[json, ("authorization", &alice)]).into_parts();
        let body = call("pods_list", arguments.clone());
        let answer = world.send(STRANGER, Request::from_parts(head, Full::from(body))).await;
        assert_eq!(answer.status, status, "{arguments}: {}", answer.body);
        let got = server.taken();
        assert_eq!(got.len(), usize::from(status == 200), "{arguments}");
        assert!(got.iter().all(|(_, headers, _)| headers["authorization"] == alice));
    }
    // What is for no cluster goes without a token.
    let (head, _) = request("POST", MCP, &[json, ("authorization", &alice)]).into_parts();
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    assert_eq!(world.send(STRANGER, Request::from_parts(head, Full::from(list))).await.status, 200);
    assert!(server.taken()[0].1.get("authorization").is_none());
}

#[test]
fn targets_are_clusters_that_there_are() {
    let found = errors(
        &(head("")
            + "[clusters.own]\nin_cluster = true\nauth_mode = \"impersonate\"\n"
            + "[[routes]]\npath = \"/mcp\"\naccept = [\"corp\"]\nallow.signed_in = true\nupstream = \"http://127.0.0.1:1\"\n"
            + "pass.authorization = true\n"
            + "[routes.mcp]\ntarget = { argument = \"\", default = \"x\", clusters = [\"prod\", \"own\"] }\n"
            + "[[routes.mcp.tools]]\nnames = [\"a*\"]\nallow = {}\n"),
    );
    for wanted in [
        "routes[0].mcp.tools[0].allow: admits nobody",
        "routes[0].mcp.target.argument: \"\" is not the name of an argument",
        "routes[0].mcp.target.clusters[0]: there is no cluster \"prod\"",
        "routes[0].mcp.target.clusters[1]: clusters.own is shown our own credential",
        "routes[0].mcp.target: is set beside pass.authorization of the route",
        "routes[0].mcp.target.default: \"x\" is none of target.clusters",
    ] {
        assert!(found.iter().any(|error| error.starts_with(wanted)), "{wanted} in {found:#?}");
    }
}
