//! The only sockets: the HTTP client, TLS, listeners and their drain, file watching, the clock.
//!
//! Everything that decides takes its requests through [`Transport`](gangplank_oauth::Transport) and its time as an
//! argument; here is where both come from.

mod clock;

pub use clock::SystemClock;
