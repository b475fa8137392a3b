//! What a provider publishes of itself, as it is: for clients of ours that look for it with us.
//!
//! 1. Asked for as an authorization server (RFC 8414 §3.1), it is at the well-known place of the host, with the issuer's
//!    path behind. Where nothing is there (a 4xx, or an empty 200, as Entra ID says it) it is what comes by rule 2.
//! 2. Asked for as an OpenID provider, it is where discovery finds it.
//! 3. Only a JSON object of the configured issuer counts, read as [`discovery`] reads it.
//! 4. It is kept for five minutes, and beyond them for as long as the provider can't be asked, for a day at most. One that
//!    failed is left alone for half a minute. Whoever asks meanwhile starts nothing, and who goes away stops nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use gangplank_jose::UnixTime;
use http::{Request, Response, StatusCode, header};
use url::Url;

use crate::{Budget, Endpoint, ExchangeError, IssuerUrl, SingleFlight, Transport, TransportError, discovery};

/// How long a document is good.
const FRESH: Duration = Duration::from_secs(300);
/// How long it may stand in for one that can't be had.
const STALE: Duration = Duration::from_secs(86_400);
/// How long a provider that failed is left alone.
const PAUSE: Duration = Duration::from_secs(30);

const OPENID: &str = "/.well-known/openid-configuration";

/// As what the provider is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// `oauth-authorization-server` (RFC 8414).
    AuthorizationServer,
    /// `openid-configuration`.
    OpenId,
}

/// The documents of one provider.
pub(crate) struct Published {
    issuer: IssuerUrl,
    transport: Arc<dyn Transport>,
    kept: Mutex<HashMap<Form, Kept>>,
    flight: Arc<SingleFlight<Form, Result<Bytes, ExchangeError>>>,
}

#[derive(Default)]
struct Kept {
    good: Option<(UnixTime, Bytes)>,
    failed: Option<(UnixTime, ExchangeError)>,
}

impl Published {
    /// None yet.
    pub(crate) fn new(issuer: IssuerUrl, transport: Arc<dyn Transport>) -> Arc<Self> {
        Arc::new(Published { issuer, transport, kept: Mutex::default(), flight: Arc::new(SingleFlight::new()) })
    }

    /// Rule 4.
    pub(crate) async fn get(self: &Arc<Self>, form: Form, now: UnixTime) -> Result<Bytes, ExchangeError> {
        if let Some(kept) = self.kept(form, now) {
            return kept;
        }
        let asking = Arc::clone(self);
        let flown = self.flight.run_detached(form, move || async move {
            // Another flight may have landed since.
            if let Some(kept) = asking.kept(form, now) {
                return kept;
            }
            let fetched = asking.fetch(form).await;
            asking.keep(form, fetched, now)
        });
        flown.await.unwrap_or_else(|lost| Err(unusable(lost.to_string())))
    }

    fn kept(&self, form: Form, now: UnixTime) -> Option<Result<Bytes, ExchangeError>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.get(&form)?;
        match (&kept.good, &kept.failed) {
            (Some((at, document)), _) if now < *at + FRESH => Some(Ok(document.clone())),
            (Some((at, document)), Some((failed, _))) if now < *failed + PAUSE && now < *at + STALE => {
                Some(Ok(document.clone()))
            }
            (_, Some((failed, error))) if now < *failed + PAUSE => Some(Err(error.clone())),
            _ => None,
        }
    }

    fn keep(&self, form: Form, fetched: Result<Bytes, ExchangeError>, now: UnixTime) -> Result<Bytes, ExchangeError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.entry(form).or_default();
        match (fetched, &kept.good) {
            (Ok(document), _) => {
                *kept = Kept { good: Some((now, document.clone())), failed: None };
                Ok(document)
            }
            (Err(error), good) => {
                let standing_in = good.as_ref().filter(|(at, _)| now < *at + STALE).map(|(_, d)| d.clone());
                kept.failed = Some((now, error.clone()));
                standing_in.ok_or(error)
            }
        }
    }

    async fn fetch(&self, form: Form) -> Result<Bytes, ExchangeError> {
        let openid = self.issuer.discovery_url();
        if form == Form::AuthorizationServer
            && let Some(url) = inserted(&openid)
        {
            let answer = self.ask(url.as_str()).await?;
            let absent = answer.status().is_client_error()
                || answer.status() == StatusCode::OK && answer.body().trim_ascii().is_empty();
            if !absent {
                return self.judged(answer);
            }
        }
        let answer = self.ask(&openid).await?;
        self.judged(answer)
    }

    async fn ask(&self, url: &str) -> Result<Response<Bytes>, ExchangeError> {
        let request = Request::get(url).header(header::ACCEPT, "application/json").body(Bytes::new());
        let request = request.map_err(|_| unusable("the issuer cannot be put into a request"))?;
        Ok(self.transport.send(request, Budget::DEFAULT).await?)
    }

    /// Rule 3.
    fn judged(&self, answer: Response<Bytes>) -> Result<Bytes, ExchangeError> {
        if answer.status() == StatusCode::OK && answer.body().len() > Budget::DEFAULT.body {
            let host = Url::parse(self.issuer.as_str()).map(|url| url.authority().to_owned()).unwrap_or_default();
            return Err(TransportError::TooLarge { host, limit: Budget::DEFAULT.body }.into());
        }
        discovery::document(&self.issuer, &answer, Budget::DEFAULT)?;
        Ok(answer.into_body())
    }
}

