//! Redirect URIs: where a client may have its codes sent.
//!
//! 1. At most 512 bytes of visible ASCII, and written as the URL standard writes it: no user, no fragment, no dot segment, no
//!    port that the scheme has anyway, no capital in the host, no other spelling of an address. (A host without a path may
//!    lack its slash.) So what is compared as text is what a browser does, and an encoded slash or backslash is refused.
//! 2. `https`: the host, without a port, is one of `redirect_hosts` (or, of a client with a metadata document, the host of
//!    that document); where the entry has a path, the path is that one.
//! 3. `http`: this machine, as `127.0.0.1`, `[::1]` or `localhost`, at any port (RFC 8252 §7.3).
//! 4. Any other scheme must be one of `redirect_schemes`.
//! 5. The URI of a request is, text for text, one that the client is registered with; only the port of one on this machine may
//!    be another (RFC 8252 §7.3).

use url::{Host, Url};

use super::host_pattern::HostPattern;

/// The longest that is read.
const LONGEST: usize = 512;

/// What this authorization server takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct RedirectRules {
    /// `redirect_hosts`: hosts, and the one path of each, if it has one.
    pub(crate) hosts: Vec<(HostPattern, Option<String>)>,
    /// `redirect_schemes`.
    pub(crate) schemes: Vec<String>,
}

/// A redirect URI that keeps rules 1 to 4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RedirectUri {
    text: String,
    kind: Kind,
}

/// What guards it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Whoever holds the host's certificate.
    Https,
    /// Nobody: any program on the person's machine can listen there.
    Loopback,
    /// Nobody: any program can take the scheme for itself.
    PrivateUse,
}

impl RedirectUri {
    /// Rules 1 to 4. `own_host` is that of the client's document. The error says which rule, and quotes nothing.
    pub(crate) fn judge(text: &str, rules: &RedirectRules, own_host: Option<&str>) -> Result<Self, &'static str> {
        let url = canonical(text)?;
        let kind = match (url.scheme(), url.host()) {
            ("https", Some(Host::Domain(host))) => {
                let named = |(pattern, path): &(HostPattern, Option<String>)| {
                    pattern.matches(host) && path.as_deref().is_none_or(|path| path == url.path())
                };
                if url.port().is_some() {
                    return Err("names a port");
                }
                if own_host != Some(host) && !rules.hosts.iter().any(named) {
                    return Err("has a host, or a path, that redirect_hosts does not name");
                }
                Kind::Https
            }
            ("https", _) => return Err("has an address for a host"),
            ("http", Some(host)) if is_this_machine(&host) => Kind::Loopback,
            ("http", _) => return Err("is http, and not on this machine"),
            (scheme, _) if rules.schemes.iter().any(|known| known == scheme) => Kind::PrivateUse,
            _ => return Err("has a scheme that redirect_schemes does not name"),
        };
        Ok(RedirectUri { text: text.to_owned(), kind })
    }

    /// One that was judged before, and sealed: an `https` one by its form alone, since the host of a document is not known again.
    pub(crate) fn unsealed(text: &str, rules: &RedirectRules) -> Result<Self, &'static str> {
        let url = canonical(text)?;
        RedirectUri::judge(text, rules, url.domain())
    }

    /// Rule 5.
    pub(crate) fn is_registered_as(&self, registered: &RedirectUri) -> bool {
        if self.text == registered.text {
            return true;
        }
        if (self.kind, registered.kind) != (Kind::Loopback, Kind::Loopback) {
            return false;
        }
        let (Ok(mut own), Ok(mut other)) = (Url::parse(&self.text), Url::parse(&registered.text)) else { return false };
        own.set_port(None).is_ok() && other.set_port(None).is_ok() && own == other
    }

    /// As it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// What guards it.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// What people are shown of it: the host, with its port, or the scheme.
    pub(crate) fn shown(&self) -> String {
        let Ok(url) = Url::parse(&self.text) else { return String::new() };
        match self.kind {
            Kind::PrivateUse => format!("{}:", url.scheme()),
            Kind::Https | Kind::Loopback => url[url::Position::BeforeHost..url::Position::AfterPort].to_owned(),
        }
    }

    /// What `form-action` of a page names, so that a redirect may lead there.
    pub(crate) fn policy_source(&self) -> String {
        let Ok(url) = Url::parse(&self.text) else { return String::new() };
        match self.kind {
            Kind::PrivateUse => format!("{}:", url.scheme()),
            Kind::Https | Kind::Loopback => url.origin().ascii_serialization(),
        }
    }

    /// With more parameters in its query.
    pub(crate) fn with(&self, parameters: &[(&str, &str)]) -> String {
        let (text, query) = (self.text.as_str(), encoded(parameters));
        let joint = match text.find('?') {
            None => "?",
            Some(at) if at + 1 == text.len() || text.ends_with('&') => "",
            Some(_) => "&",
        };
        format!("{text}{joint}{query}")
    }
}

