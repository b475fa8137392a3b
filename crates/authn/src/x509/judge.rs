//! Whether a chain is good: webpki's judgement, and what it leaves to us.
//!
//! 1. At most ten certificates.
//! 2. First it is asked whether any authority vouches for the holder at all, at a time when the holder's certificate is
//!    good, for whatever purpose. If none does, it is not ours: an expired certificate of strangers is strangers'.
//! 3. Then everything: signatures of today's algorithms, validity at `now`, name constraints, path lengths, and the
//!    purpose: a certificate that says what it is for must say clientAuth.
//! 4. The authority's own certificate must be good at `now`, too; webpki takes authorities as they are, Kubernetes does not.

use std::time::Duration;

use gangplank_jose::UnixTime;
use rustls_pki_types::CertificateDer;
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage, VerifiedPath};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::bundle::{Authorities, validity};
use super::refusal::CertificateRefusal;
use crate::refusal::fact;

const LONGEST: usize = 10;

/// What becomes of a chain.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is good until then.
    Good { ends: UnixTime },
    /// No authority of ours vouches for it, or it names nobody of ours.
    NotOurs(CertificateRefusal),
    /// It is ours, and bad.
    Bad(CertificateRefusal),
}

pub(super) fn judge(authorities: &Authorities, chain: &[CertificateDer<'_>], now: UnixTime) -> Verdict {
    match try_judge(authorities, chain, now) {
        Ok(ends) => Verdict::Good { ends },
        Err(verdict) => verdict,
    }
}

fn try_judge(authorities: &Authorities, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<UnixTime, Verdict> {
    let malformed = |problem: &str| Verdict::Bad(CertificateRefusal::Malformed { problem: problem.to_owned() });
    let Some((first, others)) = chain.split_first() else { return Err(malformed("there is no certificate")) };
    if chain.len() > LONGEST {
        return Err(malformed("the chain has more than ten certificates"));
    }
    let leaf = EndEntityCert::try_from(first).map_err(|e| malformed(&format!("the certificate: {e}")))?;
    let parsed = parse(first).ok_or_else(|| malformed("the certificate can't be understood"))?;
    let (begins, ends) = validity(parsed.validity());

    let verify = |at: UnixTime, usage: Usage, accept: &dyn Fn(&VerifiedPath<'_>) -> Result<(), Error>| {
        let at = rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(at.as_secs()));
        let algorithms = webpki::ALL_VERIFICATION_ALGS;
        let path = leaf.verify_for_usage(algorithms, &authorities.anchors, others, at, usage, None, Some(accept));
        path.map(|path| ends_of(&path, ends))
    };
    let any_path = |_: &VerifiedPath<'_>| Ok(());
    if let Err(Error::UnknownIssuer | Error::InvalidSignatureForPublicKey) =
        verify(now.clamp(begins, ends.max(begins)), Usage::Any, &any_path)
    {
        let issuer = fact(&parsed.issuer().to_string());
        return Err(Verdict::NotOurs(CertificateRefusal::IssuerUnknown { issuer }));
    }
    // Of several paths one is enough whose authority is good.
    let good_authority = |path: &VerifiedPath<'_>| match authorities.validity_of(path.anchor()) {
        Some((begins, ends)) if (begins..=ends).contains(&now) => Ok(()),
        _ => Err(Error::CertDistrusted),
    };
    match verify(now, Usage::Client, &good_authority) {
        Ok((within, anchor)) => {
            let of_anchor = authorities.anchors.iter().find(|own| own.subject_public_key_info.as_ref() == anchor);
            let authority_ends = of_anchor.and_then(|own| authorities.validity_of(own)).map_or(now, |(_, ends)| ends);
            Ok(within.min(authority_ends))
        }
        Err(error) => Err(Verdict::Bad(refusal(&error, (begins, ends), now))),
    }
}

/// The earliest end below the authority, and the authority's key.
fn ends_of(path: &VerifiedPath<'_>, leaf: UnixTime) -> (UnixTime, Vec<u8>) {
    let above = path.intermediate_certificates().filter_map(|above| {
        let der = above.der();
        parse(&der).map(|parsed| validity(parsed.validity()).1)
    });
    (above.fold(leaf, UnixTime::min), path.anchor().subject_public_key_info.as_ref().to_vec())
}

fn parse<'d>(der: &'d CertificateDer<'_>) -> Option<X509Certificate<'d>> {
    X509Certificate::from_der(der).ok().filter(|(rest, _)| rest.is_empty()).map(|(_, parsed)| parsed)
}

fn refusal(error: &Error, (begins, ends): (UnixTime, UnixTime), now: UnixTime) -> CertificateRefusal {
    let own = "the certificate";
    let above = "a certificate above it";
    let seconds = |time: &rustls_pki_types::UnixTime| UnixTime::from_secs(time.as_secs());
    match error {
        _ if now > ends => CertificateRefusal::Expired { which: own, at: ends },
        _ if now < begins => CertificateRefusal::NotYetValid { which: own, at: begins },
        Error::CertExpired { not_after, .. } => CertificateRefusal::Expired { which: above, at: seconds(not_after) },
        Error::CertNotValidYet { not_before, .. } => {
            CertificateRefusal::NotYetValid { which: above, at: seconds(not_before) }
        }
        Error::CertDistrusted => CertificateRefusal::Unacceptable {
            problem: "the authority's own certificate in the bundle is past its end, or not good yet".to_owned(),
        },
        other => CertificateRefusal::Unacceptable { problem: fact(&other.to_string()) },
    }
}

/// What a certificate may be for.
#[derive(Clone, Copy)]
enum Usage {
    Any,
    Client,
}

impl ExtendedKeyUsageValidator for Usage {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        match self {
            Usage::Any => Ok(()),
            Usage::Client => KeyUsage::client_auth().validate(purposes),
        }
    }
}
