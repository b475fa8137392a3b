//! The tenant that is there without any configuration. Every id is fixed, so that documentation, tests and bookmarks
//! can name them.

use std::collections::BTreeMap;

use gangplank_oauth::config::Span;

use crate::config::{ApplicationConfig, GroupClaims, GroupConfig, RefreshReuse, TenantConfig, UserConfig};
use crate::standard::{ExchangeConfig, StandardConfig};

/// The built-in tenant's id.
pub const TENANT_ID: &str = "dca11c8d-0000-4000-8000-000000000001";
/// The built-in tenant's domain.
pub const DOMAIN: &str = "dev.test";
/// The group that the demo lets in: alice, bob and dana are in it.
pub const DEMO_GROUP_ID: &str = "c0ffee00-0000-4000-8000-000000000001";
/// The group of those who are kept out, for what that is worth: mallory is in it.
pub const OUTSIDERS_GROUP_ID: &str = "c0ffee00-0000-4000-8000-000000000002";
/// A confidential web application: the gate.
pub const WEB_APP_ID: &str = "a0000000-0000-4000-8000-000000000001";
/// An API whose access tokens have the v2 shape; `api://podinfo`.
pub const API_ID: &str = "a0000000-0000-4000-8000-000000000002";
/// An API whose access tokens have the v1 shape; `api://podinfo-v1`.
pub const API_V1_ID: &str = "a0000000-0000-4000-8000-000000000003";
/// A public client, for command lines and MSAL; `http://localhost`.
pub const PUBLIC_CLIENT_ID: &str = "a0000000-0000-4000-8000-000000000004";
/// A confidential client that calls in its own name: its service principal is in 250 groups, among them the demo group, has
/// the role Reader at both APIs, and may read all users, groups and applications at Graph.
pub const BATCH_ID: &str = "a0000000-0000-4000-8000-000000000005";
/// A confidential client in no group and without roles, for certificates
/// ([`TenantConfig::register_certificate`]) and federated credentials; it has a secret only as long as it has neither.
pub const WORKER_ID: &str = "a0000000-0000-4000-8000-000000000006";

impl TenantConfig {
    /// alice (50 groups, among them the demo group), bob (250, among them the demo group), carol (none), dana (the demo
    /// group only: her tokens are short), mallory (three, not the demo group: not allowed in); a web application, an API
    /// in both token shapes, a public client, and two applications that sign in by themselves.
    pub fn built_in() -> TenantConfig {
        TenantConfig {
            id: TENANT_ID.to_owned(),
            domain: DOMAIN.to_owned(),
            name: "Gangplank dev tenant".to_owned(),
            groups: vec![group("demo-users", DEMO_GROUP_ID), group("outsiders", OUTSIDERS_GROUP_ID)],
            users: vec![
                user("alice", "Alice Anchor", &["demo-users"], 49),
                user("bob", "Bob Bosun", &["demo-users"], 249),
                user("carol", "Carol Capstan", &[], 0),
                user("dana", "Dana Davit", &["demo-users"], 0),
                user("mallory", "Mallory Mutineer", &["outsiders"], 2),
            ],
            applications: vec![
                web_app(),
                api(API_ID, "podinfo", 2),
                api(API_V1_ID, "podinfo-v1", 1),
                public_client(),
                batch(),
                application(WORKER_ID, "Worker"),
            ],
            refresh_reuse: RefreshReuse::default(),
            access_token_lifetime: Span(std::time::Duration::from_secs(3_600)),
            id_token_lifetime: Span(std::time::Duration::from_secs(3_600)),
            refresh_token_lifetime: Span(std::time::Duration::from_secs(90 * 86_400)),
            session_lifetime: Span(std::time::Duration::from_secs(86_400)),
            control: true,
            standard: StandardConfig {
                scopes: vec!["mcp:tools".to_owned()],
                // podinfo, which was called, calls podinfo-v1; so does the demo app.
                exchanges: [API_ID, WEB_APP_ID].map(exchange).to_vec(),
                ..StandardConfig::default()
            },
        }
    }
}

