//! What an upstream is shown in `Authorization` and beside it, for one request.
//!
//! 1. [`Gate::forward`](crate::proxy) demands an [`OutboundCredential`], and whatever else the caller sent as one is gone then.
//! 2. There is one for every way that a route has, and each is made of the evidence of this one caller: nothing at all, the
//!    caller's own header where the route passes it, the token that the caller's was [exchanged](crate::exchange) for, or
//!    what the route's [`cluster`](crate::cluster) is shown.
//! 3. An upstream that itself goes to the cluster that a request chose gets the token for that cluster, and never our own
//!    credential.
//! 4. What can't be made is a refusal, and there is no call.

use std::sync::Arc;

use gangplank_authn::Credentials;
use gangplank_jose::UnixTime;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use crate::Refusal;
use crate::build::Route;
use crate::cluster::Shown;
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
    /// What was made for an API server.
    Cluster(Shown),
    /// A token, for an upstream that is no API server and goes to one.
    Token(HeaderValue),
}

impl OutboundCredential {
    /// Takes off what the caller sent, and puts on what the upstream is to see.
    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        match &self.0 {
            Kind::Nothing | Kind::Cluster(_) => {
                headers.remove(AUTHORIZATION);
            }
            Kind::CallersOwn => {}
            Kind::Exchanged(exchanged) => {
                headers.insert(AUTHORIZATION, exchanged.authorization().clone());
            }
            Kind::Token(token) => {
                headers.insert(AUTHORIZATION, token.clone());
            }
        }
    }

    /// What is shown to an API server, and to nobody else.
    pub(crate) fn for_cluster(&self) -> Option<&Shown> {
        match &self.0 {
            Kind::Cluster(shown) => Some(shown),
            Kind::Nothing | Kind::CallersOwn | Kind::Exchanged(_) | Kind::Token(_) => None,
        }
    }
}

impl Gate {
    /// Makes what this route's upstream is shown of this caller. `target` is the cluster that the request itself chose.
    pub(crate) async fn outbound(
        &self,
        route: &Route,
        target: Option<&str>,
        decision: &Decision,
        credentials: Credentials<'_>,
        request_id: &str,
        now: UnixTime,
    ) -> Result<OutboundCredential, Refusal> {
        if let Some(behind) = &route.cluster {
            let shown = behind.cluster.show(decision, credentials, request_id, now).await?;
            return Ok(OutboundCredential(Kind::Cluster(shown)));
        }
        if let Some(name) = target {
            let cluster = self.clusters.get(name).ok_or(Refusal::Defect("a target that is no cluster"))?;
            let token = cluster.token(decision, credentials, request_id, now).await?;
            return Ok(OutboundCredential(Kind::Token(token)));
        }
        let Some(exchange) = &route.exchange else {
            return Ok(OutboundCredential(if route.pass_authorization { Kind::CallersOwn } else { Kind::Nothing }));
        };
        // In a box: most requests find their token there, and need not carry what it takes to get one.
        let exchanged = Box::pin(exchange.token(decision.subject.as_ref(), decision.caller(), request_id, now)).await?;
        Ok(OutboundCredential(Kind::Exchanged(exchanged)))
    }
}
