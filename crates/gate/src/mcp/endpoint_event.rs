//! The HTTP+SSE transport of 2024-11-05: the stream of a GET begins with an event that tells the client where to POST, and
//! the session is in that URL.
//!
//! 1. Unless the route has `legacy_sse`, such a stream breaks off before the client learns of its session: what nobody has,
//!    nobody can take over. Nor does a POST pass that names a session in its query, which somebody may have begun elsewhere.
//! 2. With it, the client learns a URL with a tag behind ([`session`](super::session)): over path and query, for this caller
//!    and this route. Of the upstream's URL the path and the query count, so that clients stay with us.
//! 3. A POST with a query must bring such a tag, and the upstream sees it without. An upstream with the session elsewhere than in
//!    the query is refused as in rule 1.
//! 4. Only the first event is looked at as a whole, and only that one may tell an endpoint. Everything else passes as it comes.

use bytes::Bytes;
use url::Url;

use super::McpRefusal;
use super::session::{Sessions, Whose};

/// The parameter that holds the tag, and the URL's last.
const PARAMETER: &str = "gangplank_session";
/// The longest first event that may tell an endpoint.
const LONGEST: usize = 16 << 10;
/// As much of a line as it takes to see that it tells an endpoint.
const TELLING: usize = 32;

const PURPOSE: &str = "mcp endpoint";

/// What becomes of an endpoint that an upstream tells.
pub trait Endpoints: Send {
    /// The URL that the client is to learn. `told` is what the upstream says.
    ///
    /// # Errors
    /// There is none.
    fn of(&self, told: &str) -> Result<String, McpRefusal>;
    /// The reason why none is taken now.
    fn none(&self) -> McpRefusal;
}

/// A stream that is looked at.
pub struct Watched<E> {
    endpoints: E,
    state: State,
    /// Whether something of it went on: a mark (BOM) is one at the very beginning only.
    begun: bool,
}

enum State {
    /// The first event, as far as it has come.
    First(Vec<u8>),
    /// The line that is under way, as far as it could tell.
    Later(Vec<u8>),
}

impl<E: Endpoints> Watched<E> {
    /// Nothing has come.
    pub fn new(endpoints: E) -> Self {
        Watched { endpoints, state: State::First(Vec::new()), begun: false }
    }

    /// What of `bytes`, and of what came before, goes on to the client.
    ///
    /// # Errors
    /// The client must not have what comes now: the stream breaks off.
    pub fn pass(&mut self, bytes: Bytes) -> Result<Bytes, McpRefusal> {
        match &mut self.state {
            State::Later(line) => {
                if tells_later(line, &bytes) {
                    return Err(self.refused());
                }
                Ok(bytes)
            }
            State::First(held) => {
                held.extend_from_slice(&bytes);
                let mut out = Vec::new();
                while let Some(end) = end_of_block(held).filter(|end| *end <= LONGEST) {
                    let block: Vec<u8> = held.drain(..end).collect();
                    let text = without_mark(&block, self.begun);
                    self.begun = true;
                    match Event::read(text) {
                        Event::Nothing => out.extend_from_slice(&block),
                        Event::Endpoint(told) => {
                            let url = self.endpoints.of(&told)?;
                            out.extend_from_slice(format!("event: endpoint\ndata: {url}\n\n").as_bytes());
                            return self.later(out);
                        }
                        Event::Other => {
                            out.extend_from_slice(&block);
                            return self.later(out);
                        }
                    }
                }
                if held.len() > LONGEST {
                    return self.later(out);
                }
                Ok(out.into())
            }
        }
    }

    /// What is left when the stream ends.
    pub fn rest(&mut self) -> Bytes {
        match &mut self.state {
            // An event that was not finished is none.
            State::First(held) => std::mem::take(held).into(),
            State::Later(_) => Bytes::new(),
        }
    }

    fn later(&mut self, mut out: Vec<u8>) -> Result<Bytes, McpRefusal> {
        let State::First(held) = std::mem::replace(&mut self.state, State::Later(Vec::new())) else {
            return Ok(out.into());
        };
        let State::Later(line) = &mut self.state else { return Ok(out.into()) };
        if tells_later(line, without_mark(&held, self.begun)) {
            return Err(self.refused());
        }
        out.extend_from_slice(&held);
        Ok(out.into())
    }

    /// An endpoint told where none is taken.
    fn refused(&self) -> McpRefusal {
        self.endpoints.none()
    }
}

/// What a block of lines comes to (HTML, server-sent events §9.2.6).
enum Event {
    /// Comments, or a new time to wait.
    Nothing,
    Endpoint(String),
    Other,
}

impl Event {
    fn read(block: &[u8]) -> Event {
        let text = String::from_utf8_lossy(block);
        let (mut kind, mut data) = ("", None::<String>);
        for line in text.split(['\r', '\n']) {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => kind = value,
                "data" => data = Some(data.map_or(value.to_owned(), |data| format!("{data}\n{value}"))),
                _ => {}
            }
        }
        match (kind, data) {
            ("endpoint", told) => Event::Endpoint(told.unwrap_or_default()),
            (_, None) => Event::Nothing,
            _ => Event::Other,
        }
    }
}

