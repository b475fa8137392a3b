//! `upstream`: where a route leads, and whom to trust there. Routes that trust the same authorities share connections.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use gangplank_net::{Roots, UpstreamClient, UpstreamSettings};
use gangplank_oauth::config::{ConfigError, Span};
use http::uri::{Authority, Scheme};

use super::Errors;
use crate::Body;
use crate::config::RouteConfig;
use crate::proxy::{Upstream, Way};

/// One client per set of authorities.
#[derive(Default)]
pub(super) struct Upstreams {
    clients: HashMap<Option<PathBuf>, UpstreamClient<Body>>,
}

impl Upstreams {
    /// Reads a route's upstream. `at` is the route's key.
    pub(super) fn read(&mut self, route: &RouteConfig, at: &str, errors: &mut Errors) -> Option<Upstream> {
        let timeout = timeout(route, at, errors);
        let Some(url) = &route.upstream else {
            let mut useless = |key: &str, set: bool| {
                if set {
                    let message = "is set, and the route has no upstream";
                    errors.push(ConfigError::new(format!("{at}.{key}"), message, "set upstream, or leave it out"));
                }
            };
            useless("upstream_ca_file", route.upstream_ca_file.is_some());
            useless("timeout", route.timeout.is_some());
            useless("pass.host", route.pass.host.is_some());
            useless("pass.authorization", route.pass.authorization);
            return None;
        };
        let Some((scheme, authority)) = parse(url) else {
            errors.push(ConfigError::new(
                format!("{at}.upstream"),
                format!("{url:?} is not where a request could be sent"),
                "http://HOST:PORT, https://HOST:PORT or h2c://HOST:PORT, without path, query and user",
            ));
            return None;
        };
        if route.upstream_ca_file.is_some() && scheme != Scheme::HTTPS {
            let message = "authorities are given, and upstream is not https";
            errors.push(ConfigError::new(format!("{at}.upstream_ca_file"), message, "use https, or leave it out"));
        }
        let client = self.client(route.upstream_ca_file.as_ref(), at, errors)?;
        Some(Upstream {
            scheme,
            authority,
            way: Way::Plain(client),
            timeout,
            pass_host: route.pass.host.unwrap_or(true),
        })
    }

    fn client(&mut self, ca: Option<&PathBuf>, at: &str, errors: &mut Errors) -> Option<UpstreamClient<Body>> {
        if let Some(client) = self.clients.get(&ca.cloned()) {
            return Some(client.clone());
        }
        let roots = ca.map_or(Roots::System, |file| Roots::File(file.clone()));
        match UpstreamClient::new(&roots, &UpstreamSettings::default()) {
            Ok(client) => {
                self.clients.insert(ca.cloned(), client.clone());
                Some(client)
            }
            Err(error) => {
                errors.push(ConfigError::new(format!("{at}.upstream_ca_file"), error.to_string(), "a PEM file"));
                None
            }
        }
    }
}

/// How long the upstream may take to the head of its answer.
pub(super) fn timeout(route: &RouteConfig, at: &str, errors: &mut Errors) -> Duration {
    let timeout = route.timeout.map_or(Duration::from_secs(60), |Span(d)| d);
    if timeout.is_zero() {
        errors.push(ConfigError::new(format!("{at}.timeout"), "no upstream answers in no time", "such as \"60s\""));
    }
    timeout
}

fn parse(url: &str) -> Option<(Scheme, Authority)> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = match scheme {
        "http" => Scheme::HTTP,
        "https" => Scheme::HTTPS,
        "h2c" => "h2c".parse().ok()?,
        _ => return None,
    };
    let authority = crate::forwarded::authority(rest.strip_suffix('/').unwrap_or(rest))?;
    Some((scheme, authority.parse().ok()?))
}
