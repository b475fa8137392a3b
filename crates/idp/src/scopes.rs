//! Scopes: which resource a token is for, and what it may do there.
//!
//! 1. `openid`, `profile`, `email` and `offline_access` are about the sign-in, not about a resource.
//! 2. `<identifier URI>/name` and `<client id>/name` belong to that application; `<graph>/name`,
//!    `https://graph.microsoft.com/name` and a bare `name` to Graph.
//! 3. All belong to one resource (AADSTS28000), which exists (500011) and exposes the scope (650053).
//! 4. `.default` stands for all scopes of the resource.
//! 5. Without a resource the access token is for Graph.

use std::sync::Arc;

use crate::directory::{Application, Directory};
use crate::errors::{self, AuthError};

/// The application id of Microsoft Graph, the same in every tenant.
pub const GRAPH_ID: &str = "00000003-0000-0000-c000-000000000000";

const GRAPH_URL: &str = "https://graph.microsoft.com";
const GRAPH_SCOPES: &[&str] = &[
    "User.Read",
    "User.ReadBasic.All",
    "User.Read.All",
    "GroupMember.Read.All",
    "Group.Read.All",
    "Directory.Read.All",
    "Application.Read.All",
];

/// What a token is for.
#[derive(Clone, Debug)]
pub(crate) enum Resource {
    /// Microsoft Graph's stand-in.
    Graph,
    /// A registered application.
    Application(Arc<Application>),
}

impl Resource {
    /// Its client id.
    pub(crate) fn id(&self) -> &str {
        match self {
            Resource::Graph => GRAPH_ID,
            Resource::Application(application) => &application.id,
        }
    }
}

/// What was asked for, and is given: there is no consent to withhold.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    pub(crate) openid: bool,
    pub(crate) profile: bool,
    pub(crate) email: bool,
    pub(crate) offline_access: bool,
    pub(crate) resource: Resource,
    /// The resource as the caller named it: the audience of a v1 token.
    pub(crate) audience: String,
    /// The resource's scopes, without prefix.
    pub(crate) names: Vec<String>,
}

impl Granted {
    /// Rules 1 to 5. `graph` is this tenant's own Graph root.
    pub(crate) fn resolve(text: &str, directory: &Directory, graph: &str) -> Result<Granted, AuthError> {
        let mut granted = Granted {
            openid: false,
            profile: false,
            email: false,
            offline_access: false,
            resource: Resource::Graph,
            audience: GRAPH_ID.to_owned(),
            names: Vec::new(),
        };
        let mut resource: Option<(Resource, String)> = None;
        for scope in text.split_ascii_whitespace() {
            match scope {
                "openid" => granted.openid = true,
                "profile" => granted.profile = true,
                "email" => granted.email = true,
                "offline_access" => granted.offline_access = true,
                _ => {
                    let (found, audience, name) = find_resource(scope, directory, graph)?;
                    match &resource {
                        Some((first, _)) if first.id() != found.id() => return Err(several_resources(text)),
                        Some(_) => {}
                        None => resource = Some((found.clone(), audience)),
                    }
                    granted.add(&found, name)?;
                }
            }
        }
        if let Some((resource, audience)) = resource {
            (granted.resource, granted.audience) = (resource, audience);
        }
        Ok(granted)
    }

    fn add(&mut self, resource: &Resource, name: &str) -> Result<(), AuthError> {
        let exposed: Vec<&str> = match resource {
            Resource::Graph => GRAPH_SCOPES.to_vec(),
            Resource::Application(application) => application.scopes.iter().map(String::as_str).collect(),
        };
        let wanted = match (name, resource) {
            (".default", Resource::Graph) => vec!["User.Read"],
            (".default", Resource::Application(_)) => exposed,
            _ if exposed.contains(&name) => vec![name],
            _ => {
                let message = format!("The application asked for scope '{name}' that doesn't exist on the resource.");
                return Err(errors::SCOPE_UNKNOWN.because(message));
            }
        };
        for name in wanted {
            if !self.names.iter().any(|n| n == name) {
                self.names.push(name.to_owned());
            }
        }
        Ok(())
    }

    /// With what an earlier request of the same sign-in asked about the sign-in itself: MSAL does not repeat that.
    pub(crate) fn with_sign_in_of(mut self, first: &Granted) -> Granted {
        self.openid |= first.openid;
        self.profile |= first.profile;
        self.email |= first.email;
        self.offline_access |= first.offline_access;
        self
    }

