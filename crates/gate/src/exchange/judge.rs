//! Whether what a provider gave is what was asked for. It came over TLS from whom we trust with it, so its signature is not
//! ours to verify; but a mistake there, or in the configuration, must not send a token where it does not belong.
//!
//! 1. It is not the token that was to be exchanged: then nothing was.
//! 2. It lasts for a while, by `expires_in` and, of a JWT, by `exp`; where neither is said, for a minute.
//! 3. A JWT is for one of the audiences that were expected. A slash at the end of a URI makes no difference.
//! 4. A JWT that says whom it is about says the same as the caller's: by `oid` where both have one (Entra ID's `sub` differs from
//!    audience to audience, always), else by `sub` where both have the same issuer, unless subjects are pairwise there.
//! 5. Anything else than a JWT is taken only where the configuration says so: nobody can see for whom it is.
//! 6. It is used until a little before its end, and not beyond the caller's.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use gangplank_jose::{Claims, UnixTime, Unverified};
use gangplank_oauth::TokenResponse;
use http::HeaderValue;
use secrecy::ExposeSecret as _;

use super::{ExchangeRefusal, Subject};

/// How long before its end a token is no longer used: it has to arrive, and clocks differ.
const MARGIN: Duration = Duration::from_secs(30);
/// How long a token is used that does not say how long it lasts.
const UNSAID: Duration = Duration::from_secs(60);

/// A token for one caller and one exchange. Only [`Expected::judge`] makes one; its `Debug` shows nothing of it.
pub(crate) struct Exchanged {
    /// Marked as sensitive.
    authorization: HeaderValue,
    until: UnixTime,
}

impl Exchanged {
    /// `Bearer …`, for `Authorization`.
    pub(crate) fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }

    /// Until when it may be used.
    pub(crate) fn until(&self) -> UnixTime {
        self.until
    }

    /// One for tests of what is done with it.
    #[cfg(test)]
    pub(super) fn of(token: &str, until: UnixTime) -> Self {
        Exchanged { authorization: HeaderValue::try_from(token).expect("a token"), until }
    }

    /// What it takes in memory.
    pub(super) fn size(&self) -> usize {
        self.authorization.len()
    }
}

impl std::fmt::Debug for Exchanged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchanged").field("until", &self.until).finish_non_exhaustive()
    }
}

/// What a good answer holds.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// Any of these, without a slash at the end.
    pub(crate) audiences: Vec<String>,
    /// Whether rule 5 is waived.
    pub(crate) opaque: bool,
    /// Whether it is about the caller.
    pub(crate) about_caller: bool,
    /// Whether `sub` differs from audience to audience.
    pub(crate) pairwise: bool,
}

impl Expected {
    pub(super) fn judge(
        &self,
        exchange: &str,
        answer: TokenResponse,
        subject: &Subject,
        now: UnixTime,
    ) -> Result<Exchanged, ExchangeRefusal> {
        let unfit = |problem: String| ExchangeRefusal::Unfit { exchange: exchange.to_owned(), problem };
        let token = answer.access_token.expose_secret();
        let own = subject.token().expose_secret();
        if verify_slices_are_equal(token.as_bytes(), own.as_bytes()).is_ok() {
            return Err(unfit("it is the caller's own token".to_owned()));
        }
        let mut ends = answer.expires_in.map(|lasts| now + lasts);
        match Unverified::parse(token) {
            Ok(jwt) => {
                let claims = jwt.claims_unverified();
                self.audience(claims).map_err(&unfit)?;
                self.subject(claims, subject).map_err(&unfit)?;
                ends = ends.into_iter().chain(claims.expires()).min();
            }
            Err(_) if self.opaque => {}
            Err(_) => return Err(unfit("it is no JWT, so nobody can see for whom it is".to_owned())),
        }
        let ends = ends.unwrap_or(now + UNSAID);
        if ends <= now {
            return Err(unfit(format!("it ended at {ends}")));
        }
        let lasts = ends.since(now);
        let until = now + lasts.saturating_sub(MARGIN.min(lasts / 5));
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| unfit("it has characters that no header can carry".to_owned()))?;
        authorization.set_sensitive(true);
        Ok(Exchanged { authorization, until: subject.ends().map_or(until, |ends| ends.min(until)) })
    }

    /// Rule 3.
    fn audience(&self, claims: &Claims) -> Result<(), String> {
        let found = claims.audiences();
        if found.iter().any(|found| self.audiences.iter().any(|a| a == found.trim_end_matches('/'))) {
            return Ok(());
        }
        let shown: String = found.join(", ").chars().filter(|c| !c.is_control()).take(200).collect();
        Err(format!("its audience is {shown:?}, and not {}", self.audiences.join(" or ")))
    }

    /// Rule 4.
    fn subject(&self, claims: &Claims, subject: &Subject) -> Result<(), String> {
        if !self.about_caller {
            return Ok(());
        }
        // `None` where one of them does not say.
        let differs = |name: &str, mine: &Claims| Some(mine.str(name)? != claims.str(name)?);
        let other = subject.look(|mine| {
            let same_issuer = mine.issuer().is_some() && mine.issuer() == claims.issuer();
            let by_subject = || same_issuer && !self.pairwise && differs("sub", mine) == Some(true);
            differs("oid", mine).unwrap_or_else(by_subject)
        });
        if other == Some(true) { Err("it is about somebody else than the caller".to_owned()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use secrecy::SecretString;

    use super::*;

    fn token(claims: &str) -> String {
        [r#"{"alg":"RS256"}"#, claims, "signature"].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part)).join(".")
    }

    #[test]
    fn what_came_back_is_about_the_caller() {
        let expected =
            |pairwise| Expected { audiences: vec!["b".to_owned()], opaque: false, about_caller: true, pairwise };
        for (mine, theirs, same, same_where_pairwise) in [
            (r#"{"iss":"i","sub":"s"}"#, r#"{"iss":"i","sub":"s"}"#, true, true),
            (r#"{"iss":"i","sub":"s"}"#, r#"{"iss":"i","sub":"t"}"#, false, true),
            (r#"{"iss":"i","sub":"s"}"#, r#"{"iss":"j","sub":"t"}"#, true, true),
            (r#"{"iss":"i","sub":"s"}"#, r#"{"iss":"i"}"#, true, true),
            // At Entra ID the one is the same for all audiences, and the other never.
            (r#"{"iss":"i","oid":"o","sub":"s"}"#, r#"{"iss":"i","oid":"o","sub":"t"}"#, true, true),
            (r#"{"iss":"i","oid":"o","sub":"s"}"#, r#"{"iss":"i","oid":"p","sub":"s"}"#, false, false),
            (r#"{"iss":"i","oid":"o","sub":"s"}"#, r#"{"iss":"i","sub":"t"}"#, false, true),
        ] {
            let subject = Subject::new(SecretString::from(token(mine)), None);
            let theirs = token(theirs);
            let theirs = Unverified::parse(&theirs).unwrap();
            let judged = |pairwise| expected(pairwise).subject(theirs.claims_unverified(), &subject).is_ok();
            assert_eq!((judged(false), judged(true)), (same, same_where_pairwise), "{mine} {theirs:?}");
        }
    }
}
