//! A session id is its caller's own, and any replica can tell.
//!
//! 1. What an upstream hands out goes to the client with a tag behind it: by the ring's first key, over the id, the resource of
//!    the route, and who the caller is (issuer and subject). Nothing is remembered.
//! 2. An upstream's id is at most 512 visible ASCII characters, and the only one of its answer.
//! 3. What a client brings is one such text with its tag, good by any key of the ring, or there is no such session for this
//!    caller. The upstream sees its own id, and never one that was not checked.
//! 4. Other spellings of the header's name, which some servers fold into it, go no further.
//! 5. A request without a session id passes as it is: there is none before `initialize`, at stateless servers, and in the
//!    revision of 2026-07-28.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gangplank_authn::seal::KeyRing;
use gangplank_authn::{Identity, Method};
use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::McpRefusal;

/// The header, as HTTP/2 writes it.
pub(crate) const MCP_SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

const PURPOSE: &str = "mcp session id";
/// The longest id that an upstream may hand out.
const LONGEST: usize = 512;
/// A point, and 32 octets in base64url.
const TAG: usize = 44;

/// Who a session belongs to: issuer and subject; and what stands for a subject where there is none.
#[derive(Debug)]
pub(crate) struct Whose<'c>([&'c str; 5], &'c str);

impl<'c> Whose<'c> {
    /// This caller.
    pub(crate) fn of(identity: &'c Identity, method: Method) -> Self {
        // Of some (a cluster's word) there is no subject, and the name is what they are known by.
        let named = identity.subject.is_empty();
        let (name, kind) = if named { (identity.username.as_str(), method.name()) } else { ("", "") };
        Whose([&identity.issuer, &identity.issuer_url, &identity.subject, name, kind], &identity.username)
    }
}

/// Binds the session ids of one route to their callers.
#[derive(Debug)]
pub(crate) struct Sessions {
    ring: Arc<KeyRing>,
    resource: String,
}

impl Sessions {
    /// For the route with this resource.
    pub(crate) fn new(ring: Arc<KeyRing>, resource: &str) -> Self {
        Sessions { ring, resource: resource.to_owned() }
    }

    /// Rules 3 to 5: what the upstream sees of what a client brings.
    pub(crate) fn unbind(&self, headers: &mut HeaderMap, caller: &Whose<'_>) -> Result<(), McpRefusal> {
        drop_other_spellings(headers);
        let mut brought = headers.get_all(MCP_SESSION_ID).iter();
        let (Some(id), None) = (brought.next(), brought.next()) else {
            let none = !headers.contains_key(MCP_SESSION_ID);
            return if none { Ok(()) } else { Err(McpRefusal::SessionMalformed("several session ids")) };
        };
        let id = visible(id, LONGEST + TAG).map_err(McpRefusal::SessionMalformed)?;
        let own = self.check(PURPOSE, id, caller)?;
        let own = HeaderValue::from_str(own).map_err(|_| McpRefusal::SessionMalformed("an unfit session id"))?;
        headers.insert(MCP_SESSION_ID, own);
        Ok(())
    }

    /// Rules 1 and 2: what the client sees of what an upstream hands out.
    pub(crate) fn bind(&self, headers: &mut HeaderMap, caller: &Whose<'_>, upstream: &str) -> Result<(), McpRefusal> {
        let unfit = |problem| McpRefusal::SessionUnfit { upstream: upstream.to_owned(), problem };
        let mut given = headers.get_all(MCP_SESSION_ID).iter();
        let Some(id) = given.next() else { return Ok(()) };
        if given.next().is_some() {
            return Err(unfit("several session ids"));
        }
        let bound = visible(id, LONGEST).map_err(unfit)?;
        let bound = self.tagged(PURPOSE, bound, caller).ok_or_else(|| unfit("a session id that can't be bound"))?;
        let bound = HeaderValue::try_from(bound).map_err(|_| unfit("an unfit session id"))?;
        headers.insert(MCP_SESSION_ID, bound);
        Ok(())
    }

