//! Who is a client here: the tenant's applications, and those that registered themselves.

use std::sync::Arc;

use crate::client::Registry;
use crate::directory::Application;
use crate::errors::AuthError;
use crate::tenant::Tenant;

/// All clients of this face.
pub(super) struct Clients<'t>(pub(super) &'t Tenant);

impl Clients<'_> {
    /// Whether nobody but the client itself has vouched for it.
    pub(super) fn is_self_registered(&self, id: &str) -> bool {
        self.0.standard.clients().get(id).is_some()
    }
}

impl Registry for Clients<'_> {
    fn client(&self, id: &str) -> Result<Arc<Application>, AuthError> {
        let registered = self.0.standard.clients().get(id).map(Arc::clone);
        registered.map_or_else(|| self.0.client(id), Ok)
    }

    fn audiences(&self) -> Vec<String> {
        let issuer = self.0.standard_issuer();
        vec![format!("{issuer}/token"), issuer]
    }

    fn takes_certificates(&self) -> bool {
        true
    }
}
