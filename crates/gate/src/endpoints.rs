//! The gate's own endpoints, below the prefix. Each is an exact path with its methods.
//!
//! | path | methods | |
//! |---|---|---|
//! | `auth` | any | forward-auth, for the proxy in front; below it for Envoy |
//! | `start` | GET | begins a sign-in and leads back to `rd` ([`wanted`](crate::wanted)) |
//! | `sign_in` | GET | lets people choose where to sign in, and leads back to `rd` |
//! | `callback` | GET | the provider's answer |
//! | `sign_out` | GET, POST | asks, and does |
//! | `signed_out` | GET | the end |
//! | `userinfo` | GET | who one is |
//! | `static/…` | GET | what the pages need |
//! | `as/NAME/…` | | an [authorization server](crate::authorization_server), on the host of `public_url` |
//!
//! All but `auth`, which proxies ask under names of their own, answer only on hosts that the configuration knows.

use std::time::Duration;

use bytes::Bytes;
use gangplank_authn::{Authenticator as _, BearerToken, Outcome};
use http::request::Parts;
use http::{Method, Response};
use http_body_util::{BodyExt, Limited};

use crate::audit::{self, Asked, At};
use crate::body::BodyError;
use crate::context::Arrival;
use crate::forwarded::{absolute_form, host_of, origin_form};
use crate::mcp::McpRefusal;
use crate::metrics::Answer;
use crate::request_path::RequestPath;
use crate::route::shown;
use crate::session::SessionOutcome;
use crate::stack::{Gate, Trace, offer};
use crate::wanted::Wanted;
use crate::{Body, Refusal, userinfo};

/// The largest form that is read. Ours has one field.
const MAX_FORM: usize = 16 << 10;
/// How long it may take to arrive.
const FORM_TIME: Duration = Duration::from_secs(10);

