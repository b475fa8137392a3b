//! Everything that stands in front of others: sign-in, sessions, policy, forward-auth, the reverse proxy.
//!
//! [`Gate::build`] makes a gate from its part of the configuration, [`Gate::handle`] answers requests; `stack.rs` shows
//! the way of a request through it.

mod audit;
mod authentication_file;
mod authorization_server;
pub mod body;
mod build;
mod cluster;
pub mod config;
mod context;
mod decision;
mod durations;
mod endpoints;
mod exchange;
mod forward_auth;
pub mod forwarded;
mod headers;
mod health;
mod hosts;
mod leftover;
mod mcp;
mod metrics;
mod outbound;
mod pages;
mod policy;
mod proxy;
mod refusal;
mod remembered;
mod request_path;
mod rescue;
mod reserved;
mod return_target;
mod route;
mod session;
mod shared;
mod sign_in;
mod sign_out;
mod stack;
mod token_review;
pub mod trace;
mod trial;
mod userinfo;
mod wanted;

pub use authentication_file::AuthenticationFile;
pub use authorization_server::{AuthorizationServerRefusal, Refused};
pub use body::Body;
pub use build::Deps;
pub use cluster::ClusterRefusal;
pub use context::RequestContext;
pub use exchange::ExchangeRefusal;
pub use health::NotReady;
pub use hosts::Hosts;
pub use mcp::{McpRefusal, MessageId, ToolRefusal, wire as mcp_wire};
pub use metrics::Metrics;
pub use refusal::Refusal;
pub use remembered::Explanation;
pub use request_path::RequestPath;
pub use return_target::{ReturnTarget, ReturnTargetRefusal};
pub use shared::Shared;
pub use stack::{Background, Gate};
pub use token_review::{
    TokenReviewConfig, TokenReviewDeps, TokenReviewRefusal, TokenReviewServer, TokenReviewSettings,
};
pub use trial::{Trial, reasons};
