//! A good configuration in a few lines: what it listens on, whom it believes, who may go where.

use std::fmt::Write as _;

use gangplank_gate::config::{
    AllowConfig, ClientConfig, Config, EntraConfig, ExchangeConfig, IssuerConfig, RouteConfig, Strategy,
};

/// The whole of it.
pub(super) fn text(config: &Config) -> String {
    let gate = &config.gate;
    let mut text = String::from("good\n\n");
    let scheme = if gate.tls.is_some() { "https" } else { "http" };
    let _ = writeln!(text, "listens   {scheme}://{}, reached as {}", gate.listen, gate.public_url);
    if let Some(address) = gate.metrics_listen {
        let _ = writeln!(text, "metrics   http://{address}/metrics");
    }
    for (name, issuer) in &config.issuers {
        let _ = writeln!(text, "issuer    {name}: {}", self::issuer(issuer));
    }
    for (name, client) in &config.clients {
        let _ = writeln!(text, "client    {name}: {} at {}, {}", client.id, client.issuer, evidence(client));
    }
    for (name, exchange) in &config.exchanges {
        let _ = writeln!(text, "exchange  {name}: {}", self::exchange(exchange));
    }
    if let Some(webhook) = &config.token_review {
        let who = if webhook.client_ca_file.is_some() { "clients with a certificate" } else { "everybody" };
        let accepted = webhook.accept.join(", then ");
        let _ = writeln!(text, "webhook   https://{}, tells {who} whose tokens of {accepted} are", webhook.listen);
    }
    text.push('\n');
    text.push_str(&table(config));
    text
}

fn issuer(issuer: &IssuerConfig) -> String {
    let who = match (&issuer.entra, &issuer.spiffe, &issuer.url) {
        (Some(entra), ..) => tenants(entra),
        (None, Some(spiffe), _) => format!("SPIFFE trust domain {}", spiffe.trust_domain),
        (None, None, url) => url.clone().unwrap_or_default(),
    };
    match issuer.audiences.as_slice() {
        [] => format!("{who}; no bearer tokens"),
        audiences => format!("{who}; bearer tokens for {}", audiences.join(" or ")),
    }
}

fn tenants(entra: &EntraConfig) -> String {
    match (&entra.tenant, &entra.tenants) {
        (Some(one), _) => format!("Entra tenant {one}"),
        (None, Some(several)) => format!("Entra tenants {}", several.join(", ")),
        (None, None) => "ANY Entra tenant".to_owned(),
    }
}

/// How a client shows that it is the one it says it is.
fn evidence(client: &ClientConfig) -> &'static str {
    if client.secret.is_some() {
        "with a secret"
    } else if client.certificate.is_some() {
        "with a certificate"
    } else if client.tls_certificate.is_some() {
        "with a certificate of its connection"
    } else if client.federated_token_file.is_some() {
        "with a federated token"
    } else {
        "public"
    }
}

/// How callers' tokens become others, and what for.
fn exchange(exchange: &ExchangeConfig) -> String {
    let how = match exchange.strategy {
        Strategy::OnBehalfOf => "on-behalf-of",
        Strategy::TokenExchange => "token-exchange",
        Strategy::KeycloakV1 => "keycloak-v1",
        Strategy::ClientCredentials => "client-credentials",
    };
    let wanted: Vec<&str> = [&exchange.audience.0, &exchange.resource.0, &exchange.scopes]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    let what = if wanted.is_empty() { String::new() } else { format!(" for {}", wanted.join(" ")) };
    let whose = if exchange.replaces_caller { "; REPLACES THE CALLER" } else { "" };
    format!("{how} as {}{what}{whose}", exchange.client)
}

/// Who may go where.
fn table(config: &Config) -> String {
    let rows: Vec<[String; 4]> = config.routes.iter().map(|route| row(config, route)).collect();
    let header = ["WHERE", "WHO", "HOW", "TO"].map(str::to_owned);
    let all: Vec<&[String; 4]> = std::iter::once(&header).chain(&rows).collect();
    let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    let line = |row: &[String; 4]| {
        let line = format!("{:<3$}  {:<4$}  {:<5$}", row[0], row[1], row[2], widths[0], widths[1], widths[2]);
        format!("{line}  {}", row[3]).trim_end().to_owned() + "\n"
    };
    all.into_iter().map(line).collect()
}

fn row(config: &Config, route: &RouteConfig) -> [String; 4] {
    let methods = route.methods.as_ref().map(|m| m.join(",") + " ").unwrap_or_default();
    let place = format!("{methods}{}{}", route.host.as_deref().unwrap_or(""), route.path);
    let who = route.allow.as_ref().map_or_else(|| "nobody".to_owned(), who);
    let mut how = Vec::new();
    if !route.sign_in.0.is_empty() {
        how.push(format!("sign-in at {}", route.sign_in.0.join(" or ")));
    }
    let accepted = accepted(config, route);
    let (tokens, others): (Vec<&str>, Vec<&str>) =
        accepted.into_iter().partition(|name| config.issuers.contains_key(*name));
    if !tokens.is_empty() {
        how.push(format!("token of {}", tokens.join(" or ")));
    }
    if !others.is_empty() {
        how.push(format!("credential of {}", others.join(" or ")));
    }
    [place, who, how.join(", "), to(config, route)]
}

