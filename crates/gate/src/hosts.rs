//! The hosts this gate stands for. Nothing a request says becomes part of a URL of ours unless it is found here.
//!
//! 1. The scheme and the port are those of `public_url`, always.
//! 2. Known are the host of `public_url` and the hosts of routes; a wildcard route knows every host below it.
//! 3. A known host becomes an *authority* as the configuration spells it (`host` or `host:port`), never as the request
//!    does. With a shared cookie domain there is one authority for sign-in: that of `public_url`.
//! 4. Return hosts are where a sign-in may lead besides: exact names, or `.example.com` for every name below it (and
//!    not `example.com` itself).

use std::collections::BTreeSet;

use gangplank_oauth::config::ConfigError;
use url::{Host, Url};

/// See the module.
#[derive(Debug)]
pub struct Hosts {
    https: bool,
    port: Option<u16>,
    public_host: String,
    exact: BTreeSet<String>,
    /// Suffixes with their leading dot.
    below: Vec<String>,
    return_exact: BTreeSet<String>,
    return_below: Vec<String>,
    one_authority: bool,
}

impl Hosts {
    /// Reads `gate.public_url`, the hosts of routes, `gate.return_hosts` and whether `cookies.domain` is set.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn new<'a>(
        public_url: &str,
        route_hosts: impl IntoIterator<Item = &'a str>,
        return_hosts: &[String],
        shared_domain: bool,
    ) -> Result<Hosts, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let public = match read_public_url(public_url) {
            Ok(url) => Some(url),
            Err(error) => {
                errors.push(error);
                None
            }
        };
        let (mut exact, mut below) = (BTreeSet::new(), Vec::new());
        for host in route_hosts {
            match host.strip_prefix('*') {
                Some(suffix) if suffix.starts_with('.') && is_name(&suffix[1..]) => below.push(suffix.to_lowercase()),
                None if is_host(host) => {
                    exact.insert(host.to_lowercase());
                }
                _ => errors.push(ConfigError::new(
                    "routes.host",
                    format!("{host:?} is not a host"),
                    "a name such as \"app.example.com\" or \"*.example.com\", without scheme and port",
                )),
            }
        }
        let (mut return_exact, mut return_below) = (BTreeSet::new(), Vec::new());
        for (i, host) in return_hosts.iter().enumerate() {
            match host.strip_prefix('.') {
                Some(rest) if is_name(rest) && rest.contains('.') => return_below.push(host.to_lowercase()),
                None if is_host(host) => {
                    return_exact.insert(host.to_lowercase());
                }
                _ => errors.push(ConfigError::new(
                    format!("gate.return_hosts[{i}]"),
                    format!("{host:?} is not a host"),
                    "a name such as \"app.example.com\", or \".example.com\" for every host below it",
                )),
            }
        }
        match public {
            Some(url) if errors.is_empty() => {
                let public_host = url.host_str().unwrap_or_default().to_owned();
                exact.insert(public_host.clone());
                Ok(Hosts {
                    https: url.scheme() == "https",
                    port: url.port(),
                    public_host,
                    exact,
                    below,
                    return_exact,
                    return_below,
                    one_authority: shared_domain,
                })
            }
            _ => Err(errors),
        }
    }

    /// Whether browsers reach us by https, which decides about `Secure` cookies.
    pub(crate) fn is_https(&self) -> bool {
        self.https
    }

    /// `https` or `http`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// The host of `public_url`.
    pub(crate) fn public_host(&self) -> &str {
        &self.public_host
    }

    /// The first of our hosts that is neither `domain` nor below it; `domain` itself if no cookie may be set for it.
    pub(crate) fn outside(&self, domain: &str) -> Option<String> {
        if !is_name(domain) || !domain.contains('.') || domain.parse::<std::net::IpAddr>().is_ok() {
            return Some(domain.to_owned());
        }
        let suffix = format!(".{domain}");
        let outside = |host: &str| host != domain && !host.ends_with(&suffix);
        let below = self.below.iter().map(String::as_str);
        self.exact.iter().map(String::as_str).chain(below).find(|host| outside(host)).map(str::to_owned)
    }

    /// The authority under which a request for `requested` (a host, with or without a port) is answered, as the
    /// configuration spells it; `None` if the host is not one of ours.
    pub(crate) fn authority(&self, requested: &str) -> Option<String> {
        let host = host_of(requested)?;
        self.is_known(&host).then(|| self.with_port(&host))
    }

    /// The authority to which the provider sends people back.
    pub(crate) fn sign_in_authority(&self, requested: &str) -> Option<String> {
        let own = self.authority(requested)?;
        Some(if self.one_authority { self.with_port(&self.public_host) } else { own })
    }

    /// `scheme://authority`, without a slash.
    pub fn origin(&self, authority: &str) -> String {
        format!("{}://{authority}", self.scheme())
    }

    /// Whether a sign-in may end at this URL: a host of ours or a return host, the scheme not below ours, the port the
    /// scheme's own or ours.
    pub fn may_return_to(&self, url: &Url) -> bool {
        let scheme_fits = url.scheme() == "https" || (url.scheme() == "http" && !self.https);
        let port_fits = url.port().is_none() || url.port() == self.port;
        let Some(host) = url.host_str() else { return false };
        scheme_fits
            && port_fits
            && (self.is_known(host)
                || self.return_exact.contains(host)
                || self.return_below.iter().any(|suffix| is_below(host, suffix)))
    }

    /// Whether this is an origin that the gate stands for. A return host is not: somebody may be sent there, and that is
    /// all.
    pub(crate) fn is_own_origin(&self, url: &Url) -> bool {
        let own = url.host_str().is_some_and(|host| self.is_known(host));
        own && url.scheme() == self.scheme() && url.port() == self.port
    }

    fn is_known(&self, host: &str) -> bool {
        self.exact.contains(host) || self.below.iter().any(|suffix| is_below(host, suffix))
    }

    fn with_port(&self, host: &str) -> String {
        match self.port {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

fn read_public_url(text: &str) -> Result<Url, ConfigError> {
    let refuse = |message: &str| {
        Err(ConfigError::new("gate.public_url", format!("{text:?} {message}"), "such as \"https://app.example.com\""))
    };
    match Url::parse(text) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => refuse("is neither http nor https"),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => refuse("names a user"),
        Ok(url) if url.path() != "/" || url.query().is_some() || url.fragment().is_some() => {
            refuse("is more than scheme, host and port")
        }
        Ok(url) => Ok(url),
        Err(_) => refuse("is not a URL"),
    }
}

/// The host part of `host[:port]`, as the URL standard normalises it; `None` for anything else.
fn host_of(authority: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '[' | ']');
    if authority.is_empty() || authority.len() > 300 || !authority.chars().all(plain) {
        return None;
    }
    let url = Url::parse(&format!("http://{authority}/")).ok()?;
    url.host_str().map(str::to_owned)
}

