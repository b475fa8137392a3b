//! The documentation is tried: its configurations are judged, and its reference names the keys that there are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gangplank::document;
use gangplank_authn::kubernetes::AuthenticationConfiguration;
use gangplank_gate::config::Config;
use gangplank_idp::DevCa;
use gangplank_jose::{Algorithm, SigningKey};
use gangplank_net::SystemClock;
use gangplank_oauth::Clock;
use http::{Method, StatusCode};
use url::Url;

use crate::browser::send;
use crate::process::{Process, Scratch, gangplank};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The README and every page of `docs/`.
fn pages() -> Vec<(String, String)> {
    let mut names = vec!["README.md".to_owned()];
    for directory in ["docs", "docs/guides"] {
        for entry in std::fs::read_dir(root().join(directory)).expect("a directory") {
            let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
            if name.ends_with(".md") {
                names.push(format!("{directory}/{name}"));
            }
        }
    }
    names.sort();
    names.into_iter().map(|name| (name.clone(), read(&name))).collect()
}

/// The fenced blocks of a language, with the indentation of lists taken off.
pub(crate) fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line.trim() == format!("```{language}") {
            let inside = lines.by_ref().take_while(|line| line.trim() != "```");
            blocks.push(inside.map(|line| format!("{line}\n")).collect());
        }
    }
    blocks
}

