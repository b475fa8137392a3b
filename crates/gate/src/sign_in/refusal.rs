//! Why somebody can't sign in, is no longer signed in, or is not sent where a link wanted to send them.
//!
//! [`SignInRefusal::outward`] is this section's part of the one match from inward to outward: the words a person sees
//! say what can be done and never why a credential was refused.

use gangplank_jose::{Fault, Reason};
use gangplank_oauth::{CallbackError, ExchangeError};
use http::StatusCode;

use crate::return_target::ReturnTargetRefusal;

/// A refusal of sign-in, session, return target or sign-out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SignInRefusal {
    // The start.
    /// The host of the request is not one of ours.
    #[error("no route and no public_url has the host {host:?}")]
    HostUnknown {
        /// What was asked for.
        host: String,
    },
    /// No client of this name.
    #[error("there is no client {client:?} to sign in at")]
    ClientUnknown {
        /// What was asked for.
        client: String,
    },
    /// The answer that begins a sign-in does not fit nginx's default buffer.
    #[error("the header block that begins the sign-in has {size} bytes, more than 4096")]
    AuthorizationTooLarge {
        /// How large it would be.
        size: usize,
    },
    /// An address that no header can carry.
    #[error("the redirect leads to an address that no header can carry")]
    LocationUnfit,
    /// An exchange with the provider failed.
    #[error(transparent)]
    Exchange(ExchangeError),

    // The return.
    /// What came back is not an authorization response, or is another provider's.
    #[error(transparent)]
    Callback(#[from] CallbackError),
    /// `state` is not ours.
    #[error("the state of the callback: {0}")]
    StateInvalid(gangplank_authn::Refusal),
    /// `state` began on another host of ours.
    #[error("the sign-in began at {began} and came back to {came}")]
    StateElsewhere {
        /// Where it began.
        began: String,
        /// Where it came back.
        came: String,
    },
    /// The cookie that binds a sign-in to the browser does not come back.
    #[error("{attempts} sign-ins at {host} came back {problem}; the cookie is {cookie} ({attributes})")]
    Loop {
        /// The host.
        host: String,
        /// How often it was tried.
        attempts: u8,
        /// What the last one lacked.
        problem: &'static str,
        /// The cookie's name.
        cookie: String,
        /// The cookie's attributes.
        attributes: String,
    },
    /// The provider, or the person there, said no.
    #[error("the provider answered {error}: {description}")]
    Refused {
        /// The OAuth error.
        error: String,
        /// What the provider says to it.
        description: String,
        /// What is known of that.
        reason: &'static Reason,
    },
    /// No ID token came with the code.
    #[error("the token endpoint of client {client:?} answered without an ID token")]
    IdTokenMissing {
        /// The client.
        client: String,
    },
    /// The ID token, or the session to be made of it, is not acceptable.
    #[error(transparent)]
    Identity(gangplank_authn::Refusal),
    /// It could not be decided who it is.
    #[error("undecided: {0}")]
    Undecided(gangplank_authn::Refusal),

    // The session.
    /// Several different cookies under our one name.
    #[error("the request carries the cookie {cookie} with different values")]
    CookieRepeated {
        /// Its name.
        cookie: String,
    },
    /// The cookie does not open, or its session is over.
    #[error(transparent)]
    Session(gangplank_authn::Refusal),
    /// Somebody signed out of it.
    #[error("the session was signed out")]
    SessionSignedOut,
    /// The provider will not renew it.
    #[error("the provider ended the session: {cause}")]
    SessionNotRenewed {
        /// What it said, or what was wrong with what it said.
        cause: String,
    },
    /// The cookie is from before a refresh whose cookie the browser has long had.
    #[error("the cookie is of generation {presented}, the session is at {latest}")]
    SessionSuperseded {
        /// What came.
        presented: u32,
        /// What there is.
        latest: u32,
    },
    /// The client or issuer of the session is no longer configured.
    #[error("the session was begun at client {client:?}, which is gone or has another issuer now")]
    SessionClientGone {
        /// The client.
        client: String,
    },
    /// Rules now name groups that the session was not asked about.
    #[error("the rules have changed since the session began, and it cannot be refreshed")]
    SessionRulesChanged,

    // Elsewhere.
    /// The return target was not followed.
    #[error(transparent)]
    ReturnTarget(#[from] ReturnTargetRefusal),
    /// A sign-out that another site asked for.
    #[error("a sign-out without proof that this site asked for it: {evidence}")]
    SignOutCrossSite {
        /// What the request says of where it comes from.
        evidence: String,
    },
}

macro_rules! catalogue {
    ($($konst:ident = $name:literal, $fault:ident, $summary:literal, $remedy:literal;)*) => {
        $(static $konst: Reason = Reason { name: $name, fault: Fault::$fault, summary: $summary, remedy: $remedy };)*
        impl SignInRefusal {
            /// This section's own entries of the catalogue.
            pub const REASONS: &'static [&'static Reason] = &[$(&$konst),*];
        }
    };
}

