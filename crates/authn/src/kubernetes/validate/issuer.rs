//! `jwt[*].issuer`:
//!
//! 1. `url` is there, and none of the issuers that belong to the API server itself.
//! 2. `url` and `discoveryURL` are `https`, have a host, and neither user name, query nor fragment. Stricter than
//!    Kubernetes: at most 2048 octets, no white space, no empty query (`?`) or fragment (`#`).
//! 3. `discoveryURL`, if given, is not `url`, slashes at their ends left aside.
//! 4. `audiences` has at least one member, none is empty, none is there twice. More than one demand
//!    `audienceMatchPolicy: MatchAny`; with one it may also be left out.
//! 5. `certificateAuthority`, if given, holds at least one certificate in PEM.
//! 6. `egressSelectorType`, if given, is `controlplane` or `cluster`.

use std::collections::BTreeSet;

use gangplank_oauth::IssuerUrl;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use url::Url;

use super::Validator;
use crate::kubernetes::compiled::{Issuer, KeysAt};
use crate::kubernetes::field::{FieldError, Path};
use crate::kubernetes::file;

const MATCH_ANY: &str = "MatchAny";

impl Validator<'_> {
    pub(super) fn issuer(&mut self, at: &Path, issuer: &file::Issuer) -> Option<Issuer> {
        let url = self.issuer_url(&at.child("url"), &issuer.url);
        let discovery_url = self.discovery_url(&at.child("discoveryURL"), issuer);
        self.audiences(at, issuer);
        let authority = Some(&issuer.certificate_authority).filter(|pem| !pem.is_empty());
        if let Some(problem) = authority.and_then(|pem| no_certificate(pem)) {
            self.errors.push(FieldError::invalid(&at.child("certificateAuthority"), "<omitted>", problem));
        }
        let egress = issuer.egress_selector_type.as_str();
        if !matches!(egress, "" | "controlplane" | "cluster") {
            let detail = "must be controlplane or cluster";
            self.errors.push(FieldError::invalid(&at.child("egressSelectorType"), egress, detail));
        }
        let url = url?;
        let keys = KeysAt { issuer: url.clone(), discovery_url, certificate_authority: authority.cloned() };
        Some(Issuer { url, audiences: issuer.audiences.clone(), keys })
    }

    fn issuer_url(&mut self, at: &Path, url: &str) -> Option<IssuerUrl> {
        if url.is_empty() {
            self.errors.push(FieldError::required(at, "the issuer's URL, exactly as its tokens spell `iss`"));
            return None;
        }
        if self.disallowed.iter().any(|disallowed| disallowed == url) {
            let detail = "URL must not be one of the API server's own issuers of service account tokens";
            self.errors.push(FieldError::invalid(at, url, detail));
        }
        self.url(at, url)
    }

    fn discovery_url(&mut self, at: &Path, issuer: &file::Issuer) -> Option<String> {
        let url = &issuer.discovery_url;
        if url.is_empty() {
            return None;
        }
        if !issuer.url.is_empty() && issuer.url.trim_end_matches('/') == url.trim_end_matches('/') {
            self.errors.push(FieldError::invalid(at, url, "discoveryURL must be different from URL"));
        }
        self.url(at, url).map(|_| url.clone())
    }

    fn url(&mut self, at: &Path, text: &str) -> Option<IssuerUrl> {
        let before = self.errors.len();
        let mut wrong = |problem: &str| self.errors.push(FieldError::invalid(at, text, problem));
        match Url::parse(text) {
            Err(_) => wrong("must be an absolute URL such as https://login.example.com"),
            Ok(url) => {
                let parts = [
                    (url.scheme() != "https", "URL scheme must be https"),
                    (
                        !url.username().is_empty() || url.password().is_some(),
                        "URL must not contain a username or password",
                    ),
                    (url.query().is_some(), "URL must not contain a query"),
                    (url.fragment().is_some(), "URL must not contain a fragment"),
                ];
                parts.into_iter().filter(|(found, _)| *found).for_each(|(_, problem)| wrong(problem));
            }
        }
        match IssuerUrl::parse(text) {
            _ if self.errors.len() > before => None,
            Ok(url) => Some(url),
            Err(error) => {
                self.errors.push(FieldError::invalid(at, text, error.to_string()));
                None
            }
        }
    }

    fn audiences(&mut self, at: &Path, issuer: &file::Issuer) {
        let (list, policy) = (at.child("audiences"), issuer.audience_match_policy.as_str());
        if issuer.audiences.is_empty() {
            self.errors.push(FieldError::required(&list, "at least one audience is needed"));
            return;
        }
        let mut seen = BTreeSet::new();
        for (i, audience) in issuer.audiences.iter().enumerate() {
            if audience.is_empty() {
                self.errors.push(FieldError::required(&list.index(i), "an audience is not empty"));
            }
            if !seen.insert(audience) {
                self.errors.push(FieldError::duplicate(&list.index(i), audience));
            }
        }
        let problem = match (issuer.audiences.len(), policy) {
            (_, MATCH_ANY) | (1, "") => return,
            (1, _) => "audienceMatchPolicy must be empty or MatchAny for single audience",
            _ => "audienceMatchPolicy must be MatchAny for multiple audiences",
        };
        self.errors.push(FieldError::invalid(&at.child("audienceMatchPolicy"), policy, problem));
    }
}

/// Why there is no certificate in it, if there is none.
fn no_certificate(pem: &str) -> Option<&'static str> {
    let parses = |der: CertificateDer<'_>| x509_parser::parse_x509_certificate(&der).is_ok();
    let found = CertificateDer::pem_slice_iter(pem.as_bytes()).any(|section| section.is_ok_and(parses));
    (!found).then_some("must hold at least one certificate in PEM")
}
