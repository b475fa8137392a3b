//! A good configuration in a few lines: what it listens on, whom it believes, who may go where.

use std::fmt::Write as _;

use gangplank_gate::config::{AllowConfig, Config, RouteConfig};

/// The whole of it.
pub(super) fn text(config: &Config) -> String {
    let tls = if config.gate.tls.is_some() { "https" } else { "http" };
    let mut text = format!(
        "good: {tls} on {}, reached as {}; {}, {}, {}\n\n",
        config.gate.listen,
        config.gate.public_url,
        count(config.issuers.len(), "issuer"),
        count(config.clients.len(), "client"),
        count(config.routes.len(), "route"),
    );
    let rows: Vec<[String; 4]> = config.routes.iter().map(|route| row(config, route)).collect();
    let header = ["WHERE", "WHO", "HOW", "TO"].map(str::to_owned);
    let all: Vec<&[String; 4]> = std::iter::once(&header).chain(&rows).collect();
    let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    for row in all {
        let line = format!("{:<3$}  {:<4$}  {:<5$}", row[0], row[1], row[2], widths[0], widths[1], widths[2]);
        let _ = writeln!(text, "{}", format!("{line}  {}", row[3]).trim_end());
    }
    text
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn row(config: &Config, route: &RouteConfig) -> [String; 4] {
    let methods = route.methods.as_ref().map(|m| m.join(",") + " ").unwrap_or_default();
    let place = format!("{methods}{}{}", route.host.as_deref().unwrap_or(""), route.path);
    let who = route.allow.as_ref().map_or_else(|| "nobody".to_owned(), who);
    let mut how = Vec::new();
    if !route.sign_in.0.is_empty() {
        how.push(format!("sign-in at {}", route.sign_in.0.join(" or ")));
    }
    let bearer = bearer(config, route);
    if !bearer.is_empty() {
        how.push(format!("token of {}", bearer.join(" or ")));
    }
    let to = route.upstream.clone().unwrap_or_else(|| "(forward-auth only)".to_owned());
    [place, who, how.join(", "), to]
}

/// Issuers whose tokens are accepted: those that are named, or those of the sign-in that have audiences.
fn bearer<'c>(config: &'c Config, route: &'c RouteConfig) -> Vec<&'c str> {
    if let Some(named) = &route.bearer {
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
        ";
        let loaded = document::load_bytes("x.toml", text.as_bytes().to_vec()).unwrap();
        assert_eq!(
            super::text(&loaded.value),
            "good: http on 127.0.0.1:1, reached as http://a.test; 0 issuers, 0 clients, 2 routes\n\n\
             WHERE           WHO                            HOW                TO\n\
             /               groups g1 or 2 more and roles r  sign-in at a or b  (forward-auth only)\n"
                .replace("WHO                            ", "WHO                              ")
                + "x.test/healthy  everybody                                           http://127.0.0.1:8080\n"
        );
    }
}
