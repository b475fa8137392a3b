//! `gangplank token-review`: an API server's webhook, over TLS, with a tenant that signs tokens.

use std::sync::Arc;

use base64::Engine;
use bytes::Bytes;
use gangplank_idp::{API_ID, DEMO_GROUP_ID, DevCa, TENANT_ID, Tenant, TenantConfig, WEB_APP_ID};
use gangplank_net::{
    ClientCertificate, HttpClient, Peer, ReloadingTls, Roots, ServerLimits, Shutdown, SystemClock, bind, serve,
};
use gangplank_oauth::{Budget, Clock, Transport, TransportError};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};
use url::Url;

use crate::browser::call;
use crate::process::{Process, Scratch, gangplank};

/// The dev tenant behind TLS, in this process: it mints whatever is needed.
struct Provider {
    tenant: Arc<Tenant>,
    ca_pem: String,
    shutdown: Shutdown,
}

impl Provider {
    fn start(scratch: &Scratch) -> Self {
        let made = DevCa::generate(&["127.0.0.1"], SystemClock.now()).expect("a certificate");
        let (chain, key) = (scratch.write("idp.crt", &made.chain_pem), scratch.write("idp.key", &made.key_pem));
        let tls = Arc::new(ReloadingTls::load(&chain, &key).expect("a certificate"));
        let listener = bind(([127, 0, 0, 1], 0).into()).expect("an address");
        let base = format!("https://{}/", listener.local_addr().expect("an address"));
        let config = TenantConfig::built_in();
        let tenant = Arc::new(Tenant::new(config, Url::parse(&base).expect("a URL")).expect("a tenant"));
        let (answering, shutdown) = (tenant.clone(), Shutdown::new());
        let answer = move |request: Request<Incoming>, _: Peer| {
            let tenant = answering.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.expect("a body").to_bytes();
                tenant.handle(Request::from_parts(head, body), SystemClock.now()).response.map(Full::new)
            }
        };
        tokio::spawn(serve(listener, Some(tls), ServerLimits::default(), answer, shutdown.clone()));
        Provider { tenant, ca_pem: made.ca_pem, shutdown }
    }

    fn token(&self, user: &str) -> String {
        let scope = "api://podinfo/read";
        self.tenant.mint_access_token(user, WEB_APP_ID, scope, SystemClock.now()).expect("a token")
    }

    /// As kube-apiserver reads it.
    fn entry(&self) -> Value {
        json!({
            "issuer": { "url": self.tenant.issuer().to_string(), "audiences": [API_ID], "certificateAuthority": self.ca_pem },
            "claimMappings": {
                "username": { "claim": "preferred_username", "prefix": "corp:" },
                "groups": { "claim": "groups", "prefix": "" },
                "uid": { "claim": "oid" },
                "extra": [{ "key": "example.com/tenant", "valueExpression": "claims.tid" }],
            },
        })
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.shutdown.trigger();
    }
}

fn configuration(entries: &[Value]) -> String {
    json!({ "apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration", "jwt": entries })
        .to_string()
}

