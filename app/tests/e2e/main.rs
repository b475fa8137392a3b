//! The real executable, driven over sockets. One binary, so that it is linked once.
//!
//! Each test starts its own processes on ports that the system chose, and ends them.

mod browser;
mod check;
mod dev;
mod idp;
mod process;
mod serve;
