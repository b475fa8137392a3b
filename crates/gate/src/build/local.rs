//! Authenticators that judge by a file and ask nobody.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gangplank_authn::basic::Basic;
use gangplank_authn::static_keys::StaticKeys;
use gangplank_authn::{Authenticator, FileError, Realm};
use gangplank_jose::UnixTime;
use gangplank_oauth::config::ConfigError;

use super::Errors;
use crate::config::{AuthenticatorConfig, HtpasswdConfig};

/// The files of an authenticator: when one changes, a gate is built again.
pub(super) fn files(authenticator: &AuthenticatorConfig) -> impl Iterator<Item = PathBuf> + '_ {
    let htpasswd = authenticator.htpasswd.as_ref().map(|htpasswd| &htpasswd.file);
    authenticator.keys_file.iter().chain(htpasswd).cloned()
}

/// `keys_file`.
pub(super) fn keys(
    name: &str,
    file: &Path,
    at: &str,
    now: UnixTime,
    errors: &mut Errors,
) -> Option<Arc<dyn Authenticator>> {
    let help = "a line for each key as `gangplank keys new` writes it: KEY-ID:SHA256-HEX, then attributes, each after a semicolon";
    match StaticKeys::load(name, file, now) {
        Ok(keys) => Some(Arc::new(keys)),
        Err(wrong) => {
            say(wrong, file, at, help, errors);
            None
        }
    }
}

/// `htpasswd`.
pub(super) fn htpasswd(
    name: &str,
    config: &HtpasswdConfig,
    at: &str,
    now: UnixTime,
    errors: &mut Errors,
) -> Option<Arc<dyn Authenticator>> {
    let text = config.realm.as_deref().unwrap_or(name);
    let realm = Realm::new(text);
    if realm.is_none() {
        let message = format!("{text:?} can't stand in a header");
        let help = "1 to 128 printable ASCII characters without \" and \\";
        errors.push(ConfigError::new(format!("{at}.realm"), message, help));
    }
    // The file is read whatever the realm is: all that is wrong is told at once.
    let stand_in = || Realm::new("x");
    let loaded = Basic::load(name, realm.clone().or_else(stand_in)?, &config.file, now);
    let basic = loaded.map_err(|wrong| {
        let help = "a line USER:HASH for each user, as `htpasswd -B` writes it";
        say(wrong, &config.file, &format!("{at}.file"), help, errors);
    });
    realm.and(basic.ok()).map(|basic| Arc::new(basic) as Arc<dyn Authenticator>)
}

/// The most lines of a file that are told, as `gangplank check` prints no more.
const TOLD: usize = 50;

/// Every line that is wrong, by its number.
fn say(wrong: Vec<FileError>, file: &Path, at: &str, help: &str, errors: &mut Errors) {
    for error in wrong.into_iter().take(TOLD) {
        errors.push(ConfigError::new(at, format!("{}: {error}", file.display()), help));
    }
}
