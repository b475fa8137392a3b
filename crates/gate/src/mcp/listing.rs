//! Lists of tools show only what the caller may use.
//!
//! 1. Where no rule could hide a tool, nothing is looked at.
//! 2. Servers are asked for plain answers. What is compressed all the same cannot be looked at, and is not passed on.
//! 3. `application/json` is read whole and cut ([`cut`]); an event stream is cut event by event ([`events`]), in the answer
//!    to a POST as in the streams that a GET opens or resumes. Anything else is no answer of the protocol.
//! 4. What cannot be read is not passed on: the answer is refused, or breaks off.

mod cut;
mod events;
mod stream;

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderName};
use http_body_util::{BodyExt, Limited};

pub use self::cut::{Shows, cut};
pub use self::events::Events;
use self::events::LARGEST;
use self::stream::Cutting;
use super::McpRefusal;
use super::tools::{Shown, ToolRefusal};
use crate::Body;

const DIGESTS: [HeaderName; 4] = [
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("content-md5"),
];

impl Shows for Shown {
    fn shows(&self, tool: &str) -> bool {
        Shown::shows(self, tool)
    }
}

/// Rules 2 to 4, of an answer.
pub(crate) async fn filter(response: Response<Body>, shown: Shown) -> Result<Response<Body>, McpRefusal> {
    if http_body::Body::is_end_stream(response.body()) {
        return Ok(response);
    }
    let Some(kind) = Kind::of(response.headers()) else { return Ok(response) };
    if response.headers().get_all(CONTENT_ENCODING).iter().any(|v| !v.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(ToolRefusal::AnswerCompressed.into());
    }
    let (mut head, body) = response.into_parts();
    let body = match kind {
        Kind::Events => Cutting::body(body, shown),
        Kind::Json => {
            let whole = read(body).await?;
            match cut(&whole, &shown)? {
                Some(left) => {
                    forget(&mut head.headers);
                    Body::from(left)
                }
                None => Body::from(whole),
            }
        }
    };
    if kind == Kind::Events {
        forget(&mut head.headers);
    }
    Ok(Response::from_parts(head, body))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    Events,
}

impl Kind {
    /// What says nothing about itself could be JSON.
    fn of(headers: &HeaderMap) -> Option<Kind> {
        let Some(value) = headers.get(CONTENT_TYPE) else { return Some(Kind::Json) };
        let essence = value.as_bytes().split(|octet| matches!(octet, b';' | b',')).next().unwrap_or_default();
        let essence = essence.trim_ascii().to_ascii_lowercase();
        match essence.as_slice() {
            b"text/event-stream" => Some(Kind::Events),
            b"application/json" | b"text/json" | b"" => Some(Kind::Json),
            other => other.ends_with(b"+json").then_some(Kind::Json),
        }
    }
}

async fn read(body: Body) -> Result<Bytes, McpRefusal> {
    match Limited::new(body, LARGEST).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(ToolRefusal::AnswerTooLarge(LARGEST).into())
        }
        Err(error) => {
            let why = gangplank_jose::Excerpt::of(&format!("it broke off: {error}"));
            Err(ToolRefusal::AnswerUnreadable(why).into())
        }
    }
}

/// What is no longer true of what is left.
fn forget(headers: &mut HeaderMap) {
    headers.remove(CONTENT_LENGTH);
    headers.remove(ETAG);
    for digest in &DIGESTS {
        headers.remove(digest);
    }
}
