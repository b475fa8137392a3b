//! The second face of the tenant: what servers do that follow the RFCs, as Keycloak and its like.
//!
//! The same people, groups and applications, at an issuer of its own, `{base}/standard`, with keys of its own. What the
//! Entra-like face does not have is here: RFC 8414 metadata, dynamic registration (RFC 7591), `resource` (RFC 8707), token
//! exchange (RFC 8693), `iss` in the redirect (RFC 9207), JWT access tokens (RFC 9068).

mod authorize;
mod claims;
mod clients;
mod config;
mod error;
mod exchange;
mod granted;
mod metadata;
mod presented;
mod register;
mod token;
mod userinfo;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use gangplank_jose::UnixTime;
use gangplank_oauth::config::ConfigError;
use http::{Method, Response, StatusCode, header};

pub use config::{ExchangeConfig, StandardConfig};

use self::claims::{Issue, Subject};
use self::config::Policy;
use self::granted::Granted;
use crate::bounded::Bounded;
use crate::codes::Codes;
use crate::config::TenantConfig;
use crate::directory::{Application, Directory};
use crate::faults::{Endpoint, Face};
use crate::keys::{KeyError, Keys, Rotation};
use crate::logout;
use crate::mint::MintError;
use crate::refresh::RefreshTokens;
use crate::reply;
use crate::tenant::{Call, Tenant};

/// What stands for this face in paths.
pub(crate) const NAME: &str = "standard";

/// How many clients can be registered at the same time.
const BOUND: usize = 1_000;

/// What this face knows and has issued.
pub(crate) struct Standard {
    policy: Policy,
    keys: Mutex<Keys>,
    codes: Mutex<Codes<Granted>>,
    refresh_tokens: Mutex<RefreshTokens<Granted>>,
    clients: Mutex<Bounded<Arc<Application>>>,
}

/// The parts of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Metadata,
    Jwks,
    Authorize,
    Login,
    Token,
    Register,
    Userinfo,
    Logout,
}

impl Route {
    /// Takes a path apart. The metadata is at all the places where clients look for it.
    pub(crate) fn of(segments: &[&str]) -> Option<Route> {
        match *segments {
            [".well-known", "oauth-authorization-server" | "openid-configuration", NAME]
            | [NAME, ".well-known", "oauth-authorization-server" | "openid-configuration"] => Some(Route::Metadata),
            [NAME, name] => Some(match name {
                "keys" => Route::Jwks,
                "authorize" => Route::Authorize,
                "login" => Route::Login,
                "token" => Route::Token,
                "register" => Route::Register,
                "userinfo" => Route::Userinfo,
                "logout" => Route::Logout,
                _ => return None,
            }),
            _ => None,
        }
    }

    /// For faults and counts.
    pub(crate) fn endpoint(self) -> Endpoint {
        match self {
            Route::Metadata => Endpoint::Discovery,
            Route::Jwks => Endpoint::Jwks,
            Route::Authorize => Endpoint::Authorize,
            Route::Login => Endpoint::Login,
            Route::Token => Endpoint::Token,
            Route::Register => Endpoint::Register,
            Route::Userinfo => Endpoint::Userinfo,
            Route::Logout => Endpoint::Logout,
        }
    }
}

/// Answers one request for this face.
pub(crate) fn dispatch(tenant: &Tenant, call: &Call<'_>, route: Route) -> Response<Bytes> {
    let for_browsers = matches!(route, Route::Authorize | Route::Login | Route::Logout);
    if call.parts.method == Method::OPTIONS && !for_browsers {
        return preflight();
    }
    match route {
        Route::Metadata => metadata::document(tenant, call),
        Route::Jwks => metadata::keys(tenant, call),
        Route::Authorize => authorize::authorize(tenant, call),
        Route::Login => authorize::login(tenant, call),
        Route::Token => token::token(tenant, call),
        Route::Register => register::register(tenant, call),
        Route::Userinfo => userinfo::userinfo(tenant, call),
        // The sessions are those of both faces.
        Route::Logout => logout::logout(tenant, call),
    }
}

/// Clients that are pages ask first; nothing that they may do depends on a cookie.
fn preflight() -> Response<Bytes> {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, mcp-protocol-version"),
    ];
    reply::answer(StatusCode::NO_CONTENT, "", &headers.map(|(name, value)| (name, value.to_owned())))
}

impl Standard {
    /// Nothing issued yet, and two fresh keys.
    pub(crate) fn new(config: &TenantConfig, directory: &Directory) -> Result<Standard, Vec<ConfigError>> {
        let policy = config.standard.build(directory)?;
        let failed = |e: KeyError| vec![ConfigError::new("keys", e.to_string(), "")];
        Ok(Standard {
            policy,
            keys: Mutex::new(Keys::generate(Face::Standard).map_err(failed)?),
            codes: Mutex::new(Codes::new()),
            refresh_tokens: Mutex::new(RefreshTokens::new(config.refresh_token_lifetime.0, config.refresh_reuse)),
            clients: Mutex::new(Bounded::new(BOUND)),
        })
    }

    /// Changes keys.
    pub(crate) fn rotate(&self, rotation: Rotation) -> Result<(), KeyError> {
        let spares = Keys::spares(Face::Standard, rotation)?;
        self.keys().rotate(rotation, spares);
        Ok(())
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        lock(&self.keys)
    }

    fn codes(&self) -> MutexGuard<'_, Codes<Granted>> {
        lock(&self.codes)
    }

    fn refresh_tokens(&self) -> MutexGuard<'_, RefreshTokens<Granted>> {
        lock(&self.refresh_tokens)
    }

    fn clients(&self) -> MutexGuard<'_, Bounded<Arc<Application>>> {
        lock(&self.clients)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tenant {
    /// The issuer of the standard face.
    pub fn standard_issuer(&self) -> String {
        format!("{}/{NAME}", self.settings.base)
    }

    /// An access token as the standard face would issue it to `client_id` for `username`, for `audience` and `scopes`.
    pub fn mint_standard_token(
        &self,
        username: &str,
        client_id: &str,
        audience: &str,
        scopes: &str,
        now: UnixTime,
    ) -> Result<String, MintError> {
        let user =
            self.directory.user(username).ok_or_else(|| MintError::of(format!("there is no user {username}")))?;
        let client = self.client(client_id).map_err(|e| MintError::of(e.headline()))?;
        let granted = Granted::new(scopes, vec![audience.to_owned()]);
        let issue = Issue { subject: Subject::User(user), client: &client, granted: &granted, session: "", now };
        self.sign_standard("at+jwt", &claims::access_token(self, &issue)).map_err(MintError::of)
    }

    /// Signs arbitrary claims with the standard face's present key, as a token of the kind `typ`: for tokens that it would
    /// never issue.
    pub fn mint_standard_claims(&self, typ: &str, claims: &serde_json::Value) -> Result<String, MintError> {
        self.sign_standard(typ, claims).map_err(MintError::of)
    }

    fn sign_standard(&self, kind: &str, claims: &serde_json::Value) -> Result<String, String> {
        let key = self.standard.keys().signing();
        key.sign(kind, claims).map_err(|e| e.to_string())
    }
}
