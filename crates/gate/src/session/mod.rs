//! Browser sessions: one sealed cookie, refreshed ahead of its expiry, over when somebody signs out.

mod cookie;
mod life;

use std::sync::Arc;

use gangplank_authn::Authenticated;
use gangplank_jose::UnixTime;
use http::HeaderValue;
use secrecy::SecretString;

pub(crate) use cookie::{Presented, SessionCookie};
pub(crate) use life::Life;

use crate::sign_in::SignInRefusal;

/// What the request's cookie turned out to be.
pub(crate) enum SessionOutcome {
    /// There is none, or it is only a browser's mark from before a sign-in.
    Absent,
    /// A session, and whose.
    Live(LiveSession),
    /// A cookie of ours that is no longer good. Signing in again mends it.
    Rejected(SignInRefusal),
    /// It could not be decided.
    Unavailable(SignInRefusal),
}

/// A session that holds at the moment it was asked for.
pub(crate) struct LiveSession {
    /// Who it is.
    pub(crate) authenticated: Authenticated,
    /// The name of the client at which the sign-in was.
    pub(crate) client: String,
    /// The provider's access token, if the session keeps one.
    pub(crate) access_token: Option<SecretString>,
    /// When the session ends, whatever happens.
    pub(crate) ends: UnixTime,
    /// Until when this answer may be remembered for the same cookie (while `life` lasts). Not past `now` if it may
    /// not be remembered at all.
    pub(crate) refresh_after: UnixTime,
    /// What streams that are opened with the session watch.
    pub(crate) life: Arc<Life>,
    /// A newer cookie for the browser: the one `Set-Cookie` of the response. An answer that has one is not to be
    /// remembered.
    pub(crate) set_cookie: Option<HeaderValue>,
}
