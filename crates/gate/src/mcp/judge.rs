//! What is judged of a request to an MCP server, beside who sends it.
//!
//! 1. Messages come by POST, streams go by GET, sessions end by DELETE; nothing else is passed on, nor a body with anything
//!    but a POST. A header such as `mcp_name` is taken off: many servers know no difference between `_` and `-`. No connection leaves HTTP: a wish for that is taken off, as HTTP allows.
//! 2. The body of a POST is read whole, as messages ([`message`](super::message)). That is so without any rule, too: each
//!    call is in the audit log.
//! 3. Each call is judged by the rules about tools ([`tools`](super::tools)). One that is refused refuses all of the body.
//! 4. The calls choose the cluster ([`target`](super::target)).
//! 5. What is passed on are the octets that came: a [`Judged`], which nothing else makes.
//! 6. Tools that the caller may not use are taken out of the answer ([`listing`](super::listing)).

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use gangplank_authn::Authenticated;
use gangplank_authn::cel::Budget;
use gangplank_jose::Excerpt;
use http::header::{HeaderMap, UPGRADE};
use http::{Method, Response};

use super::McpRefusal;
use super::audit::Book;
use super::listing;
use super::message::{self, Id, Message, Messages};
use super::target::Targets;
use super::tools::{self, Shown, ToolRefusal, ToolRules};
use crate::build::Errors;
use crate::config::{McpConfig, UpstreamClusterConfig};
use crate::metrics::CallCounts;
use crate::{Body, RequestContext};

/// A route's rules about messages.
#[derive(Debug)]
pub(crate) struct Judge {
    rules: Option<Arc<ToolRules>>,
    targets: Option<Targets>,
    book: Arc<Book>,
}

/// A body that was judged, for one caller.
#[derive(Debug)]
pub(crate) struct Judged {
    body: Bytes,
    cluster: Option<String>,
}

impl Judged {
    /// As it came.
    pub(crate) fn into_body(self) -> Body {
        Body::from(self.body)
    }

    /// The cluster that it is for.
    pub(crate) fn cluster(&self) -> Option<&str> {
        self.cluster.as_deref()
    }
}

impl Judge {
    /// Reads the rules of `route` at `at` (`routes[0].mcp`).
    pub(crate) fn read(
        config: &McpConfig,
        (route, at): (&str, &str),
        clusters: &BTreeMap<String, UpstreamClusterConfig>,
        counts: CallCounts,
        errors: &mut Errors,
    ) -> Judge {
        let rules = tools::read(config, at, errors).map(Arc::new);
        let target = config.target.as_ref();
        let targets = target.map(|target| Targets::read(target, clusters, &format!("{at}.target"), errors));
        let named = rules.iter().flat_map(|rules| rules.known().map(str::to_owned));
        let book = Arc::new(Book::new(route, counts, named));
        Judge { rules, targets, book }
    }

    /// Whether messages have to be seen before they may pass.
    pub(crate) fn asks_for_messages(&self) -> bool {
        self.rules.is_some() || self.targets.is_some()
    }

    /// Rule 1. `empty`: whether there is no body.
    #[expect(clippy::unused_self, reason = "it is a rule of this judge")]
    pub(crate) fn head(&self, method: &Method, headers: &mut HeaderMap, empty: bool) -> Result<(), ToolRefusal> {
        let has_it = matches!(*method, Method::GET | Method::HEAD | Method::POST | Method::DELETE | Method::OPTIONS);
        if !has_it {
            return Err(ToolRefusal::HttpMethod(Excerpt::of(method.as_str())));
        }
        if *method != Method::POST && !empty {
            return Err(ToolRefusal::HttpMethod(Excerpt::of(&format!("{method} with a body"))));
        }
        while let Some(name) = headers.keys().find(|name| is_lookalike(name.as_str())).cloned() {
            headers.remove(name);
        }
        headers.remove(UPGRADE);
        Ok(())
    }

    /// Rules 2 to 5, of a request without a message.
    pub(crate) fn nothing(&self, caller: &Authenticated) -> Result<Judged, McpRefusal> {
        let none = std::iter::empty();
        let cluster = self.targets.as_ref().map(|targets| targets.of(caller, none)).transpose()?.flatten();
        Ok(Judged { body: Bytes::new(), cluster })
    }

    /// Rules 2 to 5, of the body of a POST.
    pub(crate) fn body(
        &self,
        context: &RequestContext,
        caller: &Authenticated,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Judged, McpRefusal> {
        let messages = message::read(headers, &body)?;
        if let Some(rules) = &self.rules {
            let budget = Budget::default();
            for (message, call) in calls(&messages) {
                if let Err(why) = rules.admit(caller.identity(), call, &budget) {
                    self.book.refused(context, caller, message, &why);
                    return Err(why.in_message(message.id()));
                }
            }
        }
        let targets = self.targets.as_ref();
        let cluster = targets.map(|targets| targets.of(caller, calls(&messages).map(|(_, call)| call))).transpose();
        let cluster = cluster.inspect_err(|why| {
            for (message, _) in calls(&messages) {
                self.book.refused(context, caller, message, why);
            }
        })?;
        let cluster = cluster.flatten();
        self.book.allowed(context, caller, &messages, cluster.as_deref());
        Ok(Judged { body, cluster })
    }

    /// Rule 6.
    pub(crate) async fn answer(
        &self,
        response: Response<Body>,
        caller: &Authenticated,
    ) -> Result<Response<Body>, McpRefusal> {
        let Some(rules) = &self.rules else { return Ok(response) };
        let shown = Shown { rules: rules.clone(), caller: caller.clone(), book: self.book.clone() };
        listing::filter(response, shown).await
    }
}

/// What a server could take for one of the headers that repeat the body. Behind `mcp-param-` all is the parameter's name.
fn is_lookalike(header: &str) -> bool {
    if !header.starts_with("mcp") || header.starts_with("mcp-param-") {
        return false;
    }
    let folded = header.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    folded != header && (folded.starts_with("mcp-param-") || matches!(folded.as_str(), "mcp-method" | "mcp-name"))
}

fn calls(messages: &Messages) -> impl Iterator<Item = (&Message, &message::Call)> {
    messages.all.iter().filter_map(|message| match message {
        Message::Call(call) => Some((message, call)),
        _ => None,
    })
}

impl McpRefusal {
    /// This, as the answer to a message.
    pub(super) fn in_message(self, id: Option<&Id>) -> McpRefusal {
        McpRefusal::InMessage { id: id.cloned(), why: Box::new(self) }
    }
}
