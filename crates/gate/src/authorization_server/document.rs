//! Clients that are named by the address of their own metadata (OAuth Client ID Metadata Documents).
//!
//! 1. The id is an `https` URL with a path, written as the URL standard writes it, without user, query, fragment and port
//!    (a host that is named as private may have one). Its host, a name and no address, is one that `client_id_metadata` admits.
//! 2. It is fetched from public addresses only, whatever its name resolves to ([`gangplank_net::HttpClient::public_only`]),
//!    within 5 s and 64 KiB; a redirect is no answer. At most 16 are fetched at once, each by one who asks for all.
//! 3. The answer is a JSON object whose `client_id` is the address, text for text.
//! 4. Of its redirect URIs those count that keep the rules; an `https` one also on the host of the document. There is one at least.
//! 5. A client that authenticates otherwise than by `none` is refused: its key would not be asked for.
//! 6. A good document is kept for 5 minutes, a bad one or none for 10 s; at most 1,024. One that could not be asked for, since
//!    too many were, is asked for again at once: whoever keeps us busy keeps nobody out for longer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use gangplank_jose::{Excerpt, UnixTime};
use gangplank_oauth::{Budget, SingleFlight, Transport, TransportError};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Request, Response, StatusCode};
use serde::Deserialize;
use tokio::sync::Semaphore;
use url::Url;

use super::client::{Client, fit_name};
use super::host_pattern::HostPattern;
use super::redirect_uri::{RedirectRules, RedirectUri};
use super::refusal::AuthorizationServerRefusal;

const BUDGET: Budget = Budget { time: Duration::from_secs(5), body: 64 << 10 };
const GOOD_FOR: Duration = Duration::from_secs(5 * 60);
const BAD_FOR: Duration = Duration::from_secs(10);
const MOST: usize = 1024;
const MOST_AT_ONCE: usize = 16;
const MOST_REDIRECT_URIS: usize = 32;

/// Whose documents are fetched.
#[derive(Clone, Debug)]
pub(crate) enum Admitted {
    /// Anybody's.
    AnyHost,
    /// Of these hosts.
    Hosts(Vec<HostPattern>),
}

/// See the module.
pub(crate) struct Documents {
    admitted: Admitted,
    /// Whether the hosts are named as private: then they may have a port.
    private: bool,
    transport: Arc<dyn Transport>,
    kept: Mutex<HashMap<String, Kept>>,
    flights: SingleFlight<String, Found>,
    at_once: Semaphore,
}

/// The host of a document that may be fetched. Only [`Documents::admits`] makes one.
pub(crate) struct Host {
    pub(crate) name: String,
}

type Found = Result<Arc<Client>, AuthorizationServerRefusal>;

struct Kept {
    until: UnixTime,
    found: Found,
}

/// What is read of a document.
#[derive(Deserialize)]
struct Metadata {
    client_id: String,
    client_name: Option<String>,
    #[serde(default)]
    redirect_uris: Vec<String>,
    token_endpoint_auth_method: Option<String>,
    grant_types: Option<Vec<String>>,
    client_secret: Option<serde_json::Value>,
}

impl Documents {
    pub(crate) fn new(admitted: Admitted, private: bool, transport: Arc<dyn Transport>) -> Self {
        Documents {
            admitted,
            private,
            transport,
            kept: Mutex::default(),
            flights: SingleFlight::new(),
            at_once: Semaphore::new(MOST_AT_ONCE),
        }
    }

