//! The way to a cluster and what we show it: from a kubeconfig, or from where a pod finds it.
//!
//! 1. A kubeconfig is YAML or JSON, read within bounds; the context is the named one or `current-context`. Only that
//!    context's cluster and user are judged: others may be for programs that can do more.
//! 2. Everything that is there is either used or refused. Passed over are only what has no bearing on whom we ask and as
//!    whom (`extensions`, `namespace`, `disable-compression`).
//! 3. Refused by name are what runs programs (`exec`, `auth-provider`), what trusts anybody (`insecure-skip-tls-verify`,
//!    `http:`), what needs more than this program has (`proxy-url`), and what speaks as others (`as…`).
//! 4. Paths are relative to the kubeconfig's directory. A `…-data` member comes before the file, as with kubectl.
//! 5. A token in a file is not read here: it is read at every use.
//! 6. How much of our own there has to be is the caller's to say ([`Own`]): whoever only passes on what others show needs
//!    no user in the kubeconfig and no mounted token, and what is there is then not looked at.

mod pick;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use gangplank_oauth::config::Environment;
use secrecy::SecretString;
use url::Url;
use zeroize::Zeroizing;

use self::pick::Pick;
use crate::kubernetes::document::{self, Node};
use crate::refusal::fact;
use crate::token_review::OwnCredential;

/// Where a pod finds what its service account is known by.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// The largest kubeconfig, and the largest file that it names.
const LARGEST: u64 = 1 << 20;

/// How a cluster is reached.
#[derive(Debug)]
pub struct ClusterAccess {
    /// The API server.
    pub server: Url,
    /// PEM: the authorities of its certificate. `None`: the system's.
    pub authorities: Option<Vec<u8>>,
    /// Who the server is expected to be, if not the host of its URL.
    pub server_name: Option<String>,
    /// PEM: the certificate that we show, if any.
    pub certificate: Option<OwnCertificate>,
    /// What else we show.
    pub credential: OwnCredential,
    /// The files it was read from: when one changes, read again.
    pub files: Vec<PathBuf>,
}

/// What of our own is wanted on the way to a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// We show something ourselves: that there is nothing is an error.
    Required,
    /// We show what there is.
    IfThere,
    /// We show nothing: what there is, is not looked at.
    Nothing,
}

/// A certificate and its key in PEM.
pub struct OwnCertificate {
    /// The certificate, then its chain.
    pub certificate: Vec<u8>,
    /// The private key.
    pub key: Zeroizing<Vec<u8>>,
}

/// Never the key.
impl std::fmt::Debug for OwnCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnCertificate").finish_non_exhaustive()
    }
}

impl ClusterAccess {
    /// The way that a pod has.
    ///
    /// # Errors
    /// This is no pod of a cluster, or it has no service account.
    pub fn in_cluster(environment: Environment<'_>, own: Own) -> Result<Self, Vec<String>> {
        Self::of_service_account(environment, Path::new(SERVICE_ACCOUNT), own)
    }

    fn of_service_account(environment: Environment<'_>, directory: &Path, own: Own) -> Result<Self, Vec<String>> {
        let mut wrong = Vec::new();
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
        let server = match (variable("KUBERNETES_SERVICE_HOST"), variable("KUBERNETES_SERVICE_PORT")) {
            (Some(host), Some(port)) => {
                let host = if host.contains(':') { format!("[{host}]") } else { host };
                let url = Url::parse(&format!("https://{host}:{port}"));
                url.map_err(|_| wrong.push("KUBERNETES_SERVICE_HOST and _PORT are no address".to_owned())).ok()
            }
            _ => {
                wrong.push(
                    "this is no pod of a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set"
                        .to_owned(),
                );
                None
            }
        };
        let (token, authorities) = (directory.join("token"), directory.join("ca.crt"));
        let shown = match own {
            Own::Required => true,
            Own::IfThere => token.exists(),
            Own::Nothing => false,
        };
        let credential = if shown { OwnCredential::TokenFile(token) } else { OwnCredential::None };
        if let Err(problem) = credential.authorization() {
            wrong.push(format!(
                "{problem} (the service account's token is mounted unless automountServiceAccountToken is false)"
            ));
        }
        let read = read_file(&authorities).map_err(|problem| wrong.push(problem)).ok();
        match (server, read) {
            (Some(server), Some(pem)) if wrong.is_empty() => Ok(ClusterAccess {
                server,
                authorities: Some(pem.to_vec()),
                server_name: None,
                certificate: None,
                credential,
                files: vec![authorities],
            }),
            _ => Err(wrong),
        }
    }

