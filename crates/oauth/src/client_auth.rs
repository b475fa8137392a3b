//! How we authenticate to a token endpoint (RFC 6749 §2.3, RFC 7523 §2.2).

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gangplank_jose::{SigningError, UnixTime};
use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use url::{Url, form_urlencoded};

use crate::form::Form;
use crate::{Metadata, PrivateKeyJwt};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const MAX_TOKEN_FILE: u64 = 64 << 10;

/// Our credential. Its `Debug` names the method and shows no secret.
#[derive(Clone)]
pub enum ClientAuthentication {
    /// A public client: only its id is sent.
    None,
    /// A secret, sent by HTTP Basic, or in the form where the provider says that it takes it only there.
    Secret(SecretString),
    /// A secret, sent by HTTP Basic.
    SecretBasic(SecretString),
    /// A secret, sent in the form.
    SecretPost(SecretString),
    /// An assertion signed with the key of a registered certificate.
    PrivateKeyJwt(std::sync::Arc<PrivateKeyJwt>),
    /// The certificate that our transport shows (RFC 8705 §2): only the id is sent.
    Tls {
        /// When the certificate ends.
        expires: UnixTime,
    },
    /// A file with a JWT of somebody whom the provider trusts (workload identity federation). It is replaced under us
    /// at any time, so it is read for every use.
    FederatedTokenFile(PathBuf),
}

/// Why our own credential can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// The certificate's PEM or DER.
    #[error("the client certificate cannot be used: {0}")]
    Certificate(String),
    /// The key.
    #[error("the client key cannot be used: {0}")]
    Key(#[from] SigningError),
    /// The key is not that of the certificate.
    #[error("the client key is not the one of the client certificate")]
    Mismatch,
    /// How long an assertion shall last.
    #[error("a client assertion may last from 10 seconds to 1 hour, not {0:?}")]
    Lifetime(std::time::Duration),
    /// The federated token file.
    #[error("the federated token file {path} cannot be used: {problem}")]
    TokenFile {
        /// Its name.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl ClientAuthentication {
    /// The method's name, as OpenID Connect registers it.
    pub fn name(&self) -> &'static str {
        match self {
            ClientAuthentication::None => "none",
            ClientAuthentication::Secret(_) => "client_secret",
            ClientAuthentication::SecretBasic(_) => "client_secret_basic",
            ClientAuthentication::SecretPost(_) => "client_secret_post",
            ClientAuthentication::PrivateKeyJwt(_) | ClientAuthentication::FederatedTokenFile(_) => "private_key_jwt",
            ClientAuthentication::Tls { .. } => "tls_client_auth",
        }
    }

    /// When the credential ends, where that can be known before: for a warning.
    pub fn expires(&self) -> Option<UnixTime> {
        match self {
            ClientAuthentication::PrivateKeyJwt(key) => Some(key.expires()),
            ClientAuthentication::Tls { expires } => Some(*expires),
            _ => None,
        }
    }

    /// Where a client that proves itself so asks for tokens.
    pub fn token_endpoint<'m>(&self, metadata: &'m Metadata) -> &'m Url {
        match self {
            ClientAuthentication::Tls { .. } => metadata.mtls_token_endpoint.as_ref(),
            _ => None,
        }
        .unwrap_or(&metadata.token_endpoint)
    }

    pub(crate) fn apply(
        &self,
        form: Form,
        metadata: &Metadata,
        client_id: &str,
        now: UnixTime,
    ) -> Result<Form, CredentialError> {
        let assertion = |form: Form, jwt| {
            form.plain("client_id", client_id)
                .plain("client_assertion_type", JWT_BEARER)
                .secret("client_assertion", jwt)
        };
        let post = |form: Form, secret: &SecretString| {
            form.plain("client_id", client_id).secret("client_secret", secret.clone())
        };
        Ok(match self {
            ClientAuthentication::None | ClientAuthentication::Tls { .. } => form.plain("client_id", client_id),
            ClientAuthentication::Secret(secret) if only_post(metadata) => post(form, secret),
            ClientAuthentication::Secret(secret) | ClientAuthentication::SecretBasic(secret) => {
                form.authorization(basic(client_id, secret), secret.clone())
            }
            ClientAuthentication::SecretPost(secret) => post(form, secret),
            ClientAuthentication::PrivateKeyJwt(key) => {
                assertion(form, key.assertion(client_id, metadata.token_endpoint.as_str(), now)?)
            }
            ClientAuthentication::FederatedTokenFile(path) => assertion(form, read_token(path)?),
        })
    }
}

impl fmt::Debug for ClientAuthentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A provider that says nothing takes Basic (OpenID Connect Discovery §3).
fn only_post(metadata: &Metadata) -> bool {
    let offers = |method: &str| metadata.token_endpoint_auth_methods_supported.iter().any(|m| m == method);
    offers("client_secret_post") && !offers("client_secret_basic")
}

