//! What we ourselves show a cluster.

use std::fmt;
use std::path::PathBuf;

use gangplank_oauth::config::read_text;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// Besides the client certificate, which is the transport's.
#[derive(Clone)]
pub enum OwnCredential {
    /// Nothing: others show theirs.
    None,
    /// The certificate is all there is.
    Certificate,
    /// A token.
    Token(SecretString),
    /// A token in a file, which somebody renews: it is read at every use.
    TokenFile(PathBuf),
}

impl OwnCredential {
    /// The `Authorization` header, if there is one, marked as sensitive.
    ///
    /// # Errors
    /// Why there is none and should be: a file that can't be read, or holds no token.
    pub fn authorization(&self) -> Result<Option<HeaderValue>, String> {
        let token = match self {
            OwnCredential::None | OwnCredential::Certificate => return Ok(None),
            OwnCredential::Token(token) => token.clone(),
            OwnCredential::TokenFile(file) => {
                let text = read_text(file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
                SecretString::from(text.trim())
            }
        };
        if token.expose_secret().is_empty() {
            return Err("our own token is empty".to_owned());
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
            .map_err(|_| "our own token has characters that no token has".to_owned())?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

/// Never the token.
impl fmt::Debug for OwnCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OwnCredential::None => f.write_str("None"),
            OwnCredential::Certificate => f.write_str("Certificate"),
            OwnCredential::Token(_) => f.write_str("Token(..)"),
            OwnCredential::TokenFile(file) => f.debug_tuple("TokenFile").field(file).finish(),
        }
    }
}
