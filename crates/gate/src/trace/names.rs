//! The names of spans and of their attributes. Those without `gangplank.` are OpenTelemetry's own (semantic conventions for
//! HTTP, and for MCP as far as they are settled).

/// The span of an authentication: the credential, and whether its holder may.
pub(super) const AUTHENTICATE: &str = "authenticate";

/// One of the methods of RFC 9110 and RFC 5789, or `_OTHER`.
pub(super) const METHOD: &str = "http.request.method";
/// The status of the answer.
pub(super) const STATUS: &str = "http.response.status_code";
/// The configured path.
pub(super) const HTTP_ROUTE: &str = "http.route";
/// Without query, and without what looks like a secret.
pub(super) const URL_PATH: &str = "url.path";
/// Of `gate.public_url`.
pub(super) const URL_SCHEME: &str = "url.scheme";
/// As `url.path`, with scheme and host before it.
pub(super) const URL_FULL: &str = "url.full";
/// Who was asked, or is.
pub(super) const SERVER_ADDRESS: &str = "server.address";
/// At which port.
pub(super) const SERVER_PORT: &str = "server.port";
/// Who asks: the peer, or whom a trusted proxy names.
pub(super) const CLIENT_ADDRESS: &str = "client.address";
/// The other end of the connection.
pub(super) const PEER_ADDRESS: &str = "network.peer.address";
/// `1.1`, `2`.
pub(super) const PROTOCOL_VERSION: &str = "network.protocol.version";
/// What the caller says of its program.
pub(super) const USER_AGENT: &str = "user_agent.original";
/// The name of a refusal, or a status.
pub(super) const ERROR_TYPE: &str = "error.type";

/// The method of a JSON-RPC message.
pub(super) const MCP_METHOD: &str = "mcp.method.name";
/// The tool that is called.
pub(super) const TOOL: &str = "gen_ai.tool.name";

/// The configuration's name of the route.
pub(super) const ROUTE: &str = "gangplank.route";
/// By which logs, pages and `gangplank explain` know the request.
pub(super) const REQUEST_ID: &str = "gangplank.request_id";
/// The name of the refusal, whoever's fault it is.
pub(super) const REFUSAL: &str = "gangplank.refusal";
/// The caller went away before there was an answer.
pub(super) const ABANDONED: &str = "gangplank.abandoned";
/// The cluster that was chosen.
pub(super) const TARGET: &str = "gangplank.target";
/// `allowed`, `refused`, or `undecided`.
pub(super) const AUTH_OUTCOME: &str = "gangplank.auth.outcome";
/// By what the caller was known.
pub(super) const AUTH_METHOD: &str = "gangplank.auth.method";
/// The configuration's name of the issuer.
pub(super) const AUTH_ISSUER: &str = "gangplank.auth.issuer";
/// The configuration's name of the exchange.
pub(super) const EXCHANGE: &str = "gangplank.exchange";
/// How tokens are exchanged there.
pub(super) const STRATEGY: &str = "gangplank.exchange.strategy";
/// `hit` or `miss`.
pub(super) const CACHE: &str = "gangplank.exchange.cache";
/// `exchanged`, or the name of the refusal.
pub(super) const RESULT: &str = "gangplank.exchange.result";
