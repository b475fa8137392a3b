//! Why a client certificate was not accepted.

use gangplank_jose::{Fault, Reason, UnixTime};

use crate::refusal::reasons;

/// A refusal of [`ClientCertificates`](super::ClientCertificates).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateRefusal {
    /// A certificate of the chain is past its end.
    #[error("{which} was good until {at}")]
    Expired {
        /// Which of them.
        which: &'static str,
        /// Its end.
        at: UnixTime,
    },
    /// The header of a trusted proxy does not hold a certificate in the form that it has.
    #[error("{header}: {problem}")]
    HeaderMalformed {
        /// The header.
        header: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// None of the authorities vouches for it.
    #[error("no authority of the bundle vouches for it; its issuer is {issuer}")]
    IssuerUnknown {
        /// The issuer's name.
        issuer: String,
    },
    /// It is no certificate that can be understood.
    #[error("{problem}")]
    Malformed {
        /// What is wrong with it.
        problem: String,
    },
    /// There is nothing in it that could be a user name.
    #[error("{problem}")]
    Nameless {
        /// What is missing.
        problem: &'static str,
    },
    /// A name that Kubernetes reserves for itself.
    #[error("{attribute} {value:?} begins with system:")]
    NameReserved {
        /// Where it stands.
        attribute: &'static str,
        /// The name.
        value: String,
    },
    /// A name that can't be used.
    #[error("{attribute} {problem}")]
    NameUnusable {
        /// Where it stands.
        attribute: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The proxy tells of a certificate and does not hand it on.
    #[error("{header} has neither Cert nor Chain")]
    NotHandedOn {
        /// The header.
        header: &'static str,
    },
    /// A certificate of the chain is not good yet.
    #[error("{which} is good from {at} on")]
    NotYetValid {
        /// Which of them.
        which: &'static str,
        /// Its beginning.
        at: UnixTime,
    },
    /// An authority vouches for it, and yet it is not good for this.
    #[error("{problem}")]
    Unacceptable {
        /// What is wrong with it.
        problem: String,
    },
}

reasons! {
    EXPIRED = "certificate-expired", Caller,
        "The client certificate, or one of those above it, is past its end.",
        "Renew the certificate; if it is the authority's own, put the next one into ca_file.";
    HEADER_MALFORMED = "certificate-header-malformed", Operator,
        "The header in which the proxy hands the client certificate on does not have the form that is configured.",
        "Set `from` to the header that this proxy sends, and let the proxy overwrite what clients send under that name.";
    ISSUER_UNKNOWN = "certificate-issuer-unknown", Caller,
        "No authority of the bundle vouches for the client certificate.",
        "Compare its issuer with the authorities in ca_file; the client must send intermediate certificates along, or ca_file must have them.";
    MALFORMED = "certificate-malformed", Caller,
        "The client certificate can't be understood, or the chain is too long.",
        "Look at it with `openssl x509 -text`; it must be of X.509 version 3, in a chain of at most ten.";
    NAMELESS = "certificate-nameless", Caller,
        "The client certificate does not name its holder in the way that is configured.",
        "Issue it with a common name, or, with spiffe_trust_domains, with a SPIFFE ID of one of those.";
    NAME_RESERVED = "certificate-name-reserved", Caller,
        "The client certificate has a name or group that is reserved for Kubernetes' own (`system:…`).",
        "Issue it with another name; only for a cluster's own authority set allow_reserved.";
    NAME_UNUSABLE = "certificate-name-unusable", Caller,
        "A name in the client certificate is there twice, empty, too long, or holds control characters.",
        "Issue it with one common name and at most one uid, of printable text of at most 1 KiB.";
    NOT_HANDED_ON = "certificate-not-handed-on", Operator,
        "The proxy tells of a client certificate without handing it on.",
        "Let Envoy add `cert: true` and `chain: true` (set_current_client_cert_details): what a proxy says of a certificate is not believed, the certificate is judged here.";
    NOT_YET_VALID = "certificate-not-yet-valid", Caller,
        "The client certificate, or one of those above it, begins in the future.",
        "Set the clocks of the machine that runs the gate and of the one that issued it.";
    UNACCEPTABLE = "certificate-unacceptable", Caller,
        "An authority of the bundle vouches for the client certificate, and it is not good for authenticating a client.",
        "Issue it for clientAuth, within the name constraints of its authorities, with a signature of today's algorithms, and not as an authority itself.";
}

impl CertificateRefusal {
    /// The catalogue entries.
    pub const REASONS: &'static [&'static Reason] = OWN;

    /// The catalogue entry.
    pub fn reason(&self) -> &'static Reason {
        match self {
            CertificateRefusal::Expired { .. } => &EXPIRED,
            CertificateRefusal::HeaderMalformed { .. } => &HEADER_MALFORMED,
            CertificateRefusal::IssuerUnknown { .. } => &ISSUER_UNKNOWN,
            CertificateRefusal::Malformed { .. } => &MALFORMED,
            CertificateRefusal::Nameless { .. } => &NAMELESS,
            CertificateRefusal::NameReserved { .. } => &NAME_RESERVED,
            CertificateRefusal::NameUnusable { .. } => &NAME_UNUSABLE,
            CertificateRefusal::NotHandedOn { .. } => &NOT_HANDED_ON,
            CertificateRefusal::NotYetValid { .. } => &NOT_YET_VALID,
            CertificateRefusal::Unacceptable { .. } => &UNACCEPTABLE,
        }
    }
}
