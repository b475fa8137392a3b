//! Keys that are listed in a file: the format of Berth's `--api-keys-file`, with attributes.
//!
//! 1. Presented as a bearer token. No bearer token: none of ours.
//! 2. Its SHA-256 is looked up; the file holds nothing else of a key. A key that is not in the file is known to nobody
//!    here, also if it looks like one of ours (then it says whether it was mistyped or withdrawn).
//! 3. A key that is past its `expires` is refused. Evidence ends with the key, and with the next change of the file.
//!
//! The look-up is a hash table: how long it takes says something about SHA-256 digests, of which nobody can choose more than
//! a few bits, and nothing about keys of 256 random bits behind them. The digest that it finds is compared in constant
//! time all the same. 10,000 keys cost what 10 do.

mod entry;
mod key;
mod list;
mod refusal;

use std::path::Path;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use gangplank_jose::UnixTime;
use gangplank_oauth::BoxFuture;

pub use self::entry::{KeyEntry, KeyLineError};
pub use self::key::{KeyDigest, NewKey, digest_of};
pub use self::list::KeyList;
pub use self::refusal::KeyRefusal;
use crate::file::{FileError, TrustedFile};
use crate::{
    Authenticated, Authenticator, BearerToken, Credentials, Generation, Identity, Method, Outcome, SourceHealth,
};

/// Accepts the keys of one file.
pub struct StaticKeys {
    name: String,
    file: TrustedFile<KeyList>,
}

impl StaticKeys {
    /// Reads the file. `name` is the configuration's name.
    ///
    /// # Errors
    /// It can't be read, or any line is wrong: then every wrong line is told.
    pub fn load(name: &str, file: &Path, now: UnixTime) -> Result<Self, Vec<FileError>> {
        let file = TrustedFile::load(name, file, KeyList::LARGEST, KeyList::parse, now)?;
        Ok(StaticKeys { name: name.to_owned(), file })
    }

    /// Reads the file again. `Ok(true)` if it differs from before; on an error the keys in force stay.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn reload(&self, now: UnixTime) -> Result<bool, Vec<FileError>> {
        self.file.reload(now)
    }

    /// Counts the changes of the file.
    pub fn generation(&self) -> &Generation {
        self.file.generation()
    }

    /// Judges a key.
    pub fn verify(&self, key: &str, now: UnixTime) -> Outcome {
        let held = self.file.held();
        let digest = digest_of(key);
        let Some(entry) = held.content.get(&digest) else {
            let why = if NewKey::is_mistyped(key) { KeyRefusal::Mistyped } else { KeyRefusal::Unknown };
            return Outcome::unknown(why);
        };
        if verify_slices_are_equal(&entry.digest, &digest).is_err() {
            return Outcome::unknown(KeyRefusal::Unknown);
        }
        if let Some(at) = entry.expires.filter(|end| *end <= now) {
            return Outcome::Rejected(KeyRefusal::Expired { id: entry.id.clone(), at }.into());
        }
        let basis = self.file.basis(&held);
        let identity = self.identity(entry);
        Outcome::Authenticated(Authenticated::resting_on(basis, identity, Method::StaticKey, entry.expires))
    }

    fn identity(&self, entry: &KeyEntry) -> Identity {
        Identity {
            issuer: self.name.clone(),
            subject: entry.id.clone(),
            username: entry.user.as_ref().unwrap_or(&entry.id).clone(),
            groups: entry.groups.clone(),
            roles: entry.roles.clone(),
            scopes: entry.scopes.clone(),
            tenant: entry.tenant.clone(),
            ..Identity::default()
        }
    }
}

impl Authenticator for StaticKeys {
    fn name(&self) -> &str {
        &self.name
    }

    fn authenticate<'a>(&'a self, credentials: Credentials<'a>, now: UnixTime) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match BearerToken::presented(credentials.headers) {
                Ok(None) => Outcome::ABSENT,
                Ok(Some(key)) => self.verify(key.as_str(), now),
                Err(refusal) => Outcome::Rejected(refusal),
            }
        })
    }

    fn health(&self) -> Vec<SourceHealth> {
        vec![self.file.health()]
    }
}

#[cfg(test)]
mod tests;
