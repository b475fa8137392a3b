//! Taking an address.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket};

/// Connections that the kernel holds for us between two accepts.
const BACKLOG: u32 = 1024;

/// After this much silence the system asks whether the other end is still there, and then again: a tunnel or an event
/// stream whose client has lost its power would else keep its place among the connections for ever.
const KEEPALIVE: Duration = Duration::from_secs(60);
const PROBE: Duration = Duration::from_secs(15);

/// An address that could not be taken.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {cause}")]
pub struct BindError {
    /// The address asked for.
    pub address: SocketAddr,
    /// What the system said.
    #[source]
    pub cause: io::Error,
}

/// Listens on `address`. Port 0 takes a free one: `local_addr` of the listener says which.
///
/// `SO_REUSEADDR` is set, so that a restart does not have to wait for the connections of the process before it.
///
/// # Errors
/// The address is taken, not ours, or not permitted.
pub fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    listen(address).map_err(|cause| BindError { address, cause })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    // What is accepted inherits it.
    let probes = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(PROBE);
    SockRef::from(&socket).set_tcp_keepalive(&probes)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn port_zero_is_resolved_and_a_taken_port_is_named() {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        assert_ne!(address.port(), 0);
        let refused = bind(address).unwrap_err();
        assert_eq!(refused.address, address);
        assert_eq!(refused.cause.kind(), io::ErrorKind::AddrInUse);
    }

    #[tokio::test]
    async fn a_client_that_is_gone_is_noticed() {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let _client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let socket = SockRef::from(&accepted);
        assert!(socket.keepalive().unwrap());
        assert_eq!(
            (socket.tcp_keepalive_time().unwrap(), socket.tcp_keepalive_interval().unwrap()),
            (KEEPALIVE, PROBE)
        );
    }
}
