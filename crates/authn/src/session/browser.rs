//! A browser that has not signed in yet, so that a sign-in can be bound to it.

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gangplank_jose::UnixTime;

use super::record::{OpenedSession, random_16};
use crate::Refusal;
use crate::seal::KeyRing;

/// A random name for one browser. It is not secret towards the browser, and says nothing about the person.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BrowserId([u8; 16]);

impl BrowserId {
    /// A fresh one.
    pub fn generate() -> Result<Self, Refusal> {
        Ok(BrowserId(random_16()?))
    }

    /// The cookie's value.
    pub fn seal(&self, ring: &KeyRing, cookie_name: &str) -> Result<String, Refusal> {
        ring.seal(&purpose(cookie_name), &self.0)
    }

    /// Opens a cookie's value.
    pub fn open(ring: &KeyRing, cookie_name: &str, value: &str) -> Result<Self, Refusal> {
        let purpose = purpose(cookie_name);
        let plain = ring.open(&purpose, value)?;
        let id = plain.as_slice().try_into();
        id.map(BrowserId).map_err(|_| Refusal::SealedMalformed { purpose, problem: "is not a browser id" })
    }

    /// What a pending sign-in is bound to.
    pub fn binding(&self) -> [u8; 32] {
        binding(b"browser", &self.0)
    }
}

impl std::fmt::Debug for BrowserId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BrowserId(…)")
    }
}

/// What our one cookie holds.
#[derive(Debug)]
pub enum OpenedCookie {
    /// A browser that may be signing in.
    Browser(BrowserId),
    /// A session.
    Session(Box<OpenedSession>),
}

impl OpenedCookie {
    /// Opens the cookie as whichever it is. Safe on any text.
    pub fn open(ring: &KeyRing, cookie_name: &str, value: &str, now: UnixTime) -> Result<Self, Refusal> {
        match OpenedSession::open(ring, cookie_name, value, now) {
            Ok(session) => Ok(OpenedCookie::Session(Box::new(session))),
            // Sealed for something else: the only other thing it may be is a browser id.
            Err(refusal @ Refusal::SealedTampered { .. }) => {
                BrowserId::open(ring, cookie_name, value).map(OpenedCookie::Browser).map_err(|_| refusal)
            }
            Err(refusal) => Err(refusal),
        }
    }
}

fn purpose(cookie_name: &str) -> String {
    format!("browser:{cookie_name}")
}

/// SHA-256 over the kind and the id, so that ids of two kinds never bind to the same.
pub(super) fn binding(kind: &[u8], id: &[u8; 16]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(kind);
    context.update(b":");
    context.update(id);
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// Base64url of an id, for logs that must tell sessions apart.
pub(super) fn short_digest(kind: &[u8], id: &[u8; 16]) -> String {
    URL_SAFE_NO_PAD.encode(&binding(kind, id)[..9])
}