fn encoded(parameters: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    query.finish()
}

/// Rule 1.
fn canonical(text: &str) -> Result<Url, &'static str> {
    if text.is_empty() || text.len() > LONGEST {
        return Err("is empty or longer than 512 bytes");
    }
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'\\' | b'#' | b'"' | b'<' | b'>' | b'`' | b'|' | b'^');
    if !text.bytes().all(plain) {
        return Err("has a character that no redirect URI has");
    }
    let lower = text.to_ascii_lowercase();
    if ["%2f", "%5c", "%00", "%0d", "%0a", "%25"].iter().any(|hidden| lower.contains(hidden)) {
        return Err("has an encoded separator or control character");
    }
    let url = Url::parse(text).map_err(|_| "is not an absolute URL")?;
    if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
        return Err("names a user");
    }
    if url.as_str() != text && url.as_str().strip_suffix('/') != Some(text) {
        return Err("is not written as the URL standard writes it");
    }
    Ok(url)
}

fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => *address == std::net::Ipv4Addr::LOCALHOST,
        Host::Ipv6(address) => *address == std::net::Ipv6Addr::LOCALHOST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> RedirectRules {
        let host = |text: &str| HostPattern::parse(text).unwrap();
        RedirectRules {
            hosts: vec![
                (host("vscode.dev"), None),
                (host("*.apps.example.com"), None),
                (host("one.example.com"), Some("/callback".to_owned())),
            ],
            schemes: vec!["cursor".to_owned()],
        }
    }

    fn judge(text: &str) -> Result<RedirectUri, &'static str> {
        RedirectUri::judge(text, &rules(), Some("client.example.org"))
    }

    #[test]
    fn what_clients_really_register_is_taken() {
        for (text, kind) in [
            ("http://127.0.0.1:33418/", Kind::Loopback),
            ("http://127.0.0.1:33418", Kind::Loopback),
            ("http://127.0.0.1/callback", Kind::Loopback),
            ("http://localhost:6274/oauth/callback", Kind::Loopback),
            ("http://localhost:6274/oauth/callback?x=1", Kind::Loopback),
            ("http://[::1]:8080/cb", Kind::Loopback),
            ("https://vscode.dev/redirect", Kind::Https),
            ("https://a.apps.example.com/", Kind::Https),
            ("https://one.example.com/callback", Kind::Https),
            ("https://client.example.org/any/path", Kind::Https),
            ("cursor://anysphere.cursor-retrieval/oauth/callback", Kind::PrivateUse),
        ] {
            assert_eq!(judge(text).map(|uri| uri.kind()), Ok(kind), "{text}");
        }
    }

    #[test]
    fn every_other_spelling_of_them_is_refused() {
        for text in [
            "",
            "https://evil.example.com/cb",
            "https://vscode.dev.evil.example.com/redirect",
            "https://evilvscode.dev/redirect",
            "https://vscode.dev@evil.example.com/",
            "https://user@vscode.dev/redirect",
            "https://vscode.dev:443/redirect",
            "https://vscode.dev:8443/redirect",
            "https://VSCODE.dev/redirect",
            "HTTPS://vscode.dev/redirect",
            "https://vscode.dev./redirect",
            "https://vscode.dev/redirect#fragment",
            "https://vscode.dev/redirect#",
            "https://vscode.dev/a/../redirect",
            "https://vscode.dev/%2e%2e/redirect",
            "https://vscode.dev/a%2f..%2fredirect",
            "https://vscode.dev/a%5credirect",
            "https://vscode.dev/%252e/",
            "https://vscode.dev\\@evil.example.com/",
            "https:\\\\vscode.dev/redirect",
            "https:/vscode.dev/redirect",
            "https:vscode.dev/redirect",
            "https://vscode.dev/red irect",
            " https://vscode.dev/redirect",
            "https://vscode.dev/redirect\n",
            "https://vscode.dev/ümlaut",
            "https://apps.example.com/",
            "https://one.example.com/callback/",
            "https://one.example.com/other",
            "https://93.184.216.34/cb",
            "https://127.0.0.1/cb",
            "https://localhost/cb",
            "http://vscode.dev/redirect",
            "http://127.0.0.2/cb",
            "http://127.1/cb",
            "http://2130706433/cb",
            "http://0x7f.1/cb",
            "http://0.0.0.0/cb",
            "http://[::ffff:127.0.0.1]/cb",
            "http://[0:0:0:0:0:0:0:1]/cb",
            "http://[::]/cb",
            "http://localhost.evil.example.com/cb",
            "http://LOCALHOST/cb",
            "http://localhost:80/cb",
            "http://user@localhost/cb",
            "http://localhost@evil.example.com/cb",
            "cursor2://x/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "urn:ietf:wg:oauth:2.0:oob",
            "/relative",
            "//vscode.dev/redirect",
            &format!("https://vscode.dev/{}", "x".repeat(LONGEST)),
        ] {
            assert!(judge(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_the_port_of_this_machine_may_differ_from_what_is_registered() {
        for (registered, asked, good) in [
            ("https://vscode.dev/redirect", "https://vscode.dev/redirect", true),
            ("https://vscode.dev/redirect", "https://vscode.dev/redirect?x=1", false),
            ("https://vscode.dev/redirect", "https://vscode.dev/Redirect", false),
            ("https://vscode.dev/redirect", "https://vscode.dev/redirect/", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:50000/cb", true),
            ("http://127.0.0.1:1000/cb", "http://127.0.0.1:50000/cb", true),
            ("http://127.0.0.1:1000/cb", "http://127.0.0.1/cb", true),
            ("http://[::1]/cb", "http://[::1]:50000/cb", true),
            ("http://127.0.0.1/cb", "http://localhost:50000/cb", false),
            ("http://127.0.0.1/cb", "http://[::1]:50000/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:50000/other", false),
            ("http://127.0.0.1/cb?a=1", "http://127.0.0.1:50000/cb?a=2", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:50000/cb?a=2", false),
            ("cursor://a/cb", "cursor://b/cb", false),
            ("cursor://a:1/cb", "cursor://a:2/cb", false),
        ] {
            let (registered, asked) = (judge(registered).unwrap(), judge(asked).unwrap());
            assert_eq!(asked.is_registered_as(&registered), good, "{registered:?} {asked:?}");
        }
    }

    #[test]
    fn parameters_join_whatever_query_there_is() {
        for (text, expected) in [
            ("http://localhost:1/cb", "http://localhost:1/cb?code=a+b%26"),
            ("http://localhost:1", "http://localhost:1?code=a+b%26"),
            ("http://localhost:1/cb?x=1", "http://localhost:1/cb?x=1&code=a+b%26"),
            ("http://localhost:1/cb?", "http://localhost:1/cb?code=a+b%26"),
        ] {
            assert_eq!(judge(text).unwrap().with(&[("code", "a b&")]), expected);
        }
        let private = judge("cursor://x/cb").unwrap();
        assert_eq!((private.shown().as_str(), private.policy_source().as_str()), ("cursor:", "cursor:"));
        let local = judge("http://[::1]:8080/cb").unwrap();
        assert_eq!((local.shown().as_str(), local.policy_source().as_str()), ("[::1]:8080", "http://[::1]:8080"));
    }
}
