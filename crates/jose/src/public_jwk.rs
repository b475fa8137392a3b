//! The public half of a key as the members that a JWK requires, and its thumbprint (RFC 7638).
//!
//! The members stand in the order of RFC 7638 §3.1 (sorted), so that the thumbprint is the hash of the value as printed.

use aws_lc_rs::digest;
use serde_json::{Value, json};

use crate::encoding::encode;

/// The SHA-256 thumbprint of a JWK that has the required members and no others.
pub(crate) fn thumbprint(required_members: &Value) -> String {
    encode(digest::digest(&digest::SHA256, required_members.to_string().as_bytes()))
}

/// From a DER RSAPublicKey (RFC 8017 §A.1.1) that the crypto library wrote.
pub(crate) fn rsa(der: &[u8]) -> Option<Value> {
    let (body, _) = der_value(der, 0x30)?;
    let (n, rest) = der_value(body, 0x02)?;
    let (e, _) = der_value(rest, 0x02)?;
    Some(json!({"e": encode(unsigned(e)), "kty": "RSA", "n": encode(unsigned(n))}))
}

/// From an uncompressed point (SEC 1 §2.3.3): 04 ‖ x ‖ y.
pub(crate) fn ec(point: &[u8]) -> Option<Value> {
    let coordinates = point.strip_prefix(&[4])?;
    let (x, y) = coordinates.split_at_checked(coordinates.len() / 2)?;
    let crv = match x.len() {
        32 => "P-256",
        48 => "P-384",
        66 => "P-521",
        _ => return None,
    };
    Some(json!({"crv": crv, "kty": "EC", "x": encode(x), "y": encode(y)}))
}

/// From the 32 octets of the key.
pub(crate) fn ed25519(octets: &[u8]) -> Value {
    json!({"crv": "Ed25519", "kty": "OKP", "x": encode(octets)})
}

/// A DER integer without the zeros in front of it.
fn unsigned(integer: &[u8]) -> &[u8] {
    let zeros = integer.iter().take_while(|octet| **octet == 0).count();
    &integer[zeros..]
}

/// The content of a DER value with this tag, and what follows it.
fn der_value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.split_first()?;
    let (&short, rest) = rest.split_first()?;
    let (length, rest) = if short < 0x80 {
        (usize::from(short), rest)
    } else {
        let (octets, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
        (octets.iter().fold(0, |n, octet| n << 8 | usize::from(*octet)), rest)
    };
    if first == tag { rest.split_at_checked(length) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_7638_section_3_1() {
        let jwk = json!({"e": "AQAB", "kty": "RSA", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"});
        assert_eq!(thumbprint(&jwk), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn rfc_8037_appendix_a_3() {
        let jwk = json!({"crv": "Ed25519", "kty": "OKP", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        assert_eq!(thumbprint(&jwk), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn damaged_keys_are_none() {
        for der in [&[][..], &[0x30], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &[0x30, 0xff], &[0x30, 2, 2, 5], &[4; 64]]
        {
            assert_eq!(rsa(der), None);
        }
        assert_eq!(ec(&[4; 64]), None);
        assert_eq!(ec(&[2; 33]), None);
    }
}
