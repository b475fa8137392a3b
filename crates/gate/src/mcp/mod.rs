//! An MCP server behind the gate: what is judged besides who calls.
//!
//! 1. A browser's preflight is answered, and pages of other origins are refused, before anybody is asked who they are
//!    ([`origin`]).
//! 2. The session that a client brings is its own ([`session`], and [`endpoint_event`] for the older transport), and the body is
//!    within its limit ([`body_limit`]).
//! 3. Every message of the body is judged by the rules about tools, and chooses the target.
//! 4. What the upstream is shown is made for that target.
//! 5. Of the answer, the session id is bound to the caller, and tools that the caller may not use are taken out.
//!
//! The upstream sees no `Origin` and no wish for compression: the first was judged here, and what it sends is read here. Event
//! streams pass as they come, both ways, with all that clients resume them by. Where clients learn who gives out tokens is
//! beside all this, and open to everybody ([`well_known`]).

mod audit;
mod body_limit;
mod endpoint_event;
mod judge;
mod listing;
mod message;
mod origin;
mod refusal;
mod resource;
mod session;
mod target;
mod tools;
mod watched_stream;
mod well_known;

/// What is read off the wire, before and behind the rules: for whoever tries it with octets of all kinds.
pub mod wire {
    pub use super::endpoint_event::{Endpoints, Watched};
    pub use super::listing::{Events, Shows, cut};
    pub use super::message::{Call, Message, Messages, read};
    pub use super::tools::{ToolRules, read as read_rules};
}

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, HeaderValue, ORIGIN, RANGE};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Method, Response};
use http_body_util::BodyExt as _;

pub(crate) use self::body_limit::DEFAULT as DEFAULT_BODY_LIMIT;
pub(crate) use self::judge::Judge;
pub use self::message::Id as MessageId;
pub(crate) use self::message::error as answer_to_message;
pub(crate) use self::origin::{Cors, Origins, serialized as serialized_origin};
pub use self::refusal::McpRefusal;
pub(crate) use self::resource::{About, Resource};
use self::session::Whose;
pub(crate) use self::session::{Sessions, is_session_id};
pub use self::tools::ToolRefusal;
pub(crate) use self::tools::{contradictions, group_words};
use self::watched_stream::Told;
pub(crate) use self::well_known::{Place, Publisher, is_well_known};
use crate::audit::{Asked, At};
use crate::body::BodyError;
use crate::build::Route;
use crate::context::Arrival;
use crate::decision::{Decided, Decision};
use crate::metrics::Answer;
use crate::proxy::Upstream;
use crate::stack::{Gate, Trace};
use crate::{Body, Refusal};

/// What a route with an MCP server has.
#[derive(Debug)]
pub(crate) struct Mcp {
    /// Whose pages may call.
    pub(crate) origins: Origins,
    /// Whose sessions are whose.
    pub(crate) sessions: Arc<Sessions>,
    /// The largest body of a request.
    pub(crate) body_limit: u64,
    /// Whether the transport of 2024-11-05 passes.
    pub(crate) legacy_sse: bool,
    /// Who may call which tool, for which cluster.
    pub(crate) judge: Judge,
}

impl Mcp {
    /// Rule 1. Gives the answer if there is nothing more to do.
    pub(crate) fn before(&self, head: &Parts, trace: &mut Trace) -> Result<Option<Response<Body>>, Refusal> {
        // Until it is known whose page it is, no page may read what is answered.
        trace.cors = Some(Cors::Nobody);
        let cors = self.origins.judge(&head.headers)?;
        let preflight = origin::preflight(&head.method, &head.headers, &cors);
        trace.cors = Some(cors);
        Ok(preflight)
    }

