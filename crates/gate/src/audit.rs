//! One line per decision, review, sign-in and sign-out, at the target `audit`: who asked for what, and what came of it.
//!
//! Never in it: tokens, cookies, queries. What the caller chose (path, host, method) is cut to a sane length; the
//! subscriber escapes it.

use std::net::IpAddr;

use gangplank_authn::{Authenticated, Identity};
use tracing::Level;

use crate::exchange::ExchangeRefusal;
use crate::token_review::TokenReviewRefusal;
use crate::{Refusal, RequestContext};

const MAX_TEXT: usize = 256;

/// Whether anybody listens. Asked first, so that a decision costs nothing more when nobody does.
fn listening() -> bool {
    tracing::enabled!(target: "audit", Level::INFO)
}

/// A caller was let pass.
pub(crate) fn allowed(context: &RequestContext, asked: Asked<'_>, route: &str, caller: &Authenticated, at: At<'_>) {
    if !listening() {
        return;
    }
    tracing::info!(
        target: "audit",
        request_id = context.id,
        decision = "allow",
        route,
        user = caller.identity().username,
        issuer = caller.identity().issuer,
        by = caller.method().name(),
        cluster = at.cluster,
        mode = at.mode,
        acting_for = at.acting_for,
        client = %context.client,
        method = asked.method,
        host = cut(asked.host),
        path = cut(asked.path),
    );
}

/// A caller was refused, or a request was.
pub(crate) fn refused(context: &RequestContext, asked: Asked<'_>, route: Option<&str>, refusal: &Refusal) {
    if !listening() {
        return;
    }
    let reason = refusal.reason();
    tracing::info!(
        target: "audit",
        request_id = context.id,
        decision = "deny",
        reason = reason.name,
        fault = reason.fault.name(),
        route = route.unwrap_or(""),
        detail = %refusal,
        client = %context.client,
        method = cut(asked.method),
        host = cut(asked.host),
        path = cut(asked.path),
    );
}

/// A provider was asked to exchange a caller's token, first of all for the request of this id. `refusal` is why nothing came
/// of it.
pub(crate) fn exchanged(
    request_id: &str,
    exchange: &str,
    caller: &Authenticated,
    replaced: bool,
    refusal: Option<&ExchangeRefusal>,
) {
    if !listening() {
        return;
    }
    tracing::info!(
        target: "audit",
        request_id,
        decision = if refusal.is_some() { "not-exchanged" } else { "exchanged" },
        exchange,
        user = caller.identity().username,
        issuer = caller.identity().issuer,
        by = caller.method().name(),
        caller_replaced = replaced,
        reason = refusal.map_or("", |refusal| refusal.reason().name),
        // The provider's own words hold the ids by which it finds the request in its log.
        detail = refusal.map(tracing::field::display),
    );
}

/// Somebody signed in or out: `what` is `sign-in` or `sign-out`.
pub(crate) fn session(context: &RequestContext, what: &'static str, client: &str, who: &Identity) {
    if !listening() {
        return;
    }
    tracing::info!(
        target: "audit",
        request_id = context.id,
        decision = what,
        user = who.username,
        issuer = who.issuer,
        at = client,
        client = %context.client,
        host = cut(&context.authority),
    );
}

/// What an authorization server of ours gave to a client, or asked about it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Granted<'a> {
    /// The name in the configuration.
    pub(crate) server: &'a str,
    /// What the client calls itself.
    pub(crate) client: &'a str,
    /// Where its codes go.
    pub(crate) redirect_uri: &'a str,
    /// What for.
    pub(crate) resources: &'a [String],
    /// In the client's words.
    pub(crate) scopes: &'a [String],
    /// For whom, once that is known.
    pub(crate) user: &'a str,
}

/// Something that an authorization server of ours did: `what` is `client-registered`, `consent`, `consent-declined`, `code`,
/// `token` or `refresh`.
pub(crate) fn granted(context: &RequestContext, what: &'static str, granted: &Granted<'_>) {
    if !listening() {
        return;
    }
    tracing::info!(
        target: "audit",
        request_id = context.id,
        decision = what,
        server = granted.server,
        application = cut(granted.client),
        redirect_uri = cut(granted.redirect_uri),
        resource = cut(&granted.resources.join(" ")),
        scope = cut(&granted.scopes.join(" ")),
        user = granted.user,
        client = %context.client,
    );
}

/// An API server was told whose a token is.
pub(crate) fn reviewed(request_id: &str, asking: IpAddr, caller: &Authenticated, audiences: &[String]) {
    if !listening() {
        return;
    }
    let identity = caller.identity();
    tracing::info!(
        target: "audit",
        request_id,
        decision = "authenticated",
        user = identity.username,
        uid = identity.uid.as_deref().unwrap_or_default(),
        issuer = identity.issuer,
        by = caller.method().name(),
        audiences = cut(&audiences.join(" ")),
        client = %asking,
    );
}

/// An API server was told that a token is not accepted, or was told nothing.
pub(crate) fn review_refused(request_id: &str, asking: IpAddr, refusal: &TokenReviewRefusal) {
    if !listening() {
        return;
    }
    let reason = refusal.reason();
    tracing::info!(
        target: "audit",
        request_id,
        decision = "not-authenticated",
        reason = reason.name,
        fault = reason.fault.name(),
        detail = %refusal,
        client = %asking,
    );
}

/// Where the request goes, if that is a cluster, and as whom.
#[derive(Clone, Copy, Default)]
pub(crate) struct At<'a> {
    /// The configuration's name of the cluster.
    pub(crate) cluster: Option<&'a str>,
    /// As whom it is spoken to.
    pub(crate) mode: Option<&'static str>,
    /// For whom, if it is told.
    pub(crate) acting_for: Option<&'a str>,
}

/// What was asked for: with forward-auth, of the proxy in front.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// The method.
    pub(crate) method: &'a str,
    /// The host, with its port if it had one.
    pub(crate) host: &'a str,
    /// The path, as sent, without its query.
    pub(crate) path: &'a str,
}

impl<'a> Asked<'a> {
    /// Of the gate itself.
    pub(crate) fn directly(context: &'a RequestContext) -> Self {
        Asked { method: context.method.as_str(), host: &context.authority, path: &context.path }
    }
}

/// As much of a text from outside as a log shows.
pub(crate) fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or(text)
}
