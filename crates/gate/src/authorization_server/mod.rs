//! An authorization server in front of a provider that programs can't use by themselves: MCP clients want to register, and
//! name the `resource` that they want a token for; Entra ID knows no registration and refuses `resource`.
//!
//! 1. Clients register themselves ([`registration`]) or are named by their own document ([`document`]); towards the provider
//!    they all are the one client of `authorization_servers.NAME.client`.
//! 2. So the person is asked about each client, on a page of ours, before the provider is ([`consent`]): without that, whoever
//!    registers would get what somebody consented to for another (a confused deputy).
//! 3. PKCE goes from end to end: the provider sees the client's own challenge and verifier, and we check them, too.
//! 4. `resource` is checked and taken off, scopes are renamed; a token that comes of it goes to the client only if the resource
//!    would take it. It is the provider's, unchanged.
//! 5. ID tokens are not passed on: they are for the client that all share, and could be taken for a sign-in there.
//! 6. Nothing is kept: what has to be known again travels sealed ([`sealed`]), so any replica answers. What a process does
//!    remember are documents for minutes, counts for a minute, and that a code was used; the provider's own single use of its
//!    code stands behind that.
//!
//! | endpoint | | |
//! |---|---|---|
//! | `authorize` | GET | judges a request, asks the person, leads to the provider ([`authorize`]) |
//! | `consent` | POST | the person's answer ([`consent`]) |
//! | `callback` | GET | the provider's answer becomes a code of ours ([`callback`]) |
//! | `token` | POST | codes and refresh tokens become tokens ([`token`]) |
//! | `register` | POST | RFC 7591 ([`registration`]) |
//! | `.well-known/openid-configuration` | GET | and in two places more, RFC 8414 ([`metadata`]) |

mod authorize;
mod browser;
mod callback;
mod client;
mod consent;
mod document;
mod endpoints;
mod host_pattern;
mod limits;
mod metadata;
mod params;
mod redirect_uri;
mod refusal;
mod registration;
mod resource;
mod scopes;
mod sealed;
mod token;

use std::sync::Arc;

use bytes::Bytes;
use gangplank_authn::seal::KeyRing;
use gangplank_jose::UnixTime;

pub(crate) use authorize::redirect;
pub(crate) use browser::BrowserCookie;
pub(crate) use client::Clients;
pub(crate) use document::{Admitted, Documents};
pub(crate) use host_pattern::HostPattern;
pub(crate) use metadata::error_document;
pub(crate) use redirect_uri::RedirectRules;
pub use refusal::AuthorizationServerRefusal;
pub use refusal::Refused;
pub(crate) use refusal::{Said, Way};
pub(crate) use resource::Resource;
pub(crate) use scopes::ScopeNames;

use crate::context::RequestContext;
use crate::pages::Pages;
use crate::shared::Shared;
use crate::sign_in::SignInClient;
use limits::{Counted, Limits};

/// What all authorization servers of a gate have in common.
pub(crate) struct Common {
    ring: Arc<KeyRing>,
    shared: Arc<Shared>,
    pages: Arc<Pages>,
    cookie: BrowserCookie,
    limits: Limits,
    /// Scheme and authority of `gate.public_url`: they are there and nowhere else.
    origin: String,
}

impl Common {
    pub(crate) fn new(
        ring: Arc<KeyRing>,
        shared: Arc<Shared>,
        pages: Arc<Pages>,
        cookie: BrowserCookie,
        origin: String,
    ) -> Arc<Self> {
        Arc::new(Common { ring, shared, pages, cookie, limits: Limits::default(), origin })
    }
}

/// One entry of `[authorization_servers]`, ready to answer.
pub(crate) struct AuthorizationServer {
    name: String,
    /// `{public_url}{prefix}/as/NAME`.
    issuer: String,
    /// `{prefix}/as/NAME`.
    path: String,
    client: Arc<SignInClient>,
    scopes: ScopeNames,
    clients: Clients,
    resources: Vec<Resource>,
    metadata: Bytes,
    common: Arc<Common>,
}

/// What an [`AuthorizationServer`] is made of. Everything here has been checked.
pub(crate) struct AuthorizationServerSettings {
    /// The name of the table.
    pub(crate) name: String,
    /// `gate.prefix`.
    pub(crate) prefix: String,
    /// Ours at the provider, whom all clients share.
    pub(crate) client: Arc<SignInClient>,
    /// `scopes`.
    pub(crate) scopes: ScopeNames,
    /// Who may be a client.
    pub(crate) clients: Clients,
    /// What there are tokens for.
    pub(crate) resources: Vec<Resource>,
}

impl AuthorizationServer {
    /// Ready to answer.
    pub(crate) fn new(settings: AuthorizationServerSettings, common: Arc<Common>) -> Self {
        let AuthorizationServerSettings { name, prefix, client, scopes, clients, resources } = settings;
        let path = format!("{prefix}/as/{name}");
        let issuer = format!("{}{path}", common.origin);
        let supported = ScopeNames::supported(&resources);
        let metadata = metadata::document(&issuer, &supported, clients.registration, clients.documents.is_some());
        AuthorizationServer { name, issuer, path, client, scopes, clients, resources, metadata, common }
    }

    /// Its name in the configuration.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What clients have to know of it (RFC 8414).
    pub(crate) fn metadata(&self) -> Bytes {
        self.metadata.clone()
    }

    /// Where the provider sends people back to.
    fn callback_uri(&self) -> String {
        format!("{}/callback", self.issuer)
    }

    fn ring(&self) -> &KeyRing {
        &self.common.ring
    }

    /// Counts something that happened: a word of ours.
    fn count(&self, event: &'static str) {
        self.common.shared.metrics().authorization_server(&self.name, event);
    }

    fn limit(&self, what: Counted, context: &RequestContext) -> Result<(), AuthorizationServerRefusal> {
        self.common.limits.count(what, context.client, context.now).map_err(|after| {
            let what = match what {
                Counted::Register => "registration",
                Counted::Authorize => "authorization",
                Counted::Token => "token",
                Counted::Document => "new client",
            };
            AuthorizationServerRefusal::TooMany { what, after }
        })
    }

    /// Whether this is the first time that something sealed by us is used, as far as this process can know.
    fn first_use(&self, id: &str, now: UnixTime) -> bool {
        self.common.shared.sessions().used.first_use(id, now)
    }
}