    /// `text`, and its tag for this caller.
    pub(super) fn tagged(&self, purpose: &str, text: &str, caller: &Whose<'_>) -> Option<String> {
        let tag = self.ring.tag(purpose, &self.parts(text, caller)).ok()?;
        Some(format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag)))
    }

    /// What is before the tag, if that is good for this caller.
    pub(super) fn check<'t>(&self, purpose: &str, text: &'t str, caller: &Whose<'_>) -> Result<&'t str, McpRefusal> {
        let foreign = |problem| McpRefusal::SessionForeign { user: caller.1.chars().take(128).collect(), problem };
        let split = text.len().checked_sub(TAG).and_then(|at| text.split_at_checked(at));
        let (own, tag) = split.ok_or(foreign("has no tag"))?;
        let tag =
            tag.strip_prefix('.').and_then(|tag| URL_SAFE_NO_PAD.decode(tag).ok()).ok_or(foreign("has no tag"))?;
        let checked = self.ring.check_tag(purpose, &self.parts(own, caller), &tag);
        checked.map(|()| own).map_err(|_| foreign("was not handed out to them here"))
    }

    fn parts<'p>(&'p self, text: &'p str, caller: &'p Whose<'_>) -> [&'p [u8]; 7] {
        let [issuer, url, subject, name, kind] = caller.0;
        [text, &self.resource, issuer, url, subject, name, kind].map(str::as_bytes)
    }
}

/// One that a session id can be (MCP 2025-11-25, transports): visible ASCII.
fn visible(id: &HeaderValue, longest: usize) -> Result<&str, &'static str> {
    let text = id.to_str().ok().filter(|text| text.bytes().all(|b| b.is_ascii_graphic()));
    let text = text.ok_or("a session id with other than visible ASCII characters")?;
    match text.len() {
        0 => Err("an empty session id"),
        long if long > longest => Err("a session id that is too long"),
        _ => Ok(text),
    }
}

fn drop_other_spellings(headers: &mut HeaderMap) {
    let other = |name: &&HeaderName| **name != MCP_SESSION_ID && is_session_id(name.as_str());
    let others: Vec<HeaderName> = headers.keys().filter(other).cloned().collect();
    for name in others {
        headers.remove(name);
    }
}

