//! Client certificates over real TLS: who has one, who has none, and who else may vouch from now on.

use bytes::Bytes;
use gangplank_net::{ClientCertificate, HttpClient, Roots};
use gangplank_oauth::{Budget, Transport as _};
use http::{Request, StatusCode};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::process::{Process, Scratch, gangplank};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Authority::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate")
}

/// Certificate and key, in PEM.
fn issued(by: &Authority, change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
    let pair = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    change(&mut params);
    let signed = params.signed_by(&pair, by).expect("a certificate");
    (signed.pem(), pair.serialize_pem())
}

fn client(by: &Authority, name: &str) -> (String, String) {
    issued(by, |params| {
        params.distinguished_name.push(DnType::CommonName, name);
        params.distinguished_name.push(DnType::OrganizationName, "deployers");
    })
}

const CONFIG: &str = r#"
[gate]
listen = "127.0.0.1:0"
public_url = "https://localhost"
tls = { cert = "tls.crt", key = "tls.key" }
[authenticators.certs]
client_certificates = { ca_file = "clients.pem", from = "tls" }
[[routes]]
path = "/"
accept = ["certs"]
allow.groups = ["deployers"]
"#;

struct World {
    scratch: Scratch,
    process: Process,
    url: String,
}

impl World {
    /// A client of its own: a new connection with a new handshake, then a second request on it.
    async fn ask(&self, certificate: Option<&(String, String)>) -> (StatusCode, Option<String>) {
        let own =
            certificate.map(|(pem, key)| ClientCertificate::from_pem(pem.as_bytes(), key.as_bytes()).expect("PEM"));
        let roots = Roots::File(self.scratch.path("server-ca.pem"));
        let client = HttpClient::known_as(&roots, own, Some("localhost")).expect("a client");
        let mut answers = Vec::new();
        for _ in 0..2 {
            let request = Request::get(format!("{}/oauth2/auth", self.url)).body(Bytes::new()).expect("a request");
            let answer = client.send(request, Budget::DEFAULT).await.expect("an answer");
            let user = answer.headers().get("x-auth-request-user").map(|v| v.to_str().expect("text").to_owned());
            answers.push((answer.status(), user));
        }
        assert_eq!(answers[0], answers[1]);
        answers.remove(0)
    }
}

fn start(name: &str, clients: &str, config: &str) -> World {
    let scratch = Scratch::new(name);
    let server = authority("server");
    scratch.write("server-ca.pem", &server.pem());
    let (cert, key) = issued(&server, |_| {});
    scratch.write("tls.crt", &cert);
    scratch.write("tls.key", &key);
    scratch.write("clients.pem", clients);
    let config = scratch.write("gangplank.toml", config);
    let mut command = gangplank();
    command.args(["serve", "--config"]).arg(config).current_dir(scratch.path(""));
    let mut process = Process::start(command);
    let line = process.wait_for("listening address=");
    let address = line.split("address=").nth(1).and_then(|a| a.split(' ').next()).expect("an address");
    let port = address.rsplit(':').next().expect("a port");
    World { url: format!("https://localhost:{port}"), scratch, process }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_a_certificate_of_the_authority_passes_until_another_takes_its_place() {
    let (one, two) = (authority("one"), authority("two"));
    let mut world = start("certificates", &one.pem(), CONFIG);
    let (ada, bob) = (client(&one, "ada"), client(&two, "bob"));
    let ended = issued(&one, |params| {
        params.distinguished_name.push(DnType::CommonName, "eve");
        params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    });
    let passes = |user: &str| (StatusCode::ACCEPTED, Some(user.to_owned()));
    let refused = (StatusCode::UNAUTHORIZED, None);
    assert_eq!(world.ask(Some(&ada)).await, passes("ada"));
    assert_eq!(world.ask(None).await, refused);
    assert_eq!(world.ask(Some(&bob)).await, refused);
    assert_eq!(world.ask(Some(&ended)).await, refused);

    world.scratch.write("clients.pem", "no certificate");
    let said = world.process.wait_for("holds no certificate");
    assert!(said.contains("authenticators.certs.client_certificates.ca_file"), "{said}");
    assert_eq!(world.ask(Some(&ada)).await, passes("ada"));

    world.scratch.write("clients.pem", &two.pem());
    world.process.wait_for("configuration reloaded");
    assert_eq!(world.ask(Some(&bob)).await, passes("bob"));
    assert_eq!(world.ask(Some(&ada)).await, refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_begins_to_ask_for_certificates() {
    let one = authority("one");
    let without =
        CONFIG.replace("client_certificates = { ca_file = \"clients.pem\", from = \"tls\" }", "keys_file = \"keys\"");
    let scratch_keys = Scratch::new("certificates-keys");
    let keys = scratch_keys.write("keys", "");
    let without = without.replace("\"keys\"", &format!("{keys:?}"));
    let mut world = start("certificates-asked", &one.pem(), &without);
    let ada = client(&one, "ada");
    assert_eq!(world.ask(Some(&ada)).await.0, StatusCode::UNAUTHORIZED);
    world.scratch.write("gangplank.toml", CONFIG);
    world.process.wait_for("configuration reloaded");
    assert_eq!(world.ask(Some(&ada)).await, (StatusCode::ACCEPTED, Some("ada".to_owned())));
}
