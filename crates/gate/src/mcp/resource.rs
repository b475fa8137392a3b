//! An MCP server as a protected resource (RFC 9728): its name, and what is published about it.
//!
//! 1. The identifier is what the configuration says, or the URL of the route as the configuration has it. No request has a part
//!    in it.
//! 2. The metadata are at the well-known place of the identifier's host, with its path behind (§3.1).
//! 3. The document is made once: who asks gets the same bytes, whoever they are.

use bytes::Bytes;
use gangplank_authn::Scope;
use serde::Serialize;
use url::Url;

/// Where metadata of protected resources are.
pub(crate) const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// What is said about a resource.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    /// The issuers at which clients get tokens, best first.
    pub(crate) authorization_servers: Vec<String>,
    /// What they should ask for.
    pub(crate) scopes: Vec<Scope>,
    /// What it is called.
    pub(crate) name: Option<String>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Resource {
    identifier: Url,
    metadata: Url,
    document: Bytes,
}

impl Resource {
    /// A resource, and all that is published about it.
    pub(crate) fn new(identifier: Url, about: &About) -> Self {
        #[derive(Serialize)]
        struct Document<'d> {
            resource: &'d str,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            authorization_servers: &'d [String],
            #[serde(skip_serializing_if = "Vec::is_empty")]
            scopes_supported: Vec<&'d str>,
            bearer_methods_supported: [&'d str; 1],
            #[serde(skip_serializing_if = "Option::is_none")]
            resource_name: Option<&'d str>,
        }
        let document = Document {
            resource: identifier.as_str(),
            authorization_servers: &about.authorization_servers,
            scopes_supported: about.scopes.iter().map(Scope::as_str).collect(),
            bearer_methods_supported: ["header"],
            resource_name: about.name.as_deref(),
        };
        let document = serde_json::to_vec(&document).unwrap_or_default().into();
        let mut metadata = identifier.clone();
        let path = identifier.path().trim_end_matches('/');
        metadata.set_path(&format!("{WELL_KNOWN}{path}"));
        Resource { identifier, metadata, document }
    }

    /// Its name, which tokens and requests for tokens may have.
    pub(crate) fn identifier(&self) -> &Url {
        &self.identifier
    }

    /// Where its metadata are.
    pub(crate) fn metadata(&self) -> &Url {
        &self.metadata
    }

    /// Its metadata.
    pub(crate) fn document(&self) -> Bytes {
        self.document.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(identifier: &str, about: &About) -> Resource {
        Resource::new(Url::parse(identifier).unwrap(), about)
    }

    #[test]
    fn metadata_are_at_the_well_known_place_with_the_path_behind() {
        for (identifier, metadata) in [
            ("https://h.test/mcp", "https://h.test/.well-known/oauth-protected-resource/mcp"),
            ("https://h.test/a/b/", "https://h.test/.well-known/oauth-protected-resource/a/b"),
            ("https://h.test", "https://h.test/.well-known/oauth-protected-resource"),
            ("https://h.test:8443/", "https://h.test:8443/.well-known/oauth-protected-resource"),
            ("https://h.test/a%20b", "https://h.test/.well-known/oauth-protected-resource/a%20b"),
        ] {
            assert_eq!(resource(identifier, &About::default()).metadata().as_str(), metadata);
        }
    }

    #[test]
    fn the_document_says_what_is_known_and_leaves_out_what_is_not() {
        let about = About {
            authorization_servers: vec!["https://login.test/t/v2.0".into()],
            scopes: vec![Scope::new("api://podinfo/read").unwrap()],
            name: Some("The \"pods\"".into()),
        };
        let expected = concat!(
            r#"{"resource":"https://h.test/mcp","authorization_servers":["https://login.test/t/v2.0"],"#,
            r#""scopes_supported":["api://podinfo/read"],"bearer_methods_supported":["header"],"#,
            r#""resource_name":"The \"pods\""}"#
        );
        assert_eq!(resource("https://h.test/mcp", &about).document(), expected);
        let bare = r#"{"resource":"https://h.test/","bearer_methods_supported":["header"]}"#;
        assert_eq!(resource("https://h.test", &About::default()).document(), bare);
    }
}
