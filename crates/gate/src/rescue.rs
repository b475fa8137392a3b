//! The one funnel: from a refusal to what is said outside.
//!
//! 1. [`verdict`] is the one exhaustive match. Every bad credential is the same verdict.
//! 2. Who is not signed in and goes to a page where people sign in is sent there; everybody else gets a status.
//! 3. A 401 names what could be presented there, by the route's own chain; a 403 for want of a scope names the scope.
//! 4. A status is said as a plain page to a browser and as `{"error":…,"request_id":…}` to a program, or as an error of
//!    JSON-RPC to one that sent a message. None of them says why: the log does, under the request id.

use gangplank_authn::{Challenge, Scope};
use gangplank_jose::Fault;
use gangplank_oauth::ClaimsChallenge;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, Response, StatusCode};
use serde::Serialize;

use crate::authorization_server::{AuthorizationServerRefusal, Refused, Said, Way, error_document, redirect};
use crate::cluster::ClusterRefusal;
use crate::context::X_REQUEST_ID;
use crate::exchange::ExchangeRefusal;
use crate::mcp::{McpRefusal, ToolRefusal, answer_to_message};
use crate::metrics::Answer;
use crate::pages::{Action, claims_parameter};
use crate::sign_in::Outward;
use crate::stack::Gate;
use crate::{Body, Refusal, RequestContext};

#[cfg(test)]
mod catalogue;
#[cfg(test)]
mod tests;

/// What is said outside.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    BadRequest,
    /// No credential, or no good one.
    Unauthorized,
    /// Known, and not admitted.
    Forbidden,
    /// Known, and admitted with a token that has one of these scopes.
    InsufficientScope(Vec<Scope>),
    /// Known, and the provider wants to see them again, with this.
    InsufficientClaims(ClaimsChallenge),
    NotFound,
    MethodNotAllowed(String),
    TooLarge,
    UnsupportedMediaType,
    Internal,
    BadGateway,
    /// Try again later.
    Unavailable,
    GatewayTimeout,
    /// The sign-in has its own words.
    SignIn(Outward),
    /// So has an authorization server: for the person,
    AuthorizationPage(StatusCode, &'static str, &'static str),
    /// for the client by way of the browser,
    AuthorizationBack(String),
    /// and for the client.
    AuthorizationError(Said, Option<u64>),
}

fn verdict(refusal: &Refusal) -> Verdict {
    match refusal {
        Refusal::Host(_) | Refusal::PathAmbiguous(_) | Refusal::Forwarded { .. } | Refusal::BodyBroken => {
            Verdict::BadRequest
        }
        Refusal::HostUnknown(_) | Refusal::EndpointUnknown | Refusal::RouteNone | Refusal::RouteWithoutUpstream(_) => {
            Verdict::NotFound
        }
        Refusal::EndpointMethod { allow, .. } => Verdict::MethodNotAllowed((*allow).to_owned()),
        Refusal::RouteMethod { allow, .. } => Verdict::MethodNotAllowed(allow.clone()),
        Refusal::NotSignedIn
        | Refusal::BearerNotAccepted(_)
        | Refusal::SessionOfOtherClient { .. }
        | Refusal::Authentication(_)
        | Refusal::EndedWaiting(_) => Verdict::Unauthorized,
        Refusal::Undecided(_) => Verdict::Unavailable,
        Refusal::ForwardAuthAmbiguous { .. }
        | Refusal::ForwardAuthRoute(_)
        | Refusal::ForwardAuthRules(_)
        | Refusal::ForwardAuthNoRoute(_)
        | Refusal::Forbidden { .. }
        | Refusal::ForbiddenGroupsUnknown { .. }
        | Refusal::IdentityUnfit(_)
        | Refusal::CrossOriginUpgrade(_) => Verdict::Forbidden,
        Refusal::ForbiddenScopes { needed, .. } => Verdict::InsufficientScope(needed.clone()),
        Refusal::Exchange(refusal) => of_exchange(refusal),
        Refusal::Mcp(refusal) => of_mcp(refusal),
        Refusal::Cluster(refusal) => of_cluster(refusal),
        Refusal::FormTooLarge(_) => Verdict::TooLarge,
        Refusal::UpstreamConnect { .. } | Refusal::UpstreamProtocol { .. } => Verdict::BadGateway,
        Refusal::UpstreamTimeout { .. } => Verdict::GatewayTimeout,
        Refusal::Defect(_) => Verdict::Internal,
        Refusal::AuthorizationServer(refused) => of_authorization_server(refused),
        Refusal::SignIn(refusal) => {
            let outward = refusal.outward();
            if outward.status == StatusCode::UNAUTHORIZED { Verdict::Unauthorized } else { Verdict::SignIn(outward) }
        }
    }
}

