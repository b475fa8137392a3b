//! Clusters behind the gate: a TLS server that notes every head it gets, and every certificate it is shown, is the judge.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use gangplank_gate::config::Config;
use gangplank_gate::{Deps, Gate};
use gangplank_idp::{API_ID, DEMO_GROUP_ID, InProcess, WEB_APP_ID};
use gangplank_net::{Peer, ReloadingTls, ServerLimits, Shutdown, serve};
use gangplank_oauth::{BoxFuture, Budget, Transport, TransportError};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::local::Dir;
use super::proxy::Front;
use super::support::*;

mod configuration;
mod neighbours;

/// What an API server saw of a request.
#[derive(Clone, Debug)]
struct Seen {
    version: http::Version,
    method: String,
    target: String,
    headers: HeaderMap,
    certificates: usize,
}

impl Seen {
    fn all(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// Everything that says who it is.
    fn who(&self) -> Vec<(String, String)> {
        let says = |name: &str| {
            ["authorization", "impersonate", "x-remote", "x_remote", "x-auth", "x.remote"]
                .iter()
                .any(|w| name.starts_with(w))
        };
        let said = self.headers.iter().filter(|(name, _)| says(name.as_str()));
        let mut said: Vec<_> =
            said.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
        said.sort();
        said
    }
}

/// A TLS server on loopback that could be an API server: `/redirect` leads elsewhere, an upgrade is echoed.
struct ApiServer {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    dir: Dir,
}

impl ApiServer {
    async fn start() -> ApiServer {
        let dir = Dir::new();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let pair = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["kubernetes.default.svc".to_owned()]).unwrap();
        dir.write("ca.pem", &ca.pem());
        dir.write("tls.crt", &own.signed_by(&pair, &ca).unwrap().pem());
        dir.write("tls.key", &pair.serialize_pem());
        let tls = ReloadingTls::load(dir.path("tls.crt").as_ref(), dir.path("tls.key").as_ref()).unwrap();
        tls.ask_for_certificates(Some(Vec::new())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let kept = seen.clone();
        let handler = move |request: Request<Incoming>, peer: Peer| {
            let kept = kept.clone();
            async move { answer(request, &peer, &kept) }
        };
        tokio::spawn(serve(listener, Some(Arc::new(tls)), ServerLimits::default(), handler, Shutdown::new()));
        ApiServer { address, seen, dir }
    }

    /// Writes a kubeconfig for it. `user` is what the gate shows there.
    fn kubeconfig(&self, name: &str, path: &str, user: &str) -> String {
        let port = self.address.port();
        let named = if user.is_empty() { "" } else { ", user: u" };
        self.dir.write(
            name,
            &format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: x\n\
                 contexts: [{{name: x, context: {{cluster: c{named}}}}}]\n\
                 clusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:{port}{path}', \
                 tls-server-name: kubernetes.default.svc, certificate-authority: ca.pem}}}}]\n\
                 users: [{{name: u, user: {{{user}}}}}]\n"
            ),
        )
    }

    /// The one request since the last time.
    fn one(&self) -> Seen {
        let mut all = std::mem::take(&mut *self.seen.lock().unwrap());
        assert_eq!(all.len(), 1, "{all:#?}");
        all.pop().unwrap()
    }

    fn nothing(&self) -> bool {
        self.seen.lock().unwrap().is_empty()
    }
}

/// What of an answer holds for its whole origin, and for longer than the answer.
const OF_THE_ORIGIN: [(&str, &str); 6] = [
    ("clear-site-data", "\"*\""),
    ("strict-transport-security", "max-age=0; includeSubDomains"),
    ("alt-svc", "h2=\":1337\"; persist=1"),
    ("nel", "{\"report_to\":\"x\",\"max_age\":9999999,\"success_fraction\":1,\"include_subdomains\":true}"),
    ("report-to", "{\"group\":\"x\",\"max_age\":9999999,\"endpoints\":[{\"url\":\"https://evil.example.com\"}]}"),
    ("service-worker-allowed", "/"),
];

