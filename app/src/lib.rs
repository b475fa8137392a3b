//! The binary `gangplank`: arguments, the configuration document, wiring, reload, telemetry, exit codes.
//!
//! It is a library beside `main.rs` so that what parses foreign input can be fuzzed.

pub mod arguments;
pub mod authority;
pub mod check;
pub mod console;
pub mod dev;
pub mod document;
pub mod environment;
pub mod exit;
pub mod explain;
pub mod idp;
pub mod keys;
pub mod serve;
pub mod signals;
pub mod telemetry;
pub mod tell;
mod tenant;
pub mod token;
pub mod token_review;
