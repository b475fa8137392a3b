//! Who holds a certificate.
//!
//! As Kubernetes has it:
//! 1. The user name is the common name. None, or an empty one: known to nobody here. Several: refused, since readers differ in
//!    which of them they take.
//! 2. The groups are all organizations.
//! 3. The uid is the attribute 1.3.6.1.4.1.57683.2, at most one, and not empty.
//! 4. `system:` names and groups are refused unless the configuration allows them.
//!
//! As SPIFFE has it (X.509-SVID §2–5), where trust domains are configured:
//! 1. Exactly one URI among the subject's alternative names, a SPIFFE ID with a path, of one of the trust domains. It is the
//!    user name, whole. Groups there are none: what the subject says is nobody's claim.
//! 2. The holder may sign (`digitalSignature`), and may not issue: neither an authority, nor `keyCertSign` or `cRLSign`.
//!
//! In both the certificate's SHA-256 goes along, as `authentication.kubernetes.io/credential-id`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use gangplank_jose::SpiffeId;
use rustls_pki_types::CertificateDer;
use x509_parser::oid_registry::{Oid, asn1_rs::oid};
use x509_parser::prelude::{AttributeTypeAndValue, FromDer as _, GeneralName, X509Certificate, X509Name};

use super::judge::Verdict;
use super::refusal::CertificateRefusal;
use crate::Identity;
use crate::mapping::{RESERVED, usable};
use crate::refusal::fact;

/// How a certificate names its holder.
#[derive(Clone, Debug)]
pub(super) enum Naming {
    Subject { allow_reserved: bool },
    Spiffe { domains: Vec<String> },
}

const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";
const MAX_GROUPS: usize = 1_000;

impl Naming {
    pub(super) fn identity(&self, issuer: &str, der: &CertificateDer<'_>) -> Result<Identity, Verdict> {
        let malformed = |_| Verdict::Bad(CertificateRefusal::Malformed { problem: "can't be understood".to_owned() });
        let (_, certificate) = X509Certificate::from_der(der).map_err(malformed)?;
        let identity = match self {
            Naming::Subject { allow_reserved } => subject(certificate.subject(), *allow_reserved)?,
            Naming::Spiffe { domains } => spiffe(&certificate, domains)?,
        };
        let mut id = "X509SHA256=".to_owned();
        for octet in digest(&SHA256, der).as_ref() {
            let _ = write!(id, "{octet:02x}");
        }
        let extra = BTreeMap::from([(CREDENTIAL_ID.to_owned(), vec![id])]);
        Ok(Identity { issuer: issuer.to_owned(), subject: identity.username.clone(), extra, ..identity })
    }
}

fn subject(name: &X509Name<'_>, allow_reserved: bool) -> Result<Identity, Verdict> {
    let common_names: Vec<_> = name.iter_common_name().collect();
    let username = match common_names.as_slice() {
        [] => return Err(nameless("the subject has no common name")),
        [one] => text("the common name", one)?,
        _ => return Err(unusable("the common name", "is there more than once")),
    };
    if username.is_empty() {
        return Err(nameless("the common name is empty"));
    }
    let username = name_of("the common name", username, allow_reserved)?;
    if username.trim() != username {
        return Err(unusable("the common name", "begins or ends with white space"));
    }
    let groups: Vec<String> = name
        .iter_organization()
        .map(|o| text("the organization", o).and_then(|group| name_of("the organization", group, allow_reserved)))
        .collect::<Result<_, _>>()?;
    if groups.len() > MAX_GROUPS {
        return Err(unusable("the organization", "is there more than 1,000 times"));
    }
    Ok(Identity { username, groups, uid: uid(name)?, ..Identity::default() })
}

fn uid(name: &X509Name<'_>) -> Result<Option<String>, Verdict> {
    let oid: Oid<'_> = oid!(1.3.6.1.4.1.57683.2);
    let uids: Vec<_> = name.iter_attributes().filter(|attribute| *attribute.attr_type() == oid).collect();
    match uids.as_slice() {
        [] => Ok(None),
        [one] => name_of("the uid", text("the uid", one)?, true).map(Some),
        _ => Err(unusable("the uid", "is there more than once")),
    }
}

fn text<'n>(what: &'static str, attribute: &AttributeTypeAndValue<'n>) -> Result<&'n str, Verdict> {
    attribute.as_str().map_err(|_| unusable(what, "is not text"))
}

fn name_of(attribute: &'static str, value: &str, allow_reserved: bool) -> Result<String, Verdict> {
    usable(value).map_err(|problem| unusable(attribute, problem))?;
    if value.starts_with(RESERVED) && !allow_reserved {
        return Err(Verdict::Bad(CertificateRefusal::NameReserved { attribute, value: fact(value) }));
    }
    Ok(value.to_owned())
}

fn spiffe(certificate: &X509Certificate<'_>, domains: &[String]) -> Result<Identity, Verdict> {
    const ID: &str = "the SPIFFE ID";
    let names = certificate.subject_alternative_name().map_err(|_| unusable(ID, "is there in two extensions"))?;
    let all = names.iter().flat_map(|extension| &extension.value.general_names);
    let uris: Vec<&str> = all
        .filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        })
        .collect();
    let uri = match uris.as_slice() {
        [] => return Err(nameless("there is no URI among the subject's alternative names")),
        [one] => *one,
        _ => return Err(unusable(ID, "is beside another URI")),
    };
    let id = SpiffeId::parse(uri).ok_or_else(|| nameless("its URI is no SPIFFE ID"))?;
    if !domains.iter().any(|domain| domain == id.trust_domain()) {
        return Err(nameless("its SPIFFE ID is of a trust domain that is not configured"));
    }
    if id.path().is_empty() {
        return Err(unusable(ID, "is that of a trust domain and names no workload"));
    }
    usable(uri).map_err(|problem| unusable(ID, problem))?;
    let usage = certificate.key_usage().ok().flatten().map(|extension| extension.value);
    let fit = usage.is_some_and(|usage| usage.digital_signature() && !usage.key_cert_sign() && !usage.crl_sign());
    if !fit || certificate.is_ca() {
        let problem =
            "an X.509-SVID has the key usage digitalSignature, and neither keyCertSign nor cRLSign".to_owned();
        return Err(Verdict::Bad(CertificateRefusal::Unacceptable { problem }));
    }
    Ok(Identity {
        issuer_url: id.trust_domain_id().to_owned(),
        username: id.as_str().to_owned(),
        ..Identity::default()
    })
}

fn nameless(problem: &'static str) -> Verdict {
    Verdict::NotOurs(CertificateRefusal::Nameless { problem })
}

fn unusable(attribute: &'static str, problem: &'static str) -> Verdict {
    Verdict::Bad(CertificateRefusal::NameUnusable { attribute, problem })
}
