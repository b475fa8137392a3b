//! What an upstream is shown in `Authorization` and beside it, for one request.
//!
//! 1. [`Gate::forward`](crate::proxy) demands an [`OutboundCredential`], and whatever else the caller sent as one is gone then.
//! 2. There is one for every way that a route has, and each is made of the evidence of this one caller: nothing at all, or
//!    the caller's own header where the route passes it.
//! 3. What can't be made is a refusal, and there is no call.

use gangplank_authn::Credentials;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::Refusal;
use crate::build::Route;
use crate::decision::Decided;
use crate::stack::Gate;

/// See the module. Never shown: it may hold a token.
pub(crate) struct OutboundCredential(Kind);

enum Kind {
    /// The upstream is shown nothing.
    Nothing,
    /// The caller's own `Authorization` stays.
    CallersOwn,
}

impl OutboundCredential {
    /// Takes off what the caller sent, and puts on what the upstream is to see.
    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        match self.0 {
            Kind::Nothing => {
                headers.remove(AUTHORIZATION);
            }
            Kind::CallersOwn => {}
        }
    }
}

impl Gate {
    /// Makes what this route's upstream is shown of this caller. `target` is the cluster that the request itself chose.
    #[expect(clippy::unused_async, reason = "exchanges and reviews ask over the network")]
    pub(crate) async fn outbound(
        &self,
        route: &Route,
        _target: Option<&str>,
        _decided: &Decided,
        _credentials: Credentials<'_>,
    ) -> Result<OutboundCredential, Refusal> {
        Ok(OutboundCredential(if route.pass_authorization { Kind::CallersOwn } else { Kind::Nothing }))
    }
}
