//! Which request is for which authorization server and which of its endpoints.
//!
//! 1. They are on the host of `gate.public_url` and on no other: elsewhere their addresses are not there.
//! 2. Each endpoint has its methods; `OPTIONS` answers a browser that asks beforehand, where pages may ask at all.
//! 3. Bodies are at most 16 KiB, and of the kind that the endpoint reads.

use bytes::Bytes;
use gangplank_jose::Excerpt;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Response};

use super::refusal::{AuthorizationServerRefusal, Refused};
use super::registration::Wanted;
use super::{AuthorizationServer, Counted, metadata};
use crate::audit::{self, Granted};
use crate::body::BodyError;
use crate::context::RequestContext;
use crate::endpoints::{form, wrong_method};
use crate::stack::Gate;
use crate::{Body, Refusal};

const GET: &str = "GET, HEAD";
const GET_ACROSS: &str = "GET, HEAD, OPTIONS";
const POST: &str = "POST";
const POST_ACROSS: &str = "POST, OPTIONS";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Metadata,
    Authorize,
    Consent,
    Callback,
    Token,
    Register,
}

impl Endpoint {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            ".well-known/openid-configuration" => Endpoint::Metadata,
            "authorize" => Endpoint::Authorize,
            "consent" => Endpoint::Consent,
            "callback" => Endpoint::Callback,
            "token" => Endpoint::Token,
            "register" => Endpoint::Register,
            _ => return None,
        })
    }

    fn methods(self) -> &'static str {
        match self {
            Endpoint::Metadata => GET_ACROSS,
            Endpoint::Authorize | Endpoint::Callback => GET,
            Endpoint::Consent => POST,
            Endpoint::Token | Endpoint::Register => POST_ACROSS,
        }
    }
}

impl Gate {
    /// Answers below `{prefix}/as/`. `below` is what follows.
    pub(crate) async fn authorization_server<B>(
        &self,
        below: &str,
        context: &RequestContext,
        headers: &HeaderMap,
        body: B,
    ) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let found = below.split_once('/').and_then(|(name, rest)| {
            let server = self.authorization_servers.iter().find(|server| server.name == name)?;
            Some((server, Endpoint::named(rest)?))
        });
        let (server, endpoint) = found.filter(|_| self.is_public_host(context)).ok_or(Refusal::EndpointUnknown)?;
        let methods = endpoint.methods();
        if !methods.split(", ").any(|method| method == context.method.as_str()) {
            return Err(wrong_method(&context.method, methods));
        }
        if context.method == Method::OPTIONS {
            return Ok(metadata::preflight(methods));
        }
        let body = if methods.starts_with(POST) { read(endpoint, headers, body).await? } else { Bytes::new() };
        Ok(server.answer(endpoint, context, headers, &body).await?)
    }

    /// Answers at the places of RFC 8414 and OpenID Connect Discovery, where there is a server of ours.
    pub(crate) fn authorization_server_metadata(
        &self,
        path: &str,
        context: &RequestContext,
    ) -> Result<Option<Response<Body>>, Refusal> {
        let suffix = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];
        let Some(suffix) = suffix.iter().find_map(|known| path.strip_prefix(known)) else { return Ok(None) };
        let server = self.authorization_servers.iter().find(|server| server.path == suffix);
        let Some(server) = server.filter(|_| self.is_public_host(context)) else { return Ok(None) };
        match context.method {
            Method::GET | Method::HEAD => Ok(Some(metadata::answer(&server.metadata))),
            Method::OPTIONS => Ok(Some(metadata::preflight(GET_ACROSS))),
            _ => Err(wrong_method(&context.method, GET_ACROSS)),
        }
    }

    fn is_public_host(&self, context: &RequestContext) -> bool {
        let public = self.hosts.authority(self.hosts.public_host());
        public.is_some() && self.hosts.authority(&context.authority) == public
    }
}

impl AuthorizationServer {
    async fn answer(
        &self,
        endpoint: Endpoint,
        context: &RequestContext,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Response<Body>, Refused> {
        match endpoint {
            Endpoint::Metadata => Ok(metadata::answer(&self.metadata)),
            Endpoint::Authorize => self.authorize(context, headers).await,
            Endpoint::Consent => self.consent(context, headers, body).await,
            Endpoint::Callback => self.callback(context, headers).await,
            Endpoint::Token => self.token(context, headers, body).await.map_err(AuthorizationServerRefusal::document),
            Endpoint::Register => self.register(context, body).map_err(AuthorizationServerRefusal::document),
        }
    }

    fn register(&self, context: &RequestContext, body: &[u8]) -> Result<Response<Body>, AuthorizationServerRefusal> {
        if !self.clients.registration {
            let found = Excerpt::of("registration");
            return Err(AuthorizationServerRefusal::NotOffered { what: "endpoint", found });
        }
        self.limit(Counted::Register, context)?;
        let wanted = Wanted::parse(body)?;
        let scope = wanted.scope.as_deref().map(|scope| self.scopes.known(scope, &self.resources));
        let answer = wanted.register(scope, &self.clients.rules, &self.name, self.ring(), context.now)?;
        self.count("registered");
        audit::granted(
            context,
            "client-registered",
            &Granted { server: &self.name, client: &answer.client_name, ..Granted::default() },
        );
        let body = serde_json::to_vec(&answer).unwrap_or_default();
        Ok(metadata::json(http::StatusCode::CREATED, body.into()))
    }
}

/// Rule 3.
async fn read<B>(endpoint: Endpoint, headers: &HeaderMap, body: B) -> Result<Bytes, Refused>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    let refuse = |problem| {
        let refusal = AuthorizationServerRefusal::Body(problem);
        if endpoint == Endpoint::Consent { refusal.page() } else { refusal.document() }
    };
    let kind = if endpoint == Endpoint::Register { "application/json" } else { "application/x-www-form-urlencoded" };
    let found = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !found.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(kind) {
        return Err(refuse("is not of the kind that the endpoint reads"));
    }
    form(body).await.map_err(|refusal| match refusal {
        Refusal::FormTooLarge(_) => refuse("is larger than 16 KiB"),
        _ => refuse("broke off, or took too long"),
    })
}