fn of_authorization_server(refused: &Refused) -> Verdict {
    let after = match &refused.refusal {
        AuthorizationServerRefusal::TooMany { after, .. } => Some(*after),
        _ => None,
    };
    match &refused.way {
        Way::Page => {
            let (status, heading, text) = refused.refusal.words();
            Verdict::AuthorizationPage(status, heading, text)
        }
        Way::Back(location) => Verdict::AuthorizationBack(location.clone()),
        Way::Document => Verdict::AuthorizationError(refused.refusal.said(), after),
    }
}

/// What the caller can mend is said to the caller, and nothing else.
fn of_exchange(refusal: &ExchangeRefusal) -> Verdict {
    match refusal {
        ExchangeRefusal::NoSubject { .. } | ExchangeRefusal::AppOnly { .. } => Verdict::Forbidden,
        ExchangeRefusal::Ended { .. } => Verdict::Unauthorized,
        ExchangeRefusal::Resting { .. } | ExchangeRefusal::Lost { .. } => Verdict::Unavailable,
        ExchangeRefusal::Unfit { .. } | ExchangeRefusal::SessionUnfit { .. } => Verdict::BadGateway,
        ExchangeRefusal::Provider { error, .. } => match (error.challenge(), refusal.reason().fault) {
            (Some(challenge), _) => Verdict::InsufficientClaims(challenge.clone()),
            (None, _) if error.is_unavailable() => Verdict::Unavailable,
            (None, Fault::Token) => Verdict::Unauthorized,
            (None, Fault::Caller) => Verdict::Forbidden,
            // It is this person's for as long as nobody consented for all.
            (None, Fault::Operator) if error.is_consent_missing() => Verdict::Forbidden,
            (None, Fault::Provider | Fault::Upstream | Fault::Operator | Fault::Us) => Verdict::BadGateway,
        },
    }
}

fn of_cluster(refusal: &ClusterRefusal) -> Verdict {
    match refusal {
        ClusterRefusal::ImpersonationAsked { .. }
        | ClusterRefusal::CrossOrigin { .. }
        | ClusterRefusal::Nobody { .. }
        | ClusterRefusal::NameReserved { .. }
        | ClusterRefusal::NameUnfit { .. }
        | ClusterRefusal::TooMany { .. }
        | ClusterRefusal::GroupsUnknown { .. }
        | ClusterRefusal::NoToken { .. }
        | ClusterRefusal::AudienceElsewhere { .. }
        | ClusterRefusal::AudienceOfAnother { .. } => Verdict::Forbidden,
        ClusterRefusal::OwnRefused { .. } => Verdict::BadGateway,
        ClusterRefusal::OwnCredential { .. } => Verdict::Unavailable,
    }
}

fn of_mcp(refusal: &McpRefusal) -> Verdict {
    match refusal {
        McpRefusal::SessionMalformed(_) => Verdict::BadRequest,
        McpRefusal::OriginForeign(_) | McpRefusal::MessagesUnseen(_) => Verdict::Forbidden,
        McpRefusal::InsufficientScope { needed, .. } => Verdict::InsufficientScope(needed.clone()),
        // As the server would say of a session that it does not know: the client then begins anew.
        McpRefusal::SessionForeign { .. } | McpRefusal::MetadataUnknown(_) => Verdict::NotFound,
        McpRefusal::BodyTooLarge(_) => Verdict::TooLarge,
        McpRefusal::BodyEncoded => Verdict::UnsupportedMediaType,
        McpRefusal::InMessage { why, .. } => of_mcp(why),
        McpRefusal::Tool(refusal) => of_tool(refusal),
        McpRefusal::EventsEncoded(_)
        | McpRefusal::MetadataUnavailable { .. }
        | McpRefusal::SessionUnfit { .. }
        | McpRefusal::LegacyTransport(_) => Verdict::BadGateway,
    }
}

fn of_tool(refusal: &ToolRefusal) -> Verdict {
    match refusal {
        ToolRefusal::NotJson(_)
        | ToolRefusal::NotJsonRpc(_)
        | ToolRefusal::Lookalike(_)
        | ToolRefusal::HeaderMismatch(_)
        | ToolRefusal::ToolName(_)
        | ToolRefusal::TargetMissing { .. }
        | ToolRefusal::TargetsDiffer(..) => Verdict::BadRequest,
        ToolRefusal::MediaType(_) => Verdict::UnsupportedMediaType,
        ToolRefusal::HttpMethod(_) => Verdict::MethodNotAllowed("GET, POST, DELETE".to_owned()),
        // The same for a cluster that there is not: nobody learns which ones there are.
        ToolRefusal::Forbidden { .. } | ToolRefusal::TargetUnknown { .. } | ToolRefusal::TargetForbidden { .. } => {
            Verdict::Forbidden
        }
        ToolRefusal::AnswerCompressed | ToolRefusal::AnswerUnreadable(_) | ToolRefusal::AnswerTooLarge(_) => {
            Verdict::BadGateway
        }
    }
}