/// RFC 6749 §2.3.1: both are form-encoded before they are joined.
fn basic(client_id: &str, secret: &SecretString) -> HeaderValue {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = STANDARD.encode(format!("{}:{}", encode(client_id), encode(secret.expose_secret())));
    #[expect(clippy::expect_used, reason = "base64 is always a header value")]
    let mut header = HeaderValue::try_from(format!("Basic {pair}")).expect("base64");
    header.set_sensitive(true);
    header
}

fn read_token(path: &Path) -> Result<SecretString, CredentialError> {
    let unusable = |problem: String| CredentialError::TokenFile { path: path.to_owned(), problem };
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_TOKEN_FILE + 1).read_to_string(&mut text))
        .map_err(|e| unusable(e.to_string()))?;
    let token = SecretString::from(text.trim_ascii());
    drop(text);
    match token.expose_secret() {
        "" => Err(unusable("it is empty".into())),
        long if long.len() as u64 > MAX_TOKEN_FILE => Err(unusable("it is larger than 64 KiB".into())),
        odd if !odd.bytes().all(|b| b.is_ascii_graphic()) => Err(unusable("it does not hold a token".into())),
        _ => Ok(token),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;

    use super::*;
    use crate::testing::{form, metadata};

    fn send(authentication: &ClientAuthentication, metadata: &Metadata) -> Request<Bytes> {
        let form = authentication.apply(Form::default(), metadata, "cl:ient", UnixTime::EPOCH).unwrap();
        form.into_request(&metadata.token_endpoint).unwrap().0
    }

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn basic_encodes_both_parts_first_and_puts_nothing_into_the_form() {
        let request = send(&ClientAuthentication::SecretBasic("p:w +%é".into()), &metadata("https://idp.example.com"));
        let header = &request.headers()["authorization"];
        assert!(header.is_sensitive());
        let pair = STANDARD.decode(header.to_str().unwrap().strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(pair, b"cl%3Aient:p%3Aw+%2B%25%C3%A9");
        assert!(request.body().is_empty());
    }

    #[test]
    fn a_secret_in_the_form_and_a_public_client_send_their_id_there() {
        let metadata = metadata("https://idp.example.com");
        let post = send(&ClientAuthentication::SecretPost("s".into()), &metadata);
        assert_eq!(form(&post), pairs(&[("client_id", "cl:ient"), ("client_secret", "s")]));
        assert!(!post.headers().contains_key("authorization"));
        let public = send(&ClientAuthentication::None, &metadata);
        assert_eq!(form(&public), pairs(&[("client_id", "cl:ient")]));
    }

    #[test]
    fn a_secret_goes_by_basic_unless_only_post_is_offered() {
        let mut metadata = metadata("https://idp.example.com");
        let secret = ClientAuthentication::Secret("s".into());
        let is_basic = |metadata: &Metadata| send(&secret, metadata).headers().contains_key("authorization");
        assert!(!is_basic(&metadata));
        metadata.token_endpoint_auth_methods_supported.push("client_secret_basic".into());
        assert!(is_basic(&metadata));
        metadata.token_endpoint_auth_methods_supported.clear();
        assert!(is_basic(&metadata));
    }

    #[test]
    fn a_federated_token_is_read_for_every_use() {
        let metadata = metadata("https://idp.example.com");
        let path = std::env::temp_dir().join(format!("gangplank-oauth-{}", crate::random_token(8)));
        let authentication = ClientAuthentication::FederatedTokenFile(path.clone());
        for token in ["one.two.three", "four.five.six"] {
            std::fs::write(&path, format!("{token}\n")).unwrap();
            let expected =
                [("client_id", "cl:ient"), ("client_assertion_type", JWT_BEARER), ("client_assertion", token)];
            assert_eq!(form(&send(&authentication, &metadata)), pairs(&expected));
        }
        for bad in [String::new(), "\n".into(), "a b".into(), "a\nb".into(), "x".repeat(70_000)] {
            std::fs::write(&path, bad).unwrap();
            let form = authentication.apply(Form::default(), &metadata, "c", UnixTime::EPOCH);
            assert!(matches!(form, Err(CredentialError::TokenFile { .. })));
        }
        std::fs::remove_file(&path).unwrap();
        let error = authentication.apply(Form::default(), &metadata, "c", UnixTime::EPOCH).err().unwrap();
        assert!(error.to_string().contains("gangplank-oauth-"));
    }

    #[test]
    fn debug_shows_the_method_only() {
        assert_eq!(format!("{:?}", ClientAuthentication::SecretPost("hunter2".into())), "client_secret_post");
    }
}
