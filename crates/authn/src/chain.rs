//! Several authenticators, asked in order.

use std::sync::Arc;

use gangplank_jose::UnixTime;
use gangplank_oauth::BoxFuture;

use crate::{Authenticator, Credentials, Outcome};

/// Asks each in turn. Only `NotMine` leads on to the next: the first that recognises a credential has the last word,
/// so a bad one is never tried elsewhere and never becomes anonymous.
pub struct Chain {
    name: String,
    links: Vec<Arc<dyn Authenticator>>,
}

impl Chain {
    /// A chain called `name` in logs. An empty one knows nobody.
    pub fn new(name: impl Into<String>, links: Vec<Arc<dyn Authenticator>>) -> Self {
        Chain { name: name.into(), links }
    }
}

impl Authenticator for Chain {
    fn name(&self) -> &str {
        &self.name
    }

    fn authenticate<'a>(&'a self, credentials: Credentials<'a>, now: UnixTime) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            for link in &self.links {
                match link.authenticate(credentials, now).await {
                    Outcome::NotMine => {}
                    decided => return decided,
                }
            }
            Outcome::NotMine
        })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::{Anonymous, Refusal};

    struct Says(Outcome);
    impl Authenticator for Says {
        fn name(&self) -> &str {
            "says"
        }
        fn authenticate<'a>(&'a self, _: Credentials<'a>, _: UnixTime) -> BoxFuture<'a, Outcome> {
            Box::pin(async { self.0.clone() })
        }
    }

    async fn ask(links: Vec<Arc<dyn Authenticator>>) -> Outcome {
        let headers = HeaderMap::new();
        Chain::new("test", links).authenticate(Credentials { headers: &headers }, UnixTime::EPOCH).await
    }

    #[tokio::test]
    async fn only_not_mine_leads_on() {
        let bad = Refusal::TokenNotForAccess;
        assert!(matches!(ask(vec![]).await, Outcome::NotMine));
        assert!(matches!(
            ask(vec![Arc::new(Says(Outcome::NotMine)), Arc::new(Anonymous)]).await,
            Outcome::Authenticated(_)
        ));
        assert!(matches!(
            ask(vec![Arc::new(Says(Outcome::Rejected(bad.clone()))), Arc::new(Anonymous)]).await,
            Outcome::Rejected(_)
        ));
        assert!(matches!(
            ask(vec![Arc::new(Says(Outcome::Unavailable(bad))), Arc::new(Anonymous)]).await,
            Outcome::Unavailable(_)
        ));
    }
}
