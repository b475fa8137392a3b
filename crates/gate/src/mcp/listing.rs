//! Lists of tools show only what the caller may use.
//!
//! 1. Where no rule could hide a tool, nothing is looked at.
//! 2. Servers are asked for plain answers. What is compressed all the same cannot be looked at, and is not passed on.
//! 3. What could be JSON (`…json…`, `text/…`, or nothing said) is read whole and cut ([`cut`]); an event stream is cut event by
//!    event ([`events`]), in the answer to a POST as in the streams that a GET opens or resumes. Both are UTF-8, without a byte
//!    order mark. Anything else is no answer of the protocol.
//! 4. What cannot be read is not passed on: the answer is refused, or breaks off.

mod cut;
mod events;
mod stream;

use bytes::Bytes;
use gangplank_jose::Excerpt;
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
    let Some(kind) = Kind::of(response.headers())? else { return Ok(response) };
    if response.headers().get_all(CONTENT_ENCODING).iter().any(|v| !v.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(ToolRefusal::AnswerCompressed.into());
    }
    let (mut head, body) = response.into_parts();
    let body = match kind {
        Kind::Events => Cutting::body(body, shown),
        Kind::Json => {
            let whole = read(body).await?;
            if whole.starts_with(b"\xef\xbb\xbf") || memchr::memchr(0, &whole).is_some() {
                return Err(unreadable("it is not plain UTF-8").into());
            }
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
    fn of(headers: &HeaderMap) -> Result<Option<Kind>, ToolRefusal> {
        let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(Some(Kind::Json)) };
        let value = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        let mut parts = value.split([';', ',']).map(str::trim);
        let kind = match parts.next().unwrap_or_default() {
            "text/event-stream" => Kind::Events,
            "" => Kind::Json,
            other if other.starts_with("text/") || other.contains("json") => Kind::Json,
            _ => return Ok(None),
        };
        let other_charset = |part: &str| {
            let charset = part.strip_prefix("charset=").map(|charset| charset.trim_matches('"'));
            charset.is_some_and(|charset| !matches!(charset, "utf-8" | "utf8" | "us-ascii"))
        };
        if parts.any(other_charset) {
            return Err(unreadable("it is said not to be UTF-8"));
        }
        Ok(Some(kind))
    }
}

fn unreadable(why: &str) -> ToolRefusal {
    ToolRefusal::AnswerUnreadable(Excerpt::of(why))
}

async fn read(body: Body) -> Result<Bytes, McpRefusal> {
    match Limited::new(body, LARGEST).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(ToolRefusal::AnswerTooLarge(LARGEST).into())
        }
        Err(error) => Err(unreadable(&format!("it broke off: {error}")).into()),
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
