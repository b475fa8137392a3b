//! The path of a request, if it can be read in one way only.
//!
//! 1. It begins with a slash, and has no backslash, blank or control character.
//! 2. What an upstream could decode differently is refused: a `%` without two hex digits; an encoded slash, backslash or
//!    control character; a doubly encoded one, however often; octets that are not UTF-8.
//! 3. So is a dot segment, plain, encoded or with parameters (`..;x`).
//! 4. What remains is compared decoded, by whole segments. Some upstreams merge empty segments (`//`), cut parameters
//!    (`;x=1`) off segments, take no notice of case or of dots and blanks at a segment's end, or decode before they look for
//!    `?` and `#`; some do not. A path in which that makes a difference has a second, lenient reading.
//!
//! The query takes no part.

use std::borrow::Cow;

use crate::Refusal;

/// A path that every reader reads alike, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath<'p> {
    decoded: Cow<'p, str>,
    /// As the most lenient of upstreams sees it, if that may differ.
    lenient: Option<String>,
}

impl<'p> RequestPath<'p> {
    /// Judges a path as it was sent, without its query.
    pub fn parse(path: &'p str) -> Result<Self, Refusal> {
        if is_plain(path) {
            return Ok(RequestPath { decoded: Cow::Borrowed(path), lenient: None });
        }
        Self::judge(path)
    }

    fn judge(path: &'p str) -> Result<Self, Refusal> {
        if !path.starts_with('/') {
            return Err(Refusal::PathAmbiguous("does not begin with a slash"));
        }
        let decoded = decode(path)?;
        // Most paths have no dot behind a slash.
        let dot = decoded.as_bytes().windows(2).any(|pair| pair == b"/.");
        if dot && decoded.split('/').any(is_dot_segment) {
            return Err(Refusal::PathAmbiguous("has a dot segment"));
        }
        let lenient = is_peculiar(&decoded).then(|| lenient(&decoded));
        Ok(RequestPath { decoded, lenient })
    }

    /// The decoded path.
    pub fn as_str(&self) -> &str {
        &self.decoded
    }

    /// The other reading of the path, where there is one.
    pub(crate) fn lenient(&self) -> Option<&str> {
        self.lenient.as_deref()
    }
}

/// Whether there is nothing in it but names of small letters, digits, `-`, `_` and inner dots behind single slashes, as in
/// most: all rules are then kept, and there is no other reading.
fn is_plain(path: &str) -> bool {
    let mut before = 0;
    let fits = |octet: u8| {
        let fits = match octet {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => before != 0,
            b'/' => before != b'/' && before != b'.',
            b'.' => before != b'/' && before != 0,
            _ => false,
        };
        before = octet;
        fits
    };
    path.bytes().all(fits) && before != b'.' && before != 0
}

fn decode(path: &str) -> Result<Cow<'_, str>, Refusal> {
    if path.bytes().any(|b| b == b'\\' || b <= 0x20 || b == 0x7f) {
        return Err(Refusal::PathAmbiguous("has a backslash, a blank or a control character"));
    }
    if !path.contains('%') {
        return Ok(Cow::Borrowed(path));
    }
    let once = decode_once(path.as_bytes()).ok_or(Refusal::PathAmbiguous("has a % without two hex digits"))?;
    if path.matches("%2f").count() + path.matches("%2F").count() > 0 {
        return Err(Refusal::PathAmbiguous("has an encoded slash"));
    }
    if once.iter().any(|b| *b == b'\\' || *b < 0x20 || *b == 0x7f) {
        return Err(Refusal::PathAmbiguous("has an encoded backslash or control character"));
    }
    let text = String::from_utf8(once).map_err(|_| Refusal::PathAmbiguous("is not UTF-8"))?;
    if hides_danger(text.as_bytes()) {
        return Err(Refusal::PathAmbiguous("has a doubly encoded character"));
    }
    Ok(Cow::Owned(text))
}

fn decode_once(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        out.push(if *byte == b'%' { hex(*rest.next()?)? << 4 | hex(*rest.next()?)? } else { *byte });
    }
    Some(out)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// How often more somebody behind may decode a path. Beyond that it is refused if there is still something to decode.
const DEEPEST: usize = 4;

/// `%252f` is `%2f` to whoever decodes twice, and `%25%2532f` to whoever decodes three times and lets a `%` stand.
fn hides_danger(once: &[u8]) -> bool {
    let mut text = Cow::Borrowed(once);
    for _ in 0..DEEPEST {
        if text.windows(3).any(is_encoded_danger) {
            return true;
        }
        match decode_leniently(&text) {
            Some(deeper) => text = Cow::Owned(deeper),
            None => return false,
        }
    }
    true
}

