//! What is said to a person at a terminal: results on standard output, complaints on standard error.
//!
//! A reader that went away (`gangplank check | head`) is no error.

use std::io::{IsTerminal, Write};

use crate::environment;

/// Says a result.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Complains.
pub fn complain(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Whether complaints may be coloured: a person looks at them, and has not asked for plain text
/// (<https://no-color.org>).
pub fn colour() -> bool {
    std::io::stderr().is_terminal() && environment::variable("NO_COLOR").is_none_or(|v| v.is_empty())
}
