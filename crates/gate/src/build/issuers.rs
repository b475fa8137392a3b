//! `[issuers.NAME]`: whose tokens are believed.
//!
//! An issuer whose configuration and files (authorities, keys) are as they were is taken over from the gate in force, with the metadata
//! and keys it has: a reload while the provider is away costs nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use gangplank_authn::Issuer;
use gangplank_net::{HttpClient, Roots};
use gangplank_oauth::Transport;
use gangplank_oauth::config::ConfigError;

use super::issuer::{self, files};
use super::{Deps, Errors};
use crate::config::{Config, IssuerConfig};
use crate::trace::observed;

/// The issuers of the gate that was built last, for the next one.
#[derive(Debug, Default)]
pub(crate) struct KnownIssuers(Mutex<BTreeMap<String, Known>>);

/// What files held. Read before an issuer is made of them: one that changes meanwhile leaves an issuer that is not
/// known again, rather than one that is kept for what it is not.
type Contents = Vec<Option<Vec<u8>>>;

#[derive(Debug)]
struct Known {
    config: IssuerConfig,
    files: Contents,
    /// Not held: it goes with the last gate that uses it.
    issuer: Weak<Issuer>,
}

impl KnownIssuers {
    fn find(&self, name: &str, config: &IssuerConfig, files: &Contents) -> Option<Arc<Issuer>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(name).filter(|known| known.config == *config && known.files == *files)?;
        known.issuer.upgrade()
    }

    /// Remembers what a gate was built with. Only for one that was built whole: a wrong configuration changes nothing.
    pub(super) fn remember(&self, config: &Config, read: &Read) {
        let known = read.issuers.iter().filter_map(|(name, issuer)| {
            let config = config.issuers.get(name)?.clone();
            let files = read.files.get(name)?.clone();
            Some((name.clone(), Known { config, files, issuer: Arc::downgrade(issuer) }))
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = known.collect();
    }
}

/// What its files hold: the same name may hold something else than before.
fn contents(config: &IssuerConfig) -> Contents {
    files(config).into_iter().map(|file| std::fs::read(file).ok()).collect()
}

/// All issuers, and what they were made of.
#[derive(Default)]
pub(super) struct Read {
    pub(super) issuers: BTreeMap<String, Arc<Issuer>>,
    files: BTreeMap<String, Contents>,
}

/// Reads all issuers. One that is wrong is left out, and said.
pub(super) fn read(config: &Config, deps: &Deps<'_>, errors: &mut Errors) -> Read {
    let mut read = Read::default();
    for (name, issuer) in &config.issuers {
        let at = format!("issuers.{name}");
        let files = contents(issuer);
        let settings = issuer::settings(name, issuer, errors);
        let transport = transport(issuer, deps, &at, errors);
        let known = deps.shared.issuers().find(name, issuer, &files);
        read.files.insert(name.clone(), files);
        if let Some(known) = known {
            read.issuers.insert(name.clone(), known);
            continue;
        }
        let (Some(settings), Some(transport)) = (settings, transport) else { continue };
        match Issuer::new(settings, observed(transport), deps.clock.clone()) {
            Ok(issuer) => {
                read.issuers.insert(name.clone(), issuer);
            }
            Err(more) => errors.extend(more),
        }
    }
    read
}

/// The issuers without which some route can't do its work.
pub(super) fn needed(config: &Config, issuers: &BTreeMap<String, Arc<Issuer>>) -> Vec<Arc<Issuer>> {
    let needs = |name: &str| {
        let reviewed = config.token_review.iter().any(|webhook| webhook.accept.iter().any(|accepted| accepted == name));
        reviewed
            || config.routes.iter().any(|route| {
                let signs_in = |client: &String| config.clients.get(client).is_some_and(|c| c.issuer == name);
                route.sign_in.0.iter().any(signs_in) || super::routes::accepted(config, route).iter().any(|i| i == name)
            })
    };
    issuers.iter().filter(|(name, _)| needs(name)).map(|(_, issuer)| issuer.clone()).collect()
}

fn transport(issuer: &IssuerConfig, deps: &Deps<'_>, at: &str, errors: &mut Errors) -> Option<Arc<dyn Transport>> {
    let roots = issuer.ca_file.as_ref().map_or(Roots::System, |file| Roots::File(file.clone()));
    match HttpClient::new(&roots) {
        Ok(client) => Some(deps.transport.clone().unwrap_or_else(|| Arc::new(client))),
        Err(error) => {
            errors.push(ConfigError::new(format!("{at}.ca_file"), error.to_string(), "a PEM file of authorities"));
            None
        }
    }
}
