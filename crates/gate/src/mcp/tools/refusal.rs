//! Why a message is not passed on to an MCP server, or an answer of it to the caller.

use gangplank_jose::{Excerpt, Fault, Reason};

/// See the module. What callers chose is cut and printable; values of arguments are never in it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ToolRefusal {
    // Is it a message, and one only?
    /// Not JSON, or JSON that two readers could take in two ways.
    #[error("the body is not JSON that can be read in one way only: {0}")]
    NotJson(Excerpt),
    /// JSON, and no message of the protocol.
    #[error("the body is not JSON-RPC: {0}")]
    NotJsonRpc(&'static str),
    /// Not said to be JSON in UTF-8.
    #[error("the request has {0}")]
    MediaType(&'static str),
    /// A name that a reader which ignores case takes for another one.
    #[error("the name {0:?} can be taken for one that is spelled differently")]
    Lookalike(Excerpt),
    /// What a header repeats is not what it repeats.
    #[error("the header {0} does not say what the body says")]
    HeaderMismatch(&'static str),
    /// A method of HTTP by which no message comes.
    #[error("{0} on an MCP server")]
    HttpMethod(Excerpt),

    // May they call it?
    /// A name that a server may take for another one.
    #[error("{0:?} is not a plain name of a tool")]
    ToolName(Excerpt),
    /// No rule admits the call.
    #[error("{user} may not call {tool}: {unmet}")]
    Forbidden {
        /// The caller.
        user: String,
        /// The tool.
        tool: Excerpt,
        /// What the rules that name it lacked.
        unmet: String,
    },

    // For which cluster?
    /// The argument is not there, and has no default.
    #[error("the call does not say for which cluster: no argument {argument}; accepted are {accepted}")]
    TargetMissing {
        /// The name of the argument.
        argument: String,
        /// What could stand there.
        accepted: String,
    },
    /// The argument is none of the clusters.
    #[error("the argument {argument} is {found}; accepted are {accepted}")]
    TargetUnknown {
        /// The name of the argument.
        argument: String,
        /// What stands there.
        found: Excerpt,
        /// What could.
        accepted: String,
    },
    /// The cluster's own rules do not admit the caller.
    #[error("{user} may not choose the cluster {cluster}: {unmet}")]
    TargetForbidden {
        /// The caller.
        user: String,
        /// The cluster.
        cluster: String,
        /// Why.
        unmet: String,
    },
    /// One body, two clusters.
    #[error("the messages of one body are for {0} and {1}")]
    TargetsDiffer(String, String),

    // May they see the answer?
    /// Compressed, though we asked that it should not be.
    #[error("the answer is compressed, and tools would have to be taken out of it")]
    AnswerCompressed,
    /// Nobody can tell which tools it lists.
    #[error("tools would have to be taken out of the answer, and it cannot be read: {0}")]
    AnswerUnreadable(Excerpt),
    /// One message that is larger than what is kept in memory for this.
    #[error("tools may have to be taken out of the answer, and one message of it is larger than {0} bytes")]
    AnswerTooLarge(usize),
}

macro_rules! catalogue {
    ($($konst:ident = $name:literal, $fault:ident, $summary:literal, $remedy:literal;)*) => {
        $(const $konst: Reason = Reason { name: $name, fault: Fault::$fault, summary: $summary, remedy: $remedy };)*
        impl ToolRefusal {
            /// This room's entries of the catalogue.
            pub const REASONS: &'static [&'static Reason] = &[$(&$konst),*];
        }
    };
}

catalogue! {
    NOT_JSON = "mcp-not-json", Caller, "The body of a POST to an MCP server is not JSON, or is JSON that two readers could take in two ways.",
        "Send JSON in UTF-8, each member once, nothing behind it, at most 64 levels and 100,000 values.";
    NOT_JSON_RPC = "mcp-not-json-rpc", Caller, "The body of a POST to an MCP server is no message of the protocol.",
        "Send one JSON-RPC 2.0 message, or a batch of at most 50.";
    MEDIA_TYPE = "mcp-media-type", Caller, "The body of a POST to an MCP server is not said to be plain JSON in UTF-8.",
        "Send Content-Type: application/json, and no Content-Encoding.";
    LOOKALIKE = "mcp-lookalike", Caller, "A name in the message differs only by case from the one that counts, and some servers take one for the other.",
        "Write the members of the protocol, the tool and its arguments as the server declares them.";
    HEADER_MISMATCH = "mcp-header-mismatch", Caller, "A header that repeats a part of the body (Mcp-Method, Mcp-Name, Mcp-Param-…) says something else.",
        "Send each of these headers once, with what the body says, or not at all.";
    HTTP_METHOD = "mcp-http-method", Caller, "The transport of MCP does not have this HTTP method.",
        "Use POST for messages, GET for streams and DELETE for the end of a session.";
    TOOL_NAME = "mcp-tool-name", Caller, "The name of the tool has characters that no tool's name has, or more than 128.",
        "Call tools by their names as tools/list has them: A-Z a-z 0-9 _ - . /.";
    FORBIDDEN = "mcp-tool-denied", Caller, "The caller is known, and no rule admits this call of this tool.",
        "Add a rule to the route's mcp.tools that names the tool and admits the caller, or correct the arguments that its when asks for.";
    TARGET_MISSING = "mcp-target-missing", Caller, "The call of a tool does not say for which cluster it is, and there is no default.",
        "Give the argument that mcp.target.argument names, or set mcp.target.default.";
    TARGET_UNKNOWN = "mcp-target-unknown", Caller, "The argument that chooses the cluster holds none of those that the route has.",
        "Use one of the names in mcp.target.clusters.";
    TARGET_FORBIDDEN = "mcp-target-denied", Caller, "The caller is known, and the rules of the cluster that the call chooses do not admit them.",
        "Add the caller to the allow of that cluster, or choose another one.";
    TARGETS_DIFFER = "mcp-targets-differ", Caller, "The messages of one body choose different clusters, and one token goes with all of them.",
        "Send the calls one by one.";
    ANSWER_COMPRESSED = "mcp-answer-compressed", Upstream, "The MCP server compressed its answer though it was asked not to, so tools cannot be taken out of it.",
        "Switch compression off in the server, or in what stands between it and the gate.";
    ANSWER_UNREADABLE = "mcp-answer-unreadable", Upstream, "The MCP server's answer seems to list tools and is no JSON that can be read in one way only.",
        "See what the server sends: each member once, no NaN, UTF-8.";
    ANSWER_TOO_LARGE = "mcp-answer-too-large", Upstream, "A message of the MCP server is larger than what is held in memory to take tools out of it.",
        "Let the server answer in pages, or leave the rules about tools out for this server.";
}

impl ToolRefusal {
    /// The catalogue entry.
    pub fn reason(&self) -> &'static Reason {
        match self {
            ToolRefusal::NotJson(_) => &NOT_JSON,
            ToolRefusal::NotJsonRpc(_) => &NOT_JSON_RPC,
            ToolRefusal::MediaType(_) => &MEDIA_TYPE,
            ToolRefusal::Lookalike(_) => &LOOKALIKE,
            ToolRefusal::HeaderMismatch(_) => &HEADER_MISMATCH,
            ToolRefusal::HttpMethod(_) => &HTTP_METHOD,
            ToolRefusal::ToolName(_) => &TOOL_NAME,
            ToolRefusal::Forbidden { .. } => &FORBIDDEN,
            ToolRefusal::TargetMissing { .. } => &TARGET_MISSING,
            ToolRefusal::TargetUnknown { .. } => &TARGET_UNKNOWN,
            ToolRefusal::TargetForbidden { .. } => &TARGET_FORBIDDEN,
            ToolRefusal::TargetsDiffer(..) => &TARGETS_DIFFER,
            ToolRefusal::AnswerCompressed => &ANSWER_COMPRESSED,
            ToolRefusal::AnswerUnreadable(_) => &ANSWER_UNREADABLE,
            ToolRefusal::AnswerTooLarge(_) => &ANSWER_TOO_LARGE,
        }
    }
}
