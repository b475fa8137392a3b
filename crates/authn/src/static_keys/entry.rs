//! One line of a file of keys.
//!
//! ```text
//! KEY-ID:SHA256-HEX
//! KEY-ID:SHA256-HEX; user=NAME; groups=A,B; roles=A; scopes=A; tenant=NAME; expires=2027-01-01T00:00:00Z
//! ```
//!
//! 1. Before the first colon the id: 1 to 128 printable ASCII characters without blanks, colons and semicolons. It is
//!    public: it stands in logs.
//! 2. Then 64 hexadecimal digits, in either case: the SHA-256 of the key. That of the empty string is refused.
//! 3. Then attributes, each after a semicolon, `NAME=VALUE`, in any order, each at most once, none empty. Blanks around
//!    names, values and members of lists do not count. A value can't hold a semicolon, a member of a list no comma.
//! 4. Without `user` the id is the user name. Names and groups that Kubernetes reserves for itself (`system:…`) are
//!    refused.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use gangplank_jose::UnixTime;

use super::key::KeyDigest;
use crate::mapping::{RESERVED, usable};

/// A key: what is kept of it, and who presents it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyEntry {
    /// Its public name.
    pub id: String,
    /// The SHA-256 of the key.
    pub digest: KeyDigest,
    /// The user name; without it the id.
    pub user: Option<String>,
    /// Groups.
    pub groups: Vec<String>,
    /// Application roles.
    pub roles: Vec<String>,
    /// Scopes.
    pub scopes: Vec<String>,
    /// The tenant.
    pub tenant: Option<String>,
    /// When it is no longer accepted.
    pub expires: Option<UnixTime>,
}

/// What is wrong with a line, without anything that stands in it but names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyLineError(String);

fn wrong<T>(problem: impl Into<String>) -> Result<T, KeyLineError> {
    Err(KeyLineError(problem.into()))
}

const ATTRIBUTES: &str = "user, groups, roles, scopes, tenant, expires";
const MAX_ID: usize = 128;
const MAX_MEMBERS: usize = 1_000;

impl KeyEntry {
    /// An entry with this id.
    ///
    /// # Errors
    /// It can't be an id.
    pub fn new(id: &str, digest: KeyDigest) -> Result<Self, KeyLineError> {
        let fit = |b: u8| b.is_ascii_graphic() && !matches!(b, b':' | b';');
        if id.is_empty() || id.len() > MAX_ID || id.starts_with('#') || !id.bytes().all(fit) {
            return wrong("the key id must be 1 to 128 printable ASCII characters without blanks, : and ;");
        }
        Ok(KeyEntry { id: id.to_owned(), digest, ..KeyEntry::default() })
    }

    /// Sets one attribute, as the file writes it.
    ///
    /// # Errors
    /// There is no such attribute, it was set already, or the value can't be one.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), KeyLineError> {
        let set_already = match name {
            "user" => self.user.replace(one(name, value)?).is_some(),
            "tenant" => self.tenant.replace(one(name, value)?).is_some(),
            "groups" => !std::mem::replace(&mut self.groups, list(name, value)?).is_empty(),
            "roles" => !std::mem::replace(&mut self.roles, list(name, value)?).is_empty(),
            "scopes" => !std::mem::replace(&mut self.scopes, list(name, value)?).is_empty(),
            "expires" => {
                let time = value.parse().map_err(|e| KeyLineError(format!("expires {e}")))?;
                self.expires.replace(time).is_some()
            }
            _ => return wrong(format!("there is an attribute that is none of {ATTRIBUTES}")),
        };
        if set_already { wrong(format!("{name} is there twice")) } else { Ok(()) }
    }
}

fn one(name: &str, value: &str) -> Result<String, KeyLineError> {
    let value = value.trim();
    usable(value).map_err(|problem| KeyLineError(format!("{name} {problem}")))?;
    if value.contains(';') {
        return wrong(format!("{name} has a semicolon, which ends an attribute"));
    }
    if value.starts_with(RESERVED) {
        return wrong(format!("{name} begins with {RESERVED}, which is reserved for Kubernetes' own"));
    }
    Ok(value.to_owned())
}

fn list(name: &str, value: &str) -> Result<Vec<String>, KeyLineError> {
    let members: Vec<String> = value.split(',').map(|member| one(name, member)).collect::<Result<_, _>>()?;
    if members.len() > MAX_MEMBERS { wrong(format!("{name} has more than 1,000 members")) } else { Ok(members) }
}

impl FromStr for KeyEntry {
    type Err = KeyLineError;

    fn from_str(line: &str) -> Result<Self, KeyLineError> {
        let mut parts = line.split(';');
        let Some((id, hash)) = parts.next().and_then(|first| first.split_once(':')) else {
            return wrong("there is no colon between key id and hash");
        };
        let mut entry = KeyEntry::new(id.trim(), hash_of(hash.trim())?)?;
        for attribute in parts {
            let Some((name, value)) = attribute.split_once('=') else {
                return wrong("what follows a semicolon must be NAME=VALUE");
            };
            entry.set(name.trim(), value.trim())?;
        }
        Ok(entry)
    }
}

