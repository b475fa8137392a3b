//! Forward-auth: a proxy in front asks whether it may pass a request on.
//!
//! Which route it asks about is found in exactly one of these ways:
//!
//! 1. `/oauth2/auth?route=NAME`: the proxy's own configuration says it.
//! 2. `/oauth2/auth/PATH` from a trusted proxy that speaks `envoy`: method, host and path of the check are the original's.
//!    Its query is the client's, so `?route=` is not looked at here.
//! 3. The dialect's headers from a trusted proxy: host, path and method of the original.
//! 4. None of these: the one route of the host, if it has one only. A path and a method that nobody vouches for choose
//!    nothing (GHSA-7x63-xv5r-3p2x).
//!
//! Rules in the query (`allowed_groups` and the like, as oauth2-proxy takes them) are refused: who moves here would else
//! have them without effect.
//!
//! An MCP server with rules about messages lets nothing pass in this way: a proxy that asks shows none.
//!
//! What the proxy gets: `allowed_status` with the identity headers, or what [`rescue`](crate::rescue) makes of the
//! refusal; where nothing can be matched that is a 403, since proxies take a 404 for a failure of their own.

use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Response};

use crate::config::Dialect;
use crate::context::Arrival;
use crate::decision::Decided;
use crate::forwarded::{Original, host_of};
use crate::request_path::RequestPath;
use crate::route::RouteId;
use crate::stack::Gate;
use crate::{Body, Refusal, headers};

/// Which route is asked about, and the request as far as it is known.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) route: RouteId,
    pub(crate) original: Option<Original>,
}

impl Gate {
    /// Finds the route a check is about. `rest` is what follows `/auth` in its path.
    pub(crate) fn check_for(&self, arrival: &Arrival<'_>, headers: &HeaderMap, rest: &str) -> Result<Check, Refusal> {
        let context = &arrival.context;
        let ambiguous = |problem| Refusal::ForwardAuthAmbiguous { peer: arrival.peer.to_string(), problem };
        if !rest.is_empty() {
            if self.believed.dialect != Dialect::Envoy {
                return Err(Refusal::EndpointUnknown);
            }
            if !arrival.trusted {
                return Err(ambiguous("the peer is not among trusted_proxies"));
            }
            let original = Original {
                method: Some(context.method.clone()),
                authority: context.authority.clone(),
                path: rest.to_owned(),
                query: context.query.clone(),
            };
            return self.check_of(original);
        }
        no_rules(context.query.as_deref())?;
        if let Some(named) = named_route(context.query.as_deref())? {
            let route = self.by_name.get(&named).copied();
            let original = if arrival.trusted { self.believed.original(headers)? } else { None };
            return Ok(Check { route: route.ok_or(Refusal::ForwardAuthRoute(named))?, original });
        }
        if arrival.trusted
            && let Some(original) = self.believed.original(headers)?
        {
            return self.check_of(original);
        }
        let host = host_of(&context.authority);
        let only = self.table.only(host).filter(|id| self.routes[*id].any_method && self.table.knows(host));
        let route = only.ok_or_else(|| {
            ambiguous(if arrival.trusted {
                "the peer's headers do not tell what the client asked for"
            } else {
                "the peer is not among trusted_proxies, and its host has not exactly one route"
            })
        })?;
        Ok(Check { route, original: None })
    }

    fn check_of(&self, original: Original) -> Result<Check, Refusal> {
        let route = self.route_of(&original.authority, &original.path, original.method.as_ref());
        let route = route.map_err(|why| Refusal::ForwardAuthNoRoute(Box::new(why)))?;
        Ok(Check { route, original: Some(original) })
    }

    /// The route of a request that is known by host, path and method.
    pub(crate) fn route_of(&self, authority: &str, path: &str, method: Option<&Method>) -> Result<RouteId, Refusal> {
        let path = RequestPath::parse(path)?;
        let host = host_of(authority);
        if !self.table.knows(host) {
            return Err(Refusal::HostUnknown(host.to_owned()));
        }
        self.table.find(host, &path, method)
    }

    /// The answer that lets a request pass.
    pub(crate) fn allow(&self, decided: Decided, request_id: &str) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.allowed_status;
        let mut block = decided.decision.identity.clone();
        let cookie_size = decided.set_cookie.as_ref().map_or(0, HeaderValue::len);
        if let Some(cookie) = decided.set_cookie {
            block.insert(SET_COOKIE, cookie);
            // A cache of answers, which nginx can be, would hand the cookie on.
            block.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if decided.decision.identity_size + cookie_size > headers::WELL_WITHIN && headers::fit(&mut block) {
            self.shared.metrics().groups_left_out();
            tracing::warn!(request_id, "the groups header is left out: the answer would be larger than 4 KiB");
        }
        *response.headers_mut() = block;
        response
    }
}

/// oauth2-proxy takes rules from the check's query. They are not taken here, and not passed over either.
fn no_rules(query: Option<&str>) -> Result<(), Refusal> {
    const RULES: [&str; 3] = ["allowed_groups", "allowed_emails", "allowed_email_domains"];
    let Some(query) = query else { return Ok(()) };
    let names = url::form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
    match names.filter_map(|name| RULES.into_iter().find(|rule| *rule == name)).next() {
        Some(rule) => Err(Refusal::ForwardAuthRules(rule)),
        None => Ok(()),
    }
}

/// `?route=`, at most once.
fn named_route(query: Option<&str>) -> Result<Option<String>, Refusal> {
    let Some(query) = query else { return Ok(None) };
    let mut named = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "route");
    let first = named.next().map(|(_, value)| value.chars().take(128).collect::<String>());
    match (first, named.next()) {
        (Some(name), Some(_)) => Err(Refusal::ForwardAuthRoute(name)),
        (first, _) => Ok(first),
    }
}
