//! Whether what a configuration names is there: each provider's metadata and keys, each upstream's port.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gangplank_gate::config::{Config, IssuerConfig};
use gangplank_jose::KeySet;
use gangplank_net::{HttpClient, Roots};
use gangplank_oauth::{Budget, IssuerUrl, Provider, Transport};
use http::{Request, StatusCode};
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

/// By the rules by which the gate reads them.
async fn provider(issuer: &IssuerConfig) -> Result<String, String> {
    let roots = issuer.ca_file.clone().map_or(Roots::System, Roots::File);
    let client = Arc::new(HttpClient::new(&roots).map_err(|e| e.to_string())?);
    let url = IssuerUrl::parse(&issuer_url(issuer).ok_or("it has no URL")?).map_err(|e| e.to_string())?;
    let metadata = Provider::new(url, client.clone()).discover().await.map_err(|e| e.to_string())?;
    let keys = metadata.jwks_uri.as_str();
    let request = Request::get(keys).body(Bytes::new()).map_err(|e| e.to_string())?;
    let response = client.send(request, Budget::DEFAULT).await.map_err(|e| e.to_string())?;
    if response.status() != StatusCode::OK {
        return Err(format!("{keys} answers {}", response.status()));
    }
    match KeySet::parse(response.body()).map_err(|e| format!("{keys}: {e}"))?.len() {
        0 => Err(format!("{keys} has no key that can be used")),
        count => Ok(format!("metadata, and {count} keys")),
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
