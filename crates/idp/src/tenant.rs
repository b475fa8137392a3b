//! The tenant: everything it is and has issued, and the one door through which requests come.
//!
//! A request is judged in this order: size; counting; faults that replace the answer; the tenant's name in the path
//! (AADSTS90002); then the endpoint's own rules.

use std::time::Duration;

use bytes::Bytes;
use gangplank_jose::{KeySet, UnixTime};
use gangplank_oauth::config::ConfigError;
use http::request::Parts;
use http::{Request, Response, StatusCode, header};
use secrecy::SecretString;
use url::Url;

use crate::claims::Version;
use crate::config::TenantConfig;
use crate::directory::Directory;
use crate::errors::{self, AuthError, Trace};
use crate::faults::{Counts, Endpoint, Face, Fault, FaultKind};
use crate::keys::{Keys, Rotation};
use crate::pages::{Choice, Home, Message, STYLE};
use crate::reply::{self, Reply};
use crate::route::Route;
use crate::standard::{self, Standard};
use crate::state::State;
use crate::{authorize, control, device, discovery, graph, logout, token};

/// The largest request body: no form here is near it.
const LARGEST_BODY: usize = 64 << 10;

/// The tenant: users, groups, applications, keys and everything it has issued.
pub struct Tenant {
    pub(crate) settings: Settings,
    pub(crate) directory: Directory,
    pub(crate) state: State,
    /// The other face.
    pub(crate) standard: Standard,
}

/// What does not change.
pub(crate) struct Settings {
    pub(crate) id: String,
    pub(crate) domain: String,
    pub(crate) name: String,
    /// Scheme and authority, without a slash at the end.
    pub(crate) base: String,
    pub(crate) access_token_lifetime: Duration,
    pub(crate) id_token_lifetime: Duration,
    pub(crate) control: bool,
}

/// A request on its way to an endpoint.
pub(crate) struct Call<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) body: &'a [u8],
    pub(crate) now: UnixTime,
    /// The faults that hit it.
    pub(crate) faults: Vec<FaultKind>,
    pub(crate) trace: Trace,
}

impl Tenant {
    /// A tenant that is reached at `base_url`: scheme, host and port, nothing more.
    pub fn new(config: TenantConfig, base_url: Url) -> Result<Tenant, Vec<ConfigError>> {
        let mut errors = Vec::new();
        if !matches!(base_url.scheme(), "http" | "https")
            || base_url.path() != "/"
            || base_url.query().is_some()
            || base_url.fragment().is_some()
            || !base_url.username().is_empty()
        {
            let help = "scheme, host and port, such as http://127.0.0.1:4181";
            errors.push(ConfigError::new("base_url", format!("\"{base_url}\" is not a base URL"), help));
        }
        let directory = Directory::build(&config).map_err(|more| errors.extend(more)).ok();
        let (Some(directory), true) = (directory, errors.is_empty()) else { return Err(errors) };
        let state = State::new(&config).map_err(|e| vec![ConfigError::new("keys", e.to_string(), "")])?;
        let standard = Standard::new(&config, &directory)?;
        Ok(Tenant {
            state,
            standard,
            settings: Settings {
                base: base_url.as_str().trim_end_matches('/').to_owned(),
                access_token_lifetime: config.access_token_lifetime.0,
                id_token_lifetime: config.id_token_lifetime.0,
                control: config.control,
                id: config.id,
                domain: config.domain,
                name: config.name,
            },
            directory,
        })
    }

    /// Answers one request. `now` decides every lifetime.
    pub fn handle(&self, request: Request<Bytes>, now: UnixTime) -> Reply {
        let (parts, body) = request.into_parts();
        let route = Route::of(parts.uri.path());
        let endpoint = route.endpoint();
        self.state.counts().add(endpoint);
        let faults =
            if endpoint == Endpoint::Other { Vec::new() } else { self.state.faults().hit(route.face(), endpoint) };
        let asked_for = parts.headers.get("client-request-id").and_then(|v| v.to_str().ok());
        let call = Call { trace: Trace::new(asked_for, now), parts: &parts, body: &body, now, faults };
        if call.faults.contains(&FaultKind::HangUp) {
            return Reply { hang_up: true, ..Reply::from(Response::new(Bytes::new())) };
        }
        let delay = call.faults.iter().map(|fault| match fault {
            FaultKind::Slow { millis } => Duration::from_millis(*millis),
            _ => Duration::ZERO,
        });
        let delay = delay.sum();
        let response = call.faults.iter().find_map(replacement).unwrap_or_else(|| self.dispatch(route, &call));
        Reply { delay, ..Reply::from(response) }
    }