    /// Whether `resource` names what the scopes are of: nothing else may (AADSTS9010010).
    pub(crate) fn is_for(&self, resource: &str) -> Result<(), AuthError> {
        if resource.trim_end_matches('/') == self.audience {
            return Ok(());
        }
        Err(errors::RESOURCE_WITH_SCOPES
            .because("The resource parameter provided in the request doesn't match with the requested scopes."))
    }

    /// `scp`. Graph's also names the scopes of the sign-in.
    pub(crate) fn scp(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        if matches!(self.resource, Resource::Graph) {
            names.extend(self.sign_in_scopes());
        }
        names.extend(self.names.iter().map(String::as_str));
        names.join(" ")
    }

    /// `scope` of the token response: what was given, as a client would ask for it.
    pub(crate) fn response_scope(&self) -> String {
        let mut names: Vec<String> = self.sign_in_scopes().into_iter().map(str::to_owned).collect();
        let prefix = match (&self.resource, self.audience.as_str()) {
            (Resource::Graph, GRAPH_ID) => String::new(),
            (_, audience) => format!("{audience}/"),
        };
        names.extend(self.names.iter().map(|name| format!("{prefix}{name}")));
        names.join(" ")
    }

    fn sign_in_scopes(&self) -> Vec<&'static str> {
        let flags = [(self.openid, "openid"), (self.profile, "profile"), (self.email, "email")];
        flags.into_iter().filter(|(given, _)| *given).map(|(_, name)| name).collect()
    }
}

/// A resource by identifier URI, client id, or one of Graph's names.
pub(crate) fn resource(name: &str, directory: &Directory, graph: &str) -> Option<Resource> {
    if name == GRAPH_ID || name == GRAPH_URL || name == graph {
        return Some(Resource::Graph);
    }
    let owns = |a: &&Arc<Application>| a.id == name || a.identifier_uris.iter().any(|uri| uri == name);
    directory.applications.iter().find(owns).map(|a| Resource::Application(Arc::clone(a)))
}

fn find_resource<'s>(
    scope: &'s str,
    directory: &Directory,
    graph: &str,
) -> Result<(Resource, String, &'s str), AuthError> {
    let (prefix, name) = match scope.rsplit_once('/') {
        Some(split) => split,
        None => (GRAPH_ID, scope),
    };
    if name.is_empty() || scope.bytes().any(|b| !(0x21..=0x7e).contains(&b) || matches!(b, b'"' | b'\\')) {
        return Err(errors::SCOPE_INVALID.because("The provided value for the input parameter 'scope' is not valid."));
    }
    let found = resource(prefix, directory, graph).ok_or_else(|| {
        errors::RESOURCE_UNKNOWN.because(format!("The resource principal named {prefix} was not found in the tenant."))
    })?;
    Ok((found, prefix.to_owned(), name))
}

fn several_resources(scope: &str) -> AuthError {
    errors::SEVERAL_RESOURCES.because(format!(
        "Provided value for the input parameter scope is not valid because it contains more than one resource. Scope {scope} is not valid."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TenantConfig;

    fn resolve(text: &str) -> Result<Granted, u32> {
        let directory = Directory::build(&TenantConfig::built_in()).unwrap();
        Granted::resolve(text, &directory, "http://idp/graph").map_err(|e| e.kind.code)
    }

    #[test]
    fn prefixes_choose_the_resource() {
        for (scope, audience, scp) in [
            ("openid User.Read", GRAPH_ID, "openid User.Read"),
            ("http://idp/graph/User.Read", "http://idp/graph", "User.Read"),
            ("https://graph.microsoft.com/.default", "https://graph.microsoft.com", "User.Read"),
            ("openid api://podinfo/read", "api://podinfo", "read"),
            ("api://podinfo/.default", "api://podinfo", "access_as_user read"),
            ("openid profile", GRAPH_ID, "openid profile"),
        ] {
            let granted = resolve(scope).unwrap();
            assert_eq!((granted.audience.as_str(), granted.scp().as_str()), (audience, scp), "{scope}");
        }
        assert_eq!(
            resolve("openid offline_access api://podinfo/read").unwrap().response_scope(),
            "openid api://podinfo/read"
        );
        assert_eq!(resolve(&format!("{}/.default", crate::API_ID)).unwrap().audience, crate::API_ID);
    }

    #[test]
    fn what_does_not_exist_or_mix_is_refused() {
        assert_eq!(resolve("api://podinfo/read User.Read").unwrap_err(), 28000);
        assert_eq!(resolve("api://nobody/read").unwrap_err(), 500011);
        assert_eq!(resolve("api://podinfo/fly").unwrap_err(), 650053);
        assert_eq!(resolve("api://podinfo/").unwrap_err(), 70011);
    }
}
