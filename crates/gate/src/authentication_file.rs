//! An `AuthenticationConfiguration` on disk, and the authenticator that is made of it.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use gangplank_authn::kubernetes::{
    AuthenticationConfiguration, GroupsElsewhere, KubernetesAuthenticator, Policy, Ports, ReservedNames,
};
use gangplank_net::{HttpClient, Roots};
use gangplank_oauth::config::ConfigError;
use gangplank_oauth::{Clock, Transport};
use serde::Deserialize;

use crate::trace::observed;

/// The largest file that is read: kube-apiserver's own certificates and expressions fit many times.
const LARGEST: u64 = 1 << 20;

/// `[authenticators.NAME] authentication_config = { … }`: the file that kube-apiserver reads.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthenticationFile {
    /// An `AuthenticationConfiguration` of `apiserver.config.k8s.io`.
    pub file: PathBuf,
    /// Whether its issuers may give names that begin with `system:`, as kube-apiserver lets them. Default false.
    #[serde(default)]
    pub allow_reserved: bool,
    /// Hosts besides an issuer's own from which distributed groups may be fetched. Default: none.
    #[serde(default)]
    pub claim_hosts: Vec<String>,
}

impl AuthenticationFile {
    /// Reads the file. The authenticator takes over the keys that `before` has. Paths of errors are those of the file's
    /// fields. With `transport` that one is asked, and else the network. `groups` gets the groups that a token of Entra ID has
    /// no room for; without it, who has that many is refused where groups are mapped.
    ///
    /// # Errors
    /// All that is wrong with the file.
    pub fn read(
        &self,
        name: &str,
        clock: Arc<dyn Clock>,
        transport: Option<Arc<dyn Transport>>,
        groups: Option<Arc<dyn GroupsElsewhere>>,
        before: Option<&KubernetesAuthenticator>,
    ) -> Result<Arc<KubernetesAuthenticator>, Vec<ConfigError>> {
        let bytes = self.bytes().map_err(|problem| vec![ConfigError::new("", problem, "")])?;
        let configuration = AuthenticationConfiguration::parse(&bytes, &[])
            .map_err(|errors| errors.into_iter().map(ConfigError::from).collect::<Vec<_>>())?;
        if configuration.anonymous().is_some_and(|anonymous| anonymous.enabled()) {
            tracing::warn!(file = %self.file.display(), "anonymous is left to the API server: only credentials are judged here");
        }
        let reserved_names = if self.allow_reserved { ReservedNames::Allow } else { ReservedNames::Refuse };
        let policy = Policy { reserved_names, claim_hosts: self.claim_hosts.clone() };
        let connect = |authorities: Option<&str>| connect(authorities, transport.clone());
        let ports = Ports { connect: &connect, clock, groups };
        KubernetesAuthenticator::new(name, &configuration, policy, ports, before)
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        let cannot = |e: std::io::Error| format!("cannot read {}: {e}", self.file.display());
        let mut bytes = Vec::new();
        let file = std::fs::File::open(&self.file).map_err(cannot)?;
        file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(cannot)?;
        if bytes.len() as u64 > LARGEST {
            return Err(format!("{} is larger than {LARGEST} bytes", self.file.display()));
        }
        Ok(bytes)
    }
}

fn connect(authorities: Option<&str>, given: Option<Arc<dyn Transport>>) -> Result<Arc<dyn Transport>, String> {
    let roots = authorities.map_or(Roots::System, |pem| Roots::Pem(pem.as_bytes().to_vec()));
    let client = HttpClient::new(&roots).map_err(|e| e.to_string())?;
    Ok(observed(given.unwrap_or_else(|| Arc::new(client))))
}
