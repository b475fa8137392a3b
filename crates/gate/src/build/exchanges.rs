//! `[exchanges.NAME]`: how a caller's token becomes another one. What a strategy has no use for is refused, not ignored.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use gangplank_oauth::config::ConfigError;
use gangplank_oauth::{ClientAuthentication, TokenType};

use super::{Deps, Errors};
use crate::config::{ClientConfig, Config, ExchangeConfig, RouteConfig, Strategy};
use crate::exchange::{Exchange, Expected, Request};
use crate::sign_in::SignInClient;

/// Those that can be used, by name.
pub(crate) type Exchanges = BTreeMap<String, Arc<Exchange>>;

/// Reads all exchanges.
pub(super) fn read(
    config: &Config,
    clients: &BTreeMap<String, Arc<SignInClient>>,
    deps: &Deps<'_>,
    errors: &mut Errors,
) -> Exchanges {
    let mut exchanges = Exchanges::new();
    for (name, exchange) in &config.exchanges {
        let before = errors.len();
        let mut reader = Reader { exchange, at: format!("exchanges.{name}"), errors };
        reader.client(config, clients);
        reader.keys();
        let request = reader.request();
        let audiences = reader.audiences();
        let (Some(client), Some(request), true) = (clients.get(&exchange.client), request, errors.len() == before)
        else {
            continue;
        };
        let expected = Expected {
            audiences,
            opaque: exchange.opaque_tokens,
            about_caller: !request.replaces_caller(),
            pairwise: exchange.pairwise_subjects,
        };
        let made = Exchange {
            fingerprint: fingerprint(name, config, client, &request, &expected),
            name: name.clone(),
            client: client.clone(),
            request,
            expected,
            tokens: deps.shared.exchanged().clone(),
            metrics: deps.shared.metrics().exchange(name),
            clock: deps.clock.clone(),
            rest: Default::default(),
        };
        exchanges.insert(name.clone(), Arc::new(made));
    }
    exchanges
}

/// The exchange of a route, if it names one that there is.
pub(super) fn of_route(
    config: &Config,
    route: &RouteConfig,
    at: &str,
    exchanges: &Exchanges,
    errors: &mut Errors,
) -> Option<Arc<Exchange>> {
    let name = route.exchange.as_ref()?;
    let at = format!("{at}.exchange");
    let mut say = |message: &str, help: &str| errors.push(ConfigError::new(&at, message, help));
    if !config.exchanges.contains_key(name) {
        let known = config.exchanges.keys().cloned().collect::<Vec<_>>().join(", ");
        say(&format!("there is no exchange {name:?}"), &format!("one of [exchanges]: {known}"));
    }
    if route.upstream.is_none() {
        say("is set, and the route has no upstream that would get the token", "set upstream, or leave it out");
    }
    if route.pass.authorization {
        say("is set beside pass.authorization: the upstream gets one token only", "keep one of them");
    }
    if route.allow.as_ref().is_some_and(|allow| allow.anonymous) {
        say(
            "is set, and allow.anonymous means that there is no caller for whom it could be made",
            "another rule in allow",
        );
    } else if !brings_token(config, route) && !config.exchanges.get(name).is_some_and(|e| e.replaces_caller) {
        say(
            "is set, and nobody who may call on this route has a token that could be exchanged",
            "sign_in, or an issuer or token_review in accept",
        );
    }
    exchanges.get(name).cloned()
}

/// Whether somebody who is accepted on a route is known by a token.
pub(super) fn brings_token(config: &Config, route: &RouteConfig) -> bool {
    let by_token = |name: &String| {
        let authenticator = config.authenticators.get(name);
        config.issuers.contains_key(name)
            || authenticator.is_some_and(|a| a.token_review.is_some() || a.authentication_config.is_some())
    };
    !route.sign_in.0.is_empty() || super::routes::accepted(config, route).iter().any(by_token)
}

/// Exchanges that no route and no cluster uses.
pub(super) fn unused(config: &Config) -> Vec<String> {
    let used = |name: &&String| {
        config.routes.iter().any(|route| route.exchange.as_ref() == Some(name))
            || config.clusters.values().any(|cluster| cluster.exchange.as_ref() == Some(name))
    };
    config.exchanges.keys().filter(|name| !used(name)).map(|name| format!("exchanges.{name} is not used")).collect()
}

