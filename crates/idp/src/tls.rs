//! A certificate authority of one's own, for clients that insist on TLS.

use std::net::IpAddr;
use std::time::Duration;

use gangplank_jose::UnixTime;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType, date_time_ymd,
};

/// An authority and one server certificate, all in PEM.
#[derive(Clone)]
pub struct DevCa {
    /// What clients are to trust. The authority's key is thrown away: it signs nothing else.
    pub ca_pem: String,
    /// The server's certificate.
    pub chain_pem: String,
    /// The server's private key (PKCS#8).
    pub key_pem: String,
}

/// Why no certificate could be made: a name that is none.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a certificate: {0}")]
pub struct CertificateError(#[from] rcgen::Error);

impl DevCa {
    /// For `hosts`, names and addresses. Good from the day before `now`, a year for the server and two for the authority:
    /// some clients refuse longer ones.
    pub fn generate(hosts: &[&str], now: UnixTime) -> Result<DevCa, CertificateError> {
        let ca_key = KeyPair::generate()?;
        let mut ca = params(now, 730);
        ca.distinguished_name.push(DnType::CommonName, "Gangplank development CA");
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_certificate = ca.self_signed(&ca_key)?;
        let issuer = Issuer::new(ca, ca_key);
        let key = KeyPair::generate()?;
        let mut server = params(now, 365);
        server.distinguished_name.push(DnType::CommonName, hosts.first().copied().unwrap_or("localhost"));
        for host in hosts {
            server.subject_alt_names.push(match host.trim_matches(['[', ']']).parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName((*host).try_into()?),
            });
        }
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.use_authority_key_identifier_extension = true;
        let certificate = server.signed_by(&key, &issuer)?;
        Ok(DevCa { ca_pem: ca_certificate.pem(), chain_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

/// The names only: the key is a secret.
impl std::fmt::Debug for DevCa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DevCa").finish_non_exhaustive()
    }
}

fn params(now: UnixTime, days: u64) -> CertificateParams {
    let day = Duration::from_secs(86_400);
    let mut params = CertificateParams::default();
    for (at, field) in [(now - day, &mut params.not_before), (now + day * days as u32, &mut params.not_after)] {
        let text = at.to_string();
        let part = |range: std::ops::Range<usize>| text.get(range).and_then(|t| t.parse::<u16>().ok()).unwrap_or(1);
        *field = date_time_ymd(i32::from(part(0..4)), part(5..7) as u8, part(8..10) as u8);
    }
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_certified() {
        let now = UnixTime::from_secs(1_795_305_600);
        let made = DevCa::generate(&["localhost", "127.0.0.1", "::1"], now).unwrap();
        assert!(made.ca_pem.starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(made.key_pem.contains("PRIVATE KEY"));
        assert_ne!(made.ca_pem, made.chain_pem);
        assert!(!format!("{made:?}").contains("PRIVATE"));
        assert!(DevCa::generate(&["no\u{e9}"], now).is_err());
    }
}
