//! What a token is for: scopes, and audiences named by `resource` (RFC 8707) or `audience`.
//!
//! 1. A scope is one about the sign-in, or one that there is (`invalid_scope`).
//! 2. A `resource` is an absolute URI without a fragment, and one that there is (`invalid_target`). An `audience` is one that
//!    there is, or the name or client id of an application.
//! 3. Without either, the token is for the client itself.
//! 4. Who asks again, with a code or a refresh token, asks for no more than was granted (`invalid_scope`, `invalid_target`).

use url::Url;

use super::config::Policy;
use super::error::OAuthError;
use crate::directory::Directory;
use crate::params::Params;

const SIGN_IN: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// What was asked for, and is given.
#[derive(Clone, Debug)]
pub(super) struct Granted {
    pub(super) scopes: Vec<String>,
    /// Empty: the client itself.
    pub(super) audiences: Vec<String>,
}

impl Granted {
    pub(super) fn new(scopes: &str, audiences: Vec<String>) -> Granted {
        let mut granted = Granted { scopes: Vec::new(), audiences };
        for scope in scopes.split_ascii_whitespace() {
            if !granted.has(scope) {
                granted.scopes.push(scope.to_owned());
            }
        }
        granted
    }

    /// Rules 1 to 3.
    pub(super) fn of(params: &Params, policy: &Policy, directory: &Directory) -> Result<Granted, OAuthError> {
        let granted = Granted::new(params.get("scope").unwrap_or_default(), audiences(params, policy, directory)?);
        let known = |scope: &String| SIGN_IN.contains(&scope.as_str()) || policy.scopes.contains(scope);
        match granted.scopes.iter().find(|scope| !known(scope)) {
            None => Ok(granted),
            Some(scope) => Err(OAuthError::new("invalid_scope", format!("There is no scope '{scope}'."))),
        }
    }

    /// Rule 4.
    pub(super) fn narrowed(
        &self,
        params: &Params,
        policy: &Policy,
        directory: &Directory,
    ) -> Result<Granted, OAuthError> {
        let mut narrowed = self.clone();
        let asked = Granted::of(params, policy, directory)?;
        if !asked.scopes.is_empty() {
            if let Some(scope) = asked.scopes.iter().find(|scope| !self.scopes.contains(scope)) {
                return Err(OAuthError::new("invalid_scope", format!("The scope '{scope}' was not granted.")));
            }
            narrowed.scopes = asked.scopes;
        }
        if !asked.audiences.is_empty() {
            if let Some(other) = asked.audiences.iter().find(|audience| !self.audiences.contains(audience)) {
                return Err(OAuthError::new("invalid_target", format!("'{other}' was not granted.")));
            }
            narrowed.audiences = asked.audiences;
        }
        Ok(narrowed)
    }

    pub(super) fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|s| s == scope)
    }

    /// `scope`, in tokens and answers.
    pub(super) fn scope(&self) -> String {
        self.scopes.join(" ")
    }
}

/// Rule 2.
pub(super) fn audiences(params: &Params, policy: &Policy, directory: &Directory) -> Result<Vec<String>, OAuthError> {
    let application = |name: &str| {
        directory
            .applications
            .iter()
            .any(|a| a.id == name || a.name == name || a.identifier_uris.iter().any(|u| u == name))
    };
    let listed = |name: &str| policy.resources.iter().any(|r| r == name);
    let uri = |name: &str| Url::parse(name).is_ok_and(|url| url.fragment().is_none() && url.has_host());
    let mut found = Vec::new();
    let resources = params.all("resource").map(|name| {
        let fits = Url::parse(name).is_ok_and(|url| url.fragment().is_none());
        (name, fits && (listed(name) || application(name) || (policy.resources.is_empty() && uri(name))))
    });
    let audiences = params
        .all("audience")
        .map(|name| (name, listed(name) || application(name) || (policy.resources.is_empty() && uri(name))));
    for (name, fits) in resources.chain(audiences) {
        if !fits {
            return Err(OAuthError::new("invalid_target", format!("There is no resource '{name}'.")));
        }
        if !found.iter().any(|f| f == name) {
            found.push(name.to_owned());
        }
    }
    Ok(found)
}