impl Gate {
    /// Answers at an endpoint. `name` is what follows the prefix and its slash, decoded.
    pub(crate) async fn endpoint<B>(
        &self,
        name: &str,
        arrival: &Arrival<'_>,
        head: &Parts,
        body: B,
        trace: &mut Trace,
    ) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        if name == "auth" || name.starts_with("auth/") {
            return self.auth(arrival, head, trace).await;
        }
        // In a box: what these hold while they wait would else be part of every request's future.
        Box::pin(self.page_endpoint(name, arrival, head, body)).await
    }

    async fn page_endpoint<B>(
        &self,
        name: &str,
        arrival: &Arrival<'_>,
        head: &Parts,
        body: B,
    ) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let context = &arrival.context;
        let host = host_of(&context.authority);
        if !self.table.knows(host) {
            return Err(Refusal::HostUnknown(host.to_owned()));
        }
        let headers = &head.headers;
        let get = matches!(context.method, Method::GET | Method::HEAD);
        match name {
            "sign_out" if context.method == Method::POST => {
                let form = form(body).await?;
                Ok(self.sign_in.sign_out(context, headers, &form).await?)
            }
            "sign_out" if get => Ok(self.sign_in.confirm_sign_out(context, headers)),
            "sign_out" => Err(wrong_method(&context.method, "GET, HEAD, POST")),
            "start" | "sign_in" | "callback" | "signed_out" | "userinfo" if !get => {
                Err(wrong_method(&context.method, "GET, HEAD"))
            }
            "start" => self.begin(arrival, head).await,
            "sign_in" => Ok(self.choose(arrival, head)),
            "callback" => Ok(self.sign_in.callback(context, headers).await?),
            "signed_out" => Ok(self.sign_in.signed_out(context)),
            "userinfo" => self.userinfo(arrival, head).await,
            _ if let Some(below) = name.strip_prefix("as/") => {
                self.authorization_server(below, context, headers, body).await
            }
            _ if name.starts_with("static/") && get => self.pages.asset(&context.path).ok_or(Refusal::EndpointUnknown),
            _ => Err(Refusal::EndpointUnknown),
        }
    }

    async fn auth(&self, arrival: &Arrival<'_>, head: &Parts, trace: &mut Trace) -> Result<Response<Body>, Refusal> {
        let context = &arrival.context;
        // As it was sent: what follows is judged as the original's path.
        let rest = context.path.strip_prefix(&self.prefix).and_then(|p| p.strip_prefix("/auth"));
        let rest = rest.ok_or(Refusal::EndpointUnknown)?;
        let check = self.check_for(arrival, &head.headers, rest)?;
        let route = self.routes.get(check.route).ok_or(Refusal::Defect("a route that is in the table only"))?;
        trace.route = Some(route.id);
        trace.original = check.original;
        let decided = match self.decide(route, arrival.credentials(&head.headers), context.now).await {
            Ok(decided) => decided,
            Err(refusal) => {
                trace.offer = trace
                    .original
                    .as_ref()
                    .map(|o| offer(route, &o.authority, &o.path, o.query.as_deref(), self.redirect_from_auth));
                return Err(refusal);
            }
        };
        trace.by = decided.decision.caller().method().into();
        if let Some(behind) = &route.cluster {
            behind.cluster.policy.permit(decided.decision.caller().clone())?;
        }
        if route.mcp.as_ref().is_some_and(|mcp| mcp.judge.asks_for_messages()) {
            return Err(McpRefusal::MessagesUnseen(route.name.clone()).into());
        }
        trace.answer = Answer::Allowed;
        let asked = trace.original.as_ref().map_or(Asked::directly(context), |o| Asked {
            method: o.method.as_ref().map_or("", Method::as_str),
            host: &o.authority,
            path: &o.path,
        });
        audit::allowed(context, asked, &route.name, decided.decision.caller(), At::default());
        Ok(self.allow(decided, &context.id))
    }

    async fn begin(&self, arrival: &Arrival<'_>, head: &Parts) -> Result<Response<Body>, Refusal> {
        let context = &arrival.context;
        let Wanted { target, client } = self.wanted(arrival, head);
        let target = target.as_deref();
        if let Some(client) = client {
            return Ok(self.sign_in.start(context, &head.headers, Some(&client), target).await?);
        }
        match self.clients_for(arrival, target).as_slice() {
            [client] => Ok(self.sign_in.start(context, &head.headers, Some(client), target).await?),
            many => Ok(self.sign_in.chooser(context, &head.headers, many, target)),
        }
    }

    fn choose(&self, arrival: &Arrival<'_>, head: &Parts) -> Response<Body> {
        let target = self.wanted(arrival, head).target;
        let clients = self.clients_for(arrival, target.as_deref());
        self.sign_in.chooser(&arrival.context, &head.headers, &clients, target.as_deref())
    }

    fn wanted(&self, arrival: &Arrival<'_>, head: &Parts) -> Wanted {
        let query = arrival.context.query.as_deref().unwrap_or_default();
        let mut wanted = Wanted::read(query, |name| self.clients.iter().any(|client| client == name));
        if wanted.target.is_none() && arrival.trusted {
            // What can't be understood is no target, and a sign-in never fails for its target.
            let original = self.believed.original(&head.headers).ok().flatten();
            wanted.target = original.and_then(|original| {
                let own = RequestPath::parse(&original.path).map(|path| matches!(self.own_path(&path), Ok(Some(_))));
                let origin = self.hosts.origin(&self.hosts.authority(&original.authority)?);
                let query = original.query.map_or_else(String::new, |query| format!("?{query}"));
                own.is_ok_and(|own| !own).then(|| format!("{origin}{}{query}", original.path))
            });
        }
        wanted
    }

    /// The clients of the route that somebody wants to return to; all of them if that can't be told.
    fn clients_for(&self, arrival: &Arrival<'_>, target: Option<&str>) -> Vec<&str> {
        let page = target.and_then(|target| match absolute_form(target) {
            Some((authority, path, _)) => Some((authority, path)),
            None => origin_form(target).map(|(path, _)| (arrival.context.authority.clone(), path)),
        });
        let page = page.unwrap_or((arrival.context.authority.clone(), "/".to_owned()));
        let route = self.route_of(&page.0, &page.1, Some(&Method::GET)).ok().and_then(|id| self.routes.get(id));
        let names = route.map(|r| &r.sign_in).filter(|clients| !clients.is_empty()).unwrap_or(&self.clients);
        names.iter().map(String::as_str).collect()
    }

    async fn userinfo(&self, arrival: &Arrival<'_>, head: &Parts) -> Result<Response<Body>, Refusal> {
        let now = arrival.context.now;
        let presented = match &self.chain {
            Some(chain) => chain.authenticate(arrival.credentials(&head.headers), now).await,
            None => Outcome::ABSENT,
        };
        let (caller, set_cookie) = match presented {
            Outcome::Authenticated(caller) => (caller, None),
            Outcome::Rejected(refusal) => return Err(Refusal::Authentication(refusal)),
            Outcome::Unavailable(refusal) => return Err(Refusal::Undecided(refusal)),
            Outcome::NotMine(_) => {
                if BearerToken::presented(&head.headers).map_err(Refusal::Authentication)?.is_some() {
                    return Err(Refusal::BearerNotAccepted("userinfo".to_owned()));
                }
                match self.sign_in.session(&head.headers, now).await {
                    SessionOutcome::Live(live) => (live.authenticated, live.set_cookie),
                    SessionOutcome::Absent => return Err(Refusal::NotSignedIn),
                    SessionOutcome::Rejected(refusal) | SessionOutcome::Unavailable(refusal) => {
                        return Err(refusal.into());
                    }
                }
            }
        };
        let groups = caller.identity().groups.iter().filter(|g| self.rule_groups.contains(g));
        let mut response = userinfo::answer(&caller, &groups.map(String::as_str).collect::<Vec<_>>())?;
        if let Some(cookie) = set_cookie {
            response.headers_mut().insert(http::header::SET_COOKIE, cookie);
        }
        Ok(response)
    }
}

pub(crate) async fn form<B>(body: B) -> Result<Bytes, Refusal>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    match tokio::time::timeout(FORM_TIME, Limited::new(body, MAX_FORM).collect()).await {
        Ok(Ok(form)) => Ok(form.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Refusal::FormTooLarge(MAX_FORM)),
        Ok(Err(_)) | Err(_) => Err(Refusal::BodyBroken),
    }
}

pub(crate) fn wrong_method(method: &Method, allow: &'static str) -> Refusal {
    Refusal::EndpointMethod { method: shown(method), allow }
}