/// Rule 1: of `https://host/path/.well-known/openid-configuration` the well-known place of the host, with the path behind.
fn inserted(openid: &str) -> Option<Url> {
    let mut url = Url::parse(openid.strip_suffix(OPENID)?).ok()?;
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
    Some(url)
}

fn unusable(problem: impl Into<String>) -> ExchangeError {
    ExchangeError::Malformed { endpoint: Endpoint::Discovery, problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FakeTransport, metadata_document};

    const ISSUER: &str = "https://idp.test/t/v2.0";
    const INSERTED: &str = "https://idp.test/.well-known/oauth-authorization-server/t/v2.0";
    const OPENID: &str = "https://idp.test/t/v2.0/.well-known/openid-configuration";
    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    fn setting() -> (Arc<FakeTransport>, Arc<Published>) {
        let transport = Arc::new(FakeTransport::default());
        (transport.clone(), Published::new(IssuerUrl::parse(ISSUER).unwrap(), transport))
    }

    /// Expects `url` to be asked for.
    fn answers(transport: &FakeTransport, url: &'static str, status: u16, body: &str) {
        let body = Bytes::from(body.to_owned());
        transport.expect(move |request| {
            assert_eq!(request.uri().to_string(), url);
            Ok(Response::builder().status(status).body(body).unwrap())
        });
    }

    fn good() -> String {
        metadata_document(ISSUER).to_string()
    }

    #[test]
    fn the_path_of_an_issuer_goes_behind_the_well_known_place() {
        for (issuer, expected) in [
            ("https://idp.test", "https://idp.test/.well-known/oauth-authorization-server"),
            ("https://idp.test/", "https://idp.test/.well-known/oauth-authorization-server"),
            ("https://idp.test:8443/a/b/", "https://idp.test:8443/.well-known/oauth-authorization-server/a/b"),
            (ISSUER, INSERTED),
        ] {
            let openid = IssuerUrl::parse(issuer).unwrap().discovery_url();
            assert_eq!(inserted(&openid).unwrap().as_str(), expected, "{issuer}");
        }
    }

    #[tokio::test]
    async fn where_no_authorization_server_is_published_the_openid_provider_is() {
        for (status, body) in [(404, "no"), (404, ""), (200, ""), (200, " \r\n"), (400, "{}"), (405, "")] {
            let (transport, published) = setting();
            answers(&transport, INSERTED, status, body);
            answers(&transport, OPENID, 200, &good());
            let got = published.get(Form::AuthorizationServer, NOW).await.unwrap();
            assert_eq!(got, good(), "{status} {body:?}");
        }
        let (transport, published) = setting();
        answers(&transport, INSERTED, 200, &good());
        assert_eq!(published.get(Form::AuthorizationServer, NOW).await.unwrap(), good());
        answers(&transport, OPENID, 200, &good());
        assert_eq!(published.get(Form::OpenId, NOW).await.unwrap(), good());
    }

    #[tokio::test]
    async fn what_is_no_metadata_of_this_issuer_is_passed_to_nobody() {
        let large = format!(r#"{{"issuer":"{ISSUER}","x":"{}"}}"#, "x".repeat(1 << 20));
        let other = metadata_document("https://evil.test").to_string();
        let twice = format!(r#"{{"issuer":"{ISSUER}","issuer":"{ISSUER}"}}"#);
        for (status, body) in [
            (200, "<html>"),
            (200, "[]"),
            (200, "{}"),
            (200, "null"),
            (200, other.as_str()),
            (200, &twice),
            (200, &large),
            (204, ""),
            (302, ""),
            (500, &good()),
        ] {
            let (transport, published) = setting();
            answers(&transport, OPENID, status, body);
            let got = published.get(Form::OpenId, NOW).await;
            assert!(got.is_err(), "{status} {body:.40}");
        }
    }

    #[tokio::test]
    async fn a_thousand_askers_and_five_minutes_are_one_request() {
        let (transport, published) = setting();
        answers(&transport, OPENID, 200, &good());
        let ask = |_| {
            let published = published.clone();
            tokio::spawn(async move { published.get(Form::OpenId, NOW).await })
        };
        let askers: Vec<_> = (0..1000).map(ask).collect();
        for (n, asker) in askers.into_iter().enumerate() {
            if n == 0 {
                // Who goes away stops nothing.
                asker.abort();
            } else {
                assert!(asker.await.unwrap().is_ok());
            }
        }
        assert!(published.get(Form::OpenId, NOW + Duration::from_secs(299)).await.is_ok());
        assert!(transport.is_done());
        answers(&transport, OPENID, 200, &good());
        assert!(published.get(Form::OpenId, NOW + FRESH).await.is_ok());
    }

    #[tokio::test]
    async fn a_failure_is_the_answer_for_a_while_and_what_was_known_stands_in_for_a_day() {
        let (transport, published) = setting();
        answers(&transport, OPENID, 500, "");
        for _ in 0..100 {
            assert!(published.get(Form::OpenId, NOW).await.is_err());
        }
        let later = NOW + PAUSE;
        answers(&transport, OPENID, 200, &good());
        assert!(published.get(Form::OpenId, later).await.is_ok());
        answers(&transport, OPENID, 503, "");
        let down = later + FRESH;
        assert!(published.get(Form::OpenId, down).await.is_ok());
        assert!(published.get(Form::OpenId, down + Duration::from_secs(29)).await.is_ok());
        answers(&transport, OPENID, 503, "");
        assert!(published.get(Form::OpenId, later + STALE).await.is_err());
    }
}