fn answer(mut request: Request<Incoming>, peer: &Peer, seen: &Mutex<Vec<Seen>>) -> Response<Full<Bytes>> {
    let upgrade = request.headers().get("upgrade").cloned();
    let switched = upgrade.is_some().then(|| hyper::upgrade::on(&mut request));
    seen.lock().unwrap().push(Seen {
        version: request.version(),
        method: request.method().to_string(),
        target: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: request.headers().clone(),
        certificates: peer.certificates.as_ref().map_or(0, |certificates| certificates.len()),
    });
    if let (Some(switched), Some(protocol)) = (switched, upgrade) {
        tokio::spawn(async move {
            let mut io = TokioIo::new(switched.await.unwrap());
            let mut buffer = [0; 1024];
            while let Ok(n @ 1..) = io.read(&mut buffer).await {
                io.write_all(&buffer[..n]).await.unwrap();
            }
        });
        let response = Response::builder().status(101).header("connection", "upgrade").header("upgrade", protocol);
        return response.body(Full::default()).unwrap();
    }
    let mut response = Response::builder();
    if request.uri().path().ends_with("/proxy/") {
        response = response.header("set-cookie", "app=stolen").header("content-type", "text/html");
        response = response.header("content-security-policy", "default-src *");
        for (name, value) in OF_THE_ORIGIN {
            response = response.header(name, value);
        }
    }
    if request.uri().path().contains("/nobody") {
        response = response.status(401);
    }
    if request.uri().path().ends_with("/redirect") {
        response = response.status(301).header("location", "/api/v1/");
    }
    response.body(Full::from("{\"kind\":\"PodList\"}")).unwrap()
}

/// Sends bytes as they are, and reads one answer.
async fn raw(to: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut answer, mut buffer) = (String::new(), [0; 4096]);
    loop {
        let n = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut buffer)).await.unwrap().unwrap();
        answer.push_str(&String::from_utf8_lossy(&buffer[..n]));
        let Some((head, body)) = answer.split_once("\r\n\r\n") else { continue };
        let length = head
            .to_lowercase()
            .split_once("content-length: ")
            .map_or(0, |(_, rest)| rest.split("\r\n").next().unwrap().parse().unwrap());
        if n == 0 || body.len() >= length {
            return answer;
        }
    }
}

const TOKEN: &str = "token: of-the-gate";
const BOTH: &str = "token: of-the-gate, client-certificate: tls.crt, client-key: tls.key";

fn route(more: &str) -> String {
    format!("\n[[routes]]\npath = \"/clusters\"\naccept = [\"corp\"]\nallow.signed_in = true\n{more}\n")
}

fn cluster(name: &str, kubeconfig: &str, more: &str) -> String {
    format!("\n[clusters.{name}]\nkubeconfig = {kubeconfig:?}\n{more}\n")
}

/// A caller's own audience, which `API_ID`'s tokens have.
fn for_the_api() -> String {
    format!("token_audiences = [\"{API_ID}\"]")
}

fn names(said: &[String], expected: &[&str]) {
    for beginning in expected {
        assert!(said.iter().any(|error| error.starts_with(beginning)), "{beginning}: {said:#?}");
    }
    assert_eq!(said.len(), expected.len(), "{said:#?}");
}

