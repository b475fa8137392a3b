//! Where a sign-in returns to. An open redirect is impossible because a [`ReturnTarget`] can be made in one way only:
//!
//! 1. At most 1 KiB, and only visible ASCII: no control character, no blank, nothing that a browser would drop or fold
//!    (tabs and newlines vanish in a URL, full-width dots and slashes become plain ones).
//! 2. No back-slash anywhere (browsers read it as a slash), also not percent-encoded in front of the query.
//! 3. Either a path (`/` and then no second `/`) or a whole `http://` or `https://` URL spelled with both slashes.
//!    `https:evil`, `http:/evil` and every other scheme are refused, whatever a parser would make of them.
//! 4. No encoded slash, back-slash, dot or control character, however often encoded, in front of the query: some server behind may decode it once more.
//! 5. Parsed as browsers do (the WHATWG URL standard) against our own origin, it has no user, no password, and either
//!    our own origin or an origin that the configuration allows ([`Hosts::may_return_to`]).
//! 6. Its path can be read in one way only ([`RequestPath`]), and is not an endpoint of ours, however it is spelled: that
//!    would be a loop, or a sign-out.
//!
//! A path is given back as the parser wrote it, relative to the origin; a URL on our own origin becomes a path.
//! Query and fragment are the app's own business: `/a?next=https://x//y` is as good as any.

use url::Url;

use crate::hosts::Hosts;
use crate::request_path::RequestPath;

/// The longest return target. It travels in `state`, through the provider and back, and every header has 4 KiB.
pub(crate) const LONGEST: usize = 1024;

/// A place that a sign-in may return to: a path on the origin that asked, or a URL of an allowed origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTarget(String);

impl ReturnTarget {
    /// The front page.
    pub(crate) fn root() -> Self {
        ReturnTarget("/".to_owned())
    }

    /// Judges `text` as it would be seen from `authority` (one of ours), with our endpoints below `prefix`.
    ///
    /// # Errors
    /// Which rule it breaks.
    pub fn judge(
        text: &str,
        authority: &str,
        hosts: &Hosts,
        prefix: &str,
    ) -> Result<ReturnTarget, ReturnTargetRefusal> {
        use ReturnTargetRefusal as Refusal;
        if text.len() > LONGEST {
            return Err(Refusal::TooLong { length: text.len() });
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) || text.contains('\\') {
            return Err(Refusal::Characters);
        }
        let is_path = text.starts_with('/') && !text.starts_with("//");
        if !is_path && !has_web_scheme(text) {
            return Err(Refusal::Form);
        }
        let before_query = &text[..text.find(['?', '#']).unwrap_or(text.len())];
        let lower = before_query.to_ascii_lowercase();
        if hides_structure(&lower) {
            return Err(Refusal::Encoded);
        }
        let origin = hosts.origin(authority);
        let base = Url::parse(&origin).map_err(|_| Refusal::Form)?;
        let url = base.join(text).map_err(|_| Refusal::Form)?;
        if !url.username().is_empty() || url.password().is_some() || names_a_user(&lower) {
            return Err(Refusal::UserInfo);
        }
        let own = url.origin() == base.origin();
        if !own && !hosts.may_return_to(&url) {
            return Err(Refusal::Elsewhere { host: url.host_str().unwrap_or_default().to_owned() });
        }
        let path = url.path();
        if path.starts_with("//") {
            return Err(Refusal::Form);
        }
        let read = RequestPath::parse(path).map_err(|_| Refusal::Encoded)?;
        let is_ours =
            |path: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if is_ours(read.as_str()) || read.lenient().is_some_and(is_ours) {
            return Err(Refusal::OwnEndpoint);
        }
        let kept = if own { &url[url::Position::BeforePath..] } else { url.as_str() };
        // Without its dot segments it must be what is accepted when it comes back in `state`.
        if names_a_user(kept.split(['?', '#']).next().unwrap_or_default()) {
            return Err(Refusal::UserInfo);
        }
        // The parser encodes some characters, so the text may have grown.
        if kept.len() > LONGEST {
            return Err(Refusal::TooLong { length: kept.len() });
        }
        Ok(ReturnTarget(kept.to_owned()))
    }

