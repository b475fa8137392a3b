//! An offline Entra-like tenant: a pure `handle(request, now) → response` for development and tests.
//!
//! It binds nothing and reads no clock; the binary gives it sockets, tests call it directly.

use bytes::Bytes;
use gangplank_jose::UnixTime;
use http::{Request, Response};

/// The tenant: users, groups, applications, keys and everything it has issued.
pub struct Tenant {}

impl Tenant {
    /// Answers one request. `now` decides every lifetime.
    pub fn handle(&self, _request: Request<Bytes>, _now: UnixTime) -> Response<Bytes> {
        todo!()
    }
}
