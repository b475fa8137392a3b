//! Authenticators that judge by a file and ask nobody.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gangplank_authn::static_keys::StaticKeys;
use gangplank_authn::{Authenticator, FileError};
use gangplank_jose::UnixTime;
use gangplank_oauth::config::ConfigError;

use super::Errors;
use crate::config::AuthenticatorConfig;

/// The files of an authenticator: when one changes, a gate is built again.
pub(super) fn files(authenticator: &AuthenticatorConfig) -> impl Iterator<Item = PathBuf> {
    let cluster = authenticator.token_review.iter().flat_map(super::clusters::files);
    let kubernetes = authenticator.authentication_config.iter().map(|file| file.file.clone());
    authenticator.keys_file.clone().into_iter().chain(kubernetes).chain(cluster)
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

/// The most lines of a file that are told, as `gangplank check` prints no more.
const TOLD: usize = 50;

/// Every line that is wrong, by its number.
fn say(wrong: Vec<FileError>, file: &Path, at: &str, help: &str, errors: &mut Errors) {
    for error in wrong.into_iter().take(TOLD) {
        errors.push(ConfigError::new(at, format!("{}: {error}", file.display()), help));
    }
}