catalogue! {
    HOST_UNKNOWN = "sign-in-host-unknown", Caller,
        "A sign-in was asked for under a host that this gate does not stand for.",
        "Add a route with this host, or make the proxy in front pass the original Host.";
    CLIENT_UNKNOWN = "sign-in-client-unknown", Caller,
        "A sign-in was asked for at a client that is not configured.",
        "Use a name of [clients], or none to be asked.";
    AUTHORIZATION_TOO_LARGE = "sign-in-url-too-large", Operator,
        "The answer that sends the browser to the provider would not fit into 4 KiB.",
        "Ask for fewer or shorter scopes.";
    LOCATION_UNFIT = "sign-in-location-unfit", Operator,
        "The address to redirect to has characters that no header can carry.",
        "Look at the provider's metadata and at gate.public_url.";
    STATE_INVALID = "callback-state-invalid", Caller,
        "The state of the callback was not sealed by this gate.",
        "Start the sign-in again; if all fail, give all replicas the same cookies.keys.";
    STATE_ELSEWHERE = "callback-state-elsewhere", Operator,
        "The sign-in came back to another host than the one it began at.",
        "Register the redirect URI of every host at the provider, and pass Host on unchanged.";
    LOOP = "sign-in-loop", Operator,
        "The cookie that binds a sign-in to the browser does not come back.",
        "Compare scheme, host and port of gate.public_url and cookies.domain with what the browser's address bar shows, and see that the proxy in front passes Set-Cookie and Cookie on.";
    ID_TOKEN_MISSING = "id-token-missing", Operator,
        "The token endpoint answered without an ID token.",
        "Put openid among the client's scopes.";
    COOKIE_REPEATED = "cookie-repeated", Caller,
        "The request carries several different session cookies.",
        "Delete the browser's cookies for this site; if they return, a sibling host sets a cookie of the same name: prefer https without cookies.domain.";
    SESSION_SIGNED_OUT = "session-signed-out", Caller,
        "The session was signed out.",
        "Sign in again.";
    SESSION_NOT_RENEWED = "session-not-renewed", Provider,
        "The provider no longer renews this session: it was revoked there, or the account changed.",
        "Sign in again; look at the provider's sign-in log for the reason.";
    SESSION_SUPERSEDED = "session-superseded", Caller,
        "The cookie is from before a refresh, and the browser has used the newer one for longer than session.grace.",
        "Sign in again; if it happens often, see that the proxy in front passes Set-Cookie on.";
    SESSION_CLIENT_GONE = "session-client-gone", Operator,
        "The client at which the session began is no longer configured, or has another issuer.",
        "Sign in again.";
    SESSION_RULES_CHANGED = "session-rules-changed", Operator,
        "The rules name groups that the session was not asked about, and it has no refresh token.",
        "Sign in again; add offline_access to the scopes to spare people that.";
    RETURN_TARGET = "return-target-refused", Caller,
        "A sign-in was to return to a place that is not allowed, and returned to the front page instead.",
        "Add the host to gate.return_hosts if it is yours; otherwise somebody is trying out open redirects.";
    SIGN_OUT_CROSS_SITE = "sign-out-cross-site", Caller,
        "A sign-out was asked for without proof that a page of this site asked for it.",
        "Link to the sign_out page instead of posting to it; see that the proxy in front passes Origin and Sec-Fetch-Site on.";
}

/// What the person (or program) is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outward {
    /// The status.
    pub(crate) status: StatusCode,
    /// The page's heading.
    pub(crate) heading: &'static str,
    /// What the person can do.
    pub(crate) text: String,
    /// Offer to start over: a link to the sign-in.
    pub(crate) again: bool,
}