/// A mark is no part of the stream's first line.
fn without_mark(bytes: &[u8], begun: bool) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").filter(|_| !begun).unwrap_or(bytes)
}

/// Behind the blank line that ends the first block.
fn end_of_block(bytes: &[u8]) -> Option<usize> {
    let mut line = 0;
    let mut at = 0;
    while let Some(end) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'\r', b'\n', rest)).map(|n| at + n) {
        let next = end + if bytes[end..].starts_with(b"\r\n") { 2 } else { 1 };
        if end == line {
            return Some(next);
        }
        (line, at) = (next, next);
    }
    None
}

/// Whether some line that ends in `bytes`, or goes on in them, tells an endpoint. `line` is what came of it before.
fn tells_later(line: &mut Vec<u8>, bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        let end = memchr::memchr2(b'\r', b'\n', rest);
        let part = &rest[..end.unwrap_or(rest.len())];
        let room = TELLING.saturating_sub(line.len());
        line.extend_from_slice(&part[..part.len().min(room)]);
        let Some(end) = end else { return false };
        let told = line.strip_prefix(b"event:");
        let told = told.is_some_and(|value| value.strip_prefix(b" ").unwrap_or(value) == b"endpoint");
        line.clear();
        if told {
            return true;
        }
        rest = &rest[end + 1..];
    }
}

/// Rule 1: whether a query names a session, as the SDKs do (`session_id`, `sessionId`) or in another spelling.
pub(super) fn names_a_session(query: &str) -> bool {
    let parameters = url::form_urlencoded::parse(query.as_bytes());
    parameters.into_iter().any(|(name, _)| {
        let folded: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        matches!(folded.as_str(), "sessionid" | "mcpsessionid")
    })
}

impl Sessions {
    /// Rule 2: the URL that a client learns. `at` is the path of the stream's own request.
    pub(super) fn endpoint(&self, told: &str, at: &str, caller: &Whose<'_>) -> Option<String> {
        let base = Url::parse("http://gate.invalid").and_then(|base| base.join(at)).ok()?;
        let url = base.join(told).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        let target = format!("{}?{}", url.path(), url.query().filter(|query| !query.is_empty())?);
        let tagged = self.tagged(PURPOSE, &target, caller)?;
        let tag = tagged.get(target.len() + 1..)?;
        Some(format!("{target}&{PARAMETER}={tag}"))
    }

