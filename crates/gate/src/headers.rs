//! The identity headers: taken from whoever sends them, set by nobody but us.
//!
//! 1. A client's copy of any header that could tell an upstream who somebody is, where they come from or what they
//!    asked for is dropped before anything is set, in every spelling: servers fold `_`, `.` and case into `-` when
//!    they hand headers to programs (GHSA-vjrc-mh2v-45x6).
//! 2. What is set is one family, `X-Auth-Request-*`. Groups are those that some rule names, joined by commas.
//! 3. A value that cannot be written exactly is never written: the caller is refused instead. Text beyond ASCII is
//!    UTF-8.
//! 4. What may not be a client's header may not be its trailer either: some servers merge the two. Nor may what
//!    frames, routes or authenticates a message (RFC 9110 §6.5.1).
//! 5. A header block of ours stays within 4 KiB, which is what nginx reads. If it would not, the groups are left out,
//!    loudly.

use std::fmt::Write as _;

use bytes::BytesMut;
use gangplank_authn::Identity;
use gangplank_authn::session::RuleGroups;
use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, SET_COOKIE, TRANSFER_ENCODING,
};
use secrecy::{ExposeSecret, SecretString};

use crate::Refusal;
use crate::mcp::is_session_id;

pub(crate) const USER: HeaderName = HeaderName::from_static("x-auth-request-user");
pub(crate) const EMAIL: HeaderName = HeaderName::from_static("x-auth-request-email");
pub(crate) const GROUPS: HeaderName = HeaderName::from_static("x-auth-request-groups");
pub(crate) const PREFERRED_USERNAME: HeaderName = HeaderName::from_static("x-auth-request-preferred-username");
/// When the session or token ends (RFC 3339), so that an app can say so before it happens.
pub(crate) const EXPIRES: HeaderName = HeaderName::from_static("x-auth-request-expires");
/// The configuration's name of the issuer that vouched: who a caller is, is issuer and name together.
pub(crate) const ISSUER: HeaderName = HeaderName::from_static("x-auth-request-issuer");
pub(crate) const ACCESS_TOKEN: HeaderName = HeaderName::from_static("x-auth-request-access-token");

/// What a header block of ours may take, with the status line and what the server adds (`Date`, `Content-Length`).
const BLOCK: usize = 4096;
const SERVER_ADDS: usize = 160;
/// An identity and a cookie of no more than this fit, and nobody has to count.
pub(crate) const WELL_WITHIN: usize = BLOCK - 256;

/// Families that only a gate may send, by the beginning of their folded names.
const FAMILIES: [&str; 7] =
    ["x-auth-request-", "x-forwarded-", "x-original-", "x-rewrite-", "x-remote-", "x-webauth-", "ssl-client-"];
/// Single ones.
const SINGLE: [&str; 10] = [
    "forwarded",
    "x-real-ip",
    "remote-user",
    "remote-email",
    "remote-name",
    "remote-groups",
    "gap-auth",
    "x-request-id",
    "client-cert",
    "client-cert-chain",
];

/// Whether a client's copy of this header is dropped.
pub(crate) fn is_ours(name: &str) -> bool {
    // Most headers are ruled out by their first letter.
    let Some(first) = name.bytes().next() else { return false };
    if !matches!(first.to_ascii_lowercase(), b'x' | b'f' | b'r' | b'g' | b's' | b'c') {
        return false;
    }
    let folded = |text: &str, pattern: &str| text.bytes().map(fold).eq(pattern.bytes());
    SINGLE.iter().any(|single| folded(name, single)) || FAMILIES.iter().any(|family| begins(name, family))
}

/// Frameworks let these stand for the method; on a route that tells methods apart they would be a way around it.
const METHOD_OVERRIDES: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];

/// Whether it stands for the method, in whatever spelling.
pub(crate) fn is_method_override(name: &str) -> bool {
    METHOD_OVERRIDES.iter().any(|over| name.bytes().map(fold).eq(over.bytes()))
}

