//! `gangplank explain REQUEST-ID`: the reason behind one refusal that happened.
//!
//! 1. With `--log`, a log (text or JSON, `-` is standard input) is searched for the request id.
//! 2. Otherwise the running process is asked, at the address of `gate.metrics_listen`: it remembers its last few thousand
//!    refusals, and tells them to this machine only (`kubectl exec`, or a port-forward).
//!
//! What is printed comes from the catalogue, as in `docs/refusals.md`.

mod log;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use gangplank_net::{HttpClient, Roots};
use gangplank_oauth::{Budget, Transport as _};
use http::{Request, StatusCode};
use serde::Deserialize;

use crate::arguments::ExplainArguments;
use crate::exit::Exit;
use crate::{console, document, tell};

/// What is known of one refusal.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Told {
    at: String,
    method: String,
    host: String,
    path: String,
    route: String,
    client: String,
    reason: String,
    detail: String,
}

/// Says why.
pub async fn run(arguments: &ExplainArguments) -> Exit {
    let id = arguments.request_id.trim();
    let found = match &arguments.log {
        Some(file) => log::find(file, id),
        None => ask(arguments, id).await,
    };
    match found {
        Ok(told) => {
            console::say(&text(&told));
            Exit::Done
        }
        Err(problem) => {
            console::complain(&format!("error: {problem}\n"));
            Exit::Failed
        }
    }
}

fn text(told: &Told) -> String {
    let mut text = String::new();
    for (label, value) in [
        ("when", told.at.clone()),
        ("asked", format!("{} {}{}", told.method, told.host, told.path)),
        ("route", told.route.clone()),
        ("client", told.client.clone()),
    ] {
        if !value.trim().is_empty() {
            text.push_str(&format!("{label:<9}{}\n", tell::plain(&value)));
        }
    }
    match gangplank_gate::reasons().find(|reason| reason.name == told.reason) {
        Some(reason) => text.push_str(&tell::refusal(reason, &told.detail, 0)),
        None => text.push_str(&format!(
            "{}: not in the catalogue of this version; what was found: {}\n",
            tell::plain(&told.reason),
            tell::plain(&told.detail)
        )),
    }
    text
}

async fn ask(arguments: &ExplainArguments, id: &str) -> Result<Told, String> {
    if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)) {
        return Err(format!("{:?} is not a request id: letters, digits, '_', '.' and '-'", tell::plain(id)));
    }
    let address = match arguments.from {
        Some(address) => address,
        None => configured(arguments)?,
    };
    let client = HttpClient::new(&Roots::System).map_err(|e| e.to_string())?;
    let request =
        Request::get(format!("http://{address}/explain/{id}")).body(Bytes::new()).map_err(|e| e.to_string())?;
    let answer = client
        .send(request, Budget::DEFAULT)
        .await
        .map_err(|e| format!("{e}; is the gate running on this machine? --log FILE searches its log instead"))?;
    match answer.status() {
        StatusCode::OK => serde_json::from_slice(answer.body()).map_err(|_| format!("{address} is not a gate")),
        StatusCode::NOT_FOUND => Err(format!(
            "{address} remembers no refusal of {id}: it may be of another replica, too long ago, or no refusal; search the log with --log FILE"
        )),
        other => Err(format!("{address} answers {other}")),
    }
}

/// `gate.metrics_listen`, as this machine reaches it.
fn configured(arguments: &ExplainArguments) -> Result<SocketAddr, String> {
    let loaded = document::load::<gangplank_gate::config::Config>(&arguments.config).map_err(|report| {
        format!(
            "{} in {}; say where to ask with --from ADDRESS, or use --log FILE",
            report.summary(),
            arguments.config.display()
        )
    })?;
    let listen = loaded.value.gate.metrics_listen.ok_or(
        "gate.metrics_listen is not set, so the running process can't be asked; set it, or search the log with --log FILE",
    )?;
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    Ok(SocketAddr::new(ip, listen.port()))
}