    /// Rule 2, of the session, and what the upstream is not to see.
    fn prepare(&self, head: &mut Parts, decision: &Decision) -> Result<(), Refusal> {
        let caller = decision.caller();
        let whose = Whose::of(caller.identity(), caller.method());
        self.sessions.unbind(&mut head.headers, &whose)?;
        let posts = !matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
        if posts && !self.legacy_sse && head.uri.query().is_some_and(endpoint_event::names_a_session) {
            let user = caller.identity().username.chars().take(128).collect();
            return Err(McpRefusal::SessionForeign { user, problem: "is in the query" }.into());
        }
        if posts && self.legacy_sse && head.uri.query().is_some() {
            let target = head.uri.path_and_query().map_or("", PathAndQuery::as_str);
            let own = self.sessions.posted_to(target, &whose)?;
            head.uri = own.parse().map_err(|_| Refusal::Defect("a target without its tag is none"))?;
        }
        head.headers.remove(ORIGIN);
        head.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        head.headers.remove(RANGE);
        Ok(())
    }

    /// Rule 5, of the session.
    fn finish(&self, mut answer: Response<Body>, told: Told, read: bool) -> Result<Response<Body>, Refusal> {
        let caller = told.decision.caller();
        let whose = Whose::of(caller.identity(), caller.method());
        origin::take_out(answer.headers_mut());
        self.sessions.bind(answer.headers_mut(), &whose, &told.upstream)?;
        if read && watched_stream::is_event_stream(answer.headers()) {
            return Ok(watched_stream::watch(answer, told)?);
        }
        Ok(answer)
    }
}

impl Gate {
    /// Rules 2 to 5, for a caller who may pass.
    #[expect(clippy::too_many_arguments, reason = "what forward takes, and the rules")]
    pub(crate) async fn serve_mcp<B>(
        &self,
        route: &Route,
        mcp: &Mcp,
        upstream: &Upstream,
        arrival: &Arrival<'_>,
        mut head: Parts,
        body: B,
        decided: Decided,
        trace: &mut Trace,
    ) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let decision = decided.decision.clone();
        let caller = decision.caller();
        mcp.judge.head(&head.method, &mut head.headers, body.is_end_stream()).map_err(McpRefusal::from)?;
        mcp.prepare(&mut head, &decision)?;
        let (body, exceeded) = body_limit::limited(&head.headers, body, mcp.body_limit)?;
        let read = head.method == Method::GET;
        let told = Told {
            sessions: mcp.legacy_sse.then(|| mcp.sessions.clone()),
            decision: decision.clone(),
            at: head.uri.path().to_owned(),
            upstream: upstream.authority.to_string(),
        };
        let judged = if head.method == Method::POST {
            let whole = whole(body, upstream.timeout).await;
            let whole = whole.ok_or_else(|| match exceeded.happened() {
                true => McpRefusal::BodyTooLarge(mcp.body_limit).into(),
                false => Refusal::BodyBroken,
            })?;
            mcp.judge.body(&arrival.context, caller, &head.headers, whole)?
        } else {
            mcp.judge.nothing(caller)?
        };
        // It may have taken a while to arrive.
        let now = self.clock.now();
        if decision.life.as_ref().is_some_and(|life| life.is_ended(now)) {
            return Err(Refusal::EndedWaiting(upstream.authority.to_string()));
        }
        let credentials = arrival.credentials(&head.headers);
        let context = &arrival.context;
        let credential = self.outbound(route, judged.cluster(), &decision, credentials, &context.id, now).await?;
        trace.answer = Answer::Allowed;
        crate::audit::allowed(context, Asked::directly(context), &route.name, caller, At::default());
        let answer = self.forward(route, upstream, arrival, head, judged.into_body(), decided, credential).await?;
        let answer = mcp.judge.answer(answer, caller).await?;
        mcp.finish(answer, told, read)
    }
}

/// All of a body, unless it breaks off, or nothing of it comes for so long.
async fn whole(mut body: Body, patience: Duration) -> Option<Bytes> {
    let mut whole = BytesMut::new();
    while let Some(frame) = tokio::time::timeout(patience, body.frame()).await.ok()? {
        if let Ok(part) = frame.ok()?.into_data() {
            whole.extend_from_slice(&part);
        }
    }
    Some(whole.freeze())
}
