//! The document's users, groups and applications, checked; all that is wrong is reported together.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use gangplank_oauth::config::ConfigError;
use secrecy::SecretString;
use url::Url;

use crate::config::{ApplicationConfig, TenantConfig, UserConfig};
use crate::directory::{Application, Directory, Mfa, User};
use crate::{credentials, guid, random};

/// Checks a document.
pub(crate) fn register(config: &TenantConfig) -> Result<Directory, Vec<ConfigError>> {
    let mut building = Building { config, errors: Vec::new() };
    let groups = building.groups();
    let users = building.users(&groups);
    let applications = building.applications(&users, &groups);
    if building.errors.is_empty() {
        let group_names = groups.into_iter().map(|(name, id)| (id, name)).collect();
        Ok(Directory { users, applications, group_names })
    } else {
        Err(building.errors)
    }
}

/// The check in progress.
struct Building<'c> {
    config: &'c TenantConfig,
    errors: Vec<ConfigError>,
}

impl Building<'_> {
    /// Name → object id.
    fn groups(&mut self) -> BTreeMap<String, String> {
        if !guid::is_guid(&self.config.id) {
            self.refuse(
                "id",
                "not a GUID",
                "a tenant id looks like 11111111-2222-4333-8444-555555555555, in lower case",
            );
        }
        let domain = &self.config.domain;
        let odd = |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-'));
        if !domain.contains('.') || domain.contains(odd) {
            self.refuse("domain", "not a domain name", "letters in lower case, digits, hyphens and at least one dot");
        }
        let mut groups = BTreeMap::new();
        for (i, group) in self.config.groups.iter().enumerate() {
            let path = format!("groups[{i}]");
            let id = self.id(&path, group.id.as_deref(), "group", &group.name);
            if groups.insert(group.name.clone(), id).is_some() {
                self.refuse(&path, "another group has this name", "");
            }
        }
        groups
    }

    fn users(&mut self, groups: &BTreeMap<String, String>) -> Vec<Arc<User>> {
        let mut seen = HashSet::new();
        let mut users = Vec::new();
        for (i, user) in self.config.users.iter().enumerate() {
            let path = format!("users[{i}]");
            let user = self.user(&path, user, groups);
            if !seen.insert(user.username.to_ascii_lowercase()) || !seen.insert(user.id.clone()) {
                self.refuse(&path, "another user has this name or id", "");
            }
            users.push(Arc::new(user));
        }
        users
    }

    fn user(&mut self, path: &str, user: &UserConfig, groups: &BTreeMap<String, String>) -> User {
        let first = user.username.split('@').next().unwrap_or_default();
        if first.is_empty() || user.username.contains(|c: char| c.is_whitespace() || c.is_control()) {
            self.refuse(&format!("{path}.username"), "not a user name", "a name such as \"dana\" or \"dana@dev.test\"");
        }
        let username = match user.username.contains('@') {
            true => user.username.clone(),
            false => format!("{}@{}", user.username, self.config.domain),
        };
        User {
            id: self.id(path, user.id.as_deref(), "user", &username),
            name: user.name.clone().unwrap_or_else(|| first.to_owned()),
            email: user.email.clone().unwrap_or_else(|| username.clone()),
            groups: self.member_of(path, &user.groups, user.more_groups, &username, groups),
            username,
        }
    }

    /// Object ids of groups that are named, and of those that are made up for `member`.
    fn member_of(
        &mut self,
        path: &str,
        names: &[String],
        more: usize,
        member: &str,
        groups: &BTreeMap<String, String>,
    ) -> Vec<String> {
        let mut member_of = Vec::new();
        for (j, name) in names.iter().enumerate() {
            match groups.get(name) {
                Some(id) => member_of.push(id.clone()),
                None if guid::is_guid(name) => member_of.push(name.clone()),
                None => {
                    let found = format!("there is no group \"{name}\"");
                    self.refuse(&format!("{path}.groups[{j}]"), &found, "name one of [[groups]], or use an object id");
                }
            }
        }
        if more > 5_000 {
            self.refuse(&format!("{path}.more_groups"), "too many", "at most 5000");
        }
        member_of
            .extend((0..more.min(5_000)).map(|n| guid::derived(&format!("{} group {member} {n}", self.config.id))));
        member_of
    }

    fn applications(&mut self, users: &[Arc<User>], groups: &BTreeMap<String, String>) -> Vec<Arc<Application>> {
        let mut seen: HashSet<String> = users.iter().map(|user| user.id.clone()).collect();
        let mut applications = Vec::new();
        for (i, application) in self.config.applications.iter().enumerate() {
            let path = format!("applications[{i}]");
            let application = self.application(&path, application, users, groups);
            if !seen.insert(application.id.clone())
                || application.identifier_uris.iter().any(|uri| !seen.insert(uri.clone()))
            {
                self.refuse(&path, "another application has this id or identifier URI", "");
            } else if !seen.insert(application.object_id.clone()) {
                self.refuse(&format!("{path}.object_id"), "another user or application has this object id", "");
            }
            applications.push(Arc::new(application));
        }
        applications
    }

    fn application(
        &mut self,
        path: &str,
        config: &ApplicationConfig,
        users: &[Arc<User>],
        groups: &BTreeMap<String, String>,
    ) -> Application {
        if !config.secrets.is_empty() || !config.certificates.is_empty() {
            self.refuse(&format!("{path}.secrets"), "not read yet", "a defect: read_secrets comes before building");
        }
        let asserts = !config.known_certificates.is_empty() || !config.federated_credentials.is_empty();
        if config.public && !config.known_secrets.is_empty() {
            self.refuse(&format!("{path}.secrets"), "a public client has no secret", "take them away, or `public`");
        }
        if config.public && asserts {
            self.refuse(path, "a public client has no credential", "take certificates away, or `public`");
        }
        if !matches!(config.requested_access_token_version, None | Some(1 | 2)) {
            self.refuse(&format!("{path}.requested_access_token_version"), "there is no such version", "1 or 2");
        }
        for (j, uri) in config.identifier_uris.iter().enumerate() {
            if Url::parse(uri).is_err() || uri.ends_with('/') || uri.contains(char::is_whitespace) {
                self.refuse(
                    &format!("{path}.identifier_uris[{j}]"),
                    "not an identifier URI",
                    "such as \"api://podinfo\"",
                );
            }
        }
        let secrets = match config.known_secrets.is_empty() && !asserts {
            true => vec![SecretString::from(random::token())],
            false => config.known_secrets.clone(),
        };
        let id = self.client_id(path, config);
        Application {
            object_id: self.id(path, config.object_id.as_deref(), "service principal", &id),
            groups: self.member_of(path, &config.groups, config.more_groups, &id, groups),
            certificates: credentials::certificates(path, &config.known_certificates, &mut self.errors),
            federated: credentials::federated(path, &config.federated_credentials, &mut self.errors),
            graph_permissions: config.graph_permissions.clone(),
            consent_missing: config.consent_missing.clone(),
            mfa: self.mfa(path, &config.mfa, users),
            id,
            name: config.name.clone(),
            secrets: (!config.public).then_some(secrets),
            redirect_uris: self.redirect_uris(path, &config.redirect_uris),
            identifier_uris: config.identifier_uris.clone(),
            scopes: config.scopes.clone(),
            v2_access_tokens: config.requested_access_token_version == Some(2),
            groups_in_tokens: !config.group_membership_claims.is_empty(),
            idtyp: config.idtyp,
            roles: self.roles(path, &config.roles, users),
        }
    }

    fn redirect_uris(&mut self, path: &str, uris: &[String]) -> Vec<Url> {
        let mut parsed = Vec::new();
        for (j, uri) in uris.iter().enumerate() {
            match Url::parse(uri) {
                Ok(url) if url.fragment().is_none() && !matches!(url.scheme(), "javascript" | "data") => {
                    parsed.push(url)
                }
                _ => self.refuse(
                    &format!("{path}.redirect_uris[{j}]"),
                    "not a redirect URI",
                    "absolute, without a fragment",
                ),
            }
        }
        parsed
    }

    fn mfa(&mut self, path: &str, names: &[String], users: &[Arc<User>]) -> Mfa {
        if names.iter().any(|name| name == "*") {
            return Mfa::Everybody;
        }
        let mut ids = HashSet::new();
        for (j, name) in names.iter().enumerate() {
            match self.user_id(name, users) {
                Some(id) => drop(ids.insert(id)),
                None => self.refuse(
                    &format!("{path}.mfa[{j}]"),
                    &format!("there is no user \"{name}\""),
                    "a user, or \"*\"",
                ),
            }
        }
        Mfa::Only(ids)
    }

    fn roles(
        &mut self,
        path: &str,
        roles: &BTreeMap<String, Vec<String>>,
        users: &[Arc<User>],
    ) -> BTreeMap<String, HashSet<String>> {
        let mut resolved = BTreeMap::new();
        for (role, names) in roles {
            let mut ids = HashSet::new();
            for name in names {
                match self.user_id(name, users).or_else(|| self.service_principal_id(name)) {
                    Some(id) => drop(ids.insert(id)),
                    None => {
                        let found = format!("there is no user \"{name}\", and no application");
                        self.refuse(&format!("{path}.roles.{role}"), &found, "");
                    }
                }
            }
            resolved.insert(role.clone(), ids);
        }
        resolved
    }

    fn user_id(&self, name: &str, users: &[Arc<User>]) -> Option<String> {
        let full = format!("{name}@{}", self.config.domain);
        users.iter().find(|u| u.username == name || u.username == full || u.id == name).map(|user| user.id.clone())
    }

    /// Of an application by name or client id, which need not be checked yet.
    fn service_principal_id(&self, name: &str) -> Option<String> {
        let config = self.config.applications.iter().find(|a| a.name == name || self.derived_client_id(a) == name)?;
        let id = self.derived_client_id(config);
        Some(config.object_id.clone().unwrap_or_else(|| self.derived("service principal", &id)))
    }

    fn client_id(&mut self, path: &str, config: &ApplicationConfig) -> String {
        self.id(path, config.id.as_deref(), "application", &config.name)
    }

    fn derived_client_id(&self, config: &ApplicationConfig) -> String {
        config.id.clone().unwrap_or_else(|| self.derived("application", &config.name))
    }

    fn derived(&self, kind: &str, name: &str) -> String {
        guid::derived(&format!("{} {kind} {name}", self.config.id))
    }

    fn id(&mut self, path: &str, given: Option<&str>, kind: &str, name: &str) -> String {
        if given.is_some_and(|id| !guid::is_guid(id)) {
            self.refuse(&format!("{path}.id"), "not a GUID", "36 characters in lower case, or leave it out");
        }
        given.map_or_else(|| self.derived(kind, name), str::to_owned)
    }

    fn refuse(&mut self, path: &str, message: &str, help: &str) {
        self.errors.push(ConfigError::new(path, message, help));
    }
}
