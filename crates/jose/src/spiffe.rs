//! SPIFFE IDs (SPIFFE-ID §2), as the subject of a JWT-SVID and the URI of an X.509-SVID name workloads:
//!
//! 1. At most 2048 octets, `spiffe://`, a trust domain, and a path or none. No query, fragment, user or port.
//! 2. The trust domain: 1 to 255 of `a-z 0-9 . - _`. Capitals are refused, not folded.
//! 3. The path: segments of `a-z A-Z 0-9 . - _` after a `/` each; none is empty, `.` or `..`, so no two spellings of a path
//!    mean the same workload.

/// A SPIFFE ID, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpiffeId<'a> {
    id: &'a str,
    path: usize,
}

impl<'a> SpiffeId<'a> {
    /// The longest ID.
    pub const MAX_OCTETS: usize = 2048;

    /// Takes an ID apart, or says that it is none.
    pub fn parse(id: &'a str) -> Option<Self> {
        let rest = id.strip_prefix(SCHEME).filter(|_| id.len() <= Self::MAX_OCTETS)?;
        let path = SCHEME.len() + rest.find('/').unwrap_or(rest.len());
        let parsed = SpiffeId { id, path };
        let domain = parsed.trust_domain();
        let named = (1..=255).contains(&domain.len()) && domain.bytes().all(|b| !b.is_ascii_uppercase() && fits(b));
        (named && parsed.path().split('/').skip(1).all(is_segment)).then_some(parsed)
    }

    /// The name of the trust domain: `example.org`.
    pub fn trust_domain(&self) -> &'a str {
        &self.id[SCHEME.len()..self.path]
    }

    /// The ID of the trust domain: `spiffe://example.org`.
    pub fn trust_domain_id(&self) -> &'a str {
        &self.id[..self.path]
    }

    /// The path with its slash. The ID of a trust domain itself has none (`""`), and names no workload.
    pub fn path(&self) -> &'a str {
        &self.id[self.path..]
    }

    /// The whole.
    pub fn as_str(&self) -> &'a str {
        self.id
    }
}

const SCHEME: &str = "spiffe://";

fn is_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..") && segment.bytes().all(fits)
}

fn fits(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_ids_apart() {
        for (id, domain, path) in [
            ("spiffe://example.org/ns/shop/sa/cart", "example.org", "/ns/shop/sa/cart"),
            ("spiffe://example.org", "example.org", ""),
            ("spiffe://a_b-1/A.B_c-9/...", "a_b-1", "/A.B_c-9/..."),
        ] {
            let parsed = SpiffeId::parse(id).unwrap();
            assert_eq!((parsed.trust_domain(), parsed.path(), parsed.as_str()), (domain, path, id));
            assert_eq!(parsed.trust_domain_id(), format!("spiffe://{domain}"));
        }
        assert!(SpiffeId::parse(&format!("spiffe://{}", "a".repeat(255))).is_some());
        assert!(SpiffeId::parse(&format!("spiffe://a/{}", "b".repeat(2037))).is_some());
    }

    #[test]
    fn nothing_else_is_an_id() {
        for id in [
            "",
            "spiffe://",
            "spiffe:///path",
            "SPIFFE://example.org/a",
            "https://example.org/a",
            "spiffe://Example.org/a",
            "spiffe://example.org/",
            "spiffe://example.org/a/",
            "spiffe://example.org//a",
            "spiffe://example.org/./a",
            "spiffe://example.org/../a",
            "spiffe://example.org:8443/a",
            "spiffe://user@example.org/a",
            "spiffe://example.org/a?b",
            "spiffe://example.org?b",
            "spiffe://example.org/a#b",
            "spiffe://example.org/%61",
            "spiffe://example.org/é",
            "spiffe://exämple.org/a",
            "spiffe://example.org/a\n",
            " spiffe://example.org/a",
        ] {
            assert_eq!(SpiffeId::parse(id), None, "{id:?}");
        }
        assert_eq!(SpiffeId::parse(&format!("spiffe://{}", "a".repeat(256))), None);
        assert_eq!(SpiffeId::parse(&format!("spiffe://a/{}", "b".repeat(2038))), None);
    }
}
