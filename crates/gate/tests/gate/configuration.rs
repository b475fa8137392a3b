//! What a gate refuses to be built from: everything at once, each with its place.

use crate::support::*;

/// One thing that is wrong, and the beginning of what is said about it.
fn refused(what: &str, config: &str, expected: &str) {
    let found = errors(config);
    assert!(found.iter().any(|e| e.starts_with(expected)), "{what}: expected {expected:?} in {found:#?}");
}

#[test]
fn contradictions_of_routes_are_refused() {
    let route = |text: &str| head("") + "\n[[routes]]\n" + text;
    for (what, text, expected) in [
        ("nobody", "path = \"/\"\nsign_in = \"corp\"", "routes[0].allow: nobody is allowed"),
        ("an empty allow", "path = \"/\"\nsign_in = \"corp\"\nallow = {}", "routes[0].allow: allows nobody"),
        ("no authenticator", "path = \"/\"\nallow.groups = [\"g\"]", "routes[0]: nobody can ever pass"),
        ("signed_in, and no way to", "path = \"/\"\nallow.signed_in = true", "routes[0]: nobody can ever pass"),
        (
            "anonymous and groups",
            "path = \"/\"\nallow = { anonymous = true, groups = [\"g\"] }",
            "routes[0].allow: anonymous and signed_in stand alone",
        ),
        (
            "anonymous and signed_in",
            "path = \"/\"\nallow = { anonymous = true, signed_in = true }",
            "routes[0].allow: anonymous and signed_in stand alone",
        ),
        (
            "anonymous and sign_in",
            "path = \"/\"\nsign_in = \"corp\"\nallow.anonymous = true",
            "routes[0].sign_in: is set, and allow.anonymous",
        ),
        (
            "anonymous and a token",
            "path = \"/\"\nallow.anonymous = true\npass.access_token = true",
            "routes[0].pass.access_token: is set, and allow.anonymous",
        ),
        (
            "an unknown client",
            "path = \"/\"\nsign_in = \"none\"\nallow.signed_in = true",
            "routes[0].sign_in: there is no client \"none\" (one of [clients]: corp)",
        ),
        (
            "an unknown issuer",
            "path = \"/\"\naccept = [\"none\"]\nallow.signed_in = true",
            "routes[0].accept[0]: there is no issuer and no authenticator \"none\"",
        ),
        (
            "scopes of sessions",
            "path = \"/\"\nsign_in = \"corp\"\nallow.scopes = [\"s\"]",
            "routes[0].allow.scopes: a browser session has no scopes",
        ),
        (
            "a group with a comma",
            "path = \"/\"\nsign_in = \"corp\"\nallow.groups = [\"a,b\"]",
            "routes[0].allow.groups[0]: ",
        ),
        (
            "an address for a domain",
            "path = \"/\"\nsign_in = \"corp\"\nallow.email_domains = [\"a@b\"]",
            "routes[0].allow.email_domains[0]: ",
        ),
        (
            "a wildcard domain",
            "path = \"/\"\nsign_in = \"corp\"\nallow.email_domains = [\"*.b.c\"]",
            "routes[0].allow.email_domains[0]: ",
        ),
        ("an empty user", "path = \"/\"\nsign_in = \"corp\"\nallow.users = [\"\"]", "routes[0].allow.users[0]: "),
        ("no slash", "path = \"x\"\nallow.anonymous = true", "routes[0].path: "),
        ("dots", "path = \"/a/../b\"\nallow.anonymous = true", "routes[0].path: "),
        ("a pattern", "path = \"/a/*\"\nallow.anonymous = true", "routes[0].path: "),
        ("a query", "path = \"/a?b\"\nallow.anonymous = true", "routes[0].path: "),
        ("an empty segment", "path = \"/a//b\"\nallow.anonymous = true", "routes[0].path: "),
        (
            "our own place",
            "path = \"/oauth2/auth\"\nallow.anonymous = true",
            "routes[0].path: \"/oauth2/auth\" is below gate.prefix",
        ),
        ("a host with a scheme", "path = \"/\"\nhost = \"https://a.b\"\nallow.anonymous = true", "routes[0].host: "),
        ("a host with a port", "path = \"/\"\nhost = \"a.b:80\"\nallow.anonymous = true", "routes[0].host: "),
        ("a wildcard inside", "path = \"/\"\nhost = \"a.*.b\"\nallow.anonymous = true", "routes[0].host: "),
        ("a bare wildcard", "path = \"/\"\nhost = \"*\"\nallow.anonymous = true", "routes[0].host: "),
        ("lower-case method", "path = \"/\"\nmethods = [\"get\"]\nallow.anonymous = true", "routes[0].methods[0]: "),
        ("no method", "path = \"/\"\nmethods = []\nallow.anonymous = true", "routes[0].methods: "),
        (
            "an upstream with a path",
            "path = \"/\"\nupstream = \"http://a:1/x\"\nallow.anonymous = true",
            "routes[0].upstream: ",
        ),
        (
            "an upstream with a user",
            "path = \"/\"\nupstream = \"http://u:p@a:1\"\nallow.anonymous = true",
            "routes[0].upstream: ",
        ),
        (
            "an upstream without a scheme",
            "path = \"/\"\nupstream = \"a:1\"\nallow.anonymous = true",
            "routes[0].upstream: ",
        ),
        (
            "an upstream's authorities without TLS",
            "path = \"/\"\nupstream = \"http://a:1\"\nupstream_ca_file = \"/none\"\nallow.anonymous = true",
            "routes[0].upstream_ca_file: ",
        ),
        (
            "a file of authorities that is not there",
            "path = \"/\"\nupstream = \"https://a:1\"\nupstream_ca_file = \"/none\"\nallow.anonymous = true",
            "routes[0].upstream_ca_file: ",
        ),
        ("a timeout without upstream", "path = \"/\"\ntimeout = \"1s\"\nallow.anonymous = true", "routes[0].timeout: "),
        (
            "no time",
            "path = \"/\"\nupstream = \"http://a:1\"\ntimeout = \"0s\"\nallow.anonymous = true",
            "routes[0].timeout: ",
        ),
    ] {
        refused(what, &route(text), expected);
    }
}

