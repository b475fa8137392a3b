//! The network crate against real sockets on the loopback interface.

#[cfg(test)]
mod client_certificates;
mod drain;
#[cfg(test)]
mod http_client;
#[cfg(test)]
mod server;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod upstream;