    fn dispatch(&self, route: Route<'_>, call: &Call<'_>) -> Response<Bytes> {
        if call.body.len() > LARGEST_BODY {
            return self.refuse(call, errors::TOO_LARGE.because("The request is too large."));
        }
        if let Some(tenant) = route.tenant().filter(|tenant| !self.answers_to(tenant)) {
            let message = format!("Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID.");
            return match route {
                Route::Authorize { .. } | Route::Login { .. } | Route::Logout { .. } => {
                    self.error_page(call, &errors::TENANT_UNKNOWN.because(message))
                }
                _ => self.refuse(call, errors::TENANT_UNKNOWN.because(message)),
            };
        }
        match route {
            Route::Discovery { tenant, version } => discovery::metadata(self, call, tenant, version),
            Route::InstanceDiscovery => discovery::instance(self, call),
            Route::Jwks { .. } => discovery::keys(self, call),
            Route::Authorize { tenant, version } => authorize::authorize(self, call, tenant, version),
            Route::Login { tenant, version } => authorize::login(self, call, tenant, version),
            Route::Token { version, .. } => token::token(self, call, version),
            Route::DeviceCode { version, .. } => device::begin(self, call, version),
            Route::DeviceLogin => device::page(self, call),
            Route::Logout { .. } => logout::logout(self, call),
            Route::Userinfo => graph::userinfo(self, call),
            Route::Graph(path) => graph::graph(self, call, &path),
            Route::RetiredGraph => graph::retired(self),
            Route::Faults if self.settings.control => control::faults(self, call),
            Route::Rotate if self.settings.control => control::rotate(self, call),
            Route::Standard(route) => standard::dispatch(self, call, route),
            Route::Style => {
                let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8".to_owned())];
                reply::answer(StatusCode::OK, STYLE, &headers)
            }
            Route::Home => self.home(),
            Route::Faults | Route::Rotate | Route::Unknown => {
                let text = "There is nothing at this address.";
                self.message(StatusCode::NOT_FOUND, "Not found", text, "")
            }
        }
    }

    /// Sets a fault.
    pub fn set_fault(&self, fault: Fault) {
        self.state.faults().add(fault);
    }

    /// Clears all faults.
    pub fn clear_faults(&self) {
        self.state.faults().clear();
    }

    /// Changes keys, of both faces.
    pub fn rotate(&self, rotation: Rotation) -> Result<(), String> {
        let spares = Keys::spares(Face::Entra, rotation).map_err(|e| e.to_string())?;
        self.state.keys().rotate(rotation, spares);
        self.standard.rotate(rotation).map_err(|e| e.to_string())
    }

    /// How often each endpoint was asked.
    pub fn counts(&self) -> Counts {
        *self.state.counts()
    }

    /// The tenant id.
    pub fn id(&self) -> &str {
        &self.settings.id
    }

    /// Scheme and authority, without a slash at the end: the `authority` of a client's configuration.
    pub fn base_url(&self) -> &str {
        &self.settings.base
    }

    /// The root of Graph, without version: the prefix of its scopes.
    pub fn graph_url(&self) -> String {
        format!("{}/graph", self.settings.base)
    }

    /// The issuer of v2 tokens, as the v2 metadata names it.
    pub fn issuer(&self) -> String {
        self.token_issuer(Version::V2)
    }

    /// The issuer of v1 tokens.
    pub fn v1_issuer(&self) -> String {
        self.token_issuer(Version::V1)
    }

    /// The published keys, for an API that is in the same process.
    pub fn key_set(&self) -> KeySet {
        self.state.keys().key_set()
    }