impl Verdict {
    fn status(&self) -> StatusCode {
        match self {
            Verdict::BadRequest => StatusCode::BAD_REQUEST,
            Verdict::Unauthorized | Verdict::InsufficientClaims(_) => StatusCode::UNAUTHORIZED,
            Verdict::Forbidden | Verdict::InsufficientScope(_) => StatusCode::FORBIDDEN,
            Verdict::NotFound => StatusCode::NOT_FOUND,
            Verdict::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Verdict::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Verdict::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Verdict::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Verdict::BadGateway => StatusCode::BAD_GATEWAY,
            Verdict::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Verdict::GatewayTimeout => StatusCode::GATEWAY_TIMEOUT,
            Verdict::SignIn(outward) => outward.status,
            Verdict::AuthorizationPage(status, ..) => *status,
            Verdict::AuthorizationBack(_) => StatusCode::SEE_OTHER,
            Verdict::AuthorizationError(said, _) => said.status,
        }
    }

    /// The heading and what the person can do.
    fn words(&self) -> (&'static str, &str) {
        match self {
            Verdict::BadRequest => ("Bad request", "This request could not be understood. Check the address."),
            Verdict::Unauthorized => ("Not signed in", "You are not signed in, or no longer. Sign in to go on."),
            Verdict::InsufficientClaims(_) => {
                ("Sign in once more", "This page wants to be surer that it is you. Sign in once more to go on.")
            }
            Verdict::Forbidden | Verdict::InsufficientScope(_) => {
                ("No access", "You may not open this page. If you should, ask for access.")
            }
            Verdict::NotFound => ("Not found", "There is nothing here. Check the address."),
            Verdict::MethodNotAllowed(_) => ("Not possible", "This page does not offer what was asked of it."),
            Verdict::TooLarge => ("Too large", "What was sent is larger than what is accepted here."),
            Verdict::UnsupportedMediaType => {
                ("Not understood", "What was sent is in a form that is not accepted here.")
            }
            Verdict::Internal => ("Something went wrong", "This is our fault. Try again, and report it if it stays."),
            Verdict::BadGateway => {
                ("The application does not answer", "It may be starting, or be down. Try again in a moment.")
            }
            Verdict::Unavailable => {
                ("Not available at the moment", "Who you are could not be verified just now. Try again in a moment.")
            }
            Verdict::GatewayTimeout => {
                ("The application takes too long", "It did not answer in time. Try again in a moment.")
            }
            Verdict::SignIn(outward) => (outward.heading, &outward.text),
            Verdict::AuthorizationPage(_, heading, text) => (heading, text),
            // Neither is a page.
            Verdict::AuthorizationBack(_) => ("", ""),
            Verdict::AuthorizationError(said, _) => ("", said.description),
        }
    }

    fn answer(&self) -> Answer {
        match self.status() {
            StatusCode::UNAUTHORIZED => Answer::Unauthorized,
            StatusCode::FORBIDDEN => Answer::Forbidden,
            StatusCode::SERVICE_UNAVAILABLE => Answer::Unavailable,
            status if status.is_server_error() => Answer::Failed,
            _ => Answer::Refused,
        }
    }
}

/// Where somebody who is not signed in could go.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// The route's clients.
    pub(crate) clients: Vec<String>,
    /// The host of the page, as the client asked for it; not trusted yet.
    pub(crate) authority: String,
    /// The page: path and query.
    pub(crate) target: String,
    /// Whether to redirect there.
    pub(crate) redirect: bool,
}