/// Where it goes, and by which exchange.
fn to(config: &Config, route: &RouteConfig) -> String {
    let exchanged =
        |exchange: &Option<String>| exchange.as_ref().map(|name| format!(" by exchange {name}")).unwrap_or_default();
    let cluster = |name: &String| {
        let cluster = config.clusters.get(name);
        format!("{name}{}", cluster.map(|cluster| exchanged(&cluster.exchange)).unwrap_or_default())
    };
    let all = |names: &[String]| names.iter().map(cluster).collect::<Vec<_>>().join(", ");
    match (&route.cluster, &route.clusters, &route.upstream) {
        (Some(name), ..) => format!("cluster {}", cluster(name)),
        (None, Some(names), _) => format!("clusters {}", all(names)),
        (None, None, Some(upstream)) => match route.mcp.as_ref().and_then(|mcp| mcp.target.as_ref()) {
            Some(target) => format!("{upstream} for clusters {}", all(&target.clusters)),
            None => format!("{upstream}{}", exchanged(&route.exchange)),
        },
        (None, None, None) => "(forward-auth only)".to_owned(),
    }
}

/// Whose credentials are accepted: theirs that are named, or the tokens of the sign-in's issuers that have audiences.
fn accepted<'c>(config: &'c Config, route: &'c RouteConfig) -> Vec<&'c str> {
    if let Some(named) = &route.accept {
        return named.iter().map(String::as_str).collect();
    }
    let clients = route.sign_in.0.iter().filter_map(|name| config.clients.get(name));
    let mut issuers: Vec<&str> = clients
        .map(|client| client.issuer.as_str())
        .filter(|name| config.issuers.get(*name).is_some_and(|issuer| !issuer.audiences.is_empty()))
        .collect();
    issuers.dedup();
    issuers
}

fn who(allow: &AllowConfig) -> String {
    if allow.anonymous {
        return "everybody".to_owned();
    }
    let kinds = [
        ("groups", &allow.groups),
        ("users", &allow.users),
        ("e-mail at", &allow.email_domains),
        ("roles", &allow.roles),
        ("scopes", &allow.scopes),
    ];
    let rules: Vec<String> = kinds
        .iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(kind, values)| match values.as_slice() {
            [one] => format!("{kind} {one}"),
            [first, rest @ ..] => format!("{kind} {first} or {} more", rest.len()),
            [] => String::new(),
        })
        .collect();
    if rules.is_empty() { "everybody signed in".to_owned() } else { rules.join(" and ") }
}

#[cfg(test)]
mod tests {
    use crate::document;

    #[test]
    fn who_may_go_where_is_a_table() {
        let text = "
            gate = { listen = '127.0.0.1:1', public_url = 'http://a.test' }
            [[routes]]
            path = '/'
            allow.groups = ['g1', 'g2', 'g3']
            allow.roles = ['r']
            sign_in = ['a', 'b']
            [[routes]]
            host = 'x.test'
            path = '/healthy'
            allow.anonymous = true
            upstream = 'http://127.0.0.1:8080'
            [token_review]
            listen = '0.0.0.0:8443'
            tls = { cert = 'c', key = 'k' }
            client_ca_file = 'ca'
            accept = ['corp', 'prod']
        ";
        let loaded = document::load_bytes("x.toml", text.as_bytes().to_vec()).unwrap();
        let expected = "\
good

listens   http://127.0.0.1:1, reached as http://a.test
webhook   https://0.0.0.0:8443, tells clients with a certificate whose tokens of corp, then prod are

WHERE           WHO                              HOW                TO
/               groups g1 or 2 more and roles r  sign-in at a or b  (forward-auth only)
x.test/healthy  everybody                                           http://127.0.0.1:8080
";
        assert_eq!(super::text(&loaded.value), expected);
    }

    #[test]
    fn exchanges_are_listed_and_each_way_says_which_one_it_takes() {
        let text = "
            gate = { listen = '127.0.0.1:1', public_url = 'http://a.test' }
            exchanges.aks = { client = 'gate', strategy = 'on-behalf-of', scopes = ['6dae42f8/.default'] }
            exchanges.ours = { client = 'gate', strategy = 'client-credentials', scopes = ['b/.default'], replaces_caller = true }
            exchanges.rfc = { client = 'realm', strategy = 'token-exchange', audience = ['a', 'b'] }
            clusters.dev = { kubeconfig = 'k' }
            clusters.prod = { kubeconfig = 'k', exchange = 'aks' }
            [[routes]]
            path = '/a'
            allow.signed_in = true
            upstream = 'http://b.test'
            exchange = 'rfc'
            [[routes]]
            path = '/c'
            allow.signed_in = true
            clusters = ['dev', 'prod']
            [[routes]]
            path = '/mcp'
            allow.signed_in = true
            upstream = 'http://m.test'
            mcp.target = { argument = 'context', clusters = ['prod'] }
            [[routes]]
            path = '/p'
            allow.signed_in = true
            cluster = 'prod'
        ";
        let loaded = document::load_bytes("x.toml", text.as_bytes().to_vec()).unwrap();
        let expected = "\
good

listens   http://127.0.0.1:1, reached as http://a.test
exchange  aks: on-behalf-of as gate for 6dae42f8/.default
exchange  ours: client-credentials as gate for b/.default; REPLACES THE CALLER
exchange  rfc: token-exchange as realm for a b

WHERE  WHO                  HOW  TO
/a     everybody signed in       http://b.test by exchange rfc
/c     everybody signed in       clusters dev, prod by exchange aks
/mcp   everybody signed in       http://m.test for clusters prod by exchange aks
/p     everybody signed in       cluster prod by exchange aks
";
        assert_eq!(super::text(&loaded.value), expected);
    }
}