/// An authority whose certificates are for clients.
struct Clients(CertifiedIssuer<'static, KeyPair>);

impl Clients {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Clients(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate"))
    }

    fn issue_pem(&self) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    fn issue(&self) -> ClientCertificate {
        let (certificate, key) = self.issue_pem();
        ClientCertificate::from_pem(certificate.as_bytes(), key.as_bytes()).expect("PEM")
    }
}

struct Webhook {
    process: Process,
    url: String,
    ca_pem: String,
    scratch: Scratch,
    clients: Clients,
}

impl Webhook {
    fn start(scratch: Scratch, entries: &[Value], more: &[&str]) -> Self {
        let made = DevCa::generate(&["127.0.0.1"], SystemClock.now()).expect("a certificate");
        let clients = Clients::new();
        let file = |name: &str, text: &str| scratch.write(name, text).display().to_string();
        let files = [
            ("--authentication-config", file("authentication.yaml", &configuration(entries))),
            ("--tls-cert", file("tls.crt", &made.chain_pem)),
            ("--tls-key", file("tls.key", &made.key_pem)),
            ("--client-ca", file("clients.pem", &clients.0.pem())),
        ];
        let mut command = gangplank();
        command.args(["token-review", "--listen", "127.0.0.1:0"]).args(more);
        files.iter().for_each(|(flag, file)| {
            command.args([*flag, file]);
        });
        let mut process = Process::start(command);
        let url = format!("https://{}/", address(&process.wait_for("listening address=")));
        Webhook { process, url, ca_pem: made.ca_pem, scratch, clients }
    }

    fn client(&self, own: Option<ClientCertificate>) -> HttpClient {
        HttpClient::known_as(&Roots::Pem(self.ca_pem.clone().into_bytes()), own, None).expect("a client")
    }

    async fn post(&self, client: &HttpClient, body: String) -> Result<Response<Bytes>, TransportError> {
        let request = Request::post(&self.url).header("content-type", "application/json").body(Bytes::from(body));
        client.send(request.expect("a request"), Budget::DEFAULT).await
    }

    /// What the API server is told, asking in a version.
    async fn review(&self, version: &str, token: &str, audiences: &[&str]) -> Value {
        let question = json!({
            "kind": "TokenReview", "apiVersion": format!("authentication.k8s.io/{version}"),
            "metadata": { "creationTimestamp": null }, "spec": { "token": token, "audiences": audiences },
            "status": { "user": {} },
        });
        let client = self.client(Some(self.clients.issue()));
        let answer = self.post(&client, question.to_string()).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        let answer: Value = serde_json::from_slice(answer.body()).expect("JSON");
        assert_eq!(answer["apiVersion"], format!("authentication.k8s.io/{version}"));
        answer["status"].clone()
    }
}

fn address(line: &str) -> String {
    line.split("address=").nth(1).and_then(|a| a.split_whitespace().next()).expect("an address").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_is_told_whose_a_token_is_in_the_version_it_asks_in() {
    let scratch = Scratch::new("review-versions");
    let provider = Provider::start(&scratch);
    let mut webhook = Webhook::start(scratch, &[provider.entry()], &["--metrics-listen", "127.0.0.1:0"]);
    let token = provider.token("alice");
    for version in ["v1", "v1beta1"] {
        let status = webhook.review(version, &token, &["https://kubernetes.default.svc", API_ID]).await;
        assert_eq!(status["authenticated"], true, "{status}");
        assert_eq!(status["user"]["username"], "corp:alice@dev.test");
        assert!(status["user"]["groups"].as_array().expect("groups").contains(&json!(DEMO_GROUP_ID)));
        assert!(status["user"]["uid"].as_str().is_some_and(|uid| uid.len() == 36), "{status}");
        assert_eq!(status["user"]["extra"]["example.com/tenant"], json!([TENANT_ID]));
        assert_eq!(status["audiences"], json!([API_ID]));
    }
    let nobody = json!({ "authenticated": false });
    let (head, _) = token.rsplit_once('.').expect("a JWT");
    for (bad, audiences) in [(&*format!("{head}.AAAA"), [API_ID]), ("opaque", [API_ID]), (&token, ["somebody else"])] {
        assert_eq!(webhook.review("v1", bad, &audiences).await, nobody, "the same for each, and no reason");
    }
    let line = webhook.process.wait_for("listening for metrics");
    let metrics = call(&format!("http://{}/metrics", address(&line)), &[]).await.text;
    for line in [
        r#"gangplank_token_reviews_total{result="authenticated"} 2"#,
        r#"gangplank_token_reviews_total{result="refused"} 3"#,
        r#"gangplank_token_review_duration_seconds_count{result="refused"} 3"#,
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    assert_eq!(call(&format!("http://{}/readyz", address(&line)), &[]).await.status, StatusCode::OK);
    let refused = webhook.process.wait_for("reason=review-audience-mismatch");
    let id = refused.split("request_id=").nth(1).and_then(|id| id.split_whitespace().next()).expect("an id");
    let told = call(&format!("http://{}/explain/{id}", address(&line)), &[]).await.text;
    assert!(told.contains("--api-audiences") && told.contains("somebody else"), "{told}");
    webhook.process.signal("TERM");
    assert_eq!(webhook.process.wait().code(), Some(0));
    let said = webhook.process.said.join("\n");
    assert!(said.contains("decision=authenticated") && said.contains("user=corp:alice@dev.test"), "{said}");
    assert!(said.contains("reason=review-audience-mismatch"), "{said}");
    assert!(!said.contains(&token[token.len() - 20..]) && !said.contains("opaque"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_api_server_may_ask() {
    let scratch = Scratch::new("review-clients");
    let provider = Provider::start(&scratch);
    let mut webhook = Webhook::start(scratch, &[provider.entry()], &[]);
    let question = json!({
        "kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "spec": { "token": provider.token("alice") },
    });
    for stranger in [None, Some(Clients::new().issue())] {
        assert!(webhook.post(&webhook.client(stranger), question.to_string()).await.is_err());
        webhook.process.wait_for("a client's certificate was not accepted");
    }
    let ours = webhook.client(Some(webhook.clients.issue()));
    assert!(webhook.post(&ours, question.to_string()).await.is_ok());
    for (body, status) in [("{", 400), (r#"{"kind":"Pod","apiVersion":"v1"}"#, 400)] {
        let answer = webhook.post(&ours, body.to_owned()).await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(serde_json::from_slice::<Value>(answer.body()).expect("JSON")["kind"], "Status");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_takes_over_a_wrong_one_does_not_and_a_dead_issuer_holds_up_nobody() {
    let scratch = Scratch::new("review-reload");
    let provider = Provider::start(&scratch);
    let mut dead = provider.entry();
    dead["issuer"]["url"] = json!("https://127.0.0.1:1");
    let mut webhook = Webhook::start(scratch, &[dead.clone()], &["--audience", "cluster"]);
    let token = provider.token("alice");
    assert_eq!(webhook.review("v1", &token, &["cluster"]).await["authenticated"], false);

    webhook.scratch.write("authentication.yaml", &configuration(&[dead.clone(), provider.entry()]));
    webhook.process.wait_for("authentication configuration reloaded");
    let status = webhook.review("v1", &token, &["cluster", "other"]).await;
    assert_eq!((&status["authenticated"], &status["audiences"]), (&json!(true), &json!(["cluster"])), "{status}");

    let mut wrong = provider.entry();
    wrong["claimMappings"]["username"] = json!({ "claim": "sub" });
    webhook.scratch.write("authentication.yaml", &configuration(&[wrong]));
    assert!(webhook.process.wait_for("jwt[0].claimMappings.username.prefix").contains("authentication.yaml"));
    webhook.process.wait_for("in force stays");
    assert_eq!(webhook.review("v1", &token, &["cluster"]).await["authenticated"], true);

    let renewed = Clients::new();
    webhook.scratch.write("clients.pem", &renewed.0.pem());
    webhook.process.wait_for("certificates reloaded");
    webhook.clients = renewed;
    assert_eq!(webhook.review("v1", &token, &["cluster"]).await["authenticated"], true);
}

/// Two gates: one is the webhook of an API server, the other takes it for a cluster and asks it.
#[tokio::test(flavor = "multi_thread")]
async fn serve_answers_reviews_and_a_route_asks_a_cluster() {
    let scratch = Scratch::new("review-serve");
    let provider = Provider::start(&scratch);
    let made = DevCa::generate(&["127.0.0.1"], SystemClock.now()).expect("a certificate");
    let clients = Clients::new();
    let (certificate, key) = clients.issue_pem();
    scratch.write("tls.crt", &made.chain_pem);
    scratch.write("tls.key", &made.key_pem);
    scratch.write("clients.pem", &clients.0.pem());
    scratch.write("cookie.key", "0123456789abcdef0123456789abcdef");
    scratch.write("authentication.yaml", &configuration(&[provider.entry()]));
    let serve = |name: &str, config: &str| {
        let gate = "[gate]\nlisten = '127.0.0.1:0'\npublic_url = 'http://gate.test'\n[cookies]\nkeys = [{ file = 'cookie.key' }]\n";
        let file = scratch.write(name, &format!("{gate}{config}"));
        let mut command = gangplank();
        command.args(["serve", "--config"]).arg(file).current_dir(scratch.path(""));
        Process::start(command)
    };
    let webhook = "
        [[routes]]
        path = '/'
        allow.anonymous = true
        [authenticators.file]
        authentication_config = { file = 'authentication.yaml' }
        [token_review]
        listen = '127.0.0.1:0'
        tls = { cert = 'tls.crt', key = 'tls.key' }
        client_ca_file = 'clients.pem'
        accept = ['file']
        audiences = ['gate']
    ";
    let mut cluster = serve("cluster.toml", webhook);
    let reviews = address(&cluster.wait_for("listening for token reviews"));
    let entry = |name: &str, value: Value| json!([{ "name": "c", name: value }]);
    let data = |pem: &str| base64::engine::general_purpose::STANDARD.encode(pem);
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": entry("context", json!({ "cluster": "c", "user": "c" })),
        "clusters": entry("cluster", json!({
            "server": format!("https://{reviews}"), "certificate-authority-data": data(&made.ca_pem),
        })),
        "users": entry("user", json!({ "client-certificate-data": data(&certificate), "client-key-data": data(&key) })),
    });
    scratch.write("kubeconfig.yaml", &kubeconfig.to_string());
    let asking = "
        [authenticators.cluster]
        token_review = { kubeconfig = 'kubeconfig.yaml', audiences = ['gate'] }
        [[routes]]
        path = '/'
        accept = ['cluster']
        allow.users = ['corp:alice@dev.test']
        upstream = 'http://127.0.0.1:1'
    ";
    let mut gate = serve("gate.toml", asking);
    let url = format!("http://{}/", address(&gate.wait_for("listening address=")));
    let token = provider.token("alice");
    let get = async |token: &str| {
        let authorization = format!("Bearer {token}");
        call(&url, &[("host", "gate.test"), ("authorization", &authorization)]).await.status
    };
    assert_eq!(get(&token).await, StatusCode::BAD_GATEWAY, "let through, to an upstream that is not there");
    assert_eq!(get(&provider.token("mallory")).await, StatusCode::FORBIDDEN);
    assert_eq!(get("opaque").await, StatusCode::UNAUTHORIZED);
    assert!(cluster.wait_for("decision=authenticated").contains("user=corp:alice@dev.test"));

    scratch.write(
        "cluster.toml",
        &std::fs::read_to_string(scratch.path("cluster.toml")).expect("it").replace("'gate'", "'no'"),
    );
    assert!(cluster.wait_for("configuration reloaded").contains("token_review.audiences"));
    cluster.signal("TERM");
    assert_eq!(cluster.wait().code(), Some(0));
    assert_eq!(get("another").await, StatusCode::SERVICE_UNAVAILABLE, "nobody is refused because the cluster is away");
}

#[test]
fn everything_that_is_wrong_at_the_start_is_said_at_once() {
    let scratch = Scratch::new("review-wrong");
    let file = scratch.write("authentication.yaml", "apiVersion: apiserver.config.k8s.io/v1\nkind: Pod\n");
    let mut command = gangplank();
    command.args(["token-review", "--tls-cert", "no.crt", "--tls-key", "no.key", "--authentication-config"]).arg(&file);
    let output = command.current_dir(scratch.path("")).output().expect("it runs");
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("authentication.yaml: kind") && said.contains("no.crt"), "{said}");
}