    /// A secret of a confidential client, made up or configured.
    pub fn client_secret(&self, client_id: &str) -> Option<&SecretString> {
        self.directory.application(client_id)?.secrets.as_ref()?.first()
    }

    /// The object id of an application's service principal: `oid` of its own tokens.
    pub fn service_principal(&self, client_id: &str) -> Option<&str> {
        Some(&self.directory.application(client_id)?.object_id)
    }

    /// User names and display names, in the order of the document.
    pub fn users(&self) -> impl Iterator<Item = (&str, &str)> {
        self.directory.users.iter().map(|user| (user.username.as_str(), user.name.as_str()))
    }

    /// Rule 2 of [`crate::claims`].
    pub(crate) fn token_issuer(&self, version: Version) -> String {
        let Settings { base, id, .. } = &self.settings;
        match version {
            Version::V1 => format!("{base}/{id}/"),
            Version::V2 => format!("{base}/{id}/v2.0"),
        }
    }

    /// Every name that stands for this tenant in a path.
    pub(crate) fn names(&self) -> [&str; 4] {
        [&self.settings.id, &self.settings.domain, "common", "organizations"]
    }

    fn answers_to(&self, name: &str) -> bool {
        self.names().iter().any(|n| n.eq_ignore_ascii_case(name))
    }

    /// A failure as JSON.
    pub(crate) fn refuse(&self, call: &Call<'_>, error: AuthError) -> Response<Bytes> {
        reply::json(error.status(), &error.to_json(&call.trace))
    }

    /// A failure as a page.
    pub(crate) fn error_page(&self, call: &Call<'_>, error: &AuthError) -> Response<Bytes> {
        let detail = error.description(&call.trace);
        self.message(error.status(), "Sorry, but we’re having trouble signing you in.", &error.headline(), &detail)
    }

    /// A page that says something.
    pub(crate) fn message(&self, status: StatusCode, title: &str, text: &str, detail: &str) -> Response<Bytes> {
        reply::page(status, &Message { tenant: &self.settings.name, title, text, detail }, None)
    }

    fn home(&self) -> Response<Bytes> {
        let users = self.directory.users.iter().map(|user| Choice {
            username: &user.username,
            name: &user.name,
            groups: user.groups.len(),
            current: false,
            hinted: false,
        });
        let applications = self.directory.applications.iter().map(|a| {
            let uri = a.identifier_uris.first().map(String::as_str).unwrap_or_default();
            (a.name.as_str(), a.id.as_str(), uri)
        });
        let page = Home {
            tenant: &self.settings.name,
            tenant_id: &self.settings.id,
            base: &self.settings.base,
            users: users.collect(),
            applications: applications.collect(),
        };
        reply::page(StatusCode::OK, &page, None)
    }
}

/// Faults that answer instead of the endpoint.
fn replacement(fault: &FaultKind) -> Option<Response<Bytes>> {
    let json = [(header::CONTENT_TYPE, "application/json".to_owned())];
    match fault {
        FaultKind::Down => {
            let headers = [(header::RETRY_AFTER, "1".to_owned())];
            Some(reply::answer(StatusCode::SERVICE_UNAVAILABLE, "The service is unavailable.", &headers))
        }
        FaultKind::Broken => {
            let html = [(header::CONTENT_TYPE, "text/html".to_owned())];
            Some(reply::answer(StatusCode::INTERNAL_SERVER_ERROR, "<h1>Internal Server Error</h1>", &html))
        }
        FaultKind::Gone => Some(reply::answer(StatusCode::NOT_FOUND, "", &[])),
        FaultKind::Huge { bytes } => Some(reply::answer(StatusCode::OK, vec![b' '; *bytes], &json)),
        FaultKind::Redirected => {
            let headers = [(header::LOCATION, "https://elsewhere.invalid/".to_owned())];
            Some(reply::answer(StatusCode::FOUND, "", &headers))
        }
        FaultKind::Garbage => Some(reply::answer(StatusCode::OK, "{\"keys\": [<html>", &json)),
        _ => None,
    }
}

impl std::fmt::Debug for Tenant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tenant").field("issuer", &self.issuer()).finish_non_exhaustive()
    }
}
