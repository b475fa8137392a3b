//! Users, groups and applications, checked once and looked up by every name they have.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use gangplank_oauth::config::ConfigError;
use secrecy::SecretString;
use url::Url;

use crate::certificate::Certificate;
use crate::config::TenantConfig;
use crate::credentials::Federated;
use crate::registration;

/// A user.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) groups: Vec<String>,
}

/// An application registration.
#[derive(Debug)]
pub(crate) struct Application {
    pub(crate) id: String,
    pub(crate) name: String,
    /// None: a public client.
    pub(crate) secrets: Option<Vec<SecretString>>,
    pub(crate) redirect_uris: Vec<Url>,
    pub(crate) identifier_uris: Vec<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) v2_access_tokens: bool,
    pub(crate) groups_in_tokens: bool,
    pub(crate) idtyp: bool,
    /// Role → object ids of the users and service principals that have it.
    pub(crate) roles: BTreeMap<String, HashSet<String>>,
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) federated: Vec<Federated>,
    /// Of its service principal.
    pub(crate) object_id: String,
    /// Of its service principal.
    pub(crate) groups: Vec<String>,
    pub(crate) graph_permissions: Vec<String>,
    /// Resources by name.
    pub(crate) consent_missing: Vec<String>,
    pub(crate) mfa: Mfa,
}

/// Who has to bring a second factor.
#[derive(Debug)]
pub(crate) enum Mfa {
    Everybody,
    /// By object id; most often nobody.
    Only(HashSet<String>),
}

/// Everyone and everything that is registered.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) users: Vec<Arc<User>>,
    pub(crate) applications: Vec<Arc<Application>>,
    /// Object id → name, for the groups that have one.
    pub(crate) group_names: BTreeMap<String, String>,
}

impl Directory {
    /// Checks the document.
    pub(crate) fn build(config: &TenantConfig) -> Result<Directory, Vec<ConfigError>> {
        registration::register(config)
    }

    /// By user principal name (any case), its first part in this tenant, or object id.
    pub(crate) fn user(&self, name: &str) -> Option<&Arc<User>> {
        self.users.iter().find(|u| {
            u.id == name
                || u.username.eq_ignore_ascii_case(name)
                || u.username.split('@').next().is_some_and(|first| first.eq_ignore_ascii_case(name))
        })
    }

    /// By client id.
    pub(crate) fn application(&self, client_id: &str) -> Option<&Arc<Application>> {
        self.applications.iter().find(|a| a.id == client_id)
    }

    /// By the object id of its service principal.
    pub(crate) fn service_principal(&self, object_id: &str) -> Option<&Arc<Application>> {
        self.applications.iter().find(|a| a.object_id == object_id)
    }
}

impl Application {
    /// The roles of a user or service principal, by object id.
    pub(crate) fn roles_of(&self, object_id: &str) -> Vec<&str> {
        self.roles.iter().filter(|(_, members)| members.contains(object_id)).map(|(role, _)| role.as_str()).collect()
    }

    /// Whether a user gets a token for this application only after a second factor.
    pub(crate) fn demands_mfa_of(&self, user: &User) -> bool {
        match &self.mfa {
            Mfa::Everybody => true,
            Mfa::Only(users) => users.contains(&user.id),
        }
    }

    /// Where codes are sent that are to go to `text`: nowhere, unless it is registered, and as written. What a parser has to
    /// tidy up first is another URI.
    pub(crate) fn redirect_to(&self, text: &str) -> Option<Url> {
        let tidy = |url: &Url| url.as_str() == text || url.as_str().strip_suffix('/') == Some(text);
        Url::parse(text).ok().filter(|url| tidy(url) && self.may_redirect_to(url))
    }

    /// Whether codes may be sent to `uri`: exactly as registered, but for the port of a loopback address
    /// (RFC 8252 §7.3).
    pub(crate) fn may_redirect_to(&self, uri: &Url) -> bool {
        self.redirect_uris.iter().any(|registered| registered == uri || same_but_for_loopback_port(registered, uri))
    }

    /// Whether a signed-out browser may be sent to `uri`: as for codes, or anywhere on the origin of such a URI.
    pub(crate) fn may_return_to(&self, uri: &Url) -> bool {
        let root = |url: &Url| {
            let mut root = url.clone();
            root.set_path("/");
            root.set_query(None);
            root
        };
        matches!(uri.scheme(), "http" | "https")
            && uri.fragment().is_none()
            && self.redirect_uris.iter().map(root).any(|r| r == root(uri) || same_but_for_loopback_port(&r, &root(uri)))
    }
}

fn same_but_for_loopback_port(registered: &Url, uri: &Url) -> bool {
    let loopback = matches!(registered.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let mut uri = uri.clone();
    loopback && uri.set_port(registered.port()).is_ok() && uri == *registered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn the_built_in_set_has_the_promised_users() {
        let directory = Directory::build(&TenantConfig::built_in()).unwrap();
        let groups = |name: &str| directory.user(name).unwrap().groups.clone();
        assert_eq!(["alice", "bob", "carol", "dana", "mallory"].map(|n| groups(n).len()), [50, 250, 0, 1, 3]);
        let demo = |name: &str| groups(name).iter().any(|g| g == crate::DEMO_GROUP_ID);
        assert_eq!(["alice", "bob", "carol", "dana", "mallory"].map(demo), [true, true, false, true, false]);
        assert!(groups("bob").iter().collect::<HashSet<_>>().len() == 250);
    }

    #[test]
    fn redirects_are_exact_but_for_the_loopback_port() {
        let directory = Directory::build(&TenantConfig::built_in()).unwrap();
        let app = directory.application(crate::WEB_APP_ID).unwrap();
        assert!(app.may_redirect_to(&url("http://127.0.0.1:4180/oauth2/callback")));
        for bad in [
            "http://127.0.0.1:4180/oauth2/callback/",
            "http://127.0.0.1:4180/oauth2/callback?x=1",
            "http://127.0.0.2:4180/oauth2/callback",
            "http://user@127.0.0.1/oauth2/callback",
            "http://example.com/oauth2/callback",
        ] {
            assert!(!app.may_redirect_to(&url(bad)), "{bad}");
        }
        assert!(app.may_return_to(&url("http://127.0.0.1:4180/oauth2/signed_out")));
        assert!(!app.may_return_to(&url("http://example.com/")));
    }

    #[test]
    fn every_mistake_is_reported() {
        let mut config = TenantConfig::built_in();
        config.id = "X".to_owned();
        config.users[0].groups.push("nobody".to_owned());
        config.applications[0].redirect_uris.push("/relative".to_owned());
        config.applications[1].id = Some(crate::WEB_APP_ID.to_owned());
        let paths: Vec<_> = Directory::build(&config).unwrap_err().into_iter().map(|e| e.path).collect();
        assert_eq!(paths, ["id", "users[0].groups[1]", "applications[0].redirect_uris[8]", "applications[1]"]);
    }
}
