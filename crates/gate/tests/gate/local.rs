//! Authenticators that judge by a file: keys, passwords, client certificates.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use gangplank_net::Peer;
use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::support::{Answer, PROXY, STRANGER, World, errors, head, peer_of, request};

const CHECK: &str = "https://app.example.com/oauth2/auth";

/// A directory that is gone when the test is.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Dir {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("gangplank-gate-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = Dir(std::env::temp_dir().join(name));
        std::fs::create_dir(&dir.0).unwrap();
        dir
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.0.join(name), text).unwrap();
        self.path(name)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// `abc`
const KEY: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// `secret`
const SHA: &str = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";

fn config(dir: &Dir, routes: &str) -> String {
    let (keys, users) = (dir.path("keys"), dir.path("users"));
    head("")
        + &format!("[authenticators.keys]\nkeys_file = {keys:?}\n")
        + &format!("[authenticators.staff]\nhtpasswd = {{ file = {users:?} }}\n{routes}")
}

fn route(accept: &str) -> String {
    format!("[[routes]]\npath = \"/\"\nallow.signed_in = true\n{accept}\n")
}

#[tokio::test]
async fn a_chain_of_tokens_keys_and_passwords_knows_each_by_its_own() {
    let dir = Dir::new();
    dir.write("keys", &format!("ci:{KEY}\nold:{}; expires=2001-01-01T00:00:00Z\n", KEY.replace("ba", "cd")));
    dir.write("users", &format!("ada:{SHA}\n"));
    let world = World::new(&config(&dir, &route("accept = [\"corp\", \"keys\", \"staff\"]")));
    let token = format!("Bearer {}", world.token("alice"));
    for (credential, user) in [
        (token.as_str(), Some("alice@dev.test")),
        ("Bearer abc", Some("ci")),
        ("Basic YWRhOnNlY3JldA==", Some("ada")),
        ("Bearer abd", None),
        ("Basic YWRhOndyb25n", None),
        ("Basic eHh4OnNlY3JldA==", None),
        ("Basic x", None),
        ("Bearer a.b.c", None),
    ] {
        // The second time from memory, where there is something to remember.
        for _ in 0..2 {
            let answer = world.get(CHECK, &[("authorization", credential)]).await;
            assert_eq!(answer.header("x-auth-request-user"), user, "{credential}");
            let expected = if user.is_some() { StatusCode::ACCEPTED } else { StatusCode::UNAUTHORIZED };
            assert_eq!(answer.status, expected, "{credential}");
        }
    }
}

#[tokio::test]
async fn a_401_offers_what_the_route_would_understand() {
    let dir = Dir::new();
    dir.write("keys", "");
    dir.write("users", &format!("ada:{SHA}\n"));
    let bearer = r#"Bearer realm="gangplank""#;
    let invalid = r#"Bearer realm="gangplank", error="invalid_token""#;
    let basic = r#"Basic realm="staff", charset="UTF-8""#;
    for (accept, presented, expected) in [
        ("[\"corp\", \"keys\"]", None, &[bearer][..]),
        ("[\"staff\"]", None, &[basic]),
        ("[\"staff\"]", Some("Basic eA=="), &[basic]),
        ("[\"keys\", \"staff\"]", None, &[bearer, basic]),
        ("[\"keys\", \"staff\"]", Some("Bearer x"), &[invalid, basic]),
        ("[\"staff\", \"corp\"]", Some("Basic eDp5"), &[basic, bearer]),
    ] {
        let world = World::new(&config(&dir, &route(&format!("accept = {accept}"))));
        let headers: Vec<_> = presented.iter().map(|value| ("authorization", *value)).collect();
        let answer = world.get(CHECK, &headers).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let offered: Vec<_> = answer.headers.get_all(WWW_AUTHENTICATE).iter().map(|v| v.to_str().unwrap()).collect();
        assert_eq!(offered, expected, "{accept} {presented:?}");
    }
}