    /// Rule 1.
    pub(crate) fn admits(&self, id: &str) -> Result<Host, AuthorizationServerRefusal> {
        let malformed = |problem: &str| AuthorizationServerRefusal::ClientUnknown {
            id: Excerpt::of(id),
            problem: problem.to_owned(),
        };
        let url = Url::parse(id).map_err(|_| malformed("is not a URL"))?;
        if url.as_str() != id || id.contains(['@', '?', '#', '\\']) || url.scheme() != "https" {
            return Err(malformed("is not an https URL written as the URL standard writes it"));
        }
        if url.path() == "/" || id.to_ascii_lowercase().contains("%2f") || id.to_ascii_lowercase().contains("%5c") {
            return Err(malformed("has no path, or one that can be read in two ways"));
        }
        if url.port().is_some() && !self.private {
            return Err(malformed("names a port"));
        }
        let Some(url::Host::Domain(host)) = url.host() else { return Err(malformed("has an address for a host")) };
        let admitted = match &self.admitted {
            Admitted::AnyHost => true,
            Admitted::Hosts(hosts) => hosts.iter().any(|pattern| pattern.matches(host)),
        };
        if !admitted {
            return Err(AuthorizationServerRefusal::ClientHost(Excerpt::of(id)));
        }
        Ok(Host { name: host.to_owned() })
    }

    /// Whether the operator names whose are fetched.
    pub(crate) fn of_named_hosts(&self) -> bool {
        matches!(self.admitted, Admitted::Hosts(_))
    }

    /// Whether it is kept.
    pub(crate) fn knows(&self, id: &str, now: UnixTime) -> bool {
        self.kept(id, now).is_some()
    }

    /// The client that the document describes: kept, or fetched.
    pub(crate) async fn get(&self, id: &str, host: &Host, rules: &RedirectRules, now: UnixTime) -> Found {
        if let Some(found) = self.kept(id, now) {
            return found;
        }
        self.flights
            .run(id.to_owned(), || async {
                let Ok(_turn) = self.at_once.try_acquire() else {
                    return Err(away(id, "too many are being fetched".to_owned()));
                };
                let found = self.fetch(id, host, rules).await;
                self.keep(id, &found, now);
                found
            })
            .await
    }

    /// Rule 2.
    async fn fetch(&self, id: &str, host: &Host, rules: &RedirectRules) -> Found {
        let request = Request::get(id).header(ACCEPT, "application/json").body(Bytes::new());
        let request = request.map_err(|_| away(id, "its address can't be put into a request".to_owned()))?;
        match self.transport.send(request, BUDGET).await {
            Ok(answer) => read(id, host, &answer, rules).map(Arc::new),
            Err(error @ TransportError::TooLarge { .. }) => Err(wrong(id, error.to_string())),
            Err(error) => Err(away(id, error.to_string())),
        }
    }

    fn kept(&self, id: &str, now: UnixTime) -> Option<Found> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(id).filter(|kept| now < kept.until).map(|kept| kept.found.clone())
    }

    /// Rule 6.
    fn keep(&self, id: &str, found: &Found, now: UnixTime) {
        let until = now + if found.is_ok() { GOOD_FOR } else { BAD_FOR };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.retain(|_, kept| now < kept.until);
        }
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(id.to_owned(), Kept { until, found: found.clone() });
    }
}

/// Rules 3 to 5.
fn read(
    id: &str,
    host: &Host,
    answer: &Response<Bytes>,
    rules: &RedirectRules,
) -> Result<Client, AuthorizationServerRefusal> {
    if answer.status() != StatusCode::OK {
        return Err(away(id, format!("the answer has status {}", answer.status().as_u16())));
    }
    if answer.body().len() > BUDGET.body {
        return Err(wrong(id, "is larger than 64 KiB".to_owned()));
    }
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind != "application/json" && !(kind.starts_with("application/") && kind.ends_with("+json")) {
        return Err(wrong(id, "does not say that it is JSON".to_owned()));
    }
    let document: Metadata = serde_json::from_slice(answer.body())
        .map_err(|e| wrong(id, format!("is not client metadata (line {}, column {})", e.line(), e.column())))?;
    if document.client_id != id {
        return Err(wrong(id, "has another client_id than its own address".to_owned()));
    }
    let method = document.token_endpoint_auth_method.as_deref();
    if !matches!(method, None | Some("none")) || document.client_secret.is_some() {
        return Err(wrong(id, "names a way to authenticate that is not offered".to_owned()));
    }
    let grants = document.grant_types.as_ref();
    if grants.is_some_and(|grants| !grants.iter().any(|grant| grant == "authorization_code")) {
        return Err(wrong(id, "does not use authorization_code".to_owned()));
    }
    let uris = document.redirect_uris.iter().take(MOST_REDIRECT_URIS);
    let redirect_uris: Vec<RedirectUri> =
        uris.filter_map(|uri| RedirectUri::judge(uri, rules, Some(&host.name)).ok()).collect();
    if redirect_uris.is_empty() {
        return Err(wrong(id, "has no redirect URI that codes are sent to".to_owned()));
    }
    let name = fit_name(document.client_name.as_deref());
    let refreshes = grants.is_none_or(|grants| grants.iter().any(|grant| grant == "refresh_token"));
    Ok(Client { id: id.to_owned(), name, host: Some(host.name.clone()), redirect_uris, refreshes })
}