    /// The files that the way of a pod is read from.
    pub fn files_in_cluster() -> Vec<PathBuf> {
        vec![Path::new(SERVICE_ACCOUNT).join("ca.crt")]
    }

    /// The way that a kubeconfig describes.
    ///
    /// # Errors
    /// All that is wrong with the context's cluster and user, or with the file.
    pub fn from_kubeconfig(file: &Path, context: Option<&str>, own: Own) -> Result<Self, Vec<String>> {
        let bytes = read_file(file).map_err(|problem| vec![problem])?;
        let mut access = Kubeconfig::parse(&bytes, context, own)?.resolve(file.parent().unwrap_or(Path::new("")))?;
        access.files.insert(0, file.to_owned());
        Ok(access)
    }
}

/// One context of a kubeconfig, with its files not read yet.
#[derive(Debug)]
pub struct Kubeconfig {
    server: Url,
    server_name: Option<String>,
    authorities: Option<Source>,
    certificate: Option<(Source, Source)>,
    token: Option<OwnCredential>,
}

/// Where a part of it is.
enum Source {
    Inline(Zeroizing<Vec<u8>>),
    File(PathBuf),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Inline(_) => f.write_str("Inline(..)"),
            Source::File(file) => f.debug_tuple("File").field(file).finish(),
        }
    }
}

impl Kubeconfig {
    /// Reads a context of a kubeconfig. No file that it names is read.
    ///
    /// # Errors
    /// Everything that is wrong with it, without what may be secret.
    pub fn parse(bytes: &[u8], context: Option<&str>, own: Own) -> Result<Self, Vec<String>> {
        let root = document::parse(bytes).map_err(|problem| vec![problem])?;
        let mut pick = Pick::new(&root)?;
        let chosen = pick.context(context)?;
        let cluster = pick.named("clusters", "cluster", &chosen.cluster)?;
        let user = match (own, &chosen.user) {
            (Own::Nothing, _) | (Own::IfThere, None) => None,
            (_, Some(user)) => Some(pick.named("users", "user", user)?),
            (Own::Required, None) => {
                return Err(vec![format!("contexts {:?} names no user", fact(&chosen.name))]);
            }
        };
        let server = pick.server(cluster);
        let server_name = pick.text(cluster, "tls-server-name").map(str::to_owned);
        let authorities = pick.source(cluster, "certificate-authority");
        pick.refuse_the_rest(cluster, &pick::CLUSTER);
        let (certificate, token) = user.map_or((None, None), |user| pick.own(user, own));
        match server {
            Some(server) if pick.is_good() => Ok(Kubeconfig { server, server_name, authorities, certificate, token }),
            _ => Err(pick.into_errors()),
        }
    }

    /// Reads the files that it names, relative to `directory`.
    fn resolve(self, directory: &Path) -> Result<ClusterAccess, Vec<String>> {
        let (mut wrong, mut files) = (Vec::new(), Vec::new());
        let mut read = |source: Source| match source {
            Source::Inline(bytes) => Some(bytes),
            Source::File(file) => {
                let file = directory.join(file);
                let read = read_file(&file).map_err(|problem| wrong.push(problem)).ok();
                files.push(file);
                read
            }
        };
        let authorities = self.authorities.and_then(&mut read).map(|pem| pem.to_vec());
        let certificate = self.certificate.and_then(|(certificate, key)| {
            let (certificate, key) = (read(certificate), read(key));
            Some(OwnCertificate { certificate: certificate?.to_vec(), key: key? })
        });
        let credential = match self.token {
            Some(OwnCredential::TokenFile(file)) => OwnCredential::TokenFile(directory.join(file)),
            Some(other) => other,
            None if certificate.is_some() => OwnCredential::Certificate,
            None => OwnCredential::None,
        };
        if let Err(problem) = credential.authorization() {
            wrong.push(problem);
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let Kubeconfig { server, server_name, .. } = self;
        Ok(ClusterAccess { server, authorities, server_name, certificate, credential, files })
    }
}

fn read_file(file: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let cannot = |e: std::io::Error| format!("cannot read {}: {e}", file.display());
    let mut bytes = Zeroizing::new(Vec::new());
    std::fs::File::open(file).map_err(cannot)?.take(LARGEST + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("{} is larger than {LARGEST} bytes", file.display()));
    }
    Ok(bytes)
}

/// A token as the file has it.
fn token(text: &str) -> OwnCredential {
    OwnCredential::Token(SecretString::from(text))
}

/// The members of a map.
type Members = [(String, Node)];

#[cfg(test)]
mod tests;
