//! Addresses as the API server's `url()` takes them: with a scheme, or a path that begins with a slash.
//!
//! Nothing is made regular: no lower case, no default port, no dots resolved.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::meter::Fault;
use super::super::value::{Entries, Key, Val};
use super::{Table, text, value, wrong};

pub(super) const TABLE: Table = &[
    ("isURL(string): bool", |_, a| Ok(Val::Bool(WebAddress::parse(text(a, 0)?).is_some()))),
    ("url(string): URL", |_, a| {
        let address = WebAddress::parse(text(a, 0)?).ok_or_else(|| Fault::failed("URL parse error"))?;
        Ok(Val::Url(Arc::new(address)))
    }),
    ("URL.getScheme(): string", |_, a| Ok(Val::text(&*url(a)?.scheme))),
    ("URL.getHost(): string", |_, a| Ok(Val::text(&*url(a)?.host))),
    ("URL.getHostname(): string", |_, a| Ok(Val::text(url(a)?.hostname_and_port().0))),
    ("URL.getPort(): string", |_, a| Ok(Val::text(url(a)?.hostname_and_port().1))),
    ("URL.getEscapedPath(): string", |_, a| Ok(Val::text(&*url(a)?.path))),
    ("URL.getQuery(): map(string, list(string))", |meter, a| {
        let url = url(a)?;
        meter.charge(url.query.len() as u64)?;
        Ok(Val::Map(Arc::new(url.query())))
    }),
];

/// What was read.
#[derive(Debug, PartialEq)]
pub(in super::super) struct WebAddress {
    scheme: String,
    user: String,
    host: String,
    /// With what has to be escaped escaped.
    path: String,
    query: String,
}

fn url(arguments: &[Val]) -> Result<&WebAddress, Fault> {
    if let Val::Url(url) = value(arguments, 0)? { Ok(url) } else { Err(wrong()) }
}

impl WebAddress {
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.bytes().any(|b| b < b' ' || b == 0x7f) {
            return None;
        }
        let (scheme, rest) = match text.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            // A colon before any slash, and no scheme before it.
            Some((before, _)) if !before.contains('/') => return None,
            _ => (String::new(), text),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        if !rest.starts_with('/') {
            // Something like mailto:x has a scheme and nothing else that could be asked for.
            return (!scheme.is_empty()).then(|| WebAddress {
                scheme,
                user: String::new(),
                host: String::new(),
                path: String::new(),
                query: query.to_owned(),
            });
        }
        let (authority, path) = match rest.strip_prefix("//") {
            Some(after) if !scheme.is_empty() => after.split_at(after.find('/').unwrap_or(after.len())),
            _ => ("", rest),
        };
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let user_ok = user.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&b));
        if !user_ok || !is_host(host) || !escapes_are_whole(path) || !escapes_are_whole(user) {
            return None;
        }
        Some(WebAddress {
            scheme,
            user: user.to_owned(),
            host: host.to_owned(),
            path: escaped(path),
            query: query.to_owned(),
        })
    }

    pub(super) fn is(text: &str) -> bool {
        Self::parse(text).is_some()
    }

    fn hostname_and_port(&self) -> (&str, &str) {
        let (host, port) = match self.host.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port),
            _ => (self.host.as_str(), ""),
        };
        (host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host), port)
    }

    /// All values of each name; pairs that cannot be read are left out.
    fn query(&self) -> Entries {
        let mut all: BTreeMap<String, Vec<Val>> = BTreeMap::new();
        for pair in self.query.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';')) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if let (Some(name), Some(value)) = (unescaped(name), unescaped(value)) {
                all.entry(name).or_default().push(Val::text(value));
            }
        }
        let of = all.into_iter().map(|(name, values)| (Key::Text(name.into()), Val::list(values))).collect();
        Entries { of, escaped: false }
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

fn is_host(host: &str) -> bool {
    let port_is_a_number = |rest: &str| match rest.strip_prefix(':') {
        Some(port) => port.bytes().all(|b| b.is_ascii_digit()),
        None => rest.is_empty(),
    };
    if let Some(literal) = host.strip_prefix('[') {
        let Some((address, rest)) = literal.split_once(']') else { return false };
        return address.bytes().all(|b| b.is_ascii_hexdigit() || b"%:.".contains(&b)) && port_is_a_number(rest);
    }
    let (name, port) = host.find(':').map_or((host, ""), |at| host.split_at(at));
    let plain = |b: u8| b.is_ascii_alphanumeric() || b >= 0x80 || b"-._~!$&'()*+,;=<>\"%".contains(&b);
    name.bytes().all(plain) && escapes_are_whole(name) && port_is_a_number(port)
}

fn escapes_are_whole(text: &str) -> bool {
    text.split('%').skip(1).all(|after| after.len() >= 2 && after.bytes().take(2).all(|b| b.is_ascii_hexdigit()))
}

fn escaped(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for octet in path.bytes() {
        if octet.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@%!'()*[]".contains(&octet) {
            escaped.push(char::from(octet));
        } else {
            escaped.push_str(&format!("%{octet:02X}"));
        }
    }
    escaped
}

/// With `+` for blanks and `%` escapes read.
fn unescaped(text: &str) -> Option<String> {
    if !escapes_are_whole(text) {
        return None;
    }
    let mut octets = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(octet) = bytes.next() {
        octets.push(match octet {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(octets).ok()
}
