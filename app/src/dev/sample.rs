//! The app behind the gate. It knows nothing of sign-in: what it shows is what it was told in headers.
//!
//! * `/events`: a server-sent event per second, until the connection is cut
//! * `/echo`: method, path, headers and body as JSON
//! * `/assets/sample.css`
//! * anything else: the page, or the same as JSON for `Accept: application/json`

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use askama::Template;
use bytes::Bytes;
use gangplank_gate::Body;
use gangplank_jose::UnixTime;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Limited};
use serde::Serialize;

const STYLE: &str = include_str!("../../static/sample.css");
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// The largest body that is echoed.
const ECHOED: usize = 64 << 10;

/// Answers one request.
pub async fn answer<B>(request: Request<B>, now: UnixTime) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match request.uri().path() {
        "/assets/sample.css" => reply(StatusCode::OK, "text/css; charset=utf-8", STYLE),
        "/events" => reply(StatusCode::OK, "text/event-stream", events()),
        "/echo" => echo(request).await,
        _ => page(&request, now),
    }
}

fn page<B>(request: &Request<B>, now: UnixTime) -> Response<Body> {
    let caller = Caller::of(request.headers(), now);
    let path = request.uri().path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let headers = shown(request.headers());
    let accept = request.headers().get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if accept.contains("application/json") && !accept.contains("text/html") {
        return json(StatusCode::OK, &serde_json::json!({ "caller": caller, "path": path, "headers": headers }));
    }
    match (Page { caller, path, headers }).render() {
        Ok(html) => reply(StatusCode::OK, "text/html; charset=utf-8", html),
        Err(_) => reply(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "the page could not be made\n"),
    }
}

async fn echo<B>(request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, ECHOED).collect().await else {
        return reply(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", "more than is echoed\n");
    };
    json(
        StatusCode::OK,
        &serde_json::json!({
            "method": head.method.as_str(),
            "path": head.uri.path_and_query().map_or("/", |p| p.as_str()),
            "headers": shown(&head.headers),
            "body": String::from_utf8_lossy(&body.to_bytes()),
        }),
    )
}

/// Who the gate says is calling.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Caller {
    signed_in: bool,
    name: String,
    user: Option<String>,
    email: Option<String>,
    groups: Vec<String>,
    session_ends: Option<String>,
    #[serde(skip)]
    session_left: Option<String>,
}

impl Caller {
    pub(super) fn of(headers: &HeaderMap, now: UnixTime) -> Self {
        let get = |name: &str| {
            let text = headers.get(name)?.as_bytes();
            Some(String::from_utf8_lossy(text).into_owned()).filter(|t| !t.is_empty())
        };
        let user = get("x-auth-request-user");
        let email = get("x-auth-request-email");
        let name = get("x-auth-request-preferred-username").or_else(|| email.clone()).or_else(|| user.clone());
        let groups = get("x-auth-request-groups").unwrap_or_default();
        let session_ends = get("x-auth-request-expires");
        Caller {
            signed_in: user.is_some() || name.is_some(),
            name: name.unwrap_or_else(|| "somebody".to_owned()),
            user,
            email,
            groups: groups.split(',').map(str::trim).filter(|g| !g.is_empty()).map(str::to_owned).collect(),
            session_left: session_ends.as_deref().and_then(seconds_of).map(|ends| left(ends, now.as_secs())),
            session_ends,
        }
    }

    fn facts(&self) -> Vec<(&'static str, &str, Option<&str>)> {
        let ends = self.session_ends.as_deref();
        let left = self.session_left.as_deref();
        let facts = [
            ("User", self.user.as_deref(), None),
            ("E-mail", self.email.as_deref(), None),
            ("Your session ends", left.or(ends), left.and(ends)),
        ];
        facts.into_iter().filter_map(|(name, value, detail)| Some((name, value?, detail))).collect()
    }
}

#[derive(Template)]
#[template(path = "sample.html")]
struct Page {
    caller: Caller,
    path: String,
    headers: Vec<Shown>,
}

/// A header as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    value: String,
    #[serde(skip)]
    identity: bool,
}

