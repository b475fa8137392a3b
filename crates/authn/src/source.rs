//! Where key sets come from: the provider's metadata and then its `jwks_uri` (OpenID Connect Discovery §3), an address that
//! the configuration gives, or a document that it names or holds.

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
        Box::pin(async move { get(&*self.transport, self.metadata(ahead).await?.jwks_uri.as_str()).await })
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

/// Asks at one address.
pub(crate) struct KeysAt {
    pub(crate) url: String,
    pub(crate) transport: Arc<dyn Transport>,
}

impl KeySource for KeysAt {
    fn fetch(&self, _: bool) -> BoxFuture<'_, Result<Bytes, String>> {
        Box::pin(get(&*self.transport, &self.url))
    }
}

/// What was read with the configuration: it is as it is until that is read again.
pub(crate) struct GivenKeys(pub(crate) Bytes);

impl KeySource for GivenKeys {
    fn fetch(&self, _: bool) -> BoxFuture<'_, Result<Bytes, String>> {
        Box::pin(async move { Ok(self.0.clone()) })
    }
}

async fn get(transport: &dyn Transport, url: &str) -> Result<Bytes, String> {
    let request = Request::get(url)
        .header(header::ACCEPT, "application/jwk-set+json, application/json")
        .body(Bytes::new())
        .map_err(|_| "the address of the keys is none".to_owned())?;
    let response = transport.send(request, Budget::DEFAULT).await.map_err(|e| fact(&e.to_string()))?;
    match response.status() {
        StatusCode::OK => Ok(response.into_body()),
        other => Err(format!("the address of the keys answered {}", other.as_u16())),
    }
}
