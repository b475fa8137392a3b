//! Authenticators that judge as a cluster does, or ask one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gangplank_authn::kubeconfig::{ClusterAccess, Own};
use gangplank_authn::kubernetes::{GroupsElsewhere, KubernetesAuthenticator};
use gangplank_authn::token_review::{Cluster, ClusterSettings};
use gangplank_authn::{Authenticator, GroupsResolver};
use gangplank_net::{ClientCertificate, HttpClient, Roots};
use gangplank_oauth::Transport;
use gangplank_oauth::config::{ConfigError, Environment, Span};

use super::groups::Resolvers;
use super::{Deps, Errors};
use crate::authentication_file::AuthenticationFile;
use crate::config::ClusterConfig;
use crate::trace::observed;

/// `authentication_config`. Issuers that stay where they were keep their keys. Groups that a token of Entra ID has no room
/// for are asked for by the issuer of the same tenant that has `groups_from`.
pub(super) fn file(
    name: &str,
    file: &AuthenticationFile,
    at: &str,
    groups: &Resolvers,
    deps: &Deps<'_>,
    errors: &mut Errors,
) -> Option<Arc<KubernetesAuthenticator>> {
    let before = deps.shared.kubernetes(name);
    let groups: Vec<Arc<GroupsResolver>> = groups.values().cloned().collect();
    let groups = (!groups.is_empty()).then(|| Arc::new(groups) as Arc<dyn GroupsElsewhere>);
    match file.read(name, deps.clock.clone(), deps.transport.clone(), groups, before.as_deref()) {
        Ok(authenticator) => Some(authenticator),
        Err(wrong) => {
            for error in wrong {
                let field = if error.path.is_empty() { String::new() } else { format!("{}: ", error.path) };
                let message = format!("{}: {field}{}", file.file.display(), error.message);
                errors.push(ConfigError::new(format!("{at}.file"), message, error.help));
            }
            None
        }
    }
}

/// `token_review`.
pub(super) fn cluster(
    name: &str,
    config: &ClusterConfig,
    at: &str,
    deps: &Deps<'_>,
    errors: &mut Errors,
) -> Option<Arc<dyn Authenticator>> {
    let good = errors.len();
    for (key, list) in [("audiences", &config.audiences), ("issuers", &config.issuers)] {
        for (i, _) in list.iter().enumerate().filter(|(_, value)| value.is_empty()) {
            errors.push(ConfigError::new(format!("{at}.{key}[{i}]"), "is empty", "leave it out"));
        }
    }
    let remember = config.cache.map_or(Duration::from_secs(10), |Span(span)| span);
    if !(Duration::from_secs(1)..=Duration::from_secs(60)).contains(&remember) {
        let help = "1s to 60s: so long a token is good that the cluster has withdrawn";
        errors.push(ConfigError::new(format!("{at}.cache"), format!("{remember:?} is out of range"), help));
    }
    let found = access(Where::of(config), Own::Required, deps.environment);
    let access = found.map_err(|wrong| errors.extend(wrong.into_iter().map(|e| under(at, e)))).ok()?;
    let transport = transport(&access, deps).map_err(|e| errors.push(under(at, e))).ok()?;
    if errors.len() > good {
        return None;
    }
    let settings = ClusterSettings {
        name: name.to_owned(),
        server: access.server,
        audiences: config.audiences.clone(),
        issuers: config.issuers.clone(),
        remember,
        allow_reserved: config.allow_reserved.unwrap_or(true),
    };
    Some(Arc::new(Cluster::new(settings, access.credential, transport)))
}

/// Which cluster, as the configuration says it.
#[derive(Clone, Copy)]
pub(super) struct Where<'c> {
    pub(super) in_cluster: bool,
    pub(super) kubeconfig: Option<&'c PathBuf>,
    pub(super) context: Option<&'c str>,
}

impl<'c> Where<'c> {
    /// Of one that is asked about tokens.
    pub(super) fn of(config: &'c ClusterConfig) -> Self {
        Where {
            in_cluster: config.in_cluster,
            kubeconfig: config.kubeconfig.as_ref(),
            context: config.context.as_deref(),
        }
    }
}

/// The files of a cluster: when one changes, a gate is built again. Those that can't be read are said when it is built.
pub(super) fn files(at: Where<'_>, own: Own) -> Vec<PathBuf> {
    match at.kubeconfig {
        Some(file) => {
            let read = ClusterAccess::from_kubeconfig(file, at.context, own);
            read.map_or_else(|_| vec![file.clone()], |access| access.files)
        }
        None => ClusterAccess::files_in_cluster(),
    }
}

/// What is wrong, each with the key that it is about.
type Wrong = Vec<(&'static str, String)>;

/// The way there.
pub(super) fn access(at: Where<'_>, own: Own, environment: Environment<'_>) -> Result<ClusterAccess, Wrong> {
    let about = |key: &'static str| move |wrong: Vec<String>| wrong.into_iter().map(|w| (key, w)).collect::<Vec<_>>();
    match (at.in_cluster, at.kubeconfig) {
        (true, Some(_)) => Err(vec![("", "has both in_cluster and kubeconfig".to_owned())]),
        (false, None) => Err(vec![("", "does not say which cluster: in_cluster = true, or kubeconfig".to_owned())]),
        (true, None) if at.context.is_some() => {
            Err(vec![("context", "is of a kubeconfig, and there is none".to_owned())])
        }
        (true, None) => ClusterAccess::in_cluster(environment, own).map_err(about("in_cluster")),
        (false, Some(file)) => {
            let named = |file: &Path, wrong: Vec<String>| {
                wrong.into_iter().map(|w| ("kubeconfig", format!("{}: {w}", file.display()))).collect::<Vec<_>>()
            };
            ClusterAccess::from_kubeconfig(file, at.context, own).map_err(|wrong| named(file, wrong))
        }
    }
}

/// The certificate that we show there, and whom we trust.
pub(super) fn identity(access: &ClusterAccess) -> Result<(Roots, Option<ClientCertificate>), (&'static str, String)> {
    let own = access.certificate.as_ref().map(|own| ClientCertificate::from_pem(&own.certificate, &own.key));
    let own = own.transpose().map_err(|e| ("kubeconfig", format!("its client certificate: {e}")))?;
    Ok((access.authorities.clone().map_or(Roots::System, Roots::Pem), own))
}

/// Carries questions there.
pub(super) fn transport(access: &ClusterAccess, deps: &Deps<'_>) -> Result<Arc<dyn Transport>, (&'static str, String)> {
    let (roots, own) = identity(access)?;
    let client = HttpClient::known_as(&roots, own, access.server_name.as_deref());
    let client = client.map_err(|e| ("", format!("the cluster can't be asked: {e}")))?;
    Ok(observed(deps.transport.clone().unwrap_or_else(|| Arc::new(client))))
}

pub(super) fn under(at: &str, (key, message): (&'static str, String)) -> ConfigError {
    let dot = if key.is_empty() { "" } else { "." };
    ConfigError::new(format!("{at}{dot}{key}"), message, "")
}
