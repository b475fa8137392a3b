//! Addresses of hosts and blocks of them.
//!
//! No zone behind an address, no IPv4 address within an IPv6 one, no leading zeros; a block may have bits set behind its
//! prefix.

use std::fmt;
use std::net::IpAddr;

use super::super::meter::Fault;
use super::super::value::Val;
use super::{Table, text, value, wrong};

pub(super) const TABLE: Table = &[
    ("isIP(string): bool", |_, a| Ok(Val::Bool(address(text(a, 0)?).is_some()))),
    ("ip(string): IP", |_, a| address(text(a, 0)?).map(Val::Ip).ok_or_else(|| Fault::failed("IP Address parse error"))),
    ("ip.isCanonical(string): bool", |_, a| {
        let written = text(a, 0)?;
        let address = address(written).ok_or_else(|| Fault::failed("IP Address parse error"))?;
        Ok(Val::Bool(address.to_string() == written))
    }),
    ("IP.family(): int", |_, a| Ok(Val::Int(if ip(a)?.is_ipv4() { 4 } else { 6 }))),
    ("IP.isUnspecified(): bool", |_, a| Ok(Val::Bool(ip(a)?.is_unspecified()))),
    ("IP.isLoopback(): bool", |_, a| Ok(Val::Bool(ip(a)?.is_loopback()))),
    ("IP.isLinkLocalMulticast(): bool", |_, a| Ok(Val::Bool(link_local_multicast(ip(a)?)))),
    ("IP.isLinkLocalUnicast(): bool", |_, a| Ok(Val::Bool(link_local_unicast(ip(a)?)))),
    ("IP.isGlobalUnicast(): bool", |_, a| {
        let ip = ip(a)?;
        let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
        let special =
            ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || link_local_unicast(ip) || broadcast;
        Ok(Val::Bool(!special))
    }),
    ("isCIDR(string): bool", |_, a| Ok(Val::Bool(Cidr::parse(text(a, 0)?).is_some()))),
    ("cidr(string): CIDR", |_, a| block(text(a, 0)?).map(Val::Cidr)),
    ("CIDR.containsIP(string): bool", |_, a| {
        let address = address(text(a, 1)?).ok_or_else(|| Fault::failed("IP Address parse error"))?;
        Ok(Val::Bool(cidr(a, 0)?.contains(address)))
    }),
    ("CIDR.containsIP(IP): bool", |_, a| match value(a, 1)? {
        Val::Ip(address) => Ok(Val::Bool(cidr(a, 0)?.contains(*address))),
        _ => Err(wrong()),
    }),
    ("CIDR.containsCIDR(string): bool", |_, a| Ok(Val::Bool(cidr(a, 0)?.contains_block(block(text(a, 1)?)?)))),
    ("CIDR.containsCIDR(CIDR): bool", |_, a| Ok(Val::Bool(cidr(a, 0)?.contains_block(cidr(a, 1)?)))),
    ("CIDR.ip(): IP", |_, a| Ok(Val::Ip(cidr(a, 0)?.address))),
    ("CIDR.masked(): CIDR", |_, a| Ok(Val::Cidr(cidr(a, 0)?.masked()))),
    ("CIDR.prefixLength(): int", |_, a| Ok(Val::Int(i64::from(cidr(a, 0)?.prefix)))),
];

/// A block of addresses, with the one it was written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Cidr {
    address: IpAddr,
    prefix: u8,
}

fn ip(arguments: &[Val]) -> Result<IpAddr, Fault> {
    if let Val::Ip(address) = value(arguments, 0)? { Ok(*address) } else { Err(wrong()) }
}

fn cidr(arguments: &[Val], at: usize) -> Result<Cidr, Fault> {
    if let Val::Cidr(block) = value(arguments, at)? { Ok(*block) } else { Err(wrong()) }
}

fn block(text: &str) -> Result<Cidr, Fault> {
    Cidr::parse(text).ok_or_else(|| Fault::failed("network address parse error"))
}

fn address(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    let mapped = matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
    (!mapped).then_some(address)
}

fn link_local_unicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.segments()[0] & 0xffc0 == 0xfe80,
    }
}

fn link_local_multicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.octets()[..3] == [224, 0, 0],
        IpAddr::V6(v6) => v6.segments()[0] & 0xff0f == 0xff02,
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl Cidr {
    fn parse(text: &str) -> Option<Self> {
        let (before, length) = text.split_once('/')?;
        let digits = length.bytes().all(|b| b.is_ascii_digit()) && (length == "0" || !length.starts_with('0'));
        let address = address(before)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = length.parse().ok().filter(|prefix| digits && *prefix <= most)?;
        Some(Cidr { address, prefix })
    }

    fn mask(self) -> u128 {
        u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or_default()
    }

    fn contains(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && (bits(self.address) ^ bits(address)) & self.mask() == 0
    }

    fn contains_block(self, inner: Cidr) -> bool {
        self.prefix <= inner.prefix && self.contains(inner.address)
    }

    fn masked(self) -> Cidr {
        let bits = bits(self.address) & self.mask();
        let address = match self.address {
            IpAddr::V4(_) => IpAddr::V4(((bits >> 96) as u32).into()),
            IpAddr::V6(_) => IpAddr::V6(bits.into()),
        };
        Cidr { address, ..self }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}
