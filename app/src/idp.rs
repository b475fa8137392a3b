//! `gangplank idp`: the offline Entra-like tenant alone, with both its faces.
//!
//! Whoever reaches it can be any of its users, so it listens on loopback unless it is told `--insecure-listen`.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use gangplank_idp::{DevCa, Tenant, TenantConfig};
use gangplank_net::{ReloadingTls, Shutdown, SystemClock, bind};
use gangplank_oauth::Clock;
use secrecy::ExposeSecret;
use url::Url;

use crate::arguments::IdpArguments;
use crate::document::{self, Loaded, Report};
use crate::exit::Exit;
use crate::serve::quiet_log;
use crate::signals::StopSignals;
use crate::telemetry::Telemetry;
use crate::{authority, console, environment, tenant};

/// Runs until it is told to stop.
pub async fn run(arguments: &IdpArguments) -> Exit {
    if !arguments.listen.ip().is_loopback() && !arguments.insecure_listen {
        console::complain(&format!(
            "error: {} can be reached by others, and whoever reaches this tenant can be any of its users\n\
             \n  to listen there all the same, say --insecure-listen\n",
            arguments.listen
        ));
        return Exit::Usage;
    }
    let config = match configuration(arguments) {
        Ok(config) => for_listener(config, arguments.listen),
        Err(report) => return refuse(&report),
    };
    let telemetry = Telemetry::install(&quiet_log(true));
    let exit = match serve(arguments, config, &telemetry).await {
        Ok(()) => Exit::Done,
        Err(Failure::Config(report)) => refuse(&report),
        Err(Failure::Other(error)) => {
            tracing::error!("{error}");
            Exit::Failed
        }
    };
    telemetry.flush();
    exit
}

enum Failure {
    Config(Report),
    Other(Box<dyn std::error::Error>),
}

impl<E: Into<Box<dyn std::error::Error>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Other(error.into())
    }
}

fn refuse(report: &Report) -> Exit {
    console::complain(&report.render(console::colour()));
    Exit::Config
}

fn configuration(arguments: &IdpArguments) -> Result<TenantConfig, Report> {
    let Some(file) = &arguments.config else { return Ok(TenantConfig::built_in()) };
    let mut loaded: Loaded<TenantConfig> = document::load(file)?;
    let mut config = loaded.value.clone();
    if let Err(errors) = config.read_secrets(&environment::variable) {
        loaded.add(errors);
    }
    let base = Url::parse("http://127.0.0.1/").ok();
    // Judged with its places in the file, before there is an address.
    if let Some(Err(errors)) = base.map(|base| Tenant::new(config.clone(), base)) {
        loaded.add(errors);
    }
    let report = loaded.report();
    if report.is_empty() { Ok(config) } else { Err(report) }
}

/// Faults and key rotation are for tests on this machine: where others reach it, nobody turns them on.
fn for_listener(config: TenantConfig, listen: SocketAddr) -> TenantConfig {
    TenantConfig { control: config.control && listen.ip().is_loopback(), ..config }
}

async fn serve(arguments: &IdpArguments, config: TenantConfig, telemetry: &Telemetry) -> Result<(), Failure> {
    let signals = StopSignals::listen()?;
    let listener = bind(arguments.listen)?;
    let address = listener.local_addr()?;
    let tls = if arguments.tls { Some(Arc::new(certificate(arguments, address)?)) } else { None };
    // Whose certificate it is, the tenant judges. Where nobody has registered any, browsers are not bothered.
    if let Some(tls) = tls.iter().find(|_| config.applications.iter().any(|a| !a.known_certificates.is_empty())) {
        tls.ask_for_certificates(Some(Vec::new()))?;
    }
    let scheme = if arguments.tls { "https" } else { "http" };
    let base = Url::parse(&format!("{scheme}://{}/", reachable(address)))?;
    let tenant = Tenant::new(config.clone(), base)
        .map_err(|errors| Failure::Config(Report::of_errors(&errors)))
        .map(Arc::new)?;
    let shutdown = Shutdown::new();
    tokio::spawn(signals.obey(shutdown.clone(), telemetry.clone()));
    if arguments.insecure_listen && !address.ip().is_loopback() {
        tracing::warn!(%address, "others can reach this tenant, and be any of its users");
    }
    console::say(&introduction(&tenant, &config));
    tenant::run(tenant, listener, tls, shutdown).await;
    Ok(())
}

fn certificate(arguments: &IdpArguments, address: SocketAddr) -> Result<ReloadingTls, Box<dyn std::error::Error>> {
    let own = reachable(address).ip().to_string();
    let made = DevCa::generate(&["localhost", "127.0.0.1", "::1", &own], SystemClock.now())?;
    if let Some(file) = &arguments.ca_out {
        std::fs::write(file, &made.ca_pem).map_err(|e| format!("cannot write {}: {e}", file.display()))?;
    }
    authority::load(&made)
}

/// An address that can be connected to: nobody connects to 0.0.0.0.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => ([127, 0, 0, 1], address.port()).into(),
        IpAddr::V6(ip) if ip.is_unspecified() => ([0, 0, 0, 0, 0, 0, 0, 1], address.port()).into(),
        _ => address,
    }
}

fn introduction(tenant: &Tenant, config: &TenantConfig) -> String {
    let mut text = format!("Tenant {} ({})\n\n", config.name, tenant.id());
    let _ = writeln!(text, "  Home        {}/", tenant.base_url());
    let _ = writeln!(text, "  Issuer v2   {}", tenant.issuer());
    let _ = writeln!(text, "  Issuer v1   {}", tenant.v1_issuer());
    let _ = writeln!(text, "  Standard    {}", tenant.standard_issuer());
    let _ = writeln!(text, "\n  Users");
    for ((username, name), user) in tenant.users().zip(&config.users) {
        let groups = user.groups.len() + user.more_groups;
        let plural = if groups == 1 { "" } else { "s" };
        let _ = writeln!(text, "    {username:<24} {name}, in {groups} group{plural}");
    }
    let _ = writeln!(text, "\n  Applications");
    for application in &config.applications {
        let id = application.id.as_deref().unwrap_or_default();
        let _ = writeln!(text, "    {id}  {}{}", application.name, if application.public { ", public" } else { "" });
        // Made up at this start, for this start: there is no other way to learn it.
        if let Some(secret) = tenant.client_secret(id).filter(|_| application.known_secrets.is_empty()) {
            let _ = writeln!(text, "      secret {}", secret.expose_secret());
        }
    }
    text.push_str("\nStop with Ctrl-C.\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_others_reach_it_nobody_turns_its_faults_on() {
        let control = |listen: &str| for_listener(TenantConfig::built_in(), listen.parse().unwrap()).control;
        assert!(control("127.0.0.1:4190") && control("[::1]:4190"));
        assert!(!control("0.0.0.0:4190") && !control("192.0.2.1:4190"));
        let off = TenantConfig { control: false, ..TenantConfig::built_in() };
        assert!(!for_listener(off, "127.0.0.1:1".parse().unwrap()).control);
    }
}