#[test]
fn two_routes_for_one_request_are_refused() {
    let twice = |more: &str| head("") + &open("/a", "name = \"x\"") + &open("/a/", &format!("name = \"y\"\n{more}"));
    refused("the same", &twice(""), "routes[1]: has the same host, path and method as routes[0]");
    let methods = |m: &str| {
        head("")
            + &open("/a", "name = \"x\"\nmethods = [\"GET\"]")
            + &open("/a", &format!("name = \"y\"\nmethods = [\"{m}\"]"))
    };
    refused("overlapping methods", &methods("HEAD"), "routes[1]: has the same host");
    assert_eq!(errors(&methods("POST")), [] as [String; 0]);
    assert_eq!(errors(&twice("methods = [\"POST\"]")), [] as [String; 0]);
    refused(
        "a name twice",
        &(head("") + &open("/a", "name = \"x\"") + &open("/b", "name = \"x\"")),
        "routes[1].name: ",
    );
    refused("no route at all", &head(""), "routes: there is no route");
}

#[test]
fn contradictions_of_the_gate_are_refused() {
    let gate = |from: &str, to: &str| head("").replace(from, to) + &demo("/", "");
    let more = |line: &str| head(line) + &demo("/", "");
    let url = "https://app.example.com\"";
    for (what, config, expected) in [
        ("a path", gate(url, "https://app.example.com/x\""), "gate.public_url: "),
        ("a query", gate(url, "https://app.example.com?x\""), "gate.public_url: "),
        ("a scheme", gate(url, "ftp://app.example.com\""), "gate.public_url: "),
        ("no time for a head", more("limits.head_time = \"0s\""), "gate.limits.head_time: "),
        ("time without end", more("limits.drain = \"400d\""), "gate.limits.drain: "),
        ("no room for a head", more("limits.head = \"1KiB\""), "gate.limits.head: "),
        ("room without end", more("limits.head = \"2MiB\""), "gate.limits.head: "),
        ("no slash", more("prefix = \"oauth2\""), "gate.prefix: "),
        ("a slash at the end", more("prefix = \"/oauth2/\""), "gate.prefix: "),
        ("everything", more("prefix = \"/\""), "gate.prefix: "),
        ("dots", more("prefix = \"/..\""), "gate.prefix: "),
        ("204", more("allowed_status = 204"), "gate.allowed_status: "),
        ("202 for Envoy", more("allowed_status = 202\nforwarded = \"envoy\""), "gate.allowed_status: "),
        (
            "a dialect that nobody speaks",
            gate("trusted_proxies = [\"10.0.0.0/8\"]", "forwarded = \"nginx\""),
            "gate.forwarded: ",
        ),
        ("a return host", more("return_hosts = [\"https://x\"]"), "gate.return_hosts[0]: "),
        ("a certificate that is not there", more("tls = { cert = \"/none\", key = \"/none\" }"), "gate.tls: "),
        (
            "SameSite without https",
            gate("https://app", "http://app") + "\n[cookies]\nsame_site = \"none\"\n",
            "cookies.same_site: ",
        ),
        ("somebody else's domain", more("") + "\n[cookies]\ndomain = \"other.test\"\n", "cookies.domain: "),
        ("a short key", more("") + "\n[cookies]\nkeys = [{ env = \"SHORT\" }]\n", "cookies.keys[0]: "),
        ("grace", more("") + "\n[session]\ngrace = \"1h\"\n", "session.grace: "),
        (
            "refresh after the end",
            more("") + "\n[session]\nlifetime = \"1h\"\nrefresh_every = \"2h\"\n",
            "session.refresh_every: ",
        ),
    ] {
        refused(what, &config, expected);
    }
}

