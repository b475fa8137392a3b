//! An issuer's name, which is also where its metadata is found (OpenID Connect Discovery 1.0 §3, §4; RFC 8414 §2).
//!
//! 1. At most 2048 bytes, no white space and no control characters: what the URL parser would quietly mend is refused,
//!    since the name is compared byte for byte with what tokens say.
//! 2. An absolute URL with a host, and without userinfo, query or fragment.
//! 3. `https`, or `http` where the host is this machine (`localhost`, `127.0.0.0/8`, `::1`): for the offline tenant.
//!    Whoever sits between us and a plain-text issuer could hand us keys of his own.

use std::fmt;

use url::{Host, Url};

const MAX_LENGTH: usize = 2048;

/// The name of an issuer, kept exactly as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IssuerUrl {
    text: String,
    secure: bool,
    /// Where the metadata are, if not below the name.
    metadata: Option<String>,
}

/// Why a text cannot name an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerUrlError {
    /// Rule 1.
    #[error("an issuer is a URL of at most 2048 bytes without white space or control characters")]
    Text,
    /// Rule 2, no URL.
    #[error("not an absolute URL such as https://login.example.com/tenant")]
    NotAbsolute,
    /// Rule 2.
    #[error("an issuer has no user name, query or fragment")]
    Parts,
    /// Rule 3.
    #[error("an issuer must be https; http is for localhost, 127.0.0.0/8 and [::1] only")]
    Insecure,
}

impl IssuerUrl {
    /// Judges `text` by the rules above.
    pub fn parse(text: &str) -> Result<Self, IssuerUrlError> {
        if text.len() > MAX_LENGTH || text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(IssuerUrlError::Text);
        }
        let url = Url::parse(text).map_err(|_| IssuerUrlError::NotAbsolute)?;
        if !url.has_host() || !matches!(url.scheme(), "http" | "https") {
            return Err(IssuerUrlError::NotAbsolute);
        }
        if has_userinfo(&url) || text.contains(['?', '#']) {
            return Err(IssuerUrlError::Parts);
        }
        if !is_protected(&url) {
            return Err(IssuerUrlError::Insecure);
        }
        Ok(IssuerUrl { secure: url.scheme() == "https", text: text.to_owned(), metadata: None })
    }

    /// The same name, whose metadata are where `other` has its own: of many tenants' issuers there is one document.
    #[must_use]
    pub fn with_metadata_of(self, other: &IssuerUrl) -> Self {
        IssuerUrl { metadata: Some(other.discovery_url()), ..self }
    }

    /// As it was written, to be compared byte for byte.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is an `https` one.
    pub fn is_https(&self) -> bool {
        self.secure
    }

    /// What clients find its metadata below: the name, but of many tenants' issuers the place of their one document.
    pub fn metadata_base(&self) -> &str {
        match &self.metadata {
            Some(url) => url.strip_suffix("/.well-known/openid-configuration").unwrap_or(url),
            None => &self.text,
        }
    }

    /// Where its metadata is: a slash at the end is taken off, any path stays in front.
    pub fn discovery_url(&self) -> String {
        if let Some(url) = &self.metadata {
            return url.clone();
        }
        format!("{}/.well-known/openid-configuration", self.text.strip_suffix('/').unwrap_or(&self.text))
    }
}

impl fmt::Display for IssuerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for IssuerUrl {
    type Err = IssuerUrlError;
    fn from_str(text: &str) -> Result<Self, IssuerUrlError> {
        IssuerUrl::parse(text)
    }
}

/// Whether what is said to `url` is for its host's ears only: `https`, or this very machine.
pub(crate) fn is_protected(url: &Url) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => match url.host() {
            Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        },
        _ => false,
    }
}

pub(crate) fn has_userinfo(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_of_many_issuers_are_at_one_place() {
        let name = IssuerUrl::parse("https://login.example.com/{tenantid}/v2.0").unwrap();
        let place = IssuerUrl::parse("https://login.example.com/organizations/v2.0").unwrap();
        let url = name.with_metadata_of(&place);
        assert_eq!(url.as_str(), "https://login.example.com/{tenantid}/v2.0");
        let expected = "https://login.example.com/organizations/v2.0/.well-known/openid-configuration";
        assert_eq!(url.discovery_url(), expected);
        assert_eq!(url.metadata_base(), place.as_str());
        assert_eq!(place.metadata_base(), place.as_str());
        assert!(url.is_https());
    }

    #[test]
    fn the_text_is_kept_and_the_path_stays_before_the_well_known_part() {
        for (issuer, discovery) in [
            ("https://idp.example.com", "https://idp.example.com/.well-known/openid-configuration"),
            ("https://sts.windows.net/t/", "https://sts.windows.net/t/.well-known/openid-configuration"),
            ("https://Login.Example.com/t/v2.0", "https://Login.Example.com/t/v2.0/.well-known/openid-configuration"),
        ] {
            let parsed = IssuerUrl::parse(issuer).unwrap();
            assert_eq!(parsed.as_str(), issuer);
            assert_eq!(parsed.discovery_url(), discovery);
            assert!(parsed.is_https());
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for own in ["http://localhost:8080/t/v2.0", "http://127.0.0.1:1", "http://127.9.9.9", "http://[::1]:8080/"] {
            assert!(!IssuerUrl::parse(own).unwrap().is_https(), "{own}");
        }
        for foreign in ["http://idp.example.com", "http://localhost.example.com", "http://10.0.0.1", "http://[::2]"] {
            assert_eq!(IssuerUrl::parse(foreign), Err(IssuerUrlError::Insecure), "{foreign}");
        }
    }

    #[test]
    fn whatever_a_parser_would_mend_or_ignore_is_refused() {
        for (text, error) in [
            ("https://idp.example.com?a=b", IssuerUrlError::Parts),
            ("https://idp.example.com/?", IssuerUrlError::Parts),
            ("https://idp.example.com/#", IssuerUrlError::Parts),
            ("https://user@idp.example.com/", IssuerUrlError::Parts),
            ("https://:pw@idp.example.com/", IssuerUrlError::Parts),
            (" https://idp.example.com", IssuerUrlError::Text),
            ("https://idp.exa\tmple.com", IssuerUrlError::Text),
            ("https:\\\\idp.example.com", IssuerUrlError::Text),
            ("idp.example.com", IssuerUrlError::NotAbsolute),
            ("ftp://idp.example.com", IssuerUrlError::NotAbsolute),
            ("https://", IssuerUrlError::NotAbsolute),
            ("", IssuerUrlError::NotAbsolute),
        ] {
            assert_eq!(IssuerUrl::parse(text), Err(error), "{text}");
        }
        assert_eq!(IssuerUrl::parse(&format!("https://a/{}", "x".repeat(2048))), Err(IssuerUrlError::Text));
    }
}
