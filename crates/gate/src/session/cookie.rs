//! The one cookie of ours that a browser holds.
//!
//! 1. `__Host-NAME` over https without a shared domain, `__Secure-NAME` over https with one, else `NAME`. Always for the
//!    path `/`, always `HttpOnly`, `Secure` over https, `SameSite=Lax` unless configured.
//! 2. Name and value are at most 3.5 KiB together, and it is set at most once per response: nginx's `auth_request`
//!    keeps no second one, and its buffers no longer one.
//! 3. It is cleared with the same attributes, or browsers would keep it.
//! 4. A request that carries it twice with different values carries none that can be believed: somebody on a sibling
//!    host has planted one.

use gangplank_jose::UnixTime;
use gangplank_oauth::config::ConfigError;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::config::{CookiesConfig, SameSite};
use crate::headers::pairs;
use crate::hosts::Hosts;

/// How the cookie is named, set, found and taken away.
#[derive(Debug)]
pub(crate) struct SessionCookie {
    name: String,
    attributes: String,
}

/// What a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presented<'r> {
    /// No cookie of ours.
    None,
    /// One value.
    One(&'r [u8]),
    /// Different values under the one name.
    Several,
}

impl SessionCookie {
    /// Reads `[cookies]`.
    pub(crate) fn new(config: &CookiesConfig, hosts: &Hosts) -> Result<SessionCookie, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let plain = config.name.as_deref().unwrap_or("gangplank");
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if plain.is_empty() || plain.len() > 64 || !plain.bytes().all(good) || plain.starts_with("__") {
            errors.push(ConfigError::new(
                "cookies.name",
                format!("{plain:?} is not a name for a cookie"),
                "1 to 64 letters, digits, '-', '_' and '.', without a prefix such as __Host-, which is added",
            ));
        }
        let domain = config.domain.as_deref().map(|domain| domain.trim_start_matches('.').to_lowercase());
        let outside = domain.as_deref().and_then(|domain| Some((domain, hosts.outside(domain)?)));
        if let Some((domain, host)) = outside {
            errors.push(ConfigError::new(
                "cookies.domain",
                format!("{host} is not below {domain:?}, so browsers would never send the cookie there"),
                "a domain with a dot in it that gate.public_url and all hosts of routes end in",
            ));
        }
        if config.same_site == Some(SameSite::None) && !hosts.is_https() {
            errors.push(ConfigError::new(
                "cookies.same_site",
                "browsers drop a cookie with SameSite=None that is not Secure, and gate.public_url is http",
                "use https, or \"lax\"",
            ));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let name = match (hosts.is_https(), &domain) {
            (true, None) => format!("__Host-{plain}"),
            (true, Some(_)) => format!("__Secure-{plain}"),
            (false, _) => plain.to_owned(),
        };
        let mut attributes = "; Path=/; HttpOnly".to_owned();
        if let Some(domain) = &domain {
            attributes += &format!("; Domain={domain}");
        }
        if hosts.is_https() {
            attributes += "; Secure";
        }
        attributes += match config.same_site.unwrap_or(SameSite::Lax) {
            SameSite::Lax => "; SameSite=Lax",
            SameSite::None => "; SameSite=None",
        };
        Ok(SessionCookie { name, attributes })
    }

    /// The whole name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What the loop detector tells people to look at.
    pub(crate) fn attributes(&self) -> &str {
        self.attributes.trim_start_matches("; ")
    }

    /// Finds our cookie, in however many `Cookie` headers (HTTP/2 splits them).
    pub(crate) fn presented<'r>(&self, headers: &'r HeaderMap) -> Presented<'r> {
        let mut found = Presented::None;
        for header in headers.get_all(COOKIE) {
            // By bytes: another application's cookie need not be text, and must not take ours with it.
            for value in pairs(header.as_bytes()).filter_map(|pair| self.value_of(pair)) {
                match found {
                    Presented::None => found = Presented::One(value),
                    Presented::One(before) if before == value => {}
                    _ => return Presented::Several,
                }
            }
        }
        found
    }

    /// Sets it until `until`.
    pub(crate) fn set(&self, value: &str, now: UnixTime, until: UnixTime) -> Option<HeaderValue> {
        let seconds = until.since(now).as_secs();
        header(format!("{}={value}{}; Max-Age={seconds}", self.name, self.attributes))
    }

    /// Takes it away.
    pub(crate) fn clear(&self) -> Option<HeaderValue> {
        header(format!("{}={}; Max-Age=0", self.name, self.attributes))
    }

    /// The value, if the pair is ours.
    fn value_of<'p>(&self, pair: &'p [u8]) -> Option<&'p [u8]> {
        pair.trim_ascii().strip_prefix(self.name.as_bytes())?.strip_prefix(b"=")
    }
}

