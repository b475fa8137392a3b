//! The browser that a consent is given in: a cookie of its own beside the session's.
//!
//! 1. It holds a random name, to which questions and sign-ins under way are bound, and what the person consented to. Sealed,
//!    `HttpOnly`, `SameSite=Lax`, for this host alone, over https as `__Host-…`: no sibling host can plant one.
//! 2. A consent is the SHA-256 over authorization server, client, redirect URI, resources and scopes: any change asks anew. It
//!    is good for 30 days, and the 24 youngest are kept.
//! 3. Only a consent to a client whose redirect URI is `https` is remembered. On this machine, and behind a private scheme, any
//!    program can take the client's place (RFC 8252 §8.6): there the person is asked each time.
//! 4. A request with several different cookies of this name has none.

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gangplank_authn::seal::KeyRing;
use gangplank_jose::UnixTime;
use gangplank_oauth::random_token;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};

use super::sealed::{Asked, same};
use crate::headers::pairs;

const PURPOSE: &str = "as-browser";
const GOOD_FOR: Duration = Duration::from_secs(30 * 86_400);
/// A browser that consented to nothing has its name for as long as somebody may take to find their phone, twice.
const NAMED_FOR: Duration = Duration::from_secs(3600);
const MOST: usize = 24;

/// How the cookie is named, found and set.
#[derive(Debug)]
pub(crate) struct BrowserCookie {
    name: String,
    attributes: &'static str,
}

/// What it holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Browser {
    #[serde(rename = "b")]
    id: String,
    #[serde(rename = "c")]
    consents: Vec<(String, u64)>,
}

impl BrowserCookie {
    /// Beside the session's cookie, of which this is the whole name.
    pub(crate) fn new(session: &str, https: bool) -> Self {
        let plain = session.strip_prefix("__Host-").or_else(|| session.strip_prefix("__Secure-")).unwrap_or(session);
        if https {
            let attributes = "; Path=/; HttpOnly; Secure; SameSite=Lax";
            BrowserCookie { name: format!("__Host-{plain}-consent"), attributes }
        } else {
            BrowserCookie { name: format!("{plain}-consent"), attributes: "; Path=/; HttpOnly; SameSite=Lax" }
        }
    }

