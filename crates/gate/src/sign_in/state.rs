//! A sign-in on its way through the provider. It is remembered in `state` itself, sealed, so that any number of tabs
//! can sign in at once, on any replica, with one cookie.
//!
//! 1. `state` opens only if this gate sealed it, for this purpose.
//! 2. It is bound to the browser (its browser id, or the session it had): the code that comes with it is never redeemed
//!    for another browser.
//! 3. It lives 15 minutes, and is used once as far as this process can know ([`used`](super::used)); the provider's own
//!    single use of the code stands behind that.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gangplank_authn::seal::KeyRing;
use gangplank_jose::UnixTime;
use serde::{Deserialize, Serialize};

/// How long a person may take at the provider.
pub(crate) const LIFETIME: Duration = Duration::from_secs(15 * 60);
const PURPOSE: &str = "state";

/// What has to be known again when the browser comes back.
pub(super) struct Pending {
    /// The OpenID Connect nonce, and the name of this attempt.
    pub(super) nonce: String,
    /// The PKCE verifier.
    pub(super) verifier: String,
    /// Where to return to: already judged, and judged again.
    pub(super) target: String,
    /// The client.
    pub(super) client: String,
    /// The authority of ours at which it began.
    pub(super) authority: String,
    /// When it began.
    pub(super) started: u64,
    /// The how manieth attempt of the same sign-in it is, from 1.
    pub(super) attempt: u8,
    /// The browser.
    pub(super) binding: [u8; 32],
}

impl Pending {
    /// As `state`.
    pub(super) fn seal(&self, ring: &KeyRing) -> Result<String, gangplank_authn::Refusal> {
        ring.seal_value(PURPOSE, &Compact::from(self))
    }

    /// From `state`. That it opens says where it comes from, and nothing of browser or time yet.
    pub(super) fn open(ring: &KeyRing, state: &str) -> Result<Pending, gangplank_authn::Refusal> {
        ring.open_value::<Compact>(PURPOSE, state).map(Pending::from)
    }

    /// Whether it took too long.
    pub(super) fn is_expired(&self, now: UnixTime) -> bool {
        now > UnixTime::from_secs(self.started) + LIFETIME
    }

    /// Whether it began in the browser that has one of these bindings.
    pub(super) fn is_bound_to(&self, binding: Option<[u8; 32]>) -> bool {
        binding.is_some_and(|b| aws_lc_rs::constant_time::verify_slices_are_equal(&b, &self.binding).is_ok())
    }
}

/// As it travels: `state` goes through every log and address bar between here and the provider, so it is short.
#[derive(Serialize, Deserialize)]
struct Compact(String, String, String, String, String, u64, u8, String);

impl From<&Pending> for Compact {
    fn from(p: &Pending) -> Self {
        let binding = URL_SAFE_NO_PAD.encode(p.binding);
        let [n, v, t, c, h] = [&p.nonce, &p.verifier, &p.target, &p.client, &p.authority].map(Clone::clone);
        Compact(n, v, t, c, h, p.started, p.attempt, binding)
    }
}

impl From<Compact> for Pending {
    fn from(Compact(nonce, verifier, target, client, authority, started, attempt, b): Compact) -> Self {
        // What was sealed by another version binds to nothing.
        let binding = URL_SAFE_NO_PAD.decode(b).ok().and_then(|b| b.try_into().ok()).unwrap_or([0; 32]);
        Pending { nonce, verifier, target, client, authority, started, attempt, binding }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending() -> Pending {
        Pending {
            nonce: "n".repeat(22),
            verifier: "v".repeat(43),
            target: "/".to_owned() + &"t".repeat(1023),
            client: "corp".to_owned(),
            authority: "app.example.com".to_owned(),
            started: 1_000,
            attempt: 1,
            binding: [7; 32],
        }
    }

    #[test]
    fn it_comes_back_as_it_went_and_is_short() {
        let ring = KeyRing::generate().unwrap();
        let sealed = pending().seal(&ring).unwrap();
        assert!(sealed.len() < 1_750, "{}", sealed.len());
        let opened = Pending::open(&ring, &sealed).unwrap();
        assert_eq!((opened.target, opened.attempt, opened.started), (pending().target, 1, 1_000));
        assert!(Pending::open(&KeyRing::generate().unwrap(), &sealed).is_err());
        assert!(Pending::open(&ring, &ring.seal("session", b"{}").unwrap()).is_err());
    }

    #[test]
    fn it_is_bound_to_one_browser_and_fifteen_minutes() {
        let pending = pending();
        assert!(pending.is_bound_to(Some([7; 32])));
        assert!(!pending.is_bound_to(Some([8; 32])));
        assert!(!pending.is_bound_to(None));
        assert!(!pending.is_expired(UnixTime::from_secs(1_900)));
        assert!(pending.is_expired(UnixTime::from_secs(1_901)));
    }
}
