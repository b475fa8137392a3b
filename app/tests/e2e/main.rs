//! The real executable, driven over sockets. One binary, so that it is linked once.
//!
//! Each test starts its own processes on ports that the system chose, and ends them.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that can't go on ends")]

mod browser;
mod certificates;
mod check;
mod dev;
mod docs;
mod flood;
mod held;
mod hostile;
mod idp;
mod keys;
mod library;
mod process;
mod reload;
mod serve;
mod session;
mod telemetry;
mod tenant_guide;
mod token_review;
mod why;