/// Whether an API server may take it for the name of somebody else to act as (`Impersonate-User` and what there may be more).
pub(crate) fn is_impersonation(name: &str) -> bool {
    begins(name, "impersonate")
}

/// Whether an API server may take it for the word of a proxy in front (`X-Remote-User` and what there may be more).
pub(crate) fn is_remote(name: &str) -> bool {
    begins(name, "x-remote")
}

/// In whatever spelling.
fn begins(name: &str, family: &str) -> bool {
    name.get(..family.len()).is_some_and(|beginning| beginning.bytes().map(fold).eq(family.bytes()))
}

/// Takes out of a client's trailers what has no place there.
pub(crate) fn clean_trailers(trailers: &mut HeaderMap) {
    const NEVER: [HeaderName; 5] = [AUTHORIZATION, COOKIE, HOST, CONTENT_LENGTH, TRANSFER_ENCODING];
    let bad = |name: &HeaderName| {
        let text = name.as_str();
        let by_name = [is_ours, is_method_override, is_session_id, is_impersonation];
        by_name.iter().any(|is| is(text)) || NEVER.contains(name)
    };
    let bad: Vec<HeaderName> = trailers.keys().filter(|name| bad(name)).cloned().collect();
    for name in bad {
        trailers.remove(name);
    }
}

fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

/// Makes header values that share one allocation.
pub(crate) struct Texts(BytesMut);

impl Texts {
    /// With room for all that is to come, if it is known.
    pub(crate) fn with_capacity(octets: usize) -> Self {
        Texts(BytesMut::with_capacity(octets))
    }

    /// A value from outside; `what` it is, if it is unfit.
    pub(crate) fn judged(&mut self, text: &str, what: &'static str) -> Result<HeaderValue, Refusal> {
        // White space at the ends is no part of a value: `admin ` would arrive as `admin`.
        if text.bytes().any(|b| b < 0x20 || b == 0x7f) || text.trim() != text {
            return Err(Refusal::IdentityUnfit(what));
        }
        self.text(text).ok_or(Refusal::IdentityUnfit(what))
    }

    /// A value that was judged before, or is ours.
    pub(crate) fn text(&mut self, text: &str) -> Option<HeaderValue> {
        self.0.extend_from_slice(text.as_bytes());
        self.taken()
    }

    /// An address, or a time.
    pub(crate) fn formatted(&mut self, text: std::fmt::Arguments<'_>) -> Option<HeaderValue> {
        self.0.write_fmt(text).ok()?;
        self.taken()
    }

    fn taken(&mut self) -> Option<HeaderValue> {
        HeaderValue::from_maybe_shared(self.0.split().freeze()).ok()
    }
}

/// The headers that say who a caller is, built once per decision.
pub(crate) fn identity(
    texts: &mut Texts,
    identity: &Identity,
    rule_groups: &RuleGroups,
    access_token: Option<&SecretString>,
) -> Result<HeaderMap, Refusal> {
    let mut headers = HeaderMap::with_capacity(6);
    let user = texts.judged(&identity.username, "user name")?;
    headers.insert(PREFERRED_USERNAME, user.clone());
    headers.insert(USER, user);
    if let Some(email) = &identity.email {
        headers.insert(EMAIL, texts.judged(email, "e-mail address")?);
    }
    let groups: Vec<&str> = identity.groups.iter().filter(|g| rule_groups.contains(g)).map(String::as_str).collect();
    if !groups.is_empty() {
        headers.insert(GROUPS, texts.judged(&groups.join(","), "groups")?);
    }
    if let Some(token) = access_token {
        let mut token = HeaderValue::from_str(token.expose_secret()).map_err(|_| Refusal::IdentityUnfit("token"))?;
        token.set_sensitive(true);
        headers.insert(ACCESS_TOKEN, token);
    }
    Ok(headers)
}

/// Keeps a block within its bound by leaving the groups out. Returns whether it had to, or could not.
pub(crate) fn fit(headers: &mut HeaderMap) -> bool {
    if size(headers) <= BLOCK {
        return false;
    }
    headers.remove(GROUPS);
    true
}