/// What was received, identity first. A credential that a route passes on is told, not shown.
fn shown(headers: &HeaderMap) -> Vec<Shown> {
    let mut all: Vec<Shown> = headers
        .iter()
        .map(|(name, value)| Shown {
            name: name.as_str().to_owned(),
            value: if is_credential(name) {
                format!("({} bytes, not shown)", value.len())
            } else {
                String::from_utf8_lossy(value.as_bytes()).into_owned()
            },
            identity: name.as_str().starts_with("x-auth-request-"),
        })
        .collect();
    all.sort_by(|a, b| b.identity.cmp(&a.identity).then_with(|| a.name.cmp(&b.name)));
    all
}

fn is_credential(name: &HeaderName) -> bool {
    *name == header::AUTHORIZATION || name.as_str().ends_with("-access-token")
}

/// Seconds since 1970 of `2026-11-22T10:00:00Z`.
fn seconds_of(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.split('-').map(|n| n.parse::<u64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.split(':').map(|n| n.split('.').next().and_then(|n| n.parse::<u64>().ok()));
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years that begin in March: the leap day is then the last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

fn left(ends: u64, now: u64) -> String {
    match ends.saturating_sub(now) {
        0 => "now".to_owned(),
        seconds @ 1..120 => format!("in {seconds} s"),
        seconds @ 120..7_200 => format!("in {} min", seconds / 60),
        seconds => format!("in {} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

fn events() -> Body {
    Body::Stream(UnsyncBoxBody::new(Ticks::new()))
}

/// An event per second, for ever: whoever opened it is cut off from outside.
struct Ticks {
    clock: tokio::time::Interval,
    count: u64,
}

impl Ticks {
    fn new() -> Self {
        Ticks { clock: tokio::time::interval(Duration::from_secs(1)), count: 0 }
    }
}

impl http_body::Body for Ticks {
    type Data = Bytes;
    type Error = gangplank_gate::body::BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        std::task::ready!(this.clock.poll_tick(cx));
        this.count += 1;
        Poll::Ready(Some(Ok(Frame::data(format!("id: {0}\ndata: tick {0}\n\n", this.count).into()))))
    }
}

pub(super) fn json(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    reply(status, "application/json", format!("{value:#}\n"))
}

fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Empty;

    async fn ask(path: &str, headers: &[(&str, &str)]) -> (Response<()>, String) {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = answer(request.body(Empty::<Bytes>::new()).unwrap(), UnixTime::from_secs(1_795_305_631)).await;
        let (head, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        (Response::from_parts(head, ()), text)
    }

    const ALICE: [(&str, &str); 4] = [
        ("x-auth-request-user", "oid-1"),
        ("x-auth-request-preferred-username", "alice@dev.test"),
        ("x-auth-request-groups", "g1,g2"),
        ("x-auth-request-expires", "2026-11-22T10:00:31Z"),
    ];

    #[tokio::test]
    async fn the_page_says_who_it_is_and_when_that_ends() {
        let (head, page) = ask("/x?y=1", &ALICE).await;
        assert!(page.contains("Welcome aboard, alice@dev.test"), "{page}");
        assert!(page.contains("<code>g2</code>") && page.contains("/x?y=1"));
        assert!(page.contains("in 10 h 0 min"), "{page}");
        assert!(head.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("default-src 'none'"));
    }

    #[tokio::test]
    async fn what_it_received_is_escaped_and_credentials_are_not_shown() {
        let hostile = [("x-evil", "<script>alert(1)</script>"), ("authorization", "Bearer hunter2")];
        let (_, page) = ask("/", &hostile).await;
        assert!(!page.contains("<script>") && !page.contains("hunter2"), "{page}");
        assert!(page.contains("Nobody told this app"));
    }

    #[tokio::test]
    async fn programs_get_json() {
        let mut headers = ALICE.to_vec();
        headers.push(("accept", "application/json"));
        let value: serde_json::Value = serde_json::from_str(&ask("/", &headers).await.1).unwrap();
        assert_eq!(value["caller"]["groups"], serde_json::json!(["g1", "g2"]));
        assert_eq!(value["caller"]["name"], "alice@dev.test");
    }

    #[test]
    fn instants_are_read_as_they_are_written() {
        assert_eq!(seconds_of("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds_of("2000-02-29T00:00:00Z"), Some(951_782_400));
        assert_eq!(seconds_of("2026-11-22T00:00:31.5Z"), Some(1_795_305_631));
        for bad in ["", "2026-11-22", "2026-13-01T00:00:00Z", "0000-00-00T00:00:00Z", "x-y-zTa:b:cZ"] {
            assert_eq!(seconds_of(bad), None, "{bad}");
        }
    }
}