    /// Rule 3: path and query as the upstream sees them.
    pub(super) fn posted_to<'t>(&self, target: &'t str, caller: &Whose<'_>) -> Result<&'t str, McpRefusal> {
        let (own, tag) = target.rsplit_once(&format!("&{PARAMETER}=")).unwrap_or((target, ""));
        let signed = format!("{own}.{tag}");
        self.check(PURPOSE, &signed, caller).map(|_| own)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use gangplank_authn::seal::KeyRing;
    use gangplank_authn::{Identity, Method};

    use super::*;

    struct Renamed;
    impl Endpoints for Renamed {
        fn of(&self, told: &str) -> Result<String, McpRefusal> {
            if told.is_empty() { Err(self.none()) } else { Ok(format!("[{told}]")) }
        }
        fn none(&self) -> McpRefusal {
            McpRefusal::LegacyTransport("x".into())
        }
    }

    /// What a client sees of a stream that comes in these parts, and whether it broke off.
    fn through(parts: &[&[u8]]) -> (String, bool) {
        let mut watched = Watched::new(Renamed);
        let mut out = Vec::new();
        for part in parts {
            match watched.pass(Bytes::copy_from_slice(part)) {
                Ok(passed) => out.extend_from_slice(&passed),
                Err(_) => return (String::from_utf8(out).unwrap(), true),
            }
        }
        out.extend_from_slice(&watched.rest());
        (String::from_utf8(out).unwrap(), false)
    }

    #[test]
    fn an_endpoint_is_rewritten_however_it_is_written_and_cut() {
        for stream in [
            "event: endpoint\ndata: /m?s=1\n\ndata: x\n\n",
            "event:endpoint\r\ndata:/m?s=1\r\n\r\ndata: x\n\n",
            "event: endpoint\rdata: /m?s=1\r\rdata: x\n\n",
            "\u{feff}event: endpoint\ndata: /m?s=1\n\ndata: x\n\n",
            "data: /m?s=1\nid: 1\nevent: endpoint\n\ndata: x\n\n",
            "event: message\nevent: endpoint\ndata: /m?s=1\n\ndata: x\n\n",
        ] {
            let expected = "event: endpoint\ndata: [/m?s=1]\n\ndata: x\n\n";
            assert_eq!(through(&[stream.as_bytes()]), (expected.to_owned(), false), "{stream:?}");
            let octets: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
            let (seen, broke_off) = through(&octets);
            // A line feed may come after its carriage return has been taken for a line's end.
            assert_eq!((seen.replace("\n\n\n", "\n\n").as_str(), broke_off), (expected, false), "{stream:?} by octets");
        }
        let (seen, _) = through(&[b": hello\n\nretry: 5\n\n", b"event: endpoint\ndata: /m?s=1\n\n"]);
        assert_eq!(seen, ": hello\n\nretry: 5\n\nevent: endpoint\ndata: [/m?s=1]\n\n");
    }

    #[test]
    fn every_other_stream_passes_as_it_comes() {
        let large = format!("data: {}\n\n", "x".repeat(3 * LONGEST));
        for stream in [
            "event: message\ndata: {\"a\":1}\n\nevent: message\ndata: event: endpoint\n\n",
            "data: endpoint\n\n",
            ": ping\n\n: ping\n\n",
            "id: 1\ndata:\n\n",
            "event: endpoints\ndata: /m\n\n",
            "event : endpoint\ndata: /m\n\n",
            "",
            "data: cut off",
            &large,
        ] {
            assert_eq!(through(&[stream.as_bytes()]), (stream.to_owned(), false), "{stream:.60}");
            let octets: Vec<&[u8]> = stream.as_bytes().chunks(7).collect();
            assert_eq!(through(&octets), (stream.to_owned(), false), "{stream:.60}");
        }
        // What is there goes on at once, without waiting for more.
        let mut watched = Watched::new(Renamed);
        assert_eq!(watched.pass(Bytes::from_static(b": ping\n\n")).unwrap(), ": ping\n\n");
        assert_eq!(watched.pass(Bytes::from_static(b"data: 1\n\ndata: 2")).unwrap(), "data: 1\n\ndata: 2");
        assert_eq!(watched.pass(Bytes::from_static(b"3\n\n")).unwrap(), "3\n\n");
    }

    #[test]
    fn an_endpoint_that_is_unfit_or_told_later_breaks_the_stream_off() {
        let large = format!("data: {}\nevent: endpoint\n\n", "x".repeat(2 * LONGEST));
        for stream in [
            "event: endpoint\n\n",
            "event: endpoint\ndata:\n\n",
            "data: 1\n\nevent: endpoint\ndata: /m?s=1\n\n",
            "data: 1\n\nevent:endpoint\r\ndata: /m?s=1\n\n",
            &large,
        ] {
            for size in [1, 5, 4096, usize::MAX] {
                let parts: Vec<&[u8]> = stream.as_bytes().chunks(size).collect();
                let (seen, broke_off) = through(&parts);
                assert!(broke_off && !seen.contains("/m?s=1"), "{stream:.60}: {seen:.60}");
            }
        }
    }

    #[test]
    fn a_session_in_a_query_is_seen_in_every_spelling() {
        for (query, names) in [
            ("session_id=1", true),
            ("a=b&sessionId=1", true),
            ("SESSION-ID", true),
            ("%73ession%5Fid=1", true),
            ("mcp-session-id=1", true),
            ("sessions=1", false),
            ("id=session_id", false),
            ("", false),
        ] {
            assert_eq!(names_a_session(query), names, "{query}");
        }
    }

    #[test]
    fn a_url_is_good_for_its_caller_and_as_it_was_told() {
        let sessions = Sessions::new(Arc::new(KeyRing::generate().unwrap()), "https://h/mcp");
        let somebody = |subject: &str| Identity { subject: subject.to_owned(), ..Identity::default() };
        let (alice, bob) = (somebody("alice"), somebody("bob"));
        let (alice, bob) = (Whose::of(&alice, Method::Bearer), Whose::of(&bob, Method::Bearer));
        for (told, at, own) in [
            ("/messages?sessionId=1", "/sse", "/messages?sessionId=1"),
            ("messages/?session_id=1&a=b", "/mcp/sse", "/mcp/messages/?session_id=1&a=b"),
            ("?s=1", "/mcp/sse", "/mcp/sse?s=1"),
            ("http://127.0.0.1:8000/messages?s=1", "/sse", "/messages?s=1"),
            ("//evil.test/messages?s=1", "/sse", "/messages?s=1"),
            ("/messages?s=1#x", "/sse", "/messages?s=1"),
            ("/messages?s=a b", "/sse", "/messages?s=a%20b"),
        ] {
            let url = sessions.endpoint(told, at, &alice).unwrap();
            assert_eq!(sessions.posted_to(&url, &alice).unwrap(), own, "{told}");
            assert!(sessions.posted_to(&url, &bob).is_err(), "{told}");
            assert!(sessions.posted_to(own, &alice).is_err(), "{told}");
            let other = url.replacen('1', "2", 1).replacen("a%20b", "c", 1);
            assert!(sessions.posted_to(&other, &alice).is_err(), "{other}");
            assert!(sessions.posted_to(&format!("{url}&s=2"), &alice).is_err(), "{told}");
        }
        for unfit in ["/messages/1", "/messages?", "", "http://[", "mailto:x"] {
            assert_eq!(sessions.endpoint(unfit, "/sse", &alice), None, "{unfit}");
        }
    }
}
