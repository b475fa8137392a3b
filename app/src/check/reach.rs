//! Whether what a configuration names is there: each provider's metadata and keys, each upstream's port, the collector.

use std::collections::BTreeSet;
use std::time::Duration;

use gangplank_gate::Gate;
use gangplank_gate::config::Config;
use tokio::net::TcpStream;
use url::Url;

use crate::telemetry::otlp::Prepared;

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
pub(super) async fn all(config: &Config, gate: &Gate, traces: Option<&Prepared>) -> Found {
    let mut found = Found { text: "\n".into(), all_reached: true };
    for (name, reached) in gate.reach_issuers().await {
        found.add(&format!("issuer {name}"), reached);
    }
    let upstreams: BTreeSet<&str> = config.routes.iter().filter_map(|r| r.upstream.as_deref()).collect();
    for upstream in upstreams {
        found.add(&format!("upstream {upstream}"), connect(upstream).await);
    }
    if let Some(traces) = traces {
        found.add("collector", traces.reach().await);
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
