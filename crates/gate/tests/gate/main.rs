//! The gate as a whole, with the dev tenant in the same process: requests go in, answers come out.

mod advisories;
mod configuration;
mod forward_auth;
mod leaks;
mod provider;
mod proxy;
mod routes;
mod support;
