//! Browser sessions.
