//! Return targets, judged by somebody else's parser too: whatever is accepted must, resolved as a browser resolves it
//! on the page it is given to, lead to an allowed origin and not to an endpoint of the gate, be visible ASCII, and be
//! accepted again unchanged.

#![no_main]

use std::sync::LazyLock;

use gangplank_fuzz::is_clean;
use gangplank_gate::fuzzing::Deployment;
use libfuzzer_sys::fuzz_target;
use url::Url;

/// A deployment, its authority, and where a sign-in may end.
type Place = (Deployment, &'static str, &'static str, fn(&Url) -> bool);

static PLACES: LazyLock<[Place; 2]> = LazyLock::new(|| {
    let https = Deployment::new(
        "https://app.example.com",
        &["other.example.com", "*.apps.example.com"],
        &["partner.test", ".wild.test"],
    );
    let http = Deployment::new("http://localhost:8080", &[], &[]);
    [
        (https.unwrap(), "https://app.example.com", "app.example.com", |url| {
            let host = url.host_str().unwrap_or_default();
            let below = |suffix: &str| host.len() > suffix.len() && host.ends_with(suffix);
            url.scheme() == "https"
                && url.port().is_none()
                && (["app.example.com", "other.example.com", "partner.test"].contains(&host)
                    || below(".apps.example.com")
                    || below(".wild.test"))
        }),
        (http.unwrap(), "http://localhost:8080", "localhost:8080", |url| {
            url.host_str() == Some("localhost")
                && matches!((url.scheme(), url.port()), ("http" | "https", None | Some(8080)))
        }),
    ]
});

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for (deployment, origin, authority, allowed) in &*PLACES {
        let target = match deployment.return_target(text, authority, "/oauth2") {
            Ok(target) => target,
            Err(words) => {
                assert!(words.len() < 2048 && is_clean(&words), "{words:?}");
                continue;
            }
        };
        assert!(target.len() <= 1024 && target.bytes().all(|b| b.is_ascii_graphic() && b != b'\\'), "{target:?}");
        assert!(!target.starts_with("//"), "{target:?}");
        // The page that sends the redirect may be any of ours, the text itself what somebody echoes.
        for page in ["/", "/oauth2/callback", "/a/b/c?d"] {
            let page = Url::parse(&format!("{origin}{page}")).unwrap();
            for candidate in [target.as_str(), text] {
                let url = page.join(candidate).unwrap();
                assert!(allowed(&url), "{candidate:?} leads to {url}");
                assert!(url.username().is_empty() && url.password().is_none(), "{url}");
                assert!(!format!("{}/", url.path()).starts_with("/oauth2/"), "{url}");
            }
        }
        assert_eq!(deployment.return_target(&target, authority, "/oauth2").as_ref(), Ok(&target), "not stable");
    }
});