/// Whether servers that fold `_` and `.` into `-` would read it as a session id.
pub(crate) fn is_session_id(name: &str) -> bool {
    let fold = |b: u8| if b.is_ascii_alphanumeric() { b.to_ascii_lowercase() } else { b'-' };
    name.len() == MCP_SESSION_ID.as_str().len() && name.bytes().map(fold).eq(MCP_SESSION_ID.as_str().bytes())
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    const A: &str = "rFqv3Yd1pZs7kT0wUxN5mB2cH8jL4gQe6aOiSy9VtXo=";
    const B: &str = "another-secret-of-sufficient-length-0123456789";

    fn sessions(secrets: &[&str], resource: &str) -> Sessions {
        let ring = KeyRing::from_secrets(secrets.iter().map(|s| SecretString::from(*s)).collect());
        Sessions::new(Arc::new(ring.unwrap()), resource)
    }

    fn somebody(issuer: &str, subject: &str, username: &str) -> Identity {
        Identity {
            issuer: "corp".into(),
            issuer_url: issuer.into(),
            subject: subject.into(),
            username: username.into(),
            ..Identity::default()
        }
    }

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(MCP_SESSION_ID, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn bound(sessions: &Sessions, id: &str, identity: &Identity) -> Result<String, McpRefusal> {
        let mut answer = headers(&[id]);
        sessions.bind(&mut answer, &Whose::of(identity, Method::Bearer), "u")?;
        Ok(answer[MCP_SESSION_ID].to_str().unwrap().to_owned())
    }

    fn unbound(sessions: &Sessions, brought: &[&str], identity: &Identity) -> Result<Option<String>, McpRefusal> {
        let mut request = headers(brought);
        sessions.unbind(&mut request, &Whose::of(identity, Method::Bearer))?;
        Ok(request.get(MCP_SESSION_ID).map(|id| id.to_str().unwrap().to_owned()))
    }

    #[test]
    fn what_was_handed_out_comes_back_to_the_upstream_as_it_was() {
        let (sessions, alice) = (sessions(&[A], "https://h/mcp"), somebody("https://idp", "1", "alice"));
        let longest = "x".repeat(LONGEST);
        for id in ["a", "3d7f.e1~!", "with.a.point", &"A".repeat(TAG), &longest] {
            let bound = bound(&sessions, id, &alice).unwrap();
            assert_ne!(bound, id);
            assert_eq!(unbound(&sessions, &[&bound], &alice).unwrap().as_deref(), Some(id));
        }
        assert_eq!(unbound(&sessions, &[], &alice).unwrap(), None, "a stateless server's client");
    }

    #[test]
    fn nobody_else_and_no_other_route_has_the_session() {
        let (here, alice) = (sessions(&[A], "https://h/mcp"), somebody("https://idp", "1", "alice"));
        let id = bound(&here, "s", &alice).unwrap();
        for other in [
            somebody("https://idp", "2", "alice"),
            somebody("https://other", "1", "alice"),
            somebody("https://idp", "", "alice"),
            somebody("", "1", "alice"),
            Identity { issuer: "lab".into(), ..alice.clone() },
        ] {
            let refused = unbound(&here, &[&id], &other).unwrap_err();
            assert!(matches!(refused, McpRefusal::SessionForeign { .. }), "{other:?}");
        }
        let renamed = Identity { username: "alice@new".into(), groups: vec!["g".into()], ..alice.clone() };
        assert!(unbound(&here, &[&id], &renamed).is_ok(), "who it is does not change with the name");
        assert!(unbound(&sessions(&[A], "https://h/other"), &[&id], &alice).is_err());
        assert!(unbound(&sessions(&[B], "https://h/mcp"), &[&id], &alice).is_err());
    }

    #[test]
    fn callers_without_a_subject_are_told_apart_by_their_names() {
        let here = sessions(&[A], "https://h/mcp");
        let named = |name| somebody("", "", name);
        let id = bound(&here, "s", &named("alice")).unwrap();
        assert!(unbound(&here, &[&id], &named("alice")).is_ok());
        assert!(unbound(&here, &[&id], &named("bob")).is_err());
        let mut request = headers(&[&id]);
        let alice = named("alice");
        assert!(here.unbind(&mut request, &Whose::of(&alice, Method::Anonymous)).is_err(), "of another kind");
    }

    #[test]
    fn a_rotation_of_keys_ends_no_session() {
        let alice = somebody("https://idp", "1", "alice");
        let old = bound(&sessions(&[A], "r"), "s", &alice).unwrap();
        let both = sessions(&[B, A], "r");
        assert_eq!(unbound(&both, &[&old], &alice).unwrap().as_deref(), Some("s"));
        let new = bound(&both, "s", &alice).unwrap();
        assert_eq!(unbound(&sessions(&[B], "r"), &[&new], &alice).unwrap().as_deref(), Some("s"));
        assert!(unbound(&sessions(&[B], "r"), &[&old], &alice).is_err());
    }

    #[test]
    fn what_is_no_id_of_ours_is_refused() {
        let (here, alice) = (sessions(&[A], "r"), somebody("https://idp", "1", "alice"));
        let good = bound(&here, "s", &alice).unwrap();
        let (tagless, cut) = (&good[..1], &good[..good.len() - 1]);
        let (longer, swapped) = (format!("{good}A"), good.replacen('s', "t", 1));
        let standard = good.replace('-', "+").replace('_', "/") + "=";
        for foreign in [tagless, cut, &longer, &swapped, &standard, &"A".repeat(TAG), &"a".repeat(TAG + 1)] {
            let refused = unbound(&here, &[foreign], &alice).unwrap_err();
            assert!(matches!(refused, McpRefusal::SessionForeign { .. }), "{foreign}");
        }
        let long = "x".repeat(LONGEST + TAG + 1);
        let (good, long) = (good.as_str(), long.as_str());
        for malformed in [&[good, good][..], &[""], &["a b"], &["\u{e9}"], &["a\tb"], &[long]] {
            let refused = unbound(&here, malformed, &alice).unwrap_err();
            assert!(matches!(refused, McpRefusal::SessionMalformed(_)), "{malformed:?}");
        }
    }

    #[test]
    fn an_upstream_hands_out_one_fit_id_or_its_answer_is_refused() {
        let (here, alice) = (sessions(&[A], "r"), somebody("https://idp", "1", "alice"));
        let long = "x".repeat(LONGEST + 1);
        for unfit in [&["a", "b"][..], &[""], &["a b"], &["\u{e9}"], &[&long]] {
            let whose = Whose::of(&alice, Method::Bearer);
            assert!(here.bind(&mut headers(unfit), &whose, "u").is_err(), "{unfit:?}");
        }
    }

    #[test]
    fn other_spellings_of_the_header_go_no_further() {
        let (here, alice) = (sessions(&[A], "r"), somebody("https://idp", "1", "alice"));
        let mut request = HeaderMap::new();
        for name in ["mcp_session_id", "mcp_session-id", "mcp.session.id", "mcp-session-id2", "x-mcp-session-id"] {
            request.append(name, HeaderValue::from_static("stolen"));
        }
        here.unbind(&mut request, &Whose::of(&alice, Method::Bearer)).unwrap();
        let mut left: Vec<&str> = request.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["mcp-session-id2", "x-mcp-session-id"]);
    }
}
