//! `[token_review]`: the webhook beside the gate.

use std::path::PathBuf;
use std::sync::Arc;

use gangplank_net::ReloadingTls;
use gangplank_oauth::config::ConfigError;

use super::authenticators::Chains;
use super::{Deps, Errors, keep};
use crate::config::Config;
use crate::token_review::{TokenReviewConfig, TokenReviewDeps, TokenReviewServer, TokenReviewSettings};

/// Reads it, if there is one.
pub(super) fn read(
    config: &Config,
    chains: &mut Chains<'_>,
    deps: &Deps<'_>,
    errors: &mut Errors,
) -> Option<Arc<TokenReviewServer>> {
    let webhook = config.token_review.as_ref()?;
    sockets(config, webhook, errors);
    accept(config, webhook, errors);
    let settings = TokenReviewSettings {
        audiences: webhook.audiences.clone(),
        allow_reserved: webhook.allow_reserved,
        path: webhook.path.clone(),
        error_texts: webhook.error_texts,
    };
    let chain = chains.of(&webhook.accept)?;
    let deps = TokenReviewDeps { chain, clock: deps.clock.clone(), shared: deps.shared.clone() };
    keep(errors, TokenReviewServer::build(settings, deps))
}

/// The files that are read for its listener.
pub(super) fn files(config: &Config) -> impl Iterator<Item = PathBuf> {
    config.token_review.iter().flat_map(|webhook| {
        let TokenReviewConfig { tls, client_ca_file, .. } = webhook;
        [tls.cert.clone(), tls.key.clone()].into_iter().chain(client_ca_file.clone())
    })
}

fn sockets(config: &Config, webhook: &TokenReviewConfig, errors: &mut Errors) {
    let others = [("gate.listen", Some(config.gate.listen)), ("gate.metrics_listen", config.gate.metrics_listen)];
    let taken = |address: &Option<_>| *address == Some(webhook.listen) && webhook.listen.port() != 0;
    if let Some((other, _)) = others.iter().find(|(_, address)| taken(address)) {
        errors.push(ConfigError::new("token_review.listen", format!("is the address of {other}"), "another port"));
    }
    match (ReloadingTls::load(&webhook.tls.cert, &webhook.tls.key), &webhook.client_ca_file) {
        (Err(error), _) => {
            let help = "PEM files of one certificate and its key";
            errors.push(ConfigError::new("token_review.tls", error.to_string(), help));
        }
        (Ok(tls), Some(authorities)) => {
            if let Err(error) = tls.requiring(authorities) {
                let help = "a PEM file of the authorities of those who may ask";
                errors.push(ConfigError::new("token_review.client_ca_file", error.to_string(), help));
            }
        }
        (Ok(_), None) => {}
    }
}

fn accept(config: &Config, webhook: &TokenReviewConfig, errors: &mut Errors) {
    if webhook.accept.is_empty() {
        let help = "names of [issuers] and [authenticators], in the order in which they are asked";
        errors.push(ConfigError::new("token_review.accept", "nobody's tokens are good", help));
    }
    for (i, name) in webhook.accept.iter().enumerate() {
        let at = format!("token_review.accept[{i}]");
        let mut say = |message: String, help: &str| errors.push(ConfigError::new(&at, message, help));
        match (config.issuers.get(name), config.authenticators.get(name)) {
            (None, None) => {
                let all = config.issuers.keys().chain(config.authenticators.keys());
                let known = all.map(String::as_str).collect::<Vec<_>>().join(", ");
                let help = format!("one of [issuers] and [authenticators]: {known}");
                say(format!("there is no issuer and no authenticator {name:?}"), &help);
            }
            (Some(issuer), _) if issuer.audiences.is_empty() => say(
                format!("issuers.{name} has no audiences, so none of its tokens would be accepted"),
                "list the accepted audiences under that issuer",
            ),
            (_, Some(authenticator)) if authenticator.none == Some(true) => say(
                format!("authenticators.{name} lets in whoever presents nothing, and here there is always a token"),
                "leave it out: whether the cluster has anonymous users is for its API server",
            ),
            (_, Some(authenticator))
                if authenticator.htpasswd.is_some() || authenticator.client_certificates.is_some() =>
            {
                say(
                    format!("authenticators.{name} reads no bearer tokens, and here there is nothing else"),
                    "leave it out: an API server judges certificates by itself",
                );
            }
            _ => {}
        }
        if webhook.accept[..i].contains(name) {
            say(format!("{name:?} is there already"), "once is enough");
        }
    }
}