#[tokio::test]
async fn the_cluster_is_told_who_calls_by_our_own_credential() {
    let server = ApiServer::start().await;
    let config = cluster("prod", &server.kubeconfig("k", "", BOTH), "") + &route("clusters = [\"prod\"]");
    let world = World::new(&(head("") + &config));
    let alice = format!("Bearer {}", world.token("alice"));
    let answer = world
        .get("https://app.example.com/clusters/prod/api/v1/pods?limit=5&x=%2F", &[("authorization", &alice)])
        .await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "{\"kind\":\"PodList\"}"));
    let seen = server.one();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/api/v1/pods?limit=5&x=%2F"));
    assert_eq!((seen.version, seen.certificates), (http::Version::HTTP_11, 1));
    assert_eq!(seen.all("authorization"), ["Bearer of-the-gate"]);
    assert_eq!(seen.all("impersonate-user"), ["alice@dev.test"], "{seen:?}");
    assert!(seen.all("impersonate-group").contains(&DEMO_GROUP_ID), "{seen:?}");
    assert_eq!(seen.all("impersonate-uid").len(), 1);
    assert!(seen.all("host")[0].starts_with("127.0.0.1:"));
    assert_eq!(seen.all("audit-id"), seen.all("x-request-id"));
    assert!(seen.all("x-auth-request-user").is_empty(), "an API server is not told twice");
    assert!(!format!("{seen:?}").contains(&alice), "the caller's token stays here");

    let metrics = world.shared.metrics().text();
    assert!(metrics.contains("gangplank_cluster_requests_total{cluster=\"prod\",mode=\"impersonate\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_callers_own_token_goes_to_the_cluster_that_it_is_for_and_our_certificate_does_not() {
    let server = ApiServer::start().await;
    let config = cluster("prod", &server.kubeconfig("with", "", BOTH), &for_the_api())
        + &cluster("bare", &server.kubeconfig("without", "", ""), &(for_the_api() + "\nauth_mode = \"passthrough\""))
        + &cluster("other", &server.kubeconfig("other", "", ""), "token_audiences = [\"other\"]")
        + &route("clusters = [\"prod\", \"bare\", \"other\"]");
    let world = World::new(&(head("") + &config));
    let alice = format!("Bearer {}", world.token("alice"));
    let ask = async |cluster: &str| {
        let url = format!("https://app.example.com/clusters/{cluster}/api");
        world.get(&url, &[("authorization", &alice)]).await
    };
    for cluster in ["prod", "bare"] {
        assert_eq!(ask(cluster).await.status, StatusCode::OK);
        let seen = server.one();
        assert_eq!(seen.who(), [("authorization".to_owned(), alice.clone())], "{cluster}");
        assert_eq!(seen.certificates, 0, "an API server would take it for the better evidence");
    }
    let refused = ask("other").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(server.nothing());
    let status: Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!((&status["kind"], &status["code"]), (&json!("Status"), &json!(403)));
    assert_eq!(status["reason"], "Forbidden");
    assert!(!refused.body.contains("audience"), "{}", refused.body);
}

#[tokio::test]
async fn a_token_for_two_clusters_goes_to_neither() {
    let server = ApiServer::start().await;
    let file = server.kubeconfig("k", "", "");
    let config = |others: &str| {
        head("")
            + &cluster("prod", &file, &for_the_api())
            + &cluster("dev", &file, others)
            + &route("clusters = [\"prod\", \"dev\"]")
    };
    let world = World::new(&config("token_audiences = [\"api://podinfo\"]"));
    let now = gangplank_oauth::Clock::now(&*world.clock).as_secs();
    let template = world.token("alice");
    let payload = template.split('.').nth(1).unwrap();
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).unwrap();
    let mut claims: Value = serde_json::from_slice(&claims).unwrap();
    claims["aud"] = json!([API_ID, "api://podinfo"]);
    claims["exp"] = json!(now + 600);
    let both = format!("Bearer {}", world.tenant.mint_claims(&claims).unwrap());
    for cluster in ["prod", "dev"] {
        let url = format!("https://app.example.com/clusters/{cluster}/api");
        let answer = world.get(&url, &[("authorization", &both)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
        assert!(server.nothing());
    }
    // One list for both says that this is meant.
    let shared = format!("token_audiences = [\"api://podinfo\", \"{API_ID}\"]");
    let both_lists = config(&shared).replace(&for_the_api(), &shared);
    let world = world.started_anew(&both_lists);
    let answer = world.get("https://app.example.com/clusters/dev/api", &[("authorization", &both)]).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}

#[tokio::test]
async fn a_cluster_gets_the_token_that_the_callers_was_exchanged_for_and_never_the_callers() {
    let server = ApiServer::start().await;
    let exchange =
        "\n[exchanges.v1]\nclient = \"corp\"\nstrategy = \"on-behalf-of\"\nscopes = [\"api://podinfo-v1/.default\"]\n";
    let config = exchange.to_owned()
        + &cluster("prod", &server.kubeconfig("k", "", BOTH), "exchange = \"v1\"")
        + &route("clusters = [\"prod\"]");
    let head = head("").replace("audiences = [", &format!("audiences = [\"{WEB_APP_ID}\", "));
    let world = World::new(&(head + &config));
    let now = gangplank_oauth::Clock::now(&*world.clock);
    let scope = format!("api://{WEB_APP_ID}/access_as_user");
    let alice = world.tenant.mint_access_token("alice", WEB_APP_ID, &scope, now).unwrap();
    let ask = async |token: &str| {
        let bearer = format!("Bearer {token}");
        world.get("https://app.example.com/clusters/prod/api", &[("authorization", &bearer)]).await
    };
    let answer = ask(&alice).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let seen = server.one();
    assert_eq!((seen.who().len(), seen.certificates), (1, 0));
    let shown = seen.all("authorization")[0].strip_prefix("Bearer ").unwrap();
    let payload = shown.split('.').nth(1).unwrap();
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], "api://podinfo-v1");
    assert!(claims["oid"].is_string() && shown != alice);

    // The provider exchanges no token that was for somebody else: then there is no call.
    let of_another = ask(&world.token("alice")).await;
    assert!(!of_another.status.is_success(), "{of_another:?}");
    assert!(server.nothing());
}