fn away(id: &str, cause: String) -> AuthorizationServerRefusal {
    AuthorizationServerRefusal::ClientDocumentAway { id: Excerpt::of(id), cause }
}

fn wrong(id: &str, problem: String) -> AuthorizationServerRefusal {
    AuthorizationServerRefusal::ClientDocument { id: Excerpt::of(id), problem }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use gangplank_oauth::BoxFuture;
    use serde_json::{Value, json};

    use super::*;

    const ID: &str = "https://client.example.org/oauth/client.json";
    const NOW: UnixTime = UnixTime::from_secs(1_000);

    struct Web {
        answer: fn() -> Result<Response<Bytes>, TransportError>,
        asked: AtomicUsize,
    }

    impl Transport for Web {
        fn send(
            &self,
            request: Request<Bytes>,
            budget: Budget,
        ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
            assert_eq!((request.method().as_str(), request.headers().len()), ("GET", 1), "no cookie, no credential");
            assert!(budget.time <= Duration::from_secs(5) && budget.body <= 64 << 10);
            self.asked.fetch_add(1, Ordering::SeqCst);
            Box::pin(async {
                tokio::task::yield_now().await;
                (self.answer)()
            })
        }
    }

    fn documents(answer: fn() -> Result<Response<Bytes>, TransportError>) -> (Arc<Web>, Documents) {
        let web = Arc::new(Web { answer, asked: AtomicUsize::new(0) });
        let hosts = ["client.example.org", "*.below.example.org"].map(|host| HostPattern::parse(host).unwrap());
        (web.clone(), Documents::new(Admitted::Hosts(hosts.to_vec()), false, web))
    }

    fn good() -> Result<Response<Bytes>, TransportError> {
        let document = json!({"client_id": ID, "client_name": "Client", "redirect_uris": ["http://127.0.0.1/cb"]});
        Ok(json_of(&document))
    }

    fn json_of(document: &Value) -> Response<Bytes> {
        Response::builder().header(CONTENT_TYPE, "application/json").body(Bytes::from(document.to_string())).unwrap()
    }

    async fn get(documents: &Documents, at: UnixTime) -> Found {
        documents.get(ID, &documents.admits(ID).ok().unwrap(), &RedirectRules::default(), at).await
    }

    #[test]
    fn only_plain_https_addresses_of_admitted_hosts_are_client_ids() {
        let (_, documents) = documents(good);
        for good in [ID, "https://a.below.example.org/c"] {
            assert!(documents.admits(good).is_ok(), "{good}");
        }
        for bad in [
            "https://client.example.org",
            "https://client.example.org/",
            "https://client.example.org/c?x=1",
            "https://client.example.org/c#x",
            "https://client.example.org/a/../c",
            "https://client.example.org/a%2fc",
            "https://client.example.org:8443/c",
            "https://client.example.org:443/c",
            "https://CLIENT.example.org/c",
            "https://u@client.example.org/c",
            "https://client.example.org\\@evil.test/c",
            "https://client.example.org.evil.test/c",
            "https://evil.test/client.example.org/c",
            "https://below.example.org/c",
            "https://127.0.0.1/c",
            "https://[::1]/c",
            "https://0x7f.1/c",
            "https:client.example.org/c",
            "https:",
        ] {
            assert!(documents.admits(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_good_document_is_fetched_once_for_five_minutes() {
        let (web, documents) = documents(good);
        let (one, two) = tokio::join!(get(&documents, NOW), get(&documents, NOW));
        assert_eq!((one.unwrap().name.as_str(), two.unwrap().host.as_deref()), ("Client", Some("client.example.org")));
        assert!(get(&documents, NOW + Duration::from_secs(299)).await.is_ok());
        assert_eq!(web.asked.load(Ordering::SeqCst), 1);
        assert!(get(&documents, NOW + GOOD_FOR).await.is_ok());
        assert_eq!(web.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn one_that_is_away_is_asked_for_again_after_seconds() {
        let (web, documents) =
            documents(|| Err(TransportError::Connect { host: "client.example.org".into(), cause: "x".into() }));
        for later in [0, 9, 10] {
            let refused = get(&documents, NOW + Duration::from_secs(later)).await.unwrap_err();
            assert_eq!(refused.reason().name, "oauth-client-document-unavailable");
        }
        assert_eq!(web.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn one_that_there_was_no_turn_for_is_asked_for_at_the_next() {
        let (web, documents) = documents(good);
        let all = documents.at_once.try_acquire_many(16).unwrap();
        let refused = get(&documents, NOW).await.unwrap_err();
        assert_eq!(refused.reason().name, "oauth-client-document-unavailable");
        assert_eq!(web.asked.load(Ordering::SeqCst), 0);
        drop(all);
        assert!(get(&documents, NOW).await.is_ok(), "nobody is kept out by a moment of others");
    }

    #[test]
    fn a_document_that_lies_is_refused() {
        let host = Host { name: "client.example.org".into() };
        let judge = |answer: &Response<Bytes>| read(ID, &host, answer, &RedirectRules::default());
        let own = "https://client.example.org/cb";
        for (document, good) in [
            (json!({"client_id": ID, "redirect_uris": [own]}), true),
            (
                json!({"client_id": ID, "redirect_uris": [own, "https://evil.test/cb", "evil:x"], "token_endpoint_auth_method": "none"}),
                true,
            ),
            (json!({"client_id": "https://other.example.org/c", "redirect_uris": [own]}), false),
            (json!({"client_id": format!("{ID}/"), "redirect_uris": [own]}), false),
            (json!({"redirect_uris": [own]}), false),
            (json!({"client_id": ID}), false),
            (json!({"client_id": ID, "redirect_uris": ["https://evil.test/cb"]}), false),
            (json!({"client_id": ID, "redirect_uris": [own], "token_endpoint_auth_method": "private_key_jwt"}), false),
            (json!({"client_id": ID, "redirect_uris": [own], "client_secret": "x"}), false),
            (json!({"client_id": ID, "redirect_uris": [own], "grant_types": ["implicit"]}), false),
            (json!([ID]), false),
        ] {
            let found = judge(&json_of(&document));
            assert_eq!(found.is_ok(), good, "{document}");
            assert!(found.is_err() || found.unwrap().redirect_uris.len() == 1);
        }
        let sound = good().unwrap();
        for (status, kind, good) in [
            (200, "application/json; charset=utf-8", true),
            (200, "application/client+json", true),
            (200, "text/html", false),
            (200, "", false),
            (301, "application/json", false),
            (404, "application/json", false),
        ] {
            let answer =
                Response::builder().status(status).header(CONTENT_TYPE, kind).body(sound.body().clone()).unwrap();
            assert_eq!(judge(&answer).is_ok(), good, "{status} {kind}");
        }
    }
}
