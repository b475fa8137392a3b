//! Everything this gate refuses, and why. In the order of the request path.
//!
//! What a caller is told about each is decided in one place, [`rescue`](crate::rescue), and never says why.

use gangplank_authn::Scope;
use gangplank_jose::{Fault, Reason};

use crate::authorization_server::Refused;
use crate::cluster::ClusterRefusal;
use crate::exchange::ExchangeRefusal;
use crate::mcp::McpRefusal;
use crate::sign_in::SignInRefusal;

/// Why a request does not get what it asked for.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    // What was asked cannot be understood in one way only.
    /// No host, or two.
    #[error("the request names {0}")]
    Host(&'static str),
    /// The path could mean one thing to us and another to the upstream.
    #[error("the path {0}")]
    PathAmbiguous(&'static str),
    /// A trusted proxy's account of the original request does not parse.
    #[error("{header} {problem}")]
    Forwarded {
        /// Which header, in the proxy's dialect.
        header: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },

    // Nothing is there.
    /// A host that the configuration does not know.
    #[error("no route and no public_url has the host {0}")]
    HostUnknown(String),
    /// Below the prefix, but none of our endpoints.
    #[error("there is no such endpoint")]
    EndpointUnknown,
    /// One of our endpoints, asked in a way it does not offer.
    #[error("{method} on an endpoint that has {allow}")]
    EndpointMethod {
        /// What was asked.
        method: String,
        /// What there is.
        allow: &'static str,
    },
    /// No route matches host and path.
    #[error("no route for this host and path")]
    RouteNone,
    /// Routes match host and path, none the method.
    #[error("{method} on a route that has {allow}")]
    RouteMethod {
        /// What was asked.
        method: String,
        /// What there is, as the `Allow` header has it.
        allow: String,
    },
    /// The route is for forward-auth only.
    #[error("the route {0} has no upstream")]
    RouteWithoutUpstream(String),

    // Forward-auth: which route is meant?
    /// It cannot be told which route a forward-auth check is for.
    #[error("forward-auth from {peer}: {problem}")]
    ForwardAuthAmbiguous {
        /// Who asked.
        peer: String,
        /// What is missing.
        problem: &'static str,
    },
    /// `?route=` names none, or more than one.
    #[error("forward-auth for the route {0:?}, which is not configured")]
    ForwardAuthRoute(String),
    /// The check carries rules, which oauth2-proxy would obey.
    #[error("forward-auth with {0} in its query")]
    ForwardAuthRules(&'static str),
    /// The original request matches no route.
    #[error("forward-auth for a request that no route matches ({0})")]
    ForwardAuthNoRoute(Box<Refusal>),

    // Who is it?
    /// No credential at all.
    #[error("no session and no bearer token")]
    NotSignedIn,
    /// A bearer token on a route that takes none.
    #[error("the route {0} accepts no bearer tokens")]
    BearerNotAccepted(String),
    /// A session that began at a client which this route does not name.
    #[error("the session is of the client {client}, which is not in sign_in of {route}")]
    SessionOfOtherClient {
        /// The route.
        route: String,
        /// Where the session began.
        client: String,
    },
    /// The credential was bad.
    #[error(transparent)]
    Authentication(gangplank_authn::Refusal),
    /// Whether the credential is good could not be decided.
    #[error("undecided: {0}")]
    Undecided(gangplank_authn::Refusal),
    /// The browser's session or its sign-in.
    #[error(transparent)]
    SignIn(#[from] SignInRefusal),
    /// A client of an authorization server of ours.
    #[error(transparent)]
    AuthorizationServer(Box<Refused>),

    // May they?
    /// The route's rules do not admit this caller.
    #[error("{user} is not admitted to {route}: {unmet}")]
    Forbidden {
        /// The route.
        route: String,
        /// The caller.
        user: String,
        /// The first rule that is not met.
        unmet: &'static str,
    },
    /// As above, and the caller's groups are not known.
    #[error("{user} is not admitted to {route}: the token names too many groups to carry them")]
    ForbiddenGroupsUnknown {
        /// The route.
        route: String,
        /// The caller.
        user: String,
    },
    /// The token is good, and was not given for this route.
    #[error("{user} is not admitted to {route}: none of the scopes in allow.scopes")]
    ForbiddenScopes {
        /// The route.
        route: String,
        /// The caller.
        user: String,
        /// Any of these would do.
        needed: Vec<Scope>,
    },
    /// The caller's name, address or token cannot stand in a header.
    #[error("the {0} of the caller cannot be written into a header")]
    IdentityUnfit(&'static str),
    /// A WebSocket that a page of another origin opens with this browser's session.
    #[error("an upgrade asked for by a page of {0}")]
    CrossOriginUpgrade(String),

    // The upstream's own token.
    /// The caller's token did not become one for the upstream.
    #[error(transparent)]
    Exchange(#[from] ExchangeRefusal),

    // An MCP server.
    /// What is judged of one besides.
    #[error(transparent)]
    Mcp(#[from] McpRefusal),
    /// What a cluster would have to be told of the caller, or the way to it.
    #[error(transparent)]
    Cluster(#[from] ClusterRefusal),

    // A form of ours.
    /// A form larger than any that we hand out.
    #[error("the form is larger than {0} bytes")]
    FormTooLarge(usize),
    /// The body broke off, or took too long.
    #[error("the body of the request broke off or took too long")]
    BodyBroken,

    // The upstream.
    /// No connection.
    #[error("no connection to {upstream}: {cause}")]
    UpstreamConnect {
        /// The upstream's authority.
        upstream: String,
        /// What the system said.
        cause: String,
    },
    /// A connection, and no proper answer.
    #[error("{upstream} did not answer properly: {cause}")]
    UpstreamProtocol {
        /// The upstream's authority.
        upstream: String,
        /// What the HTTP library said.
        cause: String,
    },
    /// No connection, or no head of an answer, in time.
    #[error("{upstream} did not answer within {after:?}")]
    UpstreamTimeout {
        /// The upstream's authority.
        upstream: String,
        /// How long it was waited for.
        after: std::time::Duration,
    },
    /// The session or token ended while the upstream was still thinking.
    #[error("the caller's session or token ended before {0} answered")]
    EndedWaiting(String),

    // Us.
    /// Something that the build of the gate should have made impossible.
    #[error("defect: {0}")]
    Defect(&'static str),
}

macro_rules! catalogue {
    ($($konst:ident = $name:literal, $fault:ident, $summary:literal, $remedy:literal;)*) => {
        $(const $konst: Reason = Reason { name: $name, fault: Fault::$fault, summary: $summary, remedy: $remedy };)*
        impl Refusal {
            /// This crate's own entries of the catalogue, without those of the session.
            pub const REASONS: &'static [&'static Reason] = &[$(&$konst),*];
        }
    };
}

catalogue! {
    HOST = "host-malformed", Caller, "The request names no host, several, or two different ones.",
        "Send one Host header that equals the authority of the request target.";
    PATH = "path-ambiguous", Caller, "The path has encoded separators, dot segments or doubly encoded characters, or one reading of it leads to another route.",
        "Ask for the path in its plain form; policy is never decided on a path that an upstream could read differently.";
    FORWARDED = "forwarded-malformed", Operator, "A trusted proxy's header about the original request does not parse, or is there twice.",
        "Set gate.forwarded to the dialect this proxy speaks, and let the proxy overwrite what clients send.";
    HOST_UNKNOWN = "host-unknown", Caller, "No route and no public_url has this host.",
        "Add a route with this host, or correct gate.public_url; the gate serves no host that its configuration does not name.";
    ENDPOINT_UNKNOWN = "endpoint-unknown", Caller, "There is no endpoint of that name below the gate's prefix.",
        "Compare the path with the list of endpoints; everything below gate.prefix belongs to the gate.";
    ENDPOINT_METHOD = "endpoint-method", Caller, "The endpoint does not offer this method.",
        "Use a method that the Allow header names.";
    ROUTE_NONE = "route-none", Caller, "No route matches this host and path.",
        "Add a route, or correct the path; what is not configured does not exist.";
    ROUTE_METHOD = "route-method", Caller, "The route for this host and path does not have this method.",
        "Add the method to the route's methods, or a route of its own for it.";
    ROUTE_WITHOUT_UPSTREAM = "route-without-upstream", Operator, "The route only answers forward-auth checks: it has no upstream.",
        "Set upstream on the route, or send clients to the proxy in front.";
    FORWARD_AUTH_AMBIGUOUS = "forward-auth-ambiguous", Operator, "It cannot be told which route a forward-auth check is for.",
        "Add the proxy's address to gate.trusted_proxies and set gate.forwarded to its dialect, or check at /oauth2/auth?route=NAME.";
    FORWARD_AUTH_ROUTE = "forward-auth-route-unknown", Operator, "The check names a route that is not configured.",
        "Use the name of a route, exactly once.";
    FORWARD_AUTH_RULES = "forward-auth-rules", Operator, "The check carries rules in its query, as oauth2-proxy takes them.",
        "Put the rule into the allow of a route, and name the route by ?route=NAME; a rule that had no effect would let too many pass.";
    FORWARD_AUTH_NO_ROUTE = "forward-auth-no-route", Operator, "No route matches the original request that the proxy tells of.",
        "Add a route for that host and path; what is not configured is not allowed.";
    NOT_SIGNED_IN = "not-signed-in", Caller, "The request has neither a session nor a bearer token.",
        "Sign in, or send a bearer token; if a browser should have had a session, see whether its cookie reaches the gate.";
    BEARER_NOT_ACCEPTED = "bearer-not-accepted", Caller, "A bearer token was presented on a route that accepts none.",
        "Name the issuer in the route's bearer, or set pass.authorization if the token is meant for the upstream.";
    SESSION_OTHER = "session-of-other-client", Caller, "The session began at a client that the route does not name.",
        "Sign in at one of the route's clients, or add the session's client to the route's sign_in.";
    FORBIDDEN = "policy-denied", Caller, "The caller is known, and the route's rules do not admit them.",
        "Add the caller to one of the route's groups, or the group, user or domain to the route's allow.";
    FORBIDDEN_GROUPS = "policy-denied-groups-unknown", Token, "The route has group rules, and the token has too many groups to name them.",
        "Set issuers.NAME.entra.groups_from, so that the gate asks Graph; or sign in by browser, or limit the application's groups claim to groups assigned to it.";
    FORBIDDEN_SCOPES = "policy-denied-scopes", Caller, "The caller is known, and the token has none of the scopes that the route asks for.",
        "Get a token with one of the scopes that the challenge names, or add a scope that the token has to the route's allow.scopes.";
    IDENTITY_UNFIT = "identity-unfit-for-headers", Token, "The caller's name, address, group or token contains characters that no header can carry.",
        "Map another claim to the user name (issuers.NAME.claims).";
    CROSS_ORIGIN = "upgrade-cross-origin", Caller, "A page of another origin opened a WebSocket with this browser's session.",
        "Add the page's host to gate.return_hosts if it is yours.";
    FORM_TOO_LARGE = "form-too-large", Caller, "The form is larger than any that the gate hands out.",
        "Use the form of the sign-out page.";
    BODY_BROKEN = "body-broken", Caller, "The body of the request broke off, or took too long.", "Send it again.";
    UPSTREAM_CONNECT = "upstream-unreachable", Upstream, "There is no connection to the upstream, or no TLS with it.",
        "See that the service runs, that upstream names its address and port, and that upstream_ca_file holds its authority.";
    UPSTREAM_PROTOCOL = "upstream-broken", Upstream, "The upstream broke off, or did not speak HTTP.",
        "Look at the upstream's own log at this time; see that scheme and port of upstream are right.";
    UPSTREAM_TIMEOUT = "upstream-timeout", Upstream, "The upstream did not answer in time.",
        "Look at the upstream, or raise the route's timeout.";
    ENDED_WAITING = "ended-waiting", Caller, "The session or token ended while the upstream was still working on an answer.",
        "Sign in again, or use a token that lasts longer.";
    DEFECT = "defect", Us, "The gate came into a state that it should not have.", "Report it, with the log line.";
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        Refusal::AuthorizationServer(Box::new(refused))
    }
}

impl Refusal {
    /// The catalogue entry.
    pub fn reason(&self) -> &'static Reason {
        match self {
            Refusal::Host(_) => &HOST,
            Refusal::PathAmbiguous(_) => &PATH,
            Refusal::Forwarded { .. } => &FORWARDED,
            Refusal::HostUnknown(_) => &HOST_UNKNOWN,
            Refusal::EndpointUnknown => &ENDPOINT_UNKNOWN,
            Refusal::EndpointMethod { .. } => &ENDPOINT_METHOD,
            Refusal::RouteNone => &ROUTE_NONE,
            Refusal::RouteMethod { .. } => &ROUTE_METHOD,
            Refusal::RouteWithoutUpstream(_) => &ROUTE_WITHOUT_UPSTREAM,
            Refusal::ForwardAuthAmbiguous { .. } => &FORWARD_AUTH_AMBIGUOUS,
            Refusal::ForwardAuthRoute(_) => &FORWARD_AUTH_ROUTE,
            Refusal::ForwardAuthRules(_) => &FORWARD_AUTH_RULES,
            Refusal::ForwardAuthNoRoute(_) => &FORWARD_AUTH_NO_ROUTE,
            Refusal::NotSignedIn => &NOT_SIGNED_IN,
            Refusal::BearerNotAccepted(_) => &BEARER_NOT_ACCEPTED,
            Refusal::SessionOfOtherClient { .. } => &SESSION_OTHER,
            Refusal::Authentication(refusal) | Refusal::Undecided(refusal) => refusal.reason(),
            Refusal::SignIn(refusal) => refusal.reason(),
            Refusal::AuthorizationServer(refused) => refused.refusal.reason(),
            Refusal::Forbidden { .. } => &FORBIDDEN,
            Refusal::ForbiddenGroupsUnknown { .. } => &FORBIDDEN_GROUPS,
            Refusal::ForbiddenScopes { .. } => &FORBIDDEN_SCOPES,
            Refusal::IdentityUnfit(_) => &IDENTITY_UNFIT,
            Refusal::CrossOriginUpgrade(_) => &CROSS_ORIGIN,
            Refusal::Exchange(refusal) => refusal.reason(),
            Refusal::Mcp(refusal) => refusal.reason(),
            Refusal::Cluster(refusal) => refusal.reason(),
            Refusal::FormTooLarge(_) => &FORM_TOO_LARGE,
            Refusal::BodyBroken => &BODY_BROKEN,
            Refusal::UpstreamConnect { .. } => &UPSTREAM_CONNECT,
            Refusal::UpstreamProtocol { .. } => &UPSTREAM_PROTOCOL,
            Refusal::UpstreamTimeout { .. } => &UPSTREAM_TIMEOUT,
            Refusal::EndedWaiting(_) => &ENDED_WAITING,
            Refusal::Defect(_) => &DEFECT,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_every_remedy_is_a_sentence() {
        let mut names = BTreeSet::new();
        for reason in Refusal::REASONS {
            assert!(names.insert(reason.name), "{} twice", reason.name);
            assert!(reason.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", reason.name);
            assert!(reason.summary.ends_with('.') && reason.remedy.ends_with('.'), "{}", reason.name);
        }
    }
}
