//! The binary `gangplank`: arguments, the configuration document, wiring, reload, telemetry, exit codes.
//!
//! It is a library beside `main.rs` so that what parses foreign input can be fuzzed.

pub mod document;
pub mod exit;
pub mod telemetry;
