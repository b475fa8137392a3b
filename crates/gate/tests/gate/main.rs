//! The gate as a whole, with the dev tenant in the same process: requests go in, answers come out.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod advisories;
mod attacks;
mod audit;
mod authorization_server;
mod chain;
mod chaos;
mod clusters;
mod configuration;
mod exchange;
mod flood;
mod forward_auth;
mod groups;
mod leaks;
mod local;
mod mcp_resource;
mod mcp_session;
mod mcp_tools;
mod mcp_upstream;
mod provider;
mod proxy;
mod reload;
mod routes;
mod support;
mod telemetry;
mod token_review;
mod wire;