impl SignInRefusal {
    /// The catalogue entry.
    pub fn reason(&self) -> &'static Reason {
        match self {
            SignInRefusal::HostUnknown { .. } => &HOST_UNKNOWN,
            SignInRefusal::ClientUnknown { .. } => &CLIENT_UNKNOWN,
            SignInRefusal::AuthorizationTooLarge { .. } => &AUTHORIZATION_TOO_LARGE,
            SignInRefusal::LocationUnfit => &LOCATION_UNFIT,
            SignInRefusal::Exchange(error) => error.reason(),
            SignInRefusal::Callback(error) => error.reason(),
            SignInRefusal::Refused { reason, .. } => reason,
            SignInRefusal::StateInvalid(_) => &STATE_INVALID,
            SignInRefusal::StateElsewhere { .. } => &STATE_ELSEWHERE,
            SignInRefusal::Loop { .. } => &LOOP,
            SignInRefusal::IdTokenMissing { .. } => &ID_TOKEN_MISSING,
            SignInRefusal::Identity(refusal) | SignInRefusal::Undecided(refusal) | SignInRefusal::Session(refusal) => {
                refusal.reason()
            }
            SignInRefusal::CookieRepeated { .. } => &COOKIE_REPEATED,
            SignInRefusal::SessionSignedOut => &SESSION_SIGNED_OUT,
            SignInRefusal::SessionNotRenewed { .. } => &SESSION_NOT_RENEWED,
            SignInRefusal::SessionSuperseded { .. } => &SESSION_SUPERSEDED,
            SignInRefusal::SessionClientGone { .. } => &SESSION_CLIENT_GONE,
            SignInRefusal::SessionRulesChanged => &SESSION_RULES_CHANGED,
            SignInRefusal::ReturnTarget(_) => &RETURN_TARGET,
            SignInRefusal::SignOutCrossSite { .. } => &SIGN_OUT_CROSS_SITE,
        }
    }

    /// What is said outside. Of the session's refusals all say the same: they would be an oracle.
    pub(crate) fn outward(&self) -> Outward {
        use SignInRefusal as R;
        const AGAIN: &str = "The sign-in could not be completed. Start it again; if it fails again, ask for help.";
        const LATER: &str = "The sign-in service does not answer at the moment. Wait a little and try again.";
        const NOT_SIGNED_IN: &str = "You are not signed in, or no longer. Sign in to go on.";
        match self {
            R::HostUnknown { .. } | R::ClientUnknown { .. } => {
                said(StatusCode::NOT_FOUND, "Not found", "There is nothing here. Check the address.", false)
            }
            R::AuthorizationTooLarge { .. } | R::LocationUnfit => {
                said(StatusCode::INTERNAL_SERVER_ERROR, "Sign-in failed", AGAIN, false)
            }
            R::Exchange(error) if error.is_unavailable() => unavailable(LATER),
            R::Undecided(_) => unavailable(LATER),
            R::Exchange(error) if error.is_invalid_grant() => {
                said(StatusCode::BAD_REQUEST, "Sign-in failed", AGAIN, true)
            }
            R::Exchange(_) | R::Identity(_) | R::IdTokenMissing { .. } => {
                said(StatusCode::BAD_GATEWAY, "Sign-in failed", AGAIN, true)
            }
            R::Refused { error, .. } if matches!(&**error, "temporarily_unavailable" | "server_error") => {
                unavailable(LATER)
            }
            R::Refused { reason, .. } if reason.fault == Fault::Caller => said(
                StatusCode::FORBIDDEN,
                "Sign-in refused",
                "Your organisation’s sign-in service did not let you in, or you cancelled. Try again, or ask your administrator for access.",
                true,
            ),
            R::Refused { .. } => said(StatusCode::BAD_GATEWAY, "Sign-in failed", AGAIN, true),
            R::Callback(_) | R::StateInvalid(_) | R::StateElsewhere { .. } => {
                said(StatusCode::BAD_REQUEST, "Sign-in failed", AGAIN, true)
            }
            R::Loop { host, cookie, attributes, .. } => said(
                StatusCode::BAD_REQUEST,
                "The browser does not keep the sign-in",
                &format!(
                    "Your browser did not send back the cookie “{cookie}” ({attributes}) that {host} set when the sign-in began. Allow cookies for this site, and use one window. If you run this site: the address people use must be the configured public URL, and the proxy in front must pass cookies on."
                ),
                true,
            ),
            R::CookieRepeated { .. }
            | R::Session(_)
            | R::SessionSignedOut
            | R::SessionNotRenewed { .. }
            | R::SessionSuperseded { .. }
            | R::SessionClientGone { .. }
            | R::SessionRulesChanged => said(StatusCode::UNAUTHORIZED, "Sign in", NOT_SIGNED_IN, true),
            R::ReturnTarget(_) => said(StatusCode::BAD_REQUEST, "Sign-in failed", AGAIN, true),
            R::SignOutCrossSite { .. } => said(
                StatusCode::FORBIDDEN,
                "Not signed out",
                "Another site asked to sign you out, so nothing was done. To sign out, use the sign-out page of this site.",
                false,
            ),
        }
    }
}

fn said(status: StatusCode, heading: &'static str, text: &str, again: bool) -> Outward {
    Outward { status, heading, text: text.to_owned(), again }
}

fn unavailable(text: &str) -> Outward {
    said(StatusCode::SERVICE_UNAVAILABLE, "Sign-in is not available", text, true)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_every_remedy_is_a_sentence() {
        let mut names = BTreeSet::new();
        for reason in SignInRefusal::REASONS {
            assert!(names.insert(reason.name), "{} twice", reason.name);
            assert!(reason.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", reason.name);
            assert!(reason.summary.ends_with('.') && reason.remedy.ends_with('.'), "{}", reason.name);
        }
    }

    #[test]
    fn every_end_of_a_session_looks_the_same_from_outside() {
        let ends = [
            SignInRefusal::CookieRepeated { cookie: "c".into() },
            SignInRefusal::SessionSignedOut,
            SignInRefusal::SessionNotRenewed { cause: "AADSTS70043".into() },
            SignInRefusal::SessionSuperseded { presented: 1, latest: 3 },
            SignInRefusal::SessionClientGone { client: "corp".into() },
            SignInRefusal::SessionRulesChanged,
        ];
        let told: Vec<_> = ends.iter().map(SignInRefusal::outward).collect();
        assert!(told.windows(2).all(|two| two[0] == two[1]));
        assert_eq!(told[0].status, StatusCode::UNAUTHORIZED);
    }
}
