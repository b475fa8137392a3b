//! The header in which a proxy hands on the certificate that its client proved to hold.
//!
//! | source | who sends it | form |
//! |---|---|---|
//! | `x-forwarded-client-cert` | Envoy | elements with commas between them, of `Key=Value` with semicolons; of the last element `Cert` and `Chain`, percent-encoded PEM |
//! | `ssl-client-cert` | nginx, ingress-nginx | percent-encoded PEM (`$ssl_client_escaped_cert`) |
//! | `client-cert` | RFC 9440 | `:BASE64:` of DER, and the rest of the chain in `client-cert-chain` |
//!
//! 1. Only certificates are believed. What Envoy says of them besides (`Subject`, `URI`, `Hash`) is not looked at.
//! 2. Of Envoy's elements the last counts, over all lines: it is the one that the proxy which speaks to us has added,
//!    of the client that it spoke to itself.
//! 3. A quote opens a value only right behind `=`, and closes it only right before `;`, `,` or the end: a client who could get
//!    half a quote in front of what the proxy adds can't turn it inside out.
//! 4. The other headers are there once at the most; their chain is each a line or several.
//! 5. What has another form is refused, not passed over. An empty value is none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::refusal::CertificateRefusal;

/// Where the certificates of callers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateSource {
    /// Our own TLS listener.
    Tls,
    /// Envoy's `x-forwarded-client-cert`.
    ForwardedClientCert,
    /// nginx' `ssl-client-cert`.
    SslClientCert,
    /// `client-cert` and `client-cert-chain` of RFC 9440.
    ClientCert,
}

const FORWARDED_CLIENT_CERT: &str = "x-forwarded-client-cert";
const SSL_CLIENT_CERT: &str = "ssl-client-cert";
const CLIENT_CERT: &str = "client-cert";
const CLIENT_CERT_CHAIN: &str = "client-cert-chain";

impl CertificateSource {
    /// The headers that are read.
    pub fn headers(self) -> Vec<HeaderName> {
        let names: &[&'static str] = match self {
            CertificateSource::Tls => &[],
            CertificateSource::ForwardedClientCert => &[FORWARDED_CLIENT_CERT],
            CertificateSource::SslClientCert => &[SSL_CLIENT_CERT],
            CertificateSource::ClientCert => &[CLIENT_CERT, CLIENT_CERT_CHAIN],
        };
        names.iter().map(|name| HeaderName::from_static(name)).collect()
    }
}

type Chain = Vec<CertificateDer<'static>>;

/// The chain, the holder's own first; empty if there is none.
pub(super) fn read(source: CertificateSource, headers: &HeaderMap) -> Result<Chain, CertificateRefusal> {
    match source {
        CertificateSource::Tls => Ok(Vec::new()),
        CertificateSource::ForwardedClientCert => forwarded(headers),
        CertificateSource::SslClientCert => {
            let Some(value) = once(headers, SSL_CLIENT_CERT)? else { return Ok(Vec::new()) };
            pem(value).map_err(|problem| malformed(SSL_CLIENT_CERT, problem))
        }
        CertificateSource::ClientCert => client_cert(headers),
    }
}

fn malformed(header: &'static str, problem: &'static str) -> CertificateRefusal {
    CertificateRefusal::HeaderMalformed { header, problem }
}

fn once<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<Option<&'h [u8]>, CertificateRefusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(_), Some(_)) => Err(malformed(name, "is there more than once")),
        (value, _) => Ok(value.map(|value| value.as_bytes().trim_ascii()).filter(|value| !value.is_empty())),
    }
}

fn forwarded(headers: &HeaderMap) -> Result<Chain, CertificateRefusal> {
    let wrong = |problem| malformed(FORWARDED_CLIENT_CERT, problem);
    let lines: Vec<&[u8]> = headers.get_all(FORWARDED_CLIENT_CERT).iter().map(|v| v.as_bytes()).collect();
    let value = lines.join(&b',');
    if value.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let (mut own, mut chain) = (None, None);
    for (key, value) in last_element(&value).map_err(wrong)? {
        let place = match key.to_ascii_lowercase().as_slice() {
            b"cert" => &mut own,
            b"chain" => &mut chain,
            _ => continue,
        };
        if place.replace(pem(value).map_err(wrong)?).is_some() {
            return Err(wrong("has Cert or Chain twice in one element"));
        }
    }
    match (own, chain) {
        (None, None) => Err(CertificateRefusal::NotHandedOn { header: FORWARDED_CLIENT_CERT }),
        (Some(one), None) | (None, Some(one)) => Ok(one),
        (Some(own), Some(chain)) if own.first() == chain.first() => Ok(chain),
        (Some(_), Some(_)) => Err(wrong("has one certificate in Cert and another in Chain")),
    }
}