#[test]
fn contradictions_of_issuers_and_clients_are_refused() {
    let with = |text: &str| head("") + text + &demo("/", "");
    let client = |text: &str| with(&format!("\n[clients.x]\nissuer = \"corp\"\nid = \"x\"\n{text}\n"));
    for (what, config, expected) in [
        ("neither", with("\n[issuers.x]\n"), "issuers.x: has none of entra, url and spiffe"),
        (
            "both",
            with(
                "\n[issuers.x]\nurl = \"https://x.test\"\nentra = { tenant = \"dca11c8d-0000-4000-8000-000000000001\" }\n",
            ),
            "issuers.x: has entra and url",
        ),
        ("plain http", with("\n[issuers.x]\nurl = \"http://x.test\"\n"), "issuers.x"),
        (
            "an algorithm",
            with("\n[issuers.x]\nurl = \"https://x.test\"\nalgorithms = [\"HS256\"]\n"),
            "issuers.x.algorithms[0]: ",
        ),
        (
            "none",
            with("\n[issuers.x]\nurl = \"https://x.test\"\nalgorithms = [\"none\"]\n"),
            "issuers.x.algorithms[0]: ",
        ),
        ("authorities", with("\n[issuers.x]\nurl = \"https://x.test\"\nca_file = \"/none\"\n"), "issuers.x.ca_file: "),
        (
            "an unknown issuer",
            with("\n[clients.x]\nissuer = \"none\"\nid = \"x\"\n"),
            "clients.x.issuer: there is no issuer \"none\"",
        ),
        (
            "two credentials",
            client("secret = { env = \"SECRET\" }\nfederated_token_file = \"/x\""),
            "clients.x: has secret and federated_token_file",
        ),
        ("a method without a secret", client("secret_method = \"post\""), "clients.x.secret_method: "),
        ("a secret that is not set", client("secret = { env = \"NONE\" }"), "clients.x.secret: "),
        (
            "a certificate that is not there",
            client("certificate = { cert = \"/none\", key = \"/none\" }"),
            "clients.x.certificate.cert: ",
        ),
        ("no openid", client("scopes = [\"email\"]"), "clients.x.scopes: "),
        ("two scopes in one", client("scopes = [\"openid email\"]"), "clients.x.scopes: "),
    ] {
        refused(what, &config, expected);
    }
    let bearer = with("\n[issuers.x]\nurl = \"https://x.test\"\n") + "accept = [\"x\"]\n";
    refused("tokens without audiences", &bearer, "routes[0].accept[0]: issuers.x has no audiences");
}

