//! What a provider, or who poses as one, answers. The first octet says which answer the rest is: 0 metadata; 1 of the
//! token endpoint; 2 the callback's query; 3 pages of Graph, between lines of `---`; 4 the claims of an ID token that is
//! signed properly; 5 those of an access token.
//!
//! No panic; refusals are bounded and print no control character; nobody is asked for Graph pages but the configured
//! host; endpoints that are accepted are what the rules say; an identity that comes out can stand in a header and a log.

#![no_main]

use std::sync::{Arc, LazyLock, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use gangplank_authn::{
    ClaimName, ClaimNames, Identity, Issuer, IssuerKind, IssuerSettings, Outcome, SignedIn, Tenants,
};
use gangplank_fuzz::{NOW, Still, is_clean, run, signing_key};
use gangplank_jose::Algorithm;
use gangplank_oauth::{BoxFuture, Budget, IssuerUrl, TokenType, Transport, TransportError, callback, discovery, token};
use http::{Request, Response, StatusCode};
use libfuzzer_sys::fuzz_target;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use url::Url;

const TENANT: &str = "dca11c8d-0000-4000-8000-00000000000a";
const CLIENT: &str = "client";

/// Answers for metadata and keys as it should, and for Graph what it was given.
struct Provider(Mutex<Vec<Bytes>>);

impl Transport for Provider {
    fn send(&self, request: Request<Bytes>, _: Budget) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let uri = request.uri();
        assert_eq!(uri.authority().map(|a| a.as_str()), Some("login.test"), "asked elsewhere");
        assert_eq!(uri.scheme_str(), Some("https"));
        let base = format!("https://login.test/{TENANT}/v2.0");
        let body = match uri.path() {
            path if path.ends_with("openid-configuration") => json!({
                "issuer": base, "authorization_endpoint": base, "token_endpoint": base,
                "jwks_uri": format!("{base}/keys"),
            })
            .to_string()
            .into(),
            path if path.ends_with("/keys") => json!({"keys": [signing_key().public_jwk("k")]}).to_string().into(),
            _ => self.0.lock().unwrap().pop().unwrap_or_default(),
        };
        Box::pin(std::future::ready(Ok(Response::new(body))))
    }
}

struct World {
    provider: Arc<Provider>,
    issuer: Arc<Issuer>,
    /// Somebody in too many groups.
    overage: SignedIn,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let provider = Arc::new(Provider(Mutex::default()));
    let kind = IssuerKind::Entra {
        tenants: Tenants::One(TENANT.into()),
        authority: Some("https://login.test".into()),
        graph: Some("https://login.test/graph".into()),
    };
    let roles = ClaimName::parse("/realm_access/roles").unwrap();
    let settings = IssuerSettings {
        audiences: vec!["api".into()],
        algorithms: vec![Algorithm::EdDSA],
        claims: ClaimNames { extra: [("example.com/roles".into(), roles)].into(), ..ClaimNames::default() },
        ..IssuerSettings::new("corp", kind)
    };
    let issuer = Issuer::new(settings, provider.clone(), Arc::new(Still)).unwrap();
    let claims = json!({
        "iss": format!("https://login.test/{TENANT}/v2.0"), "tid": TENANT, "aud": CLIENT, "sub": "s", "nonce": "n",
        "iat": NOW.as_secs(), "exp": NOW.as_secs() + 600, "preferred_username": "ada", "hasgroups": true,
    });
    let token = signed(claims.to_string().as_bytes());
    let overage = run(issuer.verify_id_token(&token, CLIENT, Some("n"), NOW)).unwrap();
    assert!(overage.groups_unresolved());
    World { provider, issuer, overage }
});

fn signed(claims: &[u8]) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","kid":"k"}"#);
    let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    let signature = signing_key().signature(input.as_bytes()).unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else { return };
    let status = if kind & 0x80 == 0 { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let mut answer = Response::new(Bytes::copy_from_slice(rest));
    *answer.status_mut() = status;
    match kind & 7 {
        0 => metadata(&answer),
        1 => tokens(answer),
        2 => query(rest),
        3 => graph(rest),
        4 => {
            let judged = run(WORLD.issuer.verify_id_token(&signed(rest), CLIENT, Some("n"), NOW));
            match judged {
                Ok(signed_in) => is_fit(signed_in.identity()),
                Err(denial) => is_bounded(&format!("{denial:?}")),
            }
        }
        _ => match run(WORLD.issuer.verify_access_token(&signed(rest), NOW)) {
            Outcome::Authenticated(caller) => is_fit(caller.identity()),
            other => is_bounded(&format!("{other:?}")),
        },
    }
});