fn is_host(text: &str) -> bool {
    is_name(text) || Host::parse(text).is_ok_and(|host| matches!(host, Host::Ipv4(_) | Host::Ipv6(_)))
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

fn is_below(host: &str, suffix: &str) -> bool {
    host.len() > suffix.len() && host.ends_with(suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(public_url: &str, shared: bool) -> Hosts {
        Hosts::new(public_url, ["app.example.com", "*.apps.example.com"], &[".return.test".to_owned()], shared).unwrap()
    }

    #[test]
    fn an_authority_is_the_configurations_and_not_the_requests() {
        let hosts = hosts("https://auth.example.com:8443", false);
        for (requested, authority) in [
            ("auth.example.com", Some("auth.example.com:8443")),
            ("AUTH.example.com:1", Some("auth.example.com:8443")),
            ("app.example.com:80", Some("app.example.com:8443")),
            ("x.apps.example.com", Some("x.apps.example.com:8443")),
            ("apps.example.com", None),
            (".apps.example.com", None),
            ("evil.test", None),
            ("app.example.com.evil.test", None),
            ("evil.test/app.example.com", None),
            ("app.example.com@evil.test", None),
            ("evil.test#.apps.example.com", None),
            ("", None),
        ] {
            assert_eq!(hosts.authority(requested).as_deref(), authority, "{requested}");
        }
    }

    #[test]
    fn a_return_host_is_no_origin_of_ours() {
        let hosts = hosts("https://auth.example.com:8443", false);
        for (url, own) in [
            ("https://auth.example.com:8443", true),
            ("https://app.example.com:8443", true),
            ("https://x.apps.example.com:8443", true),
            ("https://x.return.test:8443", false),
            ("https://app.example.com", false),
            ("http://app.example.com:8443", false),
            ("https://evil.test:8443", false),
        ] {
            assert_eq!(hosts.is_own_origin(&Url::parse(url).unwrap()), own, "{url}");
        }
        assert!(hosts.may_return_to(&Url::parse("https://x.return.test:8443").unwrap()));
    }

    #[test]
    fn a_shared_cookie_domain_has_one_place_to_sign_in() {
        let hosts = hosts("https://auth.example.com", true);
        assert_eq!(hosts.sign_in_authority("app.example.com").as_deref(), Some("auth.example.com"));
        assert_eq!(hosts.sign_in_authority("evil.test"), None);
    }

    #[test]
    fn every_bad_entry_is_named_at_once() {
        let errors = Hosts::new(
            "ftp://x/",
            ["*", "*example.com", "a b", "https://a.test", "a.test:80"],
            &["".to_owned(), ".".to_owned(), ".com".to_owned(), "*.a.test".to_owned()],
            false,
        )
        .unwrap_err();
        assert_eq!(errors.len(), 10, "{errors:?}");
        for bad in ["", "app.example.com", "https://u@h.test", "https://h.test/path", "https://h.test/?q"] {
            assert!(Hosts::new(bad, [], &[], false).is_err(), "{bad}");
        }
    }
}
