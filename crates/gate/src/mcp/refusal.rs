//! Why an MCP server is not asked, or its answer not passed on.

use gangplank_authn::Scope;
use gangplank_jose::{Fault, Reason};

use super::{MessageId, ToolRefusal};

/// See the module.
#[derive(Clone, Debug, thiserror::Error)]
pub enum McpRefusal {
    // Whose page is it?
    /// A page that is neither ours nor configured.
    #[error("asked for by a page of {0}")]
    OriginForeign(String),

    // Where does one get a token?
    /// No resource is there.
    #[error("no MCP server at {0} of this host")]
    MetadataUnknown(String),
    /// The provider's metadata could not be had.
    #[error("the metadata of {issuer} could not be had: {cause}")]
    MetadataUnavailable {
        /// The issuer, by its name in the configuration.
        issuer: String,
        /// What came instead.
        cause: String,
    },

    // Whose session is it?
    /// Session ids that none of ours can be.
    #[error("the request brings {0}")]
    SessionMalformed(&'static str),
    /// A session that is not this caller's, on this route.
    #[error("{user} brings a session id that {problem}")]
    SessionForeign {
        /// The caller.
        user: String,
        /// What about it.
        problem: &'static str,
    },
    /// The upstream gives out an id that can't be bound.
    #[error("{upstream} gave out {problem}")]
    SessionUnfit {
        /// The upstream.
        upstream: String,
        /// What about it.
        problem: &'static str,
    },
    /// The upstream begins a session of the transport that has it in URLs.
    #[error("{0} began a session of the HTTP+SSE transport of 2024-11-05")]
    LegacyTransport(String),
    /// A stream that can't be looked at.
    #[error("{0} encodes its event stream")]
    EventsEncoded(String),

    // What is asked?
    /// A check of forward-auth, where the messages would have to be read.
    #[error("the route {0} has rules about messages, and forward-auth shows none")]
    MessagesUnseen(String),
    /// A body beyond the limit.
    #[error("the body is larger than {0} bytes")]
    BodyTooLarge(u64),
    /// A body that would have to be decoded to be measured.
    #[error("the body is encoded")]
    BodyEncoded,
    /// The token is good, and was given for less.
    #[error("{user} may not use {asked}: {}", wanting(needed))]
    InsufficientScope {
        /// The caller.
        user: String,
        /// What they wanted to use.
        asked: String,
        /// Any of these would do.
        needed: Vec<Scope>,
    },
    /// The messages, or what they ask for.
    #[error(transparent)]
    Tool(#[from] ToolRefusal),
    /// One message of the body is refused, and whoever waits for its answer is to know.
    #[error("{why}")]
    InMessage {
        /// Its id, unless it is a notification.
        id: Option<MessageId>,
        /// Why.
        why: Box<McpRefusal>,
    },
}

fn wanting(needed: &[Scope]) -> String {
    let needed: Vec<&str> = needed.iter().map(Scope::as_str).collect();
    format!("the token has none of the scopes {}", needed.join(", "))
}

macro_rules! catalogue {
    ($($konst:ident = $name:literal, $fault:ident, $summary:literal, $remedy:literal;)*) => {
        $(const $konst: Reason = Reason { name: $name, fault: Fault::$fault, summary: $summary, remedy: $remedy };)*
        impl McpRefusal {
            /// This room's entries of the catalogue.
            pub const REASONS: &'static [&'static Reason] = &[$(&$konst),*];
        }
    };
}

catalogue! {
    ORIGIN = "mcp-origin-foreign", Caller, "A page of an origin that is not configured called an MCP server.",
        "Add the origin to the route's mcp.origins, if it is a client that you mean to let in.";
    METADATA_UNKNOWN = "mcp-metadata-unknown", Caller, "Metadata were asked for, and there is no such MCP server.",
        "Ask at the URL that the challenge of the 401 names; a host with several MCP routes has no metadata without a path.";
    METADATA_UNAVAILABLE = "mcp-metadata-unavailable", Provider, "The provider's metadata, which clients ask us for, could not be had.",
        "See that the issuer's metadata can be reached from here; it is asked again after half a minute.";
    SESSION_MALFORMED = "mcp-session-malformed", Caller, "Mcp-Session-Id is there several times, or holds what no session id can be.",
        "Send the one session id that the server gave out, unchanged.";
    SESSION_FOREIGN = "mcp-session-foreign", Caller, "The session id was not given out to this caller on this route.",
        "Begin a new session (clients do so at a 404); if all sessions are lost, give all replicas the same cookies.keys.";
    SESSION_UNFIT = "mcp-session-unfit", Upstream, "The MCP server gave out a session id that is none, several, or too long.",
        "Let the server give out one id of at most 512 visible ASCII characters.";
    LEGACY = "mcp-legacy-transport", Operator, "The MCP server speaks the HTTP+SSE transport of 2024-11-05, which has session ids in URLs.",
        "Use the server's Streamable HTTP endpoint, or set mcp.legacy_sse = true on the route.";
    EVENTS_ENCODED = "mcp-events-encoded", Upstream, "The MCP server compresses its event streams though it was asked not to.",
        "Switch compression off for the MCP server.";
    MESSAGES_UNSEEN = "mcp-messages-unseen", Operator, "A proxy asks whether a request for an MCP server may pass, and the route has rules about its messages, which the proxy does not show.",
        "Let the proxy send requests for this route through the gate, to its upstream, instead of asking.";
    BODY_TOO_LARGE = "mcp-body-too-large", Caller, "The body of the request is larger than the route's mcp.body_limit.",
        "Send less, or raise mcp.body_limit.";
    BODY_ENCODED = "mcp-body-encoded", Caller, "The body of the request has a Content-Encoding, so its size and meaning cannot be seen.",
        "Send JSON without Content-Encoding.";
    INSUFFICIENT_SCOPE = "insufficient-scope", Caller, "The token is good, and was not given for what is asked.",
        "Get a token with one of the scopes that the challenge names; if nobody can, see which scopes the application has consent for.";
}

impl McpRefusal {
    /// The catalogue entry.
    pub fn reason(&self) -> &'static Reason {
        match self {
            McpRefusal::OriginForeign(_) => &ORIGIN,
            McpRefusal::MetadataUnknown(_) => &METADATA_UNKNOWN,
            McpRefusal::MetadataUnavailable { .. } => &METADATA_UNAVAILABLE,
            McpRefusal::SessionMalformed(_) => &SESSION_MALFORMED,
            McpRefusal::SessionForeign { .. } => &SESSION_FOREIGN,
            McpRefusal::SessionUnfit { .. } => &SESSION_UNFIT,
            McpRefusal::LegacyTransport(_) => &LEGACY,
            McpRefusal::EventsEncoded(_) => &EVENTS_ENCODED,
            McpRefusal::MessagesUnseen(_) => &MESSAGES_UNSEEN,
            McpRefusal::BodyTooLarge(_) => &BODY_TOO_LARGE,
            McpRefusal::BodyEncoded => &BODY_ENCODED,
            McpRefusal::InsufficientScope { .. } => &INSUFFICIENT_SCOPE,
            McpRefusal::Tool(refusal) => refusal.reason(),
            McpRefusal::InMessage { why, .. } => why.reason(),
        }
    }
}
