//! Who called which tool: a line at the target `audit` and a count for each message that does something.
//!
//! 1. Calls of tools always, allowed or not; of the rest what may change something or reads something by name, allowed.
//!    What only lists, tells or greets has no line: the request's own says that it came.
//! 2. In it: who, of which issuer, by what, through which client, for which cluster, which tool, what came of it and why.
//!    Never the arguments. What the caller chose is cut to a sane length; the subscriber escapes it.
//! 3. Counted are calls, by route, tool and outcome. A tool is counted by its name if a rule or a list of the server
//!    has it, at most [`MOST`] of a route, and else as `other`: nothing that a caller makes up becomes a label.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use gangplank_authn::Authenticated;
use tracing::Level;

use super::McpRefusal;
use super::message::{Message, Messages};
use crate::RequestContext;
use crate::audit::cut;
use crate::metrics::CallCounts;
use crate::trace;

/// How many tools of a route are counted by name.
const MOST: usize = 100;

/// A route's book.
#[derive(Debug)]
pub(crate) struct Book {
    route: String,
    counts: CallCounts,
    named: Mutex<BTreeSet<String>>,
}

impl Book {
    /// The tools of `named` are counted by their names.
    pub(crate) fn new(route: &str, counts: CallCounts, named: impl Iterator<Item = String>) -> Self {
        Book { route: route.to_owned(), counts, named: Mutex::new(named.take(MOST).collect()) }
    }

    /// The server has a tool of this name.
    pub(crate) fn listed(&self, tool: &str) {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if named.len() < MOST && !named.contains(tool) {
            named.insert(tool.to_owned());
        }
    }

    /// All of these may go on.
    pub(crate) fn allowed(
        &self,
        context: &RequestContext,
        caller: &Authenticated,
        messages: &Messages,
        cluster: Option<&str>,
    ) {
        for message in &messages.all {
            note(message, cluster);
            match message {
                Message::Call(call) => {
                    self.count(&call.tool, "allowed");
                    self.line(context, caller, &About { tool: &call.tool, cluster, ..About::CALL }, None);
                }
                Message::Other { id: Some(_), method } if !is_idle(method) => {
                    self.line(context, caller, &About { message: method, cluster, ..About::CALL }, None);
                }
                Message::Other { .. } | Message::Response => {}
            }
        }
    }

    /// This message may not, and so none of them does.
    pub(crate) fn refused(
        &self,
        context: &RequestContext,
        caller: &Authenticated,
        message: &Message,
        refusal: &McpRefusal,
    ) {
        note(message, None);
        let Message::Call(call) = message else { return };
        self.count(&call.tool, "denied");
        self.line(context, caller, &About { tool: &call.tool, ..About::CALL }, Some(refusal));
    }

    fn count(&self, tool: &str, outcome: &'static str) {
        let named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        let tool = named.get(tool).map_or("other", String::as_str);
        self.counts.count(&self.route, tool, outcome);
    }

    fn line(&self, context: &RequestContext, caller: &Authenticated, about: &About<'_>, refusal: Option<&McpRefusal>) {
        if !tracing::enabled!(target: "audit", Level::INFO) {
            return;
        }
        let identity = caller.identity();
        tracing::info!(
            target: "audit",
            request_id = context.id,
            decision = if refusal.is_none() { "call-allow" } else { "call-deny" },
            reason = refusal.map_or("", |refusal| refusal.reason().name),
            detail = refusal.map(tracing::field::display),
            route = self.route,
            message = cut(about.message),
            tool = cut(about.tool),
            cluster = about.cluster.unwrap_or_default(),
            user = identity.username,
            issuer = identity.issuer,
            by = caller.method().name(),
            application = identity.client.as_deref().unwrap_or_default(),
            client = %context.client,
        );
    }
}

/// For the trace.
fn note(message: &Message, cluster: Option<&str>) {
    match message {
        Message::Call(call) => trace::message(About::CALL.message, Some(&call.tool), cluster),
        Message::Other { method, .. } => trace::message(method, None, cluster),
        Message::Response => {}
    }
}

struct About<'a> {
    message: &'a str,
    tool: &'a str,
    cluster: Option<&'a str>,
}

impl About<'_> {
    const CALL: Self = About { message: "tools/call", tool: "", cluster: None };
}

/// What lists, greets, or completes what somebody types.
fn is_idle(method: &str) -> bool {
    matches!(method, "ping" | "initialize" | "server/discover" | "completion/complete" | "logging/setLevel")
        || method.ends_with("/list")
}
