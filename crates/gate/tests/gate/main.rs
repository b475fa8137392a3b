//! The gate as a whole, with the dev tenant in the same process: requests go in, answers come out.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod advisories;
mod attacks;
mod audit;
mod chain;
mod chaos;
mod configuration;
mod exchange;
mod flood;
mod forward_auth;
mod groups;
mod leaks;
mod local;
mod provider;
mod proxy;
mod reload;
mod routes;
mod support;
mod token_review;
mod wire;