/// `issuers.x`, and what is said of it.
#[test]
fn contradictions_of_one_issuer_are_refused() {
    let with = |text: &str| head("") + "\n[issuers.x]\n" + text + "\n" + &demo("/", "");
    let open_id = |text: &str| with(&format!("url = \"https://x.test\"\n{text}"));
    let entra = |text: &str| with(&format!("entra = {{ {text} }}\naudiences = [\"a\"]"));
    let spiffe = |text: &str| {
        with(&format!("spiffe = {{ trust_domain = \"x.test\", bundle = {{ url = \"https://x.test\" }} }}\n{text}"))
    };
    let tenant = "tenant = \"dca11c8d-0000-4000-8000-000000000001\"";
    let tenants = "tenants = [\"dca11c8d-0000-4000-8000-000000000001\"]";
    let asking = |from: &str| entra(&format!("{tenant}, groups_from = {{ {from} }}"));
    for (what, config, expected) in [
        ("no tenant", entra(""), "issuers.x.entra: names no tenant"),
        ("one and several", entra(&format!("{tenant}, {tenants}")), "issuers.x.entra: says in more than one way"),
        (
            "several and any",
            entra(&format!("{tenants}, any_tenant = true")),
            "issuers.x.entra: says in more than one way",
        ),
        ("not any", entra("any_tenant = false"), "issuers.x.entra.any_tenant: "),
        ("nobody's", entra("tenants = []"), "issuers.x.entra.tenants: is empty"),
        ("a name for many", entra("tenants = [\"organizations\"]"), "issuers.x.entra.tenants: "),
        (
            "keys of Entra",
            with(&format!("entra = {{ {tenant} }}\njwks = {{ url = \"https://k.test\" }}")),
            "issuers.x.jwks: ",
        ),
        ("no place of keys", open_id("jwks = {}"), "issuers.x.jwks: says in none or several ways"),
        (
            "two places of keys",
            open_id("jwks = { url = \"https://k.test\", inline = \"{}\" }"),
            "issuers.x.jwks: says in none or several ways",
        ),
        ("keys over plain http", open_id("jwks = { url = \"http://k.test\" }"), "issuers.x.jwks.url: "),
        ("a file that is not there", open_id("jwks = { file = \"/none\" }"), "issuers.x.jwks.file: cannot read /none"),
        ("no keys", open_id("jwks = { inline = \"{}\" }"), "issuers.x.jwks.inline: not a JWK set"),
        (
            "a client where nobody signs in",
            open_id("jwks = { url = \"https://k.test\" }\n[clients.x]\nissuer = \"x\"\nid = \"x\""),
            "clients.x.issuer: issuers.x has no metadata",
        ),
        (
            "no trust domain",
            with("spiffe = { trust_domain = \"X\", bundle = { url = \"https://x.test\" } }\naudiences = [\"a\"]"),
            "issuers.x.spiffe.trust_domain: ",
        ),
        ("workloads for nobody", spiffe(""), "issuers.x.audiences: is empty"),
        (
            "clients of workloads",
            spiffe("audiences = [\"a\"]\nallowed_clients = [\"c\"]"),
            "issuers.x.allowed_clients: ",
        ),
        (
            "rules without tokens",
            open_id("required_scopes = [\"s\"]"),
            "issuers.x.required_scopes: is set, and without audiences",
        ),
        ("ID tokens without tokens", open_id("accept_id_tokens = true"), "issuers.x.accept_id_tokens: "),
        (
            "scopes of ID tokens",
            open_id("audiences = [\"a\"]\naccept_id_tokens = true\nrequired_scopes = [\"s\"]"),
            "issuers.x.required_scopes: is set beside accept_id_tokens",
        ),
        ("leeway", open_id("leeway = \"6m\""), "issuers.x.leeway: "),
        ("a claim with no value", open_id("required_claims = { a = [] }"), "issuers.x.required_claims.a: "),
        (
            "a claim without a name",
            open_id("required_claims = { \"/a//b\" = \"c\" }"),
            "issuers.x.required_claims./a//b: ",
        ),
        ("an empty role", open_id("required_roles = [\"\"]"), "issuers.x.required_roles[0]: "),
        ("no claim", open_id("claims = { groups = \"/\" }"), "issuers.x.claims.groups: "),
        ("a reserved prefix", open_id("claims = { groups_prefix = \"system:\" }"), "issuers.x.claims.groups_prefix: "),
        ("an empty prefix", open_id("claims = { username_prefix = \"\" }"), "issuers.x.claims.username_prefix: "),
        (
            "an extra of nobody",
            open_id("claims = { extra = { department = \"d\" } }"),
            "issuers.x.claims.extra.department: ",
        ),
        (
            "an extra of Kubernetes",
            open_id("claims = { extra = { \"a.kubernetes.io/x\" = \"d\" } }"),
            "issuers.x.claims.extra.a.kubernetes.io/x: ",
        ),
        (
            "nobody to ask with",
            asking("client = \"none\", by = \"on-behalf-of\""),
            "issuers.x.entra.groups_from.client: there is no client",
        ),
        (
            "somebody else's client",
            asking("client = \"corp\", by = \"on-behalf-of\""),
            "issuers.x.entra.groups_from.client: clients.corp is a client of issuers.corp",
        ),
        (
            "a client without a credential",
            asking("client = \"y\", by = \"client-credentials\"") + "\n[clients.y]\nissuer = \"x\"\nid = \"y\"\n",
            "issuers.x.entra.groups_from.client: clients.y has no credential",
        ),
        (
            "a long memory",
            asking("client = \"corp\", by = \"on-behalf-of\", remember = \"2h\""),
            "issuers.x.entra.groups_from.remember: ",
        ),
        (
            "groups of another claim",
            asking("client = \"corp\", by = \"on-behalf-of\"")
                .replace("audiences", "claims.groups = \"teams\"\naudiences"),
            "issuers.x.claims.groups: ",
        ),
    ] {
        refused(what, &config, expected);
    }
    let any: gangplank_gate::config::Config = toml::from_str(&entra("any_tenant = true")).unwrap();
    assert!(gangplank_gate::Gate::warnings(&any).iter().any(|warning| warning.contains("ANY TENANT")));
}