impl Gate {
    /// Answers a refusal.
    pub(crate) fn rescue(
        &self,
        refusal: &Refusal,
        context: &RequestContext,
        bearer: bool,
        challenges: &[Challenge],
        offer: Option<&Offer>,
    ) -> (Response<Body>, Answer) {
        let verdict = verdict(refusal);
        if let (true, false, Some(offer)) = (context.navigation, bearer, offer) {
            let redirect = match &verdict {
                Verdict::Unauthorized => self.to_sign_in(context, offer, None),
                Verdict::InsufficientClaims(challenge) => self.to_sign_in(context, offer, Some(challenge)),
                _ => None,
            };
            if let Some(redirect) = redirect {
                return (redirect, Answer::SignIn);
            }
        }
        let mut response = match &verdict {
            Verdict::AuthorizationBack(location) => redirect(location)
                .unwrap_or_else(|_| program(&Verdict::Internal, json(&Verdict::Internal, &context.id))),
            Verdict::AuthorizationError(said, after) => error_document(said, *after),
            _ if context.navigation => self.page(refusal, &verdict, context, offer),
            _ => {
                let to_message = match refusal {
                    Refusal::Mcp(refusal) => answer_to_message(refusal, &context.id),
                    _ => None,
                };
                program(&verdict, to_message.unwrap_or_else(|| json(&verdict, &context.id)))
            }
        };
        let headers = response.headers_mut();
        match &verdict {
            Verdict::Unauthorized => {
                for challenge in challenges {
                    headers.append(WWW_AUTHENTICATE, challenge.value(bearer));
                }
            }
            Verdict::InsufficientClaims(claims) => {
                for wanted in challenges.iter().filter_map(|challenge| challenge.insufficient_claims(claims)) {
                    headers.append(WWW_AUTHENTICATE, wanted);
                }
            }
            Verdict::InsufficientScope(needed) => {
                for lacking in challenges.iter().filter_map(|challenge| challenge.insufficient_scope(needed)) {
                    headers.append(WWW_AUTHENTICATE, lacking);
                }
            }
            Verdict::MethodNotAllowed(allow) => {
                if let Ok(allow) = HeaderValue::from_str(allow) {
                    headers.insert(ALLOW, allow);
                }
            }
            _ => {}
        }
        let later = match verdict.status() {
            StatusCode::SERVICE_UNAVAILABLE => Some("5"),
            StatusCode::TOO_MANY_REQUESTS => Some("60"),
            _ => None,
        };
        if let Some(later) = later.filter(|_| !headers.contains_key(RETRY_AFTER)) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(later));
        }
        if let Ok(id) = HeaderValue::from_str(&context.id) {
            headers.insert(X_REQUEST_ID, id);
        }
        (response, verdict.answer())
    }

    /// The way to the sign-in, absolute, because a proxy in front may pass it on from another host.
    /// `claims` is what the provider wants to see there.
    fn to_sign_in(
        &self,
        context: &RequestContext,
        offer: &Offer,
        claims: Option<&ClaimsChallenge>,
    ) -> Option<Response<Body>> {
        if !offer.redirect || !matches!(context.method, Method::GET | Method::HEAD) {
            return None;
        }
        let own = self.hosts.authority(&offer.authority)?;
        let at = self.hosts.sign_in_authority(&offer.authority)?;
        let target =
            if own == at { offer.target.clone() } else { format!("{}{}", self.hosts.origin(&own), offer.target) };
        // A longer one would be refused when it comes back, and would not fit nginx's buffers.
        let target = if target.len() <= crate::return_target::LONGEST { target } else { "/".to_owned() };
        let claims = claims_parameter(claims);
        let path = match offer.clients.as_slice() {
            [client] => self.pages.start_link(Some(client), &target, false) + &claims,
            _ => format!("{}/sign_in?rd={}{claims}", self.prefix, encoded(&target)),
        };
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::FOUND;
        let headers = response.headers_mut();
        headers.insert(LOCATION, HeaderValue::from_str(&format!("{}{path}", self.hosts.origin(&at))).ok()?);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Some(response)
    }

    fn page(
        &self,
        refusal: &Refusal,
        verdict: &Verdict,
        context: &RequestContext,
        offer: Option<&Offer>,
    ) -> Response<Body> {
        let client = offer.and_then(|o| if o.clients.len() == 1 { o.clients.first() } else { None });
        let target = offer.map_or("/", |o| &o.target);
        if let Refusal::Forbidden { user, .. } | Refusal::ForbiddenGroupsUnknown { user, .. } = refusal {
            return self.pages.forbidden(user, client.map(String::as_str), target, &context.id);
        }
        let again = match verdict {
            Verdict::SignIn(outward) => outward.again,
            Verdict::Unauthorized => offer.is_some_and(|o| !o.clients.is_empty()),
            _ => false,
        };
        let action = again.then(|| Action {
            href: self.pages.start_link(client.map(String::as_str), target, false),
            label: "Sign in".to_owned(),
        });
        let (heading, text) = verdict.words();
        self.pages.error(verdict.status(), heading, text, &context.id, action)
    }
}

fn encoded(value: &str) -> String {
    url::form_urlencoded::byte_serialize(value.as_bytes()).collect()
}

/// The word for programs.
fn word(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "bad_request",
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
        StatusCode::TOO_MANY_REQUESTS => "too_many_requests",
        StatusCode::BAD_GATEWAY => "bad_gateway",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        StatusCode::GATEWAY_TIMEOUT => "gateway_timeout",
        _ => "internal_error",
    }
}

fn json(verdict: &Verdict, request_id: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Said<'s> {
        error: &'s str,
        request_id: &'s str,
    }
    let error = word(verdict.status());
    serde_json::to_vec(&Said { error, request_id }).unwrap_or_default()
}

fn program(verdict: &Verdict, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = verdict.status();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
