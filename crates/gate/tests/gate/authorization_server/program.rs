//! A program that signs somebody in, and the browser that it opens.

use bytes::Bytes;
use gangplank_oauth::{Clock, Pkce};
use http::{Request, StatusCode};
use http_body_util::Full;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::support::*;

pub(crate) const ORIGIN: &str = "https://app.example.com";
pub(crate) const ISSUER: &str = "https://app.example.com/oauth2/as/entra";
pub(crate) const RESOURCE: &str = "https://app.example.com/mcp";
pub(crate) const LOOPBACK: &str = "http://127.0.0.1:33418/callback";
pub(crate) const VSCODE: &str = "https://vscode.dev/redirect";
/// What a browser says of a form on our own page.
pub(crate) const OWN_FORM: &[(&str, &str)] = &[
    ("accept", "text/html"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-site", "same-origin"),
    ("origin", ORIGIN),
];

/// An authorization server, and one MCP server that sends its clients there.
pub(crate) fn config() -> String {
    with_server(
        "redirect_hosts = [\"vscode.dev\", \"one.example.org/cb\"]\nclient_id_metadata = { hosts = [\"client.example.org\"] }",
    )
}

pub(crate) fn with_server(more: &str) -> String {
    head("")
        + &format!(
            r#"
[authorization_servers.entra]
client = "corp"
scopes = {{ "mcp:read" = "api://podinfo/read" }}
{more}
"#
        )
        + &mcp("/mcp", "")
}

pub(crate) fn mcp(path: &str, more: &str) -> String {
    format!(
        r#"
[[routes]]
path = "{path}"
accept = ["corp"]
allow.signed_in = true
upstream = "http://127.0.0.1:9"
[routes.mcp]
scopes = ["mcp:read"]
{more}
"#
    )
}

pub(crate) async fn post(world: &World, url: &str, kind: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
    let (head, _) = request("POST", url, &with(headers, &[("content-type", kind)])).into_parts();
    world.send(STRANGER, Request::from_parts(head, Full::new(Bytes::from(body.to_owned())))).await
}

pub(crate) fn encoded(pairs: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The value of a parameter of an address.
pub(crate) fn parameter(address: &str, name: &str) -> Option<String> {
    Url::parse(address).unwrap().query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// Pairs with some of them replaced, or left out if the new value is empty.
pub(crate) fn changed<'a>(pairs: &[(&'a str, &'a str)], changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let unchanged = pairs.iter().copied().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    unchanged.chain(changes.iter().copied().filter(|(_, value)| !value.is_empty())).collect()
}

pub(crate) struct Program<'w> {
    pub(crate) world: &'w World,
    pub(crate) id: String,
    pub(crate) redirect_uri: &'static str,
    pub(crate) pkce: Pkce,
}

impl<'w> Program<'w> {
    /// One that has an id already.
    pub(crate) fn known(world: &'w World, id: &str, redirect_uri: &'static str) -> Self {
        let verifier = format!("{:x<43}", redirect_uri.len());
        Program { world, id: id.to_owned(), redirect_uri, pkce: Pkce::from_verifier(SecretString::from(verifier)) }
    }

    /// One that registers.
    pub(crate) async fn registered(world: &'w World, redirect_uri: &'static str) -> Self {
        let grants = ["authorization_code"];
        let wanted = json!({"client_name": "Inspector", "redirect_uris": [redirect_uri], "grant_types": grants});
        let answer = register(world, &wanted).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        Program::known(world, answer.json()["client_id"].as_str().unwrap(), redirect_uri)
    }

    /// What it asks for.
    pub(crate) fn asks(&self) -> Vec<(&str, &str)> {
        vec![
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", self.redirect_uri),
            ("code_challenge", &self.pkce.challenge),
            ("code_challenge_method", "S256"),
            ("state", "the program's own"),
            ("scope", "mcp:read offline_access"),
            ("resource", RESOURCE),
            ("prompt", ""),
        ]
    }

    pub(crate) fn address(&self, changes: &[(&str, &str)]) -> String {
        format!("{ISSUER}/authorize?{}", encoded(&changed(&self.asks(), changes)))
    }

    /// The page with the question, in a browser with this cookie or none.
    pub(crate) async fn asked(&self, changes: &[(&str, &str)], cookies: &[(&str, &str)]) -> Question {
        let page = self.world.get(&self.address(changes), &with(BROWSER, cookies)).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        let start = page.body.find("name=\"request\" value=\"").expect("a form") + 22;
        let request = page.body[start..].split('"').next().unwrap().to_owned();
        Question { cookie: page.cookie().expect("a cookie"), request, page }
    }

    /// From the question to the address that the program listens at, with a code.
    pub(crate) async fn signs_in(&self, user: &str) -> (String, String) {
        let question = self.asked(&[], &[]).await;
        let away = question.answered(self.world, "allow").await;
        let cookie = away.cookie().expect("the cookie again");
        (self.comes_back(away.location(), user, &cookie).await.location().to_owned(), cookie)
    }

    pub(crate) async fn comes_back(&self, to_provider: &str, user: &str, with_cookie: &str) -> Answer {
        let back = self.world.tenant.drive_sign_in(to_provider, user, self.world.clock.now()).unwrap();
        self.world.get(&back, &with(BROWSER, &[cookie(with_cookie)])).await
    }

    pub(crate) async fn code(&self, user: &str) -> String {
        parameter(&self.signs_in(user).await.0, "code").expect("a code")
    }

    /// What it redeems a code with.
    pub(crate) async fn redeems(&self, code: &str, changes: &[(&str, &str)]) -> Answer {
        let pairs = [
            ("grant_type", "authorization_code"),
            ("client_id", self.id.as_str()),
            ("code", code),
            ("redirect_uri", self.redirect_uri),
            ("code_verifier", self.pkce.verifier.expose_secret()),
            ("resource", RESOURCE),
        ];
        token(self.world, &changed(&pairs, changes)).await
    }

    pub(crate) async fn refreshes(&self, token_of: &str, changes: &[(&str, &str)]) -> Answer {
        let pairs = [
            ("grant_type", "refresh_token"),
            ("client_id", self.id.as_str()),
            ("refresh_token", token_of),
            ("resource", RESOURCE),
        ];
        token(self.world, &changed(&pairs, changes)).await
    }

    /// A refresh token of a sign-in of alice's.
    pub(crate) async fn refresh_token(&self) -> String {
        let answer = self.redeems(&self.code("alice").await, &[]).await;
        text(&answer, "refresh_token")
    }
}

pub(crate) struct Question {
    pub(crate) page: Answer,
    pub(crate) cookie: String,
    pub(crate) request: String,
}

impl Question {
    pub(crate) async fn answered(&self, world: &World, decision: &str) -> Answer {
        self.sent(world, decision, &with(OWN_FORM, &[cookie(&self.cookie)])).await
    }

    pub(crate) async fn sent(&self, world: &World, decision: &str, headers: &[(&str, &str)]) -> Answer {
        let form = encoded(&[("request", &self.request), ("decision", decision)]);
        post(world, &format!("{ISSUER}/consent"), "application/x-www-form-urlencoded", &form, headers).await
    }
}

pub(crate) async fn register(world: &World, wanted: &Value) -> Answer {
    post(world, &format!("{ISSUER}/register"), "application/json", &wanted.to_string(), &[]).await
}

pub(crate) async fn token(world: &World, pairs: &[(&str, &str)]) -> Answer {
    let answer =
        post(world, &format!("{ISSUER}/token"), "application/x-www-form-urlencoded", &encoded(pairs), &[]).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert!(!answer.body.contains("AADSTS"), "{answer:?}");
    answer
}

pub(crate) fn text(answer: &Answer, name: &str) -> String {
    answer.json().get(name).and_then(|value| value.as_str()).unwrap_or_else(|| panic!("{name}: {answer:?}")).to_owned()
}

/// The status and the OAuth error of an answer to a program.
pub(crate) fn error(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), text(answer, "error"))
}

/// Every reason that was given so far.
pub(crate) async fn reasons(world: &World) -> Vec<String> {
    let scrape = world.gate.operations(&request("GET", "http://127.0.0.1:9090/metrics", &[]), &peer_of("192.0.2.9"));
    let text = Answer::read(scrape).await.body;
    let lines = text.lines().filter_map(|l| l.strip_prefix("gangplank_refusals_total{reason=\""));
    let mut all: Vec<_> = lines.filter_map(|l| l.split('"').next().map(str::to_owned)).collect();
    all.sort();
    all
}
