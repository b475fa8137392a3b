//! Where a sign-in returns to. Whatever is accepted leads a browser to our own origin or to an allowed one, also when it
//! is resolved on another page of ours, and is accepted once more as it was given back.

#![no_main]

use std::sync::LazyLock;

use gangplank_gate::{Hosts, ReturnTarget};
use libfuzzer_sys::fuzz_target;
use url::Url;

static HOSTS: LazyLock<Hosts> = LazyLock::new(|| {
    let allowed = ["partner.test".to_owned(), ".wild.test".to_owned()];
    Hosts::new("https://app.example.com", ["other.example.com", "*.apps.example.com"], &allowed, false).unwrap()
});

const ALLOWED: [&str; 3] = ["app.example.com", "other.example.com", "partner.test"];
const ALLOWED_BELOW: [&str; 2] = [".apps.example.com", ".wild.test"];

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let judge = |text: &str| ReturnTarget::judge(text, "app.example.com", &HOSTS, "/oauth2");
    let Ok(target) = judge(text) else { return };
    let kept = target.as_str();
    assert!(kept.len() <= 1024 && kept.bytes().all(|b| b.is_ascii_graphic()), "{kept:?}");
    for page in
        ["https://app.example.com/", "https://app.example.com/oauth2/callback?code=x", "https://app.example.com/a//b/"]
    {
        let url = Url::parse(page).unwrap().join(kept).unwrap();
        let host = url.host_str().unwrap();
        assert_eq!(url.scheme(), "https", "{kept:?}");
        assert_eq!(url.port(), None, "{kept:?}");
        assert!(url.username().is_empty() && url.password().is_none(), "{kept:?}");
        assert!(ALLOWED.contains(&host) || ALLOWED_BELOW.iter().any(|end| host.ends_with(end)), "{kept:?}");
        assert!(!url.path().starts_with("//") && !url.path().contains('\\'), "{kept:?}");
    }
    assert_eq!(judge(kept).as_ref().map(ReturnTarget::as_str), Ok(kept), "from {text:?}");
});
