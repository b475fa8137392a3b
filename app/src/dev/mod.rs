//! `gangplank dev`: see it work in a minute, without a cloud account.
//!
//! A tenant, the gate and what is behind it (an app, an API, an MCP server) in one process, on loopback only. The gate is not a special one: its
//! configuration is text, printed as it is, and goes the way of every configuration. Nothing is written to disk.

mod api;
mod configuration;
mod introduction;
mod mcp;
pub mod sample;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gangplank_gate::Body;
use gangplank_gate::config::Config;
use gangplank_idp::{Tenant, TenantConfig};
use gangplank_net::{HttpClient, Roots, ServerLimits, Shutdown, SystemClock, bind};
use gangplank_oauth::Clock;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use url::Url;

use self::mcp::Downstream;

use crate::arguments::DevArguments;
use crate::document::{self, Loaded, Report};
use crate::exit::Exit;
use crate::serve::{Listeners, Parts, quiet_log, wait_ready};
use crate::signals::StopSignals;
use crate::telemetry::Telemetry;
use crate::{console, tenant};

/// The port that documentation speaks of.
const PORT: u16 = 4180;

/// How long open requests may finish: whoever pressed Ctrl-C waits for it.
const DRAIN: Duration = Duration::from_secs(1);

/// How long the gate may take to know the tenant, which is in the same process.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs until it is told to stop.
pub async fn run(arguments: &DevArguments) -> Exit {
    let telemetry = Telemetry::install(&quiet_log(arguments.verbose));
    let exit = match start(arguments, &telemetry).await {
        Ok(()) => Exit::Done,
        Err(error) => {
            console::complain(&format!("error: {error}\n"));
            Exit::Failed
        }
    };
    telemetry.flush();
    exit
}

async fn start(arguments: &DevArguments, telemetry: &Telemetry) -> Result<(), Box<dyn std::error::Error>> {
    let signals = StopSignals::listen()?;
    let gate = bind_gate(arguments.port)?;
    let app = bind(loopback(0))?;
    let provider = bind(loopback(0))?;

    let users = TenantConfig::built_in();
    let tenant = Arc::new(make_tenant(users.clone(), provider.local_addr()?)?);
    let text = configuration::text(gate.local_addr()?, app.local_addr()?, &tenant);
    if let Some(file) = &arguments.config_out {
        std::fs::write(file, &text).map_err(|e| format!("cannot write {}: {e}", file.display()))?;
    }
    let loaded: Loaded<Config> = document::load_bytes("dev.toml", text.clone().into_bytes()).map_err(failed)?;
    let parts = Parts::new(configuration::with_secrets(&tenant));
    let wired = parts.wire(loaded).map_err(failed)?;
    let listeners = Listeners::with(gate, &wired)?.drain_within(DRAIN);

    let shutdown = Shutdown::new();
    tokio::spawn(signals.obey(shutdown.clone(), telemetry.clone()));
    let provider = tokio::spawn(tenant::run(tenant.clone(), provider, None, shutdown.clone()));
    let app = tokio::spawn(serve_upstreams(app, tenant.clone(), shutdown.clone()));
    let current = wired.start();
    tokio::time::timeout(PATIENCE, wait_ready(&current.gate())).await.map_err(|_| "the gate can't reach the tenant")?;
    let address = listeners.address()?;
    let serving = tokio::spawn(listeners.serve(current, shutdown));

    console::say(&introduction::text(address, &tenant, &users, &text));
    let _ = tokio::join!(serving, provider, app);
    Ok(())
}

fn failed(report: Report) -> String {
    format!("the configuration of dev itself is wrong\n{}", report.render(console::colour()))
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// The port asked for, or the usual one, or any.
fn bind_gate(port: Option<u16>) -> Result<TcpListener, gangplank_net::BindError> {
    match port {
        Some(port) => bind(loopback(port)),
        None => bind(loopback(PORT)).or_else(|_| bind(loopback(0))),
    }
}

fn make_tenant(users: TenantConfig, address: SocketAddr) -> Result<Tenant, Box<dyn std::error::Error>> {
    let base = Url::parse(&format!("http://{address}/"))?;
    Tenant::new(users, base).map_err(|errors| Report::of_errors(&errors).render(console::colour()).into())
}

/// The app, the API and the MCP server, on one address.
async fn serve_upstreams(listener: TcpListener, tenant: Arc<Tenant>, shutdown: Shutdown) {
    let limits = ServerLimits { drain: DRAIN, ..ServerLimits::default() };
    let upstreams = Arc::new(match Upstreams::new(tenant, &listener) {
        Ok(upstreams) => upstreams,
        Err(error) => return tracing::error!("{error}"),
    });
    let answer = move |request, _| {
        let upstreams = Arc::clone(&upstreams);
        async move { upstreams.answer(request).await }
    };
    gangplank_net::serve(listener, None, limits, answer, shutdown).await;
}

/// What is behind the gate.
struct Upstreams {
    tenant: Arc<Tenant>,
    client: HttpClient,
    api: String,
}

impl Upstreams {
    fn new(tenant: Arc<Tenant>, listener: &TcpListener) -> Result<Self, Box<dyn std::error::Error>> {
        let api = format!("http://{}/api", listener.local_addr()?);
        Ok(Upstreams { tenant, client: HttpClient::new(&Roots::System)?, api })
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let now = SystemClock.now();
        match request.uri().path() {
            "/api" => api::answer(&self.tenant, request.headers(), now),
            "/mcp" => mcp::answer(request, Downstream { transport: &self.client, url: &self.api }).await,
            _ => sample::answer(request, now).await,
        }
    }
}