/// Decodes what can be, and lets the rest stand; `None` if there is nothing to decode.
fn decode_leniently(bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut rest, mut found) = (Vec::with_capacity(bytes.len()), bytes, false);
    while let [first, after @ ..] = rest {
        let octet = match rest {
            [b'%', high, low, ..] => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        found |= octet.is_some();
        out.push(octet.unwrap_or(*first));
        rest = if octet.is_some() { &rest[3..] } else { after };
    }
    found.then_some(out)
}

/// `%` and two hex digits that stand for a separator, a dot, a control character or another `%`.
fn is_encoded_danger(window: &[u8]) -> bool {
    let [b'%', high, low] = window else { return false };
    let (Some(high), Some(low)) = (hex(*high), hex(*low)) else { return false };
    matches!(high << 4 | low, 0..=0x1f | 0x7f | b'/' | b'\\' | b'.' | b'%')
}

/// `.` or `..`, also before a parameter (`..;x`), as servlet containers read it, or blanks, as Windows does.
fn is_dot_segment(segment: &str) -> bool {
    matches!(segment.split(';').next().map(|s| s.trim_end_matches(' ')), Some("." | ".."))
}

/// Whether a decoded path has anything that [`lenient`] would take away.
pub(crate) fn is_peculiar(path: &str) -> bool {
    let bytes = path.as_bytes();
    bytes.iter().any(|b| matches!(b, b';' | b'?' | b'#') || b.is_ascii_uppercase())
        || bytes.windows(2).any(|pair| matches!(pair, [b'/' | b'.' | b' ', b'/']))
        || path.ends_with(['.', ' '])
}

/// A decoded path as the most lenient of upstreams reads it; empty for `/`.
pub(crate) fn lenient(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let mut out = String::with_capacity(path.len());
    for segment in path.split('/').map(|s| s.split(';').next().unwrap_or("").trim_end_matches(['.', ' '])) {
        if !segment.is_empty() {
            out.push('/');
            out.extend(segment.chars().map(|c| c.to_ascii_lowercase()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_plain_is_judged_the_same() {
        let mut paths = vec![String::new()];
        let mut plain = 0;
        for at in 0.. {
            let Some(path) = paths.get(at).cloned() else { break };
            if is_plain(&path) {
                let expected = RequestPath { decoded: Cow::Borrowed(&path), lenient: None };
                assert_eq!(RequestPath::judge(&path).ok(), Some(expected), "{path:?}");
                plain += 1;
            }
            if path.len() < 5 {
                paths.extend("/.a-A;%2?# \\\t\u{7f}é".chars().map(|c| format!("{path}{c}")));
            }
        }
        assert!(plain > 100 && is_plain("/") && is_plain("/a/b.c/") && !is_plain("/a/.b") && !is_plain("a"));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for path in [
            "/public/../admin",
            "/public/%2e%2e/admin",
            "/public/.%2E/admin",
            "/public/%2fadmin",
            "/public%5cadmin",
            "/public\\admin",
            "/public. ./x",
            "/public/%00",
            "/public/%0a",
            "/public/%252e%252e/admin",
            "/public/%252fadmin",
            "/public/%25%2532e%25%2532e/admin",
            "/public/%25%2532%2566admin",
            "/public/%250%2531/admin",
            "/public/%25%2533%25%2532%2532e%25%2532e/admin",
            "/public/..;/admin",
            "/public/..;x=1/admin",
            "/x/..%20/public",
            "/./public",
            "/public/%",
            "/public/%2",
            "/public/%zz",
            "/public/%c0%ae",
            "relative",
            "*",
            "",
        ] {
            let refused = RequestPath::parse(path).map_err(|refusal| refusal.reason().name);
            assert_eq!(refused, Err("path-ambiguous"), "{path}");
        }
    }

    #[test]
    fn only_what_is_peculiar_has_a_second_reading() {
        for (path, decoded, lenient) in [
            ("/", "/", None),
            ("/a/b.c", "/a/b.c", None),
            ("/%61/%E2%82%AC", "/a/€", None),
            ("/A//b;v=1/c.%20", "/A//b;v=1/c. ", Some("/a/b/c")),
            ("/x%3Fy/z", "/x?y/z", Some("/x")),
            ("//", "//", Some("")),
        ] {
            let read = RequestPath::parse(path).unwrap();
            assert_eq!((read.as_str(), read.lenient()), (decoded, lenient), "{path}");
        }
    }
}
