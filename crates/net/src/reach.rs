//! Whom a client may dial. A document whose address a stranger chooses is fetched from public addresses only: else the
//! stranger would ask, from inside, what only the inside may ask (server-side request forgery).
//!
//! 1. The judgement is about the addresses that a name resolves to, in the look-up that the connection is made from: a name
//!    that resolves to something else a moment later (DNS rebinding) changes nothing. Addresses that are not public are left
//!    out; if none remains, there is no connection.
//! 2. A host that is an address itself is judged likewise.
//! 3. Public is what the registries of special-purpose addresses (RFC 6890) do not except: not loopback, private,
//!    link-local, unique-local, carrier-grade NAT, documentation, benchmarking, multicast, reserved, nor a form of IPv6 that
//!    leads to any of these (IPv4-mapped, NAT64; 6to4 and Teredo never). The address of Azure's platform, 168.63.129.16,
//!    is not public whatever its range.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Whatever the name resolves to: the configuration names the host.
    #[default]
    Anywhere,
    /// Public addresses.
    Public,
}

impl Reach {
    fn admits(self, address: IpAddr) -> bool {
        match self {
            Reach::Anywhere => true,
            Reach::Public => is_public(address),
        }
    }

    /// Rule 2. The connector asks no resolver for these.
    pub(crate) fn admits_host(self, to: &Uri) -> bool {
        let host = to.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        host.parse().map_or(true, |address| self.admits(address))
    }
}

/// The system's resolver, which tells of addresses within reach only.
#[derive(Clone, Debug)]
pub(crate) struct Resolver {
    system: GaiResolver,
    reach: Reach,
}

impl Resolver {
    pub(crate) fn new(reach: Reach) -> Self {
        Resolver { system: GaiResolver::new(), reach }
    }
}

impl tower_service::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.system.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (found, reach) = (self.system.call(name), self.reach);
        Box::pin(async move {
            let admitted: Vec<SocketAddr> = found.await?.filter(|address| reach.admits(address.ip())).collect();
            if admitted.is_empty() {
                return Err(not_public());
            }
            Ok(admitted.into_iter())
        })
    }
}

/// What is said of a host without a public address. It does not say which addresses it has: that would be an answer, too.
pub(crate) fn not_public() -> std::io::Error {
    std::io::Error::other("the host has no public address")
}

/// Rule 3.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = matches!(
        (a, b, c),
        (0 | 10 | 127, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (198, 18..=19, _)
            | (198, 51, 100)
            | (203, 0, 113)
            | (224..=255, _, _)
    );
    !special && address != Ipv4Addr::new(168, 63, 129, 16)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    if segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        let [.., a, b, c, d] = address.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    let global_unicast = segments[0] & 0xe000 == 0x2000;
    let special = matches!(
        (segments[0], segments[1]),
        (0x2001, 0..=0x01ff) | (0x2001, 0x0db8) | (0x2002, _) | (0x3fff, 0..=0x0fff)
    );
    global_unicast && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_not_public_however_they_are_written() {
        for (address, public) in [
            ("8.8.8.8", true),
            ("100.63.255.255", true),
            ("100.128.0.1", true),
            ("172.15.0.1", true),
            ("172.32.0.1", true),
            ("192.0.1.1", true),
            ("223.255.255.255", true),
            ("2606:4700::1111", true),
            ("::ffff:8.8.8.8", true),
            ("64:ff9b::808:808", true),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("127.255.255.254", false),
            ("169.254.169.254", false),
            ("168.63.129.16", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.168.0.1", false),
            ("192.0.0.192", false),
            ("192.0.2.1", false),
            ("198.19.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("::127.0.0.1", false),
            ("::ffff:169.254.169.254", false),
            ("64:ff9b::a9fe:a9fe", false),
            ("64:ff9b:1::8.8.8.8", false),
            ("2002:7f00:1::", false),
            ("2001:0:4136:e378::1", false),
            ("2001:db8::1", false),
            ("fc00::1", false),
            ("fd00:ec2::254", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(Reach::Public.admits(address.parse().unwrap()), public, "{address}");
            assert!(Reach::Anywhere.admits(address.parse().unwrap()));
        }
    }

    #[test]
    fn a_host_that_is_an_address_is_judged_without_a_look_up() {
        for (uri, admitted) in [
            ("http://127.0.0.1/", false),
            ("http://[::1]:80/", false),
            ("http://[::ffff:10.0.0.1]/", false),
            ("http://8.8.8.8/", true),
            ("http://localhost/", true),
        ] {
            assert_eq!(Reach::Public.admits_host(&uri.parse().unwrap()), admitted, "{uri}");
        }
    }
}