    /// As a `Location`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The whole URL, for a redirect that happens on another of our hosts than the one that was asked.
    pub(crate) fn absolute(&self, origin: &str) -> String {
        if self.0.starts_with('/') { format!("{origin}{}", self.0) } else { self.0.clone() }
    }
}

/// Why a return target is not followed. The sign-in goes on and ends at `/`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReturnTargetRefusal {
    /// Longer than 1 KiB.
    #[error("the return target has {length} bytes, more than {LONGEST}")]
    TooLong {
        /// How long.
        length: usize,
    },
    /// Not visible ASCII, or a back-slash.
    #[error("the return target has a control character, a blank, a back-slash or a letter outside ASCII")]
    Characters,
    /// Neither a path nor an http(s) URL.
    #[error("the return target is neither a path nor an http(s) URL")]
    Form,
    /// Encoded slashes, dots or control characters before the query.
    #[error("the return target has a path that can be read in two ways: an encoded slash, dot or control character")]
    Encoded,
    /// `user@host`.
    #[error("the return target names a user")]
    UserInfo,
    /// A host that is not allowed.
    #[error("the return target's host {host:?}, its scheme or its port is not allowed")]
    Elsewhere {
        /// The host.
        host: String,
    },
    /// One of the gate's own endpoints.
    #[error("the return target is an endpoint of the gate")]
    OwnEndpoint,
}

/// Whether a server that decodes the path once more, or many times, would find slashes, dots or control characters.
fn hides_structure(lower: &str) -> bool {
    let mut text = lower.to_owned();
    while text.contains("%25") {
        text = text.replace("%25", "%");
    }
    ["%2f", "%5c", "%2e", "%0", "%1", "%7f"].iter().any(|encoded| text.contains(encoded))
}

/// The parser forgets an empty user.
fn names_a_user(before_query: &str) -> bool {
    let authority = before_query.split_once("://").map_or("", |(_, rest)| rest);
    authority.split('/').next().is_some_and(|authority| authority.contains('@'))
}

