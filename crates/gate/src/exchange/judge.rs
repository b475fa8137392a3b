//! Whether what a provider gave is what was asked for. It came over TLS from whom we trust with it, so its signature is not
//! ours to verify; but a mistake there, or in the configuration, must not send a token where it does not belong.
//!
//! 1. It is not the token that was to be exchanged: then nothing was.
//! 2. It lasts for a while, by `expires_in` and, of a JWT, by `exp`; where neither is said, for a minute.
//! 3. A JWT is for one of the audiences that were expected. A slash at the end of a URI makes no difference.
//! 4. A JWT that says whom it is about says the same as the caller's: by `oid` and `tid` where both have it, as at Entra ID, whose
//!    `sub` differs from application to application; else by `sub` where both have the same issuer, unless subjects are
//!    pairwise there. What a person's token was exchanged for is no application's own.
//! 5. Anything else than a JWT is taken only where the configuration says so: nobody can see for whom it is.
//! 6. It has the characters of a bearer token (RFC 6750 §2.1), and at most 64 KiB of them: it goes into a header.
//! 7. It is used until a little before its end, and not beyond the caller's.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use gangplank_authn::BearerToken;
use gangplank_jose::{Claims, UnixTime, Unverified};
use gangplank_oauth::TokenResponse;
use http::HeaderValue;
use secrecy::ExposeSecret as _;

use super::{ExchangeRefusal, Subject};

/// How long before its end a token is no longer used: it has to arrive, and clocks differ.
const MARGIN: Duration = Duration::from_secs(30);
/// How long a token is used that does not say how long it lasts.
const UNSAID: Duration = Duration::from_secs(60);

