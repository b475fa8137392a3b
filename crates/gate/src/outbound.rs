//! What an upstream is shown in `Authorization` and beside it, for one request.
//!
//! 1. [`Gate::forward`](crate::proxy) demands an [`OutboundCredential`], and whatever else the caller sent as one is gone then.
//! 2. There is one for every way that a route has, and each is made of the evidence of this one caller: nothing at all, the
//!    caller's own header where the route passes it, or the token that the caller's was exchanged for.
//! 3. What can't be made is a refusal, and there is no call.

use std::sync::Arc;

use gangplank_jose::UnixTime;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::Refusal;
use crate::build::Route;
use crate::decision::Decision;
use crate::exchange::Exchanged;
use crate::stack::Gate;

/// See the module. Never shown: it may hold a token.
pub(crate) struct OutboundCredential(Kind);

enum Kind {
    /// The upstream is shown nothing.
    Nothing,
    /// The caller's own `Authorization` stays.
    CallersOwn,
    /// The caller's token for this upstream.
    Exchanged(Arc<Exchanged>),
}

impl OutboundCredential {
    /// Takes off what the caller sent, and puts on what the upstream is to see.
    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        match &self.0 {
            Kind::Nothing => {
                headers.remove(AUTHORIZATION);
            }
            Kind::CallersOwn => {}
            Kind::Exchanged(exchanged) => {
                headers.insert(AUTHORIZATION, exchanged.authorization().clone());
            }
        }
    }
}

impl Gate {
    /// Makes what this route's upstream is shown of this caller. `target` is the cluster that the request itself chose.
    pub(crate) async fn outbound(
        &self,
        route: &Route,
        _target: Option<&str>,
        decision: &Decision,
        now: UnixTime,
    ) -> Result<OutboundCredential, Refusal> {
        let Some(exchange) = &route.exchange else {
            return Ok(OutboundCredential(if route.pass_authorization { Kind::CallersOwn } else { Kind::Nothing }));
        };
        // In a box: most requests find their token there, and need not carry what it takes to get one.
        let exchanged = Box::pin(exchange.token(decision.subject.as_ref(), decision.caller(), now)).await?;
        Ok(OutboundCredential(Kind::Exchanged(exchanged)))
    }
}