#[test]
fn everything_is_said_at_once() {
    let config = head("prefix = \"x\"\nallowed_status = 1")
        + "\n[issuers.x]\n\n[clients.x]\nissuer = \"none\"\nid = \"\"\n\n[pages]\naccent = \"red\"\n"
        + "\n[[routes]]\npath = \"x\"\nhost = \"*\"\n";
    let found = errors(&config);
    assert!(found.len() >= 8, "{found:#?}");
}

#[test]
fn what_is_allowed_and_odd_is_warned_of() {
    let config: gangplank_gate::config::Config =
        toml::from_str(&(head("") + "\n[clients.idle]\nissuer = \"corp\"\nid = \"x\"\n" + &demo("/", ""))).unwrap();
    let warnings = gangplank_gate::Gate::warnings(&config);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for (url, expected) in [("http://app.example.com", 3), ("http://localhost:4180", 2), ("http://127.0.0.1", 2)] {
        let mut config = config.clone();
        config.gate.public_url = url.to_owned();
        assert_eq!(gangplank_gate::Gate::warnings(&config).len(), expected, "{url}");
    }
}

#[test]
fn files_that_are_read_are_watched() {
    let text = head("tls = { cert = \"/t.crt\", key = \"/t.key\" }")
        + "\n[cookies]\nkeys = [{ file = \"/k\" }]\n\n[pages]\nlogo = \"/logo.svg\"\n"
        + "\n[clients.x]\nissuer = \"corp\"\nid = \"x\"\ncertificate = { cert = \"/c.crt\", key = \"/c.key\" }\n"
        + "\n[issuers.x]\nurl = \"https://x.test\"\nca_file = \"/i.pem\"\njwks = { file = \"/keys\" }\n"
        + "\n[issuers.y]\nspiffe = { trust_domain = \"y\", bundle = { file = \"/bundle\" } }\n"
        + &demo("/", "upstream = \"https://a:1\"\nupstream_ca_file = \"/u.pem\"");
    let config: gangplank_gate::config::Config = toml::from_str(&text).unwrap();
    let files = gangplank_gate::Gate::watched_files(&config);
    let files: Vec<_> = files.iter().map(|f| f.to_str().unwrap()).collect();
    assert_eq!(
        files,
        ["/bundle", "/c.crt", "/c.key", "/i.pem", "/k", "/keys", "/logo.svg", "/t.crt", "/t.key", "/u.pem"]
    );
}
