//! A host as the configuration names it: `example.com`, or `*.example.com` for every host below it (and not itself).

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HostPattern {
    /// This host.
    Exact(String),
    /// What ends so; with its leading dot.
    Below(String),
}

impl HostPattern {
    /// Reads a name, not an address: nobody holds a certificate that says more of an address than that it answers.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        match text.strip_prefix("*.") {
            Some(rest) if is_name(rest) && rest.contains('.') => Some(HostPattern::Below(format!(".{rest}"))),
            None if is_name(&text) => Some(HostPattern::Exact(text)),
            _ => None,
        }
    }

    /// Whether it names this host, which is in lower case.
    pub(crate) fn matches(&self, host: &str) -> bool {
        match self {
            HostPattern::Exact(name) => host == name,
            HostPattern::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
        }
    }
}

fn is_name(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    let whole = !text.split('.').any(str::is_empty);
    plain && whole && matches!(url::Host::parse(text), Ok(url::Host::Domain(name)) if name == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_whole_labels() {
        for (pattern, host, good) in [
            ("example.com", "example.com", true),
            ("Example.com", "example.com", true),
            ("example.com", "a.example.com", false),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("*.example.com", "evilexample.com", false),
        ] {
            assert_eq!(HostPattern::parse(pattern).unwrap().matches(host), good, "{pattern} {host}");
        }
        for bad in ["", "*", "*.", "*.com", "a.*.com", "10.0.0.1", "[::1]", "a/b", "a:1", "https://a", "a.", "a b"] {
            assert_eq!(HostPattern::parse(bad), None, "{bad}");
        }
    }
}
