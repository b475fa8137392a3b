//! What is known of a request before anybody is asked who sent it.

use std::net::IpAddr;

use gangplank_jose::UnixTime;

/// One request, as the client made it: a proxy in front has already been seen through, if it is trusted.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The request id: ours, or a trusted proxy's.
    pub id: String,
    /// When it arrived.
    pub now: UnixTime,
    /// The client's address: the peer, or what a trusted proxy says.
    pub client: IpAddr,
    /// The method the client used.
    pub method: http::Method,
    /// The host the client asked for, lower case, with the port if it named one. Untrusted until a route has matched.
    pub authority: String,
    /// The path the client asked for, percent-encoded as sent.
    pub path: String,
    /// The query without its question mark.
    pub query: Option<String>,
    /// Whether this is a browser going to a page (it may be redirected and shown pages), or a program (it gets a
    /// status and JSON). Decided by `Sec-Fetch-Mode`, `Sec-Fetch-Dest`, `Accept`, the method and `Authorization`.
    pub navigation: bool,
}
