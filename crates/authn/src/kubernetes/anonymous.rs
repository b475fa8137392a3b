//! `anonymous`: whether requests without credentials are somebody.

/// What the file says about requests without credentials. It is for the embedding to apply: a token is never anonymous.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnonymousPolicy {
    enabled: bool,
    paths: Vec<String>,
}

impl AnonymousPolicy {
    pub(super) fn new(enabled: bool, paths: Vec<String>) -> Self {
        AnonymousPolicy { enabled, paths }
    }

    /// Whether it is enabled at all.
    pub fn enabled(&self) -> bool {
        self.enabled
    }

    /// The paths that it is limited to; none: it is not.
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// Whether a request for this path may be anonymous. The path is compared as it is, octet by octet.
    pub fn allows(&self, path: &str) -> bool {
        self.enabled && (self.paths.is_empty() || self.paths.iter().any(|allowed| allowed == path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_exact_and_any_of_them_will_do() {
        let some = AnonymousPolicy::new(true, vec!["/livez".into(), "/readyz".into()]);
        assert!(some.allows("/livez") && some.allows("/readyz"));
        for path in ["/livez/", "/livez?x", "/LIVEZ", "/", "", "/livez/etcd"] {
            assert!(!some.allows(path), "{path}");
        }
        assert!(AnonymousPolicy::new(true, Vec::new()).allows("/anything"));
        assert!(!AnonymousPolicy::new(false, Vec::new()).allows("/livez"));
    }
}
