//! Whether what a configuration names is there: each provider's metadata and keys, each upstream's port.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use gangplank_gate::config::{Config, IssuerConfig};
use gangplank_net::{HttpClient, Roots};
use gangplank_oauth::{Budget, Transport};
use http::{Request, StatusCode};
use serde_json::Value;
use tokio::net::TcpStream;
use url::Url;

/// How long an upstream may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    /// A line for each.
    pub(super) text: String,
    /// Whether all answered as they should.
    pub(super) all_reached: bool,
}

/// Tries all of them.
pub(super) async fn all(config: &Config) -> Found {
    let mut found = Found { text: "\n".into(), all_reached: true };
    for (name, issuer) in &config.issuers {
        found.add(&format!("issuer {name}"), provider(issuer).await);
    }
    let upstreams: BTreeSet<&str> = config.routes.iter().filter_map(|r| r.upstream.as_deref()).collect();
    for upstream in upstreams {
        found.add(&format!("upstream {upstream}"), connect(upstream).await);
    }
    found
}

impl Found {
    fn add(&mut self, what: &str, outcome: Result<String, String>) {
        let (mark, text) = match outcome {
            Ok(text) => ("good", text),
            Err(text) => ("FAIL", text),
        };
        self.all_reached &= mark == "good";
        self.text.push_str(&format!("{mark}  {what}: {text}\n"));
    }
}

async fn provider(issuer: &IssuerConfig) -> Result<String, String> {
    let roots = issuer.ca_file.clone().map_or(Roots::System, Roots::File);
    let client = HttpClient::new(&roots).map_err(|e| e.to_string())?;
    let url = issuer_url(issuer).ok_or("it has no URL")?;
    let metadata = get(&client, &format!("{}/.well-known/openid-configuration", url.trim_end_matches('/'))).await?;
    let text = |name: &str| metadata.get(name).and_then(Value::as_str).map(str::to_owned);
    let says = text("issuer").ok_or("its metadata has no issuer")?;
    if says != url {
        return Err(format!("it calls itself {says:?}, and the configuration {url:?}: they must be the same"));
    }
    let keys = get(&client, &text("jwks_uri").ok_or("its metadata has no jwks_uri")?).await?;
    match keys.get("keys").and_then(Value::as_array).map(Vec::len) {
        Some(count) if count > 0 => Ok(format!("metadata, and {count} keys")),
        _ => Err("it publishes no keys".to_owned()),
    }
}

fn issuer_url(issuer: &IssuerConfig) -> Option<String> {
    match &issuer.entra {
        Some(entra) => {
            let authority = entra.authority.as_deref().unwrap_or("https://login.microsoftonline.com");
            Some(format!("{}/{}/v2.0", authority.trim_end_matches('/'), entra.tenant))
        }
        None => issuer.url.clone(),
    }
}

async fn get(client: &HttpClient, url: &str) -> Result<Value, String> {
    let request = Request::get(url).body(Bytes::new()).map_err(|_| format!("{url:?} is no URL"))?;
    let response = client.send(request, Budget::DEFAULT).await.map_err(|e| format!("{url}: {e}"))?;
    if response.status() != StatusCode::OK {
        return Err(format!("{url} answers {}", response.status()));
    }
    serde_json::from_slice(response.body()).map_err(|_| format!("{url} does not answer with JSON"))
}

async fn connect(upstream: &str) -> Result<String, String> {
    let url = Url::parse(upstream).map_err(|e| e.to_string())?;
    let host = url.host_str().ok_or("it names no host")?.trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().unwrap_or(80);
    match tokio::time::timeout(CONNECT, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Ok("accepts connections".to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no connection within {} s", CONNECT.as_secs())),
    }
}
