//! User name and password (RFC 7617), judged by an htpasswd file.
//!
//! 1. No `Authorization: Basic`: none of ours. Two `Authorization` headers of which one is: refused, as with bearer tokens.
//! 2. What it holds is Base64 of UTF-8 text without control characters, with a colon in it; what is longer than
//!    [`MAX_PASSWORD`] is no password.
//! 3. Passwords are verified away from the threads that serve requests, at most half the processors' worth at a time. Who
//!    waits for longer than [`WAIT`] is told to come again (503): a flood of wrong passwords costs the guessers their
//!    time, and us never more than that half. Whoever was let in before is remembered by the caches, and does not wait.
//! 4. Every attempt costs what the costliest entry of the file costs, whoever is named: also somebody that is not there.
//!    So the time tells nothing about who is.
//! 5. An unknown user and a wrong password are one and the same refusal, and final: nobody else is asked.
//!
//! Evidence rests on the file as it is: with a changed file everybody is asked anew.

mod apr1;
mod file;
mod hash;
mod refusal;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gangplank_jose::UnixTime;
use gangplank_oauth::BoxFuture;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use zeroize::Zeroizing;

pub use self::file::PasswordFile;
pub use self::refusal::PasswordRefusal;
use crate::bearer_token::after_scheme;
use crate::file::{FileError, TrustedFile};
use crate::{
    Authenticated, Authenticator, Challenge, Credentials, Generation, Identity, Method, Outcome, Realm, Refusal,
    SourceHealth,
};

/// The longest password that is looked at, as with `htpasswd` itself: what some hashes cost grows with the length.
pub const MAX_PASSWORD: usize = 255;
/// How long an attempt may wait for its turn.
pub const WAIT: Duration = Duration::from_secs(5);

/// Accepts the users of one htpasswd file.
pub struct Basic {
    name: String,
    realm: Realm,
    file: TrustedFile<PasswordFile>,
    turns: Arc<Semaphore>,
}

impl Basic {
    /// Reads the file. `name` is the configuration's name; `realm` is what browsers show when they ask.
    ///
    /// # Errors
    /// It can't be read, or any line is wrong: then every wrong line is told.
    pub fn load(name: &str, realm: Realm, file: &Path, now: UnixTime) -> Result<Self, Vec<FileError>> {
        let file = TrustedFile::load(name, file, PasswordFile::LARGEST, PasswordFile::parse, now)?;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let turns = Arc::new(Semaphore::new((processors / 2).max(1)));
        Ok(Basic { name: name.to_owned(), realm, file, turns })
    }

    /// Reads the file again. `Ok(true)` if it differs from before; on an error the users in force stay.
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

    async fn judge(&self, user: String, password: Zeroizing<String>) -> Outcome {
        let Ok(Ok(turn)) = timeout(WAIT, self.turns.clone().acquire_owned()).await else {
            return Outcome::Unavailable(PasswordRefusal::QueueFull { waited: WAIT }.into());
        };
        let held = self.file.held();
        let basis = self.file.basis(&held);
        let verified = spawn_blocking(move || {
            // Held until the work is done, also if nobody waits for it any more.
            let _turn = turn;
            let good = held.content.verify(&user, &password);
            (user, good)
        });
        match verified.await {
            Ok((user, true)) => {
                let identity = Identity {
                    issuer: self.name.clone(),
                    subject: user.clone(),
                    username: user,
                    ..Identity::default()
                };
                Outcome::Authenticated(Authenticated::resting_on(basis, identity, Method::Basic, None))
            }
            Ok((user, false)) => Outcome::Rejected(PasswordRefusal::Wrong { user: crate::refusal::fact(&user) }.into()),
            Err(_) => Outcome::Unavailable(Refusal::CryptoFailed { what: "password" }),
        }
    }
}

impl Authenticator for Basic {
    fn name(&self) -> &str {
        &self.name
    }

    fn authenticate<'a>(&'a self, credentials: Credentials<'a>, _: UnixTime) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match presented(credentials.headers) {
                Ok(None) => Outcome::ABSENT,
                Ok(Some((user, password))) => self.judge(user, password).await,
                Err(refusal) => Outcome::Rejected(refusal),
            }
        })
    }

    fn challenges(&self) -> Vec<Challenge> {
        vec![Challenge::Basic(self.realm.clone())]
    }

    fn health(&self) -> Vec<SourceHealth> {
        vec![self.file.health()]
    }
}

const SCHEME: &[u8] = b"basic";

/// User name and password, if a request presents any.
///
/// # Errors
/// It presents more than one credential, or something that is none.
fn presented(headers: &HeaderMap) -> Result<Option<(String, Zeroizing<String>)>, Refusal> {
    let count = headers.get_all(AUTHORIZATION).iter().count();
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let Some(encoded) = all.find_map(|value| after_scheme(value, SCHEME)) else { return Ok(None) };
    if count > 1 {
        return Err(Refusal::AuthorizationRepeated { count });
    }
    let malformed = |problem| Refusal::from(PasswordRefusal::Malformed { problem });
    let decoded = STANDARD.decode(encoded.trim_ascii()).map(Zeroizing::new);
    let decoded = decoded.map_err(|_| malformed("what follows Basic is not Base64"))?;
    let text = std::str::from_utf8(&decoded).map_err(|_| malformed("user name and password are not UTF-8"))?;
    if text.chars().any(char::is_control) {
        return Err(malformed("user name or password has a control character"));
    }
    let (user, password) = text.split_once(':').ok_or_else(|| malformed("there is no colon behind the user name"))?;
    if password.len() > MAX_PASSWORD || user.len() > MAX_PASSWORD {
        return Err(malformed("user name or password is longer than 255 bytes"));
    }
    Ok(Some((user.to_owned(), Zeroizing::new(password.to_owned()))))
}

#[cfg(test)]
mod tests;