/// What the block takes on the wire.
pub(crate) fn size(headers: &HeaderMap) -> usize {
    SERVER_ADDS + headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>()
}

/// Takes our cookie out of a `Cookie` value; the others stay byte for byte. `None` if nothing is left.
pub(crate) fn without_own_cookie(value: &HeaderValue, own: &OwnCookies) -> Option<HeaderValue> {
    let bytes = value.as_bytes();
    let mut sent = 0;
    let kept: Vec<&[u8]> = pairs(bytes).inspect(|_| sent += 1).filter(|pair| !own.matches(pair)).collect();
    if kept.is_empty() {
        return None;
    }
    if kept.len() == sent {
        return Some(value.clone());
    }
    let joined = kept.join(&b';');
    let start = joined.iter().position(|b| !matches!(b, b' ' | b'\t')).unwrap_or(joined.len());
    HeaderValue::from_bytes(&joined[start..]).ok().filter(|v| !v.is_empty())
}

/// The pairs of a `Cookie` value, blanks and all. Sessions are long, so this looks at many bytes at once.
pub(crate) fn pairs(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let value = rest?;
        let end = memchr::memchr(b';', value);
        rest = end.map(|end| &value[end + 1..]);
        Some(&value[..end.unwrap_or(value.len())])
    })
}

/// The names under which a cookie of ours may have been set, now or with an earlier configuration.
#[derive(Clone, Debug)]
pub(crate) struct OwnCookies([String; 6]);

impl OwnCookies {
    /// From the cookie's whole name.
    pub(crate) fn new(name: &str) -> Self {
        let plain = name.strip_prefix("__Host-").or_else(|| name.strip_prefix("__Secure-")).unwrap_or(name);
        let consent = format!("{plain}-consent");
        OwnCookies([
            format!("__Host-{plain}"),
            format!("__Secure-{plain}"),
            plain.to_owned(),
            format!("__Host-{consent}"),
            format!("__Secure-{consent}"),
            consent,
        ])
    }

    /// Whether a pair of `Cookie`, or a `Set-Cookie`, is for one of them. Browsers send a cookie without a name
    /// (`Set-Cookie: =gangplank=x`) back as if its value were a pair.
    fn matches(&self, pair: &[u8]) -> bool {
        let from = pair.iter().position(|b| !matches!(b, b' ' | b'\t' | b'=')).unwrap_or(pair.len());
        let pair = &pair[from..];
        let name = pair.split(|b| *b == b'=').next().unwrap_or(pair).trim_ascii();
        self.0.iter().any(|own| own.as_bytes().eq_ignore_ascii_case(name))
    }