#[tokio::test]
async fn nothing_that_a_caller_makes_up_reaches_a_cluster() {
    let server = ApiServer::start().await;
    let config = cluster("prod", &server.kubeconfig("k", "", BOTH), "")
        + &cluster("own", &server.kubeconfig("own", "", BOTH), &for_the_api())
        + &route("clusters = [\"prod\", \"own\"]");
    let front = Front::new(&config).await;
    let bearer = front.bearer();
    let ask = async |cluster: &str, headers: &str, more: &str| {
        let request = format!(
            "POST /clusters/{cluster}/api HTTP/1.1\r\nhost: app.example.com\r\nauthorization: {bearer}\r\n{headers}\r\n{more}"
        );
        raw(front.address, &request).await
    };
    let forged = [
        ("Impersonate-User", true),
        ("IMPERSONATE-USER", true),
        ("impersonate-Group", true),
        ("Impersonate-Uid", true),
        ("Impersonate-Extra-scopes", true),
        ("impersonate_user", true),
        ("Impersonate.Group", true),
        ("Impersonate-Later", true),
        ("X-Remote-User", false),
        ("X_Remote_Group", false),
        ("x.remote.extra.a", false),
        ("X-Remote-Uid", false),
        ("X-Auth-Request-User", false),
        ("X-Forwarded-User", false),
    ];
    for cluster in ["prod", "own"] {
        ask(cluster, "content-length: 0\r\n", "").await;
        let honest = server.one().who();
        for (name, refused) in forged {
            for how in [
                format!("{name}: root\r\ncontent-length: 0\r\n"),
                format!("{name}: \r\ncontent-length: 0\r\n"),
                // Nominated, so that a proxy would take off what was set, or let stand what was not looked at.
                format!("connection: {name}\r\n{name}: root\r\ncontent-length: 0\r\n"),
                format!(
                    "connection: close, {name} ,x\r\n{name}: root\r\n{name}: system:masters\r\ncontent-length: 0\r\n"
                ),
            ] {
                let answer = ask(cluster, &how, "").await;
                if refused {
                    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("leave --as"), "{how}: {answer}");
                    assert!(server.nothing(), "{how}");
                } else {
                    assert!(answer.starts_with("HTTP/1.1 200"), "{how}: {answer}");
                    assert_eq!(server.one().who(), honest, "{how}");
                }
            }
        }
        // Ours, nominated.
        for nominated in ["authorization", "impersonate-user", "impersonate-user, impersonate-group, audit-id", "host"]
        {
            let answer = ask(cluster, &format!("connection: close, {nominated}\r\ncontent-length: 0\r\n"), "").await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{nominated}: {answer}");
            assert_eq!(server.one().who(), honest, "{nominated}");
        }
        // In trailers.
        let trailers =
            "1\r\na\r\n0\r\nimpersonate-user: root\r\nx-remote-user: root\r\nauthorization: Bearer x\r\n\r\n";
        let answer = ask(cluster, "transfer-encoding: chunked\r\ntrailer: impersonate-user\r\n", trailers).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(server.one().who(), honest);
        // A second one.
        let answer = ask(cluster, "authorization: Bearer other\r\ncontent-length: 0\r\n", "").await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        assert!(server.nothing());
    }
}

