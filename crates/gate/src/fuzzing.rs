//! Doors for the fuzz targets to parsers that are nobody else's business. Nothing is decided here.

use crate::hosts::Hosts;
use crate::return_target::ReturnTarget;

/// The hosts of a deployment.
#[derive(Debug)]
pub struct Deployment(Hosts);

impl Deployment {
    /// As `gate.public_url`, the hosts of routes and `gate.return_hosts` say; `None` if they are wrong.
    pub fn new(public_url: &str, route_hosts: &[&str], return_hosts: &[&str]) -> Option<Deployment> {
        let return_hosts: Vec<String> = return_hosts.iter().map(|&host| host.to_owned()).collect();
        Hosts::new(public_url, route_hosts.iter().copied(), &return_hosts, false).ok().map(Deployment)
    }

    /// The authority of ours that a request names, as the configuration spells it.
    pub fn authority(&self, requested: &str) -> Option<String> {
        self.0.authority(requested)
    }

    /// Judges a return target as seen from one of our authorities; `Err` with the inward words.
    pub fn return_target(&self, text: &str, authority: &str, prefix: &str) -> Result<String, String> {
        match ReturnTarget::judge(text, authority, &self.0, prefix) {
            Ok(target) => Ok(target.as_str().to_owned()),
            Err(refusal) => Err(refusal.to_string()),
        }
    }
}