    /// Drops what an upstream sets in our name.
    pub(crate) fn drop_set_by_others(&self, headers: &mut HeaderMap) {
        if !headers.get_all(SET_COOKIE).iter().any(|v| self.matches(v.as_bytes())) {
            return;
        }
        let kept: Vec<_> =
            headers.get_all(SET_COOKIE).iter().filter(|v| !self.matches(v.as_bytes())).cloned().collect();
        headers.remove(SET_COOKIE);
        for value in kept {
            headers.append(SET_COOKIE, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ghsa_vjrc_mh2v_45x6_every_spelling_of_an_identity_header_is_ours() {
        for name in [
            "X-Auth-Request-User",
            "x_auth_request_user",
            "X-Auth_Request-EMAIL",
            "x.auth.request.groups",
            "X-Forwarded-User",
            "X_Forwarded_Groups",
            "x-forwarded-access-token",
            "X-Forwarded-Preferred_Username",
            "Remote-User",
            "REMOTE_USER",
            "remote_groups",
            "X-Remote-User",
            "X-WebAuth-User",
            "Gap-Auth",
            "X-Original-URL",
            "X-Rewrite-Url",
            "X-Forwarded-For",
            "Forwarded",
            "X-Real_IP",
            "X-Forwarded-Client-Cert",
            "ssl-client-cert",
            "SSL_CLIENT_VERIFY",
            "ssl-client-subject-dn",
            "Client-Cert",
            "client_cert_chain",
        ] {
            assert!(is_ours(name), "{name}");
        }
        for name in [
            "authorization",
            "cookie",
            "client-certificate",
            "sec-fetch-mode",
            "x-api-key",
            "remote-control",
            "x-forward",
            "referer",
            "x",
            "range",
            "from",
        ] {
            assert!(!is_ours(name), "{name}");
        }
    }

    fn someone(groups: &[&str]) -> Identity {
        Identity {
            username: "jürgen@example.com".into(),
            email: Some("j@example.com".into()),
            groups: groups.iter().map(|g| (*g).to_owned()).collect(),
            ..Identity::default()
        }
    }

    fn texts() -> Texts {
        Texts::with_capacity(64)
    }

    #[test]
    fn only_groups_that_rules_name_are_told() {
        let rules = RuleGroups::new(["a".to_owned(), "c".to_owned()]);
        let headers = identity(&mut texts(), &someone(&["a", "b", "c"]), &rules, None).unwrap();
        assert_eq!(headers[GROUPS], "a,c");
        assert_eq!(headers[USER].as_bytes(), "jürgen@example.com".as_bytes());
        assert!(!identity(&mut texts(), &someone(&["b"]), &rules, None).unwrap().contains_key(GROUPS));
    }

    #[test]
    fn a_name_that_would_split_a_header_is_refused() {
        for name in ["a\r\nX-Auth-Request-User: root", "a\nb", "a\0", "a\tb", "a ", " a", "a\u{a0}"] {
            let who = Identity { username: name.into(), ..Identity::default() };
            assert!(
                matches!(identity(&mut texts(), &who, &RuleGroups::default(), None), Err(Refusal::IdentityUnfit(_))),
                "{name:?}"
            );
        }
    }

    #[test]
    fn the_block_stays_within_what_nginx_reads() {
        let groups: Vec<String> = (0..250).map(|i| format!("00000000-0000-0000-0000-{i:012}")).collect();
        let who = Identity { groups: groups.clone(), ..someone(&[]) };
        let mut headers = identity(&mut texts(), &who, &RuleGroups::new(groups), None).unwrap();
        assert!(size(&headers) > BLOCK);
        assert!(fit(&mut headers));
        assert!(size(&headers) <= BLOCK);
        assert!(headers.contains_key(USER) && !headers.contains_key(GROUPS));
        assert!(!fit(&mut headers));
    }

    #[test]
    fn our_cookie_is_taken_out_and_the_others_stay_byte_for_byte() {
        let own = OwnCookies::new("__Host-gangplank");
        for (sent, left) in [
            ("a=1; __Host-gangplank=x; b=\"2 3\"", Some("a=1; b=\"2 3\"")),
            ("__Host-gangplank=x;b=2", Some("b=2")),
            ("gangplank=x; __Secure-gangplank=y; __host-GANGPLANK=z", None),
            ("__Host-gangplank=x", None),
            ("a=1;  b=2;", Some("a=1;  b=2;")),
            ("a=__Host-gangplank=x", Some("a=__Host-gangplank=x")),
            ("__Host-gangplank2=x", Some("__Host-gangplank2=x")),
            ("a=1; =__Host-gangplank=x;\t==gangplank=y", Some("a=1")),
            ("__Host-gangplank", None),
        ] {
            let value = HeaderValue::from_static(sent);
            assert_eq!(without_own_cookie(&value, &own), left.map(HeaderValue::from_static), "{sent}");
        }
    }

    #[test]
    fn an_upstream_cannot_set_our_cookie() {
        let mut headers = HeaderMap::new();
        for value in ["app=1; Path=/", "__Host-gangplank=forged; Secure", "b=2"] {
            headers.append(SET_COOKIE, HeaderValue::from_static(value));
        }
        OwnCookies::new("__Host-gangplank").drop_set_by_others(&mut headers);
        assert_eq!(headers.get_all(SET_COOKIE).iter().collect::<Vec<_>>(), ["app=1; Path=/", "b=2"]);
    }
}