/// Sign-ins that could never be exchanged on behalf of anybody: who signs in there gets a token for another application than
/// the one that exchanges. A session can't be told to bring another token, as a program can.
pub(super) fn unfit_sign_ins(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    for route in &config.routes {
        for (name, exchange) in of_behind(config, route) {
            let Some(exchanging) = config.clients.get(&exchange.client) else { continue };
            for signing_in in &route.sign_in.0 {
                let client = config.clients.get(signing_in);
                if exchange.strategy == Strategy::OnBehalfOf && client.is_some_and(|c| !asks_for(config, c, exchanging))
                {
                    warnings.push(format!(
                        "clients.{signing_in}.scopes name nothing of clients.{at}{itself}, so exchanges.{name} can exchange no token of \
                         somebody who signed in there: add a scope of {id}, such as \"{id}/access_as_user\"",
                        at = exchange.client,
                        itself = if signing_in == &exchange.client { " itself" } else { "" },
                        id = exchanging.id
                    ));
                }
            }
        }
    }
    warnings.sort();
    warnings.dedup();
    warnings
}

/// The exchanges that a route's requests may need: its own, and those of the clusters that it leads to.
fn of_behind<'c>(config: &'c Config, route: &'c RouteConfig) -> Vec<(&'c String, &'c ExchangeConfig)> {
    let targets = route.mcp.iter().filter_map(|mcp| mcp.target.as_ref()).flat_map(|target| &target.clusters);
    let clusters = route.cluster.iter().chain(route.clusters.iter().flatten()).chain(targets);
    let of_clusters = clusters.filter_map(|name| config.clusters.get(name)?.exchange.as_ref());
    route.exchange.iter().chain(of_clusters).filter_map(|name| config.exchanges.get_key_value(name)).collect()
}

/// Whether a client asks for tokens for another one, or for itself. Its default scopes are the sign-in's own and Graph's.
fn asks_for(config: &Config, client: &ClientConfig, other: &ClientConfig) -> bool {
    let accepted = config.issuers.get(&other.issuer).into_iter().flat_map(|issuer| issuer.audiences.iter().cloned());
    let names: Vec<String> = accepted.chain([other.id.clone(), format!("api://{}", other.id)]).collect();
    let of_other = |scope: &String| {
        let resource = scope.rsplit_once('/').map(|(resource, _)| resource.trim_end_matches('/'));
        resource.is_some_and(|asked| names.iter().any(|name| name.trim_end_matches('/').eq_ignore_ascii_case(asked)))
    };
    client.scopes.iter().flatten().any(of_other)
}

struct Reader<'r> {
    exchange: &'r ExchangeConfig,
    at: String,
    errors: &'r mut Errors,
}