fn metadata(answer: &Response<Bytes>) {
    for issuer in ["https://login.test/t/v2.0", "http://127.0.0.1:4181/t"] {
        let issuer = IssuerUrl::parse(issuer).unwrap();
        match discovery::parse(&issuer, answer, Budget::DEFAULT) {
            Ok(found) => {
                assert_eq!(found.issuer, issuer.as_str());
                let optional = [found.end_session_endpoint, found.userinfo_endpoint];
                let needed = [found.authorization_endpoint, found.token_endpoint, found.jwks_uri];
                for url in needed.iter().chain(optional.iter().flatten()) {
                    is_endpoint(url, issuer.is_https());
                }
            }
            Err(error) => is_bounded(&format!("{error} {error:?}")),
        }
    }
}

fn is_endpoint(url: &Url, https_only: bool) {
    assert!(url.scheme() == "https" || (url.scheme() == "http" && !https_only), "{url}");
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{url}");
    let host = url.host_str().unwrap();
    assert!(
        url.scheme() == "https" || ["127.0.0.1", "localhost", "[::1]"].contains(&host) || host.starts_with("127."),
        "{url}"
    );
}

fn tokens(answer: Response<Bytes>) {
    let wanted = TokenType::id_token();
    let (secrets, budget) = (token::Secrets::default(), Budget::DEFAULT);
    for requested in [None, Some(&wanted)] {
        let exchanged = token::parse_exchange(answer.clone(), "login.test", &secrets, budget, requested);
        match exchanged.map(|tokens| tokens.issued_token_type) {
            Ok(issued) => {
                let issued = issued.expect("an exchange says what it gave");
                assert!(requested.map_or(issued != wanted, |wanted| issued == *wanted), "{issued}");
            }
            Err(error) => is_bounded(&error.to_string()),
        }
    }
    match token::parse(answer, "login.test", &secrets, budget) {
        Ok(tokens) => {
            assert!(tokens.issued_token_type.is_none());
            let all = [Some(&tokens.access_token), tokens.id_token.as_ref(), tokens.refresh_token.as_ref()];
            for token in all.into_iter().flatten().map(SecretString::expose_secret) {
                assert!(!token.is_empty() && token.bytes().all(|b| matches!(b, 0x20..=0x7e)));
            }
            // The access token is `[redacted]` or the like, whatever it is.
            let shown = format!("{tokens:?}");
            let token = tokens.access_token.expose_secret();
            assert!(token.len() < 24 || !shown.contains(token), "{shown}");
        }
        Err(error) => {
            let _ = (error.is_unavailable(), error.is_invalid_grant(), error.reason());
            if let Some(challenge) = error.challenge() {
                assert!(challenge.as_str().len() <= 8 << 10 && error.provider().is_some());
                assert!(serde_json::from_str::<serde_json::Value>(challenge.as_str()).unwrap().is_object());
            }
            is_bounded(&error.to_string());
        }
    }
}

fn query(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else { return };
    match callback::parse(query) {
        Ok(callback) => {
            let _ = (callback.reason(), callback.state());
            if let callback::Callback::Error { error, description, .. } = &callback {
                is_bounded(error);
                is_bounded(description.as_deref().unwrap_or_default());
            }
        }
        Err(error) => is_bounded(&error.to_string()),
    }
}

fn graph(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut pages: Vec<Bytes> = text.split("---").map(|page| Bytes::from(page.to_owned())).collect();
    pages.reverse();
    *WORLD.provider.0.lock().unwrap() = pages;
    let token = SecretString::from("t");
    match run(WORLD.issuer.complete_groups(WORLD.overage.clone(), None, &token, NOW)) {
        Ok(complete) => {
            assert!(!complete.groups_unresolved());
            is_fit(complete.identity());
        }
        Err(denial) => is_bounded(&format!("{denial:?}")),
    }
}

fn is_fit(identity: &Identity) {
    assert!(!identity.username.is_empty() && !identity.subject.is_empty());
    assert!(identity.groups.len() <= 10_000);
    let optional = [&identity.email, &identity.display_name, &identity.uid, &identity.tenant];
    let lists = [&identity.groups, &identity.roles, &identity.scopes];
    let single = [&identity.username, &identity.subject, &identity.issuer_url];
    for value in single.into_iter().chain(optional.into_iter().flatten()).chain(lists.into_iter().flatten()) {
        assert!(is_clean(value) && value.len() <= 8192, "{value:?}");
    }
    let reserved = |name: &String| name.starts_with("system:");
    assert!(!reserved(&identity.username) && !identity.groups.iter().any(reserved));
}

fn is_bounded(text: &str) {
    assert!(text.len() < 8192 && is_clean(text), "{text:?}");
}
