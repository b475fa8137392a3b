//! The resources that clients get tokens for (RFC 8707).
//!
//! 1. A `resource` is an absolute URL without a fragment. It is one of ours if it is that as the URL standard writes it, but for
//!    a slash at the end: clients disagree about it.
//! 2. Whoever names none gets the only one there is; if there are several, one has to be named.
//! 3. Several may be named; the token must then be good for each of them.

use std::sync::Arc;

use gangplank_authn::Issuer;
use url::Url;

/// How many may be named at once.
const MOST: usize = 4;
const LONGEST: usize = 1024;

/// A protected resource behind this gate that sends clients to this authorization server.
#[derive(Clone)]
pub(crate) struct Resource {
    /// Its identifier.
    pub(crate) url: String,
    /// What a client asks for there, in the words that clients use.
    pub(crate) scopes: Vec<String>,
    /// What it may ask for besides, once a tool has demanded it.
    pub(crate) on_demand: Vec<String>,
    /// Whose tokens it takes.
    pub(crate) issuers: Vec<Arc<Issuer>>,
}

/// Rules 1 to 3. The error is the one that is none of ours, or nothing.
pub(crate) fn choose<'r>(asked: &[&str], all: &'r [Resource]) -> Result<Vec<&'r Resource>, String> {
    match (asked, all) {
        ([], [only]) => return Ok(vec![only]),
        ([], _) => return Err(String::new()),
        _ => {}
    }
    let mut chosen: Vec<&Resource> = Vec::new();
    for (i, text) in asked.iter().enumerate() {
        let resource = named(text, all).filter(|_| i < MOST).ok_or_else(|| (*text).to_owned())?;
        if !chosen.iter().any(|known| known.url == resource.url) {
            chosen.push(resource);
        }
    }
    Ok(chosen)
}

/// Those of a code or refresh token that was sealed for them. `None` if one is no longer there.
pub(crate) fn sealed<'r>(urls: &[String], all: &'r [Resource]) -> Option<Vec<&'r Resource>> {
    urls.iter().map(|url| all.iter().find(|resource| resource.url == *url)).collect()
}

/// Whether a token request names none but these.
pub(crate) fn within(asked: &[&str], chosen: &[&Resource]) -> bool {
    asked.len() <= MOST
        && asked.iter().all(|text| canonical(text).is_some_and(|url| chosen.iter().any(|r| same(&r.url, &url))))
}

fn named<'r>(text: &str, all: &'r [Resource]) -> Option<&'r Resource> {
    let url = canonical(text)?;
    all.iter().find(|resource| same(&resource.url, &url))
}

fn canonical(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|_| text.len() <= LONGEST && !text.contains(['#', '\\']))?;
    let sound = url.has_host() && url.username().is_empty() && url.password().is_none();
    (sound && !text.contains('@')).then(|| url.into())
}

fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(urls: &[&str]) -> Vec<Resource> {
        let of = |url: &&str| Resource {
            url: (*url).to_owned(),
            scopes: Vec::new(),
            on_demand: Vec::new(),
            issuers: Vec::new(),
        };
        urls.iter().map(of).collect()
    }

    fn chosen(asked: &[&str], all: &[Resource]) -> Option<Vec<String>> {
        choose(asked, all).ok().map(|chosen| chosen.iter().map(|resource| resource.url.clone()).collect())
    }

    #[test]
    fn a_resource_is_one_of_ours_exactly() {
        let all = all(&["https://gate.example.com/mcp", "https://gate.example.com/other"]);
        for good in
            ["https://gate.example.com/mcp", "https://gate.example.com/mcp/", "https://GATE.example.com:443/mcp"]
        {
            assert_eq!(chosen(&[good], &all).unwrap(), ["https://gate.example.com/mcp"], "{good}");
        }
        for bad in [
            "http://gate.example.com/mcp",
            "https://gate.example.com:8443/mcp",
            "https://gate.example.com/",
            "https://gate.example.com/MCP",
            "https://gate.example.com/mcp?x",
            "https://gate.example.com/mcp#x",
            "https://gate.example.com/mcp%2f",
            "https://u@gate.example.com/mcp",
            "https://gate.example.com.evil.test/mcp",
            "https://evil.test/https://gate.example.com/mcp",
            "gate.example.com/mcp",
            "/mcp",
            "",
        ] {
            assert_eq!(chosen(&[bad], &all), None, "{bad}");
        }
    }

    #[test]
    fn none_is_the_only_one_and_several_are_each_ours() {
        let (one, two) = (all(&["https://a/1"]), all(&["https://a/1", "https://a/2"]));
        assert_eq!(chosen(&[], &one).unwrap(), ["https://a/1"]);
        assert_eq!(chosen(&[], &two), None);
        assert_eq!(chosen(&[], &[]), None);
        assert_eq!(
            chosen(&["https://a/2", "https://a/1", "https://a/2/"], &two).unwrap(),
            ["https://a/2", "https://a/1"]
        );
        assert_eq!(chosen(&["https://a/1", "https://b/1"], &two), None);
        assert_eq!(chosen(&["https://a/1"; 5], &two), None);
        let first = choose(&["https://a/1"], &two).unwrap();
        assert!(within(&[], &first) && within(&["https://a/1/"], &first));
        assert!(!within(&["https://a/2"], &first) && !within(&["https://a/1", "https://a/2"], &first));
        assert!(sealed(&["https://a/1".into()], &two).is_some() && sealed(&["https://a/3".into()], &two).is_none());
    }
}