impl Reader<'_> {
    fn say(&mut self, key: &str, message: impl Into<String>, help: &str) {
        let dot = if key.is_empty() { "" } else { "." };
        self.errors.push(ConfigError::new(format!("{}{dot}{key}", self.at), message, help));
    }

    fn client(&mut self, config: &Config, clients: &BTreeMap<String, Arc<SignInClient>>) {
        let name = &self.exchange.client;
        if !config.clients.contains_key(name) {
            let known = config.clients.keys().cloned().collect::<Vec<_>>().join(", ");
            self.say("client", format!("there is no client {name:?}"), &format!("one of [clients]: {known}"));
        }
        let public = clients.get(name).is_some_and(|c| matches!(c.client.authentication(), ClientAuthentication::None));
        if public && matches!(self.exchange.strategy, Strategy::OnBehalfOf | Strategy::ClientCredentials) {
            let message = format!("clients.{name} has no credential, and this strategy needs one");
            self.say("client", message, "a client with secret, certificate, tls_certificate or federated_token_file");
        }
    }

    /// What a strategy has no use for, and what can't be.
    fn keys(&mut self) {
        use Strategy::{ClientCredentials, KeycloakV1, OnBehalfOf, TokenExchange};
        let e = self.exchange;
        let lists = [("scopes", &e.scopes), ("audience", &e.audience.0), ("resource", &e.resource.0)];
        let mut empty = Vec::new();
        for (key, list) in lists.into_iter().chain(e.token_audiences.iter().map(|list| ("token_audiences", list))) {
            empty.extend(
                list.iter().enumerate().filter(|(_, v)| v.trim().is_empty()).map(|(i, _)| format!("{key}[{i}]")),
            );
        }
        for key in empty {
            self.say(&key, "is empty", "leave it out");
        }
        let of: [(&str, bool, &[Strategy]); 7] = [
            ("audience", !e.audience.0.is_empty(), &[TokenExchange, KeycloakV1]),
            ("resource", !e.resource.0.is_empty(), &[TokenExchange]),
            ("subject_token_type", e.subject_token_type.is_some(), &[TokenExchange, KeycloakV1]),
            ("requested_token_type", e.requested_token_type.is_some(), &[TokenExchange, KeycloakV1]),
            ("subject_issuer", e.subject_issuer.is_some(), &[KeycloakV1]),
            ("requested_issuer", e.requested_issuer.is_some(), &[KeycloakV1]),
            ("actor", e.actor.is_some(), &[TokenExchange]),
        ];
        for (key, set, strategies) in of {
            if set && !strategies.contains(&e.strategy) {
                self.say(key, "has no meaning with this strategy", "leave it out, or use another strategy");
            }
        }
        if matches!(e.strategy, OnBehalfOf | ClientCredentials) && e.scopes.is_empty() {
            self.say(
                "scopes",
                "is empty, so it is not said for whom the token is",
                "such as [\"api://downstream/.default\"]",
            );
        }
        match (e.strategy == ClientCredentials, e.replaces_caller) {
            (true, false) => self.say(
                "replaces_caller",
                "is not set, and with client-credentials the upstream no longer sees who calls",
                "replaces_caller = true if that is meant; else another strategy",
            ),
            (false, true) => {
                self.say("replaces_caller", "is set, and this strategy keeps the caller", "leave it out");
            }
            _ => {}
        }
    }

    fn request(&mut self) -> Option<Request> {
        let e = self.exchange;
        let subject_type = self.kind("subject_token_type", e.subject_token_type.as_deref());
        let requested_type = self.kind("requested_token_type", e.requested_token_type.as_deref());
        let scopes = e.scopes.clone();
        Some(match e.strategy {
            Strategy::OnBehalfOf => Request::OnBehalfOf { scopes },
            Strategy::ClientCredentials => Request::ClientCredentials { scopes },
            Strategy::TokenExchange => Request::TokenExchange {
                subject_type: subject_type.unwrap_or_default(),
                requested_type,
                audiences: e.audience.0.clone(),
                resources: e.resource.0.clone(),
                scopes,
                actor: match &e.actor {
                    None => None,
                    Some(actor) => {
                        let kind = self.kind("actor.type", actor.kind.as_deref());
                        Some((actor.token_file.clone(), kind.unwrap_or_else(TokenType::jwt)))
                    }
                },
            },
            Strategy::KeycloakV1 => {
                if e.audience.0.len() > 1 {
                    self.say("audience", "has several, and Keycloak's own exchange takes one", "one of them");
                }
                Request::Keycloak {
                    subject_type: subject_type.unwrap_or_default(),
                    requested_type,
                    audience: e.audience.0.first().cloned(),
                    subject_issuer: e.subject_issuer.clone(),
                    requested_issuer: e.requested_issuer.clone(),
                    scopes,
                }
            }
        })
    }

    fn kind(&mut self, key: &str, said: Option<&str>) -> Option<TokenType> {
        let parsed = said?.parse::<TokenType>();
        parsed.map_err(|problem| self.say(key, problem.to_string(), "such as \"access_token\"")).ok()
    }

    /// What the new token must be for.
    fn audiences(&mut self) -> Vec<String> {
        let e = self.exchange;
        let mut audiences: Vec<String> = match &e.token_audiences {
            Some(said) => said.clone(),
            None => {
                let named = e.audience.0.iter().chain(&e.resource.0).cloned();
                named.chain(e.scopes.iter().flat_map(|scope| of_scope(scope))).collect()
            }
        };
        for audience in &mut audiences {
            audience.truncate(audience.trim_end_matches('/').len());
        }
        audiences.sort();
        audiences.dedup();
        if audiences.is_empty() && !e.opaque_tokens {
            self.say(
                "token_audiences",
                "is not set, and nothing else says for whom the new token is",
                "what its aud should have",
            );
        }
        audiences
    }
}

/// For whom a token is that was asked for by a scope of Entra ID, `RESOURCE/PERMISSION`: v1 tokens have the resource as it was
/// asked for, v2 tokens the id of its application, and legacy ones that with `spn:` before it.
fn of_scope(scope: &str) -> Vec<String> {
    let Some((resource, _)) = scope.rsplit_once('/') else { return Vec::new() };
    let id = resource.strip_prefix("api://").unwrap_or(resource);
    if is_guid(id) {
        return vec![id.to_owned(), format!("api://{id}"), format!("spn:{id}")];
    }
    if resource.trim_end_matches('/') == "https://graph.microsoft.com" {
        return vec![resource.to_owned(), "00000003-0000-0000-c000-000000000000".to_owned()];
    }
    if resource.contains("://") { vec![resource.to_owned()] } else { Vec::new() }
}

