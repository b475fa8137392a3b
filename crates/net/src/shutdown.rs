//! The word that ends it all, given once and heard by everybody.

use std::sync::Arc;

use tokio::sync::watch;

/// A stop signal: clone it to whoever must hear it. Once triggered it stays so.
#[derive(Clone, Debug)]
pub struct Shutdown(Arc<watch::Sender<bool>>);

impl Shutdown {
    /// Not triggered.
    pub fn new() -> Self {
        Shutdown(Arc::new(watch::Sender::new(false)))
    }

    /// Tells everybody. Telling again changes nothing.
    pub fn trigger(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was triggered.
    pub fn is_triggered(&self) -> bool {
        *self.0.borrow()
    }

    /// Resolves when it is triggered, at once if it was.
    pub fn wait(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut heard = self.0.subscribe();
        // The sender is kept alive by this future: an error is out of reach.
        let sender = self.0.clone();
        async move {
            let _ = heard.wait_for(|triggered| *triggered).await;
            drop(sender);
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_clone_hears_it_and_late_comers_too() {
        let shutdown = Shutdown::new();
        let early = shutdown.clone().wait();
        assert!(!shutdown.is_triggered());
        shutdown.clone().trigger();
        early.await;
        shutdown.wait().await;
        assert!(shutdown.is_triggered());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_hears_it_before_even_if_the_other_handles_are_gone() {
        let shutdown = Shutdown::new();
        let waiting = shutdown.wait();
        drop(shutdown);
        assert!(tokio::time::timeout(std::time::Duration::from_secs(60), waiting).await.is_err());
    }
}