/// No server that is asked with it would read a longer header.
const LONGEST: usize = 64 << 10;

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
        if token.len() > LONGEST {
            return Err(unfit(format!("it has {} bytes, and {LONGEST} are what a header may have", token.len())));
        }
        let authorization = BearerToken::new(token)
            .ok()
            .and_then(|token| HeaderValue::try_from(format!("Bearer {}", token.as_str())).ok());
        let mut authorization = authorization.ok_or_else(|| unfit("it has characters that no token has".to_owned()))?;
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
        let other = subject.look(|mine| {
            let differs = |name: &str| Some(mine.str(name)? != claims.str(name)?);
            let same_issuer = mine.issuer().is_some() && mine.issuer() == claims.issuer();
            match differs("oid") {
                Some(other) => other || differs("tid") == Some(true),
                None => same_issuer && !self.pairwise && differs("sub") == Some(true),
            }
        });
        let is_app = |claims: &Claims| claims.str("idtyp") == Some("app");
        match other {
            Some(true) => Err("it is about somebody else than the caller".to_owned()),
            Some(false) if is_app(claims) && subject.look(is_app) == Some(false) => {
                Err("it is an application's own, and the caller's is not".to_owned())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::exchange::testing::jwt;

    const NOW: UnixTime = UnixTime::from_secs(1_000);

    fn expected() -> Expected {
        Expected { audiences: vec!["api://down".into()], opaque: false, about_caller: true, pairwise: false }
    }

    fn answer(token: String, expires_in: Option<u64>) -> TokenResponse {
        TokenResponse {
            access_token: token.into(),
            id_token: None,
            refresh_token: None,
            expires_in: expires_in.map(Duration::from_secs),
            scope: None,
            issued_token_type: None,
        }
    }

    fn alice() -> Subject {
        let claims = json!({"iss": "https://idp", "sub": "alice", "aud": "api://gate", "exp": 3_000});
        Subject::new(jwt(&claims).into(), None)
    }

    /// Until when a token with these claims is used, or what is wrong with it.
    fn judged(expected: &Expected, claims: &Value, expires_in: Option<u64>) -> Result<u64, String> {
        match expected.judge("x", answer(jwt(claims), expires_in), &alice(), NOW) {
            Ok(exchanged) => Ok(exchanged.until().as_secs()),
            Err(refusal) => {
                assert_eq!(refusal.reason().name, "exchange-token-unfit");
                Err(refusal.to_string())
            }
        }
    }

    #[test]
    fn it_is_used_until_a_little_before_the_first_of_all_ends() {
        let with = |exp: Value| json!({"aud": "api://down", "exp": exp});
        for (exp, expires_in, until) in [
            (json!(2_000), Some(1_000), 1_970),
            (json!(2_000), Some(500), 1_470),
            (json!(1_500), Some(1_000), 1_470),
            (Value::Null, Some(100), 1_080),
            (Value::Null, None, 1_048),
            (json!(1_005), Some(1_000), 1_004),
            // Beyond the caller's, which ends at 3000.
            (json!(9_000), Some(8_000), 3_000),
        ] {
            let claims = if exp.is_null() { json!({"aud": "api://down"}) } else { with(exp) };
            assert_eq!(judged(&expected(), &claims, expires_in), Ok(until), "{claims} {expires_in:?}");
        }
        for (exp, expires_in) in [(1_000, Some(1_000)), (1, None), (2_000, Some(0))] {
            let refused = judged(&expected(), &with(json!(exp)), expires_in).unwrap_err();
            assert!(refused.contains("it ended at"), "{refused}");
        }
    }

    #[test]
    fn it_is_for_one_of_those_that_were_expected() {
        let judge = |aud: Value| judged(&expected(), &json!({"aud": aud}), Some(60));
        for good in [json!("api://down"), json!("api://down/"), json!(["x", "api://down"])] {
            assert!(judge(good).is_ok());
        }
        for bad in [json!("api://downx"), json!("API://DOWN"), json!("down"), json!(""), json!([]), json!(["x\r\ny"])] {
            let refused = judge(bad.clone()).unwrap_err();
            assert!(refused.contains("its audience is") && !refused.contains('\n'), "{bad}: {refused}");
        }
        assert!(judged(&expected(), &json!({"sub": "alice"}), Some(60)).is_err(), "none at all");
        let anything = Expected { audiences: Vec::new(), opaque: true, ..expected() };
        assert!(judged(&anything, &json!({"aud": "x"}), Some(60)).is_err(), "what can be seen is judged");
    }

    #[test]
    fn it_is_about_the_caller() {
        let entra = |oid: &str, tid: &str, sub: &str| json!({"iss": "https://idp", "aud": "api://down", "oid": oid, "tid": tid, "sub": sub});
        let mine = Subject::new(jwt(&entra("a", "t", "pairwise-1")).into(), None);
        let of = |claims: &Value| expected().judge("x", answer(jwt(claims), Some(60)), &mine, NOW).is_ok();
        assert!(of(&entra("a", "t", "pairwise-2")), "sub differs from application to application there");
        assert!(!of(&entra("b", "t", "pairwise-1")) && !of(&entra("a", "u", "pairwise-1")));
        let mut app = entra("a", "t", "a");
        app["idtyp"] = json!("app");
        assert!(!of(&app));

        let plain = |iss: &str, sub: &str| json!({"iss": iss, "aud": "api://down", "sub": sub});
        for (claims, pairwise, good) in [
            (plain("https://idp", "alice"), false, true),
            (plain("https://idp", "bob"), false, false),
            (plain("https://idp", "bob"), true, true),
            (plain("https://other", "bob"), false, true),
            (json!({"aud": "api://down"}), false, true),
            (json!({"iss": "https://idp", "aud": "api://down", "oid": "o", "sub": "bob"}), false, false),
        ] {
            let expected = Expected { pairwise, ..expected() };
            assert_eq!(judged(&expected, &claims, Some(60)).is_ok(), good, "{claims} {pairwise}");
        }
        let ours = Expected { about_caller: false, ..expected() };
        assert!(judged(&ours, &plain("https://idp", "gate"), Some(60)).is_ok());
    }

    #[test]
    fn the_callers_own_and_what_nobody_can_read_are_none() {
        let alice = alice();
        let own = alice.token().expose_secret().to_owned();
        let all = Expected { audiences: vec!["api://gate".into()], opaque: true, ..expected() };
        let refused = all.judge("x", answer(own, Some(60)), &alice, NOW).unwrap_err().to_string();
        assert!(refused.contains("the caller's own"), "{refused}");
        let long = |bytes| all.judge("x", answer("x".repeat(bytes), Some(60)), &alice, NOW).is_ok();
        assert!(long(LONGEST) && !long(LONGEST + 1));
        for token in ["opaque", "a.b.c", "e30.e30.", "two words"] {
            let judged = |expected: &Expected| expected.judge("x", answer(token.into(), Some(60)), &alice, NOW);
            assert!(judged(&expected()).unwrap_err().to_string().contains("no JWT"));
            assert_eq!(judged(&all).is_ok(), !token.contains(' '), "{token}: one token, and nothing beside it");
        }
    }

    #[test]
    fn it_is_marked_as_sensitive_and_shows_nothing() {
        let exchanged = expected().judge("x", answer(jwt(&json!({"aud": "api://down"})), Some(60)), &alice(), NOW);
        let exchanged = exchanged.unwrap();
        assert!(exchanged.authorization().is_sensitive());
        assert!(exchanged.authorization().as_bytes().starts_with(b"Bearer ey"));
        assert!(!format!("{exchanged:?}").contains("ey"));
    }
}
