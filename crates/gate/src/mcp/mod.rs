//! An MCP server behind the gate (Streamable HTTP): what is judged besides who calls.
//!
//! 1. A browser's preflight is answered, and pages of other origins are refused, before anybody is asked who they are.
//! 2. The session id that a client brings is its own.
//! 3. Every message of the body is judged by the rules about tools, and chooses the target.
//! 4. What the upstream is shown is made for that target.
//! 5. Of the answer, the session id is bound to the caller, and tools that the caller may not use are taken out.

#[allow(dead_code, reason = "the stack calls it with the target")]
mod message;
mod refusal;
#[allow(dead_code, unused_imports, reason = "the stack calls it with the target")]
mod tools;

use bytes::Bytes;
use http::Response;
use http::request::Parts;

pub use self::message::Id as MessageId;
pub(crate) use self::message::error as answer_to_message;
pub use self::refusal::McpRefusal;
pub use self::tools::ToolRefusal;
use crate::body::BodyError;
use crate::build::Route;
use crate::context::Arrival;
use crate::decision::Decided;
use crate::proxy::Upstream;
use crate::stack::Gate;
use crate::{Body, Refusal};

/// What a route with an MCP server has.
#[derive(Debug)]
pub(crate) struct Mcp {}

impl Mcp {
    /// Rule 1. Gives the answer if there is nothing more to do.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the rules come")]
    pub(crate) fn before(&self, _arrival: &Arrival<'_>, _head: &Parts) -> Result<Option<Response<Body>>, Refusal> {
        Ok(None)
    }
}

impl Gate {
    /// Rules 2 to 5, for a caller who may pass.
    #[expect(clippy::too_many_arguments, reason = "what forward takes, and the rules")]
    pub(crate) async fn serve_mcp<B>(
        &self,
        route: &Route,
        _mcp: &Mcp,
        upstream: &Upstream,
        arrival: &Arrival<'_>,
        head: Parts,
        body: B,
        decided: Decided,
    ) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let target = None;
        let credential = self.outbound(route, target, &decided.decision, arrival.context.now).await?;
        self.forward(route, upstream, arrival, head, body, decided, credential).await
    }
}