/// Key and value.
type Pair<'v> = (&'v [u8], &'v [u8]);

/// The pairs of the last element. Values are without their quotes; those that we read have nothing to unescape.
fn last_element(value: &[u8]) -> Result<Vec<Pair<'_>>, &'static str> {
    let mut pairs = Vec::new();
    let mut rest = value;
    loop {
        let equals = rest.iter().position(|b| matches!(b, b'=' | b';' | b',' | b'"'));
        let Some(equals) = equals.filter(|at| rest[*at] == b'=') else {
            return Err("has a part that is not Key=Value");
        };
        let key = rest[..equals].trim_ascii();
        let (value, after) = match &rest[equals + 1..] {
            [b'"', quoted @ ..] => {
                let end = closing_quote(quoted).ok_or("has a quote without its end")?;
                (&quoted[..end], &quoted[end + 1..])
            }
            plain => {
                let end = plain.iter().position(|b| matches!(b, b';' | b',')).unwrap_or(plain.len());
                if plain[..end].contains(&b'"') {
                    return Err("has a quote in the middle of a value");
                }
                (&plain[..end], &plain[end..])
            }
        };
        if key.is_empty() {
            return Err("has a value without a key");
        }
        pairs.push((key, value));
        match after.trim_ascii_start() {
            [] => return Ok(pairs),
            [b';', more @ ..] => rest = more,
            [b',', more @ ..] => {
                pairs.clear();
                rest = more;
            }
            _ => return Err("has something behind a quoted value"),
        }
    }
}

/// The first quote that no backslash precedes.
fn closing_quote(quoted: &[u8]) -> Option<usize> {
    let mut escaped = false;
    quoted.iter().position(|b| {
        let closes = *b == b'"' && !escaped;
        escaped = *b == b'\\' && !escaped;
        closes
    })
}

fn client_cert(headers: &HeaderMap) -> Result<Chain, CertificateRefusal> {
    let Some(own) = once(headers, CLIENT_CERT)? else { return Ok(Vec::new()) };
    let mut chain = vec![octets(own).ok_or(malformed(CLIENT_CERT, "is not :BASE64:"))?];
    let lines = headers.get_all(CLIENT_CERT_CHAIN).iter().flat_map(|line| line.as_bytes().split(|b| *b == b','));
    for item in lines.map(<[u8]>::trim_ascii).filter(|item| !item.is_empty()) {
        chain.push(octets(item).ok_or(malformed(CLIENT_CERT_CHAIN, "is not a list of :BASE64:"))?);
    }
    Ok(chain)
}

/// A byte sequence of RFC 8941 §3.3.5, without parameters.
fn octets(item: &[u8]) -> Option<CertificateDer<'static>> {
    let inside = item.strip_prefix(b":")?.strip_suffix(b":")?;
    STANDARD.decode(inside).ok().filter(|octets| !octets.is_empty()).map(CertificateDer::from)
}

/// Percent-encoded PEM with at least one certificate. A plus stands for itself: it is a digit of Base64.
fn pem(value: &[u8]) -> Result<Chain, &'static str> {
    let mut text = Vec::with_capacity(value.len());
    let mut rest = value.iter();
    while let Some(octet) = rest.next() {
        let mut digit = || rest.next().and_then(|d| char::from(*d).to_digit(16));
        text.push(match octet {
            b'%' => {
                let (high, low) = digit().zip(digit()).ok_or("has a % without two hex digits")?;
                u8::try_from(high << 4 | low).unwrap_or_default()
            }
            octet => *octet,
        });
    }
    let chain: Result<Chain, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err("is not percent-encoded PEM of a certificate"),
    }
}

#[cfg(test)]
mod tests;
