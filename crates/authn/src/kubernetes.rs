//! The API server's own file `AuthenticationConfiguration`, read as it reads it: whoever knows kube-apiserver finds the
//! same tokens accepted, refused and left to others, and the same user made of them.
//!
//! **The file** is read strictly (`document`, `file`), judged by Kubernetes' rules (`validate`), and its expressions are
//! compiled. All mistakes are reported at once, each at its field.
//!
//! **A token** is judged in Kubernetes' order (`authenticator`, `entry`):
//!
//! 1. `iss` is read before anything is verified, to find the entry; `accounts.google.com` is taken for
//!    `https://accounts.google.com`. No entry has it, or it is no token at all: another authenticator may know it.
//! 2. The verifier's rules ([`gangplank_jose`]): one of the nine algorithms of RFC 7518, a key of the issuer (`keys`), one
//!    of the entry's audiences, `exp` without leeway, `nbf` with a minute of it. ID tokens are taken.
//! 3. Groups that are elsewhere, if they are needed (`distributed`).
//! 4. User name, groups, uid, extra (`user`).
//! 5. Required claims, claim rules, user rules (`rules`).
//!
//! **Each issuer is by itself.** One that does not answer keeps out its own tokens only, and these with "unavailable": no
//! start and no reload waits for it. An issuer that a reload leaves where it was keeps its keys.
//!
//! **Where it is stricter than kube-apiserver:**
//!
//! | kube-apiserver | here |
//! |---|---|
//! | reads the first of several documents | refuses the file |
//! | takes any file size | at most 1 MiB, 32 levels, in YAML 100,000 values |
//! | `https://`, `https://HOST?` and white space pass as URLs | do not |
//! | JSON of a token: the last of two members counts, names of registered claims without case, numbers as strings | refused, with case, refused |
//! | accepts a token in the second of its `exp` | has expired |
//! | does not look at `iat`, `typ`, `cnf` | `iat` in the future, `typ` other than `JWT` or `at+jwt`, and `cnf` are refused |
//! | `jti` that is no string is left aside | refused |
//! | any JWK will do | `use`, `key_ops` and `alg` of a key are heeded, weak and private keys passed over, PSS salts are as long as the hash |
//! | null in a claim is an empty string | is no string |
//! | user name from a claim may be empty | may not |
//! | an empty group without prefix is a group | is left out |
//! | names may hold anything | no control characters, no white space at the ends, at most 1 KiB (extra 4 KiB) and 10,000 |
//! | `system:…` from an issuer is accepted | refused, unless [`ReservedNames::Allow`] |
//! | distributed claims from anywhere, of any issuer | from the issuer's host or listed ones, of the same issuer and subject |
//! | `hasgroups` at Entra ID means no groups | refused if groups are mapped and nobody gets them |
//! | follows redirects, reads metadata once | does not, reads them again each hour |
//!
//! **Where it differs otherwise:** keys are fetched ahead of need, and a rotated one at once, at most once a minute
//! (`jwks`); an issuer that does not answer is "unavailable", not a bad token; `egressSelectorType` is checked and has
//! no effect, since there is no egress selector here.

mod anonymous;
mod authenticator;
mod compiled;
mod distributed;
pub(crate) mod document;
mod entry;
mod field;
mod file;
mod keys;
pub(crate) mod peek;
mod refusal;
mod rules;
mod user;
mod validate;

use aws_lc_rs::digest;

pub use self::anonymous::AnonymousPolicy;
pub use self::authenticator::{Connect, KubernetesAuthenticator, Ports};
use self::compiled::JwtRules;
pub use self::distributed::GroupsElsewhere;
pub use self::entry::Policy;
pub use self::field::{FieldError, FieldErrorKind};
use self::field::{Path, lies_within};
pub use self::refusal::KubernetesRefusal;
pub use self::rules::ReservedNames;

/// A file that was read, found good and compiled.
///
/// ```
/// use gangplank_authn::kubernetes::AuthenticationConfiguration;
///
/// let file = "
/// apiVersion: apiserver.config.k8s.io/v1
/// kind: AuthenticationConfiguration
/// jwt:
/// - issuer: {url: 'https://login.example.com', audiences: [kubernetes]}
///   claimMappings: {username: {claim: sub}}
/// ";
/// let mistakes = AuthenticationConfiguration::parse(file.as_bytes(), &[]).unwrap_err();
/// assert_eq!(mistakes[0].path, "jwt[0].claimMappings.username.prefix");
/// assert!(mistakes[0].to_string().contains("Required value"));
/// ```
#[derive(Clone, Debug)]
pub struct AuthenticationConfiguration {
    jwt: Vec<JwtRules>,
    anonymous: Option<AnonymousPolicy>,
    hash: String,
}

impl AuthenticationConfiguration {
    /// How many mistakes are reported at once: whoever has more has another kind of file.
    pub const MAX_ERRORS: usize = 100;

    /// Reads a file. `disallowed` are issuers that it may not name: those of the API server's own service account
    /// tokens, if this process knows them.
    ///
    /// # Errors
    /// All mistakes of the file, the first [`MAX_ERRORS`](Self::MAX_ERRORS) of them.
    pub fn parse(bytes: &[u8], disallowed: &[String]) -> Result<Self, Vec<FieldError>> {
        let tree = document::parse(bytes)
            .map_err(|problem| vec![FieldError::new(&Path::default(), FieldErrorKind::Unreadable, problem)])?;
        let (file, mut errors) = file::read(tree);
        let (jwt, anonymous, more) = validate::validate(&file, disallowed);
        // What could not be read was left out: that it is missing is no second mistake.
        let read = errors.len();
        let new = |error: &FieldError| {
            let same = |other: &str| lies_within(other, &error.path) || lies_within(&error.path, other);
            !errors[..read].iter().any(|before| before.kind != FieldErrorKind::Unknown && same(&before.path))
        };
        let more: Vec<FieldError> = more.into_iter().filter(new).collect();
        errors.extend(more);
        errors.truncate(Self::MAX_ERRORS);
        if errors.is_empty() { Ok(Self { jwt, anonymous, hash: hash(bytes) }) } else { Err(errors) }
    }

    /// The file's SHA-256, as the API server's metrics spell it: `sha256:…`.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// What it says about requests without credentials, if anything.
    pub fn anonymous(&self) -> Option<&AnonymousPolicy> {
        self.anonymous.as_ref()
    }

    /// The issuers whose tokens it accepts, as they spell themselves.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        self.jwt.iter().map(|rules| rules.issuer.url.as_str())
    }
}

fn hash(bytes: &[u8]) -> String {
    let hex = digest::digest(&digest::SHA256, bytes).as_ref().iter().map(|b| format!("{b:02x}")).collect::<String>();
    format!("sha256:{hex}")
}

#[cfg(test)]
mod tests;
