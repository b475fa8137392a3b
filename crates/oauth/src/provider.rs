//! A provider, and what it last said of itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use gangplank_jose::UnixTime;

use crate::published::Published;
use crate::{Budget, ExchangeError, Form, IssuerUrl, Metadata, SingleFlight, Transport, discovery};

/// How long a failure is the answer to whoever asks next. Anybody can start a sign-in: without it, anybody could make
/// us ask a provider that is down as often as they like.
const PAUSE: Duration = Duration::from_secs(2);

/// Remembers the last good metadata of one issuer. It asks only when it is told to: whoever owns it decides how often.
pub struct Provider {
    issuer: IssuerUrl,
    transport: Arc<dyn Transport>,
    published: Arc<Published>,
    metadata: ArcSwapOption<Metadata>,
    flight: SingleFlight<(), Result<Arc<Metadata>, ExchangeError>>,
    failed: Mutex<Option<(UnixTime, ExchangeError)>>,
}

impl Provider {
    /// A provider that has not been asked yet.
    pub fn new(issuer: IssuerUrl, transport: Arc<dyn Transport>) -> Self {
        Provider {
            published: Published::new(issuer.clone(), transport.clone()),
            issuer,
            transport,
            metadata: ArcSwapOption::empty(),
            flight: SingleFlight::new(),
            failed: Mutex::default(),
        }
    }

    /// Its configured name.
    pub fn issuer(&self) -> &IssuerUrl {
        &self.issuer
    }

    /// The last good metadata, if there ever were any.
    pub fn metadata(&self) -> Option<Arc<Metadata>> {
        self.metadata.load_full()
    }

    /// The last good metadata, or those that it gives now, or how it failed a moment ago.
    pub async fn known(&self, now: UnixTime) -> Result<Arc<Metadata>, ExchangeError> {
        if let Some(metadata) = self.metadata() {
            return Ok(metadata);
        }
        if let Some((at, error)) = &*self.failed.lock().unwrap_or_else(PoisonError::into_inner)
            && now < *at + PAUSE
        {
            return Err(error.clone());
        }
        let asked = self.discover().await;
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = asked.as_ref().err().map(|e| (now, e.clone()));
        asked
    }

    /// Asks it. Those who call at the same time share one request; what was known is kept if it fails.
    pub async fn discover(&self) -> Result<Arc<Metadata>, ExchangeError> {
        self.flight.run((), || self.fetch()).await
    }

    /// What it publishes of itself, as it is, and at most five minutes old while it can be asked.
    pub async fn published(&self, form: Form, now: UnixTime) -> Result<Bytes, ExchangeError> {
        self.published.get(form, now).await
    }

    async fn fetch(&self) -> Result<Arc<Metadata>, ExchangeError> {
        let budget = Budget::DEFAULT;
        let response = self.transport.send(discovery::request(&self.issuer)?, budget).await?;
        let metadata = Arc::new(discovery::parse(&self.issuer, &response, budget)?);
        self.metadata.store(Some(Arc::clone(&metadata)));
        Ok(metadata)
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.issuer.as_str()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;
    use crate::testing::FakeTransport;

    const ISSUER: &str = "https://idp.example.com/t";
    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    fn setting() -> (Arc<FakeTransport>, Arc<Provider>) {
        let transport = Arc::new(FakeTransport::default());
        let provider = Provider::new(IssuerUrl::parse(ISSUER).unwrap(), transport.clone());
        (transport, Arc::new(provider))
    }

    #[tokio::test]
    async fn it_asks_once_for_all_who_call_together_and_only_when_told() {
        let (transport, provider) = setting();
        assert_eq!(provider.metadata(), None);
        transport.expect_discovery(ISSUER);
        let callers: Vec<_> = (0..10)
            .map(|_| {
                let provider = provider.clone();
                tokio::spawn(async move { provider.discover().await })
            })
            .collect();
        for caller in callers {
            assert_eq!(caller.await.unwrap().unwrap().issuer, ISSUER);
        }
        assert_eq!(provider.known(NOW).await.unwrap().issuer, ISSUER);
        assert!(transport.is_done());
    }

    #[tokio::test]
    async fn a_failure_is_told_and_the_last_good_metadata_stay() {
        let (transport, provider) = setting();
        transport.expect_discovery(ISSUER);
        let good = provider.known(NOW).await.unwrap();
        transport.expect(|_| Ok(Response::builder().status(503).body(Bytes::new()).unwrap()));
        assert!(provider.discover().await.unwrap_err().is_unavailable());
        assert_eq!(provider.metadata(), Some(good));
    }
    #[tokio::test]
    async fn a_provider_that_failed_is_left_alone_for_a_moment() {
        let (transport, provider) = setting();
        let down = || Ok(Response::builder().status(503).body(Bytes::new()).unwrap());
        transport.expect(move |_| down());
        for _ in 0..100 {
            assert!(provider.known(NOW).await.unwrap_err().is_unavailable());
        }
        assert!(transport.is_done());
        transport.expect_discovery(ISSUER);
        assert!(provider.known(NOW + PAUSE).await.is_ok());
    }
}
