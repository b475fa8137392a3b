//! The token by which a caller was authenticated: what an exchange starts from.

use aws_lc_rs::digest::{SHA256, digest};
use gangplank_jose::{Claims, UnixTime, Unverified};
use secrecy::{ExposeSecret as _, SecretString};

/// A token that was verified, or that came from the provider with a verified sign-in. Its `Debug` shows nothing of it.
#[derive(Debug)]
pub(crate) struct Subject {
    token: SecretString,
    digest: [u8; 32],
    ends: Option<UnixTime>,
}

impl Subject {
    /// A caller's token, which ends, or whose session ends, at `ends`. What a JWT says of its own end counts too: a session
    /// may last for longer than its token.
    pub(crate) fn new(token: SecretString, ends: Option<UnixTime>) -> Self {
        let mut octets = [0; 32];
        octets.copy_from_slice(digest(&SHA256, token.expose_secret().as_bytes()).as_ref());
        let mut subject = Subject { token, digest: octets, ends };
        let said = subject.look(Claims::expires).flatten();
        subject.ends = ends.into_iter().chain(said).min();
        subject
    }

    /// What stands there where nobody's token is exchanged.
    pub(super) fn nobody() -> Self {
        Subject { token: SecretString::from(""), digest: [0; 32], ends: None }
    }

    /// The token.
    pub(crate) fn token(&self) -> &SecretString {
        &self.token
    }

    /// Its SHA-256.
    pub(crate) fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Whether it has ended.
    pub(super) fn is_over(&self, now: UnixTime) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }

    /// When nothing that came of it may be used any longer.
    pub(crate) fn ends(&self) -> Option<UnixTime> {
        self.ends
    }

    /// What it takes in memory.
    pub(crate) fn size(&self) -> usize {
        self.token.expose_secret().len()
    }

    /// Looks at what it claims, if it is a JWT. That was verified before, where it was presented; here it only saves a
    /// request, or finds out an answer that is about somebody else.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&Claims) -> T) -> Option<T> {
        Unverified::parse(self.token.expose_secret()).ok().map(|token| at(token.claims_unverified()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::testing::jwt;

    #[test]
    fn it_ends_with_the_token_or_with_the_session_whichever_is_first() {
        let at = UnixTime::from_secs;
        let token = || SecretString::from(jwt(&serde_json::json!({"exp": 1_000})));
        for (token, session, ends) in [
            (token(), None, Some(at(1_000))),
            (token(), Some(at(900)), Some(at(900))),
            (token(), Some(at(1_060)), Some(at(1_000))),
            ("opaque".into(), Some(at(900)), Some(at(900))),
            ("opaque".into(), None, None),
        ] {
            assert_eq!(Subject::new(token, session).ends(), ends);
        }
    }

    #[test]
    fn each_token_has_its_own_digest_and_none_is_shown() {
        let [one, two] = ["s3cret-a", "s3cret-b"].map(|token| Subject::new(token.into(), None));
        assert!(one.digest() != two.digest() && one.digest() != Subject::nobody().digest());
        assert!(!format!("{one:?}").contains("s3cret"));
    }
}