/// Whoever was called with a token for it may have one for the APIs, with the scope to read.
fn exchange(client: &str) -> ExchangeConfig {
    ExchangeConfig {
        client: client.to_owned(),
        audiences: [API_ID, "api://podinfo", API_V1_ID, "api://podinfo-v1"].map(str::to_owned).to_vec(),
        from: Vec::new(),
        scopes: vec!["read".to_owned()],
    }
}

fn group(name: &str, id: &str) -> GroupConfig {
    GroupConfig { name: name.to_owned(), id: Some(id.to_owned()) }
}

fn user(username: &str, name: &str, groups: &[&str], more_groups: usize) -> UserConfig {
    UserConfig {
        username: username.to_owned(),
        name: Some(name.to_owned()),
        email: None,
        id: None,
        groups: groups.iter().map(|&g| g.to_owned()).collect(),
        more_groups,
    }
}

fn web_app() -> ApplicationConfig {
    ApplicationConfig {
        redirect_uris: ["callback", "as/dev/callback"].into_iter().flat_map(callbacks).collect(),
        requested_access_token_version: Some(2),
        scopes: vec!["access_as_user".to_owned()],
        identifier_uris: vec![format!("api://{WEB_APP_ID}")],
        roles: BTreeMap::from([("Captain".to_owned(), vec!["alice".to_owned()])]),
        ..application(WEB_APP_ID, "Demo app")
    }
}

/// Of a gate on this machine: its own, or that of its authorization server for MCP clients.
fn callbacks(path: &str) -> Vec<String> {
    let host = |scheme: &str| ["127.0.0.1", "localhost"].map(|host| format!("{scheme}://{host}/oauth2/{path}"));
    ["http", "https"].into_iter().flat_map(host).collect()
}

fn api(id: &str, name: &str, version: u8) -> ApplicationConfig {
    ApplicationConfig {
        identifier_uris: vec![format!("api://{name}")],
        scopes: vec!["access_as_user".to_owned(), "read".to_owned()],
        requested_access_token_version: Some(version),
        roles: BTreeMap::from([
            ("Reader".to_owned(), vec!["alice".to_owned(), "bob".to_owned(), BATCH_ID.to_owned()]),
            ("Writer".to_owned(), vec!["alice".to_owned()]),
        ]),
        idtyp: true,
        ..application(id, name)
    }
}

fn batch() -> ApplicationConfig {
    ApplicationConfig {
        groups: vec!["demo-users".to_owned()],
        more_groups: 249,
        graph_permissions: ["User.Read.All", "GroupMember.Read.All", "Application.Read.All"]
            .map(str::to_owned)
            .to_vec(),
        ..application(BATCH_ID, "Batch")
    }
}

fn public_client() -> ApplicationConfig {
    ApplicationConfig {
        public: true,
        redirect_uris: vec!["http://localhost".to_owned(), "http://127.0.0.1".to_owned()],
        ..application(PUBLIC_CLIENT_ID, "Command line")
    }
}

fn application(id: &str, name: &str) -> ApplicationConfig {
    ApplicationConfig {
        name: name.to_owned(),
        id: Some(id.to_owned()),
        public: false,
        secrets: Vec::new(),
        known_secrets: Vec::new(),
        redirect_uris: Vec::new(),
        identifier_uris: Vec::new(),
        scopes: Vec::new(),
        requested_access_token_version: None,
        group_membership_claims: vec![GroupClaims::SecurityGroup],
        roles: BTreeMap::new(),
        idtyp: false,
        certificates: Vec::new(),
        known_certificates: Vec::new(),
        federated_credentials: Vec::new(),
        object_id: None,
        groups: Vec::new(),
        more_groups: 0,
        graph_permissions: Vec::new(),
        consent_missing: Vec::new(),
        mfa: Vec::new(),
    }
}
