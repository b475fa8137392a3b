//! Which claim is meant: a claim by its name, or a value inside one by a JSON pointer.
//!
//! 1. What does not begin with `/` is the name of a claim, whatever stands in it: many names have dots, and
//!    `https://example.com/groups` is one name.
//! 2. What begins with `/` is a JSON pointer (RFC 6901): `/realm_access/roles` is the member `roles` of the claim
//!    `realm_access`. `~1` is a slash inside a name and `~0` a tilde. Members of objects only; no array is entered.
//! 3. At most eight names deep; no name is empty.
//!
//! So no token can bring a claim that stands for another: there is one reading of each spelling.

use gangplank_jose::{Claim, Claims};

const MAX_DEPTH: usize = 8;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimName {
    spelled: String,
    path: Vec<String>,
}

impl ClaimName {
    /// Reads a spelling, or says what is wrong with it.
    pub fn parse(spelled: &str) -> Result<Self, &'static str> {
        let path = match spelled.strip_prefix('/') {
            None => vec![spelled.to_owned()],
            Some(pointer) => {
                pointer.split('/').map(unescaped).collect::<Option<_>>().ok_or("has a ~ that is neither ~0 nor ~1")?
            }
        };
        if path.iter().any(String::is_empty) {
            return Err("has an empty name");
        }
        if path.len() > MAX_DEPTH {
            return Err("is deeper than any claim");
        }
        Ok(ClaimName { spelled: spelled.to_owned(), path })
    }

    /// A claim of the standards.
    pub(crate) fn plain(name: &'static str) -> Self {
        ClaimName { spelled: name.to_owned(), path: vec![name.to_owned()] }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.spelled
    }

    /// The claim's own name, if it is not a place inside one.
    pub(crate) fn whole(&self) -> Option<&str> {
        if let [name] = self.path.as_slice() { Some(name) } else { None }
    }

    /// What the token has there.
    pub(crate) fn of<'c>(&self, claims: &'c Claims) -> Option<Claim<'c>> {
        claims.at(&self.path)
    }
}

impl std::fmt::Display for ClaimName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.spelled)
    }
}

fn unescaped(name: &str) -> Option<String> {
    let mut parts = name.split('~');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (escape, rest) = part.split_at_checked(1)?;
        text.push(match escape {
            "0" => '~',
            "1" => '/',
            _ => return None,
        });
        text.push_str(rest);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_itself_and_a_pointer_is_a_path() {
        for (spelled, path) in [
            ("groups", &["groups"][..]),
            ("realm_access.roles", &["realm_access.roles"]),
            ("https://example.com/groups", &["https://example.com/groups"]),
            ("/realm_access/roles", &["realm_access", "roles"]),
            ("/resource_access/my~1app~0x/roles", &["resource_access", "my/app~x", "roles"]),
            ("/~01", &["~1"]),
        ] {
            assert_eq!(ClaimName::parse(spelled).unwrap().path, path, "{spelled}");
        }
        for bad in ["", "/", "/a//b", "/a/", "/~", "/~2", "/a~/b", "/1/2/3/4/5/6/7/8/9"] {
            assert!(ClaimName::parse(bad).is_err(), "{bad}");
        }
    }
}
