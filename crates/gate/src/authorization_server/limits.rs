//! How often one client address may ask for what costs something.
//!
//! 1. A minute is counted by itself. An IPv6 address counts with its /64, which is one customer's.
//! 2. At most [`MOST`] addresses are counted; in a minute with more, the rest share one count, a hundred times as large.
//! 3. The limits are far above what an office behind one address needs, and far below what hurts.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use gangplank_jose::UnixTime;

const MOST: usize = 65_536;
const MINUTE: u64 = 60;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Counted {
    /// Registrations: each costs a seal.
    Register,
    /// Authorization requests, consents and returns.
    Authorize,
    /// Requests to the token endpoint: each good one is one to the provider.
    Token,
    /// Authorization and token requests of clients whose document has to be fetched.
    Document,
}

impl Counted {
    fn limit(self) -> u32 {
        match self {
            Counted::Register => 60,
            Counted::Authorize => 120,
            Counted::Token => 600,
            Counted::Document => 30,
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Limits(Mutex<Minute>);

#[derive(Debug, Default)]
struct Minute {
    number: u64,
    counts: HashMap<(Counted, IpAddr), u32>,
    others: HashMap<Counted, u32>,
}

impl Limits {
    /// Counts a request. The error is after how many seconds to come again.
    pub(crate) fn count(&self, what: Counted, client: IpAddr, now: UnixTime) -> Result<(), u64> {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = now.as_secs() / MINUTE;
        if minute.number != number {
            *minute = Minute { number, ..Minute::default() };
        }
        let key = (what, counted_as(client));
        let full = minute.counts.len() >= MOST && !minute.counts.contains_key(&key);
        let (count, limit) = if full {
            (minute.others.entry(what).or_default(), what.limit().saturating_mul(100))
        } else {
            (minute.counts.entry(key).or_default(), what.limit())
        };
        if *count >= limit {
            return Err(MINUTE - now.as_secs() % MINUTE);
        }
        *count += 1;
        Ok(())
    }
}

fn counted_as(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: UnixTime = UnixTime::from_secs(1_800_000_045);

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_address_has_its_own_count_for_each_minute_and_kind() {
        let limits = Limits::default();
        for _ in 0..30 {
            limits.count(Counted::Document, address("192.0.2.1"), AT).unwrap();
        }
        assert_eq!(limits.count(Counted::Document, address("192.0.2.1"), AT), Err(15));
        assert_eq!(limits.count(Counted::Document, address("::ffff:192.0.2.1"), AT), Err(15));
        assert_eq!(limits.count(Counted::Document, address("192.0.2.2"), AT), Ok(()));
        assert_eq!(limits.count(Counted::Token, address("192.0.2.1"), AT), Ok(()));
        assert_eq!(limits.count(Counted::Document, address("192.0.2.1"), UnixTime::from_secs(1_800_000_060)), Ok(()));
    }

    #[test]
    fn a_whole_network_of_addresses_counts_as_one_and_memory_is_bounded() {
        let limits = Limits::default();
        for i in 0..30 {
            limits.count(Counted::Document, address(&format!("2001:db8::{i:x}")), AT).unwrap();
        }
        assert!(limits.count(Counted::Document, address("2001:db8::ffff"), AT).is_err());
        for i in 0..u32::try_from(MOST).unwrap() + 10_000 {
            let _ = limits.count(Counted::Register, IpAddr::V4(std::net::Ipv4Addr::from_bits(i)), AT);
        }
        assert!(limits.0.lock().unwrap().counts.len() <= MOST);
        assert!(limits.count(Counted::Register, address("198.51.100.1"), AT).is_err(), "the rest share a count");
    }
}