fn is_guid(text: &str) -> bool {
    let dashes = [8, 13, 18, 23];
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| if dashes.contains(&i) { b == b'-' } else { b.is_ascii_hexdigit() })
}

/// Two exchanges with the same fingerprint give the same tokens. Each part is written with its length, so that no two lists
/// of parts are alike.
fn fingerprint(name: &str, config: &Config, client: &SignInClient, request: &Request, expected: &Expected) -> [u8; 32] {
    let issuer = config.clients.get(&client.name).and_then(|c| config.issuers.get(&c.issuer));
    let provider = client.client.provider().issuer().as_str();
    let parts = [
        name.to_owned(),
        provider.to_owned(),
        format!("{issuer:?}"),
        client.client.id().to_owned(),
        format!("{request:?}"),
        format!("{expected:?}"),
    ];
    let mut hash = Context::new(&SHA256);
    for part in parts {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut octets = [0; 32];
    octets.copy_from_slice(hash.finish().as_ref());
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A gate where people sign in at `web`, and `gate` exchanges, with these scopes and this on the route.
    fn signing_in(web: &str, to: &str) -> Vec<String> {
        let document = format!(
            "gate = {{ listen = '127.0.0.1:1', public_url = 'https://a.test' }}
             issuers.corp = {{ url = 'https://id.test', audiences = ['GATE', 'api://crew/'] }}
             clients.web = {{ issuer = 'corp', id = 'web'{web} }}
             clients.gate = {{ issuer = 'corp', id = 'gate' }}
             exchanges.x = {{ client = 'gate', strategy = 'on-behalf-of', scopes = ['b/.default'] }}
             exchanges.rfc = {{ client = 'gate', strategy = 'token-exchange', audience = 'b' }}
             clusters.prod = {{ exchange = 'x' }}
             [[routes]]
             path = '/a'
             allow.signed_in = true
             {to}"
        );
        unfit_sign_ins(&toml::from_str(&document).unwrap_or_else(|e| panic!("{e}")))
    }

    #[test]
    fn a_sign_in_whose_token_could_not_be_exchanged_is_noticed() {
        let exchanged = "sign_in = ['web']\nexchange = 'x'";
        for scopes in
            ["", ", scopes = ['openid', 'offline_access']", ", scopes = ['openid', 'https://graph.test/User.Read']"]
        {
            let said = signing_in(scopes, exchanged);
            let [said] = said.as_slice() else { panic!("{scopes}: {said:?}") };
            assert!(said.contains("clients.web.scopes name nothing of clients.gate"), "{said}");
            assert!(said.contains("exchanges.x") && said.contains("\"gate/access_as_user\""), "{said}");
        }
        for scope in ["gate/access", "api://gate/.default", "api://crew/read", "GATE/x"] {
            let scopes = format!(", scopes = ['openid', '{scope}']");
            assert_eq!(signing_in(&scopes, exchanged), Vec::<String>::new(), "{scope}");
        }
        for (to, noticed) in [
            ("sign_in = ['web']\nclusters = ['prod']", 1),
            ("sign_in = ['web']\ncluster = 'prod'\nexchange = 'x'", 1),
            ("sign_in = ['web', 'gate']\nexchange = 'x'", 2),
            ("sign_in = ['web']\nexchange = 'rfc'", 0),
            ("accept = ['corp']\nexchange = 'x'", 0),
            ("sign_in = ['web']", 0),
        ] {
            assert_eq!(signing_in("", to).len(), noticed, "{to}");
        }
    }

    #[test]
    fn scopes_of_entra_say_for_whom_a_token_is() {
        let id = "6dae42f8-4368-4678-94ff-3960e28e3630";
        for (scope, first) in [
            (format!("{id}/.default"), Some(id)),
            (format!("api://{id}/read"), Some(id)),
            ("api://downstream/.default".to_owned(), Some("api://downstream")),
            ("https://graph.microsoft.com/User.Read".to_owned(), Some("https://graph.microsoft.com")),
            ("openid".to_owned(), None),
            ("tools/read".to_owned(), None),
        ] {
            assert_eq!(of_scope(&scope).first().map(String::as_str), first, "{scope}");
        }
        assert!(of_scope(&format!("{id}/.default")).contains(&format!("spn:{id}")));
    }
}