#[tokio::test]
async fn a_page_from_inside_a_cluster_gets_no_hold_of_our_origin() {
    let server = ApiServer::start().await;
    let config = cluster("prod", &server.kubeconfig("k", "", TOKEN), "") + &route("clusters = [\"prod\"]");
    let world = World::new(&(head("") + &config));
    let alice = format!("Bearer {}", world.token("alice"));
    let url = "https://app.example.com/clusters/prod/api/v1/namespaces/a/services/b/proxy/";
    let cookies = ("cookie", "other-app=secret; __Host-gangplank=x");
    let answer = world.get(url, &[("authorization", &alice), cookies]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(server.one().all("cookie").is_empty(), "cookies of others on this host stay here");
    for name in OF_THE_ORIGIN.iter().map(|(name, _)| *name).chain(["set-cookie"]) {
        assert_eq!(answer.header(name), None, "{name}");
    }
    assert_eq!(answer.header("content-security-policy"), Some("sandbox"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test]
async fn a_401_about_our_own_credential_is_not_the_callers() {
    let server = ApiServer::start().await;
    let config = cluster("told", &server.kubeconfig("k", "", TOKEN), "")
        + &cluster("shown", &server.kubeconfig("s", "", ""), &for_the_api())
        + &route("clusters = [\"told\", \"shown\"]");
    let world = World::new(&(head("") + &config));
    let alice = format!("Bearer {}", world.token("alice"));
    for (path, status) in [
        ("told/api/nobody", StatusCode::BAD_GATEWAY),
        // Of something behind the API server, or of the caller's own token.
        ("told/api/v1/namespaces/a/services/b/proxy/nobody", StatusCode::UNAUTHORIZED),
        ("shown/api/nobody", StatusCode::UNAUTHORIZED),
    ] {
        let url = format!("https://app.example.com/clusters/{path}");
        assert_eq!(world.get(&url, &[("authorization", &alice)]).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn over_http2_it_is_the_same() {
    let server = ApiServer::start().await;
    let config = cluster("prod", &server.kubeconfig("k", "", TOKEN), "") + &route("clusters = [\"prod\"]");
    let front = Front::new(&config).await;
    let bearer = front.bearer();
    let tcp = tokio::net::TcpStream::connect(front.address).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut client, connection) = hyper::client::conn::http2::handshake(executor, TokioIo::new(tcp)).await.unwrap();
    tokio::spawn(connection);
    for (name, status) in [
        ("accept", StatusCode::OK),
        ("x-remote-user", StatusCode::OK),
        ("impersonate-user", StatusCode::FORBIDDEN),
        ("impersonate_group", StatusCode::FORBIDDEN),
    ] {
        let request = Request::get("http://app.example.com/clusters/prod/api").header("authorization", &bearer);
        let request = request.header(name, "root").body(Full::<Bytes>::default()).unwrap();
        assert_eq!(client.send_request(request).await.unwrap().status(), status, "{name}");
        match status {
            StatusCode::OK => assert_eq!(server.one().all("impersonate-user"), ["alice@dev.test"], "{name}"),
            _ => assert!(server.nothing(), "{name}"),
        }
    }
}

#[tokio::test]
async fn an_upgrade_takes_its_callers_identity_and_no_token_among_its_protocols() {
    let server = ApiServer::start().await;
    let config = cluster("prod", &server.kubeconfig("k", "", TOKEN), "") + &route("clusters = [\"prod\"]");
    let front = Front::new(&config).await;
    let bearer = front.bearer();
    let exec = |authorization: &str, upgrade: &str, more: &str| {
        format!(
            "GET /clusters/prod/api/v1/namespaces/a/pods/b/exec?command=sh HTTP/1.1\r\nhost: app.example.com\r\n\
             {authorization}connection: Upgrade\r\nupgrade: {upgrade}\r\n{more}\r\n"
        )
    };
    let authorization = format!("authorization: {bearer}\r\n");
    let token = "base64url.bearer.authorization.k8s.io.b3RoZXI";
    let protocols =
        format!("sec-websocket-protocol: {token}, v5.channel.k8s.io\r\nSec-WebSocket-Protocol: {token}\r\n");
    let answer = raw(front.address, &exec(&authorization, "websocket", &protocols)).await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    let seen = server.one();
    assert_eq!(seen.all("sec-websocket-protocol"), ["v5.channel.k8s.io"]);
    assert_eq!(seen.all("impersonate-user"), ["alice@dev.test"]);
    assert_eq!((seen.all("connection"), seen.all("upgrade")), (vec!["upgrade"], vec!["websocket"]));

    let answer =
        raw(front.address, &exec(&authorization, "SPDY/3.1", "x-stream-protocol-version: v4.channel.k8s.io\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 101") && answer.to_lowercase().contains("upgrade: spdy/3.1"), "{answer}");
    let seen = server.one();
    assert_eq!(seen.all("x-stream-protocol-version"), ["v4.channel.k8s.io"]);

    // As the only credential it is none.
    let answer = raw(front.address, &exec("", "websocket", &protocols)).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    let as_root = format!("{authorization}impersonate-user: root\r\n");
    assert!(raw(front.address, &exec(&as_root, "websocket", "")).await.starts_with("HTTP/1.1 403"));
    assert!(server.nothing());
}

#[tokio::test]
async fn a_path_leads_to_the_same_place_whoever_reads_it() {
    let server = ApiServer::start().await;
    let config = cluster("prod", &server.kubeconfig("k", "/k8s/c-1", TOKEN), "")
        + &cluster("dev", &server.kubeconfig("d", "", TOKEN), "allow.groups = [\"nobody\"]")
        + &route("clusters = [\"prod\", \"dev\"]")
        + &route("host = \"*.k8s.example.com\"\nclusters = [\"prod\", \"dev\"]").replace("/clusters", "/")
        + &route("host = \"one.example.com\"\ncluster = \"prod\"").replace("/clusters", "/");
    let world = World::new(&(head("") + &config));
    let alice = format!("Bearer {}", world.token("alice"));
    let ask = async |url: &str| world.get(&format!("https://{url}"), &[("authorization", &alice)]).await;
    for (url, target) in [
        ("app.example.com/clusters/prod/api/v1?watch=true", "/k8s/c-1/api/v1?watch=true"),
        ("app.example.com/clusters/prod", "/k8s/c-1/"),
        ("app.example.com/%63lusters/prod/apis/a%20b", "/k8s/c-1/apis/a%20b"),
        ("prod.k8s.example.com/api/v1", "/k8s/c-1/api/v1"),
        ("one.example.com/openapi/v3", "/k8s/c-1/openapi/v3"),
        ("one.example.com/clusters/dev/api", "/k8s/c-1/clusters/dev/api"),
    ] {
        let answer = ask(url).await;
        assert_eq!(answer.status, StatusCode::OK, "{url}: {answer:?}");
        assert_eq!(server.one().target, target, "{url}");
    }
    for (url, status) in [
        ("app.example.com/clusters/prod/../dev/api", StatusCode::BAD_REQUEST),
        ("app.example.com/clusters/prod/%2e%2e/dev/api", StatusCode::BAD_REQUEST),
        ("app.example.com/clusters/prod%2f..%2fdev/api", StatusCode::BAD_REQUEST),
        ("app.example.com/clusters/prod//evil.example.com/api", StatusCode::BAD_REQUEST),
        ("app.example.com/clusters//prod/api", StatusCode::NOT_FOUND),
        ("app.example.com/clusters/PROD/api", StatusCode::NOT_FOUND),
        ("app.example.com/clusters/prod;x/api", StatusCode::NOT_FOUND),
        ("app.example.com/clusters/api", StatusCode::NOT_FOUND),
        ("app.example.com/clusters", StatusCode::NOT_FOUND),
        ("other.k8s.example.com/api", StatusCode::NOT_FOUND),
        ("app.example.com/clusters/dev/api", StatusCode::FORBIDDEN),
        ("dev.k8s.example.com/api", StatusCode::FORBIDDEN),
    ] {
        let answer = ask(url).await;
        assert_eq!(answer.status, status, "{url}: {answer:?}");
        assert!(server.nothing(), "{url}");
    }
    let led = ask("app.example.com/clusters/dev/redirect").await;
    assert_eq!(led.status, StatusCode::FORBIDDEN);
    let world = World::new(&(head("") + &config.replace("allow.groups = [\"nobody\"]", "")));
    let alice = format!("Bearer {}", world.token("alice"));
    let led = world.get("https://app.example.com/clusters/dev/redirect", &[("authorization", &alice)]).await;
    assert_eq!((led.status, led.location()), (StatusCode::MOVED_PERMANENTLY, "/clusters/dev/api/v1/"));
}

#[tokio::test]
async fn a_check_for_a_proxy_in_front_asks_the_clusters_rules_too() {
    let server = ApiServer::start().await;
    let config = cluster("dev", &server.kubeconfig("d", "", TOKEN), "allow.groups = [\"nobody\"]")
        + &route("name = \"k8s\"\ncluster = \"dev\"");
    let world = World::new(&(head("") + &config));
    let alice = format!("Bearer {}", world.token("alice"));
    let check = world.check("https://app.example.com/oauth2/auth?route=k8s", &[("authorization", &alice)]).await;
    assert_eq!(check.status, StatusCode::FORBIDDEN, "{check:?}");
}

/// The tenant for whoever asks the tenant, and a cluster's word for whoever asks a cluster.
struct Both {
    tenant: InProcess,
    word: Mutex<Option<Value>>,
    asked: Mutex<Vec<Value>>,
}

impl Transport for Both {
    fn send(&self, request: Request<Bytes>, budget: Budget) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        if !request.uri().path().ends_with("/tokenreviews") {
            return self.tenant.send(request, budget);
        }
        assert_eq!(request.headers()["authorization"], "Bearer of-the-gate");
        self.asked.lock().unwrap().push(serde_json::from_slice(request.body()).unwrap());
        let word = self.word.lock().unwrap().clone();
        Box::pin(async move {
            let down = TransportError::Connect { host: "cluster".into(), cause: "refused".into() };
            let mut review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview" });
            review["status"] = word.ok_or(down)?;
            Ok(Response::builder().status(201).body(Bytes::from(review.to_string())).unwrap())
        })
    }
}

#[tokio::test]
async fn a_token_is_sent_only_after_the_cluster_has_said_whose_it_is() {
    let server = ApiServer::start().await;
    let review = for_the_api() + "\nreview = { audiences = [\"https://prod\"] }";
    let config =
        head("") + &cluster("prod", &server.kubeconfig("k", "", BOTH), &review) + &route("clusters = [\"prod\"]");
    let tenant = World::new(&config);
    let ada = json!({ "username": "ada", "groups": ["dev"] });
    let known = json!({ "authenticated": true, "user": ada, "audiences": ["https://prod"] });
    for (word, status) in [
        (Some(known.clone()), StatusCode::OK),
        (Some(json!({ "authenticated": false, "error": "expired" })), StatusCode::UNAUTHORIZED),
        (Some(json!({ "authenticated": true, "user": ada, "audiences": ["https://dev"] })), StatusCode::UNAUTHORIZED),
        (Some(json!({ "authenticated": true, "user": ada })), StatusCode::UNAUTHORIZED),
        (
            Some(
                json!({ "authenticated": true, "user": { "username": "system:anonymous" }, "audiences": ["https://prod"] }),
            ),
            StatusCode::UNAUTHORIZED,
        ),
        (Some(json!("what?")), StatusCode::SERVICE_UNAVAILABLE),
        (None, StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let transport = Arc::new(Both {
            tenant: InProcess::new(tenant.tenant.clone(), tenant.clock.clone()),
            word: Mutex::new(word.clone()),
            asked: Mutex::default(),
        });
        let secret = |_: &str| Some("secret".to_owned());
        let parsed: Config = toml::from_str(&config).unwrap();
        let deps = Deps {
            clock: tenant.clock.clone(),
            environment: &secret,
            shared: gangplank_gate::Shared::new(),
            transport: Some(transport.clone()),
        };
        let gate = Gate::build(&parsed, deps).unwrap();
        let token = tenant.token("alice");
        for _ in 0..3 {
            let bearer = format!("Bearer {token}");
            let request = request("GET", "https://app.example.com/clusters/prod/api", &[("authorization", &bearer)]);
            let answer = Answer::read(gate.handle(request, peer_of(STRANGER)).await).await;
            assert_eq!(answer.status, status, "{word:?}: {answer:?}");
        }
        let asked = std::mem::take(&mut *transport.asked.lock().unwrap());
        // A strange answer may be this token's doing; all others are remembered, and one that is down is left alone.
        assert_eq!(asked.len(), if word == Some(json!("what?")) { 3 } else { 1 }, "{word:?}");
        assert_eq!(asked[0]["spec"], json!({ "token": token, "audiences": ["https://prod"] }));
        let sent = std::mem::take(&mut *server.seen.lock().unwrap());
        assert_eq!(sent.len(), if status == StatusCode::OK { 3 } else { 0 }, "{word:?}");
        assert!(sent.iter().all(|seen| seen.certificates == 0), "our own is for the review alone");
    }
}

#[tokio::test]
async fn everybody_is_the_gate_only_where_that_is_said() {
    let server = ApiServer::start().await;
    let file = server.kubeconfig("k", "", TOKEN);
    let said = cluster("prod", &file, "auth_mode = \"kubeconfig\"");
    let open = "\n[[routes]]\npath = \"/clusters\"\nallow.anonymous = true\nclusters = [\"prod\"]\n";
    let world = World::new(&(head("") + &said + open));
    let answer = world.get("https://app.example.com/clusters/prod/api", &[]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(server.one().who(), [("authorization".to_owned(), "Bearer of-the-gate".to_owned())]);
    let forged = [("authorization", "Bearer mine"), ("x-remote-user", "root")];
    let answer = world.get("https://app.example.com/clusters/prod/api", &forged).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(server.one().who(), [("authorization".to_owned(), "Bearer of-the-gate".to_owned())]);

    let one = "\n[[routes]]\npath = \"/clusters\"\naccept = [\"corp\"]\nclusters = [\"prod\"]\n";
    let alone = World::new(&(head("") + &said + one + "allow.users = [\"alice@dev.test\"]\n"));
    let alice = format!("Bearer {}", alone.token("alice"));
    let answer = alone.get("https://app.example.com/clusters/prod/api", &[("authorization", &alice)]).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(server.one().who(), [("authorization".to_owned(), "Bearer of-the-gate".to_owned())]);

    for several in ["allow.signed_in = true", "allow.groups = [\"a\"]", "allow.users = [\"a\", \"b\"]"] {
        names(&errors(&(head("") + &said + one + several)), &["routes[0].allow: lets in several callers"]);
    }
    names(&errors(&(head("") + &cluster("prod", &file, "") + open)), &["routes[0].allow.anonymous: asks nobody"]);
    let also_known = format!("[authenticators.open]\nnone = true\n{open}accept = [\"corp\", \"open\"]\n");
    names(&errors(&(head("") + &said + &also_known)), &["routes[0].allow: lets in several callers"]);
}
