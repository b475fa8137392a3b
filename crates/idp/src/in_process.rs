//! The tenant as a [`Transport`]: whole flows in tests, without a socket.

use std::sync::Arc;

use bytes::Bytes;
use gangplank_oauth::{BoxFuture, Budget, Clock, Transport, TransportError};
use http::{Request, Response};

use crate::tenant::Tenant;

/// Carries requests to a tenant in the same process. Slowness within the budget takes no time; beyond it, it is a
/// timeout, after the tenant did what was asked: as with a socket, the client can't know. A hang-up comes before.
#[derive(Clone)]
pub struct InProcess {
    tenant: Arc<Tenant>,
    clock: Arc<dyn Clock>,
}

impl InProcess {
    /// To `tenant`, whose present is `clock`'s.
    pub fn new(tenant: Arc<Tenant>, clock: Arc<dyn Clock>) -> Self {
        InProcess { tenant, clock }
    }

    fn carry(&self, request: Request<Bytes>, budget: Budget) -> Result<Response<Bytes>, TransportError> {
        let uri = request.uri();
        let host = uri.authority().map(ToString::to_string).unwrap_or_default();
        if format!("{}://{host}", uri.scheme_str().unwrap_or_default()) != self.tenant.base_url() {
            return Err(TransportError::Connect { host, cause: "nobody listens there".to_owned() });
        }
        let reply = self.tenant.handle(request, self.clock.now());
        if reply.delay > budget.time {
            return Err(TransportError::Timeout { host, after: budget.time });
        }
        if reply.hang_up {
            return Err(TransportError::Protocol { host, cause: "closed without an answer".to_owned() });
        }
        if reply.response.body().len() > budget.body {
            return Err(TransportError::TooLarge { host, limit: budget.body });
        }
        Ok(reply.response)
    }
}

impl Transport for InProcess {
    fn send(&self, request: Request<Bytes>, budget: Budget) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(std::future::ready(self.carry(request, budget)))
    }
}
