//! The key set as the provider serves it: metadata, then `jwks_uri` (OpenID Connect Discovery §3).

use std::sync::Arc;

use bytes::Bytes;
use gangplank_oauth::discovery::Metadata;
use gangplank_oauth::{BoxFuture, Budget, Provider, Transport};
use http::{Request, StatusCode, header};

use crate::jwks::KeySource;
use crate::refusal::fact;

/// Asks one provider.
pub(crate) struct ProviderKeys {
    pub(crate) provider: Arc<Provider>,
    pub(crate) transport: Arc<dyn Transport>,
}

impl KeySource for ProviderKeys {
    fn fetch(&self, ahead: bool) -> BoxFuture<'_, Result<Bytes, String>> {
        Box::pin(async move {
            let metadata = self.metadata(ahead).await?;
            let request = Request::get(metadata.jwks_uri.as_str())
                .header(header::ACCEPT, "application/jwk-set+json, application/json")
                .body(Bytes::new())
                .map_err(|_| "the jwks_uri is no address".to_owned())?;
            let response = self.transport.send(request, Budget::DEFAULT).await.map_err(|e| fact(&e.to_string()))?;
            match response.status() {
                StatusCode::OK => Ok(response.into_body()),
                other => Err(format!("the jwks_uri answered {}", other.as_u16())),
            }
        })
    }
}

impl ProviderKeys {
    /// Last good metadata serve while the provider can't be asked for newer ones.
    async fn metadata(&self, ahead: bool) -> Result<Arc<Metadata>, String> {
        let known = self.provider.metadata();
        match known {
            Some(metadata) if !ahead => Ok(metadata),
            known => match (self.provider.discover().await, known) {
                (Ok(metadata), _) | (Err(_), Some(metadata)) => Ok(metadata),
                (Err(error), None) => Err(fact(&error.to_string())),
            },
        }
    }
}