/// Its address is nobody's, so that it can't be asked.
#[tokio::test]
async fn who_is_known_here_is_told_so_without_a_cluster_being_asked() {
    let dir = Dir::new();
    dir.write("keys", &format!("ci:{KEY}\n"));
    dir.write("users", "");
    let cluster = dir.write(
        "kubeconfig",
        "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n\
         clusters: [{name: a, cluster: {server: 'https://cluster.test'}}]\nusers: [{name: a, user: {token: x}}]\n",
    );
    let more = format!("[authenticators.a-cluster]\ntoken_review = {{ kubeconfig = {cluster:?} }}\n");
    let other = route("host = \"other.example.com\"\naccept = [\"a-cluster\"]");
    let world = World::new(&config(&dir, &(more + &route("accept = [\"corp\", \"keys\"]") + &other)));
    let userinfo = "https://app.example.com/oauth2/userinfo";
    for (token, status) in [
        (world.token("alice"), StatusCode::OK),
        ("abc".to_owned(), StatusCode::OK),
        ("opaque".to_owned(), StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let answer = world.get(userinfo, &[("authorization", &format!("Bearer {token}"))]).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

#[test]
fn every_wrong_line_of_every_file_is_told_at_once() {
    let dir = Dir::new();
    dir.write("keys", &format!("# keys\nci:{KEY}\nci:{KEY}\nx\n"));
    dir.write("users", "ada:plain\n\nbob\n");
    let two = "htpasswd = { file = \"/nowhere\", realm = \"a\\\"b\" }";
    let more = format!("[authenticators.other]\n{two}\n{}", route("accept = [\"staff\", \"other\", \"keys\"]"));
    let said = errors(&config(&dir, &more));
    let starts = |beginning: String| {
        assert!(said.iter().any(|error| error.starts_with(&beginning)), "{beginning}: {said:#?}");
    };
    let (keys, users) = (dir.path("keys"), dir.path("users"));
    starts(format!("authenticators.keys.keys_file: {keys}: line 3: has the key id of line 2"));
    starts(format!("authenticators.keys.keys_file: {keys}: line 3: has the hash of line 2"));
    starts(format!("authenticators.keys.keys_file: {keys}: line 4: there is no colon"));
    starts(format!("authenticators.staff.htpasswd.file: {users}: line 1: is neither bcrypt"));
    starts(format!("authenticators.staff.htpasswd.file: {users}: line 3: there is no colon"));
    starts("authenticators.other.htpasswd.file: /nowhere: can't be read".to_owned());
    starts("authenticators.other.htpasswd.realm: ".to_owned());
    starts("routes[0].accept: names two htpasswd files".to_owned());
    assert_eq!(said.len(), 8, "{said:#?}");
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Authority::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn client(of: &Authority, name: &str) -> rcgen::Certificate {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_after = rcgen::date_time_ymd(2030, 1, 1);
    params.signed_by(&KeyPair::generate().unwrap(), of).unwrap()
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// A gate that takes certificates of `ca` from there, for anybody who has one.
fn with_certificates(dir: &Dir, ca: &Authority, from: &str, more: &str) -> String {
    let ca = dir.write("ca.pem", &ca.pem());
    let (cert, key) = (dir.path("tls.crt"), dir.path("tls.key"));
    let pair = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["app.example.com".to_owned()]).unwrap().self_signed(&pair).unwrap();
    dir.write("tls.crt", &own.pem());
    dir.write("tls.key", &pair.serialize_pem());
    head(&format!("tls = {{ cert = {cert:?}, key = {key:?} }}"))
        + &format!("[authenticators.certs]\nclient_certificates = {{ ca_file = {ca:?}, from = \"{from}\"{more} }}\n")
        + &route("accept = [\"corp\", \"certs\"]")
}

#[tokio::test]
async fn a_handed_on_certificate_counts_from_the_trusted_proxy_and_from_nobody_else() {
    let (dir, ca, other) = (Dir::new(), authority(), authority());
    let (ada, eve) = (client(&ca, "ada"), client(&other, "eve"));
    let base64 = |certificate: &rcgen::Certificate| {
        let pem = certificate.pem();
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        format!(":{body}:")
    };
    let forwarded = |certificate: &rcgen::Certificate| format!("Hash=x;Cert=\"{}\"", percent(&certificate.pem()));
    for (from, good, bad) in [
        ("x-forwarded-client-cert", forwarded(&ada), forwarded(&eve)),
        ("ssl-client-cert", percent(&ada.pem()), percent(&eve.pem())),
        ("client-cert", base64(&ada), base64(&eve)),
    ] {
        let world = World::new(&with_certificates(&dir, &ca, from, ""));
        assert_eq!(world.gate.client_authorities(), None, "nobody reads the listener's");
        for (peer, value, expected) in [
            (PROXY, Some(&good), Some("ada")),
            (STRANGER, Some(&good), None),
            (PROXY, Some(&good), Some("ada")),
            (PROXY, Some(&bad), None),
            (PROXY, Some(&"x".to_owned()), None),
            (PROXY, None, None),
        ] {
            let headers: Vec<_> = value.iter().map(|value| (from, value.as_str())).collect();
            let answer = world.send(peer, request("GET", &format!("{CHECK}?route=/"), &headers)).await;
            assert_eq!(answer.header("x-auth-request-user"), expected, "{from} {peer} {value:?}");
            let status = if expected.is_some() { StatusCode::ACCEPTED } else { StatusCode::UNAUTHORIZED };
            assert_eq!(answer.status, status, "{from} {peer}");
        }
        // The peer's own certificate is the proxy's, and says nothing of the caller.
        let shown = Peer { certificates: Some(vec![ada.der().clone()].into()), ..peer_of(PROXY) };
        let answer = world.gate.handle(request("GET", &format!("{CHECK}?route=/"), &[]), shown).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_peers_certificate_counts_and_a_header_then_does_not() {
    let (dir, ca) = (Dir::new(), authority());
    let (ada, eve) = (client(&ca, "ada"), client(&authority(), "eve"));
    let config = with_certificates(&dir, &ca, "tls", "");
    let world = World::new(&config);
    assert_eq!(world.gate.client_authorities().map(|names| names.len()), Some(1));
    let ask = async |world: &World, certificate: Option<&rcgen::Certificate>, headers: &[(&str, &str)]| {
        let certificates = certificate.map(|certificate| vec![certificate.der().clone()].into());
        let peer = Peer { certificates, ..peer_of(STRANGER) };
        Answer::read(world.gate.handle(request("GET", CHECK, headers), peer).await).await
    };
    let token = format!("Bearer {}", world.token("alice"));
    let header = percent(&ada.pem());
    for (certificate, headers, expected) in [
        (Some(&ada), &[][..], Some("ada")),
        (Some(&eve), &[], None),
        (None, &[("ssl-client-cert", header.as_str())], None),
        // The chain's order decides between two good ones, and a bad token is final.
        (Some(&ada), &[("authorization", token.as_str())], Some("alice@dev.test")),
        (Some(&ada), &[("authorization", "Bearer a.b.c")], None),
        (Some(&eve), &[("authorization", token.as_str())], Some("alice@dev.test")),
    ] {
        for _ in 0..2 {
            let answer = ask(&world, certificate, headers).await;
            assert_eq!(answer.header("x-auth-request-user"), expected, "{headers:?}");
        }
    }
    // The certificate ends, whatever is remembered.
    let expires = ask(&world, Some(&ada), &[]).await;
    assert_eq!(expires.header("x-auth-request-expires"), Some("2030-01-01T00:00:00Z"));
    world.pass(std::time::Duration::from_secs(1_893_456_001 - 1_800_000_000));
    assert_eq!(ask(&world, Some(&ada), &[]).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_that_nobody_looks_at_is_refused_with_and_without_a_certificate() {
    let (dir, ca) = (Dir::new(), authority());
    let ada = client(&ca, "ada");
    let config = with_certificates(&dir, &ca, "tls", "");
    let nobody = "[authenticators.nobody]\nnone = true\n[[routes]]";
    let session = config.replace("accept = [\"corp\", \"certs\"]", "sign_in = \"corp\"\naccept = [\"certs\"]");
    let open = config.replace("[\"corp\", \"certs\"]", "[\"certs\", \"nobody\"]").replace("[[routes]]", nobody);
    let open = open.replace("allow.signed_in", "allow.anonymous");
    let alone = config.replace("[\"corp\", \"certs\"]", "[\"certs\"]");
    for (config, without) in
        [(&session, StatusCode::UNAUTHORIZED), (&open, StatusCode::ACCEPTED), (&alone, StatusCode::UNAUTHORIZED)]
    {
        let world = World::new(config);
        let alice = world.sign_in("https://app.example.com", "alice").await;
        for certificate in [None, Some(&ada)] {
            let ask = async |headers: &[(&str, &str)]| {
                let certificates = certificate.map(|certificate| vec![certificate.der().clone()].into());
                let peer = Peer { certificates, ..peer_of(STRANGER) };
                Answer::read(world.gate.handle(request("GET", CHECK, headers), peer).await).await.status
            };
            let expected = if certificate.is_some() { StatusCode::ACCEPTED } else { without };
            assert_eq!(ask(&[]).await, expected);
            for token in ["Bearer forged", "bearer a.b.c", "Bearer"] {
                let headers = [("authorization", token), ("cookie", alice.as_str())];
                assert_eq!(ask(&headers).await, StatusCode::UNAUTHORIZED, "{token} {certificate:?}");
            }
        }
    }
}

#[test]
fn certificates_from_where_none_can_come_are_refused() {
    let (dir, ca) = (Dir::new(), authority());
    let good = with_certificates(&dir, &ca, "tls", "");
    assert_eq!(errors(&good), Vec::<String>::new());
    let at = |key: &str| format!("authenticators.certs.client_certificates.{key}");
    let own = dir.path("tls.crt");
    let without_tls = good.lines().filter(|line| !line.starts_with("tls = ")).collect::<Vec<_>>().join("\n");
    let without_proxy = good.replace("trusted_proxies = [\"10.0.0.0/8\"]", "").replace("\"tls\"", "\"client-cert\"");
    let reserved = ", spiffe_trust_domains = [\"a.example\", \"spiffe://b\", \"C\", \"a/b\"], allow_reserved = true";
    for (document, expected) in [
        (without_tls, vec![at("from")]),
        (without_proxy, vec![at("from")]),
        (good.replace("ca.pem", "nowhere.pem"), vec![at("ca_file")]),
        (good.replace(&dir.path("ca.pem"), &own), vec![at("ca_file")]),
        (
            with_certificates(&dir, &ca, "tls", reserved),
            vec![
                at("allow_reserved"),
                at("spiffe_trust_domains"),
                at("spiffe_trust_domains[1]"),
                at("spiffe_trust_domains[2]"),
                at("spiffe_trust_domains[3]"),
            ],
        ),
    ] {
        let found = errors(&document);
        let places: Vec<&str> = found.iter().filter_map(|error| error.split(": ").next()).collect();
        assert_eq!(places, expected, "{found:#?}");
    }
}
