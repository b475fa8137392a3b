//! An htpasswd file: `USER:HASH` on each line; blank lines and lines that begin with `#` say nothing.
//!
//! A user name is 1 to 255 bytes of UTF-8 without colon and control characters, without white space at its ends, and is
//! there once.

use std::collections::HashMap;

use super::hash::PasswordHash;
use crate::file::{FileError, lines};
use crate::mapping::usable;

/// The users of a file.
#[derive(Debug)]
pub struct PasswordFile {
    users: HashMap<String, PasswordHash>,
    costliest: Option<PasswordHash>,
}

impl PasswordFile {
    /// The largest file that is read.
    pub const LARGEST: u64 = 8 << 20;

    /// Understands the content of a file.
    ///
    /// # Errors
    /// Any line is wrong: then every wrong line is told.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<FileError>> {
        let mut users = HashMap::new();
        let mut first: HashMap<String, usize> = HashMap::new();
        let mut errors = Vec::new();
        for (number, line) in lines(bytes) {
            match line.and_then(|line| entry(line).map_err(|problem| FileError::on(number, problem))) {
                Ok((user, _)) if first.contains_key(user) => {
                    let earlier = first.get(user).copied().unwrap_or_default();
                    errors.push(FileError::on(number, format!("has the user name of line {earlier}")));
                }
                Ok((user, hash)) => {
                    first.insert(user.to_owned(), number);
                    users.insert(user.to_owned(), hash);
                }
                Err(error) => errors.push(error),
            }
        }
        let costliest = users.values().max_by_key(|hash| hash.cost()).cloned();
        if errors.is_empty() { Ok(PasswordFile { users, costliest }) } else { Err(errors) }
    }

    /// Whether there is such a user, and the password is theirs.
    pub fn verify(&self, user: &str, password: &str) -> bool {
        let (own, padding) = self.work(user);
        let good = own.is_some_and(|hash| hash.verify(password));
        if let Some(padding) = padding {
            std::hint::black_box(padding.verify(password));
        }
        good
    }

    /// The hash of a user, and what else is worked out so that nobody is told from others by the time it takes: the
    /// costliest hash, for whoever has a cheaper one or none.
    fn work(&self, user: &str) -> (Option<&PasswordHash>, Option<&PasswordHash>) {
        let own = self.users.get(user);
        let cost = own.map(PasswordHash::cost);
        (own, self.costliest.as_ref().filter(|costliest| cost != Some(costliest.cost())))
    }
}

fn entry(line: &str) -> Result<(&str, PasswordHash), String> {
    let Some((user, hash)) = line.split_once(':') else {
        return Err("there is no colon between user name and hash".to_owned());
    };
    usable(user).map_err(|problem| format!("the user name {problem}"))?;
    if user.len() > super::MAX_PASSWORD {
        return Err("the user name is longer than 255 bytes".to_owned());
    }
    if user.trim() != user {
        return Err("the user name begins or ends with white space".to_owned());
    }
    Ok((user, PasswordHash::parse(hash)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attempt_costs_what_the_costliest_entry_costs() {
        let bcrypt = |cost: u32| format!("$2y${cost:02}$a3Gve9ZXQCN6rQK8WrZAoenui5VYz6RI2VguwIqksXVKFmdTQ2/cu");
        let apr1 = "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/";
        let text = format!("ada:{}\neve:{}\nbob:{}\ncarol:{apr1}\n", bcrypt(9), bcrypt(9), bcrypt(4));
        let file = PasswordFile::parse(text.as_bytes()).unwrap();
        for user in ["ada", "eve", "bob", "carol", "nobody", ""] {
            let (own, padding) = file.work(user);
            let costly = own.into_iter().chain(padding).filter(|hash| hash.cost() == (2, 9)).count();
            assert_eq!(costly, 1, "{user}");
        }
        assert_eq!(PasswordFile::parse(b"").unwrap().work("ada"), (None, None));
    }
}