const AUTHENTICATION: &str = "
apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
jwt:
  - issuer: { url: https://id.example.com, audiences: [apps] }
    claimMappings: { username: { claim: sub, prefix: '' } }
";

const KUBECONFIG: &str = "
apiVersion: v1
kind: Config
clusters: [{ name: c, cluster: { server: 'https://production.example.com:6443' } }]
users: [{ name: u, user: { token: of-a-service-account } }]
contexts: [{ name: production, context: { cluster: c, user: u } }]
";

/// A key set with one key for `purpose`.
fn keys(purpose: &str) -> String {
    let mut key = SigningKey::generate(Algorithm::ES256).expect("a key").public_jwk("one");
    key["use"] = purpose.into();
    format!("{{\"keys\":[{key}]}}")
}

/// A directory with every file that documentation names under `/etc/gangplank/`.
fn etc(name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    let made = DevCa::generate(&["app.example.com"], SystemClock.now()).expect("a certificate");
    for (file, text) in [
        ("cookie-key", "YGFsbCBvZiB0aGlzIGlzIHJhbmRvbSB0ZXh0IQ=="),
        ("cookie-key-old", "cXdlcnR5dWlvcGFzZGZnaGprbHp4Y3Zibm0xMjM0"),
        ("client-secret", "of-the-registration"),
        ("collector-key", "of-the-collector"),
        ("partner-secret", "of-the-registration"),
        ("tls.crt", &made.chain_pem),
        ("tls.key", &made.key_pem),
        ("app.crt", &made.chain_pem),
        ("app.key", &made.key_pem),
        ("partner-ca.pem", &made.ca_pem),
        ("internal-ca.pem", &made.ca_pem),
        ("offline-keys.json", &keys("sig")),
        ("bundle.json", &keys("jwt-svid")),
        ("api-keys", "ci:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad; groups=deployers\n"),
        ("htpasswd", "ada:$2y$04$a3Gve9ZXQCN6rQK8WrZAoenui5VYz6RI2VguwIqksXVKFmdTQ2/cu\n"),
        ("authentication.yaml", AUTHENTICATION),
        ("kubeconfig.yaml", KUBECONFIG),
        ("clients-ca.pem", &made.ca_pem),
        ("logo.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
    ] {
        scratch.write(file, text);
    }
    scratch
}

/// What `gangplank check` says of a configuration, its files being where `etc` has them. `Err` if it is not good.
fn check(etc: &Scratch, configuration: &str) -> Result<String, String> {
    let here = format!("{}/", etc.path("").display().to_string().trim_end_matches('/'));
    let file = etc.write("under-test/gangplank.toml", &configuration.replace("/etc/gangplank/", &here));
    let output = gangplank().args(["check", "--config"]).arg(file).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() && output.stderr.is_empty() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}

#[test]
fn every_configuration_in_the_documentation_is_good() {
    let etc = etc("docs-configurations");
    let mut tried = BTreeSet::new();
    for (name, page) in pages() {
        for block in blocks(&page, "toml").iter().filter(|block| block.starts_with("[gate]")) {
            if let Err(said) = check(&etc, block) {
                panic!("{name}:\n{block}\n{said}");
            }
            tried.insert(name.clone());
        }
    }
    for expected in ["README.md", "docs/configuration.md", "docs/guides/entra-sign-in.md", "docs/guides/api-callers.md"]
    {
        assert!(tried.contains(expected), "{expected} has a configuration to copy: {tried:?}");
    }
}

#[test]
fn every_authentication_configuration_in_the_documentation_is_good() {
    let mut tried = BTreeSet::new();
    for (name, page) in pages() {
        for block in blocks(&page, "yaml").iter().filter(|block| block.contains("kind: AuthenticationConfiguration")) {
            if let Err(errors) = AuthenticationConfiguration::parse(block.as_bytes(), &[]) {
                panic!("{name}:\n{block}\n{errors:#?}");
            }
            tried.insert(name.clone());
        }
    }
    assert!(tried.contains("docs/guides/managed-cluster-webhook.md"), "{tried:?}");
}

#[test]
fn what_check_says_in_the_documentation_is_what_it_says() {
    let etc = etc("docs-check");
    let page = read("docs/guides/several-apps-and-providers.md");
    let said = check(&etc, &blocks(&page, "toml")[0]).expect("a good configuration");
    let shown = &blocks(&page, "text")[0];
    assert!(shown.starts_with("WHERE") && said.ends_with(shown.as_str()), "it says:\n{said}");
}

#[test]
fn the_manifest_for_kubernetes_holds_a_good_configuration() {
    let manifest = read("docs/guides/kubernetes.yaml");
    let mut lines = manifest.lines().skip_while(|line| line.trim() != "gangplank.toml: |");
    let margin = lines.next().expect("a ConfigMap with gangplank.toml").len() - "gangplank.toml: |".len();
    let configuration: String = lines
        .take_while(|line| line.trim().is_empty() || line.len() - line.trim_start().len() > margin)
        .map(|line| format!("{}\n", line.trim_start()))
        .collect();
    assert!(configuration.starts_with("[gate]"), "{configuration}");
    if let Err(said) = check(&etc("docs-kubernetes"), &configuration) {
        panic!("{configuration}\n{said}");
    }
    // What the manifest probes and mounts is what the configuration says.
    for key in ["path: /healthz", "path: /readyz", "mountPath: /etc/gangplank"] {
        assert!(manifest.contains(key), "{key}");
    }
    for (key, port) in [("listen = \"0.0.0.0:", "containerPort: "), ("metrics_listen = \"0.0.0.0:", "port: ")] {
        let number = configuration.split(key).nth(1).and_then(|rest| rest.split('"').next()).expect("an address");
        assert!(manifest.contains(&format!("{port}{number}")), "{port}{number}");
    }
}

#[test]
fn the_first_screen_shows_what_dev_says() {
    let mut command = gangplank();
    command.args(["dev", "--port", "0"]);
    let mut dev = Process::start(command);
    dev.wait_for("Stop with Ctrl-C");
    let said = |line: &str| {
        let port = |text: &str| text.split("127.0.0.1:").next().unwrap_or_default().trim_end().to_owned();
        dev.said
            .iter()
            .any(|said| said.trim_end() == line.trim_end() || (line.contains(":4180") && port(said) == port(line)))
    };
    let readme = read("README.md");
    let shown = &blocks(&readme, "text")[0];
    assert!(shown.contains("Open "), "{shown}");
    for line in shown.lines().filter(|line| !line.trim().is_empty() && line.trim() != "…") {
        assert!(said(line), "{line:?} is not in:\n{}", dev.said.join("\n"));
    }
}

/// `gate.listen`, `issuers.NAME.entra.tenant`, …: the first cells of the tables, below their headings.
fn documented(page: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    let mut table = None;
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            let name = heading.trim_matches('`');
            table = name.starts_with('[').then(|| name.trim_matches(['[', ']']).to_owned());
        } else if let (Some(table), Some(cell)) = (&table, line.strip_prefix("| `")) {
            let key = cell.split('`').next().unwrap_or_default();
            assert!(keys.insert(format!("{table}.{key}")), "{table}.{key} twice");
        }
    }
    keys
}

/// What the loader would have accepted in place of an unknown key inside `path`; `None` if `path` is no table.
fn accepted(path: &str) -> Option<Vec<String>> {
    let (parent, key) = path.rsplit_once('.').unwrap_or(("", path));
    let document = if path.is_empty() || LISTS.contains(&path) {
        format!("{}no-such-key = 1\n", header(path))
    } else {
        format!("{}{key} = {{ no-such-key = 1 }}\n", header(parent))
    };
    let report = match document::load_bytes::<Config>("probe.toml", document.into_bytes()) {
        Ok(loaded) => loaded.report(),
        Err(report) => report,
    };
    let line = report.lines().find(|line| line.contains("no-such-key") && line.contains("accepted here: "))?;
    let names = line.split("accepted here: ").nth(1)?.trim_end_matches(')');
    Some(names.split(", ").map(str::to_owned).collect())
}

/// Lists of tables.
const LISTS: [&str; 2] = ["routes", "routes.mcp.tools"];