fn header(text: String) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_000);

    fn hosts(url: &str) -> Hosts {
        Hosts::new(url, ["b.example.com"], &[], false).unwrap()
    }

    fn cookie(url: &str, config: CookiesConfig) -> SessionCookie {
        SessionCookie::new(&config, &hosts(url)).unwrap()
    }

    #[test]
    fn attributes_follow_the_deployment() {
        let plain = CookiesConfig::default;
        let domain = || CookiesConfig { domain: Some(".example.com".to_owned()), ..plain() };
        let framed = || CookiesConfig { same_site: Some(SameSite::None), ..plain() };
        for (url, config, expected) in [
            (
                "https://a.example.com",
                plain(),
                "__Host-gangplank=v; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=60",
            ),
            (
                "https://a.example.com",
                domain(),
                "__Secure-gangplank=v; Path=/; HttpOnly; Domain=example.com; Secure; SameSite=Lax; Max-Age=60",
            ),
            (
                "https://a.example.com",
                framed(),
                "__Host-gangplank=v; Path=/; HttpOnly; Secure; SameSite=None; Max-Age=60",
            ),
            ("http://localhost:1", plain(), "gangplank=v; Path=/; HttpOnly; SameSite=Lax; Max-Age=60"),
        ] {
            let set = cookie(url, config).set("v", NOW, UnixTime::from_secs(1_060)).unwrap();
            assert_eq!(set, expected);
            assert!(set.is_sensitive());
        }
    }

    #[test]
    fn clearing_differs_in_value_and_age_only() {
        let cookie = cookie("https://a.example.com", CookiesConfig::default());
        let set = cookie.set("v", NOW, UnixTime::from_secs(1_060)).unwrap();
        let clear = cookie.clear().unwrap();
        assert_eq!(
            set.to_str().unwrap().replace("=v;", "=;").replace("Max-Age=60", "Max-Age=0"),
            clear.to_str().unwrap()
        );
    }

    #[test]
    fn it_is_found_among_others_and_by_its_whole_name() {
        let cookie = cookie("https://a.example.com", CookiesConfig::default());
        for (lines, expected) in [
            (&[][..], Presented::None),
            (&["a=b; __Host-gangplank=v; c=d"], Presented::One(b"v")),
            (&["a=b", "__Host-gangplank=v"], Presented::One(b"v")),
            (&["x__Host-gangplank=v; __Host-gangplankx=v; gangplank=v; __host-gangplank=v"], Presented::None),
            (&["__Host-gangplank=v;__Host-gangplank=v"], Presented::One(b"v")),
            (&["__Host-gangplank=v", "__Host-gangplank=w"], Presented::Several),
            (&["__Host-gangplank="], Presented::One(b"")),
            (&["__Host-gangplank"], Presented::None),
            (&[";;;=;"], Presented::None),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(COOKIE, HeaderValue::from_str(line).unwrap());
            }
            assert_eq!(cookie.presented(&headers), expected, "{lines:?}");
        }
        let mut latin = HeaderMap::new();
        latin.append(COOKIE, HeaderValue::from_bytes(b"name=J\xfcrgen; __Host-gangplank=x").unwrap());
        assert_eq!(cookie.presented(&latin), Presented::One(b"x"), "an application's cookie hides ours");
    }

    #[test]
    fn what_other_applications_set_does_not_hide_it() {
        let cookie = cookie("https://a.example.com", CookiesConfig::default());
        for (line, expected) in [
            (&b"name=J\xf6rg; __Host-gangplank=v; z=\xff"[..], Presented::One(b"v")),
            // White space that only some take for white space begins another name.
            (b"\xc2\xa0__Host-gangplank=v", Presented::None),
            (b"__Host-gangplank=\xff", Presented::One(b"\xff")),
            (b"__Host-gangplank=v; __Host-gangplank=\xff", Presented::Several),
        ] {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_bytes(line).unwrap())]);
            assert_eq!(cookie.presented(&headers), expected, "{line:?}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let all_wrong = CookiesConfig {
            name: Some("a b".to_owned()),
            domain: Some("other.test".to_owned()),
            same_site: Some(SameSite::None),
            ..CookiesConfig::default()
        };
        let errors = SessionCookie::new(&all_wrong, &hosts("http://a.example.com")).unwrap_err();
        assert_eq!(errors.len(), 3, "{errors:?}");
        for (domain, good) in [("example.com", true), ("a.example.com", false), ("ample.com", false), ("com", false)] {
            let config = CookiesConfig { domain: Some(domain.to_owned()), ..CookiesConfig::default() };
            assert_eq!(SessionCookie::new(&config, &hosts("https://a.example.com")).is_ok(), good, "{domain}");
        }
    }
}
