//! An offline Entra-like tenant: a pure `handle(request, now) → reply` for development and tests.
//!
//! It binds nothing and reads no clock; the binary gives it sockets, tests call it directly ([`InProcess`]). Where
//! Microsoft's client libraries look, it looks like Entra ID; where Entra ID is lenient in ways that hide mistakes
//! (refresh tokens used twice), it is strict unless told otherwise. Beside it, at `/standard`, the same people have a server
//! that does what the RFCs say, as Keycloak and its like.

mod app_only;
mod assertion;
mod authorize;
mod bounded;
mod built_in;
mod certificate;
mod claims;
mod client;
mod codes;
mod config;
mod control;
mod credentials;
mod device;
mod directory;
mod discovery;
mod errors;
mod faults;
mod graph;
mod graph_access;
mod guid;
mod in_process;
mod keys;
mod logout;
mod mint;
mod on_behalf_of;
mod pages;
mod params;
mod password;
mod random;
mod refresh;
mod registration;
mod reply;
mod route;
mod scopes;
mod sessions;
mod standard;
mod state;
mod step_up;
mod target;
mod tenant;
mod tls;
mod token;

pub use built_in::{
    API_ID, API_V1_ID, BATCH_ID, DEMO_GROUP_ID, DOMAIN, OUTSIDERS_GROUP_ID, PUBLIC_CLIENT_ID, TENANT_ID, WEB_APP_ID,
    WORKER_ID,
};
pub use certificate::{CertificateKey, ClientCertificate};
pub use claims::MOST_GROUPS;
pub use client::ShownCertificate;
pub use config::{
    ApplicationConfig, FederatedCredentialConfig, GroupClaims, GroupConfig, RefreshReuse, TenantConfig, UserConfig,
};
pub use faults::{Counts, Endpoint, Face, Fault, FaultKind};
pub use in_process::InProcess;
pub use keys::Rotation;
pub use mint::MintError;
pub use reply::Reply;
pub use scopes::GRAPH_ID;
pub use standard::{ExchangeConfig, StandardConfig};
pub use tenant::Tenant;
pub use tls::{CertificateError, DevCa};