fn has_web_scheme(text: &str) -> bool {
    let rest = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http") => rest,
        _ => return false,
    };
    rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Hosts {
        let allowed = ["partner.test".to_owned(), ".wild.test".to_owned()];
        Hosts::new("https://app.example.com", ["other.example.com", "*.apps.example.com"], &allowed, false).unwrap()
    }

    fn judge(text: &str) -> Result<ReturnTarget, ReturnTargetRefusal> {
        ReturnTarget::judge(text, "app.example.com", &hosts(), "/oauth2")
    }

    #[test]
    fn what_is_ours_or_allowed_is_kept() {
        for (text, kept) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/b?x=1&y=2#frag", "/a/b?x=1&y=2#frag"),
            ("/a?next=https://x/", "/a?next=https://x/"),
            ("/a?next=//x//y", "/a?next=//x//y"),
            ("/a?u=%2f%2fevil.test%5c", "/a?u=%2f%2fevil.test%5c"),
            ("/a?mail=me@example.com", "/a?mail=me@example.com"),
            ("/caf%C3%A9", "/caf%C3%A9"),
            ("/a//b", "/a//b"),
            ("/a/../b", "/b"),
            ("/..", "/"),
            ("/a;b=c", "/a;b=c"),
            ("/;//..//..//evil.test", "/;//evil.test"),
            ("/100%25/a%20b", "/100%25/a%20b"),
            ("/oauth2x", "/oauth2x"),
            ("/@ada/notes", "/@ada/notes"),
            ("https://app.example.com/npm/@scope/p", "/npm/@scope/p"),
            ("https://app.example.com/a?b", "/a?b"),
            ("https://app.example.com:443/a", "/a"),
            ("HTTPS://APP.example.com/a", "/a"),
            ("https://app.example.com", "/"),
            ("https://other.example.com/a?b#c", "https://other.example.com/a?b#c"),
            ("https://x.apps.example.com/", "https://x.apps.example.com/"),
            ("https://partner.test/in", "https://partner.test/in"),
            ("https://a.wild.test/", "https://a.wild.test/"),
        ] {
            assert_eq!(judge(text).as_ref().map(ReturnTarget::as_str), Ok(kept), "{text}");
        }
    }

    /// Collected from what browsers, URL parsers and other gateways have been fooled with.
    const HOSTILE: &[&str] = &[
        "",
        " ",
        "/;//s:/../..//@////evil.test",
        "//evil.test",
        "///evil.test",
        "////evil.test",
        "//evil.test/",
        "//evil.test/%2f..",
        "/\\evil.test",
        "/\\/evil.test",
        "\\/evil.test",
        "\\\\evil.test",
        "\\evil.test",
        "/\\\\evil.test",
        "/\t/evil.test",
        "/\t\\evil.test",
        "\t//evil.test",
        "/\n/evil.test",
        "/\r/evil.test",
        "/\r\n/evil.test",
        "\n//evil.test",
        "/%09/evil.test",
        "/%0a/evil.test",
        "/%0d/evil.test",
        "/%0d%0aSet-Cookie:x=1",
        "/a\r\nLocation: //evil.test",
        "/a\nb",
        "/a\0b",
        "\u{0}//evil.test",
        "\u{b}//evil.test",
        "\u{1}https://evil.test",
        " //evil.test",
        "/ /evil.test",
        "/\u{a0}/evil.test",
        "/\u{2028}/evil.test",
        "https:evil.test",
        "https:/evil.test",
        "http:/\\/evil.test",
        "http:\\\\evil.test",
        "https:\\evil.test",
        "https:///evil.test",
        "https:////evil.test",
        "https:/\\evil.test",
        "https:/app.example.com@evil.test",
        "https://evil.test",
        "http://evil.test/",
        "HTTPS://EVIL.TEST",
        "hTTp://evil.test",
        "http://app.example.com/",
        "https://app.example.com@evil.test",
        "https://app.example.com:pw@evil.test",
        "https://evil.test@app.example.com",
        "https://user@app.example.com/",
        "https://@app.example.com/",
        "https://:@app.example.com/",
        "https://app.example.com%40evil.test",
        "https://app.example.com.evil.test",
        "https://app.example.comevil.test",
        "https://evil-app.example.com.test",
        "https://evil.test/app.example.com",
        "https://evil.test?app.example.com",
        "https://evil.test#app.example.com",
        "https://evil.test\\app.example.com",
        "https://evil.test\\@app.example.com",
        "https://app.example.com\\.evil.test",
        "https://evil.test;app.example.com",
        "https://app.example.com:8443/",
        "https://app.example.com:80/",
        "https://app.example.com:0/",
        "https://app.example.com:99999/",
        "https://app.example.com:443@evil.test/",
        "https://app.example.com:@evil.test",
        "https://apps.example.com/",
        "https://xapps.example.com/",
        "https://.apps.example.com.evil.test/",
        "https://wild.test/",
        "https://xwild.test/",
        "https://a.wild.test.evil.test/",
        "https://xpartner.test/",
        "https://partner.test:8080/",
        "http://partner.test/",
        "https://app。example。com.evil.test",
        "https://evil。test",
        "https://ev\u{ad}il.test",
        "／／evil.test",
        "/／evil.test",
        "/⁄evil.test",
        "https:／／evil.test",
        "https://еvil.test",
        "https://evil.test\u{3002}",
        "//app.example.com",
        "//app.example.com@evil.test",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\tscript:alert(1)",
        "javascript://app.example.com/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "ftp://app.example.com/",
        "ws://app.example.com/",
        "blob:https://app.example.com/x",
        "about:blank",
        "mailto:a@b",
        "view-source:https://x",
        "evil.test",
        "app.example.com",
        "a/b",
        "./a",
        "../a",
        "?a",
        "#a",
        "@evil.test",
        ":443",
        ".evil.test",
        "/%2f%2fevil.test",
        "/%2fevil.test",
        "/%5cevil.test",
        "/%5c%5cevil.test",
        "%2f%2fevil.test",
        "%2fevil.test",
        "/%252f%252fevil.test",
        "/%2e%2e//evil.test",
        "/.%2e//evil.test",
        "/..//evil.test",
        "/.//evil.test",
        "/a/..//evil.test",
        "/./\\evil.test",
        "/a/../..//evil.test",
        "/.;@evil.test",
        "//[::1]/",
        "https://[::1]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://evil.test%00.app.example.com/",
        "https://app.example.com%2eevil.test/",
        "https://app.example.com%2fevil.test/",
        "https://app.example.com,evil.test",
        "/oauth2",
        "/oauth2/start",
        "/oauth2/sign_out",
        "/x/../oauth2/sign_out",
        "/%6fauth2/start?rd=/",
        "/%6F%61uth2/sign_out",
        "/oauth2;x/sign_out",
        "/a;/..;/oauth2",
        "/oauth%32",
        "https://other.example.com/oauth%32/start",
        "https://app.example.com/oauth2/callback",
        "https://app.example.com//evil.test",
        "https://app.example.com/..//evil.test",
        "<script>",
        "/<\u{7f}",
    ];

    #[test]
    fn what_is_hostile_is_refused() {
        assert!(HOSTILE.len() >= 80, "{}", HOSTILE.len());
        for text in HOSTILE {
            if let Ok(target) = judge(text) {
                panic!("{text:?} became {target:?}");
            }
        }
    }

    #[test]
    fn a_prefix_of_ours_is_compared_by_whole_segments_and_length_is_bounded() {
        assert_eq!(judge("/oauth2/x"), Err(ReturnTargetRefusal::OwnEndpoint));
        assert!(judge(&format!("/{}", "a".repeat(LONGEST - 1))).is_ok());
        assert!(matches!(judge(&format!("/{}", "a".repeat(LONGEST))), Err(ReturnTargetRefusal::TooLong { .. })));
    }

    #[test]
    fn over_plain_http_both_schemes_and_the_port_are_ours() {
        let hosts = Hosts::new("http://localhost:4180", [], &["partner.test".to_owned()], false).unwrap();
        let judge = |text: &str| ReturnTarget::judge(text, "localhost:4180", &hosts, "/oauth2").map(|t| t.0);
        assert_eq!(judge("http://localhost:4180/a"), Ok("/a".to_owned()));
        assert_eq!(judge("http://partner.test:4180/a"), Ok("http://partner.test:4180/a".to_owned()));
        assert_eq!(judge("https://partner.test/a"), Ok("https://partner.test/a".to_owned()));
        assert!(judge("http://localhost:4181/a").is_err());
        assert!(judge("http://127.0.0.1:4180/a").is_err());
    }

    /// Whatever is accepted, a browser that reads the `Location` on any page of ours ends where we judged.
    #[test]
    fn what_is_accepted_means_the_same_to_a_browser() {
        let base = Url::parse("https://app.example.com/oauth2/callback?code=x").unwrap();
        for text in HOSTILE.iter().chain(&["/a/../b", "/a//b?c", "https://partner.test/x", "/?//evil.test"]) {
            if let Ok(target) = judge(text) {
                let url = base.join(target.as_str()).unwrap();
                assert!(url.origin() == base.origin() || hosts().may_return_to(&url), "{text}");
            }
        }
    }
}
