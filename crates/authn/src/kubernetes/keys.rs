//! The keys of one issuer of the file: metadata at `discoveryURL`, or beneath `url`, then `jwks_uri`.
//!
//! 1. `discoveryURL` is asked as it is written; else the metadata are at `url` without one slash at its end, with
//!    `/.well-known/openid-configuration` behind it.
//! 2. `issuer` in the metadata is `url`, octet by octet; `jwks_uri` is `https`. Nothing else of them is needed.
//! 3. Redirects are not followed, answers are bounded in size and time.
//! 4. Metadata are asked again whenever the keys are fetched ahead of need. Until they were had once, a token asks them,
//!    too. The rest is said in `jwks`.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use gangplank_oauth::{BoxFuture, Budget, Transport, discovery};
use http::{Request, StatusCode, header};
use url::Url;

use super::compiled::KeysAt;
use crate::SourceHealth;
use crate::jwks::{JwksCache, KeySource};
use crate::refusal::fact;

/// The keys of one issuer and the way to it. A reload that changes neither keeps them.
pub(super) struct IssuerKeys {
    pub(super) at: KeysAt,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) jwks: Arc<JwksCache>,
}

impl IssuerKeys {
    pub(super) fn new(at: KeysAt, transport: Arc<dyn Transport>) -> Self {
        let source = Discovered { at: at.clone(), transport: Arc::clone(&transport), jwks_uri: ArcSwapOption::empty() };
        let jwks = Arc::new(JwksCache::new(at.issuer.as_str(), Box::new(source)));
        IssuerKeys { at, transport, jwks }
    }

    pub(super) fn health(&self) -> SourceHealth {
        let health = self.jwks.health();
        SourceHealth {
            name: self.at.issuer.as_str().to_owned(),
            ready: health.fetched_at.is_some(),
            fetched_at: health.fetched_at,
            last_error: health.last_error,
        }
    }
}

struct Discovered {
    at: KeysAt,
    transport: Arc<dyn Transport>,
    jwks_uri: ArcSwapOption<Url>,
}

impl KeySource for Discovered {
    fn fetch(&self, ahead: bool) -> BoxFuture<'_, Result<Bytes, String>> {
        Box::pin(async move {
            let uri = self.jwks_uri(ahead).await?;
            let response = self.get(uri.as_str(), "application/jwk-set+json, application/json").await?;
            match response.status() {
                StatusCode::OK => Ok(response.into_body()),
                other => Err(format!("the jwks_uri answered {}", other.as_u16())),
            }
        })
    }
}

impl Discovered {
    /// The last good address serves while the issuer can't be asked for a newer one.
    async fn jwks_uri(&self, ahead: bool) -> Result<Arc<Url>, String> {
        let known = self.jwks_uri.load_full();
        match known {
            Some(uri) if !ahead => Ok(uri),
            known => match (self.discover().await, known) {
                (Ok(uri), _) | (Err(_), Some(uri)) => Ok(uri),
                (Err(error), None) => Err(error),
            },
        }
    }

    async fn discover(&self) -> Result<Arc<Url>, String> {
        let issuer = &self.at.issuer;
        let url = self.at.discovery_url.clone().unwrap_or_else(|| issuer.discovery_url());
        let response = self.get(&url, "application/json").await?;
        let uri = discovery::parse_jwks_uri(issuer, &response, Budget::DEFAULT).map_err(|e| fact(&e.to_string()))?;
        let uri = Arc::new(uri);
        self.jwks_uri.store(Some(Arc::clone(&uri)));
        Ok(uri)
    }

    async fn get(&self, url: &str, accept: &'static str) -> Result<http::Response<Bytes>, String> {
        let request = Request::get(url)
            .header(header::ACCEPT, accept)
            .body(Bytes::new())
            .map_err(|_| "the address cannot be put into a request".to_owned())?;
        self.transport.send(request, Budget::DEFAULT).await.map_err(|e| fact(&e.to_string()))
    }
}