fn hash_of(hex: &str) -> Result<KeyDigest, KeyLineError> {
    let mut out = [0; 32];
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return wrong("the hash must be 64 hexadecimal digits (`gangplank keys hash` makes them of a key)");
    }
    for (octet, pair) in out.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *octet = pair.iter().filter_map(|b| digit(*b)).fold(0, |n, d| n << 4 | d);
    }
    if out == digest(&SHA256, b"").as_ref() {
        return wrong("the hash is that of the empty string, which is no key");
    }
    Ok(out)
}

/// The line, without its end.
impl fmt::Display for KeyEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.id)?;
        self.digest.iter().try_for_each(|octet| write!(f, "{octet:02x}"))?;
        let lists = [("groups", &self.groups), ("roles", &self.roles), ("scopes", &self.scopes)];
        if let Some(user) = &self.user {
            write!(f, "; user={user}")?;
        }
        for (name, members) in lists.iter().filter(|(_, members)| !members.is_empty()) {
            write!(f, "; {name}={}", members.join(","))?;
        }
        if let Some(tenant) = &self.tenant {
            write!(f, "; tenant={tenant}")?;
        }
        if let Some(expires) = self.expires {
            write!(f, "; expires={expires}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::digest_of;
    use super::*;

    fn hash() -> String {
        KeyEntry::new("x", digest_of("secret")).unwrap().to_string()[2..].to_owned()
    }

    #[test]
    fn what_is_written_is_what_was_read() {
        let hash = hash();
        for line in [
            format!("ci:{hash}"),
            format!("ci@corp/build-1:{hash}; user=Ada Lovelace"),
            format!("ci:{hash}; user=ada; groups=a,b c; roles=r; scopes=s,t; tenant=x; expires=2027-01-01T00:00:00Z"),
        ] {
            assert_eq!(line.parse::<KeyEntry>().unwrap().to_string(), line);
        }
        let lax = format!(" ci : {} ;expires=2027-01-01T00:00:00Z;  groups = a , b;user=ü ", hash.to_uppercase());
        let entry: KeyEntry = lax.parse().unwrap();
        assert_eq!(
            entry,
            KeyEntry {
                id: "ci".into(),
                digest: digest_of("secret"),
                user: Some("ü".into()),
                groups: vec!["a".into(), "b".into()],
                expires: Some(UnixTime::from_secs(1_798_761_600)),
                ..KeyEntry::default()
            }
        );
    }

    #[test]
    fn what_is_malformed_is_refused_and_not_shown() {
        let hash = hash();
        for (line, problem) in [
            ("s3cret".to_owned(), "no colon"),
            (format!(":{hash}"), "key id"),
            (format!("a b:{hash}"), "key id"),
            (format!("é:{hash}"), "key id"),
            (format!("{}:{hash}", "i".repeat(129)), "key id"),
            (format!("system:ci:{hash}"), "hash must be"),
            ("ci:s3cret".to_owned(), "hash must be"),
            (format!("ci:{hash}0"), "hash must be"),
            (format!("ci:{hash} user=x"), "hash must be"),
            (format!("ci:g{}", &hash[1..]), "hash must be"),
            ("ci:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".to_owned(), "empty string"),
            (format!("ci:{hash};"), "NAME=VALUE"),
            (format!("ci:{hash}; s3cret"), "NAME=VALUE"),
            (format!("ci:{hash}; s3cret=x"), "none of user, groups"),
            (format!("ci:{hash}; user="), "user is empty"),
            (format!("ci:{hash}; user=a; user=b"), "user is there twice"),
            (format!("ci:{hash}; groups=a; groups=b"), "groups is there twice"),
            (format!("ci:{hash}; groups=a,,b"), "groups is empty"),
            (format!("ci:{hash}; groups=a,system:masters"), "groups begins with system:"),
            (format!("ci:{hash}; user=system:admin"), "user begins with system:"),
            (format!("ci:{hash}; user=a\u{7}"), "holds control"),
            (format!("ci:{hash}; user={}", "x".repeat(1025)), "longer than"),
            (format!("ci:{hash}; groups={}", ["g"; 1001].join(",")), "more than 1,000"),
            (format!("ci:{hash}; expires=tomorrow"), "expires is not a time"),
            (format!("ci:{hash}; expires=2027-02-30T00:00:00Z"), "expires is not a time"),
        ] {
            let said = line.parse::<KeyEntry>().unwrap_err().to_string();
            assert!(said.contains(problem), "{line}: {said}");
            assert!(!said.contains("s3cret") && !said.contains(&hash[..8]), "{said}");
        }
    }
}