/// The header of a table, and of the lists that it is in.
fn header(table: &str) -> String {
    let inside = |list: &&&str| table.strip_prefix(**list).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let lists: String = LISTS.iter().filter(inside).map(|list| format!("[[{list}]]\n")).collect();
    if table.is_empty() || LISTS.contains(&table) { lists } else { format!("{lists}[{table}]\n") }
}

/// Tables of tables that the configuration names.
const NAMED: [&str; 6] = ["issuers", "authenticators", "clients", "exchanges", "clusters", "authorization_servers"];

/// Every key that the loader knows, found by asking it.
fn known(path: &str, keys: &mut BTreeSet<String>) {
    let names = accepted(path);
    // A reference to a secret or to keys is a value, though it is spelt as a table.
    let secret = names.as_ref().is_some_and(|names| names == &["file", "env"] || names == &["url", "file", "inline"]);
    match names.filter(|_| !secret) {
        Some(names) => names.iter().for_each(|name| {
            let dot = if path.is_empty() { "" } else { "." };
            let inside = if path.is_empty() && NAMED.contains(&name.as_str()) { ".NAME" } else { "" };
            known(&format!("{path}{dot}{name}{inside}"), keys);
        }),
        None => {
            keys.insert(path.to_owned());
        }
    }
}

#[test]
fn the_reference_has_every_key_and_no_other() {
    let mut keys = BTreeSet::new();
    known("", &mut keys);
    assert!(keys.len() > 60 && keys.contains("routes.allow.groups"), "{keys:#?}");
    let documented = documented(&read("docs/configuration.md"));
    let missing: Vec<_> = keys.difference(&documented).collect();
    let invented: Vec<_> = documented.difference(&keys).collect();
    assert!(missing.is_empty() && invented.is_empty(), "missing: {missing:?}, not there: {invented:?}");
}

/// Tables whose keys the configuration names, and whose values are no tables: each is a key of its own.
const NAMING: [&str; 5] = [
    "issuers.NAME.required_claims",
    "issuers.NAME.claims.extra",
    "telemetry.headers",
    "telemetry.attributes",
    "authorization_servers.NAME.scopes",
];

/// Whether a table is a reference to a secret or to keys: it says where, and nothing else.
fn is_reference(table: &toml::Table) -> bool {
    table.len() == 1 && (table.contains_key("file") || table.contains_key("env"))
}

/// The keys that a document uses, tables not counted.
fn used(value: &toml::Value, path: &str, keys: &mut BTreeSet<String>) {
    let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        toml::Value::Table(table) if !is_reference(table) && !NAMING.contains(&path) => {
            for (key, value) in table {
                let named = NAMED.contains(&path);
                used(value, &join(if named { "NAME" } else { key }), keys);
            }
        }
        toml::Value::Array(list) if LISTS.contains(&path) => list.iter().for_each(|route| used(route, path, keys)),
        _ => {
            keys.insert(path.to_owned());
        }
    }
}

#[test]
fn every_key_has_an_example_that_is_checked() {
    let page = read("docs/configuration.md");
    let example = blocks(&page, "toml").into_iter().next_back().expect("an example");
    let mut shown = BTreeSet::new();
    used(&toml::from_str(&example).expect("TOML"), "", &mut shown);
    assert_eq!(documented(&page).difference(&shown).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tenant_in_the_documentation_starts_and_has_each_fault() {
    let page = read("docs/guides/dev-tenant.md");
    let scratch = Scratch::new("docs-tenant");
    let file = scratch.write("tenant.toml", &blocks(&page, "toml")[0]);
    let mut command = gangplank();
    command.args(["idp", "--listen", "127.0.0.1:0", "--config"]).arg(file);
    let mut idp = Process::start(command);
    let home = Url::parse(idp.wait_for("Home ").split_whitespace().last().expect("a URL")).expect("a URL");
    let post = async |path: &str, kind: &str, body: &str| {
        let answer = send(Method::POST, &home.join(path).expect("a URL"), &[("content-type", kind)], body).await;
        assert_eq!(answer.status, StatusCode::OK, "{path} {body}: {}", answer.text);
        answer.text
    };
    let faults = blocks(&page, "json").remove(0);
    for fault in faults.lines() {
        let said = post("dev/faults", "application/json", fault).await;
        let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
        let last = said["faults"].as_array().expect("faults").last().cloned();
        assert_eq!(last, serde_json::from_str(fault).ok(), "{fault}");
    }
    assert_eq!(faults.lines().count(), 21, "each fault that there is");
    for how in ["", "how=unannounced", "how=withdraw"] {
        post("dev/rotate", "application/x-www-form-urlencoded", how).await;
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    for (name, page) in pages().into_iter().chain(
        ["ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| (name.to_owned(), read(name))),
    ) {
        let here = root().join(&name);
        let targets = page.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        for target in targets.filter(|target| !target.is_empty() && !target.contains("://")) {
            assert!(here.with_file_name("").join(target).exists(), "{name} links to {target}");
        }
    }
}
