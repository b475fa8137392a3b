//! The process's environment. It is read here and nowhere else.

/// A variable's value, if it is set and is text.
#[expect(clippy::disallowed_methods, reason = "this is the edge where the environment is read")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
