//! From a request to a question, within bounds.

use std::time::Duration;

use bytes::Bytes;
use gangplank_authn::token_review::TokenReviewRequest;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use http::request::Parts;
use http::{HeaderValue, Method};
use http_body_util::{BodyExt, Limited};

use super::refusal::TokenReviewRefusal;
use crate::body::BodyError;
use crate::route::shown;

/// The largest token that is judged.
pub(super) const MAX_TOKEN: usize = 64 << 10;
/// The largest review: such a token, and what is around it.
const MAX_BODY: usize = MAX_TOKEN + (64 << 10);
/// How long the body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Reads a question, if it is one that is answered at `path`.
pub(super) async fn read<B>(head: &Parts, body: B, path: Option<&str>) -> Result<TokenReviewRequest, TokenReviewRefusal>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    if head.method != Method::POST {
        return Err(TokenReviewRefusal::Method(shown(&head.method)));
    }
    if let Some(path) = path.filter(|path| *path != head.uri.path()) {
        return Err(TokenReviewRefusal::Path(path.to_owned()));
    }
    is_json(&head.headers)?;
    let body = match tokio::time::timeout(BODY_TIME, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            return Err(TokenReviewRefusal::TooLarge(MAX_BODY));
        }
        Ok(Err(_)) | Err(_) => return Err(TokenReviewRefusal::Broken),
    };
    Ok(TokenReviewRequest::parse(&body)?)
}

/// What does not say what it is, is taken for JSON.
fn is_json(headers: &HeaderMap) -> Result<(), TokenReviewRefusal> {
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(TokenReviewRefusal::NotJson("encoded"));
    }
    let json = |value: &HeaderValue| {
        let essence = value.to_str().ok().and_then(|text| text.split(';').next()).unwrap_or_default();
        essence.trim().eq_ignore_ascii_case("application/json")
    };
    if headers.get_all(CONTENT_TYPE).iter().all(json) {
        Ok(())
    } else {
        Err(TokenReviewRefusal::NotJson("of another type"))
    }
}