    /// The browser of a request, if it has been here before.
    pub(crate) fn presented(&self, headers: &HeaderMap, ring: &KeyRing) -> Option<Browser> {
        let mut found: Option<&[u8]> = None;
        for pair in headers.get_all(COOKIE).iter().flat_map(|header| pairs(header.as_bytes())) {
            let value = pair.trim_ascii().strip_prefix(self.name.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
            match (value, found) {
                (Some(value), Some(before)) if value != before => return None,
                (Some(value), _) => found = Some(value),
                (None, _) => {}
            }
        }
        let value = std::str::from_utf8(found?).ok()?;
        ring.open_value(PURPOSE, value).ok().filter(|browser: &Browser| !browser.id.is_empty())
    }

    /// Sets it.
    pub(crate) fn set(&self, browser: &Browser, ring: &KeyRing) -> Result<HeaderValue, gangplank_authn::Refusal> {
        let value = ring.seal_value(PURPOSE, browser)?;
        let lasts = if browser.consents.is_empty() { NAMED_FOR } else { GOOD_FOR };
        let text = format!("{}={value}{}; Max-Age={}", self.name, self.attributes, lasts.as_secs());
        let unfit = |_| gangplank_authn::Refusal::CryptoFailed { what: "cookie" };
        let mut value = HeaderValue::try_from(text).map_err(unfit)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl Browser {
    /// One that has not been here.
    pub(crate) fn fresh() -> Self {
        Browser { id: random_token(16), consents: Vec::new() }
    }

    /// What questions and sign-ins are bound to.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Whether it has this name.
    pub(crate) fn is(&self, id: &str) -> bool {
        same(&self.id, id)
    }

    /// Whether the person consented to this, and it is not too long ago.
    pub(crate) fn consented(&self, server: &str, asked: &Asked, now: UnixTime) -> bool {
        let digest = digest(server, asked);
        self.consents.iter().any(|(known, until)| same(known, &digest) && now.as_secs() < *until)
    }

    /// From now on it did.
    pub(crate) fn remember(&mut self, server: &str, asked: &Asked, now: UnixTime) {
        let digest = digest(server, asked);
        self.consents.retain(|(known, until)| *known != digest && now.as_secs() < *until);
        self.consents.insert(0, (digest, (now + GOOD_FOR).as_secs()));
        self.consents.truncate(MOST);
    }
}

/// Each part with its length before it, so that no two lists of parts are the same bytes. Half of a SHA-256 is enough for what
/// only we can write, and short.
fn digest(server: &str, asked: &Asked) -> String {
    let mut context = Context::new(&SHA256);
    let mut add = |parts: &[&str]| {
        context.update(&(parts.len() as u64).to_be_bytes());
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
    };
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort_unstable();
        list
    };
    let (resources, scopes) = (sorted(&asked.resources), sorted(&asked.scopes));
    add(&[server, asked.client.as_str(), &asked.redirect_uri]);
    add(&resources.iter().map(String::as_str).collect::<Vec<_>>());
    add(&scopes.iter().map(String::as_str).collect::<Vec<_>>());
    URL_SAFE_NO_PAD.encode(&context.finish().as_ref()[..16])
}

#[cfg(test)]
mod tests {
    use super::super::sealed::ClientDigest;
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_000);

    fn asked() -> Asked {
        Asked {
            client: ClientDigest::of("client"),
            name: "Client".into(),
            redirect_uri: "https://client.example.org/cb".into(),
            state: Some("s".into()),
            challenge: "c".into(),
            resources: vec!["https://a/1".into(), "https://a/2".into()],
            scopes: vec!["x".into(), "y".into()],
        }
    }

    fn presented(cookie: &BrowserCookie, ring: &KeyRing, lines: &[&str]) -> Option<Browser> {
        let mut headers = HeaderMap::new();
        lines.iter().for_each(|line| {
            headers.append(COOKIE, HeaderValue::from_str(line).unwrap());
        });
        cookie.presented(&headers, ring)
    }

    #[test]
    fn a_consent_is_to_this_and_to_nothing_else() {
        let mut browser = Browser::fresh();
        browser.remember("entra", &asked(), NOW);
        let same = Asked { state: None, challenge: "other".into(), scopes: vec!["y".into(), "x".into()], ..asked() };
        assert!(browser.consented("entra", &same, NOW));
        assert!(!browser.consented("other", &asked(), NOW));
        assert!(!browser.consented("entra", &asked(), NOW + GOOD_FOR));
        for other in [
            Asked { client: ClientDigest::of("clien"), ..asked() },
            Asked { redirect_uri: "https://client.example.org/cb2".into(), ..asked() },
            Asked { resources: vec!["https://a/1".into()], ..asked() },
            Asked { scopes: vec!["x".into()], ..asked() },
            Asked { scopes: vec!["x".into(), "y".into(), "z".into()], ..asked() },
            Asked { scopes: vec!["xy".into()], ..asked() },
            Asked {
                resources: vec!["https://a/1".into()],
                scopes: vec!["https://a/2".into(), "x".into(), "y".into()],
                ..asked()
            },
        ] {
            assert!(!browser.consented("entra", &other, NOW), "{other:?}");
        }
    }

    #[test]
    fn the_cookie_is_ours_alone_short_and_not_planted() {
        let ring = KeyRing::generate().unwrap();
        let cookie = BrowserCookie::new("__Secure-gangplank", true);
        let mut browser = Browser::fresh();
        for i in 0..100 {
            browser.remember("entra", &Asked { scopes: vec![i.to_string()], ..asked() }, NOW);
        }
        assert_eq!(browser.consents.len(), MOST);
        let set = cookie.set(&browser, &ring).unwrap();
        let set = set.to_str().unwrap();
        assert!(set.len() < 2048 && set.starts_with("__Host-gangplank-consent="), "{}", set.len());
        assert!(set.ends_with("; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=2592000"));
        let pair = set.split(';').next().unwrap();
        assert!(presented(&cookie, &ring, &["a=b", pair]).unwrap().is(browser.id()));
        let other = cookie.set(&Browser::fresh(), &ring).unwrap();
        let other = other.to_str().unwrap().split(';').next().unwrap();
        assert!(presented(&cookie, &ring, &[pair, other]).is_none());
        assert!(presented(&cookie, &ring, &["__Host-gangplank-consent=x"]).is_none());
        assert!(presented(&cookie, &KeyRing::generate().unwrap(), &[pair]).is_none());
        assert!(presented(&cookie, &ring, &[]).is_none());
    }
}
